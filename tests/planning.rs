//! A plan of a lake: whose files it merges, where it lies, and what it asks of the store.
#![expect(clippy::unwrap_used, reason = "a broken expectation must stop the test")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use alluvium_lake::{
    Backoff, CompactionPlan, CompactionPlanner, Ingest, LakeError, PlanScope, PlanSettings,
};
use alluvium_model::{
    DatabaseName, ErrorKind, PartitionKey, Phase, Pointer, TableName,
    compaction::{CompactionSettings, PartitionItem, PartitionPlan},
    layout::{self, ObjectKey},
    ports::{CommitObjects as _, Put, ReadObjects as _, WriteObjects as _},
};
use alluvium_testkit::{Fault, MemoryClock, MemoryObjects, Unreliable, interleave};
use alluvium_tests::{Lake, destination, drop_file, memory_source, settings};
use bytes::Bytes;
use serde_json::{Value, from_slice, json};

/// Longer than the settle time.
const SETTLED: Duration = Duration::from_mins(21);

fn database() -> DatabaseName {
    "lake".parse().unwrap()
}

fn table(name: &str) -> TableName {
    name.parse().unwrap()
}

fn day() -> PartitionKey {
    PartitionKey::of_path("dt=2026-11-22").unwrap()
}

fn alone<T>(task: impl Future<Output = T>) -> T {
    interleave(0, vec![Box::pin(task)]).remove(0)
}

/// A lake with so many files in one partition of the table `camera`.
fn lake(files: u32) -> (Lake, MemoryClock) {
    let clock = MemoryClock::default();
    let lake = Lake { objects: MemoryObjects::dated_by(clock.clone()), ..Lake::default() };
    for n in 0..files {
        load(&lake, &format!("camera/{n}.json"));
    }
    (lake, clock)
}

fn load(lake: &Lake, key: &str) {
    alone(drop_file(&lake.ingest(), key, &format!("{{\"n\":\"{key}\"}}"))).unwrap();
}

fn plan_settings() -> PlanSettings {
    PlanSettings {
        database: database(),
        backoff: Backoff::without_pauses(3),
        compaction: CompactionSettings::default(),
    }
}

fn plan(lake: &Lake) -> CompactionPlan {
    try_plan(lake, &PlanScope::default()).unwrap()
}

fn try_plan(lake: &Lake, scope: &PlanScope) -> Result<CompactionPlan, LakeError> {
    let planner =
        CompactionPlanner::new(lake.catalog.clone(), lake.objects.clone(), plan_settings());
    alone(planner.plan(scope))
}

/// How many files of which partitions are merged.
fn said(plan: &CompactionPlan) -> Vec<String> {
    let said = |plan: &PartitionPlan| {
        format!("{}/{}: {} of {}", plan.table, plan.partition, plan.inputs().count(), {
            plan.inputs().count() + plan.copied_files + plan.leftover_files
        })
    };
    plan.planned.partitions.iter().map(said).collect()
}

fn object(lake: &Lake, key: &ObjectKey) -> Bytes {
    alone(lake.objects.object(key)).unwrap().unwrap().value
}

fn change_pointer(lake: &Lake, change: impl Fn(&mut Value)) {
    let key = layout::pointer_key(&database(), &table("camera"), &day());
    let mut pointer: Value = from_slice(&object(lake, &key)).unwrap();
    change(&mut pointer);
    from_slice::<Pointer>(pointer.to_string().as_bytes()).unwrap();
    alone(lake.objects.put_object(&key, pointer.to_string().into())).unwrap();
}

#[test]
fn settled_files_are_planned_and_the_plan_lies_in_the_lake() {
    let (lake, clock) = lake(9);
    assert!(said(&plan(&lake)).is_empty());
    clock.advance(SETTLED);
    load(&lake, "camera/fresh.json");
    let plan = plan(&lake);
    assert_eq!(said(&plan), ["camera/dt=2026-11-22: 9 of 10"]);

    let planner =
        CompactionPlanner::new(lake.catalog.clone(), lake.objects.clone(), plan_settings());
    let written = alone(planner.write(&plan)).unwrap();
    let id = &written.answer.compaction;
    let items = layout::compaction_items_key(&database(), id);
    assert_eq!(written.answer.items_key, items.to_string());
    let items: Vec<PartitionItem> = from_slice(&object(&lake, &items)).unwrap();
    assert_eq!(items, written.items);
    let key = layout::partition_plan_key(&database(), id, items[0].index);
    let partition: PartitionPlan = from_slice(&object(&lake, &key)).unwrap();
    assert_eq!(partition, plan.planned.partitions[0]);
    assert_eq!((written.answer.partitions, written.answer.bins), (1, 1));
    // A retried function writes the same.
    assert_eq!(alone(planner.write(&plan)).unwrap().answer, written.answer);
}

#[test]
fn the_age_of_the_commit_counts_and_not_that_of_the_claim() {
    let (lake, clock) = lake(8);
    // The entry of the ninth is claimed, and its file is written; it is committed much later.
    let script = |_, called: &str| (called == "replace_object").then_some(refused());
    let catalog = Unreliable::new(lake.catalog.clone(), script);
    let objects = catalog.beside(lake.objects.clone());
    let ingest = Ingest::new(catalog, objects, settings());
    alone(drop_file(&ingest, "camera/late.json", "{}")).unwrap_err();
    clock.advance(SETTLED);
    assert_eq!(said(&plan(&lake)), ["camera/dt=2026-11-22: 8 of 9"]);
    alone(drop_file(&lake.ingest(), "camera/late.json", "{}")).unwrap();
    assert_eq!(said(&plan(&lake)), ["camera/dt=2026-11-22: 8 of 9"]);
    clock.advance(SETTLED);
    assert_eq!(said(&plan(&lake)), ["camera/dt=2026-11-22: 9 of 9"]);
}

const fn refused() -> Fault {
    Fault::Refused(ErrorKind::Denied)
}

#[test]
fn a_partition_lies_where_its_pointer_says() {
    let (lake, clock) = lake(8);
    clock.advance(SETTLED);
    let elsewhere = "lake/camera/generations/1-a/dt=2026-11-22/";
    change_pointer(&lake, |pointer| pointer["location"] = json!(elsewhere));
    assert!(said(&plan(&lake)).is_empty());
    for (key, bytes) in lake.files() {
        let name = key.as_str().rsplit('/').next().unwrap();
        let key = layout::Location::from_catalog(elsewhere).object(name);
        alone(lake.objects.put_object(&key, bytes)).unwrap();
    }
    assert_eq!(said(&plan(&lake)), ["camera/dt=2026-11-22: 8 of 8"]);
    assert_eq!(plan(&lake).planned.partitions[0].location.as_str(), elsewhere);
}

#[test]
fn nobody_plans_what_is_leased_and_a_swap_that_was_given_up_is_planned() {
    let (lake, clock) = lake(1);
    let next = json!({
        "generation": "1-a",
        "location": "lake/camera/generations/1-a/dt=2026-11-22/",
        "phase": Phase::Filling,
    });
    let until = clock.after(Duration::from_mins(1));
    change_pointer(&lake, |pointer| {
        pointer["next"] = next.clone();
        pointer["lease_until"] = json!(until);
    });
    let planned = plan(&lake);
    assert_eq!((said(&planned).len(), planned.surveyed.leased), (0, 1));
    clock.advance(Duration::from_mins(2));
    // Nothing is merged or copied for it.
    assert_eq!(said(&plan(&lake)), ["camera/dt=2026-11-22: 0 of 0"]);
}

#[test]
fn only_what_was_named_is_planned() {
    let (lake, clock) = lake(8);
    for n in 0..8 {
        load(&lake, &format!("audio/{n}.json"));
    }
    clock.advance(SETTLED);
    assert_eq!(said(&plan(&lake)).len(), 2);
    let scope = |tables: &[&str], partitions: &[&str]| PlanScope {
        tables: tables.iter().map(|name| table(name)).collect(),
        partitions: partitions.iter().filter_map(|path| PartitionKey::of_path(path)).collect(),
    };
    let check = |tables: &[&str], partitions: &[&str]| {
        said(&try_plan(&lake, &scope(tables, partitions)).unwrap())
    };
    assert_eq!(check(&["audio"], &[]), ["audio/dt=2026-11-22: 8 of 8"]);
    assert_eq!(check(&["audio"], &["dt=2026-11-22"]), ["audio/dt=2026-11-22: 8 of 8"]);
    assert!(check(&["audio"], &["dt=2026-11-23"]).is_empty());
    let nowhere = try_plan(&lake, &scope(&["nowhere"], &[])).unwrap_err();
    assert_eq!(nowhere.to_string(), "there is no table nowhere");
}

#[test]
fn what_nobody_understands_stays_as_it_is() {
    let (lake, clock) = lake(9);
    clock.advance(SETTLED);
    let entries = layout::ledger(&database());
    let is_entry = |key: &&ObjectKey| key.as_str().starts_with(entries.as_str());
    let keys = lake.objects.keys();
    let entry = keys.iter().find(is_entry).unwrap();
    alone(lake.objects.put_object(entry, Bytes::from_static(b"{"))).unwrap();
    let planned = plan(&lake);
    assert_eq!(said(&planned), ["camera/dt=2026-11-22: 8 of 9"]);
    assert_eq!(planned.surveyed.not_understood, 1);
}

#[test]
fn each_entry_is_read_once_and_a_store_that_is_busy_is_asked_again() {
    let (lake, clock) = lake(8);
    // One bad record: its source has a file in quarantine, too.
    let assignment = destination(&Arc::default(), "camera/bad.json");
    let source = memory_source("camera/bad.json", "{}\nbad");
    alone(lake.ingest().ingest(assignment, source)).unwrap();
    clock.advance(SETTLED);
    let calls: Arc<Mutex<BTreeMap<&str, u64>>> = Arc::default();
    let counted = Arc::clone(&calls);
    let script = move |number, called| {
        *counted.lock().unwrap().entry(called).or_default() += 1;
        (number % 5 == 0).then_some(Fault::Refused(ErrorKind::Retry))
    };
    let catalog = Unreliable::new(lake.catalog.clone(), script);
    let objects = catalog.beside(lake.objects.clone());
    let planner = CompactionPlanner::new(catalog, objects, plan_settings());
    let plan = alone(planner.plan(&PlanScope::default())).unwrap();
    assert_eq!(said(&plan), ["camera/dt=2026-11-22: 9 of 9"]);
    let refused = calls.lock().unwrap().values().sum::<u64>().div_ceil(5);
    let read = calls.lock().unwrap()["dated_object"];
    assert!((9..=9 + refused).contains(&read), "{read} reads");
    assert_eq!(plan.surveyed.sources, 9);
}

#[test]
fn an_entry_that_was_put_there_by_hand_does_not_stop_others() {
    let (lake, clock) = lake(8);
    clock.advance(SETTLED);
    let pointers = layout::pointers(&database(), &table("camera"));
    let key = pointers.object("no partition.json");
    let put = alone(lake.objects.create_object(&key, Bytes::from_static(b"{}"))).unwrap();
    assert!(matches!(put, Put::Done(_)));
    let planned = plan(&lake);
    assert_eq!(said(&planned), ["camera/dt=2026-11-22: 8 of 8"]);
    assert_eq!(planned.surveyed.not_understood, 1);
}
