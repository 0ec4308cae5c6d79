//! What lies in the failure destination.

use super::*;

fn given_up(
    settings: KinesisMappingSettings,
    handler: impl AsyncFn(usize, Batch) -> Answer,
) -> (MemoryShards, Vec<FailureObject>) {
    let stream = stream(1, 1);
    let seen = Seen::of(&stream, KinesisMapping::new(1, settings), handler);
    (stream, seen.given_up)
}

/// All of a stream is one batch.
const ONE_BATCH: KinesisMappingSettings = KinesisMappingSettings {
    batch_size: 1_000_000,
    batch_bytes: 6 * 1024 * 1024,
    retries_max: Some(2),
    record_age_max: None,
    bisect: false,
    retry_pause: Duration::from_secs(1),
    function_timeout: Duration::from_mins(5),
    step: Duration::from_millis(100),
    lifetime: Duration::from_hours(24),
    faults: KinesisFaults {
        crash: 0.0,
        zombie: 0.0,
        lost_answer: 0.0,
        duplicate: 0.0,
        restart: 0.0,
        takeover: 0.0,
    },
};

#[test]
fn an_object_holds_the_documented_record_and_the_whole_event() {
    let (stream, objects) = given_up(ONE_BATCH, async |_, _| Err("exception"));
    let [FailureObject { body, put_at, .. }] = &objects[..] else { panic!("{objects:?}") };
    let records = stream.records(0);
    let mut body = body.clone();
    let members = body.as_object_mut().unwrap();
    let payload = members.remove("payload").unwrap();
    let request_id = members["requestContext"].as_object_mut().unwrap().remove("requestId");
    assert_eq!(request_id.unwrap().as_str().unwrap().len(), 36);
    let timestamp = members.remove("timestamp").unwrap();
    let timestamp: UtcInstant = timestamp.as_str().unwrap().parse().unwrap();
    assert!((0..1_000).contains(&(put_at.micros() - timestamp.micros())));
    assert_eq!(
        body,
        json!({
            "requestContext": {
                "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:ingest-stream",
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": 3,
            },
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            },
            "version": "1.0",
            "KinesisBatchInfo": {
                "shardId": "shardId-000000000000",
                "startSequenceNumber": records[0].sequence.as_str(),
                "endSequenceNumber": records[19].sequence.as_str(),
                "approximateArrivalOfFirstRecord": "2026-11-22T10:00:00.000Z",
                "approximateArrivalOfLastRecord": "2026-11-22T10:00:00.000Z",
                "batchSize": 20,
                "streamArn": "arn:aws:kinesis:us-east-1:123456789012:stream/device-events",
            },
        })
    );
    let payload: Value = serde_json::from_str(payload.as_str().unwrap()).unwrap();
    assert_eq!(payload, event::event_of(&stream, 0, &records));
}

#[test]
fn a_key_tells_mapping_shard_and_time() {
    let (_, objects) =
        given_up(KinesisMappingSettings { batch_size: 6, ..ONE_BATCH }, async |_, _| {
            Err("exception")
        });
    let mut keys: Vec<&str> = objects.iter().map(|object| object.key.as_str()).collect();
    for (object, key) in objects.iter().zip(&keys) {
        let (day, second) =
            (object.put_at.day(), object.put_at.to_string()[..19].replace(':', "."));
        let [aws, lambda, mapping, shard, y, m, d, name] = key.split('/').collect::<Vec<_>>()[..]
        else {
            panic!("{key}")
        };
        assert_eq!((aws, lambda, shard), ("aws", "lambda", "shardId-000000000000"));
        assert_eq!((format!("{y}-{m}-{d}"), &name[..20]), (day, &format!("{second}-")[..]));
        assert_eq!((mapping.len(), name.len()), (36, 56));
    }
    keys.dedup();
    assert_eq!(keys.len(), objects.len());
}

#[test]
fn an_answer_that_names_failures_is_no_function_error() {
    let (_, objects) = given_up(ONE_BATCH, async |_, batch| Ok(batch.failed(|number| number > 14)));
    assert_eq!(objects.len(), 1);
    let body = &objects[0].body;
    assert_eq!(body["responseContext"].get("functionError"), None);
    assert_eq!(body["KinesisBatchInfo"]["batchSize"], 5);
}

#[test]
fn records_that_are_too_old_are_given_up_without_an_invocation() {
    let record_age_max = Some(Duration::from_mins(10));
    let settings = KinesisMappingSettings { record_age_max, retries_max: None, ..ONE_BATCH };
    let stream = stream(1, 1);
    let seen = RefCell::new(0);
    stream.clock().advance(Duration::from_mins(8));
    stream.put(0, "camera/a", "20");
    let mut mapping = KinesisMapping::new(1, settings);
    let objects = mapping.failure_objects();
    mapping.run(
        &stream,
        async |event: Value| {
            let numbers = Batch::of(stream.clock().now(), &event).numbers;
            seen.replace_with(|tries| *tries + usize::from(numbers.contains(&0)));
            if numbers.contains(&0) { Err("exception") } else { Ok(done()) }
        },
        |_, _| (),
    );
    let numbers = |object: &FailureObject| {
        let event = serde_json::from_str(object.body["payload"].as_str().unwrap()).unwrap();
        Batch::of(object.put_at, &event).numbers
    };
    let taken = objects.take();
    let [object] = &taken[..] else { panic!("{taken:?}") };
    assert!(numbers(object).into_iter().eq(0..RECORDS));
    let age = object.put_at.micros() - stream.records(0)[0].arrived_at.micros();
    assert!((600..610).contains(&(age / 1_000_000)), "{age}");
    let body = &object.body;
    assert_eq!(body["requestContext"]["condition"], "RecordAgeExceeded");
    assert_eq!(body["requestContext"]["approximateInvokeCount"], seen.take());
    assert_eq!(body.get("responseContext"), None);
    assert_eq!(objects.all(), []);
}
