//! What at least once means, fault by fault and all at once.

use super::*;

fn with(faults: KinesisFaults) -> KinesisMappingSettings {
    KinesisMappingSettings { faults, ..settings() }
}

/// Whether some batch begins before the end of the one before it, and ends elsewhere.
fn is_cut_anew(seen: &Seen) -> bool {
    seen.batches.windows(2).any(|pair| {
        let [before, after] = [&pair[0].numbers, &pair[1].numbers];
        after.first() <= before.last() && after.last() != before.last() && after != before
    })
}

#[test]
fn a_crash_can_come_before_every_step_and_returns_the_batch() {
    let mut last_steps = BTreeSet::<i32>::new();
    for seed in SEEDS {
        let steps = RefCell::new([0; 1_000]);
        let settings = with(KinesisFaults { crash: 0.2, ..KinesisFaults::default() });
        let seen = Seen::run(seed, settings, async |number, _| {
            for step in 1..=3 {
                steps.borrow_mut()[number] = step;
                yield_now().await;
            }
            steps.borrow_mut()[number] = 4;
            Ok(done())
        });
        let begun = &steps.into_inner()[..seen.report.invocations];
        assert_eq!(begun.iter().filter(|step| **step < 4).count(), seen.report.crashes);
        last_steps.extend(begun);
        let mut numbers = seen.numbers();
        numbers.dedup();
        numbers.sort_unstable();
        numbers.dedup();
        assert!(numbers.into_iter().eq(0..RECORDS));
    }
    assert!(last_steps.into_iter().eq(0..=4));
}

#[test]
fn an_answer_that_is_lost_returns_the_batch() {
    let settings = KinesisMappingSettings {
        retries_max: Some(3),
        ..with(KinesisFaults { lost_answer: 1.0, ..KinesisFaults::default() })
    };
    let Seen { report, given_up, .. } = Seen::run(1, settings, succeed);
    assert_eq!((report.lost_answers, report.deliveries), (report.invocations, 4 * RECORDS));
    assert_eq!(report.invocations, 4 * given_up.len());
}

#[test]
fn a_batch_that_was_done_comes_again_before_and_after_later_ones() {
    let settings = with(KinesisFaults { duplicate: 0.5, ..KinesisFaults::default() });
    let (mut before, mut after) = (false, false);
    for seed in SEEDS {
        let seen = Seen::run(seed, settings, succeed);
        for (number, batch) in seen.batches.iter().enumerate() {
            let first = seen.batches.iter().position(|other| other.numbers == batch.numbers);
            before |= first.is_some_and(|first| first + 1 == number);
            after |= first.is_some_and(|first| first + 1 < number);
        }
        assert_eq!(seen.report.duplicates, seen.report.deliveries - RECORDS);
    }
    assert!(before && after);
}

#[test]
fn a_poller_begins_again_at_an_earlier_checkpoint_with_other_cuts() {
    let settings = with(KinesisFaults { restart: 0.3, ..KinesisFaults::default() });
    let runs: Vec<Seen> = SEEDS.map(|seed| Seen::run(seed, settings, succeed)).collect();
    assert!(runs.iter().any(is_cut_anew));
    assert!(runs.iter().all(|run| run.report.takeovers == 0 && run.report.given_up == 0));
    assert!(runs.iter().any(|run| run.report.restarts > 2 && run.report.duplicates > 0));
}

/// How many invocations of one shard, with different cuts of the same records, were seen at once.
fn overlapping(seed: u64, settings: KinesisMappingSettings) -> (usize, KinesisReport) {
    let (at_work, overlaps) = (RefCell::new(Vec::<Vec<usize>>::new()), RefCell::new(0));
    let run = Seen::run(seed, settings, async |_, batch| {
        let overlaps_with = |other: &Vec<usize>| {
            *other != batch.numbers && other.iter().any(|number| batch.numbers.contains(number))
        };
        let found = at_work.borrow().iter().filter(|other| overlaps_with(other)).count();
        overlaps.replace_with(|overlaps| *overlaps + found);
        at_work.borrow_mut().push(batch.numbers.clone());
        for _ in 0..5 {
            yield_now().await;
        }
        let mut at_work = at_work.borrow_mut();
        let place = at_work.iter().position(|other| *other == batch.numbers).unwrap();
        at_work.swap_remove(place);
        Ok(done())
    });
    (overlaps.take(), run.report)
}

#[test]
fn an_invocation_that_was_given_up_goes_on_beside_the_halves_of_its_batch() {
    let faults = KinesisFaults { zombie: 0.1, ..KinesisFaults::default() };
    let retry_pause = Duration::from_millis(1);
    let settings = KinesisMappingSettings { bisect: true, retry_pause, ..with(faults) };
    let runs = SEEDS.map(|seed| overlapping(seed, settings));
    let (overlaps, zombies) = runs.fold((0, 0), |(overlaps, zombies), (more, report)| {
        assert_eq!((report.crashes, report.timeouts, report.errors), (0, 0, 0));
        (overlaps + more, zombies + report.zombies)
    });
    assert!(overlaps > 10 && zombies > 10, "{overlaps} overlaps, {zombies} zombies");
}

#[test]
fn two_pollers_deliver_one_shard_at_once_with_cuts_of_their_own() {
    let settings = with(KinesisFaults { takeover: 0.2, ..KinesisFaults::default() });
    let runs = SEEDS.map(|seed| overlapping(seed, settings));
    let (overlaps, takeovers) = runs.fold((0, 0), |(overlaps, takeovers), (more, report)| {
        (overlaps + more, takeovers + report.takeovers)
    });
    assert!(overlaps > 10 && takeovers > 10, "{overlaps} overlaps, {takeovers} take-overs");
}

#[test]
fn a_task_beside_crashes_and_times_out_as_an_invocation_does() {
    let faults = KinesisFaults { crash: 0.2, ..KinesisFaults::default() };
    let settings = KinesisMappingSettings {
        function_timeout: Duration::from_mins(1),
        ..with(KinesisFaults::default())
    };
    let last_step = |seed, settings| {
        let (stream, step, mut begun) = (stream(seed, 1), RefCell::new(0), false);
        KinesisMapping::new(seed, settings).run(
            &stream,
            async |_| Ok::<_, ()>(done()),
            |_, beside| {
                if !std::mem::replace(&mut begun, true) {
                    beside.begin(async {
                        for _ in 0..4 {
                            step.replace_with(|step| *step + 1);
                            stream.clock().sleep(Duration::from_secs(20)).await;
                        }
                    });
                }
            },
        );
        step.take()
    };
    assert!(SEEDS.map(|seed| last_step(seed, settings)).all(|step| step == 3));
    let crashing = KinesisMappingSettings { faults, ..settings };
    assert!(SEEDS.map(|seed| last_step(seed, crashing)).any(|step| step < 2));
}

/// A run with everything that can go wrong. Checks that no record is delivered before all that come
/// before it in its shard were done or given up, and that in the end all are.
fn run_on_a_bad_day(seed: u64) -> Seen {
    let settings = KinesisMappingSettings {
        bisect: seed.is_multiple_of(2),
        retries_max: Some(2),
        record_age_max: Some(Duration::from_mins(2)),
        function_timeout: Duration::from_millis(500),
        ..with(KinesisFaults {
            crash: 0.1,
            zombie: 0.05,
            lost_answer: 0.1,
            duplicate: 0.1,
            restart: 0.1,
            takeover: 0.1,
        })
    };
    let stream = stream(seed, 2);
    let mapping = KinesisMapping::new(seed, settings);
    let objects = mapping.failure_objects();
    let settled = RefCell::new(BTreeSet::new());
    let settle_before = |batch: &Batch, end: usize| {
        let named = batch.numbers.iter().filter(|number| **number < end);
        settled.borrow_mut().extend(named.map(|number| (batch.shard.clone(), *number)));
    };
    let settle_given_up = || {
        for object in objects.all() {
            let event = serde_json::from_str(object.body["payload"].as_str().unwrap()).unwrap();
            settle_before(&Batch::of(object.put_at, &event), RECORDS);
        }
    };
    let run = Seen::of(&stream, mapping, async |_, batch| {
        settle_given_up();
        for number in 0..batch.numbers[0] {
            let before = (batch.shard.clone(), number);
            assert!(settled.borrow().contains(&before), "seed {seed}: {batch:?} passes {number}");
        }
        for number in &batch.numbers {
            yield_now().await;
            if number % 9 == 4 {
                settle_before(&batch, *number);
                return Ok(batch.failed(|number| number % 9 == 4));
            }
        }
        settle_before(&batch, RECORDS);
        Ok(done())
    });
    settle_given_up();
    assert_eq!(settled.into_inner().len(), 2 * RECORDS, "seed {seed}");
    run
}

#[test]
fn nothing_passes_the_checkpoint_on_a_bad_day_and_nothing_vanishes() {
    let mut total = KinesisReport::default();
    for seed in 0..300 {
        let KinesisReport { given_up, zombies, takeovers, restarts, timeouts, .. } =
            run_on_a_bad_day(seed).report;
        total.given_up += given_up;
        total.zombies += zombies;
        total.takeovers += takeovers;
        total.restarts += restarts;
        total.timeouts += timeouts;
    }
    let KinesisReport { given_up, zombies, takeovers, restarts, timeouts, .. } = total;
    assert!(
        [given_up, zombies, takeovers, restarts, timeouts].iter().all(|n| *n > 30),
        "{total:?}"
    );
}

#[test]
fn a_seed_is_a_run() {
    let run = |seed| {
        let seen = run_on_a_bad_day(seed);
        (seen.batches, seen.given_up)
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}
