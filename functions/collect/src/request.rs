//! What a Function URL hands over, and what of it is a request with events.

use std::collections::BTreeMap;

use alluvium_model::{EventAddress, KeyTooLong, ParseTopicError};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use lambda_runtime::Diagnostic;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;

/// Bytes of a body at most: what Lambda hands over to who waits for an answer (AWS documentation,
/// Lambda quotas).
const BODY_BYTES_MAX: usize = 6 << 20;

/// Encodings of a body that are told by its content, as those of files are. `identity` is none.
const ENCODINGS: [&str; 5] = ["identity", "gzip", "x-gzip", "zstd", "bzip2"];

/// A request as a Function URL hands it over, as far as it is read (AWS documentation, Lambda
/// Function URLs, payload format 2.0).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    raw_path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    request_context: RequestContext,
    #[serde(default)]
    body: String,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Debug, Deserialize)]
struct RequestContext {
    http: Http,
}

#[derive(Debug, Deserialize)]
struct Http {
    method: String,
}

/// A request to take events.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) address: EventAddress,
    pub(crate) body: Vec<u8>,
}

/// Why a request is none to take events.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Refused {
    #[error("events are sent by POST")]
    Method,
    #[error("events are sent to /TOPIC or /TOPIC/KEY")]
    Path,
    #[error(transparent)]
    Topic(#[from] ParseTopicError),
    #[error(transparent)]
    Key(#[from] KeyTooLong),
    #[error("a body has at most {BODY_BYTES_MAX} bytes, not {bytes}")]
    TooLarge { bytes: usize },
    #[error("content-encoding `{encoding}` is not known; known are {}", ENCODINGS.join(", "))]
    Encoding { encoding: String },
}

/// An event that no Function URL sends.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// It is made otherwise.
    #[error("this is no request to a function URL: {0}")]
    Payload(#[from] serde_json::Error),
    /// It says of its body what is not true.
    #[error("the body is not in base64: {0}")]
    Base64(#[from] base64::DecodeError),
}

impl From<EnvelopeError> for Diagnostic {
    fn from(error: EnvelopeError) -> Self {
        let error_type = "Alluvium.Permanent".to_owned();
        Self { error_type, error_message: error.to_string() }
    }
}

impl Request {
    /// Reads an event.
    ///
    /// # Errors
    /// When it is none of a Function URL; the inner one when whoever sent the request is to be told
    /// what is wrong with it.
    pub(crate) fn read(event: Value) -> Result<Result<Self, Refused>, EnvelopeError> {
        let payload: Payload = serde_json::from_value(event)?;
        let body = if payload.is_base64_encoded {
            STANDARD.decode(&payload.body)?
        } else {
            payload.body.clone().into_bytes()
        };
        Ok(payload.address().map(|address| Self { address, body }).and_then(Self::within_limits))
    }

    fn within_limits(self) -> Result<Self, Refused> {
        let bytes = self.body.len();
        if bytes > BODY_BYTES_MAX { Err(Refused::TooLarge { bytes }) } else { Ok(self) }
    }
}

impl Payload {
    fn address(&self) -> Result<EventAddress, Refused> {
        let path = self.raw_path.strip_prefix('/').unwrap_or(&self.raw_path);
        if path.is_empty() {
            return Err(Refused::Path);
        }
        if self.request_context.http.method != "POST" {
            return Err(Refused::Method);
        }
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().map(String::from);
        // A key may have slashes of its own, written as they are or encoded.
        let (topic, key) = match path.split_once('/') {
            Some((_, "")) => return Err(Refused::Path),
            Some((topic, key)) => (topic, Some(decoded(key).map_err(|_| Refused::Path)?)),
            None => (path, None),
        };
        let topic = decoded(topic).map_err(|_| Refused::Path)?.parse()?;
        self.check_encoding()?;
        Ok(EventAddress::new(topic, key)?)
    }

    /// How a body is packed is told by its content, but one that is packed in a way that is not
    /// known would only look damaged.
    fn check_encoding(&self) -> Result<(), Refused> {
        let named = |(name, _): &(&String, &String)| name.eq_ignore_ascii_case("content-encoding");
        let Some((_, encodings)) = self.headers.iter().find(named) else { return Ok(()) };
        let unknown = |encoding: &&str| {
            !encoding.is_empty()
                && !ENCODINGS.iter().any(|known| known.eq_ignore_ascii_case(encoding))
        };
        match encodings.split(',').map(str::trim).find(unknown) {
            Some(encoding) => Err(Refused::Encoding { encoding: encoding.to_owned() }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(method: &str, path: &str) -> Value {
        json!({
            "version": "2.0",
            "rawPath": path,
            "headers": {},
            "requestContext": { "http": { "method": method, "path": path } },
            "body": "{}",
            "isBase64Encoded": false,
        })
    }

    fn read(event: Value) -> Result<Request, Refused> {
        Request::read(event).unwrap()
    }

    #[test]
    fn the_path_says_where_events_go() {
        let check = |path: &str, topic: &str, partition_key: &str| {
            let address = read(event("POST", path)).unwrap().address;
            assert_eq!(address.topic().as_str(), topic);
            assert_eq!(address.partition_key("r", 0), partition_key);
        };
        check("/camera", "camera", "camera/r-0");
        check("/camera/7", "camera", "camera/7");
        check("/camera/eu/7", "camera", "camera/eu/7");
        check("/camera/eu%2F7", "camera", "camera/eu/7");
        check("/Device%20Events/a+b", "Device Events", "Device Events/a+b");
        check("/%E3%82%AB%E3%83%A1%E3%83%A9", "カメラ", "カメラ/r-0");
    }

    #[test]
    fn what_is_no_request_with_events_is_refused() {
        let check = |event: Value, expected: &str| {
            assert_eq!(read(event).unwrap_err().to_string(), expected);
        };
        for method in ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "post"] {
            check(event(method, "/camera"), "events are sent by POST");
        }
        for path in ["", "/", "//", "/camera/", "/%FF", "/camera/%ff"] {
            check(event("POST", path), "events are sent to /TOPIC or /TOPIC/KEY");
        }
        check(event("POST", "//camera"), "a topic has 1 to 128 characters");
        check(event("POST", "/a%2Fb"), "a topic has no slash and no control character");
        check(event("POST", "/.."), "a topic has a letter or a digit, for it names a table");
        let long = format!("/camera/{}", "x".repeat(250));
        check(
            event("POST", &long),
            "topic, slash and key have 257 characters together, of which 256 are allowed",
        );
        let mut packed = event("POST", "/camera");
        packed["headers"] = json!({ "Content-Encoding": "gzip, br" });
        check(
            packed,
            "content-encoding `br` is not known; known are identity, gzip, x-gzip, zstd, bzip2",
        );
    }

    #[test]
    fn a_body_comes_as_it_is_or_in_base64() {
        let mut request = event("POST", "/camera");
        request["headers"] = json!({ "content-encoding": "GZIP" });
        assert_eq!(read(request.clone()).unwrap().body, b"{}");
        request["body"] = json!("H4sI");
        request["isBase64Encoded"] = json!(true);
        assert_eq!(read(request.clone()).unwrap().body, [0x1f, 0x8b, 0x08]);
        request["body"] = json!("no base64!");
        assert!(matches!(Request::read(request.clone()), Err(EnvelopeError::Base64(_))));
        let fields = request.as_object_mut().unwrap();
        fields.remove("body");
        fields.remove("isBase64Encoded");
        assert_eq!(read(request).unwrap().body, b"");
        let mut large = event("POST", "/camera");
        large["body"] = json!(" ".repeat(BODY_BYTES_MAX));
        assert!(read(large.clone()).is_ok());
        large["body"] = json!(" ".repeat(BODY_BYTES_MAX + 1));
        assert_eq!(read(large), Err(Refused::TooLarge { bytes: BODY_BYTES_MAX + 1 }));
    }

    #[test]
    fn what_is_no_request_at_all_fails() {
        for event in [json!({}), json!([]), json!({ "Records": [] })] {
            let failed = Diagnostic::from(Request::read(event).unwrap_err());
            assert_eq!(failed.error_type, "Alluvium.Permanent");
        }
    }
}
