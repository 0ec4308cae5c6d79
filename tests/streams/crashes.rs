//! A process that dies at any call of any port while it takes, loads, finishes or takes back what
//! was given up, and the next one that is given its work again.

use std::{collections::BTreeMap, time::Duration};

use alluvium_lake::{BatchReport, Deadline, LakeError};
use alluvium_model::{
    ErrorKind, PartitionEntry, Raw, StreamRecord, TableName, Watermark,
    layout::{self, ObjectKey},
};
use alluvium_testkit::Fault;
use alluvium_tests::death::{alone, mortal};
use bytes::Bytes;

use crate::{
    rows::{Row, rows},
    world::{Flaky, Settings, World, batch, finish, named, record, streams},
};

/// Deliveries of a step before it is taken to be never done.
const DELIVERIES_MAX: u32 = 10;
/// Pairs of deaths that are tried of each scenario.
const PAIRS: usize = 200;
const DEATHS: [Fault; 2] = [Fault::DiedBefore, Fault::DiedAfter];

/// What happens to a shard.
#[derive(Clone, Debug)]
enum Step {
    /// The mapping delivers these of its records.
    Deliver(std::ops::Range<usize>),
    /// It has given these up.
    GiveUp(std::ops::Range<usize>),
    /// The schedule comes.
    Finish,
}

/// Steps that follow each other.
struct Scenario {
    name: &'static str,
    raw: Raw,
    steps: Vec<Step>,
}

fn scenarios() -> Vec<Scenario> {
    use Step::{Deliver, Finish, GiveUp};
    let keep = |name, steps| Scenario { name, raw: Raw::Keep, steps };
    vec![
        keep("topics", vec![Deliver(0..4), Deliver(2..8)]),
        keep("other cuts", vec![Deliver(0..3), Deliver(0..1), Deliver(1..5), Deliver(3..8)]),
        keep("what was given up", vec![Deliver(4..8), GiveUp(0..4), Finish]),
        keep("given up between", vec![Deliver(1..3), Deliver(5..8), GiveUp(0..6), Finish]),
        Scenario {
            name: "not kept",
            raw: Raw::Drop,
            steps: vec![Deliver(2..8), GiveUp(0..4), Finish],
        },
    ]
}

fn records() -> Vec<StreamRecord> {
    vec![
        named(1, "camera/1", "a"),
        named(2, "door/1", "b"),
        record(3, "camera/1", "bad"),
        record(4, "17", "{\"name\":\"c\"}\n{\"name\":\"d\",\"new\":1}"),
        named(5, "camera/2", "e"),
        named(6, "door/1", "f"),
        record(7, "door/2", "{\"name\":\"g\",\"new\":\"x\"}"),
        named(8, "camera/1", "h"),
    ]
}

/// What there is in the end, and how many calls it took.
#[derive(Debug)]
struct End {
    rows: Vec<Row>,
    objects: BTreeMap<ObjectKey, Bytes>,
    partitions: Vec<(TableName, PartitionEntry)>,
    calls: u64,
}

fn run(scenario: &Scenario, faults: &BTreeMap<u64, Fault>) -> End {
    let world = World::new(Settings { raw: scenario.raw, ..Settings::default() });
    let (catalog, death) = mortal(world.lake.catalog.clone(), faults);
    let objects = catalog.beside(world.lake.objects.clone());
    let start = || -> Flaky { streams(catalog.clone(), &objects, world.settings) };
    let (mut process, records) = (start(), records());
    let last = [Step::Finish, Step::Finish];
    for (number, step) in scenario.steps.iter().chain(&last).enumerate() {
        let mut deliveries = 0;
        loop {
            deliveries += 1;
            assert!(deliveries <= DELIVERIES_MAX, "{}: {step:?} is never done", scenario.name);
            let done = match step {
                Step::Deliver(cut) => {
                    let batch = batch(&records[cut.clone()]);
                    let delivered = process.ingest_batch(batch, Deadline::NEVER);
                    let report = death.unless_it_comes(delivered);
                    report.map(|BatchReport { failed, .. }| failed.map_or(Ok(()), Err))
                }
                Step::GiveUp(cut) => {
                    world.give_up(&number.to_string(), &records[cut.clone()]);
                    Some(Ok(()))
                }
                Step::Finish => {
                    let finished = death.unless_it_comes(finish(&process));
                    finished.map(|report| report?.errors.into_iter().next().map_or(Ok(()), Err))
                }
            };
            world.clock.advance(Duration::from_hours(1));
            match done {
                Some(Ok(())) => break,
                Some(Err(error)) => assert_passes(&error),
                None => process = start(),
            }
        }
    }
    let objects = world.lake.objects.all().into_iter().map(without_counts).collect();
    let (rows, partitions) = (rows(&world.lake), world.lake.catalog.all_partitions());
    End { rows, objects, partitions, calls: catalog.calls() }
}

fn assert_passes(error: &LakeError) {
    assert_eq!(error.kind(), ErrorKind::Retry, "{error}");
}

/// How often a watermark was written depends on how often it was tried to.
fn without_counts((key, bytes): (ObjectKey, Bytes)) -> (ObjectKey, Bytes) {
    match serde_json::from_slice::<Watermark>(&bytes) {
        Ok(watermark) if key.as_str().starts_with(layout::STATE) => {
            let Watermark { taken, pending, failed, .. } = watermark;
            (key, Bytes::from(format!("{taken:?} {pending:?} {failed:?}")))
        }
        Ok(_) | Err(_) => (key, bytes),
    }
}

fn assert_alike(ended: &End, expected: &End, point: impl Fn() -> String) {
    assert_eq!(ended.rows, expected.rows, "{}", point());
    assert_eq!(ended.objects, expected.objects, "{}", point());
    assert_eq!(ended.partitions, expected.partitions, "{}", point());
}

/// Runs every scenario with one fault at every call, and compares how it ends.
fn check(faults: &[Fault], points_min: u64) {
    let mut points = 0;
    for scenario in scenarios() {
        let expected = run(&scenario, &BTreeMap::new());
        let names: Vec<_> = expected.rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "bad", "c", "d", "e", "f", "g", "h"], "{}", scenario.name);
        for fault in faults {
            for call in 0.. {
                let ended = run(&scenario, &BTreeMap::from([(call, *fault)]));
                if ended.calls <= call {
                    points += call;
                    break;
                }
                assert_alike(&ended, &expected, || {
                    format!("{}: {fault:?} at {call}", scenario.name)
                });
            }
        }
    }
    println!("{points} calls failed, each in a run of its own");
    assert!(points >= points_min, "only {points} calls were made to fail");
}

#[test]
fn a_process_that_dies_at_any_call_leaves_what_the_next_one_makes_whole() {
    check(&DEATHS, 500);
}

#[test]
fn a_lost_answer_to_any_call_changes_nothing() {
    check(&[Fault::AnswerLost(ErrorKind::Retry)], 250);
}

#[test]
fn dying_twice_is_no_worse() {
    let mut random = fastrand::Rng::with_seed(1);
    for scenario in scenarios() {
        let expected = run(&scenario, &BTreeMap::new());
        for _ in 0..PAIRS {
            let mut death = || (random.u64(..2 * expected.calls), DEATHS[random.usize(..2)]);
            let deaths = BTreeMap::from([death(), death()]);
            let ended = run(&scenario, &deaths);
            assert_alike(&ended, &expected, || format!("{}: {deaths:?}", scenario.name));
        }
    }
}

/// A scenario without faults ends at once: nothing is left for the schedule.
#[test]
fn nothing_is_left_without_faults() {
    let ended = alone(async {
        let world = World::new(Settings::default());
        assert!(world.deliver(&records()).await.failed.is_none());
        world.watermark()
    });
    assert!(ended.pending.is_empty() && ended.failed.is_empty());
}
