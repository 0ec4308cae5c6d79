//! What S3 would send to a queue when an object is written.

use alluvium_model::ports::LandedObject;
use serde_json::json;

use crate::form_encoding::encode;

/// Where S3 says which of a bucket's notifications this is; so whoever looks at a message sees
/// that it comes from here.
const CONFIGURATION: &str = "alluvium-backfill";

/// The event of one object (AWS documentation, S3 event message structure), without what a listing
/// does not tell: requester, region and sequencer.
pub(crate) fn notification(object: &LandedObject) -> String {
    let announced = &object.announced;
    let mut said = json!({ "key": encode(&announced.key), "size": object.bytes });
    for (name, value) in [("eTag", &announced.etag), ("versionId", &announced.version_id)] {
        if let (Some(value), Some(said)) = (value, said.as_object_mut()) {
            said.insert(name.to_owned(), value.as_str().into());
        }
    }
    let bucket = &announced.bucket;
    let record = json!({
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventTime": object.modified_at.to_string(),
        "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": CONFIGURATION,
            "bucket": { "name": bucket, "arn": format!("arn:aws:s3:::{bucket}") },
            "object": said,
        },
    });
    json!({ "Records": [record] }).to_string()
}

#[cfg(test)]
mod tests {
    use alluvium_model::{AnnouncedObject, ports::QUEUE_BATCH_MAX};
    use serde_json::Value;

    use super::*;
    use crate::{Delivery, queue::BATCH_BYTES_MAX};

    fn object(key: &str, etag: Option<&str>, version_id: Option<&str>) -> LandedObject {
        let said = |text: Option<&str>| text.map(ToOwned::to_owned);
        let announced = AnnouncedObject {
            bucket: "landing".to_owned(),
            key: key.to_owned(),
            etag: said(etag),
            version_id: said(version_id),
        };
        let modified_at = "2026-11-01T12:00:00Z".parse().unwrap();
        LandedObject { announced, bytes: 517, modified_at, is_archived: false }
    }

    fn read(event: &Value) -> Vec<AnnouncedObject> {
        match Delivery::read(event).unwrap() {
            Delivery::Objects(objects) => objects,
            Delivery::Messages(messages) => {
                messages.into_iter().flat_map(|message| message.objects.unwrap()).collect()
            }
        }
    }

    #[test]
    fn what_is_announced_is_what_the_function_reads() {
        for key in [
            "camera/1.json",
            "camera/a b+c%20.json",
            "camera/Größe + Ort/6 %.json",
            "camera/日本/🎥.json.gz",
            "dt=2026-11-22/x&y;\"'\\.json",
            "control/\u{1}\n.json",
            "/",
        ] {
            for (etag, version) in [(Some("27465a"), None), (None, Some("v 1")), (None, None)] {
                let object = object(key, etag, version);
                let expected = [object.announced.clone()];
                let body = notification(&object);
                let event = serde_json::from_str(&body).unwrap();
                assert_eq!(read(&event), expected, "{key}");
                // As it comes out of the queue.
                let message = json!({ "messageId": "1", "eventSource": "aws:sqs", "body": body });
                assert_eq!(read(&json!({ "Records": [message] })), expected, "{key}");
            }
        }
    }

    #[test]
    fn it_looks_like_an_event_of_s3() {
        let object = object("camera/a b.json", Some("2746"), None);
        insta::assert_snapshot!(notification(&object), @r#"{"Records":[{"eventName":"ObjectCreated:Put","eventSource":"aws:s3","eventTime":"2026-11-01T12:00:00Z","eventVersion":"2.1","s3":{"bucket":{"arn":"arn:aws:s3:::landing","name":"landing"},"configurationId":"alluvium-backfill","object":{"eTag":"2746","key":"camera/a+b.json","size":517},"s3SchemaVersion":"1.0"}}]}"#);
    }

    #[test]
    fn a_batch_of_the_longest_keys_fits_into_one_call() {
        let longest = object(&"日".repeat(341), Some(&"0".repeat(40)), Some(&"v".repeat(1_024)));
        assert!(notification(&longest).len() * QUEUE_BATCH_MAX < BATCH_BYTES_MAX);
    }
}
