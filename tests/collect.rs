//! The function that takes events from requests, on fakes: what it sends, and what it answers.
//!
//! A request is answered with 202 only if each of its events is in the stream or in the landing
//! bucket, and one with a bad event leaves nothing anywhere.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::{collections::BTreeMap, path::Path, time::Duration};

use alluvium_lake::{Backoff, Collect, CollectSettings, Deadline};
use alluvium_model::{
    ErrorKind,
    ports::{DropObjects, SendRecords},
};
use alluvium_testkit::{Fault, MemoryLanding, MemoryStream, Refusal, StoredRecord, Unreliable};
use alluvium_tests::drop_file;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use collect::CollectEvents;
use serde_json::{Value, json};

const REQUEST: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";

fn settings() -> CollectSettings {
    CollectSettings { backoff: Backoff::without_pauses(5), ..CollectSettings::default() }
}

/// What a request is answered.
async fn answer<S: SendRecords, D: DropObjects>(
    stream: S,
    landing: D,
    settings: CollectSettings,
    request: Value,
) -> (u16, Value) {
    let function = CollectEvents::new(Collect::new(stream, landing, settings));
    let deadline = Deadline::after(Duration::from_mins(1));
    let (answer, metrics) = function.answer(request, REQUEST, deadline).await.unwrap();
    assert_eq!(metrics.status, answer.status());
    (answer.status(), answer.body().clone())
}

fn sample(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events/collect").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn post(path: &str, body: &str) -> Value {
    json!({
        "rawPath": path,
        "requestContext": { "http": { "method": "POST" } },
        "body": body,
    })
}

/// The event with this number, and with so many bytes more.
fn event(number: usize, more: usize) -> String {
    let padding = "x".repeat(more);
    if more == 0 {
        format!("{{\"n\":{number}}}")
    } else {
        format!("{{\"n\":{number},\"x\":\"{padding}\"}}")
    }
}

/// So many events, one a line.
fn lines(count: usize) -> String {
    (0..count).map(|number| event(number, 0)).collect::<Vec<_>>().join("\n")
}

fn data(records: &[StoredRecord]) -> Vec<String> {
    records.iter().map(|record| String::from_utf8(record.data.to_vec()).unwrap()).collect()
}

/// The numbers of events like those of [`lines`], wherever they are, and how often.
fn numbers(stream: &MemoryStream, landing: &MemoryLanding) -> BTreeMap<u64, u32> {
    let mut found = BTreeMap::new();
    let texts = stream.records().into_iter().map(|record| record.data);
    for text in texts.chain(landing.all().into_values()) {
        let event: Value = serde_json::from_slice(&text).unwrap();
        *found.entry(event["n"].as_u64().unwrap()).or_default() += 1;
    }
    found
}

const SAMPLES: [&str; 3] = [
    r#"{"id":"a1","camera":{"model":"H13","zoom":1},"battery":0.82,"at":"2026-11-22T09:59:58Z"}"#,
    r#"{"id":"a2","camera":{"model":"H13","zoom":2},"battery":0.81,"at":"2026-11-22T09:59:59Z"}"#,
    r#"{"id":"a3","camera":{"model":"H12"},"tags":["surf","sunset"],"at":"2026-11-22T10:00:00Z"}"#,
];

#[tokio::test]
async fn every_request_shape_sends_its_events() {
    for name in ["ndjson.json", "array.json", "concatenated.json", "gzip.json", "with-key.json"] {
        let (stream, landing) = (MemoryStream::default(), MemoryLanding::default());
        let answered = answer(stream.clone(), landing.clone(), settings(), sample(name)).await;
        let body = json!({ "events": 3, "accepted": 3, "to_landing": 0 });
        assert_eq!(answered, (202, body), "{name}");
        assert_eq!(data(&stream.records()), SAMPLES, "{name}");
        assert!(landing.all().is_empty());
        let keys: Vec<_> = stream.records().into_iter().map(|one| one.partition_key).collect();
        let expected = match name {
            "with-key.json" => ["camera/serial 77"; 3].map(str::to_owned),
            _ => [0, 1, 2].map(|event| format!("camera/{REQUEST}-{event}")),
        };
        assert_eq!(keys, expected, "{name}");
    }
    let stream = MemoryStream::default();
    let one = sample("one-object.json");
    let (status, _) = answer(stream.clone(), MemoryLanding::default(), settings(), one).await;
    assert_eq!((status, data(&stream.records())), (202, vec![SAMPLES[0].to_owned()]));
}

#[tokio::test]
async fn every_packaging_sends_the_same_events() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/read");
    let mut seen = 0;
    for entry in std::fs::read_dir(seeds).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // The first byte of a seed says how it is cut.
        let body = std::fs::read(&path).unwrap().split_off(1);
        let mut request = sample("gzip.json");
        request["headers"].as_object_mut().unwrap().remove("content-encoding");
        request["body"] = json!(STANDARD.encode(&body));
        let stream = MemoryStream::default();
        let (status, body) =
            answer(stream.clone(), MemoryLanding::default(), settings(), request).await;
        if ["bad", "jpeg", "wrapper"].contains(&&*name) {
            assert_eq!((status, stream.records().len()), (400, 0), "{name}");
            seen += 1;
            continue;
        }
        assert_eq!(status, 202, "{name}: {body}");
        let expected = [r#"{"n":1,"s":"\u00e9"}"#, r#"{"n":2.5,"o":{"x":[1,null]}}"#, "{}"];
        // Some have further members, with the same events or an empty one.
        let sent = data(&stream.records());
        assert!(sent.starts_with(&expected.map(str::to_owned)), "{name}: {sent:?}");
        seen += 1;
    }
    assert_eq!(seen, 20);
}

#[tokio::test]
async fn one_bad_event_sends_nothing() {
    let check = async |request: Value, settings: CollectSettings, expected: (u16, Value)| {
        let (stream, landing) = (MemoryStream::default(), MemoryLanding::default());
        assert_eq!(answer(stream.clone(), landing.clone(), settings, request).await, expected);
        assert_eq!((stream.records().len(), landing.all().len()), (0, 0));
    };
    let bad = json!({
        "error": "bad_event",
        "reason": "invalid_json",
        "message": "expected a value at byte 28 of the record",
        "record": 1,
        "offset": 99,
        "line": 2,
        "column": 1,
    });
    check(sample("bad-event.json"), settings(), (400, bad)).await;
    // Far behind what one call would have sent, and with one that is too large for the stream.
    let small = CollectSettings { record_bytes_max: 60, ..settings() };
    let many = [lines(1_200), event(1_200, 60), "[1]".to_owned()].join("\n");
    let (stream, landing) = (MemoryStream::default(), MemoryLanding::default());
    let (status, body) =
        answer(stream.clone(), landing.clone(), small, post("/camera/7", &many)).await;
    assert_eq!((status, &body["record"], &body["line"]), (400, &json!(1_201), &json!(1_202)));
    assert_eq!(body["reason"], "not_an_object");
    assert_eq!((stream.records().len(), landing.all().len()), (0, 0));

    let none = json!({ "error": "no_events", "message": "there is no event" });
    for body in ["", "\n", "[]", "{\"Records\":[]}"] {
        check(post("/camera", body), settings(), (400, none.clone())).await;
    }
    check(sample("empty.json"), settings(), (400, none)).await;
}

#[tokio::test]
async fn what_is_no_request_with_events_is_refused() {
    let check = async |request: Value, settings: CollectSettings, expected: &str| {
        let stream = MemoryStream::default();
        let (status, body) =
            answer(stream.clone(), MemoryLanding::default(), settings, request).await;
        assert_eq!(format!("{status} {}", body["error"].as_str().unwrap()), expected, "{body}");
        assert!(stream.records().is_empty());
    };
    check(sample("wrong-method.json"), settings(), "405 wrong_method").await;
    check(sample("no-topic.json"), settings(), "404 unknown_path").await;
    check(post("/%2E", "{}"), settings(), "400 bad_topic").await;
    check(post(&format!("/camera/{}", "x".repeat(250)), "{}"), settings(), "400 bad_key").await;
    check(post("/camera", &" ".repeat((6 << 20) + 1)), settings(), "413 too_large").await;
    let few = CollectSettings { events_max: 9, ..settings() };
    check(post("/camera", &lines(10)), few, "413 too_large").await;
    let little = CollectSettings { unpacked_bytes_max: 200, ..settings() };
    check(sample("gzip.json"), little, "413 too_large").await;
}

#[tokio::test]
async fn large_numbers_and_bytes_go_in_several_calls() {
    // The fake refuses batches that are too large.
    let check = async |body: String, calls: u64| {
        let (stream, landing) = (MemoryStream::default(), MemoryLanding::default());
        let counted = Unreliable::new(stream.clone(), |_, _| None);
        let request = post("/camera/7", &body);
        let (status, _) = answer(counted.clone(), landing.clone(), settings(), request).await;
        assert_eq!((status, counted.calls()), (202, calls));
        assert_eq!(data(&stream.records()), body.lines().collect::<Vec<_>>());
    };
    check(lines(500), 1).await;
    check(lines(501), 2).await;
    check(lines(1_001), 3).await;
    // Six events of 900 kB: five fit into 5 MiB.
    let long = format!("{{\"s\":\"{}\"}}\n", "x".repeat(900_000));
    check(long.repeat(6), 2).await;
    check(long.repeat(5), 1).await;
}

#[tokio::test]
async fn an_event_that_is_too_large_for_the_stream_goes_to_the_landing_bucket() {
    let event = |bytes: usize| event(7, bytes - r#"{"n":7,"x":""}"#.len());
    // The partition key counts: 100 bytes are left for an event under `camera/77`.
    let settings = CollectSettings { record_bytes_max: 109, ..settings() };
    let (stream, landing) = (MemoryStream::default(), MemoryLanding::default());
    let body = [event(100), event(101), event(100), event(101)].join("\n");
    let answered =
        answer(stream.clone(), landing.clone(), settings, post("/camera/77", &body)).await;
    assert_eq!(answered, (202, json!({ "events": 4, "accepted": 4, "to_landing": 2 })));
    assert_eq!(data(&stream.records()), [event(100), event(100)]);
    let expected = [1, 3]
        .map(|number| (format!("camera/collect/{REQUEST}-{number}.json"), Bytes::from(event(101))));
    // Two events that are alike are two objects.
    assert_eq!(landing.all(), BTreeMap::from(expected.clone()));
    // What lies there is loaded like every file.
    let lake = alluvium_tests::Lake::default();
    for (key, text) in expected {
        let text = String::from_utf8(text.to_vec()).unwrap();
        drop_file(&lake.ingest(), &key, &text).await.unwrap();
    }
    assert_eq!(lake.rows("camera").await.lines().count(), 2);
}

#[tokio::test]
async fn only_what_was_throttled_is_sent_again_and_in_order() {
    // Of each ten records three are throttled, until they come again.
    let stream = MemoryStream::refusing(|number| {
        (number < 500 && number % 10 < 3).then_some(Refusal::Throttled)
    });
    let counted = Unreliable::new(stream.clone(), |_, _| None);
    let request = post("/camera/7", &lines(600));
    let (status, _) = answer(counted.clone(), MemoryLanding::default(), settings(), request).await;
    assert_eq!((status, counted.calls()), (202, 2));
    let stored = data(&stream.records());
    assert_eq!(stored.len(), 600);
    // What came again did so before what was not sent yet, each in its order.
    let (first, second): (Vec<_>, Vec<_>) = (0..500).partition(|n| n % 10 >= 3);
    let expected = first.into_iter().chain(second).chain(500..600);
    assert_eq!(stored, expected.map(|n| event(n, 0)).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_stream_that_throttles_for_long_is_answered_with_429() {
    for accepted in [0, 1, 7, 500, 501] {
        let stream = MemoryStream::refusing(move |n| (n >= accepted).then_some(Refusal::Throttled));
        let request = post("/camera", &lines(600));
        let landing = MemoryLanding::default();
        let (status, body) = answer(stream.clone(), landing, settings(), request).await;
        assert_eq!((status, &body["error"]), (429, &json!("throttled")));
        assert_eq!((&body["events"], &body["accepted"]), (&json!(600), &json!(accepted)));
        assert_eq!(stream.records().len() as u64, accepted);
    }
}

#[tokio::test]
async fn a_stream_that_throttles_but_takes_something_each_time_is_sent_all_of_it() {
    let stream = MemoryStream::refusing(|number| (number % 4 != 0).then_some(Refusal::Throttled));
    let request = post("/camera", &lines(200));
    let (status, _) = answer(stream.clone(), MemoryLanding::default(), settings(), request).await;
    assert_eq!(status, 202);
    let found = numbers(&stream, &MemoryLanding::default());
    assert_eq!(found, (0..200).map(|n| (n, 1)).collect());
}

#[tokio::test]
async fn time_that_runs_out_is_told_with_its_cause() {
    let answer = async |refusal: Refusal| {
        let stream = MemoryStream::refusing(move |n| (n > 0).then_some(refusal));
        let backoff = Backoff { tries: u32::MAX, ..Backoff::without_pauses(1) };
        let settings = CollectSettings { backoff, ..settings() };
        let function = CollectEvents::new(Collect::new(stream, MemoryLanding::default(), settings));
        let deadline = Deadline::after(Duration::from_millis(20));
        let request = post("/camera", &lines(3));
        let (answer, _) = function.answer(request, REQUEST, deadline).await.unwrap();
        (answer.status(), answer.to_json()["headers"]["retry-after"].clone())
    };
    assert_eq!(answer(Refusal::Throttled).await, (429, json!("5")));
    assert_eq!(answer(Refusal::Failed(ErrorKind::Retry)).await, (503, json!("5")));
    assert_eq!(answer(Refusal::Failed(ErrorKind::Denied)).await, (500, Value::Null));
}

#[tokio::test]
async fn a_call_that_never_ends_is_given_up() {
    for dying in ["send_records", "drop_object"] {
        let script = move |_, method: &str| (method == dying).then_some(Fault::DiedBefore);
        let (stream, landing) = (MemoryStream::default(), MemoryLanding::default());
        let unreliable = Unreliable::new(stream.clone(), script);
        let settings = CollectSettings { record_bytes_max: 60, ..settings() };
        let landing = unreliable.beside(landing);
        let function = CollectEvents::new(Collect::new(unreliable, landing, settings));
        let deadline = Deadline::after(Duration::from_millis(20));
        let body = [event(0, 0), event(1, 60)].join("\n");
        let answered = function.answer(post("/camera/7", &body), REQUEST, deadline).await;
        let (answer, _) = answered.unwrap();
        assert_eq!(answer.status(), 503, "{dying}");
        assert_eq!(answer.body()["accepted"], stream.records().len());
    }
}

#[tokio::test]
async fn nothing_is_acknowledged_that_was_not_accepted_whatever_fails() {
    let check = async |fault: Fault, failing: u64, once: bool, expected: u16| {
        let (stream, landing) = (MemoryStream::default(), MemoryLanding::default());
        let fails = move |call| if once { call == failing } else { call >= failing };
        let script = move |call, _: &str| fails(call).then_some(fault);
        let unreliable = Unreliable::new(stream.clone(), script);
        let beside = unreliable.beside(landing.clone());
        let settings = CollectSettings { record_bytes_max: 60, ..settings() };
        // Three calls to the stream and two to the landing bucket.
        let body = [event(1_100, 60), lines(1_100), event(1_101, 60)].join("\n");
        let (status, answer) = answer(unreliable, beside, settings, post("/camera/7", &body)).await;
        let found = numbers(&stream, &landing);
        assert_eq!(status, expected, "{fault:?} at call {failing}: {answer}");
        assert!(found.len() as u64 >= answer["accepted"].as_u64().unwrap(), "{answer}");
        assert_eq!(answer["events"], 1_102);
        if status == 202 {
            assert_eq!((found.len(), &answer["accepted"]), (1_102, &json!(1_102)));
        }
    };
    for failing in 0..5 {
        for (kind, again, ever) in [(ErrorKind::Retry, 202, 503), (ErrorKind::Denied, 500, 500)] {
            for fault in [Fault::Refused(kind), Fault::AnswerLost(kind)] {
                check(fault, failing, true, again).await;
                check(fault, failing, false, ever).await;
            }
        }
    }
}

#[tokio::test]
async fn entries_that_fail_alone_are_as_bad_as_calls_that_fail() {
    for (kind, status) in [(ErrorKind::Denied, 500), (ErrorKind::Retry, 503)] {
        for failing in 0..20 {
            let stream = MemoryStream::refusing(move |number| match number {
                _ if number % 20 == failing => Some(Refusal::Failed(kind)),
                _ if number % 7 == 0 => Some(Refusal::Throttled),
                _ => None,
            });
            let request = post("/camera", &lines(1));
            let refuses = MemoryStream::refusing(move |_| Some(Refusal::Failed(kind)));
            let (answered, body) =
                answer(refuses, MemoryLanding::default(), settings(), request).await;
            assert_eq!((answered, &body["accepted"]), (status, &json!(0)));
            let request = post("/camera", &lines(20));
            let (answered, body) =
                answer(stream.clone(), MemoryLanding::default(), settings(), request).await;
            // What may pass does so here, because others are accepted meanwhile.
            let all = answered == 202 && stream.records().len() == 20;
            let some = answered == status && body["accepted"] == stream.records().len();
            assert!(all || some, "{answered} {body}");
            assert_eq!(all, kind == ErrorKind::Retry);
        }
    }
}
