//! Real deliveries of streams: decoded, archived and loaded as the function does it.
//!
//! `make test-corpora` runs these tests and says where the events are; a bare `cargo test` leaves
//! them out.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a broken expectation must stop the test; only the environment tells where corpora are"
)]

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc, time::Duration};

use alluvium_aws::telemetry::Invocation;
use alluvium_lake::{StreamSettings, Streams};
use alluvium_model::{
    Raw, StreamRoute, UtcInstant, layout,
    ports::{DescribeStreams, PortResult},
};
use alluvium_tests::{Lake, contracts, drop_file};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ingest_stream::{IngestStream, TimeLimit};
use serde_json::{Value, json};

const EVENTS: usize = 24;
/// Forms whose documents are those of the reference, all of them.
const WHOLE: [&str; 6] = [
    "cloudwatch_logs_subscription.json",
    "gzip_per_record.json",
    "kpl_aggregated_10_per_record.json",
    "kpl_and_plain_mixed.json",
    "ndjson_many_per_record.json",
    "one_event_per_record.json",
];
/// The one whose first record is what an aggregate would be with its right checksum.
const BAD_CHECKSUM: &str = "kpl_bad_md5_then_plain.json";

/// Streams that were made before any of these events.
#[derive(Debug)]
struct LongAgo;

impl DescribeStreams for LongAgo {
    async fn stream_created(&self, _: &str) -> PortResult<Option<UtcInstant>> {
        Ok(Some(UtcInstant::from_micros(0).unwrap()))
    }
}

fn corpora() -> PathBuf {
    let folder = std::env::var_os("ALLUVIUM_CORPORA");
    PathBuf::from(folder.expect("ALLUVIUM_CORPORA: run these tests by `make test-corpora`"))
}

fn read(file: &str) -> String {
    let path = corpora().join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Delivers an event to the function; what became of it.
async fn deliver(lake: &Lake, event: &Value) -> Invocation {
    let settings = StreamSettings {
        lake_uri: "s3://lake/".to_owned(),
        route: StreamRoute::Topic,
        raw: Raw::Keep,
        given_up: layout::given_up(None),
    };
    let streams = Streams::new(lake.ingest(), contracts(&lake.objects), LongAgo, settings);
    let function = IngestStream::new(Arc::new(streams));
    let mut invocation = Invocation::default();
    let limit = TimeLimit::of(Duration::from_mins(5));
    let answer = function.answer(event, limit, &mut invocation).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [] }));
    invocation
}

async fn reference() -> Vec<String> {
    let lake = Lake::default();
    let text = read("raw_forms_same_events/reference.ndjson");
    drop_file(&lake.ingest(), "reference/1", &text).await.unwrap();
    let rows = lake.rows_in_order("reference").await;
    assert_eq!(rows.len(), EVENTS);
    rows
}

/// A form of these events, as a mapping delivers it.
async fn loaded(form: &str) -> (Lake, Invocation) {
    let event = read(&format!("raw_forms_same_events/kinesis_lambda/{form}"));
    let lake = Lake::default();
    let invocation = deliver(&lake, &serde_json::from_str(&event).unwrap()).await;
    (lake, invocation)
}

#[test]
fn every_form_of_the_events_is_tested() {
    let folder = corpora().join("raw_forms_same_events/kinesis_lambda");
    let names = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let mut tested = [&WHOLE[..], &[BAD_CHECKSUM]].concat();
    tested.sort_unstable();
    assert_eq!(names, tested);
}

#[tokio::test]
async fn every_form_of_the_events_gives_the_rows_of_the_reference() {
    let reference = reference().await;
    for form in WHOLE {
        let (lake, invocation) = loaded(form).await;
        let counts = invocation.counts();
        assert_eq!((counts.records, counts.loaded), (24, 24), "{form}");
        assert_eq!(lake.rows_in_order("lambda_stream").await, reference, "{form}");
    }
}

#[tokio::test]
async fn an_aggregate_with_a_wrong_checksum_is_one_bad_record() {
    let reference = reference().await;
    let (lake, invocation) = loaded(BAD_CHECKSUM).await;
    let counts = invocation.counts();
    assert_eq!((counts.records, counts.quarantined_total()), (4, 1));
    assert_eq!(lake.rows_in_order("lambda_stream").await, reference[5..8]);
    let bad = lake.rows("quarantine").await;
    assert!(bad.contains("reason=unreadable") && bad.contains("record=0"), "{bad}");
}

/// What the library of its vendor made, by the name that the corpus gives it.
fn made_by_the_library() -> BTreeMap<String, Value> {
    let lines = read("kinesis_kpl_aggregated/records.ndjson");
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        (line["name"].as_str().unwrap().to_owned(), line["record"].clone())
    };
    lines.lines().map(line).collect()
}

/// The event of a mapping that delivers this data, whatever delivered it before.
fn event_of(record: &Value) -> Value {
    let data = [&record["kinesis"]["data"], &record["data"]];
    let data = data.into_iter().find_map(Value::as_str).unwrap();
    json!({ "Records": [{
        "kinesis": {
            "partitionKey": "a",
            "sequenceNumber": "49545115243490985018280067714973144582180062593244200961",
            "data": data,
            "approximateArrivalTimestamp": 1_518_133_507.063,
        },
        "eventID": "shardId-000000000003:49545115243490985018280067714973144582180062593244200961",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:857565855790:stream/AggRecordStream",
    }] })
}

/// The bytes of the documents of a delivery, in their order, none of which is JSON.
async fn bad_texts(event: &Value) -> Vec<String> {
    let lake = Lake::default();
    let invocation = deliver(&lake, event).await;
    let texts = lake.bad_texts_in_order("bytes").await;
    let counts = invocation.counts();
    let expected = (texts.len() as u64, 0);
    assert_eq!((counts.quarantined_total(), counts.loaded), expected);
    texts
}

#[tokio::test]
async fn an_aggregate_of_the_library_gives_the_records_that_its_vendor_expects() {
    let made = made_by_the_library();
    for (name, expected) in [
        ("kpl_generated_rec_with_ehks", "test_deagg_with_real_kpl_data_with_ehks"),
        ("kpl_generated_rec_no_ehks", "test_deagg_with_real_kpl_data_no_ehks"),
        ("kpl_generated_ka_rec", "test_deagg_with_real_kpl_generated_ka_rec_with_ehks"),
        (
            "kpl_generated_ka_non_agg_rec",
            "test_deagg_with_real_kpl_generated_ka_non_agg_rec_no_ehks",
        ),
    ] {
        let expected = made[&format!("EXPECTED:{expected}")].as_array().unwrap();
        // A line break at the end of a document is none of its bytes.
        let text = |one: &Value| one["data"].as_str().unwrap().trim_end_matches('\n').to_owned();
        let expected: Vec<_> = expected.iter().map(text).collect();
        assert_eq!(bad_texts(&event_of(&made[name])).await, expected, "{name}");
    }
}

#[tokio::test]
async fn the_sample_of_the_library_gives_its_two_texts_in_turn() {
    let sample = &made_by_the_library()["SampleLambdaEvent"]["Records"][0];
    let texts = bad_texts(&event_of(sample)).await;
    let [up, down] = ["abcdefghijklmnopqrstuvwxyz", "zyxwvutsrqponmlkjihgfedcba"];
    // Each of them stands in the blob as it is.
    let data = STANDARD.decode(sample["kinesis"]["data"].as_str().unwrap()).unwrap();
    let times = |text: &str| data.windows(text.len()).filter(|at| *at == text.as_bytes()).count();
    assert_eq!(texts.len(), times(up) + times(down));
    assert!(texts.len() > 2);
    for (place, text) in texts.iter().enumerate() {
        assert_eq!(text, if place % 2 == 0 { up } else { down });
    }
}
