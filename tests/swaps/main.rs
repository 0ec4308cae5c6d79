//! Swaps of a partition on the fakes: who dies, who sleeps, who is late, and the falls of the
//! protocol's drafts.
#![expect(clippy::unwrap_used, reason = "a broken expectation must stop the test")]

mod actor;
mod crashes;
mod pairs;
mod retention;
mod traces;
mod world;
mod zombies;

use alluvium_lake::SwapSettings;
use alluvium_model::compaction::{CommitAnswer, StopReason, SwapReport};

use crate::world::World;

#[test]
fn settled_files_become_one_and_fresh_ones_come_along() {
    let world = World::new();
    world.load(1);
    world.load(2);
    world.pass(World::settings().settle);
    world.load(3);
    let before = world.in_catalog();
    let CommitAnswer::Committed { report } = world.swap() else { unreachable!() };
    let SwapReport { merged_files, new_files, copied_files, dropped_files, .. } = report;
    assert_eq!((merged_files, new_files, copied_files, dropped_files), (2, 1, 1, 0));
    assert_eq!(world.rows(), [1, 2, 3]);
    assert_ne!(world.in_catalog(), before);
    assert_eq!(world.swap(), CommitAnswer::Stopped { reason: StopReason::Leased });
    world.assert_healed(&[1, 2, 3], "after a swap");
    let SwapSettings { grace, lease, .. } = World::settings();
    assert!(grace < lease);
}
