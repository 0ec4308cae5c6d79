//! What who sent events is answered.
//!
//! Only a request whose events were all accepted is answered with 202. Who may repeat a request as
//! it is, later, is told so by `Retry-After`; that this repeats the events that were accepted is
//! said with their number.

use alluvium_lake::{Accepted, BadRecord, CollectError};
use alluvium_model::{ErrorKind, Reason};
use serde_json::{Map, Value, json};

use crate::request::Refused;

/// Seconds after which a request that was throttled or failed for now may be repeated.
const RETRY_AFTER_SECONDS: u32 = 5;

const REPEATED: &str = "repeating the request repeats the events that were accepted";

/// An answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    status: u16,
    header: Option<(&'static str, String)>,
    body: Value,
}

impl Answer {
    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// What it says.
    #[must_use]
    pub const fn body(&self) -> &Value {
        &self.body
    }

    /// The answer as a Function URL takes it (AWS documentation, Lambda Function URLs, payload
    /// format 2.0).
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut headers = Map::new();
        headers.insert("content-type".to_owned(), json!("application/json"));
        headers.extend(self.header.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
        json!({
            "statusCode": self.status,
            "headers": headers,
            "body": self.body.to_string(),
            "isBase64Encoded": false,
        })
    }

    fn error(status: u16, error: &str, message: impl Into<String>) -> Self {
        let message: String = message.into();
        Self { status, header: None, body: json!({ "error": error, "message": message }) }
    }

    fn to_repeat(status: u16, error: &str, cause: &str, accepted: Accepted) -> Self {
        let header = Some(("retry-after", RETRY_AFTER_SECONDS.to_string()));
        Self { header, ..Self::error(status, error, format!("{cause}; {REPEATED}")) }.with(accepted)
    }

    fn with(mut self, accepted: Accepted) -> Self {
        if let Value::Object(body) = &mut self.body {
            body.insert("events".to_owned(), json!(accepted.events));
            body.insert("accepted".to_owned(), json!(accepted.total()));
        }
        self
    }
}

impl From<&Result<Accepted, CollectError>> for Answer {
    fn from(collected: &Result<Accepted, CollectError>) -> Self {
        match collected {
            Ok(accepted) => {
                let body = json!({ "to_landing": accepted.to_landing });
                Self { status: 202, header: None, body }.with(*accepted)
            }
            Err(error @ CollectError::NoEvents) => Self::error(400, "no_events", error.to_string()),
            Err(error @ CollectError::TooManyEvents { .. }) => {
                Self::error(413, "too_large", error.to_string())
            }
            Err(CollectError::BadEvent { event, bad }) => bad_event(*event, bad),
            Err(CollectError::Throttled { accepted }) => {
                Self::to_repeat(429, "throttled", "the stream takes no more for now", *accepted)
            }
            Err(CollectError::OutOfTime { accepted }) => {
                Self::to_repeat(503, "unavailable", "there was no time for all events", *accepted)
            }
            Err(CollectError::Unsent { accepted, source }) => match source.kind() {
                ErrorKind::Retry => {
                    Self::to_repeat(503, "unavailable", "events cannot be taken for now", *accepted)
                }
                // What is wrong is in the log, for those who can mend it.
                ErrorKind::Absent | ErrorKind::Denied | ErrorKind::Invalid | ErrorKind::Bug => {
                    let message = format!("not all events could be sent; {REPEATED}");
                    Self::error(500, "failed", message).with(*accepted)
                }
            },
        }
    }
}

/// Where a bad event stands and what is wrong with it, in the words of the quarantine table.
fn bad_event(event: usize, bad: &BadRecord) -> Answer {
    let (status, error) = match bad.reason {
        Reason::RecordTooLarge
        | Reason::SourceTooLarge
        | Reason::CompressionRatio
        | Reason::WindowTooLarge => (413, "too_large"),
        Reason::InvalidJson
        | Reason::NotAnObject
        | Reason::NotUnicode
        | Reason::TooDeep
        | Reason::TruncatedInput
        | Reason::WrapperFields
        | Reason::Unreadable
        | Reason::NoTable
        | Reason::Contract => (400, "bad_event"),
    };
    let body = json!({
        "error": error,
        "message": bad.message,
        "reason": bad.reason.name(),
        "record": event,
        "offset": bad.position.offset,
        "line": bad.position.line,
        "column": bad.position.column,
    });
    Answer { status, header: None, body }
}

impl From<&Refused> for Answer {
    fn from(refused: &Refused) -> Self {
        let (status, error) = match refused {
            Refused::Method => (405, "wrong_method"),
            Refused::Path => (404, "unknown_path"),
            Refused::Topic(_) => (400, "bad_topic"),
            Refused::Key(_) => (400, "bad_key"),
            Refused::TooLarge { .. } => (413, "too_large"),
            Refused::Encoding { .. } => (415, "unknown_encoding"),
        };
        let answer = Self::error(status, error, refused.to_string());
        match refused {
            Refused::Method => Self { header: Some(("allow", "POST".to_owned())), ..answer },
            Refused::Path
            | Refused::Topic(_)
            | Refused::Key(_)
            | Refused::TooLarge { .. }
            | Refused::Encoding { .. } => answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use alluvium_lake::LakeError;
    use alluvium_model::PortError;

    use super::*;

    const ACCEPTED: Accepted = Accepted { events: 5, to_stream: 2, to_landing: 1 };

    fn shown(collected: &Result<Accepted, CollectError>) -> String {
        let answer = Answer::from(collected);
        let retry =
            answer.header.map_or(String::new(), |(name, value)| format!(" {name}: {value}"));
        format!("{}{retry} {}", answer.status, answer.body)
    }

    #[test]
    fn only_what_was_accepted_whole_is_answered_as_such() {
        insta::assert_snapshot!(shown(&Ok(Accepted { events: 3, ..ACCEPTED })), @r#"202 {"accepted":3,"events":3,"to_landing":1}"#);
        insta::assert_snapshot!(shown(&Err(CollectError::NoEvents)), @r#"400 {"error":"no_events","message":"there is no event"}"#);
        insta::assert_snapshot!(shown(&Err(CollectError::TooManyEvents { events_max: 7 })), @r#"413 {"error":"too_large","message":"there are more than 7 events"}"#);
        insta::assert_snapshot!(shown(&Err(CollectError::Throttled { accepted: ACCEPTED })), @r#"429 retry-after: 5 {"accepted":3,"error":"throttled","events":5,"message":"the stream takes no more for now; repeating the request repeats the events that were accepted"}"#);
        insta::assert_snapshot!(shown(&Err(CollectError::OutOfTime { accepted: ACCEPTED })), @r#"503 retry-after: 5 {"accepted":3,"error":"unavailable","events":5,"message":"there was no time for all events; repeating the request repeats the events that were accepted"}"#);
        let unsent = |kind| {
            let source = LakeError::from(PortError::new(kind, "send records to", "the stream s"));
            shown(&Err(CollectError::Unsent { accepted: ACCEPTED, source: Box::new(source) }))
        };
        insta::assert_snapshot!(unsent(ErrorKind::Retry), @r#"503 retry-after: 5 {"accepted":3,"error":"unavailable","events":5,"message":"events cannot be taken for now; repeating the request repeats the events that were accepted"}"#);
        let failed = unsent(ErrorKind::Denied);
        insta::assert_snapshot!(failed, @r#"500 {"accepted":3,"error":"failed","events":5,"message":"not all events could be sent; repeating the request repeats the events that were accepted"}"#);
        for kind in [ErrorKind::Absent, ErrorKind::Invalid, ErrorKind::Bug] {
            assert_eq!(unsent(kind), failed);
        }
    }

    #[test]
    fn an_answer_is_what_a_function_url_takes() {
        let answer = Answer::from(&Refused::Method).to_json();
        insta::assert_snapshot!(answer, @r#"{"body":"{\"error\":\"wrong_method\",\"message\":\"events are sent by POST\"}","headers":{"allow":"POST","content-type":"application/json"},"isBase64Encoded":false,"statusCode":405}"#);
    }

    #[test]
    fn a_refusal_has_a_status_and_a_name() {
        let check = |refused: Refused, expected: &str| {
            let Answer { status, body, .. } = Answer::from(&refused);
            assert_eq!(format!("{status} {}", body["error"].as_str().unwrap()), expected);
            assert_eq!(body["message"], refused.to_string());
        };
        check(Refused::Method, "405 wrong_method");
        check(Refused::Path, "404 unknown_path");
        check(Refused::Topic("".parse::<alluvium_model::Topic>().unwrap_err()), "400 bad_topic");
        check(Refused::TooLarge { bytes: 7 << 20 }, "413 too_large");
        check(Refused::Encoding { encoding: "br".to_owned() }, "415 unknown_encoding");
    }
}
