use std::{collections::BTreeMap, io::Write as _, sync::Arc};

use alluvium_model::{
    EventTime, JsonPath, Limits, Mode, Origin, Reason, Selection, StreamRecord, TableRules,
    TableSchema, UtcInstant, Window,
};
use arrow::{
    array::{Array as _, AsArray as _},
    datatypes::{Int64Type, TimestampMicrosecondType},
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use jiff::SignedDuration;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;

use super::{aggregate::tests::aggregated, *};
use crate::{EncodedFile, Part, Shredder, Step, StoredFile, Verifier};

fn at(day: u32) -> UtcInstant {
    format!("2026-11-{day:02}T10:00:00Z").parse().unwrap()
}

fn origin() -> Origin {
    Origin { source: "s3://lake/stream/1-9".to_owned(), arrived_at: at(1) }
}

fn record(sequence: u32, day: u32, partition_key: &str, data: &[u8]) -> StreamRecord {
    StreamRecord {
        sequence: sequence.to_string().parse().unwrap(),
        arrived_at: at(day),
        partition_key: partition_key.to_owned(),
        data: Bytes::copy_from_slice(data),
    }
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn envelope(message_type: &str, messages: &[&str]) -> Vec<u8> {
    let event = |message| serde_json::json!({"id": "1", "timestamp": 1, "message": message});
    let events: Vec<_> = messages.iter().map(event).collect();
    let envelope = serde_json::json!({
        "messageType": message_type, "owner": "1", "logGroup": "g", "logStream": "s",
        "subscriptionFilters": ["f"], "logEvents": events,
    });
    envelope.to_string().into_bytes()
}

fn topic(name: &str) -> Selection {
    Selection::Topic(name.parse().unwrap())
}

fn all() -> Selection {
    Selection::Except(Vec::new())
}

/// The parts of an archive that comes in chunks of this size, and the number of its documents.
fn parts(mut shredder: Shredder, archive: &Bytes, chunk: usize) -> (Vec<Part>, u64) {
    let mut parts = Vec::new();
    let mut at = 0;
    loop {
        match shredder.step() {
            Step::NeedInput if at == archive.len() => shredder.finish(),
            Step::NeedInput => {
                let end = archive.len().min(at + chunk);
                shredder.feed(archive.slice(at..end));
                at = end;
            }
            Step::Part(part) => parts.push(*part),
            Step::Done => return (parts, shredder.records()),
            Step::Failed(error) => panic!("{error}"),
        }
    }
}

fn shred(records: &[StreamRecord], rules: TableRules, selection: Selection) -> Vec<Part> {
    let archive = encode_archive(records).unwrap();
    let rules = Arc::new(rules);
    let shredder = Shredder::of_stream(origin(), rules, Limits::default(), selection);
    parts(shredder, &archive, usize::MAX).0
}

/// What a part holds, in the order of the archive: number, day and text of each.
fn told(parts: &[Part]) -> Vec<String> {
    let mut told: BTreeMap<u64, String> = BTreeMap::new();
    for part in parts {
        assert_eq!(part.records(), part.rows() + part.bad_records().len() as u64);
        for index in 0..part.rows.len() {
            let (text, day) = (part.record_text(index).unwrap(), part.arrived_at(index).day());
            told.insert(part.record_number(index).unwrap(), format!("{day} {text}"));
        }
        for (number, bad) in part.bad_records() {
            let place = (bad.position.offset, bad.length);
            let text = bad.excerpt(60);
            told.insert(*number, format!("{} {place:?} {}: {text}", bad.reason, bad.message));
        }
    }
    told.into_iter().map(|(number, told)| format!("{number} {told}")).collect()
}

fn schema_of(part: &Part) -> TableSchema {
    let found = part.discovery();
    TableSchema::default().extend(&found, &origin(), &TableRules::default()).schema
}

fn check(records: &[StreamRecord], selection: Selection, expected: &[&str]) {
    assert_eq!(told(&shred(records, TableRules::default(), selection)), expected);
}

#[test]
fn a_payload_is_read_like_a_file() {
    let lines = b"{\"id\":1}\n\n{\"id\":2}{\"id\":3}";
    check(
        &[
            record(1, 1, "k", lines),
            record(2, 2, "k", &gzip(b"[{\"id\":4},{\"id\":5}]")),
            record(3, 2, "k", b""),
            record(4, 3, "k", b"{\"Records\":[{\"id\":6}]}"),
            record(5, 3, "k", &zstd::encode_all(&b"\xef\xbb\xbf{ \"id\": 7 }"[..], 3).unwrap()),
        ],
        all(),
        &[
            "0 2026-11-01 {\"id\":1}",
            "1 2026-11-01 {\"id\":2}",
            "2 2026-11-01 {\"id\":3}",
            "3 2026-11-02 {\"id\":4}",
            "4 2026-11-02 {\"id\":5}",
            "5 2026-11-03 {\"id\":6}",
            "6 2026-11-03 {\"id\":7}",
        ],
    );
}

#[test]
fn user_records_belong_to_the_selection_of_their_own_keys() {
    let first = aggregated(&[("camera/1", b"{\"id\":1}"), ("door/1", &gzip(b"{\"id\":2}"))]);
    let mut damaged = aggregated(&[("camera/1", b"{\"id\":3}")]);
    damaged[8] ^= 1;
    let records = [
        record(1, 1, "camera/9", &first),
        record(2, 2, "door/9", &damaged),
        record(3, 2, "camera/9", &aggregated(&[])),
        record(4, 3, "camera/9", b"{\"id\":4}"),
        record(5, 3, "camera", b"{\"id\":5}"),
    ];
    check(&records, topic("camera"), &["0 2026-11-01 {\"id\":1}", "3 2026-11-03 {\"id\":4}"]);
    let door = told(&shred(&records, TableRules::default(), topic("door")));
    assert_eq!(door.len(), 2, "{door:?}");
    assert_eq!(door[0], "1 2026-11-01 {\"id\":2}");
    assert!(door[1].starts_with("2 ") && door[1].contains(" record 2: "), "{}", door[1]);
    let rest = Selection::Except(vec!["camera".parse().unwrap(), "door".parse().unwrap()]);
    check(&records, rest, &["4 2026-11-03 {\"id\":5}"]);
}

#[test]
fn of_an_envelope_the_messages_are_read() {
    let data = envelope("DATA_MESSAGE", &["{\"id\":1}", "START", "", "{\"id\":2}\n{\"id\":3}"]);
    let within = envelope("DATA_MESSAGE", &["{\"id\":5}"]);
    let within = envelope("DATA_MESSAGE", &[std::str::from_utf8(&within).unwrap()]);
    let records = [
        record(1, 1, "k", &gzip(&envelope("CONTROL_MESSAGE", &["{\"id\":0}"]))),
        record(2, 2, "k", &gzip(&data)),
        record(3, 3, "k", &[b"{\"id\":4}", &data[..], b"{\"id\":6}"].concat()),
        record(4, 3, "k", &within),
    ];
    let told = told(&shred(&records, TableRules::default(), all()));
    let expected = [
        r#"0 2026-11-02 {"id":1}"#,
        "1 invalid_json (0, 5) record 2, log event 1: expected a value at byte 0 of the record: START",
        r#"2 2026-11-02 {"id":2}"#,
        r#"3 2026-11-02 {"id":3}"#,
        r#"4 2026-11-03 {"id":4}"#,
        r#"5 2026-11-03 {"id":1}"#,
        "6 invalid_json (0, 5) record 3, log event 1: expected a value at byte 0 of the record: START",
        r#"7 2026-11-03 {"id":2}"#,
        r#"8 2026-11-03 {"id":3}"#,
        r#"9 2026-11-03 {"id":6}"#,
        r#"10 2026-11-03 {"logEvents":[{"id":"1","message":"{\"id\":5}","timestamp":1}],"logGroup":"g","logStream":"s","messageType":"DATA_MESSAGE","owner":"1","subscriptionFilters":["f"]}"#,
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_bad_record_says_in_which_record_of_the_stream_it_is() {
    let packed =
        aggregated(&[("k", b"{}"), ("k", b"no"), ("k", &envelope("DATA_MESSAGE", &["{}", "no"]))]);
    let records = [
        record(4954, 1, "k", b"{}\n[1]\n"),
        record(4955, 2, "k", &packed),
        record(4956, 3, "k", &gzip(b"{\"id\":1}{\"id\":2}")[..22]),
        record(4957, 3, "k", b"PAR1\x15\x04"),
        record(4958, 3, "k", b"{\"id\":3}"),
    ];
    let told = told(&shred(&records, TableRules::default(), all()));
    let expected = [
        "0 2026-11-01 {}",
        "1 not_an_object (4, 1) record 4954: a record is a JSON object: 1",
        "2 2026-11-02 {}",
        "3 invalid_json (0, 2) record 4955, user record 1: expected `true`, `false` or `null` at byte 1 of the record: no",
        "4 2026-11-02 {}",
        "5 invalid_json (0, 2) record 4955, user record 2, log event 1: expected `true`, `false` or `null` at byte 1 of the record: no",
        r#"6 2026-11-03 {"id":1}"#,
        r#"7 truncated_input (8, 7) record 4956: gzip: the end is missing: {"id":2"#,
        "8 unreadable (0, 6) record 4957: it is no JSON but a Parquet file: PAR1\x15\x04",
        r#"9 2026-11-03 {"id":3}"#,
    ];
    assert_eq!(told, expected);
}

#[test]
fn what_a_contract_refuses_says_where_it_was_too() {
    let rules = TableRules { mode: Mode::Quarantine, ..TableRules::default() };
    let packed = aggregated(&[("k", b"{}"), ("k", b"{\"id\":1}")]);
    let records = [record(4954, 1, "k", b"{}\n{\"id\":0}"), record(4955, 2, "k", &packed)];
    let mut parts = shred(&records, rules, all());
    let schema = TableSchema::default();
    let part = parts.pop().unwrap();
    let placed = part.placed(&schema);
    let bad: Vec<_> = placed.bad_records().iter().map(|(_, bad)| bad.message.clone()).collect();
    let expected = [
        "record 4954: its table has no column for $.id",
        "record 4955, user record 1: its table has no column for $.id",
    ];
    assert_eq!(bad, expected);
    let file = placed.bad_records().encode(&origin()).unwrap();
    assert_eq!(instants(&file, "arrived_at"), [at(1), at(2)]);
}

#[test]
fn rows_of_two_days_lie_in_two_partitions() {
    let records = [
        record(1, 26, "k", b"{\"id\":1}{\"id\":2}"),
        record(2, 27, "k", b"{\"id\":3}\nno\n{\"id\":4}"),
        // Shards do not promise that arrivals grow.
        record(3, 26, "k", b"{\"id\":5}"),
    ];
    let mut parts = shred(&records, TableRules::default(), all());
    let part = parts.pop().unwrap();
    let schema = schema_of(&part);
    let placed = part.placed(&schema);
    let keys: Vec<_> = placed.partitions().map(ToString::to_string).collect();
    assert_eq!(keys, ["dt=2026-11-26", "dt=2026-11-27"]);
    let files: Vec<_> = placed.files().map(Result::unwrap).collect();
    let shown: Vec<_> =
        files.iter().map(|file| (integers(file, "_record"), integers(file, "id"))).collect();
    assert_eq!(shown, [(vec![0, 1, 5], vec![1, 2, 5]), (vec![2, 4], vec![3, 4])]);
    assert_eq!(instants(&files[0], "_arrived_at"), [at(26); 3]);
    assert_eq!(instants(&files[1], "_arrived_at"), [at(27); 2]);
    let bad = placed.bad_records().encode(&origin()).unwrap();
    assert_eq!(instants(&bad, "arrived_at"), [at(27)]);
}

#[test]
fn event_times_are_believed_by_the_arrival_of_their_record() {
    let (path, past) = (JsonPath::root().child("t"), SignedDuration::from_hours(24));
    let window = Window { past, ..Window::default() };
    let time = EventTime { window, ..EventTime::at(path) };
    let rules = TableRules { event_time: Some(time), ..TableRules::default() };
    let event = b"{\"t\":\"2026-11-20T10:00:00Z\"}";
    let latest = |day| shred(&[record(1, day, "k", event)], rules.clone(), all())[0].latest_event();
    assert_eq!(latest(20), Some(at(20)));
    assert_eq!(latest(22), None);
}

#[test]
fn bombs_are_bounded_over_the_whole_archive() {
    let limits = Limits { compression_ratio_from_bytes: 200_000, ..Limits::default() };
    let bomb = gzip(&[b"{\"id\":1}\n", &vec![b'\n'; 150_000][..]].concat());
    let small = gzip(b"{\"id\":2}");
    let mut records: Vec<_> = (0..20).map(|number| record(number, 1, "k", &bomb)).collect();
    records.insert(10, record(9, 1, "k", &small));
    records.push(record(21, 1, "k", &small));
    let outcome = |limits: Limits| {
        let shredder = Shredder::of_stream(origin(), Arc::default(), limits, all());
        let (parts, _) = parts(shredder, &encode_archive(&records).unwrap(), usize::MAX);
        let good: u64 = parts.iter().map(Part::rows).sum();
        let reasons: Vec<_> = parts[0].bad_records().iter().map(|(_, bad)| bad.reason).collect();
        (good, reasons)
    };
    // Each bomb loses what is suspicious about it; what is honest is read among them.
    assert_eq!(outcome(limits), (22, vec![Reason::CompressionRatio; 19]));
    // Nothing more is unpacked at all.
    let limits = Limits { unpacked_bytes: 200_000, ..Limits::default() };
    let (good, reasons) = outcome(limits);
    assert_eq!(reasons, vec![Reason::SourceTooLarge; 21]);
    assert_eq!(good, 2);
}

#[test]
fn what_is_no_archive_fails_whenever_it_is_asked() {
    for (archive, expected) in
        [("", "the archive was dropped"), ("{}", "the archive cannot be unpacked")]
    {
        let mut shredder = Shredder::of_stream(origin(), Arc::default(), Limits::default(), all());
        assert!(matches!(shredder.step(), Step::NeedInput));
        shredder.feed(archive.into());
        shredder.finish();
        for _ in 0..2 {
            let Step::Failed(error) = shredder.step() else { panic!("{archive} was read") };
            assert_eq!(error.to_string(), expected);
        }
    }
}

fn batch(file: &EncodedFile) -> arrow::array::RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.bytes.clone()).unwrap();
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    assert_eq!(batches.len(), 1);
    batches.into_iter().next().unwrap()
}

fn integers(file: &EncodedFile, column: &str) -> Vec<i64> {
    let batch = batch(file);
    batch.column_by_name(column).unwrap().as_primitive::<Int64Type>().values().to_vec()
}

fn instants(file: &EncodedFile, column: &str) -> Vec<UtcInstant> {
    let batch = batch(file);
    let column = batch.column_by_name(column).unwrap();
    assert_eq!(column.null_count(), 0);
    let micros = column.as_primitive::<TimestampMicrosecondType>().values().to_vec();
    micros.into_iter().map(|micros| UtcInstant::from_micros(micros).unwrap()).collect()
}

const KEYS: [&str; 5] = ["camera/1", "camera/2", "door/1", "17", ""];

#[derive(Clone, Copy, Debug)]
enum Packing {
    Plain,
    Gzip,
    Logs,
}

/// A payload: its key, which of its documents are good, and how they are packed.
#[derive(Clone, Debug)]
struct Load {
    key: &'static str,
    documents: Vec<bool>,
    packing: Packing,
}

/// A record of a stream: the day of its arrival, and several payloads if a producer packs.
#[derive(Clone, Debug)]
enum Taken {
    One(u32, Load),
    Packed(u32, Vec<Load>),
}

/// A document: its key, its day and whether it is good. It tells its number itself.
type Expected = (&'static str, u32, bool);

fn load() -> impl Strategy<Value = Load> {
    let packing = prop_oneof![Just(Packing::Plain), Just(Packing::Gzip), Just(Packing::Logs)];
    let key = proptest::sample::select(&KEYS[..]);
    (key, proptest::collection::vec(proptest::bool::weighted(0.8), 0..4), packing)
        .prop_map(|(key, documents, packing)| Load { key, documents, packing })
}

fn taken() -> impl Strategy<Value = Vec<Taken>> {
    let one = prop_oneof![
        (1_u32..4, load()).prop_map(|(day, load)| Taken::One(day, load)),
        (1_u32..4, proptest::collection::vec(load(), 0..4))
            .prop_map(|(day, loads)| Taken::Packed(day, loads)),
    ];
    proptest::collection::vec(one, 0..8)
}

/// The records, and the documents in them.
fn records_of(taken: &[Taken]) -> (Vec<StreamRecord>, Vec<Expected>) {
    let mut expected = Vec::new();
    let mut data = |load: &Load, day: u32| {
        let documents: Vec<String> = load
            .documents
            .iter()
            .map(|is_good| {
                let number = expected.len();
                expected.push((load.key, day, *is_good));
                if *is_good { format!("{{\"n\":{number}}}") } else { format!("bad {number}") }
            })
            .collect();
        let texts: Vec<&str> = documents.iter().map(String::as_str).collect();
        match load.packing {
            Packing::Plain => texts.join("\n").into_bytes(),
            Packing::Gzip => gzip(texts.join("\n").as_bytes()),
            Packing::Logs => gzip(&envelope("DATA_MESSAGE", &texts)),
        }
    };
    let mut number = 0;
    let mut to_record = |taken: &Taken| {
        number += 1;
        match taken {
            Taken::One(day, load) => record(number, *day, load.key, &data(load, *day)),
            Taken::Packed(day, loads) => {
                let packed: Vec<_> =
                    loads.iter().map(|load| (load.key, data(load, *day))).collect();
                let packed: Vec<_> = packed.iter().map(|(key, data)| (*key, &data[..])).collect();
                record(number, *day, "another/1", &aggregated(&packed))
            }
        }
    };
    (taken.iter().map(&mut to_record).collect(), expected)
}

/// Checks that what is in a part is what its number says, and that files tell the same.
fn check_part(part: &Part, selection: &Selection, expected: &[Expected]) -> Vec<u64> {
    let mut numbers = Vec::new();
    for index in 0..part.rows.len() {
        let number = part.record_number(index).unwrap();
        let (key, day, is_good) = expected[usize::try_from(number).unwrap()];
        assert!(is_good && selection.takes(key));
        assert_eq!(part.record_text(index), Some(&*format!("{{\"n\":{number}}}")));
        assert_eq!(part.arrived_at(index), at(day));
        numbers.push(number);
    }
    for (number, bad) in part.bad_records() {
        let (key, _, is_good) = expected[usize::try_from(*number).unwrap()];
        assert!(!is_good && selection.takes(key));
        assert_eq!(bad.excerpt(100), format!("bad {number}"));
        assert!(bad.message.starts_with("record "), "{}", bad.message);
        numbers.push(*number);
    }
    numbers
}

/// The files of a part, verified.
fn files_of(part: Part, again: &Part, expected: &[Expected]) -> Vec<Bytes> {
    let schema = schema_of(&part);
    let placed = part.placed(&schema);
    let mut verifier = Verifier::new(again);
    let mut files = Vec::new();
    for (key, file) in placed.partitions().zip(placed.files()) {
        let file = file.unwrap();
        for (number, arrived_at) in
            integers(&file, "_record").iter().zip(instants(&file, "_arrived_at"))
        {
            let (_, day, _) = expected[usize::try_from(*number).unwrap()];
            assert_eq!(arrived_at, at(day));
            assert_eq!(key.to_string(), format!("dt=2026-11-{day:02}"));
        }
        verifier.check_rows(&StoredFile::open(file.bytes.clone()).unwrap(), key).unwrap();
        files.push(file.bytes);
    }
    let bad = placed.bad_records();
    if !bad.is_empty() {
        let file = bad.encode(&origin()).unwrap();
        verifier.check_quarantine(&StoredFile::open(file.bytes.clone()).unwrap()).unwrap();
        files.push(file.bytes);
    }
    let found = verifier.finish();
    assert_eq!((found.rows + found.quarantined, &found.findings[..]), (again.records(), &[][..]));
    files
}

proptest! {
    #[test]
    fn every_document_is_in_one_selection(taken in taken(), part_records in 1_u32..20, chunk in 1_usize..100) {
        let (records, expected) = records_of(&taken);
        let archive = encode_archive(&records).unwrap();
        let limits = Limits { part_records, ..Limits::default() };
        let topics = topics_of(&records);
        let mut numbers = Vec::new();
        for topic in &topics {
            let selection = selection_of(topic.as_ref(), &topics);
            let shredder = || Shredder::of_stream(origin(), Arc::default(), limits, selection.clone());
            let (whole, documents) = parts(shredder(), &archive, usize::MAX);
            let (pieces, _) = parts(shredder(), &archive, chunk);
            prop_assert_eq!(documents, expected.len() as u64);
            prop_assert_eq!(whole.len(), pieces.len());
            for (one, other) in whole.into_iter().zip(pieces) {
                prop_assert_eq!((one.index(), one.span()), (other.index(), other.span()));
                numbers.extend(check_part(&one, &selection, &expected));
                let again = parts(shredder(), &archive, usize::MAX).0;
                let again = again.iter().find(|part| part.index() == one.index()).unwrap();
                let files = files_of(one, again, &expected);
                prop_assert_eq!(files, files_of(other, again, &expected));
            }
        }
        numbers.sort_unstable();
        prop_assert_eq!(numbers, (0..expected.len() as u64).collect::<Vec<_>>());
    }
}
