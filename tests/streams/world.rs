//! A lake, and what loads records of streams into it.

use std::time::Duration;

use alluvium_aws::GivenUpByLambda;
use alluvium_lake::{
    BatchReport, Deadline, Ingest, IngestSettings, LakeError, ShardReport, StreamSettings, Streams,
};
use alluvium_model::{
    Limits, Raw, ShardId, StreamBatch, StreamName, StreamRecord, StreamRoute, UtcInstant,
    Watermark,
    layout::{self, Location, ObjectKey},
    ports::{DescribeStreams, LakeCatalog, LakeObjects, PortResult, WriteObjects as _},
};
use alluvium_testkit::{MemoryCatalog, MemoryClock, MemoryObjects, Unreliable};
use alluvium_tests::{Lake, contracts, settings};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use alluvium_tests::late::at_once;

pub(crate) const STREAM: &str = "device-events";

/// Every stream was made then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MadeAt(pub(crate) UtcInstant);

impl DescribeStreams for MadeAt {
    async fn stream_created(&self, _: &str) -> PortResult<Option<UtcInstant>> {
        Ok(Some(self.0))
    }
}

/// Streams over ports that do what a script says.
pub(crate) type Flaky = Streams<Unreliable<MemoryCatalog>, Unreliable<MemoryObjects>, MadeAt>;

pub(crate) fn made_at() -> MadeAt {
    MadeAt("2026-11-01T00:00:00Z".parse().unwrap())
}

/// The use case as a new sandbox has it.
pub(crate) fn streams<C, O>(catalog: C, objects: &O, how: Settings) -> Streams<C, O, MadeAt>
where
    C: LakeCatalog + Clone,
    O: LakeObjects + Clone,
{
    let limits = Limits { part_text_bytes: 1 << 16, record_bytes: 1 << 16, ..Limits::default() };
    let (settle, backoff) = (how.settle, how.backoff);
    let settings = IngestSettings { limits, settle, backoff, ..settings() };
    let ingest = Ingest::new(catalog, objects.clone(), settings);
    let stream_settings = StreamSettings {
        lake_uri: "s3://lake/".to_owned(),
        route: how.route,
        raw: how.raw,
        given_up: layout::given_up(None),
    };
    Streams::new(ingest, contracts(objects), made_at(), stream_settings)
}

/// What a schedule found and did.
#[derive(Debug, Default)]
pub(crate) struct Finished {
    pub(crate) taken: u64,
    pub(crate) sources: usize,
    pub(crate) pending: u64,
    pub(crate) failed: u64,
    pub(crate) given_up: u64,
    pub(crate) errors: Vec<LakeError>,
}

/// What the function of the schedule does, without threads.
pub(crate) async fn finish<C, O, D>(streams: &Streams<C, O, D>) -> Result<Finished, LakeError>
where
    C: LakeCatalog + Clone,
    O: LakeObjects + Clone,
    D: DescribeStreams,
{
    let mut finished = Finished::default();
    for object in streams.left(Deadline::NEVER).await?.given_up {
        match streams.take_given_up(&object, &GivenUpByLambda, Deadline::NEVER).await {
            Ok(taken) => finished.taken += taken,
            Err(error) => {
                finished.given_up += 1;
                finished.errors.push(error);
            }
        }
    }
    for shard in streams.left(Deadline::NEVER).await?.shards {
        match streams.finish_shard(&shard, Deadline::NEVER).await {
            Ok(ShardReport { batch, pending, failed }) => {
                finished.sources += batch.sources.len();
                finished.pending += pending;
                finished.failed += failed;
                finished.errors.extend(batch.failed);
                finished.errors.extend(batch.left.into_iter().map(|(_, error)| error));
            }
            Err(error) => finished.errors.push(error),
        }
    }
    Ok(finished)
}

/// What tests settle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) route: StreamRoute,
    pub(crate) raw: Raw,
    pub(crate) settle: Duration,
    pub(crate) backoff: alluvium_lake::Backoff,
}

impl Default for Settings {
    fn default() -> Self {
        let (route, raw) = (StreamRoute::Topic, Raw::Keep);
        Self { route, raw, settle: settings().settle, backoff: settings().backoff }
    }
}

/// A lake without faults.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) lake: Lake,
    pub(crate) clock: MemoryClock,
    pub(crate) settings: Settings,
}

impl World {
    pub(crate) fn new(settings: Settings) -> Self {
        let clock = MemoryClock::default();
        let objects = MemoryObjects::dated_by(clock.clone());
        Self { lake: Lake { catalog: MemoryCatalog::default(), objects }, clock, settings }
    }

    pub(crate) fn contract(&self, text: &str) {
        let table = text.split('"').nth(1).unwrap();
        let key = layout::contracts().object(&format!("{table}.toml"));
        at_once(self.lake.objects.put_object(&key, text.to_owned().into())).unwrap();
    }

    fn streams(&self) -> Streams<MemoryCatalog, MemoryObjects, MadeAt> {
        streams(self.lake.catalog.clone(), &self.lake.objects, self.settings)
    }

    pub(crate) async fn deliver(&self, records: &[StreamRecord]) -> BatchReport {
        self.streams().ingest_batch(batch(records), Deadline::NEVER).await
    }

    pub(crate) async fn finish(&self) -> Finished {
        finish(&self.streams()).await.unwrap()
    }

    pub(crate) async fn retry_failed(&self) -> u64 {
        let (streams, mut ranges) = (self.streams(), 0);
        for shard in streams.left(Deadline::NEVER).await.unwrap().shards {
            ranges += streams.retry_failed(&shard, Deadline::NEVER).await.unwrap();
        }
        ranges
    }

    /// What a mapping leaves of records that it gave up.
    pub(crate) fn give_up(&self, name: &str, records: &[StreamRecord]) {
        leave(&self.lake, &layout::given_up(None), name, &event(records));
    }

    pub(crate) fn watermark(&self) -> Watermark {
        let objects = self.lake.objects.all();
        let is_watermark = |key: &&ObjectKey| key.as_str().starts_with("_alluvium/streams/");
        let key = objects.keys().find(is_watermark).unwrap();
        serde_json::from_slice(&objects[key]).unwrap()
    }

    /// The names and sizes of what is in the archive.
    pub(crate) fn archived(&self) -> Vec<usize> {
        let objects = self.lake.objects.all().into_iter();
        let archived = objects.filter(|(key, _)| key.as_str().starts_with("_alluvium/raw/"));
        archived.map(|(_, bytes)| bytes.len()).collect()
    }
}

/// Leaves an event in a lake, as Lambda leaves what a mapping gave up.
pub(crate) fn leave(lake: &Lake, location: &Location, name: &str, event: &Value) {
    let body = json!({ "version": "1.0", "payload": event.to_string() }).to_string();
    at_once(lake.objects.put_object(&location.object(name), body.into())).unwrap();
}

pub(crate) fn batch(records: &[StreamRecord]) -> StreamBatch {
    let stream: StreamName = STREAM.parse().unwrap();
    let shard: ShardId = "shardId-000000000000".parse().unwrap();
    StreamBatch { stream, shard, records: records.to_vec() }
}

/// A record of that number: the time of its arrival is so many seconds after ten o'clock.
pub(crate) fn record(number: u32, key: &str, data: &str) -> StreamRecord {
    let ten: UtcInstant = "2026-11-27T10:00:00Z".parse().unwrap();
    StreamRecord {
        sequence: number.to_string().parse().unwrap(),
        arrived_at: UtcInstant::from_micros(ten.micros() + i64::from(number) * 1_000_000).unwrap(),
        partition_key: key.to_owned(),
        data: data.to_owned().into(),
    }
}

/// A document of a name, in a record of that number.
pub(crate) fn named(number: u32, key: &str, name: &str) -> StreamRecord {
    record(number, key, &format!("{{\"name\":\"{name}\"}}"))
}

/// The event of a mapping that delivers these records.
pub(crate) fn event(records: &[StreamRecord]) -> Value {
    let record = |record: &StreamRecord| {
        #[expect(clippy::cast_precision_loss, reason = "a time of these years in milliseconds")]
        let arrived_at = (record.arrived_at.micros() / 1_000) as f64 / 1_000.0;
        json!({
            "kinesis": {
                "partitionKey": record.partition_key,
                "sequenceNumber": record.sequence.as_str(),
                "data": STANDARD.encode(&record.data),
                "approximateArrivalTimestamp": arrived_at,
            },
            "eventID": format!("shardId-000000000000:{}", record.sequence),
            "eventSourceARN": format!("arn:aws:kinesis:us-east-1:123456789012:stream/{STREAM}"),
        })
    };
    json!({ "Records": records.iter().map(record).collect::<Vec<_>>() })
}
