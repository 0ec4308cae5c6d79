//! What announces objects, in all the envelopes it comes in.
//!
//! S3 notifies a function directly, through SQS, through SNS, through SNS and SQS (raw or not),
//! or through EventBridge. Only creations are work; deletions and the test event that S3 sends
//! for every new configuration are none. Just the fields that are needed are read, so that a
//! field that AWS adds or leaves out breaks nothing.

use alluvium_model::AnnouncedObject;
use serde::Deserialize;
use serde_json::Value;

use crate::form_encoding::decode;

/// Envelopes within envelopes at most: S3 in SNS in SQS is three.
const DEPTH_MAX: usize = 4;

/// Bytes of an event that is not understood in its error.
const SHOWN_BYTES_MAX: usize = 100;

/// What an invocation is asked to do.
#[derive(Debug)]
pub enum Delivery {
    /// A batch from SQS: each message succeeds or fails alone.
    Messages(Vec<Message>),
    /// Objects that succeed or fail together, because whoever announces them knows no better.
    Objects(Vec<AnnouncedObject>),
}

/// A message of a batch.
#[derive(Debug)]
pub struct Message {
    /// What names it in the answer.
    pub id: String,
    /// What it announces.
    pub objects: Result<Vec<AnnouncedObject>, EnvelopeError>,
}

/// Something that does not announce objects.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// It is not JSON.
    #[error("the message is not JSON")]
    NotJson(#[source] serde_json::Error),
    /// It is JSON, but nothing that S3, SQS, SNS or EventBridge would send.
    #[error("the event is none of S3, SQS, SNS or EventBridge: {0}")]
    Unknown(String),
    /// It comes from one of them, but lacks something.
    #[error("the {envelope} event is incomplete")]
    Incomplete {
        /// Who it comes from.
        envelope: &'static str,
        /// What it lacks.
        #[source]
        source: serde_json::Error,
    },
    /// The key of an object cannot be decoded.
    #[error("the key `{0}` is not UTF-8 in form encoding")]
    Key(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SqsRecord {
    message_id: String,
    body: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SnsNotification {
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SnsRecord {
    sns: SnsNotification,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct S3Record {
    event_name: String,
    s3: S3Entity,
}

#[derive(Deserialize)]
struct S3Entity {
    bucket: S3Bucket,
    object: S3Object,
}

#[derive(Deserialize)]
struct S3Bucket {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct S3Object {
    key: String,
    e_tag: Option<String>,
    version_id: Option<String>,
}

#[derive(Deserialize)]
struct BridgeDetail {
    bucket: S3Bucket,
    object: BridgeObject,
}

#[derive(Deserialize)]
struct BridgeObject {
    key: String,
    etag: Option<String>,
    #[serde(rename = "version-id")]
    version_id: Option<String>,
}

impl Delivery {
    /// Reads an event as Lambda delivers it.
    ///
    /// # Errors
    /// When it is nothing that announces objects. A message of a batch that is not understood is
    /// an error of that message alone.
    pub fn read(event: &Value) -> Result<Self, EnvelopeError> {
        if event.pointer("/Records/0/eventSource").and_then(Value::as_str) != Some("aws:sqs") {
            return objects(event, DEPTH_MAX).map(Self::Objects);
        }
        let records: Vec<SqsRecord> = field(event, "Records", "SQS")?;
        let message = |record: SqsRecord| Message {
            id: record.message_id,
            objects: text(&record.body, DEPTH_MAX),
        };
        Ok(Self::Messages(records.into_iter().map(message).collect()))
    }
}

/// What an envelope in an envelope announces.
fn text(text: &str, depth: usize) -> Result<Vec<AnnouncedObject>, EnvelopeError> {
    objects(&serde_json::from_str(text).map_err(EnvelopeError::NotJson)?, depth)
}

fn objects(event: &Value, depth: usize) -> Result<Vec<AnnouncedObject>, EnvelopeError> {
    let is = |pointer: &str, expected: &str| {
        event.pointer(pointer).and_then(Value::as_str) == Some(expected)
    };
    let unknown = || {
        let text = event.to_string();
        let shown = text.get(..text.floor_char_boundary(SHOWN_BYTES_MAX)).unwrap_or_default();
        EnvelopeError::Unknown(if shown == text { text } else { format!("{shown}…") })
    };
    let Some(deeper) = depth.checked_sub(1) else { return Err(unknown()) };
    if is("/Records/0/eventSource", "aws:s3") {
        let records: Vec<S3Record> = field(event, "Records", "S3")?;
        let created =
            records.into_iter().filter(|one| one.event_name.starts_with("ObjectCreated:"));
        created.map(decoded).collect()
    } else if is("/Records/0/EventSource", "aws:sns") {
        let records: Vec<SnsRecord> = field(event, "Records", "SNS")?;
        let announced = records.iter().map(|record| text(&record.sns.message, deeper));
        Ok(announced.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    } else if is("/Type", "Notification") {
        text(&read::<SnsNotification>(event, "SNS")?.message, deeper)
    } else if is("/source", "aws.s3") {
        if !is("/detail-type", "Object Created") {
            return Ok(Vec::new());
        }
        let BridgeDetail { bucket, object } = field(event, "detail", "EventBridge")?;
        let BridgeObject { key, etag, version_id } = object;
        Ok(vec![announced(bucket, key, etag, version_id)])
    } else if event.get("requestPayload").is_some() && event.get("requestContext").is_some() {
        // What Lambda gave up on and put into a queue.
        objects(event.get("requestPayload").unwrap_or(&Value::Null), deeper)
    } else if is("/Event", "s3:TestEvent") {
        Ok(Vec::new())
    } else {
        Err(unknown())
    }
}

fn decoded(record: S3Record) -> Result<AnnouncedObject, EnvelopeError> {
    let S3Object { key, e_tag, version_id } = record.s3.object;
    let decoded = decode(&key).ok_or(EnvelopeError::Key(key))?;
    Ok(announced(record.s3.bucket, decoded, e_tag, version_id))
}

/// Some senders write an empty text where others leave a field out.
fn announced(
    bucket: S3Bucket,
    key: String,
    etag: Option<String>,
    version_id: Option<String>,
) -> AnnouncedObject {
    let said = |text: Option<String>| text.filter(|text| !text.is_empty());
    AnnouncedObject { bucket: bucket.name, key, etag: said(etag), version_id: said(version_id) }
}

fn field<T>(event: &Value, name: &str, envelope: &'static str) -> Result<T, EnvelopeError>
where
    T: for<'de> Deserialize<'de>,
{
    read(event.get(name).unwrap_or(&Value::Null), envelope)
}

fn read<T>(value: &Value, envelope: &'static str) -> Result<T, EnvelopeError>
where
    T: for<'de> Deserialize<'de>,
{
    T::deserialize(value).map_err(|source| EnvelopeError::Incomplete { envelope, source })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What an event of `events/ingest-objects` announces, one object or message a line.
    fn announced_by(event: &str) -> String {
        line(&serde_json::from_str(event).unwrap())
    }

    fn line(event: &Value) -> String {
        let objects = |objects: &[AnnouncedObject]| {
            let one = |object: &AnnouncedObject| {
                let etag = object.etag.as_deref().map(|etag| &etag[..4]);
                format!("{} {etag:?} {:?}", object.key, object.version_id)
            };
            objects.iter().map(one).collect::<Vec<_>>().join(", ")
        };
        match Delivery::read(event) {
            Ok(Delivery::Objects(found)) => objects(&found),
            Ok(Delivery::Messages(messages)) => {
                let one = |message: &Message| match &message.objects {
                    Ok(found) => format!("{}: {}", &message.id[34..], objects(found)),
                    Err(error) => format!("{}: error: {error}", &message.id[34..]),
                };
                messages.iter().map(one).collect::<Vec<_>>().join("\n")
            }
            Err(error) => format!("error: {error}"),
        }
    }

    macro_rules! event {
        ($name:literal) => {
            announced_by(include_str!(concat!("../../../events/ingest-objects/", $name)))
        };
    }

    #[test]
    fn every_envelope_is_opened() {
        insta::assert_snapshot!(event!("s3.json"), @r#"camera/1-first.json Some("2746") None"#);
        insta::assert_snapshot!(event!("sns-s3.json"), @r#"camera/2-new-fields.json Some("1696") None"#);
        insta::assert_snapshot!(event!("eventbridge.json"), @r#"camera/4-colliding-names.json Some("63de") None"#);
        insta::assert_snapshot!(event!("sqs-s3.json"), @r#"
        00: camera/1-first.json Some("2746") None
        01: camera/2-new-fields.json Some("1696") None
        02: camera/3-conflicting-type.json Some("c64d") None
        03: camera/4-colliding-names.json Some("63de") None
        04:
        "#);
        insta::assert_snapshot!(event!("sqs-sns-s3.json"), @r#"00: camera/2-new-fields.json Some("1696") None"#);
        insta::assert_snapshot!(event!("sqs-sns-raw-s3.json"), @r#"00: camera/3-conflicting-type.json Some("c64d") None"#);
        insta::assert_snapshot!(event!("sqs-eventbridge.json"), @r#"00: camera/4-colliding-names.json Some("63de") None"#);
    }

    #[test]
    fn test_events_and_deletions_are_no_work() {
        assert_eq!(event!("s3-test.json"), "");
        assert_eq!(event!("s3-deleted.json"), "");
        let deleted = json!({ "source": "aws.s3", "detail-type": "Object Deleted", "detail": {} });
        assert_eq!(line(&deleted), "");
    }

    #[test]
    fn a_poisoned_message_is_an_error_of_its_own() {
        insta::assert_snapshot!(event!("sqs-poisoned.json"), @r#"
        00: camera/1-first.json Some("2746") None
        01: error: the message is not JSON
        02: error: the event is none of S3, SQS, SNS or EventBridge: {"hello":"world"}
        "#);
    }

    #[test]
    fn keys_of_s3_are_decoded_and_those_of_eventbridge_are_not() {
        let s3 = |key: &str| {
            let object = json!({ "key": key, "versionId": "v1" });
            let s3 = json!({ "bucket": { "name": "landing" }, "object": object });
            let record =
                json!({ "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": s3 });
            line(&json!({ "Records": [record] }))
        };
        let bridge = |key: &str| {
            let object = json!({ "key": key, "version-id": "v1" });
            let detail = json!({ "bucket": { "name": "landing" }, "object": object });
            line(&json!({ "source": "aws.s3", "detail-type": "Object Created", "detail": detail }))
        };
        let check = |encoded: &str, key: &str| {
            assert_eq!(s3(encoded), format!("{key} None Some(\"v1\")"));
            assert_eq!(bridge(key), format!("{key} None Some(\"v1\")"));
        };
        check("camera/a+b%2Bc.json", "camera/a b+c.json");
        check("camera/Gr%C3%B6%C3%9Fe+1%25.json", "camera/Größe 1%.json");
        check("camera/dt%3D2026-11-22/x.json", "camera/dt=2026-11-22/x.json");
        assert_eq!(s3("a%FF"), "error: the key `a%FF` is not UTF-8 in form encoding");
    }

    #[test]
    fn what_a_sender_leaves_empty_is_not_taken_for_a_value() {
        let object = json!({ "key": "camera/1", "eTag": "", "versionId": "" });
        let s3 = json!({ "bucket": { "name": "landing" }, "object": object });
        let record = json!({ "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": s3 });
        assert_eq!(line(&json!({ "Records": [record] })), "camera/1 None None");
    }

    #[test]
    fn what_lambda_gave_up_on_is_what_it_was() {
        let given_up = json!({
            "version": "1.0",
            "requestContext": { "condition": "RetriesExhausted" },
            "requestPayload": serde_json::from_str::<Value>(include_str!("../../../events/ingest-objects/sns-s3.json")).unwrap(),
            "responsePayload": { "errorType": "Alluvium.Retryable" },
        });
        assert_eq!(line(&given_up), event!("sns-s3.json"));
    }

    #[test]
    fn what_is_no_announcement_is_named() {
        insta::assert_snapshot!(line(&json!({ "name": "me", "age": 7 })), @r#"error: the event is none of S3, SQS, SNS or EventBridge: {"age":7,"name":"me"}"#);
        insta::assert_snapshot!(line(&json!([])), @"error: the event is none of S3, SQS, SNS or EventBridge: []");
        insta::assert_snapshot!(line(&json!({ "Records": [{ "eventSource": "aws:s3" }] })), @"error: the S3 event is incomplete");
        let mut nested = json!({ "Event": "s3:TestEvent" });
        for _ in 0..DEPTH_MAX {
            nested = json!({ "Type": "Notification", "Message": nested.to_string() });
        }
        insta::assert_snapshot!(line(&nested), @r#"error: the event is none of S3, SQS, SNS or EventBridge: {"Event":"s3:TestEvent"}"#);
    }
}
