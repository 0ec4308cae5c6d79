//! The event source mapping that Lambda puts between a queue and a function, in virtual time.
//!
//! It exists so that a test can see a use case under everything that happens to it there: batches,
//! invocations at once, failures of single messages, time-outs, crashes at any await, answers that
//! are lost. There is no runtime around it; a seed is a run. It does not slow down when invocations
//! fail: neither does a real one whose function reports single messages. Not modelled: batching
//! windows, throttling, and requests that still take effect after their invocation was stopped.

mod run;
#[cfg(test)]
mod tests;

use std::time::Duration;

use alluvium_model::UtcInstant;

use self::run::{Run, Turn};
use crate::{Delivery, MemoryQueue, Receipt};

/// What is configured at a mapping and its function, and how often invocations go wrong.
#[derive(Clone, Copy, Debug)]
pub struct MappingSettings {
    /// Messages of an invocation at most; a seed picks how many a poll of the queue asks for.
    pub batch_size: usize,
    /// Invocations at once at most.
    pub concurrency_max: usize,
    /// How long an invocation may take: it is stopped before anything it would do from then on.
    pub function_timeout: Duration,
    /// How much time passes, on average, until an invocation that waits is asked again.
    pub step: Duration,
    /// How long the mapping is there; what runs at its end is stopped.
    pub lifetime: Duration,
    /// How probable it is, from 0 to 1, that an invocation crashes instead of going on, each time
    /// that it would.
    pub crash: f64,
    /// How probable it is, from 0 to 1, that an answer does not arrive.
    pub lost_answer: f64,
}

impl Default for MappingSettings {
    fn default() -> Self {
        Self {
            batch_size: 10,
            concurrency_max: 10,
            function_timeout: Duration::from_mins(5),
            step: Duration::from_millis(100),
            lifetime: Duration::from_hours(14 * 24),
            crash: 0.0,
            lost_answer: 0.0,
        }
    }
}

/// What a function answers: `batchItemFailures`, the `itemIdentifier` of each, which may be `null`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchAnswer(pub Vec<Option<String>>);

impl BatchAnswer {
    /// The answer that names these messages as failed.
    pub fn failed<I: Into<String>>(message_ids: impl IntoIterator<Item = I>) -> Self {
        Self(message_ids.into_iter().map(|id| Some(id.into())).collect())
    }

    fn names(&self, message_id: &str) -> bool {
        self.0.iter().any(|id| id.as_deref() == Some(message_id))
    }

    /// Whether all it names are messages of the batch. If not, the whole batch has failed (AWS
    /// documentation, Using Lambda with Amazon SQS: success and failure conditions).
    fn is_about(&self, batch: &[Receipt]) -> bool {
        let is_in_batch = |id: &str| batch.iter().any(|receipt| receipt.message_id == id);
        self.0.iter().all(|id| id.as_deref().is_some_and(is_in_batch))
    }
}

/// What a mapping did, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MappingReport {
    /// Invocations begun. Each crashed, timed out, was stopped or ended.
    pub invocations: usize,
    /// Messages in their batches.
    pub deliveries: usize,
    /// Deliveries of messages that another invocation had at that time, or that were deleted.
    pub duplicates: usize,
    /// Invocations that crashed.
    pub crashes: usize,
    /// Invocations that were stopped at their time-out.
    pub timeouts: usize,
    /// Invocations that ended with an error.
    pub errors: usize,
    /// Answers that arrived and name what is no message of the batch.
    pub wrong_answers: usize,
    /// Answers that did not arrive.
    pub lost_answers: usize,
    /// Invocations that still ran when the mapping's life ended.
    pub stopped: usize,
    /// Messages in the dead-letter queue at the end.
    pub dead_letters: usize,
}

/// A mapping from a queue to a function.
#[derive(Clone, Debug)]
pub struct EventSourceMapping {
    settings: MappingSettings,
    random: fastrand::Rng,
}

impl EventSourceMapping {
    /// A mapping whose steps and faults `seed` determines.
    #[must_use]
    pub fn new(seed: u64, settings: MappingSettings) -> Self {
        Self { settings, random: fastrand::Rng::with_seed(seed) }
    }

    /// Invokes `handler` with the messages of `queue` until none is left or the mapping's life
    /// ends, and tells `observe` the time after every step. What `handler` awaits must need no
    /// runtime, and takes time by [`MemoryClock::sleep`](crate::MemoryClock::sleep). Dropping its
    /// future is how an invocation is killed.
    ///
    /// # Panics
    /// When the settings allow no message or no invocation, or steps of less than a millisecond.
    pub fn run<T: Clone, E>(
        &mut self,
        queue: &MemoryQueue<T>,
        handler: impl AsyncFn(Vec<Delivery<T>>) -> Result<BatchAnswer, E>,
        mut observe: impl FnMut(UtcInstant),
    ) -> MappingReport {
        let mut run = Run::new(self.settings, &mut self.random, queue);
        while !run.has_ended() {
            match run.next_turn() {
                Turn::Mapping => {
                    let batch = run.receive();
                    if !batch.is_empty() {
                        let receipts = batch.iter().map(Delivery::receipt).collect();
                        run.begin(receipts, Box::pin(handler(batch)));
                    }
                }
                Turn::Invocation(number) => run.go_on(number),
            }
            observe(queue.clock().now());
        }
        run.report()
    }
}
