//! The event source mapping that Lambda puts between a Kinesis stream and a function, in virtual
//! time.
//!
//! Of each shard it delivers one batch at a time (`ParallelizationFactor` 1), in order. What an
//! answer names as failed is delivered again from the first of it on, also what had succeeded
//! behind it, split or as it was, before anything that comes later; what has failed too often or is
//! too old goes to the failure destination with its data. Nothing passes the checkpoint of a
//! shard before it was done or given up.
//!
//! At least once means more than that, on bad days, and all of it happens here by a seed: a batch
//! comes again though it was done, before or after later ones; a poller begins again at an earlier
//! checkpoint; two of them deliver one shard at once, each with cuts of its own; and a batch is
//! delivered again, split, while the invocation that it was given up for goes on.
//!
//! Sources: AWS documentation, Using Lambda to process records from Amazon Kinesis Data Streams;
//! Lambda parameters for Amazon Kinesis Data Streams event source mappings; Configuring partial
//! batch response; Retain discarded batch records (`AWS_FACTS.md` §4). Not modelled: batching and
//! tumbling windows, filters, throttling, exponential pauses, and records that the stream itself
//! has dropped.

mod event;
mod given_up;
mod poller;
mod run;
#[cfg(test)]
mod tests;
mod verdict;

use std::{pin::Pin, time::Duration};

use alluvium_model::UtcInstant;
use serde_json::Value;

use self::{
    given_up::Identity,
    poller::Poller,
    run::{Run, Turn},
};
use crate::{FailureObjects, MemoryShards};

/// What is configured at a mapping from a stream and at its function.
#[derive(Clone, Copy, Debug)]
pub struct KinesisMappingSettings {
    /// `BatchSize`: records of a batch at most; a seed picks how many a poll brings.
    pub batch_size: usize,
    /// Bytes of a batch at most, as the function gets it; one record is a batch however long.
    pub batch_bytes: usize,
    /// `MaximumRetryAttempts`; without it a batch is tried for ever.
    pub retries_max: Option<u32>,
    /// `MaximumRecordAgeInSeconds`; without it records are tried however old.
    pub record_age_max: Option<Duration>,
    /// `BisectBatchOnFunctionError`.
    pub bisect: bool,
    /// How long a batch that failed waits, on average.
    pub retry_pause: Duration,
    /// How long an invocation may take: it is stopped before anything it would do from then on.
    pub function_timeout: Duration,
    /// How much time passes, on average, until an invocation that waits is asked again.
    pub step: Duration,
    /// How long a run lasts at most; what runs at its end is stopped.
    pub lifetime: Duration,
    /// What goes wrong, and how often.
    pub faults: KinesisFaults,
}

impl Default for KinesisMappingSettings {
    fn default() -> Self {
        Self {
            batch_size: 100,
            batch_bytes: 6 * 1024 * 1024,
            retries_max: None,
            record_age_max: None,
            bisect: false,
            retry_pause: Duration::from_secs(1),
            function_timeout: Duration::from_mins(5),
            step: Duration::from_millis(100),
            lifetime: Duration::from_hours(14 * 24),
            faults: KinesisFaults::default(),
        }
    }
}

/// How probable it is, from 0 to 1, that things go wrong; by default they never do.
#[derive(Clone, Copy, Debug, Default)]
pub struct KinesisFaults {
    /// An invocation crashes instead of going on, each time that it would.
    pub crash: f64,
    /// The mapping takes an invocation to have failed, each time that it goes on; it goes on all
    /// the same until its time is up.
    pub zombie: f64,
    /// An answer does not arrive: the whole batch has failed.
    pub lost_answer: f64,
    /// A batch that is done comes once more, some time later, as it was.
    pub duplicate: f64,
    /// After a batch that is done the poller begins again at an earlier checkpoint.
    pub restart: f64,
    /// Before a batch is delivered another poller takes over the shard, at that checkpoint or an
    /// earlier one, while the old one delivers some more.
    pub takeover: f64,
}

/// What a mapping did, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KinesisReport {
    /// Invocations begun.
    pub invocations: usize,
    /// Records in their batches.
    pub deliveries: usize,
    /// Deliveries of records that another invocation had at that time, or that were done or given
    /// up before.
    pub duplicates: usize,
    /// Invocations that crashed.
    pub crashes: usize,
    /// Invocations that were stopped at their time-out while their answer was waited for.
    pub timeouts: usize,
    /// Invocations that went on although the mapping took them to have failed.
    pub zombies: usize,
    /// Invocations that ended with an error.
    pub errors: usize,
    /// Answers that named a record of the batch as failed.
    pub failures: usize,
    /// Answers that named what is no record of the batch.
    pub wrong_answers: usize,
    /// Answers that did not arrive.
    pub lost_answers: usize,
    /// Batches that were split.
    pub splits: usize,
    /// Pollers that began again at an earlier checkpoint.
    pub restarts: usize,
    /// Shards that were taken over by another poller.
    pub takeovers: usize,
    /// Batches that were given up, and put to the failure destination.
    pub given_up: usize,
    /// Invocations that still ran when the run ended.
    pub stopped: usize,
}

/// Tasks that run beside the invocations of a mapping, and take turns with them: schedules,
/// replays, whatever else there is. Each of them crashes and times out as an invocation does.
#[derive(Default)]
pub struct Beside<'env>(Vec<Pin<Box<dyn Future<Output = ()> + 'env>>>);

impl<'env> Beside<'env> {
    /// Begins a task.
    pub fn begin(&mut self, task: impl Future<Output = ()> + 'env) {
        self.0.push(Box::pin(task));
    }
}

/// A mapping from a stream to a function. What it has delivered it remembers from run to run.
#[derive(Clone, Debug)]
pub struct KinesisMapping {
    settings: KinesisMappingSettings,
    random: fastrand::Rng,
    identity: Identity,
    failure_objects: FailureObjects,
    pollers: Vec<Poller>,
}

impl KinesisMapping {
    /// A mapping from the beginning (`TRIM_HORIZON`), whose cuts, steps and faults `seed`
    /// determines.
    #[must_use]
    pub fn new(seed: u64, settings: KinesisMappingSettings) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let identity = Identity::random(&mut random);
        let failure_objects = FailureObjects::default();
        Self { settings, random, identity, failure_objects, pollers: Vec::new() }
    }

    /// Where it puts what it gives up.
    #[must_use]
    pub fn failure_objects(&self) -> FailureObjects {
        self.failure_objects.clone()
    }

    /// Invokes `handler` with the events of `shards` until nothing is left to be done or the run
    /// has lasted as long as it may, and tells `observe` the time after every step, which may put
    /// records and begin tasks then. What they await must need no runtime, and takes time by
    /// [`MemoryClock::sleep`](crate::MemoryClock::sleep). Dropping its future is how an invocation
    /// is killed.
    ///
    /// # Panics
    /// When the settings allow no record, or steps of less than a millisecond.
    pub fn run<'env, E>(
        &mut self,
        shards: &MemoryShards,
        handler: impl AsyncFn(Value) -> Result<Value, E>,
        mut observe: impl FnMut(UtcInstant, &mut Beside<'env>),
    ) -> KinesisReport {
        let mut run = Run::new(self, shards);
        while !run.has_ended() {
            match run.next_turn() {
                Turn::Poller(number) => {
                    if let Some((work, event)) = run.take_up(number) {
                        run.begin(work, Box::pin(handler(event)));
                    }
                }
                Turn::Duplicate => {
                    let (work, event) = run.take_duplicate();
                    run.begin(work, Box::pin(handler(event)));
                }
                Turn::Invocation(number) => run.go_on(number),
                Turn::Task(number) => run.go_on_beside(number),
                Turn::Nobody => {}
            }
            let mut beside = Beside::default();
            observe(shards.clock().now(), &mut beside);
            run.begin_beside(beside);
        }
        run.report()
    }
}
