//! A storm of deliveries: a queue that delivers twice, at once and again, a function in two
//! versions that crashes and is stopped, a network that loses answers and delivers late, objects
//! that are overwritten, deleted and put back, and partitions that are swapped meanwhile.
//!
//! At every moment whatever the ledger calls committed is where readers look, once. In the end
//! every record is there once that is not gone. A seed is a storm: one that fails fails again.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a broken expectation must stop the test"
)]

mod bucket;
mod laws;
mod rows;
mod scene;
mod world;

use std::{ops::Range, time::Duration};

use alluvium_testkit::{EventSourceMapping, MappingReport, MappingSettings, interleave};
use alluvium_tests::{
    late::{Changes, LATE_MAX, Without},
    seeds::run_seeds,
};

use crate::{
    laws::{Watch, all_is_done, verify},
    world::{FUNCTION_TIMEOUT, SETTLE, World},
};

/// Times that dead letters are moved back before they are given up.
const REDRIVES_MAX: u32 = 40;
/// Of so many seeds one is verified value by value, too.
const VERIFIED_ONE_IN: u64 = 16;
/// Turns for each thing that is done to the bucket, on average.
const TURNS_AN_ACT: u32 = 40;

/// A seed, and what is missing in its lake.
#[derive(Clone, Copy, Debug)]
struct Storm {
    seed: u64,
    without: Without,
    settle: Duration,
}

/// What a storm came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Outcome {
    invocations: usize,
    duplicates: usize,
    crashes: usize,
    timeouts: usize,
    dead_letters: usize,
    late: u64,
    swaps: u64,
    superseded: u64,
}

impl Storm {
    const fn of(seed: u64) -> Self {
        Self { seed, without: Without::Nothing, settle: SETTLE }
    }

    /// Runs the storm; says which law is broken, if one is.
    fn run(self) -> Result<Outcome, String> {
        let (world, mut outcome) = (World::new(self), Outcome::default());
        let settings = MappingSettings {
            batch_size: 3,
            concurrency_max: 4,
            function_timeout: FUNCTION_TIMEOUT,
            step: Duration::from_millis(300),
            crash: 0.004,
            lost_answer: 0.05,
            ..MappingSettings::default()
        };
        let mut mapping = EventSourceMapping::new(self.seed, settings);
        let (mut watch, mut changes, mut broken) = (Watch::default(), Changes::default(), None);
        for _ in 0..REDRIVES_MAX {
            while world.queue.is_empty() && world.act() {}
            let report = mapping.run(
                &world.queue,
                |batch| world.invoke(batch),
                |_| {
                    let now = world.objects.catch_up();
                    if broken.is_none() && now != changes {
                        broken = watch.look(&world.lake, now.replaced != changes.replaced).err();
                        world.is_over.set(broken.is_some());
                    }
                    changes = now;
                    if world.chance(TURNS_AN_ACT) {
                        world.act();
                    }
                },
            );
            outcome.add(report);
            if broken.is_some() || world.is_done() {
                break;
            }
            world.queue.redrive();
        }
        if let Some(broken) = broken {
            return Err(broken);
        }
        if !world.is_done() {
            return Err(format!("never done: {:?}", world.queue.dead_letters()));
        }
        world.clock.advance(LATE_MAX);
        world.objects.catch_up();
        watch.look(&world.lake, true)?;
        outcome.superseded = self.end(&world, &watch)?;
        Ok(Outcome { late: world.objects.late(), swaps: world.swaps.get(), ..outcome })
    }

    /// Checks how it ended; how many contents were superseded.
    fn end(self, world: &World, watch: &Watch) -> Result<u64, String> {
        let contents = &world.scene.contents;
        let announced = world.announced();
        watch.nothing_was_taken_back(&world.lake)?;
        let superseded = all_is_done(&world.lake, contents, &announced)?;
        if self.seed.is_multiple_of(VERIFIED_ONE_IN) {
            alone(verify(&world.lake, &world.scene.deployments, contents, &announced))?;
        }
        Ok(superseded)
    }
}

impl Outcome {
    fn add(&mut self, report: MappingReport) {
        self.invocations += report.invocations;
        self.duplicates += report.duplicates;
        self.crashes += report.crashes;
        self.timeouts += report.timeouts;
        self.dead_letters += report.dead_letters;
    }
}

/// Runs one task without others.
fn alone<T>(task: impl Future<Output = T>) -> T {
    interleave(0, vec![Box::pin(task)]).remove(0)
}

/// Runs many storms on all processors; or until a seed breaks a law; which one it is.
fn storms(seeds: Range<u64>) -> Result<Vec<Outcome>, String> {
    run_seeds(seeds, |seed| Storm::of(seed).run())
}

#[test]
fn every_record_is_there_once_after_a_storm_of_deliveries() {
    let outcomes = storms(0..10_000).unwrap();
    let total = |of: fn(&Outcome) -> u64| outcomes.iter().map(of).sum::<u64>();
    let totals = [
        ("invocations", total(|o| o.invocations as u64)),
        ("duplicates", total(|o| o.duplicates as u64)),
        ("crashes", total(|o| o.crashes as u64)),
        ("time-outs", total(|o| o.timeouts as u64)),
        ("dead letters", total(|o| o.dead_letters as u64)),
        ("late requests", total(|o| o.late)),
        ("swaps", total(|o| o.swaps)),
        ("superseded contents", total(|o| o.superseded)),
    ];
    println!("{} seeds: {totals:?}", outcomes.len());
    for (what, number) in totals {
        assert!(number > 30, "not much of a storm: {number} {what}");
    }
}

/// Storms over a lake that is without something, until one breaks a law.
fn assert_noticed(storm: impl Fn(u64) -> Storm) {
    const SEEDS: u64 = 60;
    let broken = (0..SEEDS).find_map(|seed| storm(seed).run().err().map(|broken| (seed, broken)));
    assert!(broken.is_some(), "{:?} was not noticed", storm(0));
    let (seed, broken) = broken.unwrap();
    println!("{:?} is noticed by seed {seed}: {broken}", storm(seed));
}

#[test]
fn a_writer_that_never_looks_again_is_noticed() {
    assert_noticed(|seed| Storm { without: Without::Reread, ..Storm::of(seed) });
}

#[test]
fn a_writer_that_does_not_write_to_what_is_coming_is_noticed() {
    assert_noticed(|seed| Storm { without: Without::Next, ..Storm::of(seed) });
}

#[test]
fn a_claim_that_does_not_exclude_others_is_noticed() {
    assert_noticed(|seed| Storm { without: Without::Claim, ..Storm::of(seed) });
}

#[test]
fn compare_and_sets_that_do_not_compare_are_noticed() {
    assert_noticed(|seed| Storm { without: Without::Compare, ..Storm::of(seed) });
}

#[test]
fn taking_over_without_waiting_is_noticed() {
    assert_noticed(|seed| Storm { settle: Duration::ZERO, ..Storm::of(seed) });
}

#[test]
fn a_seed_is_a_storm() {
    let run = |seed| Storm::of(seed).run().unwrap();
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}
