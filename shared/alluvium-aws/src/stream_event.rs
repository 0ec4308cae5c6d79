//! What a Kinesis event source mapping delivers, and what it leaves where it gave up.
//!
//! Shapes as in AWS documentation, "Using Lambda to process records from Amazon Kinesis Data
//! Streams" and "Retaining discarded batch records": an object in an S3 destination tells about the
//! batch, and holds the event of the invocation as text under `payload`.

use alluvium_model::{
    ErrorKind, InvalidStreamText, PortError, SequenceNumber, ShardId, StreamBatch, StreamName,
    StreamRecord, UtcInstant,
    layout::ObjectKey,
    ports::{PortResult, ReadGivenUp},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

/// An event that is not one of a Kinesis mapping.
#[derive(Debug, thiserror::Error)]
pub enum StreamEventError {
    /// It has another shape.
    #[error("the event is not one of a Kinesis mapping")]
    Shape(#[from] serde_json::Error),
    /// The name of a stream, a shard or a record is none.
    #[error(transparent)]
    Text(#[from] InvalidStreamText),
    /// It does not tell its stream.
    #[error("`{0}` is not the ARN of a stream")]
    Arn(String),
    /// It does not tell its shard.
    #[error("`{0}` is not the id of an event: it has no shard")]
    EventId(String),
    /// The data of a record is not what it is meant to be.
    #[error("the data of record {sequence} is not base64")]
    Data {
        /// The record.
        sequence: SequenceNumber,
        /// What is wrong with it.
        #[source]
        source: base64::DecodeError,
    },
    /// A record does not tell when it arrived.
    #[error("record {sequence} does not tell when it arrived: `{said}`")]
    Arrival {
        /// The record.
        sequence: SequenceNumber,
        /// What it says.
        said: f64,
    },
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    #[serde(rename = "eventSourceARN")]
    stream_arn: String,
    #[serde(rename = "eventID")]
    event_id: String,
    kinesis: KinesisRecord,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KinesisRecord {
    sequence_number: String,
    #[serde(default)]
    partition_key: String,
    data: String,
    /// Seconds since 1970, with milliseconds.
    approximate_arrival_timestamp: f64,
}

/// What Lambda tells of a batch that it gave up: among others the event, as text.
#[derive(Deserialize)]
struct Discarded {
    payload: String,
}

/// The batches of an event: one, since a mapping delivers a shard at a time.
///
/// # Errors
/// When the event is none of a Kinesis mapping.
pub fn read_stream_event(event: &Value) -> Result<Vec<StreamBatch>, StreamEventError> {
    batches(Event::deserialize(event)?)
}

/// Reads what Lambda leaves in S3.
#[derive(Clone, Copy, Debug)]
pub struct GivenUpByLambda;

impl ReadGivenUp for GivenUpByLambda {
    fn read_given_up(&self, key: &ObjectKey, bytes: &Bytes) -> PortResult<Vec<StreamBatch>> {
        let read = || -> Result<_, StreamEventError> {
            let Discarded { payload } = serde_json::from_slice(bytes)?;
            batches(serde_json::from_str(&payload)?)
        };
        let failed =
            |error| PortError::new(ErrorKind::Invalid, "understand", key.as_str()).because(error);
        read().map_err(failed)
    }
}

fn batches(event: Event) -> Result<Vec<StreamBatch>, StreamEventError> {
    let mut batches: Vec<StreamBatch> = Vec::new();
    for record in event.records {
        let (stream, shard) = (stream_of_arn(&record.stream_arn)?, shard_of(&record.event_id)?);
        let record = stream_record(record.kinesis)?;
        match batches.iter_mut().find(|batch| batch.stream == stream && batch.shard == shard) {
            Some(batch) => batch.records.push(record),
            None => batches.push(StreamBatch { stream, shard, records: vec![record] }),
        }
    }
    // They come like this. If ever one did not, its range would say what is not true.
    for StreamBatch { records, .. } in &mut batches {
        records.sort_by(|one, other| one.sequence.cmp(&other.sequence));
        records.dedup_by(|one, other| one.sequence == other.sequence);
    }
    Ok(batches)
}

/// `arn:aws:kinesis:<region>:<account>:stream/<name>`
fn stream_of_arn(arn: &str) -> Result<StreamName, StreamEventError> {
    let name = arn.split(':').nth(5).and_then(|rest| rest.strip_prefix("stream/"));
    Ok(name.ok_or_else(|| StreamEventError::Arn(arn.to_owned()))?.parse()?)
}

/// `<shard>:<sequence number>`
fn shard_of(event_id: &str) -> Result<ShardId, StreamEventError> {
    let shard = event_id.rsplit_once(':').map(|(shard, _)| shard);
    Ok(shard.ok_or_else(|| StreamEventError::EventId(event_id.to_owned()))?.parse()?)
}

fn stream_record(record: KinesisRecord) -> Result<StreamRecord, StreamEventError> {
    let KinesisRecord { sequence_number, partition_key, data, approximate_arrival_timestamp } =
        record;
    let sequence: SequenceNumber = sequence_number.parse()?;
    let data = STANDARD
        .decode(data)
        .map_err(|source| StreamEventError::Data { sequence: sequence.clone(), source })?;
    let Some(arrived_at) = arrival(approximate_arrival_timestamp) else {
        return Err(StreamEventError::Arrival { sequence, said: approximate_arrival_timestamp });
    };
    Ok(StreamRecord { sequence, arrived_at, partition_key, data: data.into() })
}

/// The instant this many seconds after 1970 began, to the millisecond.
fn arrival(seconds: f64) -> Option<UtcInstant> {
    let millis = (seconds * 1e3).round();
    let is_in_reach = millis.is_finite() && (0.0..1e15).contains(&millis);
    #[expect(clippy::cast_possible_truncation, reason = "it is a whole number below 10^15")]
    is_in_reach.then(|| UtcInstant::from_micros(millis as i64 * 1_000)).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(sequence: &str, data: &str) -> Value {
        json!({
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": "camera/17",
                "sequenceNumber": sequence,
                "data": data,
                "approximateArrivalTimestamp": 1_545_084_650.987,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": format!("shardId-000000000006:{sequence}"),
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
            "awsRegion": "us-east-2",
            "eventSourceARN": "arn:aws:kinesis:us-east-2:123456789012:stream/device-events",
        })
    }

    #[test]
    fn an_event_is_a_batch_of_a_shard() {
        let event = json!({ "Records": [record("17", "e30="), record("18", "e30K")] });
        let [batch] = &read_stream_event(&event).unwrap()[..] else { panic!("one batch") };
        assert_eq!(
            (batch.stream.as_str(), batch.shard.as_str()),
            ("device-events", "shardId-000000000006")
        );
        let [first, second] = &batch.records[..] else { panic!("two records") };
        assert_eq!((&first.data[..], &second.data[..]), (&b"{}"[..], &b"{}\n"[..]));
        assert_eq!(first.arrived_at.to_string(), "2018-12-17T22:10:50.987Z");
        assert_eq!(second.sequence.as_str(), "18");
        // What the mapping gave up holds the same, as text.
        let key = alluvium_model::layout::Location::from_catalog("aws/lambda/").object("1");
        let discarded = json!({ "version": "1.0", "payload": event.to_string() }).to_string();
        let read = GivenUpByLambda.read_given_up(&key, &discarded.into()).unwrap();
        assert_eq!(read, std::slice::from_ref(batch));
        let error = GivenUpByLambda.read_given_up(&key, &Bytes::from_static(b"{}")).unwrap_err();
        assert_eq!(
            (error.kind(), &*error.to_string()),
            (ErrorKind::Invalid, "cannot understand aws/lambda/1")
        );
    }

    #[test]
    fn records_are_in_the_order_of_their_shard_and_none_is_there_twice() {
        let records = ["10", "9", "10"].map(|number| record(number, "e30="));
        let event = json!({ "Records": records });
        let [batch] = &read_stream_event(&event).unwrap()[..] else { panic!("one batch") };
        let numbers: Vec<_> = batch.records.iter().map(|one| one.sequence.as_str()).collect();
        assert_eq!(numbers, ["9", "10"]);
    }

    #[test]
    fn what_is_wrong_with_an_event_is_named() {
        let check = |key: &str, value: Value, expected: &str| {
            let mut record = record("17", "e30=");
            let place = match key.strip_prefix("kinesis.") {
                Some(key) => &mut record["kinesis"][key],
                None => &mut record[key],
            };
            *place = value;
            let error = read_stream_event(&json!({ "Records": [record] })).unwrap_err();
            assert_eq!(error.to_string(), expected);
        };
        check("eventID", json!("17"), "`17` is not the id of an event: it has no shard");
        let queue = "arn:aws:sqs:us-east-2:1:queue";
        let expected = "`arn:aws:sqs:us-east-2:1:queue` is not the ARN of a stream";
        check("eventSourceARN", json!(queue), expected);
        let expected = "`LATEST` is not a sequence number: up to 78 digits";
        check("kinesis.sequenceNumber", json!("LATEST"), expected);
        check("kinesis.data", json!("{}"), "the data of record 17 is not base64");
        let expected = "record 17 does not tell when it arrived: `-1.5`";
        check("kinesis.approximateArrivalTimestamp", json!(-1.5), expected);
        check("kinesis", json!(17), "the event is not one of a Kinesis mapping");
    }
}
