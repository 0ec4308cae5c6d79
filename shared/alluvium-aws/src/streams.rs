//! Streams of Kinesis: what is sent to them, and which of several with one name it is.

use alluvium_model::{
    ErrorKind, PortError, StreamName, UtcInstant,
    ports::{DescribeStreams, OutgoingRecord, PortResult, SendRecords, Sent},
};
use aws_sdk_kinesis::{
    Client,
    primitives::{Blob, DateTime},
    types::{PutRecordsRequestEntry, PutRecordsResultEntry, StreamDescriptionSummary},
};

use crate::{
    Aws,
    error::{has_code, kind_of_code, port_error},
};

const SEND: &str = "send records to";
const DESCRIBE: &str = "describe";
const ABSENT: &[&str] = &["ResourceNotFoundException"];

/// Codes that say that records came too fast, for the stream, the account or its key (AWS
/// documentation, Kinesis `PutRecords` and the errors common to all services). Of an entry that
/// failed alone only the first and `InternalFailure` are documented.
const THROTTLED: &[&str] = &[
    "ProvisionedThroughputExceededException",
    "KMSThrottlingException",
    "LimitExceededException",
    "RequestLimitExceeded",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// A stream that records are sent to.
#[derive(Clone, Debug)]
pub struct KinesisStream {
    client: Client,
    name: StreamName,
}

impl KinesisStream {
    /// The stream of that name, which must be there.
    #[must_use]
    pub fn new(aws: &Aws, name: StreamName) -> Self {
        Self { client: Client::new(&aws.config), name }
    }

    fn target(&self) -> String {
        format!("the stream {}", self.name)
    }

    /// The call succeeds even if some entries do not: each has an answer of its own, in its place.
    fn sent(&self, count: usize, answers: &[PutRecordsResultEntry]) -> Vec<Sent> {
        let failed = |kind| PortError::new(kind, SEND, self.target());
        let sent = |answer: &PutRecordsResultEntry| match answer.error_code() {
            Some(code) if THROTTLED.contains(&code) => Sent::Throttled,
            Some(code) => {
                let message = answer.error_message().unwrap_or("no message");
                let kind = kind_of_code(Some(code), 500);
                Sent::Failed(failed(kind).because(format!("{code}: {message}")))
            }
            // The number is what the stream holds the record under.
            None if answer.sequence_number().is_some() => Sent::Accepted,
            None => Sent::Failed(failed(ErrorKind::Retry).because("it has no sequence number")),
        };
        let unanswered = || {
            let error = failed(ErrorKind::Retry);
            Sent::Failed(error.because("the answer does not tell of every record"))
        };
        (0..count).map(|place| answers.get(place).map_or_else(unanswered, sent)).collect()
    }
}

impl SendRecords for KinesisStream {
    async fn send_records(&self, records: &[OutgoingRecord]) -> PortResult<Vec<Sent>> {
        let entry = |record: &OutgoingRecord| {
            let entry = PutRecordsRequestEntry::builder().partition_key(&record.partition_key);
            entry.data(Blob::new(record.data.to_vec())).build()
        };
        let entries = records.iter().map(entry).collect::<Result<_, _>>();
        let not_built = |error| PortError::new(ErrorKind::Bug, SEND, self.target()).because(error);
        let request = self.client.put_records().stream_name(self.name.as_str());
        match request.set_records(Some(entries.map_err(not_built)?)).send().await {
            Ok(answer) => Ok(self.sent(records.len(), answer.records())),
            // Nothing of it was taken.
            Err(error) if has_code(&error, THROTTLED) => {
                Ok(records.iter().map(|_| Sent::Throttled).collect())
            }
            Err(error) => Err(port_error(SEND, self.target(), error)),
        }
    }
}

/// The streams of an account and region.
#[derive(Clone, Debug)]
pub struct KinesisStreams {
    client: Client,
}

impl KinesisStreams {
    /// Those that the credentials may describe.
    #[must_use]
    pub fn new(aws: &Aws) -> Self {
        Self { client: Client::new(&aws.config) }
    }
}

impl DescribeStreams for KinesisStreams {
    async fn stream_created(&self, stream: &str) -> PortResult<Option<UtcInstant>> {
        let target = || format!("the stream {stream}");
        match self.client.describe_stream_summary().stream_name(stream).send().await {
            Ok(answer) => {
                let summary = answer.stream_description_summary();
                let created = summary.map(StreamDescriptionSummary::stream_creation_timestamp);
                let created = created.and_then(to_the_millisecond).ok_or_else(|| {
                    let error = PortError::new(ErrorKind::Invalid, DESCRIBE, target());
                    error.because("it does not say when it was created")
                })?;
                Ok(Some(created))
            }
            Err(error) if has_code(&error, ABSENT) => Ok(None),
            Err(error) => Err(port_error(DESCRIBE, target(), error)),
        }
    }
}

/// Times come as a floating-point number of seconds. Keys are made of this one, so what a parser
/// makes of the last digits must not matter.
fn to_the_millisecond(time: &DateTime) -> Option<UtcInstant> {
    let millis = i64::try_from((time.as_nanos() + 500_000).div_euclid(1_000_000)).ok()?;
    millis.checked_mul(1_000).and_then(UtcInstant::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_has_a_name() {
        for name in ["alluvium-events", "Device_events.1"] {
            assert_eq!(name.parse::<StreamName>().unwrap().to_string(), name);
        }
        let long = "x".repeat(129);
        let arn = "arn:aws:kinesis:us-east-1:123456789012:stream/events";
        for text in ["", "a b", "a/b", &long, arn] {
            assert!(text.parse::<StreamName>().is_err(), "{text}");
        }
    }
}
