//! Everything that there is in a storm.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    future::poll_fn,
    pin::pin,
    sync::{Arc, Mutex},
    task::Poll,
    time::Duration,
};

use crate::Outcome;
use alluvium_lake::{Backoff, SwapSettings};
use alluvium_model::{DatabaseName, ErrorKind, PartitionSpec, TableName, TableRules};
use alluvium_testkit::{Fault, MemoryCatalog, MemoryClock, MemoryObjects, Unreliable};
use alluvium_tests::{
    Lake,
    late::{self, LateCatalog, LateObjects},
};
use fastrand::Rng;

pub(crate) const WRITERS: usize = 8;
pub(crate) const COMPACTORS: usize = 2;
pub(crate) const READERS: usize = 2;
pub(crate) const TASKS: usize = WRITERS + COMPACTORS + 1 + READERS;
/// Values of the partition column.
pub(crate) const PARTITIONS: usize = 6;

/// How long anybody's attempt or step may take.
pub(crate) const ATTEMPT_MAX: Duration = Duration::from_secs(40);
/// Longer than an attempt, and what it sent last can be under way.
pub(crate) const SETTLE: Duration = Duration::from_mins(1);
const LEASE: Duration = Duration::from_secs(150);
/// Longer than any reader takes.
const GRACE: Duration = Duration::from_mins(1);
/// Calls of a hundred that are not made, and that are made but not answered.
const REFUSED: u32 = 2;
const UNANSWERED: u32 = 2;
/// One attempt or step of so many dies.
const DIES_ONE_IN: u32 = 8;

/// What a lake may be without, to see that a reader would notice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Without {
    #[default]
    Nothing,
    /// What is left behind is deleted at once.
    Grace,
    /// A pointer that was read is never found to have changed.
    Reread,
    /// Nobody is told of locations that are coming.
    Next,
}

/// A lake and what is known of it.
pub(crate) struct Scene {
    pub(crate) clock: MemoryClock,
    pub(crate) lake: Lake,
    pub(crate) objects: LateObjects,
    pub(crate) rules: Arc<TableRules>,
    /// Rows that are committed, each by its name.
    pub(crate) committed: RefCell<BTreeSet<String>>,
    pub(crate) outcome: Cell<Outcome>,
    /// What a reader noticed.
    pub(crate) noticed: RefCell<Option<String>>,
    pub(crate) without: Without,
    random: RefCell<Rng>,
    ports: (Unreliable<LateCatalog>, Unreliable<LateObjects>),
}

pub(crate) type Catalog = Unreliable<LateCatalog>;
pub(crate) type Objects = Unreliable<LateObjects>;

impl Scene {
    pub(crate) fn new(seed: u64, without: Without) -> Self {
        let mut random = Rng::with_seed(seed);
        let clock = MemoryClock::default();
        let objects = MemoryObjects::dated_by(clock.clone());
        let lake = Lake { catalog: MemoryCatalog::default(), objects };
        let objects = LateObjects::new(lake.objects.clone(), clock.clone(), random.fork());
        let catalog = LateCatalog { catalog: lake.catalog.clone(), network: objects.clone() };
        let faults = Mutex::new(random.fork());
        let catalog = Unreliable::new(catalog, move |_, _| fault(&faults));
        let unreliable = catalog.beside(objects.clone());
        let by: PartitionSpec = "identity($.p)".parse().unwrap();
        Self {
            clock,
            lake,
            objects,
            rules: Arc::new(TableRules { partitions: by, ..TableRules::default() }),
            committed: RefCell::default(),
            outcome: Cell::default(),
            noticed: RefCell::default(),
            without,
            random: RefCell::new(random),
            ports: (catalog, unreliable),
        }
    }

    /// The ports of a compactor, a vacuum.
    pub(crate) fn ports(&self) -> (Catalog, Objects) {
        self.ports.clone()
    }

    /// The ports of a writer.
    pub(crate) fn ports_of_writer(&self) -> (Catalog, Objects) {
        let without = match self.without {
            Without::Nothing | Without::Grace => late::Without::Nothing,
            Without::Reread => late::Without::Reread,
            Without::Next => late::Without::Next,
        };
        let (catalog, _) = self.ports();
        let objects = catalog.beside(self.objects.without(without));
        (catalog, objects)
    }

    pub(crate) fn settings(&self) -> SwapSettings {
        let (mut settle, mut grace) = (SETTLE, GRACE);
        match self.without {
            Without::Nothing | Without::Reread | Without::Next => {}
            Without::Grace => (settle, grace) = (Duration::ZERO, Duration::ZERO),
        }
        SwapSettings {
            database: database(),
            backoff: Backoff::without_pauses(6),
            settle,
            lease: LEASE,
            grace,
            step_max: None,
        }
    }

    /// A random number below `end`.
    pub(crate) fn random(&self, end: u32) -> u32 {
        self.random.borrow_mut().u32(..end)
    }

    pub(crate) async fn sleep(&self, longest: Duration) {
        let longest = u32::try_from(longest.as_millis()).unwrap();
        let time = Duration::from_millis(self.random(longest).into());
        self.clock.sleep(time).await;
    }

    /// Does what a process does: it ends by itself, or dies, at the latest when its time is up.
    pub(crate) async fn unless_it_dies<T>(&self, task: impl Future<Output = T>) -> Option<T> {
        let longest = u32::try_from(ATTEMPT_MAX.as_millis()).unwrap();
        let dies_after =
            if self.random(DIES_ONE_IN) == 0 { self.random(longest / 4) } else { longest };
        let end = self.clock.after(Duration::from_millis(dies_after.into()));
        let mut task = pin!(task);
        let ended = poll_fn(|context| {
            if self.clock.now() >= end {
                return Poll::Ready(None);
            }
            task.as_mut().poll(context).map(Some)
        });
        let ended = ended.await;
        if ended.is_none() {
            self.count(|outcome| outcome.deaths += 1);
        }
        ended
    }

    pub(crate) fn count(&self, count: impl FnOnce(&mut Outcome)) {
        let mut outcome = self.outcome.get();
        count(&mut outcome);
        self.outcome.set(outcome);
    }

    pub(crate) fn notice(&self, what: String) {
        self.noticed.borrow_mut().get_or_insert(what);
    }

    pub(crate) fn ended(&self) -> Outcome {
        let rows = self.committed.borrow().len() as u64;
        Outcome { rows, late: self.objects.late(), ..self.outcome.get() }
    }
}

/// Calls fail by chance, with effect or without.
fn fault(random: &Mutex<Rng>) -> Option<Fault> {
    match random.lock().unwrap().u32(..100) {
        n if n < REFUSED => Some(Fault::Refused(ErrorKind::Retry)),
        n if n < REFUSED + UNANSWERED => Some(Fault::AnswerLost(ErrorKind::Retry)),
        _ => None,
    }
}

pub(crate) fn database() -> DatabaseName {
    "lake".parse().unwrap()
}

pub(crate) fn table() -> TableName {
    "camera".parse().unwrap()
}
