//! Somebody sleeps before any of his calls, or one of them is under way for long; others go on,
//! and then he does.

use alluvium_lake::{Deadline, LakeError, Swaps};
use alluvium_model::{
    Phase,
    compaction::{BeginAnswer, CommitAnswer, CommitRequest, MergeRequest, StopReason},
};

use crate::world::{SECOND, World, alone};

const ALL: [u32; 4] = [1, 2, 3, 4];

/// A partition with settled files, a fresh one, and one of a source that is still being loaded.
fn world() -> World {
    let world = World::new();
    world.load(1);
    world.load(2);
    world.pass(World::settings().settle);
    world.load(3);
    world
}

fn is_committing(world: &World) -> bool {
    world.pointer().next.is_some_and(|next| next.phase == Phase::Committing)
}

/// Others swap the partition twice and vacuum it; somebody loads a source.
fn others_go_on(world: &World) {
    for _ in 0..2 {
        world.pass(World::settings().lease);
        let ended = world.swap();
        assert!(matches!(ended, CommitAnswer::Committed { .. }), "{ended:?}");
    }
    world.load(4);
    world.pass(World::settings().grace);
    world.vacuum();
}

/// Before the point of no return nothing depends on how long a swap sleeps: it has lost its
/// partition when it wakes up.
#[test]
fn who_slept_before_the_point_of_no_return_does_no_harm() {
    let mut points = 0;
    for call in 1.. {
        let world = world();
        let mut zombie = world.swapper(world.plan());
        if !zombie.goes_to(None, call) || is_committing(&world) {
            break;
        }
        others_go_on(&world);
        match zombie.ends() {
            // The latter if what it merged was deleted meanwhile.
            Ok(CommitAnswer::Stopped { .. }) | Err(LakeError::NotWritten { .. }) => {}
            other => unreachable!("asleep at {call}: {other:?}"),
        }
        assert_eq!(world.rows(), ALL, "asleep at {call}");
        // What it wrote meanwhile lies where nobody looks, and may stay there.
        world.pass(World::settings().lease);
        world.swap();
        assert_eq!((world.rows(), world.findings()), (ALL.to_vec(), String::new()));
        points += 1;
    }
    assert!(points > 15, "only {points} calls before the point of no return");
}

/// Everywhere a call may be under way for as long as the settle time says, and whoever wakes up
/// after his time makes no other one.
#[test]
fn a_call_that_is_late_does_no_harm() {
    let mut points = 0;
    for call in 1.. {
        let world = world();
        let mut zombie = world.swapper(world.plan());
        if !zombie.goes_to(None, call) {
            break;
        }
        zombie.is_out_of_time();
        world.clock.advance(World::settings().settle.saturating_sub(SECOND));
        // Nobody else may swap it, whatever he plans, unless nothing had begun.
        let ended = world.swap();
        let nothing_had_begun = matches!(ended, CommitAnswer::Committed { .. });
        assert!(
            nothing_had_begun == (call <= 4)
                || ended == CommitAnswer::Stopped { reason: StopReason::Leased },
            "late at {call}: {ended:?}"
        );
        world.load(4);
        assert!(matches!(zombie.ends(), Err(LakeError::OutOfTime) | Ok(_)), "late at {call}");
        assert_eq!(world.rows(), ALL, "late at {call}");
        world.assert_healed(&ALL, &format!("late at {call}"));
        points += 1;
    }
    assert!(points > 20, "only {points} calls");
}

/// Between two functions any time may pass: a state machine was stopped and redriven.
#[test]
fn a_step_that_comes_when_others_have_swapped_the_partition_does_nothing() {
    let world = world();
    let (item, owner, zombie) = (world.plan(), world.owner(), world.swaps());
    let begun = alone(zombie.begin(&item, owner, Deadline::NEVER)).unwrap();
    let BeginAnswer::Begun { swap, bins } = begun else { unreachable!("{begun:?}") };
    others_go_on(&world);
    let merged = bins.iter().map(|bin| {
        let request = MergeRequest { swap: swap.clone(), bin: bin.bin };
        alone(zombie.merge(&request, Deadline::NEVER)).unwrap()
    });
    let merged: Vec<_> = merged.collect();
    let ended = alone(zombie.commit(&CommitRequest { swap, merged }, Deadline::NEVER)).unwrap();
    assert_eq!(ended, CommitAnswer::Stopped { reason: StopReason::Overtaken });
    assert_eq!(world.rows(), ALL);
    world.assert_healed(&ALL, "a late step");
}

/// Who has begun last is the owner, and no other one commits what he has begun.
#[test]
fn a_swap_that_was_taken_over_does_not_commit_the_other_one() {
    let world = world();
    let begin = |swaps: &Swaps<_, _>| {
        let begun = alone(swaps.begin(&world.plan(), world.owner(), Deadline::NEVER)).unwrap();
        let BeginAnswer::Begun { swap, bins } = begun else { unreachable!("{begun:?}") };
        let merge = |bin| {
            let request = MergeRequest { swap: swap.clone(), bin };
            alone(swaps.merge(&request, Deadline::NEVER)).unwrap()
        };
        let merged = bins.iter().map(|bin| merge(bin.bin)).collect();
        CommitRequest { swap, merged }
    };
    let zombie = world.swaps();
    let request = begin(&zombie);
    world.pass(World::settings().lease);
    begin(&world.swaps());
    let ended = alone(zombie.commit(&request, Deadline::NEVER)).unwrap();
    assert_eq!(ended, CommitAnswer::Stopped { reason: StopReason::Overtaken });
    assert_eq!(world.rows(), [1, 2, 3]);
    world.assert_healed(&[1, 2, 3], "taken over");
}

/// The same request, once more: an answer got lost between two functions.
#[test]
fn every_step_may_come_twice() {
    let world = world();
    let (item, owner, swaps) = (world.plan(), world.owner(), world.swaps());
    let begun = alone(swaps.begin(&item, owner, Deadline::NEVER)).unwrap();
    let BeginAnswer::Begun { swap, bins } = begun else { unreachable!("{begun:?}") };
    let again = alone(swaps.begin(&item, world.owner(), Deadline::NEVER)).unwrap();
    assert_eq!(again, BeginAnswer::Stopped { reason: StopReason::Leased });
    let merge = |bin| {
        let request = MergeRequest { swap: swap.clone(), bin };
        alone(swaps.merge(&request, Deadline::NEVER)).unwrap()
    };
    for bin in &bins {
        assert_eq!(merge(bin.bin), merge(bin.bin));
    }
    let merged: Vec<_> = bins.iter().map(|bin| merge(bin.bin)).collect();
    let request = CommitRequest { swap, merged };
    for _ in 0..2 {
        let ended = alone(swaps.commit(&request, Deadline::NEVER)).unwrap();
        assert!(matches!(ended, CommitAnswer::Committed { .. }), "{ended:?}");
        assert_eq!(world.rows(), [1, 2, 3]);
    }
    world.assert_healed(&[1, 2, 3], "twice");
}
