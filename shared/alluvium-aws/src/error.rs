//! What a failed call means for its caller.

use std::error::Error;

use alluvium_model::{ErrorKind, PortError};
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_http::endpoint::error::ResolveEndpointError;
use aws_smithy_runtime_api::client::{
    orchestrator::HttpResponse,
    result::{ConnectorError, SdkError},
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// The error of a port for a call that failed in spite of the SDK's retries.
pub(crate) fn port_error<E>(
    action: &'static str,
    target: impl Into<String>,
    error: SdkError<E, HttpResponse>,
) -> PortError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let kind = kind(&error);
    let failed = PortError::new(kind, action, target);
    if let Some(service) = error.as_service_error()
        && let Some(code) = service.code()
    {
        let message = service.message().unwrap_or("no message");
        return failed.because(format!("{code}: {message}"));
    }
    // The text of an `SdkError` is a general one: what is inside says more.
    failed.because(error.into_source().unwrap_or_else(Into::into))
}

/// Whether a call failed with this error code.
pub(crate) fn has_code<E: ProvideErrorMetadata>(
    error: &SdkError<E, HttpResponse>,
    codes: &[&str],
) -> bool {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    code.is_some_and(|code| codes.contains(&code))
}

fn kind<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> ErrorKind {
    match error {
        SdkError::ServiceError(failed) => {
            kind_of_code(failed.err().code(), failed.raw().status().as_u16())
        }
        SdkError::ConstructionFailure(_) => ErrorKind::Invalid,
        SdkError::DispatchFailure(failed)
            if failed.is_user() || failed.as_connector_error().is_some_and(is_settled) =>
        {
            ErrorKind::Invalid
        }
        SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) | SdkError::ResponseError(_) => {
            ErrorKind::Retry
        }
        // What the SDK may add later.
        _ => ErrorKind::Retry,
    }
}

/// Whether nothing was sent, and never will be, for want of a region, an endpoint or credentials.
/// The SDK says so by a failure of no kind, like of much else; what is inside tells them apart.
fn is_settled(error: &ConnectorError) -> bool {
    let mut next = error.source();
    while let Some(cause) = next {
        let credentials = cause.downcast_ref::<CredentialsError>();
        let settled = matches!(
            credentials,
            Some(
                CredentialsError::CredentialsNotLoaded(_)
                    | CredentialsError::InvalidConfiguration(_)
            )
        );
        if settled || cause.is::<ResolveEndpointError>() {
            return true;
        }
        next = cause.source();
    }
    false
}

/// What an error code means (AWS documentation: the error lists of S3, Glue, EventBridge, SQS and
/// Kinesis, and the errors common to all services). A code that is not known is judged by its HTTP status,
/// and then never as absence: a throttled lookup must not create a table.
pub(crate) fn kind_of_code(code: Option<&str>, status: u16) -> ErrorKind {
    match code.unwrap_or_default() {
        "EntityNotFoundException" | "NoSuchKey" | "NoSuchVersion" => ErrorKind::Absent,
        "BadDigest"
        | "BandwidthLimitExceeded"
        | "ConcurrentModificationException"
        | "ConditionalRequestConflict"
        | "FederationSourceRetryableException"
        | "IncompleteBody"
        | "InternalError"
        | "InternalException"
        | "InternalFailure"
        | "InternalFailureException"
        | "InternalServiceException"
        | "LimitExceededException"
        | "KMS.ThrottlingException"
        | "KMSThrottlingException"
        | "KmsThrottled"
        | "NoSuchUpload"
        | "OperationAborted"
        | "OperationTimeoutException"
        | "OverLimit"
        | "PriorRequestNotComplete"
        | "ProvisionedThroughputExceededException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "RequestTimeout"
        | "RequestTimeoutException"
        | "ResourceNotReadyException"
        | "ServiceUnavailable"
        | "SlowDown"
        | "ThrottledException"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequestsException" => ErrorKind::Retry,
        "AccessDenied"
        | "AccessDeniedException"
        | "AllAccessDisabled"
        | "AuthFailure"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "GlueEncryptionException"
        | "IncompleteSignature"
        | "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "InvalidToken"
        | "MissingAuthenticationToken"
        | "NotAuthorized"
        | "OptInRequired"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => ErrorKind::Denied,
        "EntityTooLarge"
        | "InvalidInputException"
        | "InvalidObjectState"
        | "KeyTooLongError"
        | "NoSuchBucket"
        | "ResourceNumberLimitExceededException"
        | "ValidationException" => ErrorKind::Invalid,
        code if code.starts_with("KMS") || code.starts_with("Kms") => ErrorKind::Denied,
        _ => match status {
            408 | 429 | 500.. => ErrorKind::Retry,
            401 | 403 => ErrorKind::Denied,
            _ => ErrorKind::Invalid,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_kinds() {
        let check = |expected: ErrorKind, codes: &[&str]| {
            for code in codes {
                // The code decides, whatever the status.
                for status in [400, 403, 404, 500] {
                    assert_eq!(kind_of_code(Some(code), status), expected, "{code}");
                }
            }
        };
        check(ErrorKind::Absent, &["EntityNotFoundException", "NoSuchKey", "NoSuchVersion"]);
        check(ErrorKind::Retry, &["ThrottlingException", "Throttling", "ThrottledException"]);
        check(ErrorKind::Retry, &["RequestThrottled", "RequestThrottledException", "SlowDown"]);
        check(ErrorKind::Retry, &["TooManyRequestsException", "RequestLimitExceeded"]);
        check(ErrorKind::Retry, &["ProvisionedThroughputExceededException"]);
        check(ErrorKind::Retry, &["BandwidthLimitExceeded", "LimitExceededException"]);
        check(ErrorKind::Retry, &["PriorRequestNotComplete", "OperationAborted"]);
        check(ErrorKind::Retry, &["ConcurrentModificationException", "ResourceNotReadyException"]);
        check(ErrorKind::Retry, &["ConditionalRequestConflict", "NoSuchUpload"]);
        check(ErrorKind::Retry, &["OperationTimeoutException", "RequestTimeout"]);
        check(ErrorKind::Retry, &["RequestTimeoutException", "FederationSourceRetryableException"]);
        check(ErrorKind::Retry, &["InternalError", "InternalFailure", "InternalServiceException"]);
        check(ErrorKind::Retry, &["ServiceUnavailable", "BadDigest", "IncompleteBody"]);
        check(ErrorKind::Retry, &["InternalException"]);
        check(ErrorKind::Denied, &["AccessDenied", "AccessDeniedException", "AllAccessDisabled"]);
        check(ErrorKind::Denied, &["ExpiredToken", "ExpiredTokenException", "InvalidToken"]);
        check(ErrorKind::Denied, &["InvalidAccessKeyId", "InvalidClientTokenId", "AuthFailure"]);
        check(ErrorKind::Denied, &["SignatureDoesNotMatch", "IncompleteSignature"]);
        check(ErrorKind::Denied, &["MissingAuthenticationToken", "UnrecognizedClientException"]);
        check(ErrorKind::Denied, &["NotAuthorized", "OptInRequired"]);
        check(ErrorKind::Retry, &["KMS.ThrottlingException", "KmsThrottled", "OverLimit"]);
        check(ErrorKind::Retry, &["KMSThrottlingException", "InternalFailureException"]);
        check(ErrorKind::Denied, &["KMSAccessDeniedException", "KMSInvalidStateException"]);
        check(
            ErrorKind::Denied,
            &["GlueEncryptionException", "KMS.DisabledException", "KmsDisabled"],
        );
        check(ErrorKind::Invalid, &["InvalidInputException", "ValidationException"]);
        check(ErrorKind::Invalid, &["ResourceNumberLimitExceededException", "EntityTooLarge"]);
        check(ErrorKind::Invalid, &["NoSuchBucket", "InvalidObjectState", "KeyTooLongError"]);
    }

    #[test]
    fn a_code_that_is_not_known_is_never_absence() {
        for (status, expected) in [
            (404, ErrorKind::Invalid),
            (400, ErrorKind::Invalid),
            (401, ErrorKind::Denied),
            (403, ErrorKind::Denied),
            (408, ErrorKind::Retry),
            (429, ErrorKind::Retry),
            (500, ErrorKind::Retry),
            (503, ErrorKind::Retry),
        ] {
            assert_eq!(kind_of_code(None, status), expected, "{status}");
            assert_eq!(kind_of_code(Some("SomethingNew"), status), expected, "{status}");
        }
    }
}
