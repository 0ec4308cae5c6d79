//! What a function is invoked with (AWS documentation, Using Lambda to process records from Amazon
//! Kinesis Data Streams: example event).

use alluvium_model::StreamRecord;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::MemoryShards;

pub(super) const REGION: &str = "us-east-1";

/// The event of a batch.
pub(super) fn event_of(shards: &MemoryShards, shard: usize, batch: &[StreamRecord]) -> Value {
    let records = batch.iter().map(|record| record_of(&shards.arn(), shard, record));
    json!({ "Records": records.collect::<Vec<_>>() })
}

/// One record of an event.
pub(super) fn record_of(stream_arn: &str, shard: usize, record: &StreamRecord) -> Value {
    let StreamRecord { partition_key, sequence, data, arrived_at } = record;
    json!({
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": partition_key,
            "sequenceNumber": sequence.as_str(),
            "data": BASE64_STANDARD.encode(data),
            "approximateArrivalTimestamp": seconds(arrived_at.micros()),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": format!("{}:{sequence}", MemoryShards::shard_id(shard)),
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/ingest-stream",
        "awsRegion": REGION,
        "eventSourceARN": stream_arn,
    })
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds, as long as years have four digits")]
fn seconds(micros: i64) -> f64 {
    (micros / 1_000) as f64 / 1_000.0
}
