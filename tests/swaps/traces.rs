//! The falls of the protocol's drafts, by the names that they have in PROTOCOL.md §5 and in the
//! model, played with the real code: each would happen without one protection.

use std::time::Duration;

use alluvium_lake::{Deadline, Doctor, Ingest, IngestSettings, LakeError, Treatment};
use alluvium_model::{
    ErrorKind, LAYOUT_VERSION,
    compaction::{
        BeginAnswer, CommitAnswer, CommitRequest, MergeAnswer, MergeOutcome, MergeRequest,
        PartitionItem, StopReason, Swap,
    },
    layout,
    ports::ListObjects as _,
};
use alluvium_tests::{drop_file, settings};

use crate::{
    actor::Actor,
    world::{SECOND, World, alone, database, partition, source, table},
};

/// A partition of settled files of the sources 1 and 2, and a fresh one of 3.
fn world() -> World {
    let world = World::new();
    world.load(1);
    world.load(2);
    world.pass(settle());
    world.load(3);
    world
}

fn settle() -> Duration {
    World::settings().settle
}

fn lease() -> Duration {
    World::settings().lease
}

fn begun(world: &World) -> (Swap, Vec<MergeAnswer>) {
    let (item, swaps) = (world.plan(), world.swaps());
    let begun = alone(swaps.begin(&item, world.owner(), Deadline::NEVER)).unwrap();
    let BeginAnswer::Begun { swap, bins } = begun else { unreachable!("{begun:?}") };
    let merge = |bin| {
        let request = MergeRequest { swap: swap.clone(), bin };
        alone(swaps.merge(&request, Deadline::NEVER)).unwrap()
    };
    let merged = bins.iter().map(|bin| merge(bin.bin)).collect();
    (swap, merged)
}

/// Somebody who commits a swap.
fn committer(
    world: &World,
    (swap, merged): (Swap, Vec<MergeAnswer>),
) -> Actor<Result<CommitAnswer, LakeError>> {
    let request = CommitRequest { swap, merged };
    world.at_work(|swaps, deadline| async move { swaps.commit(&request, deadline).await })
}

fn is_committed(ended: Result<CommitAnswer, LakeError>) -> bool {
    matches!(ended.unwrap(), CommitAnswer::Committed { .. })
}

fn stopped(reason: StopReason) -> CommitAnswer {
    CommitAnswer::Stopped { reason }
}

/// Catalog before pointer: an attempt that commits between the two has written to both places.
#[test]
fn d1_a_source_that_commits_while_the_pointer_flips_is_seen() {
    // The first replacement says that there is no way back, the second one flips.
    for (method, nth) in [("move_partitions", 1), ("replace_object", 2)] {
        let world = world();
        let mut swap = committer(&world, begun(&world));
        assert!(swap.goes_to(Some(method), nth));
        world.load(4);
        assert_eq!(world.rows(), [1, 2, 3, 4], "{method}");
        assert!(is_committed(swap.ends()));
        assert_eq!(world.rows(), [1, 2, 3, 4], "{method}");
    }
}

/// Catalog only under the lease: who comes late with a swap that can only go forward must leave it
/// to whoever takes the lease.
#[test]
fn d7_a_late_swap_does_not_move_the_partition_back() {
    let world = world();
    let (swap, merged) = begun(&world);
    let mut first = committer(&world, (swap.clone(), merged.clone()));
    assert!(first.goes_to(Some("move_partitions"), 1));
    drop(first);
    world.pass(lease());
    let mut late = committer(&world, (swap, merged));
    late.goes_to(Some("move_partitions"), 1);
    for _ in 0..2 {
        assert!(matches!(
            world.swap(),
            CommitAnswer::Committed { .. } | CommitAnswer::Stopped { .. }
        ));
        world.pass(lease());
    }
    assert!(matches!(world.swap(), CommitAnswer::Committed { .. }));
    world.pass(World::settings().grace);
    world.vacuum();
    assert_eq!(late.ends().unwrap(), stopped(StopReason::LeaseTooShort));
    assert_eq!(world.rows(), [1, 2, 3]);
    world.assert_healed(&[1, 2, 3], "d7");
}

/// The lease outlives the swap: until then a request of it may still move the partition.
#[test]
fn d10_a_request_that_lands_after_its_swap_meets_no_other_swap() {
    let world = world();
    assert!(matches!(world.swap(), CommitAnswer::Committed { .. }));
    let there = world.in_catalog();
    assert_eq!(world.swap(), stopped(StopReason::Leased));
    assert!(world.lake.catalog.move_partition(&table(), &partition(), there));
    world.pass(World::settings().grace);
    world.vacuum();
    assert_eq!(world.rows(), [1, 2, 3]);
    world.assert_healed(&[1, 2, 3], "d10");
}

/// No generation is made twice: the first swap copied a file, the second one merges it.
#[test]
fn d8_what_a_dead_swap_copied_is_not_in_the_next_one() {
    let world = world();
    let mut dies = committer(&world, begun(&world));
    assert!(dies.goes_to(Some("replace_object"), 1));
    let copied = world.pointer().next.unwrap().location;
    assert_ne!(alone(world.lake.objects.list_objects(&copied)).unwrap(), []);
    drop(dies);
    world.pass(lease());
    assert!(matches!(world.swap(), CommitAnswer::Committed { .. }));
    assert_ne!(world.in_catalog(), copied);
    assert_eq!(world.rows(), [1, 2, 3]);
    world.assert_healed(&[1, 2, 3], "d8");
}

/// A bin that failed gives the generation up: its file may be there nevertheless.
#[test]
fn d9_a_merge_that_was_given_up_and_is_there_is_not_seen() {
    let world = world();
    let (swap, merged) = begun(&world);
    let message = "timed out".to_owned();
    let failed = merged.iter().map(|answer| {
        let outcome = MergeOutcome::Failed { message: message.clone() };
        MergeAnswer { bin: answer.bin, outcome }
    });
    let failed: Vec<_> = failed.collect();
    for merged in [failed, Vec::new()] {
        let ended = committer(&world, (swap.clone(), merged)).ends();
        assert_eq!(ended.unwrap(), stopped(StopReason::BinFailed));
        assert_eq!(world.rows(), [1, 2, 3]);
    }
    world.assert_healed(&[1, 2, 3], "d9");
}

/// Where files are going stands in the pointer before the partition is listed.
#[test]
fn w1_what_is_written_before_the_listing_or_after_is_brought_over() {
    for stop in ["replace_object", "list_objects"] {
        let world = world();
        let item = world.plan();
        let mut swap = world.swapper(item);
        assert!(swap.goes_to(Some(stop), 1));
        world.load(4);
        assert!(is_committed(swap.ends()));
        assert_eq!(world.rows(), [1, 2, 3, 4], "{stop}");
    }
}

/// Files go to both locations.
#[test]
fn w5_what_is_written_after_the_listing_is_there() {
    let world = world();
    let mut commit = committer(&world, begun(&world));
    world.load(4);
    assert!(commit.goes_to(Some("replace_object"), 1));
    assert!(is_committed(commit.ends()));
    assert_eq!(world.rows(), [1, 2, 3, 4]);
}

/// The pointer is read again after a file was written.
#[test]
fn w6_a_file_that_was_on_its_way_before_the_swap_is_there() {
    let world = world();
    let mut load = world.loader(4);
    // The first one is the file.
    assert!(load.goes_to(Some("put_object"), 1));
    let ended = world.swap();
    assert!(matches!(ended, CommitAnswer::Committed { .. }));
    load.ends();
    assert_eq!(world.rows(), [1, 2, 3, 4]);
    world.assert_healed(&[1, 2, 3, 4], "w6");
}

/// Only what was committed longer ago than the settle time is merged: until then another attempt
/// may write the same file beside the merged one.
#[test]
fn w2_a_file_that_another_attempt_still_writes_is_not_merged() {
    let seen_after = |plan: fn(&World) -> PartitionItem| {
        let world = world();
        let mut other = world.loader(4);
        assert!(other.goes_to(Some("put_object"), 1));
        world.load(4);
        let item = plan(&world);
        assert!(is_committed(world.swapper(item).ends()));
        other.ends();
        world.rows()
    };
    assert_eq!(seen_after(World::plan), [1, 2, 3, 4]);
    assert_eq!(seen_after(World::plan_without_settling), [1, 2, 3, 4, 4]);
}

/// The commit's age counts, not the file's: the other attempt began when the file was old already.
#[test]
fn w3_w4_an_old_file_of_a_fresh_commit_is_not_merged() {
    let seen_after = |plan: fn(&World) -> PartitionItem| {
        let world = world();
        let mut first = world.loader(4);
        assert!(first.goes_to(Some("replace_object"), 1));
        world.clock.advance(settle().saturating_sub(SECOND));
        let mut other = world.loader(4);
        assert!(other.goes_to(Some("put_object"), 1));
        world.pass(SECOND);
        first.ends();
        let item = plan(&world);
        assert!(is_committed(world.swapper(item).ends()));
        other.ends();
        world.rows()
    };
    assert_eq!(seen_after(World::plan), [1, 2, 3, 4]);
    assert_eq!(seen_after(World::plan_without_settling), [1, 2, 3, 4, 4]);
}

/// A file's age is judged before the ledger is read: else it is too old by the time, upon an answer
/// from before its commit.
#[test]
fn w7_a_file_whose_source_commits_meanwhile_is_not_too_old() {
    let world = world();
    let mut load = world.loader(4);
    assert!(load.goes_to(Some("replace_object"), 1));
    world.clock.advance(settle().saturating_sub(SECOND));
    let mut commit = committer(&world, begun(&world));
    // The pointer, the plan, the listing, and the entries of the sources 3 and 4, at once.
    assert!(commit.goes_to(Some("object"), 4));
    // Both entries are read, and not yet told to be committed.
    assert!(commit.goes_to(None, 3));
    world.pass(SECOND);
    load.ends();
    assert!(is_committed(commit.ends()));
    assert_eq!(world.rows(), [1, 2, 3, 4]);
}

/// A file is always written, even where it lies already.
#[test]
fn w16_a_retry_does_not_rely_on_the_file_of_a_dead_attempt() {
    let world = World::new();
    world.die_loading(4, "replace_object");
    world.load(1);
    world.load(2);
    world.pass(settle());
    let mut commit = committer(&world, begun(&world));
    // The old file was dropped, the swap has not committed.
    assert!(commit.goes_to(Some("replace_object"), 1));
    world.load(4);
    assert!(is_committed(commit.ends()));
    assert_eq!(world.rows(), [1, 2, 4]);
    world.assert_healed(&[1, 2, 4], "w16");
}

/// What was left behind is kept for those who still read it.
#[test]
fn w17_a_slow_reader_finds_his_files_until_the_grace_has_passed() {
    let world = world();
    let (location, files) = (world.in_catalog(), world.lake.files().len());
    assert!(matches!(world.swap(), CommitAnswer::Committed { .. }));
    world.clock.advance(World::settings().grace);
    assert_eq!(world.vacuum().waiting, 1);
    assert_eq!(alone(world.lake.objects.list_objects(&location)).unwrap().len(), files);
    world.pass(Duration::ZERO);
    assert_eq!(world.vacuum().files, files);
    assert_eq!(alone(world.lake.objects.list_objects(&location)).unwrap(), []);
    assert_eq!(world.rows(), [1, 2, 3]);
}

/// Committed entries may expire: that one is missing is no evidence against a file.
#[test]
fn m2_a_file_whose_entry_has_expired_comes_along() {
    let world = world();
    let plan = world.plan();
    world.lake.forget_sources();
    let swap = world.swapper(plan);
    assert!(is_committed(swap.ends()));
    assert_eq!(world.rows(), [1, 2, 3]);
}

/// Who has looked at the ledger and wakes up after his time copies nothing: the plan of the source
/// was taken over meanwhile, and its files swept.
#[test]
fn m4_a_copy_does_not_land_behind_a_sweep() {
    let world = world();
    let later = IngestSettings { layout: LAYOUT_VERSION + 1, ..settings() };
    let taken_over = || {
        let ingest =
            Ingest::new(world.lake.catalog.clone(), world.lake.objects.clone(), later.clone());
        let (key, text) = source(4);
        alone(drop_file(&ingest, &key, &text))
    };
    world.die_loading(4, "replace_object");
    let begun = begun(&world);
    let mut commit = committer(&world, begun);
    // The pointer, the plan, the listing, and the entries of the sources 3 and 4, at once.
    assert!(commit.goes_to(Some("object"), 5));
    commit.makes_the_call();
    commit.is_out_of_time();
    // Another layout takes the source over, sweeps and loads it.
    assert_eq!(taken_over().unwrap_err().kind(), ErrorKind::Retry);
    world.pass(settle());
    taken_over().unwrap();
    assert!(matches!(commit.ends(), Err(LakeError::OutOfTime)));
    world.pass(lease());
    assert!(matches!(world.swap(), CommitAnswer::Committed { .. }));
    assert_eq!(world.rows(), [1, 2, 3, 4]);
    world.assert_healed(&[1, 2, 3, 4], "m4");
}

/// What is named nevertheless is kept, whatever a note says.
#[test]
fn what_a_note_calls_garbage_and_something_names_is_kept() {
    let world = world();
    let left = world.in_catalog();
    assert!(matches!(world.swap(), CommitAnswer::Committed { .. }));
    // Somebody puts it back by hand.
    assert!(world.lake.catalog.move_partition(&table(), &partition(), left));
    world.pass(World::settings().grace);
    let report = world.vacuum();
    assert_eq!((report.locations, report.kept.len()), (0, 1));
    assert_eq!(world.rows(), [1, 2, 3]);
    let notes = alone(world.lake.objects.list_objects(&layout::garbage(&database()))).unwrap();
    assert_eq!(notes.len(), 1);
    world.pass(lease());
    let place = (&table(), &partition());
    let repaired = alone(world.swaps().repair(place, world.owner(), Deadline::NEVER));
    assert_eq!(repaired.unwrap(), alluvium_lake::Repair::Done);
    assert_eq!(world.vacuum().locations, 1);
    world.assert_healed(&[1, 2, 3], "after a repair");
}

/// Plans are of use for hours.
#[test]
fn plans_are_forgotten_when_nobody_can_follow_them_any_more() {
    let world = world();
    assert!(matches!(world.swap(), CommitAnswer::Committed { .. }));
    let plans = layout::compactions(&database());
    let left = || alone(world.lake.objects.list_objects(&plans)).unwrap().len();
    // A plan and what its swap listed.
    assert_eq!(left(), 2);
    world.pass(Duration::from_hours(47));
    assert_eq!((world.vacuum().plans, left()), (0, 2));
    world.pass(Duration::from_hours(1));
    assert_eq!((world.vacuum().plans, left()), (2, 0));
    assert_eq!(world.rows(), [1, 2, 3]);
}

#[test]
fn the_doctor_puts_a_partition_back_under_its_lease() {
    let world = world();
    let before = world.in_catalog();
    assert!(matches!(world.swap(), CommitAnswer::Committed { .. }));
    assert!(world.lake.catalog.move_partition(&table(), &partition(), before));
    let (swaps, lake) = (world.swaps(), &world.lake);
    let doctor = Doctor::new(lake.catalog.clone(), lake.objects.clone(), settings());
    let heal = || {
        let mut found = alone(doctor.examine(&[])).unwrap();
        alone(doctor.heal_locations(&mut found, &swaps, || world.owner()));
        let treatments = found.findings.into_iter().map(|reported| reported.treatment);
        treatments.collect::<Vec<_>>()
    };
    assert_eq!(heal(), [Some(Treatment::Left)]);
    world.pass(lease());
    assert_eq!(heal(), [Some(Treatment::Moved)]);
    assert_eq!(heal(), []);
    assert_eq!(world.in_catalog(), world.pointer().location);
    assert_eq!(world.rows(), [1, 2, 3]);
}
