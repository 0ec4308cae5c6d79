//! An examination finds what is inconsistent in a lake and nothing else, and healing heals.
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a broken expectation must stop the test"
)]

mod sources;

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use alluvium_lake::{
    Diagnosis, Doctor, Inconsistency, Ingest, IngestReport, IngestSettings, LakeError,
};
use alluvium_model::{
    DatabaseName, ErrorKind, JsonPath, PartitionEntry, PartitionKey, PartitionSpec, TableName,
    TableRules, Transform,
    layout::{self, Location, ObjectKey},
    ports::{
        Commit, CommitTables as _, LakeObjects, ReadPartitions as _, ReadTables as _,
        RegisterPartitions as _, WriteObjects as _,
    },
};
use alluvium_testkit::{Fault, MemoryClock, MemoryObjects, Unreliable, interleave};
use alluvium_tests::{Lake, destination, drop_file, drop_under, memory_source, settings};
use bytes::Bytes;

/// Longer than the settle time.
const LONG: Duration = Duration::from_mins(21);
const TWO_PARTS: &str = "{\"n\":1}\n{\"n\":2}\nbad\n";
const FIRST_DAY: &str = "2026-11-22T10:00:00Z";
const SECOND_DAY: &str = "2026-11-23T10:00:00Z";

fn lake() -> (Lake, MemoryClock) {
    let clock = MemoryClock::default();
    (Lake { objects: MemoryObjects::dated_by(clock.clone()), ..Lake::default() }, clock)
}

/// Parts of one record, so that a source has several files.
fn small_parts() -> IngestSettings {
    let mut settings = settings();
    settings.limits.part_records = 1;
    settings
}

fn doctor_of<C: Clone, O: LakeObjects + Clone>(catalog: &C, objects: &O) -> Doctor<C, O> {
    Doctor::new(catalog.clone(), objects.clone(), settings())
}

async fn examine(lake: &Lake) -> Diagnosis {
    doctor_of(&lake.catalog, &lake.objects).examine(&[]).await.unwrap()
}

async fn heal(lake: &Lake) -> Diagnosis {
    let doctor = doctor_of(&lake.catalog, &lake.objects);
    let mut diagnosis = doctor.examine(&[]).await.unwrap();
    doctor.heal(&mut diagnosis).await;
    diagnosis
}

/// Runs one task without others.
fn alone<T>(task: impl Future<Output = T>) -> T {
    interleave(0, vec![Box::pin(task)]).remove(0)
}

/// What was found, one a line, each with its place.
fn shown(diagnosis: &Diagnosis) -> String {
    let line = |reported: &alluvium_lake::Reported| {
        format!("{}: {}", reported.finding.place(), reported.finding)
    };
    diagnosis.findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

async fn check(lake: &Lake, expected: &[&str]) {
    assert_eq!(shown(&examine(lake).await).lines().collect::<Vec<_>>(), expected);
}

fn table(name: &str) -> TableName {
    name.parse().unwrap()
}

fn database() -> DatabaseName {
    "lake".parse().unwrap()
}

fn day(of: &str) -> PartitionKey {
    PartitionKey::of_path(&format!("dt={}", &of[..10])).unwrap()
}

fn pointer(of: &str) -> ObjectKey {
    layout::pointer_key(&database(), &table("camera"), &day(of))
}

/// The only file of a source, or the first one.
fn file_of(lake: &Lake, key: &str, text: &str) -> ObjectKey {
    let id = memory_source(key, text).id;
    let is_of = |key: &ObjectKey| layout::source_of_file(key).is_some_and(|(of, _)| of == id);
    lake.files().into_keys().find(is_of).unwrap()
}

/// Loads a file that arrived on that day.
async fn load_on(lake: &Lake, arrived_at: &str, key: &str, text: &str) {
    let mut source = memory_source(key, text);
    source.origin.arrived_at = arrived_at.parse().unwrap();
    lake.ingest().ingest(destination(&Arc::default(), key), source).await.unwrap();
}

/// Drops the table and has it made again by a file of another day.
async fn make_again(lake: &Lake) {
    lake.catalog.drop_table(&table("camera"));
    load_on(lake, SECOND_DAY, "camera/again.json", "{\"n\":3}").await;
}

/// Registers a partition elsewhere, as somebody may do by hand.
async fn register_at(lake: &Lake, key: PartitionKey, location: Location) {
    let entry = lake.catalog.table(&table("camera")).await.unwrap().unwrap().value;
    let others = lake.catalog.partitions(&table("camera")).await.unwrap().into_iter();
    let others = others.filter(|partition| partition.key != key).collect::<Vec<_>>();
    lake.catalog.drop_table(&table("camera"));
    assert_eq!(lake.catalog.create_table(&entry).await.unwrap(), Commit::Done);
    let all: Vec<_> = others.into_iter().chain([PartitionEntry { key, location }]).collect();
    lake.catalog.create_partitions(&table("camera"), &all).await.unwrap();
}

async fn put(lake: &Lake, key: &ObjectKey, text: &str) {
    lake.objects.put_object(key, Bytes::from(text.to_owned())).await.unwrap();
}

/// An attempt at a source that dies before the call of that number.
async fn die_before(
    lake: &Lake,
    last: u64,
    settings: IngestSettings,
    (key, text): (&str, &str),
) -> Result<IngestReport, LakeError> {
    let calls = Arc::new(AtomicU64::new(0));
    let dies = move |_, _: &str| {
        (calls.fetch_add(1, Ordering::SeqCst) >= last).then_some(Fault::Refused(ErrorKind::Denied))
    };
    let catalog = Unreliable::new(lake.catalog.clone(), dies.clone());
    let objects = Unreliable::new(lake.objects.clone(), dies);
    drop_file(&Ingest::new(catalog, objects, settings), key, text).await
}

/// An attempt that writes everything of a source, and dies before it says so.
async fn die_before_commit(lake: &Lake, (key, text): (&str, &str)) {
    let dies =
        |_, method: &str| (method == "replace_object").then_some(Fault::Refused(ErrorKind::Denied));
    let objects = Unreliable::new(lake.objects.clone(), dies);
    let ingest = Ingest::new(lake.catalog.clone(), objects, small_parts());
    drop_file(&ingest, key, text).await.unwrap_err();
}

/// Calls of a whole attempt on an empty lake.
async fn calls_of(settings: IngestSettings, source: (&str, &str)) -> u64 {
    let (mut calls, (lake, _)) = (0, lake());
    while die_before(&lake, calls, settings.clone(), source).await.is_err() {
        for key in lake.objects.all().keys() {
            lake.objects.remove(key);
        }
        lake.catalog.drop_table(&table("camera"));
        lake.catalog.drop_table(&table("quarantine"));
        calls += 1;
    }
    calls
}

#[tokio::test]
async fn a_healthy_lake_has_none() {
    let (lake, clock) = lake();
    check(&lake, &[]).await;
    for day in [FIRST_DAY, SECOND_DAY] {
        load_on(&lake, day, &format!("camera/{day}.json"), TWO_PARTS).await;
        load_on(&lake, day, &format!("other/{day}.json"), "{}").await;
    }
    clock.advance(LONG);
    let diagnosis = examine(&lake).await;
    assert_eq!(shown(&diagnosis), "");
    let looked_at = diagnosis.looked_at;
    assert_eq!((looked_at.tables, looked_at.partitions), (3, 6));
    assert_eq!((looked_at.files, looked_at.sources), (6, 4));
    let doctor = doctor_of(&lake.catalog, &lake.objects);
    let one = doctor.examine(&[table("other")]).await.unwrap();
    assert_eq!((one.looked_at.tables, one.looked_at.files), (1, 2));
    let error = doctor.examine(&[table("absent")]).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no table absent");
}

/// Whatever call an attempt dies before: it is in progress first, then waits for a delivery.
#[tokio::test]
async fn an_attempt_that_died_waits_for_the_next_delivery_of_its_source() {
    let source = ("camera/1.json", TWO_PARTS);
    let (mut silent, calls) = (0, calls_of(small_parts(), source).await);
    assert!(calls > 20, "{calls}");
    for last in 0..calls {
        let (lake, clock) = lake();
        die_before(&lake, last, small_parts(), source).await.unwrap_err();
        let young = examine(&lake).await;
        assert_eq!(shown(&young), "", "before call {last}");
        clock.advance(LONG);
        let diagnosis = examine(&lake).await;
        assert_eq!(diagnosis.in_progress.sources, 0);
        assert_eq!(young.in_progress.sources, usize::from(!diagnosis.findings.is_empty()));
        assert_eq!(young.in_progress.files, diagnosis.findings.len().saturating_sub(1));
        for reported in &diagnosis.findings {
            match &reported.finding {
                Inconsistency::UnendedClaim { source, since, .. }
                | Inconsistency::Uncommitted { source, since, .. } => {
                    assert_eq!(source, "s3://landing/camera/1.json");
                    assert_eq!(since.to_string(), FIRST_DAY);
                }
                other => panic!("before call {last}: {other:?}"),
            }
        }
        silent += diagnosis.findings.len();
        drop_file(&lake.ingest(), source.0, source.1).await.unwrap();
        check(&lake, &[]).await;
        assert_eq!(lake.rows("camera").await, "n=1\nn=2");
    }
    assert!(silent > 0);
}

#[test]
fn a_lake_that_is_written_to_has_none() {
    for seed in 0..200 {
        let (lake, _) = lake();
        let catalog = Unreliable::new(lake.catalog.clone(), |_, _| None);
        let objects = Unreliable::new(lake.objects.clone(), |_, _| None);
        let mut tasks: Vec<Pin<Box<dyn Future<Output = usize> + '_>>> = Vec::new();
        for name in ["camera/1.json", "camera/2.json", "other/1.json"] {
            let ingest = Ingest::new(catalog.clone(), objects.clone(), small_parts());
            tasks.push(Box::pin(async move {
                drop_file(&ingest, name, TWO_PARTS).await.unwrap();
                0
            }));
        }
        for _ in 0..2 {
            let doctor = doctor_of(&catalog, &objects);
            tasks.push(Box::pin(async move {
                let mut found = String::new();
                for _ in 0..4 {
                    found += &shown(&doctor.examine(&[]).await.unwrap());
                }
                assert_eq!(found, "", "seed {seed}");
                1
            }));
        }
        assert_eq!(interleave(seed, tasks), [0, 0, 0, 1, 1]);
    }
}

#[tokio::test]
async fn a_partition_that_the_catalog_lost_is_registered_again() {
    let (lake, _) = lake();
    drop_file(&lake.ingest(), "camera/1.json", "{\"n\":1}").await.unwrap();
    make_again(&lake).await;
    let lost = "_alluvium/pointers/lake/camera/dt=2026-11-22.json: partition dt=2026-11-22 of \
                camera has a pointer, but is not in the catalog";
    check(&lake, &[lost]).await;
    let diagnosis = heal(&lake).await;
    assert!(diagnosis.is_healthy(), "{diagnosis:?}");
    check(&lake, &[]).await;
    assert_eq!(lake.rows("camera").await, "n=1\nn=3");
}

#[tokio::test]
async fn a_table_that_was_dropped_comes_back() {
    let (lake, _) = lake();
    drop_file(&lake.ingest(), "camera/1.json", "{\"n\":1}").await.unwrap();
    lake.catalog.drop_table(&table("camera"));
    let gone = "lake/camera/: table camera of ours is not in the catalog, but has pointers (1) \
                and files (1)";
    check(&lake, &[gone]).await;
    assert!(!heal(&lake).await.is_healthy());
    load_on(&lake, SECOND_DAY, "camera/2.json", "{\"n\":2}").await;
    assert!(heal(&lake).await.is_healthy());
    assert_eq!(lake.rows("camera").await, "n=1\nn=2");
    check(&lake, &[]).await;
    // Now it is dropped for good.
    lake.catalog.drop_table(&table("camera"));
    lake.files().keys().for_each(|key| lake.objects.remove(key));
    let diagnosis = examine(&lake).await;
    assert_eq!(diagnosis.findings.len(), 1);
    assert!(
        diagnosis.findings.iter().all(|r| r.finding.heals().starts_with("no file of it is left"))
    );
    for day in [FIRST_DAY, SECOND_DAY] {
        lake.objects.remove(&pointer(day));
    }
    let diagnosis = examine(&lake).await;
    assert_eq!((shown(&diagnosis).as_str(), diagnosis.partitions_dropped), ("", 2));
}

#[tokio::test]
async fn a_table_that_was_made_again_with_other_partitions_is_not_that_of_its_pointers() {
    let (lake, _) = lake();
    drop_file(&lake.ingest(), "camera/1.json", "{\"n\":1}").await.unwrap();
    lake.catalog.drop_table(&table("camera"));
    let by_state = Transform::Identity {
        path: JsonPath::root().child("state"),
        name: "state".parse().unwrap(),
    };
    let partitions = PartitionSpec::new(vec![by_state]).unwrap();
    let rules = Arc::new(TableRules { partitions, ..TableRules::default() });
    drop_under(&lake.ingest(), &rules, "camera/2.json", "{\"state\":\"CA\"}").await.unwrap();
    let other = "_alluvium/pointers/lake/camera/dt=2026-11-22.json: the pointer is of a table \
                 camera that had other partition columns";
    check(&lake, &[other]).await;
    assert!(!heal(&lake).await.is_healthy());
    assert_eq!(lake.catalog.partitions(&table("camera")).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_location_in_the_catalog_is_reported_and_left_alone() {
    let (lake, _) = lake();
    drop_file(&lake.ingest(), "camera/1.json", "{\"n\":1}").await.unwrap();
    let elsewhere = Location::from_catalog("lake/camera/elsewhere/");
    register_at(&lake, day(FIRST_DAY), elsewhere.clone()).await;
    let other = "_alluvium/pointers/lake/camera/dt=2026-11-22.json: partition dt=2026-11-22 of \
                 camera is at lake/camera/dt=2026-11-22/, but at lake/camera/elsewhere/ in the \
                 catalog";
    check(&lake, &[other]).await;
    let diagnosis = heal(&lake).await;
    assert!(!diagnosis.is_healthy());
    assert_eq!(lake.catalog.partitions(&table("camera")).await.unwrap()[0].location, elsewhere);
}

/// What swaps write, as the protocol has it: there is no code yet that does.
fn swapped(generation: &str, location: &str, next: &str) -> String {
    format!(
        r#"{{"generation":"{generation}","location":"{location}","next":{next},"owner":"a","lease_until":null}}"#
    )
}

#[tokio::test]
async fn a_swap_is_no_finding_at_any_step() {
    let (lake, _) = lake();
    let (old, new) = ("lake/camera/dt=2026-11-22/", "lake/camera/generations/1-a/dt=2026-11-22/");
    drop_file(&lake.ingest(), "camera/1.json", "{\"n\":1}").await.unwrap();
    let next =
        |phase: &str| format!(r#"{{"generation":"1-a","location":"{new}","phase":"{phase}"}}"#);
    put(&lake, &pointer(FIRST_DAY), &swapped("0", old, &next("filling"))).await;
    check(&lake, &[]).await;
    let merged = Location::from_catalog(new).object("1-a-0.parquet");
    let file = file_of(&lake, "camera/1.json", "{\"n\":1}");
    put(&lake, &merged, "merged").await;
    put(&lake, &pointer(FIRST_DAY), &swapped("0", old, &next("committing"))).await;
    check(&lake, &[]).await;
    register_at(&lake, day(FIRST_DAY), Location::from_catalog(new)).await;
    check(&lake, &[]).await;
    put(&lake, &pointer(FIRST_DAY), &swapped("1-a", new, "null")).await;
    check(&lake, &[]).await;
    // The files that were merged are deleted: the ledger names them, and nothing is lost.
    lake.objects.remove(&file);
    check(&lake, &[]).await;
    // Only from `committing` on may the catalog name the new location.
    put(&lake, &pointer(FIRST_DAY), &swapped("0", old, &next("filling"))).await;
    put(&lake, &file, "not merged").await;
    let early = "_alluvium/pointers/lake/camera/dt=2026-11-22.json: partition dt=2026-11-22 of \
                 camera is at lake/camera/dt=2026-11-22/, but at \
                 lake/camera/generations/1-a/dt=2026-11-22/ in the catalog";
    check(&lake, &[early]).await;
}

/// The partition is swapped after the catalog was read, and before its pointer is.
#[tokio::test]
async fn a_swap_during_an_examination_is_no_finding() {
    let (lake, _) = lake();
    drop_file(&lake.ingest(), "camera/1.json", "{\"n\":1}").await.unwrap();
    let new = Location::from_catalog("lake/camera/generations/1-a/dt=2026-11-22/");
    let read = Arc::new(AtomicU64::new(0));
    let (reads, swaps, swapped_lake) = (Arc::clone(&read), Arc::clone(&read), lake.clone());
    let catalog = Unreliable::new(lake.catalog.clone(), move |_, method| {
        if method == "partitions" {
            reads.fetch_add(1, Ordering::SeqCst);
        }
        None
    });
    let objects = Unreliable::new(lake.objects.clone(), move |_, method| {
        if method == "object" && swaps.load(Ordering::SeqCst) == 1 {
            let pointer_text = swapped("1-a", new.as_str(), "null");
            alone(put(&swapped_lake, &pointer(FIRST_DAY), &pointer_text));
            alone(register_at(&swapped_lake, day(FIRST_DAY), new.clone()));
        }
        None
    });
    let diagnosis = doctor_of(&catalog, &objects).examine(&[]).await.unwrap();
    assert_eq!(shown(&diagnosis), "");
    assert_eq!(read.load(Ordering::SeqCst), 2, "it had its doubts");
}

#[tokio::test]
async fn a_pointer_that_was_removed_is_made_again_by_the_next_file() {
    let (lake, _) = lake();
    drop_file(&lake.ingest(), "camera/1.json", "{\"n\":1}").await.unwrap();
    lake.objects.remove(&pointer(FIRST_DAY));
    let none = "lake/camera/dt=2026-11-22/: partition dt=2026-11-22 of camera is in the catalog \
                and has files (1), but no pointer";
    check(&lake, &[none]).await;
    drop_file(&lake.ingest(), "camera/2.json", "{\"n\":2}").await.unwrap();
    check(&lake, &[]).await;
    // Of a later generation it would be made wrongly.
    let file = file_of(&lake, "camera/1.json", "{\"n\":1}");
    let elsewhere = Location::from_catalog("lake/camera/generations/1-a/dt=2026-11-22/");
    let name = file.as_str().rsplit('/').next().unwrap();
    put(&lake, &elsewhere.object(name), "copied").await;
    register_at(&lake, day(FIRST_DAY), elsewhere).await;
    lake.objects.remove(&pointer(FIRST_DAY));
    let diagnosis = examine(&lake).await;
    assert_eq!(diagnosis.findings.len(), 1);
    let heals = diagnosis.findings[0].finding.heals();
    assert!(heals.starts_with("put the pointer back"), "{heals}");
}

#[tokio::test]
async fn files_that_no_reader_can_reach_are_found() {
    let (lake, _) = lake();
    drop_file(&lake.ingest(), "camera/1.json", "{\"n\":1}").await.unwrap();
    lake.objects.remove(&pointer(FIRST_DAY));
    make_again(&lake).await;
    let unreachable = "lake/camera/dt=2026-11-22/: partition dt=2026-11-22 of camera has files \
                       (1), but no pointer and no place in the catalog";
    check(&lake, &[unreachable]).await;
    drop_file(&lake.ingest(), "camera/2.json", "{\"n\":2}").await.unwrap();
    check(&lake, &[]).await;
    assert_eq!(lake.rows("camera").await, "n=1\nn=2\nn=3");
}

#[tokio::test]
async fn what_cannot_be_understood_is_named() {
    let (lake, clock) = lake();
    drop_file(&lake.ingest(), "camera/1.json", "{\"n\":1}").await.unwrap();
    put(&lake, &pointer(FIRST_DAY), "{\"generation\":").await;
    let entry = layout::ledger_key(&database(), memory_source("camera/1.json", "{\"n\":1}").id);
    put(&lake, &entry, "{}").await;
    put(&lake, &layout::ledger(&database()).object("x.json"), "{}").await;
    put(&lake, &layout::all_pointers(&database()).object("x.json"), "{}").await;
    put(&lake, &layout::pointers(&database(), &table("camera")).object("dt.json"), "{}").await;
    clock.advance(LONG);
    let mut found = shown(&examine(&lake).await);
    found = found.replace(entry.as_str(), "<entry>");
    insta::assert_snapshot!(found, @r"
    <entry>: the ledger entry cannot be understood: missing field `source` at line 1 column 2
    _alluvium/ledger/lake/x.json: the ledger entry cannot be understood: its name is that of no source
    _alluvium/pointers/lake/x.json: the pointer cannot be understood: its name is that of no partition
    _alluvium/pointers/lake/camera/dt.json: the pointer cannot be understood: its name is that of no partition
    _alluvium/pointers/lake/camera/dt=2026-11-22.json: the pointer cannot be understood: EOF while parsing a value at line 1 column 14
    ");
}
