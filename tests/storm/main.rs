//! A storm: many writers, each with a memory of its own, against a catalog that conflicts,
//! throttles and loses answers. A seed decides who comes next, what fails and what is written, so
//! that a seed that fails fails again.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a broken expectation must stop the test"
)]

mod files;
mod hands;
mod laws;

use std::{
    ops::Range,
    pin::Pin,
    sync::{Arc, Mutex},
};

use alluvium_lake::{Backoff, Ingest, IngestSettings, LakeError};
use alluvium_model::{
    Budget, ErrorKind, Limits, TableRules,
    ports::{LakeCatalog, LakeObjects},
};
use alluvium_testkit::{Fault, MemoryCatalog, MemoryObjects, Unreliable, interleave};
use alluvium_tests::{Lake, drop_under, seeds::run_seeds, settings};

use crate::files::{File, files};

const WRITERS: usize = 64;
/// Deliveries of a file before it would be in a dead-letter queue.
const DELIVERIES_MAX: u32 = 20;
/// Calls of a hundred that are not made, and that are made but not answered.
const REFUSED: u32 = 12;
const UNANSWERED: u32 = 8;

/// Small files need no large buffers.
fn limits() -> Limits {
    Limits { part_text_bytes: 1 << 16, record_bytes: 1 << 16, ..Limits::default() }
}

type Task<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + 'a>>;

/// What is done to a table at once.
#[derive(Clone, Copy, Debug, Default)]
struct Storm {
    seed: u64,
    /// The catalog does not compare versions.
    careless: bool,
    /// People drop and retype columns meanwhile.
    by_hand: bool,
}

/// Why a storm was not survived.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Broken {
    /// A file was not loaded.
    Delivery(String),
    /// All files were loaded, and a law does not hold.
    Law(String),
}

/// What a storm came to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    calls: u64,
    conflicts: u64,
    failed: u64,
    healed: u64,
    columns: usize,
}

impl Storm {
    /// Runs the storm; says which law is broken afterwards, if one is.
    fn run(self) -> Result<Outcome, Broken> {
        let catalog = if self.careless {
            MemoryCatalog::without_version_check()
        } else {
            MemoryCatalog::default()
        };
        let lake = Lake { catalog, objects: MemoryObjects::default() };
        let mut random = fastrand::Rng::with_seed(self.seed);
        let files = files(&mut random);
        let faults = Arc::new(Mutex::new(random.fork()));
        let catalog = Unreliable::new(lake.catalog.clone(), faults_of(&faults));
        let objects = Unreliable::new(lake.objects.clone(), faults_of(&faults));
        let outcome = Mutex::new(Outcome::default());
        let mut tasks: Vec<Task<'_>> = Vec::new();
        for writer in 0..WRITERS {
            // Some files are delivered to two writers.
            let own: Vec<_> = files.iter().skip(writer).step_by(WRITERS).collect();
            let another = (random.u8(..6) == 0).then(|| &files[random.usize(..files.len())]);
            let ingest = Ingest::new(catalog.clone(), objects.clone(), Self::settings());
            let (outcome, rules) = (&outcome, self.rules());
            tasks.push(Box::pin(async move {
                for file in own.into_iter().chain(another) {
                    deliver(&ingest, &rules, file, outcome).await?;
                }
                Ok(())
            }));
        }
        if self.by_hand {
            tasks.extend((0..4).map(|_| hands::edit_now_and_then(&lake.catalog, random.fork())));
        }
        let ended = interleave(self.seed, tasks).into_iter().collect::<Result<Vec<_>, _>>();
        ended.map_err(Broken::Delivery)?;
        if self.by_hand {
            // What was done last is found by whoever comes next.
            lake.forget_sources();
            for file in &files {
                let (catalog, objects) = (lake.catalog.clone(), lake.objects.clone());
                let ingest = Ingest::new(catalog, objects, Self::settings());
                let rules = self.rules();
                let delivery = deliver(&ingest, &rules, file, &outcome);
                alone(delivery).map_err(Broken::Delivery)?;
            }
        }
        let mut outcome = outcome.into_inner().unwrap();
        outcome.calls = catalog.calls();
        let held = laws::hold(&lake, &files, self.rules().budget);
        outcome.columns = held.map_err(Broken::Law)?;
        Ok(outcome)
    }

    fn settings() -> IngestSettings {
        IngestSettings { backoff: Backoff::without_pauses(8), limits: limits(), ..settings() }
    }

    /// Now and then tables are full before everything has a column.
    fn rules(self) -> Arc<TableRules> {
        let all = Budget::default();
        let budget = match self.seed % 8 {
            0 => Budget { max_columns: 16, ..all },
            4 => Budget { max_table_bytes: 1_500, ..all },
            _ => all,
        };
        Arc::new(TableRules { budget, ..TableRules::default() })
    }
}

/// Runs one task without others.
fn alone<T>(task: impl Future<Output = T>) -> T {
    interleave(0, vec![Box::pin(task)]).remove(0)
}

/// Calls fail by chance, with effect or without.
fn faults_of(
    random: &Arc<Mutex<fastrand::Rng>>,
) -> impl Fn(u64, &'static str) -> Option<Fault> + Send + Sync + 'static {
    let random = Arc::clone(random);
    move |_, _| match random.lock().unwrap().u32(..100) {
        n if n < REFUSED => Some(Fault::Refused(ErrorKind::Retry)),
        n if n < REFUSED + UNANSWERED => Some(Fault::AnswerLost(ErrorKind::Retry)),
        _ => None,
    }
}

/// Delivers a file until it is loaded, as a queue would; what will never work breaks the storm.
async fn deliver<C, O>(
    ingest: &Ingest<C, O>,
    rules: &Arc<TableRules>,
    file: &File,
    outcome: &Mutex<Outcome>,
) -> Result<(), String>
where
    C: LakeCatalog + Clone,
    O: LakeObjects + Clone,
{
    let mut failed: Option<LakeError> = None;
    for _ in 0..DELIVERIES_MAX {
        match drop_under(ingest, rules, &file.key, &file.text).await {
            Ok(report) => {
                let mut outcome = outcome.lock().unwrap();
                outcome.conflicts += report.counts.commit_conflicts;
                outcome.healed += report.counts.columns_healed;
                return Ok(());
            }
            Err(error) if error.kind() == ErrorKind::Retry => failed = Some(error),
            Err(error) => return Err(format!("{}: {error}", file.key)),
        }
        outcome.lock().unwrap().failed += 1;
    }
    Err(format!("{} was given up: {failed:?}", file.key))
}

/// Runs many storms on all processors; the first seed that breaks a law, and which.
fn storms(seeds: Range<u64>, storm: Storm) -> Result<Vec<Outcome>, String> {
    let run = |seed| Storm { seed, ..storm }.run().map_err(|broken| format!("{broken:?}"));
    run_seeds(seeds, run)
}

#[test]
fn a_storm_loses_no_column_and_no_value() {
    let outcomes = storms(0..1_000, Storm::default()).unwrap();
    assert_eq!(outcomes.len(), 1_000);
    let total = |of: fn(&Outcome) -> u64| outcomes.iter().map(of).sum::<u64>();
    // It was a storm: writers were overtaken all the time, and some deliveries failed.
    assert!(total(|o| o.conflicts) > 40_000, "{} conflicts", total(|o| o.conflicts));
    assert!(total(|o| o.failed) > 100, "{} failures", total(|o| o.failed));
    assert_eq!(total(|o| o.healed), 0);
}

#[test]
fn a_storm_in_which_people_change_columns_by_hand_ends_healed() {
    let outcomes = storms(0..40, Storm { by_hand: true, ..Storm::default() }).unwrap();
    assert!(outcomes.iter().all(|outcome| outcome.healed > 0));
}

#[test]
fn without_the_version_check_the_storm_is_not_survived() {
    let careless = |seed| Storm { seed, careless: true, by_hand: false };
    for seed in 0..5 {
        let Err(Broken::Law(law)) = careless(seed).run() else {
            panic!("storm {seed} was survived by a catalog that compares nothing")
        };
        let is_lost =
            ["has no column", "not Some", "not None", "Missing"].map(|word| law.contains(word));
        assert!(is_lost.contains(&true), "nothing was lost: {law}");
    }
}

#[test]
fn a_seed_is_a_storm() {
    let run = |seed| Storm { seed, by_hand: true, ..Storm::default() }.run().unwrap();
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}
