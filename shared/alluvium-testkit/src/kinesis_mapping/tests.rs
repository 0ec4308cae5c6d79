//! What becomes of a batch, whatever becomes of its invocation.

mod destination;
mod faults;

use std::{cell::RefCell, collections::BTreeSet, future::pending, ops::Range};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::json;
use tokio::task::yield_now;

use super::*;
use crate::{FailureObject, MemoryClock};

const RECORDS: usize = 20;
const SEEDS: Range<u64> = 0..20;

type Answer = Result<Value, &'static str>;

/// A batch as it came: its shard, the numbers that its records hold, and their sequence numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Batch {
    at: UtcInstant,
    shard: String,
    numbers: Vec<usize>,
    ids: Vec<String>,
}

impl Batch {
    fn of(at: UtcInstant, event: &Value) -> Self {
        let records = event["Records"].as_array().unwrap();
        let number = |record: &Value| {
            let data = record["kinesis"]["data"].as_str().unwrap();
            String::from_utf8(BASE64_STANDARD.decode(data).unwrap()).unwrap().parse().unwrap()
        };
        let id = |record: &Value| record["kinesis"]["sequenceNumber"].as_str().unwrap().to_owned();
        let shard = records[0]["eventID"].as_str().unwrap().split(':').next().unwrap();
        Self {
            at,
            shard: shard.to_owned(),
            numbers: records.iter().map(number).collect(),
            ids: records.iter().map(id).collect(),
        }
    }

    /// The answer that names the records of these numbers as failed.
    fn failed(&self, is_failed: impl Fn(usize) -> bool) -> Value {
        let named = self.numbers.iter().zip(&self.ids).filter(|(number, _)| is_failed(**number));
        let items = named.map(|(_, id)| json!({ "itemIdentifier": id }));
        json!({ "batchItemFailures": items.collect::<Vec<_>>() })
    }
}

fn done() -> Value {
    json!({ "batchItemFailures": [] })
}

/// A stream each of whose shards has 20 records, which hold the numbers from 0.
fn stream(seed: u64, shards: usize) -> MemoryShards {
    let stream = MemoryShards::new(seed, MemoryClock::default(), "device-events", shards);
    for number in 0..RECORDS {
        (0..shards).for_each(|shard| drop(stream.put(shard, "camera/a", number.to_string())));
    }
    stream
}

/// A run to its end and what it delivered.
struct Seen {
    batches: Vec<Batch>,
    given_up: Vec<FailureObject>,
    report: KinesisReport,
}

impl Seen {
    /// Runs a handler that is told the number of its invocation, from 0.
    fn run(
        seed: u64,
        settings: KinesisMappingSettings,
        handler: impl AsyncFn(usize, Batch) -> Answer,
    ) -> Self {
        Self::of(&stream(seed, 1), KinesisMapping::new(seed, settings), handler)
    }

    fn of(
        stream: &MemoryShards,
        mut mapping: KinesisMapping,
        handler: impl AsyncFn(usize, Batch) -> Answer,
    ) -> Self {
        let batches = RefCell::new(Vec::new());
        let report = mapping.run(
            stream,
            |event: Value| {
                let number = batches.borrow().len();
                let batch = Batch::of(stream.clock().now(), &event);
                batches.borrow_mut().push(batch.clone());
                handler(number, batch)
            },
            |_, _| (),
        );
        assert_eq!(batches.borrow().len(), report.invocations);
        let given_up = mapping.failure_objects().all();
        Self { batches: batches.into_inner(), given_up, report }
    }

    fn numbers(&self) -> Vec<usize> {
        self.batches.iter().flat_map(|batch| batch.numbers.clone()).collect()
    }
}

fn settings() -> KinesisMappingSettings {
    KinesisMappingSettings { batch_size: 6, ..KinesisMappingSettings::default() }
}

async fn succeed(_: usize, _: Batch) -> Answer {
    yield_now().await;
    Ok(done())
}

#[test]
fn an_event_is_what_lambda_sends() {
    let clock = MemoryClock::at("2018-12-17T22:10:50.987654Z".parse().unwrap());
    let stream = MemoryShards::new(1, clock, "lambda-stream", 7);
    let id = stream.put(6, "1", "Hello, this is a test.");
    let events = RefCell::new(Vec::new());
    KinesisMapping::new(1, settings()).run(
        &stream,
        async |event| {
            events.borrow_mut().push(event);
            Ok::<_, ()>(Value::Null)
        },
        |_, _| (),
    );
    let expected = json!({ "Records": [{
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "1",
            "sequenceNumber": id,
            "data": "SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==",
            "approximateArrivalTimestamp": 1_545_084_650.987,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": format!("shardId-000000000006:{id}"),
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/ingest-stream",
        "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/lambda-stream",
    }] });
    assert_eq!(events.into_inner(), [expected]);
}

#[test]
fn records_of_a_shard_come_in_order_and_shards_beside_each_other() {
    let mut batches_at_once = 0;
    for seed in SEEDS {
        let at_work = RefCell::new(Vec::new());
        let at_once = RefCell::new(0);
        let mapping = KinesisMapping::new(seed, settings());
        let seen = Seen::of(&stream(seed, 3), mapping, async |_, batch| {
            assert!(!at_work.borrow().contains(&batch.shard), "two batches of one shard at once");
            at_work.borrow_mut().push(batch.shard.clone());
            at_once.replace_with(|most| at_work.borrow().len().max(*most));
            yield_now().await;
            at_work.borrow_mut().retain(|shard| *shard != batch.shard);
            Ok(done())
        });
        for shard in 0..3 {
            let shard = MemoryShards::shard_id(shard);
            let of_shard = seen.batches.iter().filter(|batch| batch.shard == shard);
            assert!(of_shard.flat_map(|batch| &batch.numbers).copied().eq(0..RECORDS));
        }
        assert_eq!(seen.report.duplicates, 0);
        batches_at_once = at_once.take().max(batches_at_once);
    }
    assert_eq!(batches_at_once, 3);
}

#[test]
fn a_batch_has_no_more_records_than_its_size_and_a_seed_picks_how_many() {
    let mut sizes = BTreeSet::new();
    for seed in SEEDS {
        let seen = Seen::run(seed, settings(), succeed);
        sizes.extend(seen.batches.iter().map(|batch| batch.numbers.len()));
    }
    assert!(sizes.into_iter().eq(1..=6));
}

#[test]
fn a_batch_has_no_more_bytes_than_it_may_but_one_record_at_least() {
    let stream = stream(1, 1);
    let record = event::record_of(&stream.arn(), 0, &stream.records(0)[19]).to_string().len();
    for (batch_bytes, longest) in [(3 * record, 3), (3 * record - 10, 2), (1, 1)] {
        let settings = KinesisMappingSettings { batch_bytes, batch_size: 100, ..settings() };
        let seen = Seen::of(&stream, KinesisMapping::new(1, settings), succeed);
        let lengths = seen.batches.iter().map(|batch| batch.numbers.len());
        assert_eq!((lengths.max(), seen.numbers().len()), (Some(longest), RECORDS));
    }
}

#[test]
fn everything_from_the_first_failure_on_comes_again_also_what_had_succeeded() {
    for seed in SEEDS {
        let seen = Seen::run(seed, settings(), async |number, batch| {
            let is_failed = |number: usize| number % 4 == 2 || number % 4 == 3;
            Ok(if number == 0 { batch.failed(is_failed) } else { done() })
        });
        let first = &seen.batches[0].numbers;
        let again = if first.contains(&2) { 2..RECORDS } else { first.len()..RECORDS };
        let expected: Vec<usize> = first.iter().copied().chain(again).collect();
        assert_eq!(seen.numbers(), expected);
        if first.contains(&2) {
            assert_eq!(seen.batches[1].numbers.last(), first.last());
        }
    }
}

/// Checks that a whole batch comes back before anything else when its invocation, the first, ends
/// like this, and that the report counts it there.
fn check_whole_batch_returns(
    end: &impl AsyncFn(&Batch) -> Answer,
    count: fn(&KinesisReport) -> usize,
) {
    for seed in SEEDS {
        let seen = Seen::run(seed, settings(), async |number, batch| match number {
            0 => end(&batch).await,
            _ => succeed(number, batch).await,
        });
        assert_eq!(seen.batches[0].numbers, seen.batches[1].numbers);
        let rest = seen.batches.iter().skip(1).flat_map(|batch| batch.numbers.clone());
        assert!(rest.eq(0..RECORDS));
        assert_eq!(count(&seen.report), 1);
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
fn a_null_empty_or_unknown_identifier_returns_the_whole_batch() {
    for wrong in [json!(null), json!(""), json!("1"), json!(7)] {
        let end = async |batch: &Batch| {
            let mut answer = batch.failed(|number| number > 0);
            let items = answer["batchItemFailures"].as_array_mut().unwrap();
            items.push(json!({ "itemIdentifier": wrong }));
            Ok(answer)
        };
        check_whole_batch_returns(&end, |report| report.wrong_answers);
    }
}

#[test]
fn a_batch_that_fails_waits_before_it_comes_again() {
    let retry_pause = Duration::from_mins(10);
    let settings = KinesisMappingSettings { retry_pause, ..settings() };
    let seen = Seen::run(
        1,
        settings,
        async |number, _| {
            if number < 20 { Err("exception") } else { Ok(done()) }
        },
    );
    let waited = seen.batches[20].at.micros() - seen.batches[0].at.micros();
    assert!((100..300).contains(&(waited / 60_000_000)), "{waited}");
}

#[test]
fn poison_is_given_up_alone_when_batches_are_split_and_blocks_no_other_record() {
    for seed in SEEDS {
        let settings = KinesisMappingSettings { bisect: true, retries_max: Some(2), ..settings() };
        let seen = Seen::run(seed, settings, async |_, batch| {
            if batch.numbers.contains(&7) { Err("exception") } else { Ok(done()) }
        });
        let alone = seen.batches.iter().filter(|batch| batch.numbers == [7]);
        assert_eq!((alone.count(), seen.given_up.len()), (3, 1));
        let good = seen.batches.iter().filter(|batch| !batch.numbers.contains(&7));
        let good: Vec<usize> = good.flat_map(|batch| batch.numbers.clone()).collect();
        assert!(good.into_iter().eq((0..RECORDS).filter(|number| *number != 7)));
    }
}

#[test]
fn without_splitting_a_whole_batch_is_given_up_after_its_retries() {
    let settings = KinesisMappingSettings { retries_max: Some(2), ..settings() };
    for seed in SEEDS {
        let seen = Seen::run(seed, settings, async |_, batch| {
            if batch.numbers.contains(&7) { Err("exception") } else { Ok(done()) }
        });
        let poisoned: Vec<_> =
            seen.batches.iter().filter(|batch| batch.numbers.contains(&7)).collect();
        assert_eq!((poisoned.len(), seen.given_up.len(), seen.report.splits), (3, 1, 0));
        assert!(poisoned.iter().all(|batch| batch.numbers == poisoned[0].numbers));
    }
}

#[test]
fn by_default_a_bad_record_blocks_its_shard() {
    let settings = KinesisMappingSettings { lifetime: Duration::from_hours(1), ..settings() };
    let seen = Seen::run(1, settings, async |_, batch| Ok(batch.failed(|number| number == 3)));
    assert_eq!((seen.given_up.len(), seen.numbers().into_iter().max() < Some(9)), (0, true));
    assert!(seen.report.failures > 1_000);
}

#[test]
fn a_second_run_goes_on_where_the_first_one_ended() {
    let stream = stream(1, 1);
    let mut mapping = KinesisMapping::new(1, settings());
    let mut numbers = Vec::new();
    for _ in 0..2 {
        let seen = RefCell::new(Vec::new());
        let handler = async |event: Value| {
            seen.borrow_mut().extend(Batch::of(stream.clock().now(), &event).numbers);
            Ok::<_, ()>(done())
        };
        mapping.run(&stream, handler, |_, _| ());
        numbers.push(seen.into_inner());
        stream.put(0, "camera/a", RECORDS.to_string());
    }
    assert_eq!(numbers, [(0..RECORDS).collect::<Vec<_>>(), vec![RECORDS]]);
}

#[test]
fn what_an_observer_puts_is_delivered_and_what_it_begins_takes_turns() {
    let stream = MemoryShards::new(1, MemoryClock::default(), "device-events", 1);
    stream.put(0, "camera/a", "0");
    let told = RefCell::new(Vec::new());
    let tell = |what: &str| told.borrow_mut().push(what.to_owned());
    let mut begun = false;
    KinesisMapping::new(1, settings()).run(
        &stream,
        async |event: Value| {
            for number in Batch::of(stream.clock().now(), &event).numbers {
                tell(&format!("record {number}"));
                yield_now().await;
            }
            Ok::<_, ()>(done())
        },
        |_, beside| {
            if !begun {
                begun = true;
                stream.put(0, "camera/a", "1");
                beside.begin(async {
                    tell("task");
                    stream.clock().sleep(Duration::from_mins(1)).await;
                    tell("task ends");
                });
            }
        },
    );
    let mut told = told.into_inner();
    assert_eq!(told.pop().as_deref(), Some("task ends"));
    told.sort_unstable();
    assert_eq!(told, ["record 0", "record 1", "task"]);
}
