//! Files of particular shapes.

use alluvium_columnar::{MergeSpec, MergeTable, MergedFile, merge};
use parquet::{
    file::{
        reader::FileReader as _, serialized_reader::SerializedFileReader, statistics::Statistics,
    },
    record::Field,
};

use crate::{
    rows::{column, multiset, rows, shown},
    table::{Source, Table, at},
};

/// The rows of a file as text, one a line, without where they came from.
fn said(file: &bytes::Bytes) -> String {
    let mut rows = rows(file);
    for row in &mut rows {
        row.retain(|column, _| !column.starts_with('_') || column == "_rescued");
    }
    rows.iter().map(shown).collect::<Vec<_>>().join("\n")
}

/// How many bytes each column takes in each row group.
fn chunk_bytes(file: &bytes::Bytes) -> Vec<String> {
    let reader = SerializedFileReader::new(file.clone()).unwrap();
    let groups = reader.metadata().row_groups().iter();
    let bytes = |column: &parquet::file::metadata::ColumnChunkMetaData| {
        format!("{} {}", column.column_path(), column.compressed_size())
    };
    groups.flat_map(|group| group.columns().iter().map(bytes)).collect()
}

/// Says less of a difference than all bytes of both.
fn assert_same(found: &MergedFile, expected: &MergedFile) {
    assert_eq!(found.columns, expected.columns);
    assert_eq!(found.events, expected.events);
    assert_eq!(chunk_bytes(&found.bytes), chunk_bytes(&expected.bytes));
    assert!(found.bytes == expected.bytes, "the bytes differ");
}

#[test]
fn rows_come_in_the_order_of_their_events_and_those_without_one_last() {
    let mut table = Table::with_event_time();
    table.load(
        r#"{"t":"2026-11-22T09:00:00Z","n":1} {"n":2} {"t":"2026-11-22T07:00:00Z","n":3,"x":[1]}"#,
    );
    table.load(r#"{"t":"2026-11-22T08:00:00Z","n":4,"late":true} {"t":"1920-01-01T00:00:00Z"}"#);
    let merged = table.merged();
    insta::assert_snapshot!(said(&merged.bytes), @r"
    n=Long(3) t=TimestampMicros(1795330800000000) x=ListInternal(List { elements: [Long(1)] })
    late=Bool(true) n=Long(4) t=TimestampMicros(1795334400000000)
    n=Long(1) t=TimestampMicros(1795338000000000)
    n=Long(2)
    t=TimestampMicros(-1577923200000000)
    ");
    let events = merged.events.unwrap();
    assert_eq!(
        (events.first, events.last),
        (at("2026-11-22T07:00:00Z"), at("2026-11-22T09:00:00Z"))
    );
}

#[test]
fn rows_without_events_come_as_their_sources_did() {
    let mut table = Table::new(alluvium_model::TableRules::default());
    for (name, arrived_at, text) in [
        ("b", "2026-11-22T10:00:00Z", r#"{"n":3} {"n":4}"#),
        ("c", "2026-11-22T09:00:00Z", r#"{"n":0}"#),
        ("a", "2026-11-22T10:00:00Z", r#"{"n":1} {"n":2}"#),
    ] {
        table.load_source(&Source { name, arrived_at: at(arrived_at), text });
    }
    let merged = table.merged();
    let expected = [0, 1, 2, 3, 4].map(|n| Some(Field::Long(n)));
    assert_eq!(column(&rows(&merged.bytes), "n"), expected);
    assert_eq!(merged.events, None);
}

/// As in the earthquakes of vega's sample data: the first magnitude was the integer 6.
#[test]
fn numbers_heal() {
    let magnitudes = ["6", "5.5", "7", "4.25", "9007199254740993", "null"];
    let mut table = Table::new(alluvium_model::TableRules::default());
    for magnitude in magnitudes {
        table.load(&format!("{{\"mag\":{magnitude},\"place\":\"x\"}}"));
    }
    let merged = table.merged();
    insta::assert_snapshot!(said(&merged.bytes), @r#"
    mag=Long(6) mag__double=Double(6.0) place=Str("x")
    mag__double=Double(5.5) place=Str("x")
    mag=Long(7) mag__double=Double(7.0) place=Str("x")
    mag__double=Double(4.25) place=Str("x")
    mag=Long(9007199254740993) place=Str("x")
    place=Str("x")
    "#);
    let doubles: Vec<_> =
        column(&rows(&merged.bytes), "mag__double").into_iter().flatten().collect();
    let sum: f64 =
        doubles.iter().map(|d| if let Field::Double(d) = d { *d } else { f64::NAN }).sum();
    assert_eq!((sum / doubles.len() as f64).to_bits(), 5.6875_f64.to_bits());
}

#[test]
fn a_double_that_nothing_heals_is_left_out() {
    let mut table = Table::new(alluvium_model::TableRules::default());
    table.load(r#"{"n":9007199254740993}"#);
    table.load(r#"{"n":0.5}"#);
    table.files.truncate(1);
    let merged = table.merged();
    let names: Vec<_> = merged.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["_source", "_record", "_arrived_at", "n"]);
}

#[test]
fn a_footer_says_where_columns_come_from_as_that_of_ingest_does() {
    let mut table = Table::with_event_time();
    table.load(r#"{"t":"2026-11-22T09:00:00Z","a":{"b":[1]},"c":"x"}"#);
    let footer = |file: &bytes::Bytes| {
        let reader = SerializedFileReader::new(file.clone()).unwrap();
        let metadata = reader.metadata().file_metadata();
        (metadata.key_value_metadata().cloned(), metadata.schema().clone())
    };
    assert_eq!(footer(&table.merged().bytes), footer(&table.files[0].reader));
}

#[test]
fn a_thousand_sparse_columns() {
    let mut table = Table::with_event_time();
    for file in 0..16 {
        let record = |record: usize| {
            let (minute, second) = ((record * 7 + file) % 60, record % 60);
            let key = (file * 62 + record) % 990;
            format!(
                "{{\"t\":\"2026-11-22T09:{minute:02}:{second:02}Z\",\"k{key}\":{record},\
                 \"s{}\":\"text {record}\"}}",
                key % 7
            )
        };
        table.load(&(0..200).map(record).collect::<Vec<_>>().join("\n"));
    }
    assert!(table.schema.columns().len() > 900);
    let merged = table.merged();
    let found = rows(&merged.bytes);
    let all: Vec<_> = table.files.iter().flat_map(|file| rows(&file.reader)).collect();
    assert_eq!(multiset(&found), multiset(&all));
    assert_same(&table.merged_within(1 << 20).unwrap(), &merged);
}

#[test]
fn two_thousand_tiny_files() {
    let mut table = Table::with_event_time();
    for file in 0..2_000 {
        let second = file * 7_919 % 3_600;
        let (minute, second) = (second / 60, second % 60);
        table.load(&format!("{{\"t\":\"2026-11-22T09:{minute:02}:{second:02}Z\",\"n\":{file}}}"));
    }
    let merged = table.merged();
    let found = rows(&merged.bytes);
    let all: Vec<_> = table.files.iter().flat_map(|file| rows(&file.reader)).collect();
    assert_eq!(multiset(&found), multiset(&all));
    let times: Vec<_> = found.iter().map(|row| format!("{:?}", row.get("t"))).collect();
    assert!(times.is_sorted());
    assert_same(&table.merged_within(100_000).unwrap(), &merged);
}

#[test]
fn row_groups_can_be_skipped_by_the_time_of_events() {
    let mut table = Table::with_event_time();
    for file in 0..4 {
        let record = |record: usize| {
            let second = record * 2 + file;
            let (hour, minute) = (second / 3_600 % 24, second / 60 % 60);
            let (day, second) = (20 + second / 86_400, second % 60);
            let rest = match record % 40 {
                0 => ",\"few\":\"text\",\"list\":[null]",
                1..20 => ",\"list\":[\"a\",\"b\"]",
                _ if record > 30_000 => ",\"a\":{\"b\":true}",
                _ => "",
            };
            format!(
                "{{\"t\":\"2026-11-{day}T{hour:02}:{minute:02}:{second:02}Z\",\"n\":{record}{rest}}}"
            )
        };
        table.load(&(0..60_000).map(record).collect::<Vec<_>>().join("\n"));
    }
    let merged = table.merged();
    let reader = SerializedFileReader::new(merged.bytes.clone()).unwrap();
    let span = |group: &parquet::file::metadata::RowGroupMetaData| {
        let columns = group.columns().iter();
        let t = columns.clone().find(|column| column.column_descr().name() == "t").unwrap();
        let Some(Statistics::Int64(times)) = t.statistics() else { panic!("no statistics") };
        (*times.min_opt().unwrap(), *times.max_opt().unwrap())
    };
    let spans: Vec<_> = reader.metadata().row_groups().iter().map(span).collect();
    assert_eq!(spans.len(), 4);
    assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{spans:?}");
    assert_same(&table.merged_within(4 << 20).unwrap(), &merged);
    assert_same(&table.merged_within(20 << 20).unwrap(), &merged);
}

#[test]
fn rows_are_written_while_later_files_wait_but_not_before_rows_of_them() {
    let mut table = Table::with_event_time();
    for file in 0..12 {
        let record = |record: usize| {
            // Most of its time is that of files before, and no file is in order.
            let millisecond = (file * 5_000 + record * 7_919 % 20_000) * 300;
            let (second, fraction) = (millisecond / 1_000, millisecond % 1_000);
            let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
            format!(
                "{{\"t\":\"2026-11-21T{hour:02}:{minute:02}:{second:02}.{fraction:03}Z\",\"n\":{record}}}"
            )
        };
        table.load(&(0..20_000).map(record).collect::<Vec<_>>().join("\n"));
    }
    let merged = table.merged();
    let times = column(&rows(&merged.bytes), "t");
    let time = |field: &Option<Field>| match field {
        Some(Field::TimestampMicros(micros)) => *micros,
        other => panic!("{other:?} is no time"),
    };
    assert!(times.iter().map(time).is_sorted());
    assert_same(&table.merged_within(16 << 20).unwrap(), &merged);
}

#[test]
fn bad_records_are_merged_too() {
    let mut table = Table::new(alluvium_model::TableRules::default());
    for (name, arrived_at, text) in [
        ("b", "2026-11-22T10:00:00Z", "{\"n\":1}\n{\"n\":\n17\n\"\\ud800\"\n"),
        ("c", "2026-11-22T09:00:00Z", "{}\n{\"a\":01}\n"),
        ("a", "2026-11-22T10:00:00Z", "{}\n\u{0}\n"),
    ] {
        table.load_source(&Source { name, arrived_at: at(arrived_at), text });
    }
    let spec = MergeSpec::new(MergeTable::Quarantine);
    let merged = merge(table.bad.clone(), &spec).unwrap();
    let found = rows(&merged.bytes);
    let all: Vec<_> = table.bad.iter().flat_map(|file| rows(&file.reader)).collect();
    assert_eq!(multiset(&found), multiset(&all));
    let place = |name: &str| column(&found, name).into_iter().flatten();
    let places: Vec<_> =
        place("source").zip(place("record")).map(|(s, r)| format!("{s} {r}")).collect();
    insta::assert_snapshot!(places.join(", "), @r#""c" 1, "a" 1, "b" 1, "b" 2, "b" 3"#);
    let within = merge(table.bad.clone(), &MergeSpec { memory_bytes: 1, ..spec }).unwrap();
    assert_eq!(within, merged);
}
