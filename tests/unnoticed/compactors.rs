//! Who swaps, and who deletes what is left behind.

use std::{cell::RefCell, collections::BTreeMap, time::Duration};

use alluvium_lake::{Deadline, Swaps};
use alluvium_model::{
    LedgerEntry, LedgerState, PartitionEntry, UtcInstant,
    compaction::{
        BeginAnswer, CommitAnswer, CommitRequest, CompactionId, MergeRequest, PartitionItem,
        PartitionPlan, PlannedBin, PlannedFile, Qualification,
    },
    layout::{self, ObjectKey},
    ports::{ListObjects as _, ReadObjects as _, WriteObjects as _},
};
use alluvium_tests::late::at_once;

use crate::scene::{Catalog, Objects, Scene, database, table};

const PAUSE: Duration = Duration::from_secs(5);
const VACUUM_EVERY: Duration = Duration::from_secs(30);

/// The files of committed sources, and when they were committed.
type Committed = BTreeMap<ObjectKey, (UtcInstant, Vec<String>)>;

/// Swaps partitions, whichever comes, for ever.
pub(crate) async fn compact(scene: &Scene) {
    let known = RefCell::new(Committed::new());
    for number in 0_u64.. {
        scene.sleep(PAUSE).await;
        let partitions = scene.lake.catalog.all_partitions();
        let Some(turn) = u32::try_from(partitions.len()).ok().filter(|count| *count > 0) else {
            continue;
        };
        let (_, partition) = &partitions[scene.random(turn) as usize];
        let item = plan(scene, partition, &known);
        let (catalog, objects) = scene.ports();
        let swaps = Swaps::new(catalog, objects, scene.settings());
        // Compactors share one count.
        let owner = format!("o{}-{number}", scene.random(1 << 30)).parse().unwrap();
        swap(scene, &swaps, (item, owner)).await;
    }
}

/// Each step is a process of its own.
async fn swap(
    scene: &Scene,
    swaps: &Swaps<Catalog, Objects>,
    (item, owner): (PartitionItem, alluvium_model::SwapOwner),
) -> Option<()> {
    let begin = swaps.begin(&item, owner, Deadline::NEVER);
    let (swap, bins) = match scene.unless_it_dies(begin).await?.ok()? {
        BeginAnswer::Begun { swap, bins } => (swap, bins),
        BeginAnswer::Forward { swap } => (swap, Vec::new()),
        BeginAnswer::Stopped { .. } => return None,
    };
    let mut merged = Vec::new();
    for bin in bins {
        let request = MergeRequest { swap: swap.clone(), bin: bin.bin };
        merged.push(scene.unless_it_dies(swaps.merge(&request, Deadline::NEVER)).await?.ok()?);
    }
    let request = CommitRequest { swap, merged };
    // A state machine tries again.
    for _ in 0..2 {
        let commit = swaps.commit(&request, Deadline::NEVER);
        if let Some(Ok(CommitAnswer::Committed { report })) = scene.unless_it_dies(commit).await {
            scene.count(|outcome| {
                outcome.swaps += 1;
                outcome.merged += report.merged_files as u64;
            });
            return Some(());
        }
    }
    None
}

/// Deletes garbage, for ever.
pub(crate) async fn vacuum(scene: &Scene) {
    let (catalog, objects) = scene.ports();
    let swaps = Swaps::new(catalog, objects, scene.settings());
    loop {
        scene.sleep(VACUUM_EVERY).await;
        let vacuum = swaps.vacuum(Deadline::NEVER);
        if let Some(Ok(report)) = scene.unless_it_dies(vacuum).await {
            scene.count(|outcome| outcome.vacuumed += report.locations as u64);
        }
    }
}

/// Plans a swap of a partition: everything that is settled becomes one file.
fn plan(scene: &Scene, partition: &PartitionEntry, known: &RefCell<Committed>) -> PartitionItem {
    let (objects, now) = (&scene.lake.objects, scene.clock.now());
    let settled = settled(scene, now, &mut known.borrow_mut());
    let listed = at_once(objects.list_objects(&partition.location)).unwrap();
    let inputs = listed.into_iter().filter_map(|entry| {
        let name = partition.location.name_of(&entry.key)?.to_owned();
        let is_settled = settled.contains(&name) || layout::is_merged_file(&name);
        is_settled.then_some(PlannedFile { name, bytes: entry.bytes })
    });
    let inputs: Vec<_> = inputs.collect();
    let bins = (inputs.len() > 1).then_some(PlannedBin { index: 0, inputs });
    let plan = PartitionPlan {
        table: table(),
        partition: partition.key.clone(),
        location: partition.location.clone(),
        reason: Qualification::SmallFiles,
        bins: bins.into_iter().collect(),
        copied_files: 0,
        copied_bytes: 0,
        leftover_files: 0,
    };
    let compaction = CompactionId::new(now, std::slice::from_ref(&plan));
    let key = layout::partition_plan_key(&database(), &compaction, 0);
    at_once(objects.put_object(&key, serde_json::to_vec(&plan).unwrap().into())).unwrap();
    PartitionItem { compaction, index: 0, table: table(), partition: partition.key.clone() }
}

/// The files of sources whose commit is settled.
fn settled(
    scene: &Scene,
    now: UtcInstant,
    known: &mut Committed,
) -> std::collections::BTreeSet<String> {
    let objects = &scene.lake.objects;
    for entry in at_once(objects.list_objects(&layout::ledger(&database()))).unwrap() {
        if known.contains_key(&entry.key) {
            continue;
        }
        let found = at_once(objects.object(&entry.key)).unwrap().unwrap();
        let LedgerEntry { state, .. } = serde_json::from_slice(&found.value).unwrap();
        if let LedgerState::Committed(committed) = state {
            let names = committed.files.into_iter().map(|file| file.name).collect();
            known.insert(entry.key, (entry.modified, names));
        }
    }
    let settle = jiff::SignedDuration::try_from(scene.settings().settle).unwrap();
    let is_settled = |modified: UtcInstant| modified.plus(settle).unwrap() < now;
    let settled = known.values().filter(|(modified, _)| is_settled(*modified));
    settled.flat_map(|(_, names)| names.iter().cloned()).collect()
}
