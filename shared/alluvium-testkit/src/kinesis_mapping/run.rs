//! A run of a mapping: who takes the next turn, and what becomes of an invocation.

mod outcome;

use std::{
    ops::Range,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use alluvium_model::{StreamRecord, UtcInstant};
use serde_json::Value;

use super::{
    Beside, KinesisMapping, KinesisMappingSettings, KinesisReport,
    event::{event_of, record_of},
    given_up::{Identity, Reason},
    poller::{Batch, Poller},
};
use crate::{FailureObjects, MemoryShards, queue_settings::happens};

/// How many records a checkpoint lies back at most, where one does.
const BACK_MAX: usize = 8;

type Handler<'run, E> = Pin<Box<dyn Future<Output = Result<Value, E>> + 'run>>;
type Task<'env> = Pin<Box<dyn Future<Output = ()> + 'env>>;

/// Whose turn it is.
pub(super) enum Turn {
    /// The poller of this number delivers a batch.
    Poller(usize),
    /// A batch that was done comes again.
    Duplicate,
    /// The invocation of this number goes on.
    Invocation(usize),
    /// The task of this number goes on.
    Task(usize),
    /// All there are wait for a time.
    Nobody,
}

/// A batch that is delivered, and the poller that waits for what becomes of it, if one does.
pub(super) struct Work {
    poller: Option<u64>,
    shard: usize,
    batch: Batch,
}

struct Invocation<'run, E> {
    work: Work,
    deadline: UtcInstant,
    handler: Handler<'run, E>,
}

pub(super) struct Run<'run, 'env, E> {
    settings: KinesisMappingSettings,
    random: &'run mut fastrand::Rng,
    identity: Identity,
    failure_objects: &'run FailureObjects,
    pollers: &'run mut Vec<Poller>,
    shards: &'run MemoryShards,
    end: UtcInstant,
    running: Vec<Invocation<'run, E>>,
    tasks: Vec<(UtcInstant, Task<'env>)>,
    duplicates: Vec<(usize, Batch)>,
    /// By shard, what was done or given up once.
    settled: Vec<usize>,
    report: KinesisReport,
}

impl<'run, 'env, E> Run<'run, 'env, E> {
    pub(super) fn new(mapping: &'run mut KinesisMapping, shards: &'run MemoryShards) -> Self {
        let settings = mapping.settings;
        assert!(settings.batch_size > 0, "nothing may be done");
        assert!(settings.step >= Duration::from_millis(1), "time hardly passes");
        for shard in mapping.pollers.len()..shards.shards() {
            mapping.pollers.push(Poller::new(shard as u64, shard, 0));
        }
        let checkpoint_of = |shard| mapping.pollers.iter().find(|poller| poller.shard == shard);
        let settled = (0..shards.shards())
            .map(|shard| checkpoint_of(shard).map_or(0, |poller| poller.checkpoint))
            .collect();
        Self {
            settings,
            random: &mut mapping.random,
            identity: mapping.identity,
            failure_objects: &mapping.failure_objects,
            pollers: &mut mapping.pollers,
            shards,
            end: shards.clock().after(settings.lifetime),
            running: Vec::new(),
            tasks: Vec::new(),
            duplicates: Vec::new(),
            settled,
            report: KinesisReport::default(),
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        let is_idle = self.running.is_empty()
            && self.tasks.is_empty()
            && self.duplicates.is_empty()
            && !self.pollers.iter().any(|poller| self.has_work(poller));
        is_idle || self.shards.clock().now() >= self.end
    }

    fn has_work(&self, poller: &Poller) -> bool {
        poller.checkpoint < self.shards.len(poller.shard)
    }

    fn may_poll(&self, poller: &Poller) -> bool {
        let is_due = poller.waits_until <= self.shards.clock().now();
        is_due && !poller.is_waiting && self.has_work(poller)
    }

    /// Lets time pass, stops what had its time and picks who is next.
    pub(super) fn next_turn(&mut self) -> Turn {
        self.pass_time();
        let polling = (0..self.pollers.len())
            .filter(|number| self.pollers.get(*number).is_some_and(|poller| self.may_poll(poller)));
        let mut turns: Vec<Turn> = polling.map(Turn::Poller).collect();
        turns.extend(self.duplicates.iter().map(|_| Turn::Duplicate));
        turns.extend((0..self.running.len()).map(Turn::Invocation));
        turns.extend((0..self.tasks.len()).map(Turn::Task));
        if turns.is_empty() {
            return Turn::Nobody;
        }
        turns.swap_remove(self.random.usize(..turns.len()))
    }

    /// Everyone waits for a step on average, however many there are: they wait at once. Where all
    /// there are wait for a time, it comes.
    fn pass_time(&mut self) {
        let clock = self.shards.clock();
        let at_work = self.running.len() + self.tasks.len() + self.duplicates.len();
        if at_work == 0 && !self.pollers.iter().any(|poller| self.may_poll(poller)) {
            let waiting = self.pollers.iter().filter(|poller| self.has_work(poller));
            if let Some(next) = waiting.map(|poller| poller.waits_until).min() {
                clock.advance_to(next.min(self.end));
            }
        }
        let step = self.settings.step.mul_f64(self.random.f64() * 2.0);
        clock.advance(step / u32::try_from(at_work + 1).unwrap());
        let now = clock.now();
        let has_work = |poller: &Poller| poller.checkpoint < self.shards.len(poller.shard);
        self.pollers.retain(|poller| !poller.is_leaving || poller.is_waiting || has_work(poller));
        self.tasks.retain(|(deadline, _)| now < *deadline);
        let (on_time, late): (Vec<_>, Vec<_>) =
            self.running.drain(..).partition(|invocation| now < invocation.deadline);
        self.running = on_time;
        for invocation in late {
            self.report.timeouts += usize::from(invocation.work.poller.is_some());
            self.failed_whole(&invocation.work);
        }
    }

    /// A poller takes up its next batch, if it is still there and the batch is not too old.
    pub(super) fn take_up(&mut self, number: usize) -> Option<(Work, Value)> {
        self.take_over(number);
        if self.pollers.get(number)?.is_leaving && self.random.bool() {
            self.pollers.remove(number);
            return None;
        }
        let shard = self.pollers.get(number)?.shard;
        let count = self.random.usize(1..=self.settings.batch_size);
        let (shards, bytes) = (self.shards, self.settings.batch_bytes);
        let poller = self.pollers.get_mut(number)?;
        let mut batch = poller.take_up(|from| cut(shards, shard, from..from + count, bytes));
        let too_old = self.too_old(shard, &batch);
        if too_old > 0 {
            let given_up = self.pollers.get_mut(number)?.give_up_first(&batch, too_old);
            self.give_up(shard, given_up, Reason::Age);
            return None;
        }
        batch.invocations += 1;
        let poller = self.pollers.get_mut(number)?;
        poller.is_waiting = true;
        let work = Work { poller: Some(poller.id), shard, batch };
        let event = self.event(&work);
        Some((work, event))
    }

    /// Another poller takes over the shard, by chance.
    fn take_over(&mut self, number: usize) {
        let Some(poller) = self.pollers.get(number) else { return };
        let others = self.pollers.iter().filter(|other| other.shard == poller.shard).count();
        if others > 1 || !happens(self.random, self.settings.faults.takeover) {
            return;
        }
        let id = self.pollers.iter().map(|poller| poller.id).max().unwrap_or_default() + 1;
        let back = self.random.usize(..=BACK_MAX);
        let new = Poller::new(id, poller.shard, poller.checkpoint.saturating_sub(back));
        self.pollers.push(new);
        if let Some(poller) = self.pollers.get_mut(number) {
            poller.is_leaving = true;
        }
        self.report.takeovers += 1;
    }

    /// How many of the first records of a batch are older than they may be.
    fn too_old(&self, shard: usize, batch: &Batch) -> usize {
        let Some(age_max) = self.settings.record_age_max else { return 0 };
        let oldest =
            self.shards.clock().now().micros() - i64::try_from(age_max.as_micros()).unwrap();
        let records = self.shards.records_in(shard, batch.places.clone());
        records.iter().take_while(|record| record.arrived_at.micros() < oldest).count()
    }

    /// A batch that was done comes again. Nobody waits for what becomes of it.
    pub(super) fn take_duplicate(&mut self) -> (Work, Value) {
        let number = self.random.usize(..self.duplicates.len());
        let (shard, batch) = self.duplicates.swap_remove(number);
        let work = Work { poller: None, shard, batch };
        let event = self.event(&work);
        (work, event)
    }

    fn event(&self, work: &Work) -> Value {
        let records = self.shards.records_in(work.shard, work.batch.places.clone());
        event_of(self.shards, work.shard, &records)
    }

    pub(super) fn begin(&mut self, work: Work, handler: Handler<'run, E>) {
        self.report.invocations += 1;
        self.report.deliveries += work.batch.places.len();
        let is_known = |place: &usize| self.is_known(work.shard, *place);
        self.report.duplicates += work.batch.places.clone().filter(is_known).count();
        let deadline = self.shards.clock().after(self.settings.function_timeout);
        self.running.push(Invocation { work, deadline, handler });
    }

    fn is_known(&self, shard: usize, place: usize) -> bool {
        let works = self.running.iter().map(|invocation| &invocation.work);
        self.settled.get(shard).is_some_and(|settled| place < *settled)
            || works
                .filter(|work| work.shard == shard)
                .any(|work| work.batch.places.contains(&place))
    }

    pub(super) fn begin_beside(&mut self, beside: Beside<'env>) {
        let deadline = self.shards.clock().after(self.settings.function_timeout);
        self.tasks.extend(beside.0.into_iter().map(|task| (deadline, task)));
    }

    pub(super) fn go_on_beside(&mut self, number: usize) {
        let (deadline, mut task) = self.tasks.swap_remove(number);
        if happens(self.random, self.settings.faults.crash) {
            self.report.crashes += 1;
            return;
        }
        if task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            self.tasks.push((deadline, task));
        }
    }

    pub(super) fn go_on(&mut self, number: usize) {
        let mut invocation = self.running.swap_remove(number);
        if happens(self.random, self.settings.faults.crash) {
            self.report.crashes += 1;
            self.failed_whole(&invocation.work);
            return;
        }
        match invocation.handler.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => {
                let is_awaited = invocation.work.poller.is_some();
                if is_awaited && happens(self.random, self.settings.faults.zombie) {
                    self.report.zombies += 1;
                    let poller = invocation.work.poller.take();
                    let Work { shard, batch, .. } = &invocation.work;
                    let (shard, batch) = (*shard, batch.clone());
                    self.failed_whole(&Work { poller, shard, batch });
                }
                self.running.push(invocation);
            }
            Poll::Ready(answer) => self.settle(invocation.work, answer),
        }
    }

    pub(super) fn report(mut self) -> KinesisReport {
        self.report.stopped = self.running.len();
        for Invocation { work, .. } in self.running.drain(..) {
            if let Some(poller) = poller_of(self.pollers, &work) {
                poller.forget(work.batch);
            }
        }
        self.pollers.retain(|poller| !poller.is_leaving);
        self.report
    }
}

fn poller_of<'a>(pollers: &'a mut [Poller], work: &Work) -> Option<&'a mut Poller> {
    pollers.iter_mut().find(|poller| Some(poller.id) == work.poller)
}

/// As many of these records as there are and as fit into an event, one at least.
fn cut(
    shards: &MemoryShards,
    shard: usize,
    places: Range<usize>,
    bytes_max: usize,
) -> Range<usize> {
    let Range { start, end } = places;
    let records = shards.records_in(shard, start..end.min(shards.len(shard)));
    let arn = shards.arn();
    // Far from the limit nobody has to know how long exactly a record is.
    let bytes_at_most: usize = records.iter().map(|record| bytes_at_most(&arn, record)).sum();
    if bytes_at_most <= bytes_max {
        return start..start + records.len();
    }
    let mut bytes = 0;
    let fitting = records.iter().take_while(|record| {
        bytes += record_of(&arn, shard, record).to_string().len();
        bytes <= bytes_max
    });
    start..start + fitting.count().clamp(1, records.len().max(1))
}

/// More bytes than a record has in an event: base64 takes less than twice the data, text six times
/// itself, and the rest is known.
fn bytes_at_most(stream_arn: &str, record: &StreamRecord) -> usize {
    let StreamRecord { partition_key, data, .. } = record;
    1_000 + stream_arn.len() + 6 * partition_key.len() + 2 * data.len()
}
