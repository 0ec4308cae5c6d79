//! What Kinesis answers when it does not take all that it is sent, and what that means.
#![expect(clippy::unwrap_used, reason = "a broken expectation must stop the test")]

use alluvium_aws::{KinesisStream, KinesisStreams};
use alluvium_model::{
    ErrorKind,
    ports::{DescribeStreams as _, OutgoingRecord, SendRecords as _, Sent},
};
use alluvium_tests::http::{Reply, Scripted};
use serde_json::{Value, json};

async fn stream(scripted: &Scripted) -> KinesisStream {
    KinesisStream::new(&scripted.aws_nowhere().await, "events".parse().unwrap())
}

fn records(count: usize) -> Vec<OutgoingRecord> {
    let record = |number: usize| OutgoingRecord {
        partition_key: format!("camera/{number}"),
        data: "{}".into(),
    };
    (0..count).map(record).collect()
}

fn shown(sent: &[Sent]) -> Vec<String> {
    let shown = |sent: &Sent| match sent {
        Sent::Accepted => "accepted".to_owned(),
        Sent::Throttled => "throttled".to_owned(),
        Sent::Failed(error) => format!("{:?}", error.kind()),
    };
    sent.iter().map(shown).collect()
}

#[tokio::test]
async fn every_record_of_a_batch_has_an_answer_of_its_own() {
    let failed = |code: &str| json!({ "ErrorCode": code, "ErrorMessage": "why" });
    let answer = json!({
        "FailedRecordCount": 3,
        // One is neither accepted nor failed, and one is missing.
        "Records": [
            { "SequenceNumber": "49590338271490256608559692538361571095", "ShardId": "shard-0" },
            failed("ProvisionedThroughputExceededException"),
            failed("InternalFailure"),
            failed("AccessDeniedException"),
            { "ShardId": "shard-0" },
        ],
    });
    let takes = Scripted::new(move |_, _| Reply::Answer(200, answer.to_string()));
    let sent = stream(&takes).await.send_records(&records(6)).await.unwrap();
    let expected = ["accepted", "throttled", "Retry", "Denied", "Retry", "Retry"];
    assert_eq!(shown(&sent), expected);
    // The SDK does not send it again by itself.
    assert_eq!(takes.calls(), ["Kinesis_20131202.PutRecords"]);
    let asked: Value = serde_json::from_str(&takes.bodies().pop().unwrap()).unwrap();
    assert_eq!(asked["StreamName"], "events");
    assert_eq!(asked["Records"][5], json!({ "Data": "e30=", "PartitionKey": "camera/5" }));
}

#[tokio::test]
async fn a_call_that_is_throttled_throttles_all_of_its_records() {
    for code in ["ProvisionedThroughputExceededException", "KMSThrottlingException"] {
        let body = json!({ "__type": code, "message": "too fast" }).to_string();
        let refuses = Scripted::new(move |_, _| Reply::Answer(400, body.clone()));
        let sent = stream(&refuses).await.send_records(&records(2)).await.unwrap();
        assert_eq!(shown(&sent), ["throttled", "throttled"], "{code}");
    }
}

#[tokio::test]
async fn errors_of_streams_have_kinds() {
    for (code, status, kind) in [
        ("ResourceNotFoundException", 400, ErrorKind::Invalid),
        ("InvalidArgumentException", 400, ErrorKind::Invalid),
        ("AccessDeniedException", 400, ErrorKind::Denied),
        ("KMSAccessDeniedException", 400, ErrorKind::Denied),
        ("InternalFailureException", 500, ErrorKind::Retry),
        ("ServiceUnavailable", 503, ErrorKind::Retry),
    ] {
        let body = json!({ "__type": code, "message": "no" }).to_string();
        let refuses = Scripted::new(move |_, _| Reply::Answer(status, body.clone()));
        let error = stream(&refuses).await.send_records(&records(1)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{code}");
        assert_eq!(error.to_string(), "cannot send records to the stream events");
    }
}

#[tokio::test]
async fn streams_of_one_name_are_told_apart_by_their_creation() {
    let summary = json!({ "StreamDescriptionSummary": {
        "StreamName": "events",
        "StreamARN": "arn:aws:kinesis:us-east-1:123456789012:stream/events",
        "StreamStatus": "ACTIVE",
        "RetentionPeriodHours": 24,
        "StreamCreationTimestamp": 1_795_341_600.123,
        "EnhancedMonitoring": [],
        "OpenShardCount": 4,
    } });
    let describes = Scripted::new(move |_, _| Reply::Answer(200, summary.to_string()));
    let streams = KinesisStreams::new(&describes.aws_nowhere().await);
    let created = streams.stream_created("events").await.unwrap().unwrap();
    assert_eq!(created.to_string(), "2026-11-22T10:00:00.123Z");

    let refusing = async |code: &str| {
        let body = json!({ "__type": code, "message": "no" }).to_string();
        let refuses = Scripted::new(move |_, _| Reply::Answer(400, body.clone()));
        KinesisStreams::new(&refuses.aws_nowhere().await).stream_created("events").await
    };
    assert_eq!(refusing("ResourceNotFoundException").await.unwrap(), None);
    // Anything else is no absence.
    let throttled = refusing("LimitExceededException").await;
    assert_eq!(throttled.unwrap_err().kind(), ErrorKind::Retry);
    let denied = refusing("AccessDeniedException").await;
    assert_eq!(denied.unwrap_err().kind(), ErrorKind::Denied);
}
