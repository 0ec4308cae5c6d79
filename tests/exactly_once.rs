//! What the ledger settles for all attempts at a source, and when another plan takes over.
#![expect(clippy::unwrap_used, reason = "a broken expectation must stop the test")]

use std::{sync::Arc, time::Duration};

use alluvium_lake::{Deadline, Ingest, IngestReport, IngestSettings, LakeError, Landing};
use alluvium_model::{
    AnnouncedObject, Contract, Destination, ErrorKind, LAYOUT_VERSION, LandingPrefix, Pointer,
    TableSource,
    layout::{Location, ObjectKey, contracts as contracts_location},
    ports::{
        CommitObjects as _, LakeCatalog, LakeObjects, Put, ReadObjects as _, ReadTables as _,
        WriteObjects as _,
    },
};
use alluvium_testkit::{Fault, MemoryCatalog, MemoryLanding, MemoryObjects, Unreliable};
use alluvium_tests::{Lake, contracts, drop_file, memory_source, settings};
use bytes::Bytes;

const KEY: &str = "camera/1.json";
const FIVE: &str = "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n{\"n\":4}\n{\"n\":5}\n";
/// A little longer than the settle time.
const SETTLED: Duration = Duration::from_secs(20 * 60 + 1);

/// Settings that cut parts after so many records.
fn cutting(part_records: u32) -> IngestSettings {
    let mut settings = settings();
    settings.limits.part_records = part_records;
    settings
}

/// The same by code of a later layout.
fn later(part_records: u32) -> IngestSettings {
    IngestSettings { layout: LAYOUT_VERSION + 1, ..cutting(part_records) }
}

fn ingest(lake: &Lake, settings: IngestSettings) -> Ingest<MemoryCatalog, MemoryObjects> {
    Ingest::new(lake.catalog.clone(), lake.objects.clone(), settings)
}

/// An ingest that dies when it has written so many files.
fn dying(
    lake: &Lake,
    settings: IngestSettings,
    files: usize,
) -> Ingest<MemoryCatalog, Unreliable<MemoryObjects>> {
    let watched = lake.clone();
    let script = move |_, method: &str| {
        let dead = method == "put_object" && watched.files().len() >= files;
        dead.then_some(Fault::Refused(ErrorKind::Denied))
    };
    Ingest::new(lake.catalog.clone(), Unreliable::new(lake.objects.clone(), script), settings)
}

fn landing<C: LakeCatalog + Clone, O: LakeObjects + Clone>(
    ingest: Ingest<C, O>,
    objects: &O,
    bucket: &MemoryLanding,
) -> Landing<C, O, MemoryLanding> {
    Landing::new(ingest, contracts(objects), bucket.clone(), LandingPrefix::default())
}

async fn land(
    lake: &Lake,
    bucket: &MemoryLanding,
    object: &AnnouncedObject,
) -> Result<IngestReport, LakeError> {
    landing(ingest(lake, settings()), &lake.objects, bucket).land(object, Deadline::NEVER).await
}

/// The names of the files that readers see, without those of their folders.
fn names(lake: &Lake) -> Vec<String> {
    let name = |key: ObjectKey| {
        let name = key.as_str().rsplit('/').next().unwrap_or_default();
        name.split_once('.').unwrap().1.to_owned()
    };
    lake.files().into_keys().map(name).collect()
}

#[tokio::test]
async fn a_source_is_loaded_with_the_limits_that_it_was_begun_with() {
    let lake = Lake::default();
    let error = drop_file(&dying(&lake, cutting(2), 1), KEY, FIVE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    let report = drop_file(&ingest(&lake, cutting(3)), KEY, FIVE).await.unwrap();
    assert_eq!((report.counts.files, report.counts.loaded), (3, 5));
    assert_eq!(lake.rows("camera").await, "n=1\nn=2\nn=3\nn=4\nn=5");
    assert_eq!(names(&lake).len(), 3);
}

#[tokio::test]
async fn a_source_is_loaded_by_the_contract_that_it_was_begun_with() {
    let lake = Lake::default();
    let bucket = MemoryLanding::default();
    let object = bucket.drop_object(KEY, FIVE);
    let contract = contracts_location().object("camera.toml");
    let deploy = async |mode: &str| {
        let text = format!("table = \"camera\"\n[schema]\nmode = \"{mode}\"\n");
        lake.objects.put_object(&contract, Bytes::from(text)).await.unwrap();
    };
    deploy("freeze").await;
    let dying = dying(&lake, settings(), 0);
    let refusing = Unreliable::new(lake.objects.clone(), |_, _| None);
    assert!(landing(dying, &refusing, &bucket).land(&object, Deadline::NEVER).await.is_err());
    deploy("evolve").await;
    land(&lake, &bucket, &object).await.unwrap();
    // No column came of it.
    assert_eq!(lake.kinds("camera").await, Vec::<String>::new());
    let other = bucket.drop_object("camera/2.json", "{\"n\":6}");
    land(&lake, &bucket, &other).await.unwrap();
    assert_eq!(lake.kinds("camera").await, ["n:bigint"]);
}

#[tokio::test]
async fn a_source_goes_to_the_table_that_it_was_begun_for() {
    let lake = Lake::default();
    let [camera, lens] = ["camera", "lens"].map(TableSource::new);
    dying(&lake, cutting(2), 1).ingest(&camera, memory_source(KEY, FIVE)).await.unwrap_err();
    // By a plan that is the same but for the table.
    let again = ingest(&lake, cutting(2));
    let report = again.ingest(&lens, memory_source(KEY, FIVE)).await.unwrap();
    assert_eq!((report.table.as_deref(), report.counts.loaded), (Some("camera"), 5));
    assert_eq!(lake.rows("camera").await, "n=1\nn=2\nn=3\nn=4\nn=5");
    assert_eq!(lake.catalog.table_names().await.unwrap(), ["camera".parse().unwrap()]);
}

#[tokio::test]
async fn rows_have_the_arrival_that_the_first_attempt_saw() {
    let lake = Lake::default();
    drop_file(&dying(&lake, settings(), 0), KEY, FIVE).await.unwrap_err();
    let mut touched = memory_source(KEY, FIVE);
    touched.origin.arrived_at = "2026-11-30T00:00:00Z".parse().unwrap();
    let contract = Contract::read("camera.toml", b"table = \"camera\"").unwrap();
    let destination: Destination = contract.destination().unwrap();
    ingest(&lake, settings()).ingest(destination, touched).await.unwrap();
    assert!(lake.files().keys().all(|key| key.as_str().contains("dt=2026-11-22")));
}

#[tokio::test]
async fn code_of_a_later_layout_takes_over_when_earlier_attempts_must_have_ended() {
    let lake = Lake::default();
    drop_file(&dying(&lake, cutting(2), 2), KEY, FIVE).await.unwrap_err();
    assert_eq!(names(&lake).len(), 2);
    for _ in 0..2 {
        let error = drop_file(&ingest(&lake, later(4)), KEY, FIVE).await.unwrap_err();
        assert!(matches!(error, LakeError::Fenced { .. }), "{error}");
        // Code of the earlier layout stands back at once.
        let error = drop_file(&ingest(&lake, cutting(2)), KEY, FIVE).await.unwrap_err();
        assert!(matches!(error, LakeError::LaterLayout { .. }), "{error}");
        lake.objects.clock().advance(SETTLED / 2);
    }
    assert_eq!(names(&lake).len(), 2, "nothing is written or swept before");
    lake.objects.clock().advance(Duration::from_secs(1));
    let report = drop_file(&ingest(&lake, later(4)), KEY, FIVE).await.unwrap();
    assert_eq!((report.counts.files, report.counts.loaded), (2, 5));
    assert_eq!(lake.rows("camera").await, "n=1\nn=2\nn=3\nn=4\nn=5");
    let report = drop_file(&ingest(&lake, cutting(2)), KEY, FIVE).await.unwrap();
    assert_eq!(report.counts.duplicates, 1);
}

#[tokio::test]
async fn an_object_that_is_gone_before_anybody_began_is_superseded_and_may_come_back() {
    let (lake, bucket) = (Lake::default(), MemoryLanding::default());
    let object = bucket.drop_object(KEY, FIVE);
    bucket.delete_object(KEY);
    assert_eq!(land(&lake, &bucket, &object).await.unwrap().counts.superseded, 1);
    let again = land(&lake, &bucket, &object).await.unwrap().counts;
    assert_eq!((again.superseded, again.duplicates), (0, 1));
    // The same bytes under the same key are the same source.
    let object = bucket.drop_object(KEY, FIVE);
    let error = land(&lake, &bucket, &object).await.unwrap_err();
    assert!(matches!(error, LakeError::Fenced { .. }), "{error}");
    lake.objects.clock().advance(SETTLED);
    assert_eq!(land(&lake, &bucket, &object).await.unwrap().counts.loaded, 5);
    bucket.delete_object(KEY);
    assert_eq!(land(&lake, &bucket, &object).await.unwrap().counts.duplicates, 1);
}

#[tokio::test]
async fn what_was_written_of_an_object_that_changed_meanwhile_is_swept() {
    let (lake, bucket) = (Lake::default(), MemoryLanding::default());
    let object = bucket.drop_object(KEY, FIVE.repeat(1_000));
    let other: Arc<std::sync::OnceLock<AnnouncedObject>> = Arc::default();
    let (watched, changed, overwritten) = (lake.clone(), bucket.clone(), Arc::clone(&other));
    let script = move |_, method: &str| {
        if method == "put_object" && watched.files().len() == 2 {
            overwritten.get_or_init(|| changed.drop_object(KEY, "{\"n\":6}"));
        }
        None
    };
    let objects = Unreliable::new(lake.objects.clone(), script);
    let ingest = Ingest::new(lake.catalog.clone(), objects.clone(), cutting(100));
    let landing = landing(ingest, &objects, &bucket);
    let error = landing.land(&object, Deadline::NEVER).await.unwrap_err();
    assert!(matches!(error, LakeError::Changed { .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Retry);
    let error = land(&lake, &bucket, &object).await.unwrap_err();
    assert!(matches!(error, LakeError::Fenced { .. }), "{error}");
    land(&lake, &bucket, other.get().unwrap()).await.unwrap();
    assert!(lake.files().len() > 1);
    lake.objects.clock().advance(SETTLED);
    assert_eq!(land(&lake, &bucket, &object).await.unwrap().counts.superseded, 1);
    assert_eq!(lake.rows("camera").await, "n=6");
}

#[tokio::test]
async fn an_object_that_comes_back_while_it_is_swept_waits_for_the_sweeper() {
    let (lake, bucket) = (Lake::default(), MemoryLanding::default());
    let object = bucket.drop_object(KEY, FIVE);
    let dying = dying(&lake, cutting(2), 1);
    let refusing = Unreliable::new(lake.objects.clone(), |_, _| None);
    assert!(landing(dying, &refusing, &bucket).land(&object, Deadline::NEVER).await.is_err());
    bucket.delete_object(KEY);
    let fenced = async || {
        let error = land(&lake, &bucket, &object).await.unwrap_err();
        assert!(matches!(error, LakeError::Fenced { .. }), "{error}");
    };
    fenced().await;
    lake.objects.clock().advance(SETTLED);
    // Somebody else may have found it gone just now, and be about to sweep.
    bucket.drop_object(KEY, FIVE);
    fenced().await;
    lake.objects.clock().advance(SETTLED);
    assert_eq!(land(&lake, &bucket, &object).await.unwrap().counts.loaded, 5);
    assert_eq!(lake.rows("camera").await, "n=1\nn=2\nn=3\nn=4\nn=5");
}

#[tokio::test]
async fn a_file_is_written_wherever_its_partition_is_going() {
    let lake = Lake::default();
    drop_file(&ingest(&lake, settings()), "camera/0.json", "{\"n\":0}").await.unwrap();
    let pointers = lake.objects.all().into_keys().filter(|key| key.as_str().contains("pointers"));
    let key = pointers.last().unwrap();
    let found = lake.objects.object(&key).await.unwrap().unwrap();
    let mut pointer: serde_json::Value = serde_json::from_slice(&found.value).unwrap();
    let next = "lake/camera/generations/1-x/dt=2026-11-22/";
    pointer["next"] =
        serde_json::json!({ "generation": "1-x", "location": next, "phase": "filling" });
    let begun = Bytes::from(pointer.to_string());
    assert!(serde_json::from_slice::<Pointer>(&begun).is_ok());

    // A swap begins just before the file is written.
    let lake_ = lake.clone();
    let script = move |_, method: &str| {
        if method == "put_object" {
            let swap = lake_.objects.replace_object(&key, begun.clone(), &found.version);
            let swap = alluvium_testkit::interleave(0, vec![Box::pin(swap)]).remove(0).unwrap();
            assert!(matches!(swap, Put::Done(_) | Put::Conflict));
        }
        None
    };
    let objects = Unreliable::new(lake.objects.clone(), script);
    let ingest = Ingest::new(lake.catalog.clone(), objects, settings());
    let report = drop_file(&ingest, KEY, "{\"n\":1}").await.unwrap();
    assert_eq!(report.counts.files, 1);
    let next = Location::from_catalog(next);
    let files = lake.files();
    let copies: Vec<_> =
        files.keys().filter(|key| key.as_str().starts_with(next.as_str())).collect();
    assert_eq!((files.len(), copies.len()), (3, 1));
}

#[tokio::test]
async fn nothing_is_begun_after_the_deadline() {
    let lake = Lake::default();
    let no_time = IngestSettings { attempt_max: Some(Duration::ZERO), ..settings() };
    let error = drop_file(&ingest(&lake, no_time), KEY, FIVE).await.unwrap_err();
    assert!(matches!(error, LakeError::OutOfTime), "{error}");
    assert_eq!(error.kind(), ErrorKind::Retry);
    assert!(lake.objects.all().is_empty());
}
