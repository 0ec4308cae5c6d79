//! What limits a mapping and its invocations, in number and in time.

use std::pin::Pin;

use super::*;

#[test]
fn nothing_is_done_by_an_invocation_after_its_timeout() {
    async fn go_on_until(deadline: UtcInstant, clock: &MemoryClock) -> Answer {
        while clock.now() < deadline {
            yield_now().await;
        }
        panic!("it went on");
    }
    let (queue, settings) = (queue(1, QueueFaults::default()), MappingSettings::default());
    let handler = |_| go_on_until(queue.clock().after(settings.function_timeout), queue.clock());
    let report = EventSourceMapping::new(1, settings).run(&queue, handler, |_| ());
    assert_eq!((report.timeouts, report.dead_letters), (report.invocations, 10));
}

#[test]
fn batches_and_invocations_at_once_have_their_limits() {
    for seed in SEEDS {
        let (running, most) = (Cell::new(0), Cell::new(0));
        let settings =
            MappingSettings { batch_size: 3, concurrency_max: 2, ..MappingSettings::default() };
        let seen = Seen::run(seed, settings, QueueFaults::default(), async |number, batch| {
            running.set(running.get() + 1);
            most.set(most.get().max(running.get()));
            for _ in 0..20 {
                yield_now().await;
            }
            let answer = succeed(number, batch).await;
            running.set(running.get() - 1);
            answer
        });
        assert!(seen.batches.iter().all(|(_, batch)| batch.len() <= 3));
        assert_eq!(most.get(), 2);
    }
}

#[test]
fn invocations_wait_at_once() {
    for concurrency_max in [1, 5, 10] {
        let queue = queue(1, QueueFaults::default());
        let settings =
            MappingSettings { batch_size: 1, concurrency_max, ..MappingSettings::default() };
        let handler = async |_| {
            for _ in 0..100 {
                yield_now().await;
            }
            Answer::Ok(BatchAnswer::default())
        };
        let begin = queue.clock().now();
        EventSourceMapping::new(1, settings).run(&queue, handler, |_| ());
        let took = queue.clock().now().micros() - begin.micros();
        // Of a tenth of a second each, for all messages, shared by those at once.
        let expected =
            100 * 100_000 * i64::from(MESSAGES) / i64::try_from(concurrency_max).unwrap();
        assert!((expected..expected * 3 / 2).contains(&took), "{took} of {expected}");
    }
}

#[test]
fn what_runs_at_the_end_of_the_mapping_is_stopped() {
    let lifetime = Duration::from_mins(1);
    let run = |handler: fn() -> Pin<Box<dyn Future<Output = Answer>>>| {
        let settings = MappingSettings { lifetime, ..MappingSettings::default() };
        let queue = queue(1, QueueFaults::default());
        let latest = queue.clock().after(lifetime + settings.step * 2);
        let report = EventSourceMapping::new(1, settings).run(&queue, |_| handler(), |_| ());
        assert!(!queue.is_empty() && queue.clock().now() < latest);
        report
    };
    let waits = run(|| Box::pin(pending()));
    assert!(waits.stopped > 0 && waits.stopped == waits.invocations);
    let fails = run(|| Box::pin(async { Err("exception") }));
    assert!(fails.errors > 0 && fails.errors == fails.invocations);
}

#[test]
fn every_step_is_observed_and_time_never_goes_back() {
    let (queue, steps) = (queue(1, QueueFaults::default()), Cell::new(0));
    let last = Cell::new((queue.clock().now(), 0));
    let handler = async |batch| {
        steps.set(steps.get() + 1);
        yield_now().await;
        steps.set(steps.get() + 1);
        succeed(0, batch).await
    };
    let observe = |now| {
        let (before, observed) = last.replace((now, steps.get()));
        assert!(before <= now && steps.get() <= observed + 1);
    };
    let report =
        EventSourceMapping::new(1, MappingSettings::default()).run(&queue, handler, observe);
    assert_eq!(last.get().1, 2 * report.invocations);
}
