//! The object that tells of a batch that was given up.

use alluvium_model::{StreamRecord, UtcInstant};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::{event::REGION, poller::Batch};
use crate::{FailureObject, MemoryShards};

/// Why a batch is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// It failed as often as it may; the last time by an error, or by what the answer named.
    Retries(LastFailure),
    /// Its records are older than they may be.
    ///
    /// Documented examples show only the other reason; this one is called so by local emulators
    /// and by accounts of real objects.
    Age,
}

/// How an invocation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LastFailure {
    Error,
    Answer,
}

/// What a mapping is known by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    pub(super) mapping: u128,
}

impl Identity {
    pub(super) fn random(random: &mut fastrand::Rng) -> Self {
        Self { mapping: random.u128(..) }
    }
}

/// A batch that is given up now.
pub(super) struct GivenUp<'a> {
    pub(super) shards: &'a MemoryShards,
    pub(super) shard: usize,
    pub(super) batch: Batch,
    pub(super) reason: Reason,
}

impl GivenUp<'_> {
    /// The object, as put by a mapping of this identity.
    pub(super) fn object(&self, identity: Identity, random: &mut fastrand::Rng) -> FailureObject {
        let put_at = self.shards.clock().now();
        let shard_id = MemoryShards::shard_id(self.shard);
        let time = Timestamp::from_microsecond(put_at.micros()).unwrap().to_zoned(TimeZone::UTC);
        let key = format!(
            "aws/lambda/{}/{shard_id}/{}-{}",
            uuid(identity.mapping),
            time.strftime("%Y/%m/%d/%Y-%m-%dT%H.%M.%S"),
            uuid(random.u128(..)),
        );
        let records = self.shards.records_in(self.shard, self.batch.places.clone());
        let mut body = self.metadata(&records, put_at, random);
        let event = super::event::event_of(self.shards, self.shard, &records);
        let members = body.as_object_mut().unwrap();
        members.insert("payload".to_owned(), Value::String(event.to_string()));
        if let Reason::Retries(failure) = self.reason {
            members.insert("responseContext".to_owned(), response_context(failure));
        }
        FailureObject { key, put_at, body }
    }

    fn metadata(
        &self,
        records: &[StreamRecord],
        now: UtcInstant,
        random: &mut fastrand::Rng,
    ) -> Value {
        let (first, last) = (records.first().unwrap(), records.last().unwrap());
        json!({
            "requestContext": {
                "requestId": uuid(random.u128(..)),
                "functionArn": format!("arn:aws:lambda:{REGION}:123456789012:function:ingest-stream"),
                "condition": match self.reason {
                    Reason::Retries(_) => "RetryAttemptsExhausted",
                    Reason::Age => "RecordAgeExceeded",
                },
                "approximateInvokeCount": self.batch.invocations,
            },
            "version": "1.0",
            "timestamp": milliseconds(now),
            "KinesisBatchInfo": {
                "shardId": MemoryShards::shard_id(self.shard),
                "startSequenceNumber": first.sequence.as_str(),
                "endSequenceNumber": last.sequence.as_str(),
                "approximateArrivalOfFirstRecord": milliseconds(first.arrived_at),
                "approximateArrivalOfLastRecord": milliseconds(last.arrived_at),
                "batchSize": records.len(),
                "streamArn": self.shards.arn(),
            },
        })
    }
}

fn response_context(failure: LastFailure) -> Value {
    let mut context = json!({ "statusCode": 200, "executedVersion": "$LATEST" });
    if failure == LastFailure::Error {
        let members = context.as_object_mut().unwrap();
        members.insert("functionError".to_owned(), Value::from("Unhandled"));
    }
    context
}

fn milliseconds(instant: UtcInstant) -> String {
    let instant = Timestamp::from_microsecond(instant.micros()).unwrap();
    format!("{instant:.3}")
}

fn uuid(number: u128) -> String {
    let hex = format!("{number:032x}");
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32];
    groups.map(|group| hex.get(group).unwrap_or_default().to_owned()).join("-")
}
