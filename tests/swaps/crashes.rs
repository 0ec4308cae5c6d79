//! Whoever maintains a partition dies at any call, or the answer to any call gets lost.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use alluvium_lake::Deadline;
use alluvium_model::ErrorKind;
use alluvium_testkit::Fault;

use crate::world::{Watched, World, alone, partition, table, unless_it_dies};

/// What is done to the partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Swap,
    /// A swap of a partition whose last one died before the point of no return.
    SwapAfterDeath,
    /// One whose last one died beyond it.
    RollForward,
    Vacuum,
    Repair,
}

const WORKS: [Work; 5] =
    [Work::Swap, Work::SwapAfterDeath, Work::RollForward, Work::Vacuum, Work::Repair];
const DEATHS: [Fault; 2] = [Fault::DiedBefore, Fault::DiedAfter];
const LOST: Fault = Fault::AnswerLost(ErrorKind::Retry);

/// What is loaded before the work, by sources whose attempts died and come again after it, and in
/// between.
const LOADED: [u32; 4] = [1, 2, 3, 4];
const DIED_LONG_AGO: u32 = 5;
const DIED_JUST_NOW: u32 = 6;
const BETWEEN: u32 = 7;
const ALL: [u32; 7] = [1, 2, 3, 4, 5, 6, 7];

/// A partition with whatever a swap may meet, before this work is done to it.
fn world(work: Work) -> World {
    let world = World::new();
    world.load(LOADED[0]);
    world.load(LOADED[1]);
    world.die_loading(DIED_LONG_AGO, "replace_object");
    world.pass(World::settings().settle);
    world.load(LOADED[2]);
    match work {
        Work::Swap => {}
        // Calls of a swap of this world, in order: these are the last copy and the catalog.
        Work::SwapAfterDeath => die_swapping(&world, "copy_object"),
        Work::RollForward => die_swapping(&world, "move_partitions"),
        Work::Vacuum => {
            world.swap();
            world.pass(World::settings().grace);
        }
        Work::Repair => {
            let elsewhere = world.in_catalog();
            world.swap();
            assert!(world.lake.catalog.move_partition(&table(), &partition(), elsewhere));
            world.pass(World::settings().lease);
        }
    }
    world.load(LOADED[3]);
    world.die_loading(DIED_JUST_NOW, "replace_object");
    world
}

/// A swap dies before it first makes a call of this name; its lease passes.
fn die_swapping(world: &World, method: &'static str) {
    let died = Arc::new(AtomicBool::new(false));
    let dying = Arc::clone(&died);
    let (swaps, _) = world.watched(move |_, called| {
        (called == method).then(|| {
            dying.store(true, Ordering::SeqCst);
            Fault::DiedBefore
        })
    });
    let item = world.plan();
    let swap = swaps.swap(&item, world.owner(), || Deadline::NEVER);
    assert!(unless_it_dies(swap, &died).is_none());
    world.pass(World::settings().lease);
}

/// Does the work, with these faults at these calls; how many calls it made, and whether it ended
/// well.
fn run(world: &World, work: Work, faults: BTreeMap<u64, Fault>) -> (u64, bool) {
    let died = Arc::new(AtomicBool::new(false));
    let dying = Arc::clone(&died);
    let (swaps, calls) = world.watched(move |call, _| {
        let fault = faults.get(&call).copied();
        if matches!(fault, Some(Fault::DiedBefore | Fault::DiedAfter)) {
            dying.store(true, Ordering::SeqCst);
        }
        fault
    });
    let item = world.plan();
    let ended = unless_it_dies(work.run(&swaps, world, item), &died);
    (calls.calls(), ended.is_some())
}

impl Work {
    async fn run(
        self,
        swaps: &Watched,
        world: &World,
        item: alluvium_model::compaction::PartitionItem,
    ) {
        match self {
            Self::Swap | Self::SwapAfterDeath | Self::RollForward => {
                let ended = swaps.swap(&item, world.owner(), || Deadline::NEVER).await.unwrap();
                assert!(
                    matches!(ended, alluvium_model::compaction::CommitAnswer::Committed { .. }),
                    "{ended:?}"
                );
            }
            Self::Vacuum => {
                let report = swaps.vacuum(Deadline::NEVER).await.unwrap();
                assert_eq!((report.locations, report.kept.len()), (1, 0));
            }
            Self::Repair => {
                let place = (&table(), &partition());
                let ended = swaps.repair(place, world.owner(), Deadline::NEVER).await.unwrap();
                assert_eq!(ended, alluvium_lake::Repair::Done);
            }
        }
    }
}

/// Every source that was begun comes again, and another one: all of them are there in the end.
fn heal(world: &World, work: Work, point: &str) {
    world.load(BETWEEN);
    if work == Work::Repair {
        world.pass(World::settings().lease);
        let place = (&table(), &partition());
        alone(world.swaps().repair(place, world.owner(), Deadline::NEVER)).unwrap();
    }
    world.load(DIED_LONG_AGO);
    world.load(DIED_JUST_NOW);
    assert_eq!(world.rows(), ALL, "{point}");
    world.assert_healed(&ALL, point);
}

/// Says something that is shown although the test passes: what macros print is not.
#[expect(clippy::explicit_write, reason = "tests keep what `eprintln!` says to themselves")]
fn tell(line: &str) {
    writeln!(io::stderr(), "{line}").unwrap();
}

#[test]
fn whoever_dies_at_any_call_leaves_what_the_next_one_heals() {
    let mut points = 0;
    for work in WORKS {
        for death in DEATHS {
            for call in 0.. {
                let world = world(work);
                let (calls, _) = run(&world, work, BTreeMap::from([(call, death)]));
                if calls <= call {
                    break;
                }
                points += 1;
                heal(&world, work, &format!("{work:?}: {death:?} at {call}"));
            }
        }
    }
    tell(&format!("{points} calls of maintenance at which somebody died"));
    assert!(points > 150, "only {points} deaths");
}

#[test]
fn a_lost_answer_to_any_call_changes_nothing() {
    let mut points = 0;
    for work in WORKS {
        for call in 0.. {
            let world = world(work);
            let (calls, ended) = run(&world, work, BTreeMap::from([(call, LOST)]));
            assert!(ended);
            if calls <= call {
                break;
            }
            points += 1;
            heal(&world, work, &format!("{work:?}: answer lost at {call}"));
        }
    }
    tell(&format!("{points} calls of maintenance whose answer got lost"));
    assert!(points > 80, "only {points} lost answers");
}

#[test]
fn dying_twice_is_no_worse() {
    const PAIRS: usize = 120;
    let mut random = fastrand::Rng::with_seed(9);
    for work in WORKS {
        let (calls, _) = run(&world(work), work, BTreeMap::new());
        for _ in 0..PAIRS {
            let world = world(work);
            let mut death = || BTreeMap::from([(random.u64(..calls), DEATHS[random.usize(..2)])]);
            let (first, second) = (death(), death());
            let point = format!("{work:?}: {first:?}, then {second:?}");
            run(&world, work, first);
            world.pass(World::settings().lease);
            // What the first one left may be another work by now.
            let (swaps, died) = dying(&world, second);
            let item = world.plan();
            let swap = swaps.swap(&item, world.owner(), || Deadline::NEVER);
            unless_it_dies(swap, &died);
            heal(&world, work, &point);
        }
    }
}

fn dying(world: &World, faults: BTreeMap<u64, Fault>) -> (Watched, Arc<AtomicBool>) {
    let died = Arc::new(AtomicBool::new(false));
    let dying = Arc::clone(&died);
    let (swaps, _) = world.watched(move |call, _| {
        let fault = faults.get(&call).copied();
        dying.fetch_or(fault.is_some(), Ordering::SeqCst);
        fault
    });
    (swaps, died)
}
