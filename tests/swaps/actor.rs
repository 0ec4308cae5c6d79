//! Somebody at work who stops where he is told to, while others go on.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use alluvium_lake::{Deadline, Ingest, IngestReport, LakeError};
use alluvium_model::compaction::{CommitAnswer, PartitionItem};
use alluvium_testkit::{Fault, MemoryCatalog, MemoryObjects, Unreliable};
use alluvium_tests::{drop_file, settings};

use crate::world::{Watched, World, source};

/// Turns after which somebody is taken to wait for something that never comes.
const TURNS_MAX: u32 = 100_000;

/// Which calls are to wait.
#[derive(Debug, Default)]
struct Gate {
    /// Calls of this name, or all.
    method: Option<&'static str>,
    is_shut: bool,
    /// How many of them are let through before.
    through: u32,
    /// The numbers of calls that were let through.
    open_for: Vec<u64>,
    /// Whether one waits.
    waits: bool,
}

/// Somebody at work.
pub(crate) struct Actor<T> {
    task: Pin<Box<dyn Future<Output = T>>>,
    gate: Arc<Mutex<Gate>>,
    ended: Option<T>,
    pub(crate) is_late: &'static AtomicBool,
}

/// A gate, and ports whose calls go through it.
fn gated(
    world: &World,
) -> (Arc<Mutex<Gate>>, Unreliable<MemoryCatalog>, Unreliable<MemoryObjects>) {
    let gate = Arc::new(Mutex::new(Gate::default()));
    let at = Arc::clone(&gate);
    let catalog = Unreliable::new(world.lake.catalog.clone(), move |number, method| {
        let mut gate = at.lock().unwrap();
        if !gate.is_shut
            || gate.method.is_some_and(|held| held != method)
            || gate.open_for.contains(&number)
        {
            return None;
        }
        if gate.through > 0 {
            gate.through -= 1;
            gate.open_for.push(number);
            return None;
        }
        gate.waits = true;
        Some(Fault::Held)
    });
    let objects = catalog.beside(world.lake.objects.clone());
    (gate, catalog, objects)
}

impl<T: 'static> Actor<T> {
    fn new(gate: Arc<Mutex<Gate>>, task: impl Future<Output = T> + 'static) -> Self {
        let is_late = Box::leak(Box::new(AtomicBool::new(false)));
        Self { task: Box::pin(task), gate, ended: None, is_late }
    }

    /// Goes on until he is about to make the n-th call of this name from now on, counted from 1, or
    /// of any name; false if he ended without.
    pub(crate) fn goes_to(&mut self, method: Option<&'static str>, nth: u32) -> bool {
        {
            let mut gate = self.gate.lock().unwrap();
            let open_for = std::mem::take(&mut gate.open_for);
            *gate = Gate { method, is_shut: true, through: nth - 1, open_for, waits: false };
        }
        for _ in 0..TURNS_MAX {
            if self.gate.lock().unwrap().waits {
                return true;
            }
            if self.ended.is_some() || self.turn() {
                return false;
            }
        }
        unreachable!("somebody waits for something that never comes")
    }

    /// Makes the call that he is about to make, and does not hear how it ended.
    pub(crate) fn makes_the_call(&mut self) {
        self.gate.lock().unwrap().is_shut = false;
        self.turn();
    }

    /// Goes on to the end.
    pub(crate) fn ends(mut self) -> T {
        self.gate.lock().unwrap().is_shut = false;
        for _ in 0..TURNS_MAX {
            if let Some(ended) = self.ended.take() {
                return ended;
            }
            self.turn();
        }
        unreachable!("somebody waits for something that never comes")
    }

    /// From now on it is too late for any call.
    pub(crate) fn is_out_of_time(&self) {
        self.is_late.store(true, Ordering::SeqCst);
    }

    /// One turn; whether he ended.
    fn turn(&mut self) -> bool {
        if self.ended.is_none()
            && let Poll::Ready(ended) =
                self.task.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        {
            self.ended = Some(ended);
        }
        self.ended.is_some()
    }
}

impl World {
    /// Somebody who loads a source.
    pub(crate) fn loader(&self, n: u32) -> Actor<()> {
        self.loading(n, |loaded| drop(loaded.unwrap()))
    }

    /// Somebody who tries to.
    pub(crate) fn tries_to_load(&self, n: u32) -> Actor<Result<(), LakeError>> {
        self.loading(n, |loaded| loaded.map(drop))
    }

    fn loading<T: 'static>(
        &self,
        n: u32,
        ended: impl Fn(Result<IngestReport, LakeError>) -> T + 'static,
    ) -> Actor<T> {
        let (gate, catalog, objects) = gated(self);
        let ingest = Ingest::new(catalog, objects, settings());
        let (key, text) = source(n);
        Actor::new(gate, async move { ended(drop_file(&ingest, &key, &text).await) })
    }

    /// Somebody who maintains the partition.
    pub(crate) fn at_work<T: 'static, F>(
        &self,
        work: impl FnOnce(Watched, Deadline) -> F,
    ) -> Actor<T>
    where
        F: Future<Output = T> + 'static,
    {
        let (gate, catalog, objects) = gated(self);
        let swaps = Watched::new(catalog, objects, Self::settings());
        let is_late: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
        let task = work(swaps, Deadline::told_by(is_late));
        Actor { is_late, ..Actor::new(gate, task) }
    }

    /// Somebody who swaps the partition as it was planned.
    pub(crate) fn swapper(&self, item: PartitionItem) -> Actor<Result<CommitAnswer, LakeError>> {
        let owner = self.owner();
        self.at_work(|swaps, deadline| async move { swaps.swap(&item, owner, || deadline).await })
    }
}
