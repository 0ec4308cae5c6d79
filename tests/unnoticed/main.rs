//! Readers never notice: while eight writers load, two compactors swap every partition as soon as
//! they may and a vacuum deletes what they leave behind, readers who go through the catalog find
//! every row once that was committed when they asked it, and no file vanishes under them.
//!
//! Processes die at any moment, and calls fail, are not answered, or land late. A seed is a storm:
//! one that fails fails again.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a broken expectation must stop the test"
)]

mod compactors;
mod readers;
mod scene;
mod writers;

use std::{
    ops::Range,
    pin::Pin,
    task::{Context, Waker},
    time::Duration,
};

use alluvium_tests::seeds::run_seeds;

use crate::scene::{Scene, Without};

/// What passes with each turn of anybody.
const TURN: Duration = Duration::from_millis(20);
/// Swaps of one storm.
const SWAPS: u64 = 60;
/// Turns after which a storm is taken to go on for ever.
const TURNS_MAX: u64 = 2_000_000;

type Task<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// A storm, and what is missing in it.
#[derive(Clone, Copy, Debug)]
struct Storm {
    seed: u64,
    without: Without,
}

/// What a storm came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Outcome {
    rows: u64,
    swaps: u64,
    merged: u64,
    vacuumed: u64,
    reads: u64,
    deaths: u64,
    late: u64,
}

impl Storm {
    const fn of(seed: u64) -> Self {
        Self { seed, without: Without::Nothing }
    }

    /// Runs the storm; says what a reader noticed, if one did.
    fn run(self) -> Result<Outcome, String> {
        let scene = Scene::new(self.seed, self.without);
        let mut tasks: Vec<Task<'_>> = Vec::new();
        for writer in 0..scene::WRITERS {
            tasks.push(Box::pin(writers::write(&scene, writer)));
        }
        for _ in 0..scene::COMPACTORS {
            tasks.push(Box::pin(compactors::compact(&scene)));
        }
        tasks.push(Box::pin(compactors::vacuum(&scene)));
        for _ in 0..scene::READERS {
            tasks.push(Box::pin(readers::read(&scene)));
        }
        let mut random = fastrand::Rng::with_seed(self.seed);
        for _ in 0..TURNS_MAX {
            let task = &mut tasks[random.usize(..scene::TASKS)];
            let ended = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(ended.is_pending(), "they go on for ever");
            scene.clock.advance(TURN);
            scene.objects.catch_up();
            if let Some(noticed) = scene.noticed.borrow().as_ref() {
                return Err(noticed.clone());
            }
            if scene.outcome.get().swaps >= SWAPS {
                drop(tasks);
                return readers::all_is_there(&scene).map(|()| scene.ended());
            }
        }
        Err(format!("after {TURNS_MAX} turns: {:?}", scene.ended()))
    }
}

/// Runs many storms on all processors, or until something is noticed; by which seed.
fn storms(seeds: Range<u64>) -> Result<Vec<Outcome>, String> {
    run_seeds(seeds, |seed| Storm::of(seed).run())
}

#[test]
fn readers_never_notice() {
    let outcomes = storms(0..20).unwrap();
    let total = |of: fn(&Outcome) -> u64| outcomes.iter().map(of).sum::<u64>();
    let totals = [
        ("rows", total(|o| o.rows)),
        ("swaps", total(|o| o.swaps)),
        ("files merged", total(|o| o.merged)),
        ("locations vacuumed", total(|o| o.vacuumed)),
        ("reads", total(|o| o.reads)),
        ("deaths", total(|o| o.deaths)),
        ("late requests", total(|o| o.late)),
    ];
    println!("{} storms: {totals:?}", outcomes.len());
    assert!(totals[1].1 >= 1_000, "not much of a storm: {totals:?}");
    for (what, number) in totals {
        assert!(number > 0, "no {what} in {totals:?}");
    }
}

/// Storms over a lake that is without something, until a reader notices.
fn assert_noticed(without: Without) {
    const SEEDS: u64 = 30;
    let storm = |seed| Storm { seed, without };
    let noticed =
        (0..SEEDS).find_map(|seed| storm(seed).run().err().map(|noticed| (seed, noticed)));
    let (seed, noticed) = noticed.unwrap_or_else(|| unreachable!("{without:?} was not noticed"));
    println!("{without:?} is noticed by seed {seed}: {noticed}");
}

#[test]
fn a_grace_of_nothing_is_noticed() {
    assert_noticed(Without::Grace);
}

#[test]
fn a_writer_that_never_looks_again_is_noticed() {
    assert_noticed(Without::Reread);
}

#[test]
fn a_writer_that_does_not_write_to_what_is_coming_is_noticed() {
    assert_noticed(Without::Next);
}

#[test]
fn a_seed_is_a_storm() {
    let run = |seed| Storm::of(seed).run().unwrap();
    assert_eq!(run(3), run(3));
}
