//! What becomes of a batch, whatever becomes of its invocation.

mod limits;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    future::pending,
    ops::Range,
};

use tokio::task::yield_now;

use super::*;
use crate::{MemoryClock, QueueFaults, QueueSettings};

const MESSAGES: u32 = 10;
const SEEDS: Range<u64> = 0..20;

type Batch = Vec<Delivery<u32>>;
type Answer = Result<BatchAnswer, &'static str>;

/// Bodies are numbers from 0; a message can be received three times.
fn queue(seed: u64, faults: QueueFaults) -> MemoryQueue<u32> {
    let settings = QueueSettings { max_receive_count: 3, faults, ..QueueSettings::default() };
    let queue = MemoryQueue::new(seed, MemoryClock::default(), settings);
    (0..MESSAGES).for_each(|body| drop(queue.send(body)));
    queue
}

/// A run to its end and what it invoked.
struct Seen {
    queue: MemoryQueue<u32>,
    batches: Vec<(UtcInstant, Batch)>,
    report: MappingReport,
}

impl Seen {
    /// Runs a handler that is told the number of its invocation, from 0.
    fn run(
        seed: u64,
        settings: MappingSettings,
        faults: QueueFaults,
        handler: impl AsyncFn(usize, Batch) -> Answer,
    ) -> Self {
        let (queue, batches) = (queue(seed, faults), RefCell::new(Vec::new()));
        let report = EventSourceMapping::new(seed, settings).run(
            &queue,
            |batch: Batch| {
                let number = batches.borrow().len();
                batches.borrow_mut().push((queue.clock().now(), batch.clone()));
                handler(number, batch)
            },
            |_| (),
        );
        assert_eq!((queue.is_empty(), batches.borrow().len()), (true, report.invocations));
        Self { batches: batches.into_inner(), queue, report }
    }

    fn without_faults(seed: u64, handler: impl AsyncFn(usize, Batch) -> Answer) -> Self {
        Self::run(seed, MappingSettings::default(), QueueFaults::default(), handler)
    }

    /// When a message was delivered.
    fn times_of(&self, body: u32) -> Vec<UtcInstant> {
        let has_it = |batch: &Batch| batch.iter().any(|delivery| delivery.body == body);
        self.batches.iter().filter(|(_, batch)| has_it(batch)).map(|(at, _)| *at).collect()
    }

    /// Checks that these messages came a second time, when they were visible again, the others
    /// once, and that none died.
    fn check_returned(&self, returned: &[u32]) {
        for body in 0..MESSAGES {
            let times = self.times_of(body);
            assert_eq!(times.len(), if returned.contains(&body) { 2 } else { 1 });
            assert!(times.windows(2).all(|pair| is_visible_again(pair[0], pair[1])));
        }
        assert_eq!(self.report.dead_letters, 0);
    }
}

fn is_visible_again(received: UtcInstant, now: UtcInstant) -> bool {
    let hidden = QueueSettings::default().visibility_timeout;
    now.micros() - received.micros() >= i64::try_from(hidden.as_micros()).unwrap()
}

async fn succeed(_: usize, _: Batch) -> Answer {
    yield_now().await;
    Ok(BatchAnswer::default())
}

/// Checks that a whole batch comes back when its invocation, the first, ends like this, and that
/// the report counts it there.
fn check_whole_batch_returns(
    end: &impl AsyncFn(&Batch) -> Answer,
    count: fn(&MappingReport) -> usize,
) {
    for seed in SEEDS {
        let seen = Seen::without_faults(seed, async |number, batch| match number {
            0 => end(&batch).await,
            _ => succeed(number, batch).await,
        });
        let first: Vec<_> = seen.batches[0].1.iter().map(|delivery| delivery.body).collect();
        seen.check_returned(&first);
        assert_eq!(count(&seen.report), 1);
    }
}

#[test]
fn a_failed_message_comes_back_after_its_visibility_timeout_and_the_rest_of_its_batch_does_not() {
    for seed in SEEDS {
        Seen::without_faults(seed, async |_, batch| {
            let failed = batch.iter().filter(|d| d.body % 3 == 0 && d.receive_count == 1);
            Ok(BatchAnswer::failed(failed.map(|delivery| &delivery.message_id)))
        })
        .check_returned(&[0, 3, 6, 9]);
    }
}

#[test]
fn an_error_returns_the_whole_batch() {
    check_whole_batch_returns(&async |_| Err("exception"), |report| report.errors);
}

#[test]
fn an_invocation_is_stopped_at_its_timeout_and_returns_the_whole_batch() {
    check_whole_batch_returns(&async |_| pending().await, |report| report.timeouts);
}

#[test]
fn a_null_empty_or_unknown_id_returns_the_whole_batch() {
    for wrong in [None, Some(""), Some("unknown"), Some("M0")] {
        let end = async |batch: &Batch| {
            let right = Some(batch[0].message_id.clone());
            Ok(BatchAnswer(vec![right, wrong.map(str::to_owned)]))
        };
        check_whole_batch_returns(&end, |report| report.wrong_answers);
    }
}

#[test]
fn a_crash_can_come_before_every_step() {
    let mut last_steps = BTreeSet::<i32>::new();
    for seed in SEEDS {
        let steps = RefCell::new([0; 100]);
        let settings = MappingSettings { crash: 0.2, ..MappingSettings::default() };
        let seen = Seen::run(seed, settings, QueueFaults::default(), async |number, _| {
            for step in 1..=3 {
                steps.borrow_mut()[number] = step;
                yield_now().await;
            }
            steps.borrow_mut()[number] = 4;
            Ok(BatchAnswer::default())
        });
        let begun = &steps.into_inner()[..seen.report.invocations];
        assert_eq!(begun.iter().filter(|step| **step < 4).count(), seen.report.crashes);
        last_steps.extend(begun);
    }
    assert!(last_steps.into_iter().eq(0..=4));
}

#[test]
fn an_answer_that_is_lost_deletes_nothing() {
    let settings = MappingSettings { lost_answer: 1.0, ..MappingSettings::default() };
    let Seen { report, .. } = Seen::run(1, settings, QueueFaults::default(), succeed);
    assert_eq!((report.lost_answers, report.deliveries), (report.invocations, 30));
    assert_eq!(report.dead_letters, 10);
}

#[test]
fn poison_is_a_dead_letter_in_the_end_and_keeps_no_other_from_being_worked_off() {
    for seed in SEEDS {
        let settings = MappingSettings { concurrency_max: 1, ..MappingSettings::default() };
        let seen = Seen::run(seed, settings, QueueFaults::default(), async |_, batch| {
            let failed = batch.iter().filter(|delivery| delivery.body == 7);
            Ok(BatchAnswer::failed(failed.map(|delivery| &delivery.message_id)))
        });
        let (poison, letters) = (seen.times_of(7), seen.queue.dead_letters());
        assert!(letters.iter().map(|letter| (letter.body, letter.receive_count)).eq([(7, 3)]));
        assert!(poison.windows(2).all(|pair| is_visible_again(pair[0], pair[1])));
        for body in (0..MESSAGES).filter(|body| *body != 7) {
            assert!(seen.times_of(body).len() == 1 && seen.times_of(body)[0] < poison[1]);
        }
    }
}

#[test]
fn a_redriven_letter_is_delivered_again() {
    let (queue, is_mended) = (queue(1, QueueFaults::default()), Cell::new(false));
    let handler = async |_| is_mended.get().then(BatchAnswer::default).ok_or("exception");
    let mut mapping = EventSourceMapping::new(1, MappingSettings::default());
    assert_eq!(mapping.run(&queue, handler, |_| ()).dead_letters, 10);
    is_mended.set(true);
    queue.redrive();
    let report = mapping.run(&queue, handler, |_| ());
    assert_eq!((report.deliveries, report.errors, report.dead_letters), (10, 0, 0));
}

#[test]
fn duplicates_are_delivered_at_once_and_after_a_deletion() {
    let duplicates = |faults, handler: fn() -> Answer| {
        let handler = async |_, _| handler();
        Seen::run(1, MappingSettings::default(), faults, handler).report.duplicates
    };
    let none = QueueFaults::default();
    let (at_once, after_deletion) = (
        QueueFaults { stays_visible: 0.5, ..none },
        QueueFaults { survives_deletion: 0.5, ..none },
    );
    assert!(duplicates(at_once, || Err("exception")) > 0);
    assert!(duplicates(after_deletion, || Ok(BatchAnswer::default())) > 0);
    assert_eq!(duplicates(none, || Err("exception")), 0);
}

/// A run with everything that can go wrong; returns which bodies were worked off, too.
fn run_on_a_bad_day(seed: u64) -> (Seen, BTreeSet<u32>) {
    let settings = MappingSettings {
        function_timeout: Duration::from_millis(800),
        crash: 0.1,
        lost_answer: 0.1,
        ..MappingSettings::default()
    };
    let faults = QueueFaults { stays_visible: 0.1, lost_delivery: 0.1, survives_deletion: 0.1 };
    let done = RefCell::new(BTreeSet::new());
    let run = Seen::run(seed, settings, faults, async |_, batch| {
        for delivery in batch {
            yield_now().await;
            done.borrow_mut().insert(delivery.body);
        }
        Ok(BatchAnswer::default())
    });
    (run, done.into_inner())
}

#[test]
fn no_message_vanishes_on_a_bad_day() {
    let mut deaths = 0;
    for seed in 0..200 {
        let (run, mut accounted_for) = run_on_a_bad_day(seed);
        deaths += run.report.dead_letters;
        accounted_for.extend(run.queue.dead_letters().iter().map(|letter| letter.body));
        assert!(accounted_for.into_iter().eq(0..MESSAGES), "seed {seed}");
    }
    assert!(deaths > 0);
}

#[test]
fn a_seed_is_a_run() {
    let batches = |seed| run_on_a_bad_day(seed).0.batches;
    assert_eq!(batches(1), batches(1));
    assert_ne!(batches(1), batches(2));
}
