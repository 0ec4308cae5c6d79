//! No value vanishes: arbitrary records over arbitrary earlier generations, every leaf looked for
//! in the files alone, once by a reader of these tests and once as `alluvium verify` does.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a broken expectation must stop the test"
)]

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use alluvium_lake::{Ingest, IngestSettings, Verify};
use alluvium_model::{JsonPath, Kind, TableRules};
use alluvium_tests::{Lake, destination, drop_under, memory_source, settings, within};
use arrow::{
    array::{Array, ArrayRef, AsArray as _, RecordBatch},
    datatypes::{Float64Type, Int64Type, TimestampMicrosecondType},
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::{collection::vec, prelude::*, sample::select};
use serde::Deserialize;
use serde_json::{Map, Value};

/// What a row says about one path: the kind of the column and the value in it.
type Found = HashMap<String, Vec<(Kind, Value)>>;

#[derive(Deserialize)]
struct FooterColumn {
    name: String,
    path: String,
    kind: Kind,
}

/// The rows of a lake's files by source and record: what each column of a path holds, and what
/// was rescued.
fn rows(lake: &Lake) -> BTreeMap<(String, i64), (Found, BTreeMap<String, String>)> {
    let mut rows = BTreeMap::new();
    for (key, bytes) in lake.files() {
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
        let footer = builder.metadata().file_metadata().key_value_metadata().unwrap();
        let footer = footer.iter().find(|pair| pair.key == "alluvium.columns").unwrap();
        let columns: Vec<FooterColumn> =
            serde_json::from_str(footer.value.as_ref().unwrap()).unwrap();
        for batch in builder.build().unwrap() {
            let batch = batch.unwrap();
            for row in 0..batch.num_rows() {
                let source = text(batch.column_by_name("_source").unwrap(), row);
                let records = batch.column_by_name("_record").unwrap().as_primitive::<Int64Type>();
                let id = (source, records.value(row));
                let found = (found(&batch, &columns, row), rescued(&batch, row));
                assert!(rows.insert(id, found).is_none(), "a row twice in {key}");
            }
        }
    }
    rows
}

fn found(batch: &RecordBatch, columns: &[FooterColumn], row: usize) -> Found {
    let mut found = Found::new();
    for column in columns {
        let array = batch.column_by_name(&column.name).unwrap();
        if array.is_valid(row) {
            let value = value(array, row);
            found.entry(column.path.clone()).or_default().push((column.kind, value));
        }
    }
    found
}

fn rescued(batch: &RecordBatch, row: usize) -> BTreeMap<String, String> {
    let Some(column) = batch.column_by_name("_rescued") else { return BTreeMap::new() };
    let map = column.as_map();
    if map.is_null(row) {
        return BTreeMap::new();
    }
    let entries = map.value(row);
    let (keys, values) = (entries.column(0), entries.column(1));
    (0..entries.len()).map(|entry| (text(keys, entry), text(values, entry))).collect()
}

fn text(array: &ArrayRef, row: usize) -> String {
    array.as_string::<i32>().value(row).to_owned()
}

/// A value as JSON; instants as microseconds.
fn value(array: &ArrayRef, row: usize) -> Value {
    use arrow::datatypes::DataType;
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).into(),
        DataType::Timestamp(..) => {
            array.as_primitive::<TimestampMicrosecondType>().value(row).into()
        }
        DataType::Utf8 => text(array, row).into(),
        DataType::List(_) => {
            let elements = array.as_list::<i32>().value(row);
            (0..elements.len()).map(|element| value(&elements, element)).collect()
        }
        other => panic!("no column of ours has the type {other}"),
    }
}

/// The leaves of a record that are not SQL NULL; an object that a row keeps whole is one.
fn leaves(path: &JsonPath, value: &Value, found: &Found, into: &mut Vec<(JsonPath, Value)>) {
    let is_whole = |(_, held): &(Kind, Value)| held.as_str().is_some_and(|t| t.starts_with('{'));
    match value {
        Value::Null => {}
        Value::Array(elements) if elements.is_empty() => {}
        Value::Object(members) if members.is_empty() => {}
        Value::Object(members)
            if !found.get(path.as_str()).is_some_and(|held| held.iter().any(is_whole)) =>
        {
            for (key, value) in members {
                leaves(&path.child(key), value, found, into);
            }
        }
        leaf => into.push((path.clone(), leaf.clone())),
    }
}

/// Whether a column of `kind` that holds `held` tells what `leaf` was.
fn tells(kind: Kind, held: &Value, leaf: &Value) -> bool {
    use alluvium_model::Scalar;
    match kind {
        Kind::Json => serde_json::from_str::<Value>(held.as_str().unwrap()).unwrap() == *leaf,
        Kind::Array(scalar) => {
            let (held, leaf) = (held.as_array().unwrap(), leaf.as_array().unwrap());
            let pairs = held.iter().zip(leaf);
            held.len() == leaf.len()
                && pairs.clone().all(|(held, leaf)| match leaf {
                    Value::Null => held.is_null(),
                    leaf => tells(Kind::Scalar(scalar), held, leaf),
                })
        }
        Kind::Scalar(Scalar::Boolean | Scalar::Bigint) => held == leaf,
        Kind::Scalar(Scalar::Double) => held.as_f64() == leaf.as_f64(),
        Kind::Scalar(Scalar::Timestamp) => {
            let instant: jiff::Timestamp = leaf.as_str().unwrap().parse().unwrap();
            held.as_i64() == Some(instant.as_microsecond())
        }
        Kind::Scalar(Scalar::String) => match leaf {
            Value::String(text) => held == text,
            lexeme => held.as_str() == Some(&lexeme.to_string()),
        },
    }
}

fn check(leaf: &(JsonPath, Value), found: &Found, rescued: &BTreeMap<String, String>) {
    let (path, value) = leaf;
    let columns = found.get(path.as_str()).map_or(&[][..], Vec::as_slice);
    let lost = || format!("{path} = {value} is {columns:?} and rescued {rescued:?}");
    if let Some(text) = rescued.get(path.as_str()) {
        assert!(columns.is_empty(), "{}", lost());
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), *value, "{}", lost());
    } else {
        assert!((1..=2).contains(&columns.len()), "{}", lost());
        assert!(columns.iter().all(|(kind, held)| tells(*kind, held, value)), "{}", lost());
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let texts = ["", "x", "2016-07-20T00:06:01.5+02:00", "1", "true", "Ünïcode\n\"\\", "1900"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        select(vec![0, 1, -1, 1 << 53, (1 << 53) + 1, i64::MAX, i64::MIN]).prop_map(Value::from),
        Just(Value::from(u64::MAX)),
        select(vec![0.5, -1e300, 1.0, 5e-324]).prop_map(Value::from),
        select(texts.to_vec()).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            any_object(inner).prop_map(Value::Object),
        ]
    })
}

/// Few keys, so that generations meet and names collide.
fn any_object(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    let key = select(vec!["a", "A", "b", "a.b", "", "dt", "a_b", "_rescued", "b__json", "é"]);
    vec((key, value), 0..5)
        .prop_map(|members| members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
}

/// Any JSON value as text: lexemes of every class and edge, arbitrary strings, equal keys.
fn any_text() -> impl Strategy<Value = String> {
    let lexemes = [
        "null",
        "true",
        "-0",
        "-0.0",
        "9007199254740993",
        "-9223372036854775808",
        "9223372036854775808",
        "1e400",
        "1E-400",
        "0.1000000000000000055511151231257827021181583404541015625",
        "1234567890123456789012345678901234567890",
        "\"2016-12-31T23:59:60Z\"",
        "\"0001-01-01T00:00:00Z\"",
        "\"9999-12-31T23:59:59.999999Z\"",
        "\"2016-07-20T00:06:01.1234567Z\"",
        "\"\\u0000\\ud83d\\ude00\"",
        "[null]",
        "{}",
    ];
    let leaf = prop_oneof![
        3 => select(lexemes.to_vec()).prop_map(str::to_owned),
        1 => any::<f64>().prop_map(|n| Value::from(n).to_string()),
        1 => any::<i64>().prop_map(|n| n.to_string()),
        1 => any::<String>().prop_map(|text| Value::from(text).to_string()),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            1 => vec(inner.clone(), 0..4).prop_map(|all| format!("[{}]", all.join(", "))),
            2 => any_object_text(inner),
        ]
    })
}

fn any_object_text(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let known =
        select(vec!["a", "A", "b", "a.b", "", "_", "a_b", "a__json", "_source", "dt", "#1"]);
    let key = prop_oneof![
        4 => known.prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    let member = (key, value).prop_map(|(key, value)| format!("{} :{value}", Value::from(key)));
    vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(",\t")))
}

/// Budgets and limits that records of a few keys meet.
fn any_settings() -> impl Strategy<Value = (IngestSettings, Arc<TableRules>)> {
    let budgets = (select(vec![8, 12, 1_000]), select(vec![1, 3, 200]));
    let limits = (1..4_u32, select(vec![1, 2, 32]), select(vec![3, 10, 65_536]), 6..40_u32);
    let record_bytes = select(vec![60, 16 << 20]);
    (budgets, limits, record_bytes).prop_map(|(budgets, limits, record_bytes)| {
        let ((max_columns, max_keys), (records, depth, paths, bytes)) = (budgets, limits);
        let mut settings = settings();
        settings.limits.part_records = records;
        settings.limits.path_depth = depth;
        settings.limits.part_paths = paths;
        settings.limits.path_bytes = bytes;
        settings.limits.record_bytes = record_bytes;
        (settings, within(max_columns, max_keys))
    })
}

fn any_generation() -> impl Strategy<Value = Vec<Map<String, Value>>> {
    vec(any_object(any_value()), 1..5)
}

proptest! {
    #[test]
    fn every_leaf_is_in_a_column_or_rescued(
        generations in vec(any_generation(), 1..4),
        max_columns in select(vec![8, 1_000]),
        max_keys in select(vec![1, 2, 200]),
        part_records in 1..4_u32,
    ) {
        let mut settings = settings();
        settings.limits.part_records = part_records;
        let rules = within(max_columns, max_keys);
        let lake = Lake::default();
        let ingest = Ingest::new(lake.catalog.clone(), lake.objects.clone(), settings);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        for (number, records) in generations.iter().enumerate() {
            let texts: Vec<_> = records.iter().map(|r| serde_json::to_string(r).unwrap()).collect();
            let key = format!("t/{number}");
            let report = runtime.block_on(drop_under(&ingest, &rules, &key, &texts.join(" "))).unwrap();
            prop_assert_eq!(report.counts.loaded, records.len() as u64);
        }
        let rows = rows(&lake);
        prop_assert_eq!(rows.len(), generations.iter().map(Vec::len).sum::<usize>());
        for ((source, record), (found, rescued)) in &rows {
            let generation: usize = source.rsplit('/').next().unwrap().parse().unwrap();
            let record = &generations[generation][usize::try_from(*record).unwrap()];
            let mut expected = Vec::new();
            leaves(&JsonPath::root(), &Value::Object(record.clone()), found, &mut expected);
            for leaf in &expected {
                check(leaf, found, rescued);
            }
            let places = found.len() + rescued.len();
            prop_assert_eq!(places, expected.len(), "a value that was not there: {:?}", found);
        }
    }

    #[test]
    fn a_verification_finds_every_value_again(
        generations in vec(vec(any_object_text(any_text()), 1..5), 1..4),
        (settings, rules) in any_settings(),
    ) {
        let limits = settings.limits;
        let lake = Lake::default();
        let ingest = Ingest::new(lake.catalog.clone(), lake.objects.clone(), settings);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let texts: Vec<_> = generations.iter().map(|records| records.join("\n")).collect();
        let key = |number| format!("t/{number}");
        for (number, text) in texts.iter().enumerate() {
            runtime.block_on(drop_under(&ingest, &rules, &key(number), text)).unwrap();
        }
        let mut verify = Verify::new(lake.catalog.clone(), lake.objects.clone(), limits);
        for (number, text) in texts.iter().enumerate() {
            let source = memory_source(&key(number), text);
            let report = runtime.block_on(verify.verify(destination(&rules, "t"), source)).unwrap();
            prop_assert!(report.is_clean(), "{:?}", report.found);
            prop_assert_eq!(report.records, generations[number].len() as u64);
        }
    }
}
