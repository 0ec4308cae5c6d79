//! The function that loads announced objects, on fakes: who fails, who does not, and what is said.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use alluvium_aws::telemetry::Invocation;
use alluvium_lake::{Ingest, Landing};
use alluvium_model::{
    AnnouncedObject, ErrorKind, LandingPrefix, PortError, Reason,
    ports::{OpenObjects, PortResult, Source},
};
use alluvium_testkit::{
    Fault, LandedReader, MemoryCatalog, MemoryLanding, MemoryObjects, Unreliable,
};
use alluvium_tests::{Lake, contracts, s3_event, settings};
use ingest_objects::{Failure, IngestObjects, TimeLimit};
use lambda_runtime::Diagnostic;
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_mins(1);

/// A landing bucket where some objects are a trap.
#[derive(Clone, Default)]
struct Trapped {
    landing: MemoryLanding,
    /// Whether reading never ends.
    stuck: Arc<AtomicBool>,
}

impl OpenObjects for Trapped {
    type Reader = LandedReader;

    async fn open_object(
        &self,
        object: &AnnouncedObject,
    ) -> PortResult<Option<Source<LandedReader>>> {
        assert!(!object.key.contains("panic"), "a bug over {}", object.key);
        if object.key.contains("denied") {
            return Err(PortError::new(ErrorKind::Denied, "read", object.uri()));
        }
        if self.stuck.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.landing.open_object(object).await
    }
}

#[derive(Default)]
struct World {
    lake: Lake,
    bucket: Trapped,
}

type Function = IngestObjects<MemoryCatalog, MemoryObjects, Trapped>;

impl World {
    fn function(&self) -> Function {
        self.function_below("")
    }

    fn function_below(&self, prefix: &str) -> Function {
        IngestObjects::new(Landing::new(
            self.lake.ingest(),
            contracts(&self.lake.objects),
            self.bucket.clone(),
            prefix.parse().unwrap(),
        ))
    }

    /// Drops an object and returns the event that S3 sends for it.
    fn drop_object(&self, key: &str, text: &str) -> Value {
        s3_event(&[self.bucket.landing.drop_object(key, text.to_owned())])
    }
}

/// A batch with a message for each body; they are called `m0`, `m1` and so on.
fn batch(bodies: &[Value]) -> Value {
    let message = |(number, body): (usize, &Value)| {
        let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        json!({ "messageId": format!("m{number}"), "body": body, "eventSource": "aws:sqs" })
    };
    json!({ "Records": bodies.iter().enumerate().map(message).collect::<Vec<_>>() })
}

fn failures(ids: &[&str]) -> Value {
    let failure = |id: &&str| json!({ "itemIdentifier": id });
    json!({ "batchItemFailures": ids.iter().map(failure).collect::<Vec<_>>() })
}

async fn answer(function: &Function, event: &Value) -> (Result<Value, Failure>, Invocation) {
    let mut invocation = Invocation::default();
    let answer = function.answer(event, TimeLimit::of(MINUTE), &mut invocation).await;
    (answer, invocation)
}

#[tokio::test]
async fn messages_fail_alone() {
    let world = World::default();
    let event = batch(&[
        world.drop_object("camera/1.json", "{\"n\":1}"),
        json!("no JSON at all"),
        world.drop_object("camera/panic.json", "{\"n\":2}"),
        world.drop_object("camera/denied.json", "{\"n\":3}"),
        world.drop_object("camera/5.json", "{\"n\":4}\nbad\n"),
    ]);
    let (failed, invocation) = answer(&world.function(), &event).await;
    assert_eq!(failed.unwrap(), failures(&["m1", "m2", "m3"]));
    assert_eq!(world.lake.rows("camera").await, "n=1\nn=4");
    assert_eq!((invocation.counts().records, invocation.counts().loaded), (3, 2));
    assert_eq!(invocation.counts().quarantined, [(Reason::InvalidJson, 1)].into());
}

#[tokio::test]
async fn a_direct_event_is_answered_with_its_counts_or_fails_with_a_type() {
    let world = World::default();
    let (counts, _) =
        answer(&world.function(), &world.drop_object("camera/1.json", "{\"n\":1}")).await;
    assert_eq!(counts.unwrap()["loaded"], 1);

    let kind = async |event: &Value| {
        let (failed, _) = answer(&world.function(), event).await;
        let Diagnostic { error_type, error_message } = failed.unwrap_err().into();
        format!("{error_type}: {error_message}")
    };
    let denied = world.drop_object("camera/denied.json", "{}");
    insta::assert_snapshot!(kind(&denied).await, @"Alluvium.Permanent: cannot load s3://landing/camera/denied.json: cannot read s3://landing/camera/denied.json");
    insta::assert_snapshot!(kind(&json!({ "key1": "value1" })).await, @r#"Alluvium.Permanent: cannot understand what was delivered: the event is none of S3, SQS, SNS or EventBridge: {"key1":"value1"}"#);
    let panicked = kind(&world.drop_object("camera/panic.json", "{}")).await;
    assert!(panicked.starts_with("Alluvium.Permanent: panic over s3://landing/camera/panic.json"));
}

#[tokio::test]
async fn a_busy_catalog_is_a_failure_to_try_again() {
    let lake = Lake::default();
    let busy = Unreliable::new(lake.catalog, |_, _| Some(Fault::Refused(ErrorKind::Retry)));
    let bucket = MemoryLanding::default();
    let event = s3_event(&[bucket.drop_object("camera/1.json", "{}")]);
    let contracts = contracts(&lake.objects);
    let ingest = Ingest::new(busy, lake.objects, settings());
    let landing = Landing::new(ingest, contracts, bucket, LandingPrefix::default());
    let mut invocation = Invocation::default();
    let failed = IngestObjects::new(landing)
        .answer(&event, TimeLimit::of(MINUTE), &mut invocation)
        .await
        .unwrap_err();
    assert!(failed.is_retryable(), "{failed}");
}

#[tokio::test]
async fn nothing_is_begun_in_the_second_half_of_the_time() {
    let world = World::default();
    let event = batch(&[
        world.drop_object("camera/1.json", "{\"n\":1}"),
        world.drop_object("camera/2.json", "{\"n\":2}"),
    ]);
    let mut invocation = Invocation::default();
    let limit = TimeLimit::of(Duration::ZERO);
    let answer = world.function().answer(&event, limit, &mut invocation).await;
    assert_eq!(answer.unwrap(), failures(&["m0", "m1"]));
    assert_eq!(invocation.counts().records, 0);
    assert!(world.lake.objects.all().is_empty());
}

#[tokio::test]
async fn what_takes_too_long_is_stopped_and_comes_back() {
    let world = World::default();
    world.bucket.stuck.store(true, Ordering::SeqCst);
    let event = batch(&[world.drop_object("camera/1.json", "{\"n\":1}")]);
    let mut invocation = Invocation::default();
    let limit = TimeLimit::of(Duration::from_millis(50));
    let answer = world.function().answer(&event, limit, &mut invocation).await;
    assert_eq!(answer.unwrap(), failures(&["m0"]));
}

#[tokio::test]
async fn an_object_that_changed_since_is_superseded() {
    let world = World::default();
    let old = world.drop_object("camera/1.json", "{\"n\":1}");
    let new = world.drop_object("camera/1.json", "{\"n\":2}");
    let gone = world.drop_object("camera/2.json", "{\"n\":3}");
    world.bucket.landing.delete_object("camera/2.json");
    let (failed, invocation) = answer(&world.function(), &batch(&[old, new, gone])).await;
    assert_eq!(failed.unwrap(), failures(&[]));
    assert_eq!((invocation.counts().superseded, invocation.counts().loaded), (2, 1));
    assert_eq!(world.lake.rows("camera").await, "n=2");
}

#[tokio::test]
async fn an_object_without_a_folder_goes_to_the_quarantine() {
    let world = World::default();
    let long = "x".repeat(100_000);
    let event = batch(&[
        world.drop_object("in/1.json", "{\"n\":1}"),
        world.drop_object("in/2.json", &long),
        world.drop_object("in/empty", ""),
        world.drop_object("in/camera/3.json", "{\"n\":3}"),
        world.drop_object("out/camera/denied.json", "{\"n\":4}"),
    ]);
    let (failed, invocation) = answer(&world.function_below("in/"), &event).await;
    assert_eq!(failed.unwrap(), failures(&[]));
    assert_eq!(invocation.counts().outside, 1);
    assert_eq!(invocation.counts().quarantined, [(Reason::NoTable, 2)].into());
    assert!(invocation.counts().add_up());
    assert_eq!(world.lake.rows("camera").await, "n=3");
    let rows = world.lake.rows("quarantine").await.replace(&long[..65_536], "<64 KiB>");
    insta::assert_snapshot!(rows, @r#"
    arrived_at=2026-11-22T10:00:00Z bytes=<64 KiB> complete=false encoding=text length=100000 message=its key has no folder that could name a table offset=0 reason=no_table record=0 source=s3://landing/in/2.json
    arrived_at=2026-11-22T10:00:00Z bytes={"n":1} complete=true encoding=text length=7 message=its key has no folder that could name a table offset=0 reason=no_table record=0 source=s3://landing/in/1.json
    "#);
}

#[tokio::test]
async fn a_table_that_was_dropped_is_made_again() {
    let lake = Lake::default();
    let dropped = |call, method: &str| {
        (method == "create_partitions" && call == 3).then_some(Fault::Refused(ErrorKind::Absent))
    };
    let catalog = Unreliable::new(lake.catalog.clone(), dropped);
    let bucket = MemoryLanding::default();
    let event = s3_event(&[bucket.drop_object("camera/1.json", "{\"n\":1}")]);
    let ingest = Ingest::new(catalog.clone(), lake.objects.clone(), settings());
    let contracts = contracts(&lake.objects);
    let landing = Landing::new(ingest, contracts, bucket, LandingPrefix::default());
    let function = IngestObjects::new(landing);
    let limit = TimeLimit::of(MINUTE);
    let failed = function.answer(&event, limit, &mut Invocation::default()).await.unwrap_err();
    assert!(failed.is_retryable(), "{failed}");
    let asked = catalog.calls();
    // The same sandbox looks for the table again instead of trusting its memory.
    function.answer(&event, limit, &mut Invocation::default()).await.unwrap();
    assert_eq!(catalog.calls() - asked, 3, "table, unified_view and create_partitions");
    assert_eq!(lake.rows("camera").await, "n=1");
}

#[tokio::test]
async fn a_table_that_is_made_again_gets_its_partitions_back() {
    let world = World::default();
    let function = world.function();
    let load = async |key: &str, text: &str| {
        let event = world.drop_object(key, text);
        answer(&function, &event).await.0.unwrap();
    };
    load("camera/1.json", "{\"n\":1}").await;
    world.lake.catalog.drop_table(&"camera".parse().unwrap());
    // The same sandbox, the same partition, but something that it does not know.
    load("camera/2.json", "{\"n\":2,\"new\":true}").await;
    assert_eq!(world.lake.rows("camera").await, "n=1\nn=2 new=true");
}

#[tokio::test]
async fn twice_is_once() {
    let world = World::default();
    let event = batch(&[world.drop_object("camera/1.json", "{\"n\":1}\nbad\n")]);
    let (first, _) = answer(&world.function(), &event).await;
    let objects = world.lake.objects.all();
    let (second, _) = answer(&world.function(), &event).await;
    assert_eq!(first.unwrap(), second.unwrap());
    assert_eq!(world.lake.objects.all(), objects);
}
