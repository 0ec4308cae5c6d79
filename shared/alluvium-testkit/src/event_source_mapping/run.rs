//! A run of a mapping: who takes the next turn, and what becomes of an invocation.

use std::{
    collections::BTreeSet,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use alluvium_model::UtcInstant;

use super::{BatchAnswer, MappingReport, MappingSettings};
use crate::{Delivery, MemoryQueue, Receipt, queue_settings::happens};

pub(super) type Handler<'run, E> = Pin<Box<dyn Future<Output = Result<BatchAnswer, E>> + 'run>>;

/// Whose turn it is.
pub(super) enum Turn {
    /// The mapping polls its queue.
    Mapping,
    /// The invocation of this number goes on.
    Invocation(usize),
}

struct Invocation<'run, E> {
    batch: Vec<Receipt>,
    deadline: UtcInstant,
    handler: Handler<'run, E>,
}

pub(super) struct Run<'run, T, E> {
    settings: MappingSettings,
    random: &'run mut fastrand::Rng,
    queue: &'run MemoryQueue<T>,
    end: UtcInstant,
    running: Vec<Invocation<'run, E>>,
    deleted: BTreeSet<String>,
    report: MappingReport,
}

impl<'run, T: Clone, E> Run<'run, T, E> {
    pub(super) fn new(
        settings: MappingSettings,
        random: &'run mut fastrand::Rng,
        queue: &'run MemoryQueue<T>,
    ) -> Self {
        assert!(settings.batch_size > 0 && settings.concurrency_max > 0, "nothing may be done");
        assert!(settings.step >= Duration::from_millis(1), "time hardly passes");
        Self {
            settings,
            random,
            queue,
            end: queue.clock().after(settings.lifetime),
            running: Vec::new(),
            deleted: BTreeSet::new(),
            report: MappingReport::default(),
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        let is_idle = self.running.is_empty() && self.queue.is_empty();
        is_idle || self.queue.clock().now() >= self.end
    }

    /// Lets time pass, stops what had its time and picks who is next.
    pub(super) fn next_turn(&mut self) -> Turn {
        self.pass_time();
        let turn = self.random.usize(..self.turns());
        if turn < self.running.len() { Turn::Invocation(turn) } else { Turn::Mapping }
    }

    /// How many there are that take turns: the invocations, and the mapping if it may begin another.
    fn turns(&self) -> usize {
        self.running.len() + usize::from(self.running.len() < self.settings.concurrency_max)
    }

    /// Everyone waits for a step on average, however many there are: they wait at once.
    fn pass_time(&mut self) {
        let step = self.settings.step.mul_f64(self.random.f64() * 2.0);
        self.queue.clock().advance(step / u32::try_from(self.turns()).unwrap());
        let (now, running) = (self.queue.clock().now(), self.running.len());
        self.running.retain(|invocation| now < invocation.deadline);
        self.report.timeouts += running - self.running.len();
    }

    /// Polls the queue. When nothing runs it waits until there is a message.
    pub(super) fn receive(&mut self) -> Vec<Delivery<T>> {
        if self.running.is_empty()
            && let Some(next) = self.queue.next_visible_at()
        {
            self.queue.clock().advance_to(next.min(self.end));
        }
        self.queue.receive(self.random.usize(1..=self.settings.batch_size))
    }

    pub(super) fn begin(&mut self, batch: Vec<Receipt>, handler: Handler<'run, E>) {
        self.report.invocations += 1;
        self.report.deliveries += batch.len();
        self.report.duplicates += batch.iter().filter(|receipt| self.is_known(receipt)).count();
        let deadline = self.queue.clock().after(self.settings.function_timeout);
        self.running.push(Invocation { batch, deadline, handler });
    }

    fn is_known(&self, receipt: &Receipt) -> bool {
        let mut in_hand = self.running.iter().flat_map(|invocation| &invocation.batch);
        self.deleted.contains(&receipt.message_id)
            || in_hand.any(|other| other.message_id == receipt.message_id)
    }

    pub(super) fn go_on(&mut self, number: usize) {
        let mut invocation = self.running.swap_remove(number);
        if happens(self.random, self.settings.crash) {
            self.report.crashes += 1;
            return;
        }
        match invocation.handler.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => self.running.push(invocation),
            Poll::Ready(answer) => self.settle(&invocation.batch, answer),
        }
    }

    /// Deletes what an answer does not name as failed. The rest comes back by itself, when its
    /// visibility time-out has passed (AWS documentation, Using Lambda with Amazon SQS).
    fn settle(&mut self, batch: &[Receipt], answer: Result<BatchAnswer, E>) {
        match answer {
            Err(_) => self.report.errors += 1,
            Ok(_) if happens(self.random, self.settings.lost_answer) => {
                self.report.lost_answers += 1;
            }
            Ok(answer) if !answer.is_about(batch) => self.report.wrong_answers += 1,
            Ok(answer) => {
                for receipt in batch.iter().filter(|receipt| !answer.names(&receipt.message_id)) {
                    self.queue.delete(receipt);
                    self.deleted.insert(receipt.message_id.clone());
                }
            }
        }
    }

    pub(super) fn report(mut self) -> MappingReport {
        self.report.stopped = self.running.len();
        self.report.dead_letters = self.queue.dead_letters().len();
        self.report
    }
}
