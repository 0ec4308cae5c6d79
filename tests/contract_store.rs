//! Contracts that lie in a lake: what they decide, when they are read, and what a wrong one does.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use alluvium_lake::{ContractStore, Deadline, Ingest, Landing};
use alluvium_model::{
    ErrorKind, LandingPrefix, PartitionSpec, layout,
    ports::{OpenObjects as _, WriteObjects as _},
};
use alluvium_testkit::{Fault, MemoryLanding, MemoryObjects, Unreliable};
use alluvium_tests::{Lake, contracts, settings};

const LONG: Duration = Duration::from_hours(1);

type Calls = Arc<Mutex<BTreeMap<&'static str, u32>>>;

/// Objects whose calls are counted by their methods.
fn counted(objects: &MemoryObjects) -> (Unreliable<MemoryObjects>, Calls) {
    let calls = Calls::default();
    let count = Arc::clone(&calls);
    let objects = Unreliable::new(objects.clone(), move |_, method| {
        *count.lock().unwrap().entry(method).or_default() += 1;
        None
    });
    (objects, calls)
}

/// What was called since this was asked last.
fn taken(calls: &Calls) -> String {
    let calls = std::mem::take(&mut *calls.lock().unwrap());
    calls.iter().map(|(method, count)| format!("{method}={count}")).collect::<Vec<_>>().join(" ")
}

async fn deploy(objects: &MemoryObjects, name: &str, text: &str) {
    let text = text.to_owned().into_bytes();
    objects.put_object(&layout::contracts().object(name), text.into()).await.unwrap();
}

async fn camera(objects: &MemoryObjects, prefix: &str) {
    let text = format!("table = \"camera\"\n[source]\nprefix = \"{prefix}\"\n");
    deploy(objects, "camera.toml", &text).await;
}

/// The table that the object with this key belongs to.
async fn table<O>(store: &ContractStore<O>, key: &str) -> Option<String>
where
    O: alluvium_model::ports::ReadObjects + alluvium_model::ports::ListObjects,
{
    let destination = store.contracts().await.unwrap().of_key(key);
    destination.map(|destination| destination.table.as_str().to_owned())
}

#[tokio::test]
async fn contracts_are_read_once_and_then_asked_for_by_version() {
    let objects = MemoryObjects::default();
    camera(&objects, "cams/").await;
    deploy(&objects, "_default.toml", "[partition]\nby = ['hour(arrived_at)']").await;
    deploy(&objects, "README.md", "no contract").await;
    let (counting, calls) = counted(&objects);
    let store = ContractStore::new(counting, Duration::ZERO);
    assert_eq!(table(&store, "cams/1.json").await.as_deref(), Some("camera"));
    assert_eq!(taken(&calls), "list_objects=1 object=2");
    assert_eq!(table(&store, "cams/1.json").await.as_deref(), Some("camera"));
    assert_eq!(taken(&calls), "list_objects=1 object_since=2");

    // Changed, added and removed ones are noticed.
    camera(&objects, "new/").await;
    assert_eq!(table(&store, "new/1.json").await.as_deref(), Some("camera"));
    assert_eq!(taken(&calls), "list_objects=1 object_since=2");
    deploy(&objects, "zoom.toml", "table = 'zoom'\n[source]\nprefix = 'new/zoom/'").await;
    assert_eq!(table(&store, "new/zoom/1.json").await.as_deref(), Some("zoom"));
    assert_eq!(taken(&calls), "list_objects=1 object=1 object_since=2");
    objects.remove(&layout::contracts().object("zoom.toml"));
    assert_eq!(table(&store, "new/zoom/1.json").await.as_deref(), Some("camera"));
    let by_hour: PartitionSpec = "hour(arrived_at)".parse().unwrap();
    assert_eq!(
        store.contracts().await.unwrap().assignment("in-no-folder").rules.partitions,
        by_hour
    );
}

#[tokio::test]
async fn contracts_are_believed_for_a_while_and_read_by_one_at_a_time() {
    let objects = MemoryObjects::default();
    camera(&objects, "cams/").await;
    let (counting, calls) = counted(&objects);
    let store = ContractStore::new(counting, LONG);
    let (one, other) = tokio::join!(table(&store, "cams/1.json"), table(&store, "cams/2.json"));
    assert_eq!((one.as_deref(), other.as_deref()), (Some("camera"), Some("camera")));
    camera(&objects, "new/").await;
    assert_eq!(table(&store, "new/1.json").await.as_deref(), Some("new"));
    assert_eq!(taken(&calls), "list_objects=1 object=1");
}

#[tokio::test]
async fn a_failure_of_the_lake_is_no_absence_of_contracts() {
    let objects = MemoryObjects::default();
    camera(&objects, "cams/").await;
    let fails = |call, _: &str| (call < 2).then_some(Fault::Refused(ErrorKind::Retry));
    let store = ContractStore::new(Unreliable::new(objects, fails), LONG);
    for _ in 0..2 {
        assert_eq!(store.contracts().await.unwrap_err().kind(), ErrorKind::Retry);
    }
    assert_eq!(table(&store, "cams/1.json").await.as_deref(), Some("camera"));
}

#[tokio::test]
async fn a_wrong_contract_stops_loading_until_it_is_right() {
    let (lake, bucket) = (Lake::default(), MemoryLanding::default());
    let landing = Landing::new(
        lake.ingest(),
        contracts(&lake.objects),
        bucket.clone(),
        LandingPrefix::default(),
    );
    deploy(&lake.objects, "camera.toml", "table = \"camera\"\n[schema]\nmod = 'freeze'\n").await;
    deploy(&lake.objects, "zoom.toml", "table = \"camera\"\n").await;
    let object = bucket.drop_object("other/1.json", "{\"n\":1}");
    let error = Box::pin(landing.land(&object, Deadline::NEVER)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    insta::assert_snapshot!(error, @"_alluvium/tables/camera.toml:3:1: there is no key `schema.mod`; did you mean `mode`?; _alluvium/tables/zoom.toml:1:9: the contract of table camera must be called camera.toml");
    camera(&lake.objects, "other/").await;
    lake.objects.remove(&layout::contracts().object("zoom.toml"));
    Box::pin(landing.land(&object, Deadline::NEVER)).await.unwrap();
    assert_eq!(lake.rows("camera").await, "n=1");
}

#[tokio::test]
async fn an_object_in_no_folder_may_have_a_contract() {
    let (lake, bucket) = (Lake::default(), MemoryLanding::default());
    camera(&lake.objects, "cam-").await;
    let ingest = Ingest::new(lake.catalog.clone(), lake.objects.clone(), settings());
    let prefix = "in/".parse().unwrap();
    let landing = Landing::new(ingest, contracts(&lake.objects), bucket.clone(), prefix);
    let report =
        Box::pin(landing.land(&bucket.drop_object("in/cam-1.json", "{\"n\":1}"), Deadline::NEVER))
            .await
            .unwrap();
    assert_eq!(report.counts.loaded, 1);
    let outside = bucket.drop_object("cam-2.json", "{\"n\":2}");
    assert!(bucket.open_object(&outside).await.unwrap().is_some());
    let report = Box::pin(landing.land(&outside, Deadline::NEVER)).await.unwrap();
    assert_eq!((report.counts.outside, report.counts.loaded), (1, 0));
    assert_eq!(lake.rows("camera").await, "n=1");
}
