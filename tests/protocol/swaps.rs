//! Swaps make the calls of the model, too. The code tells two things otherwise: each of its steps
//! reads the pointer first, for it may be another process, and whoever puts the catalog right looks
//! whether it is.

mod recorded;

use std::time::Duration;

use alluvium_lake::{Deadline, Ingest, IngestSettings, SwapSettings, Swaps};
use alluvium_model::{
    LAYOUT_VERSION, PartitionKey, Pointer,
    compaction::{
        CommitAnswer, CompactionId, PartitionItem, PartitionPlan, PlannedBin, PlannedFile,
        Qualification, StopReason,
    },
    layout::{Location, is_merged_file, partition_plan_key, pointer_key},
    ports::{ListObjects as _, ReadObjects as _, WriteObjects as _},
};
use alluvium_protocol::{SwapScenario, SwapStep, swap_steps_of};
use alluvium_testkit::{Fault, Unreliable};
use alluvium_tests::{Lake, drop_file, settings};

use self::recorded::RecordedSwap;

const LEASE: Duration = Duration::from_mins(50);
const SOURCE: (&str, &str) = ("camera/1.json", "{\"n\":1}");

fn swaps<C, O>(catalog: C, objects: O) -> Swaps<C, O>
where
    O: alluvium_model::ports::LakeObjects + Clone,
{
    Swaps::new(catalog, objects, SwapSettings { lease: LEASE, ..SwapSettings::of(settings()) })
}

fn pass(lake: &Lake, time: Duration) {
    lake.objects.clock().advance(time + Duration::from_secs(1));
}

fn partition() -> PartitionKey {
    PartitionKey::new(vec![("dt".parse().unwrap(), "2026-11-22".to_owned())])
}

/// Plans a swap: what was merged is merged again, and the source's file, too, or not.
async fn plan(lake: &Lake, merges_source: bool) -> PartitionItem {
    let (database, table) = ("lake".parse().unwrap(), "camera".parse().unwrap());
    let pointer = lake.objects.object(&pointer_key(&database, &table, &partition())).await;
    let pointer: Pointer = serde_json::from_slice(&pointer.unwrap().unwrap().value).unwrap();
    let location = pointer.location;
    let inputs = lake.objects.list_objects(&location).await.unwrap().into_iter();
    let inputs = inputs.map(|entry| {
        let name = location.name_of(&entry.key).unwrap().to_owned();
        PlannedFile { name, bytes: entry.bytes }
    });
    let inputs = inputs.filter(|input| merges_source || is_merged_file(&input.name)).collect();
    let plan = PartitionPlan {
        table: table.clone(),
        partition: partition(),
        location: location.clone(),
        reason: Qualification::SmallFiles,
        bins: vec![PlannedBin { index: 0, inputs }],
        copied_files: 0,
        copied_bytes: 0,
        leftover_files: 0,
    };
    let now = lake.objects.clock().now();
    let compaction = CompactionId::new(now, std::slice::from_ref(&plan));
    let key = partition_plan_key(&database, &compaction, 0);
    lake.objects.put_object(&key, serde_json::to_vec(&plan).unwrap().into()).await.unwrap();
    PartitionItem { compaction, index: 0, table, partition: partition() }
}

/// Swaps the partition, and dies before the n-th call of this name.
async fn die_swapping(lake: &Lake, method: &'static str, nth: u32) {
    let left = std::sync::Mutex::new(nth);
    let script = move |_, called: &str| {
        let mut left = left.lock().unwrap();
        *left -= u32::from(called == method && *left > 0);
        (*left == 0).then_some(Fault::Refused(alluvium_model::ErrorKind::Denied))
    };
    let catalog = Unreliable::new(lake.catalog.clone(), script);
    let objects = catalog.beside(lake.objects.clone());
    let item = plan(lake, false).await;
    let owner = "dies".parse().unwrap();
    swaps(catalog, objects).swap(&item, owner, || Deadline::NEVER).await.unwrap_err();
}

async fn load(lake: &Lake, layout: u32, fails: &'static str) {
    let script = move |_, method: &str| {
        (method == fails).then_some(Fault::Refused(alluvium_model::ErrorKind::Denied))
    };
    let catalog = Unreliable::new(lake.catalog.clone(), script);
    let objects = catalog.beside(lake.objects.clone());
    let settings = IngestSettings { layout, ..settings() };
    let loaded = drop_file(&Ingest::new(catalog, objects, settings), SOURCE.0, SOURCE.1).await;
    assert_eq!(loaded.is_ok(), fails == "nothing" && layout == LAYOUT_VERSION);
}

/// Makes of the lake what the scenario is about.
async fn prepare(lake: &Lake, scenario: SwapScenario) {
    let settle = settings().settle;
    match scenario {
        SwapScenario::NothingElse | SwapScenario::Moved => {}
        SwapScenario::Settled => {
            load(lake, LAYOUT_VERSION, "nothing").await;
            pass(lake, settle);
        }
        SwapScenario::Fresh => load(lake, LAYOUT_VERSION, "nothing").await,
        SwapScenario::BeingLoaded => load(lake, LAYOUT_VERSION, "replace_object").await,
        SwapScenario::LeftLongAgo => {
            load(lake, LAYOUT_VERSION, "replace_object").await;
            pass(lake, settle);
        }
        SwapScenario::OfAnotherPlan => {
            load(lake, LAYOUT_VERSION, "replace_object").await;
            load(lake, LAYOUT_VERSION + 1, "nothing").await;
        }
        SwapScenario::Elsewhere => {
            let elsewhere = Location::from_catalog("lake/elsewhere");
            let table = "camera".parse().unwrap();
            assert!(lake.catalog.move_partition(&table, &partition(), elsewhere));
        }
        SwapScenario::GivenUp => {
            die_swapping(lake, "replace_object", 2).await;
            pass(lake, LEASE);
        }
        SwapScenario::Committed => {
            die_swapping(lake, "move_partitions", 1).await;
            pass(lake, LEASE);
        }
        SwapScenario::Leased => {
            swap(lake, "before").await;
        }
    }
}

async fn swap(lake: &Lake, owner: &str) {
    let item = plan(lake, false).await;
    let swaps = swaps(lake.catalog.clone(), lake.objects.clone());
    let ended = swaps.swap(&item, owner.parse().unwrap(), || Deadline::NEVER).await;
    assert!(matches!(ended.unwrap(), CommitAnswer::Committed { .. }));
}

/// Plays a scenario; the steps of the watched swap.
async fn play(scenario: SwapScenario) -> Vec<SwapStep> {
    let lake = Lake::default();
    for older in ["older/1.json", "older/2.json"] {
        let key = older.replace("older/", "camera/older-");
        drop_file(&lake.ingest(), &key, "{\"n\":0}").await.unwrap();
    }
    pass(&lake, settings().settle);
    let item = plan(&lake, true).await;
    let first = swaps(lake.catalog.clone(), lake.objects.clone());
    first.swap(&item, "first".parse().unwrap(), || Deadline::NEVER).await.unwrap();
    pass(&lake, LEASE);
    prepare(&lake, scenario).await;
    let item = plan(&lake, scenario == SwapScenario::Settled).await;
    if scenario == SwapScenario::Moved {
        swap(&lake, "faster").await;
        pass(&lake, LEASE);
    }
    let recorded = RecordedSwap::new(&lake);
    let watched = swaps(recorded.clone(), recorded.clone());
    let ended = watched.swap(&item, "watched".parse().unwrap(), || Deadline::NEVER).await.unwrap();
    match scenario {
        SwapScenario::Leased => {
            assert_eq!(ended, CommitAnswer::Stopped { reason: StopReason::Leased });
        }
        SwapScenario::Moved => {
            assert_eq!(ended, CommitAnswer::Stopped { reason: StopReason::Moved });
        }
        _ => assert!(matches!(ended, CommitAnswer::Committed { .. }), "{scenario:?}: {ended:?}"),
    }
    recorded.steps()
}

/// The steps but for what is told otherwise, as is said above.
fn comparable(steps: &[SwapStep]) -> Vec<SwapStep> {
    let mut told = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let before = number.checked_sub(1).and_then(|before| steps.get(before));
        let again = *step == SwapStep::ReadPointer && number > 0;
        let confirms =
            *step == SwapStep::ReadCatalogBack && before == Some(&SwapStep::RepairCatalog);
        if !again && !confirms {
            told.push(*step);
        }
    }
    told
}

#[tokio::test]
async fn swaps_make_the_calls_of_the_model() {
    for &scenario in SwapScenario::ALL {
        let made = Box::pin(play(scenario)).await;
        assert_eq!(comparable(&made), swap_steps_of(scenario), "{scenario:?}");
    }
}
