//! What each object and each batch of a stream takes in calls, as `make cost` reckons with it:
//! `cost/calls.toml` says what is counted here, and nothing else.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use alluvium_lake::{ContractStore, Deadline, Ingest, Landing, StreamSettings, Streams};
use alluvium_model::{
    AnnouncedObject, LandingPrefix, Raw, StreamBatch, StreamRecord, StreamRoute, UtcInstant,
    layout,
    ports::{
        DescribeStreams, OpenObjects, PortResult, ReadObjects as _, Source, WriteObjects as _,
    },
};
use alluvium_testkit::{LandedReader, MemoryCatalog, MemoryLanding, MemoryObjects, Unreliable};
use alluvium_tests::{
    late::at_once,
    paid::{Network, Paid},
    settings,
};

const CONTRACT: &str = "table = \"camera\"\n[partition]\nby = [\"identity($.p)\"]\n";
const REFRESHED: Duration = Duration::from_mins(1);

type Catalog = Unreliable<MemoryCatalog>;
type Objects = Unreliable<MemoryObjects>;

/// A landing bucket behind the network: an object that is opened takes a GET.
struct Landed(MemoryLanding, Objects);

impl OpenObjects for Landed {
    type Reader = LandedReader;

    async fn open_object(
        &self,
        object: &AnnouncedObject,
    ) -> PortResult<Option<Source<LandedReader>>> {
        self.1.object(&layout::contracts().object("get")).await?;
        self.0.open_object(object).await
    }
}

struct CreatedLongAgo;

impl DescribeStreams for CreatedLongAgo {
    async fn stream_created(&self, _: &str) -> PortResult<Option<UtcInstant>> {
        Ok(Some("2026-11-01T00:00:00Z".parse().unwrap()))
    }
}

/// A sandbox on an empty lake with one contract.
fn sandbox(network: &Network) -> (Ingest<Catalog, Objects>, ContractStore<Objects>, Objects) {
    let objects = MemoryObjects::default();
    let contract = layout::contracts().object("camera.toml");
    at_once(objects.put_object(&contract, CONTRACT.into())).unwrap();
    let catalog = network.port(MemoryCatalog::default());
    let objects = catalog.beside(objects);
    let contracts = ContractStore::new(objects.clone(), REFRESHED);
    (Ingest::new(catalog, objects.clone(), settings()), contracts, objects)
}

struct Objectwise {
    network: Network,
    bucket: MemoryLanding,
    landing: Landing<Catalog, Objects, Landed>,
}

impl Objectwise {
    fn new() -> Self {
        let (network, bucket) = (Network::default(), MemoryLanding::default());
        let (ingest, contracts, objects) = sandbox(&network);
        let sources = Landed(bucket.clone(), objects);
        let landing = Landing::new(ingest, contracts, sources, LandingPrefix::default());
        Self { network, bucket, landing }
    }

    fn paid(&self, key: &str, text: &str) -> Paid {
        let object = self.bucket.drop_object(key, text.to_owned());
        let (report, paid) = self.network.run(self.landing.land(&object, Deadline::NEVER));
        report.unwrap();
        paid
    }
}

struct Batchwise {
    network: Network,
    streams: Streams<Catalog, Objects, CreatedLongAgo>,
}

impl Batchwise {
    fn new() -> Self {
        let network = Network::default();
        let (ingest, contracts, _) = sandbox(&network);
        let settings = StreamSettings {
            lake_uri: "s3://lake/".to_owned(),
            route: StreamRoute::Topic,
            raw: Raw::Keep,
            given_up: layout::given_up(None),
        };
        Self { network, streams: Streams::new(ingest, contracts, CreatedLongAgo, settings) }
    }

    /// Delivers a record for each of these partition keys.
    fn paid(&self, first: u32, keys: &[&str]) -> Paid {
        let record = |(number, key): (u32, &&str)| StreamRecord {
            sequence: number.to_string().parse().unwrap(),
            arrived_at: "2026-11-27T10:00:00Z".parse().unwrap(),
            partition_key: (*key).to_owned(),
            data: "{\"p\":\"a\"}".into(),
        };
        let batch = StreamBatch {
            stream: "device-events".parse().unwrap(),
            shard: "shardId-000000000000".parse().unwrap(),
            records: (first..).zip(keys).map(record).collect(),
        };
        let (report, paid) = self.network.run(self.streams.ingest_batch(batch, Deadline::NEVER));
        assert!(report.failed.is_none() && report.left.is_empty());
        paid
    }
}

/// What each takes of a sandbox that knows its table.
fn counted() -> String {
    let objects = Objectwise::new();
    objects.paid("camera/1.json", "{\"p\":\"a\"}");
    let known = objects.paid("camera/2.json", "{\"p\":\"a\"}");
    let new = objects.paid("camera/3.json", "{\"p\":\"b\"}");
    let two = objects.paid("camera/4.json", "{\"p\":\"a\"}\n{\"p\":\"b\"}");
    let repeated = objects.paid("camera/2.json", "{\"p\":\"a\"}");
    let streams = Batchwise::new();
    streams.paid(1, &["camera/1", "door/1"]);
    let batch = streams.paid(11, &["camera/1", "camera/2"]);
    let topics = streams.paid(21, &["camera/1", "door/1"]);
    [
        ("object", known),
        ("object_with_a_new_partition", new),
        ("object_of_two_partitions", two),
        ("object_that_was_loaded_before", repeated),
        ("batch", batch),
        ("batch_of_two_topics", topics),
    ]
    .map(|(name, paid)| format!("\n[{name}]\n{paid}"))
    .concat()
}

#[test]
fn the_cost_model_reckons_with_the_calls_that_are_made() {
    let said = include_str!("cost/calls.toml");
    let (_, said) = said.split_once("\n\n").unwrap();
    assert_eq!(format!("\n{said}"), counted());
}
