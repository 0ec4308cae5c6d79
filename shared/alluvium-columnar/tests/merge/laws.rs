//! What holds for any files, whatever is in them.

use std::{cmp::Reverse, collections::HashMap};

use alluvium_model::{EventTime, TableRules, TimeFormat, TimePattern, UtcInstant};
use jiff::SignedDuration;
use parquet::record::Field;
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value, json};

use crate::{
    rows::{Row, multiset, rows},
    table::{Source, Table, at},
};

/// The records of a source, and how many minutes after the others it arrives.
type AnySource = (Vec<Map<String, Value>>, i64);

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        2 => select(vec![0, 1, -1, 1 << 53, (1 << 53) + 1, i64::MAX, i64::MIN])
            .prop_map(Value::from),
        2 => select(vec![0.5, -1e300, 1.0, 5e-324]).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        2 => select(vec!["", "x", "2016-07-20T00:06:01.5+02:00", "1", "Ünïcode\n\"\\"])
            .prop_map(Value::from),
        1 => any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            any_object(inner).prop_map(Value::Object),
        ]
    })
}

/// Few keys, so that sources meet and types conflict.
fn any_object(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    let key = select(vec!["a", "A", "b", "a.b", "", "dt", "_rescued", "é"]);
    vec((key, value), 0..5)
        .prop_map(|members| members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
}

fn any_time(written: Vec<Value>) -> impl Strategy<Value = Value> {
    prop_oneof![
        8 => select(written),
        1 => select(vec![json!("never"), json!([1]), json!(true), json!({"t": 1}), Value::Null]),
    ]
}

fn any_sources(times: Vec<Value>) -> impl Strategy<Value = Vec<AnySource>> {
    let record = (any_object(any_value()), any_time(times)).prop_map(|(mut record, time)| {
        record.insert("t".to_owned(), time);
        record
    });
    vec((vec(record, 1..6), 0..4_i64), 1..6)
}

/// How times are written, with some that are written so.
fn any_format() -> impl Strategy<Value = (Option<TimeFormat>, Vec<Value>)> {
    let rfc3339 = json!([
        "2026-11-22T09:00:00Z",
        "2026-11-22T11:00:00.5+02:00",
        "2026-11-21T23:59:59.999999Z",
        "2026-11-21T23:59:59.9999999Z",
        "1970-01-01T00:00:00Z",
        "2026-11-22 09:00:00Z"
    ]);
    let seconds = json!([1_795_341_600, 1_795_341_500.5, "1795341700", 0, -1, 1e300, "1.5e9"]);
    let days = json!(["2026-11-20", "2026-11-21", "2026-11-19", "20261121", 20_261_121]);
    let pattern = TimeFormat::Pattern(TimePattern::new("%Y-%m-%d").unwrap());
    let listed = |list: &Value| list.as_array().unwrap().clone();
    select(vec![
        (Some(TimeFormat::Rfc3339), listed(&rfc3339)),
        (Some(TimeFormat::Seconds), listed(&seconds)),
        (Some(pattern), listed(&days)),
        (None, listed(&rfc3339)),
    ])
}

fn any_case() -> impl Strategy<Value = (Option<TimeFormat>, Vec<AnySource>)> {
    any_format()
        .prop_flat_map(|(format, times)| any_sources(times).prop_map(move |s| (format.clone(), s)))
}

fn arrival(minutes: i64) -> UtcInstant {
    at("2026-11-22T10:00:00Z").plus(SignedDuration::from_mins(minutes)).unwrap()
}

fn loaded(format: Option<TimeFormat>, sources: &[AnySource]) -> Table {
    let event_time =
        format.map(|format| EventTime { format, ..EventTime::at("$.t".parse().unwrap()) });
    let mut table = Table::new(TableRules { event_time, ..TableRules::default() });
    for (number, (records, minutes)) in sources.iter().enumerate() {
        let texts: Vec<_> = records.iter().map(|r| serde_json::to_string(r).unwrap()).collect();
        let (name, text) = (number.to_string(), texts.join("\n"));
        let arrived_at = arrival(*minutes);
        table.load_source(&Source { name: &name, arrived_at, text: &text });
    }
    table
}

/// Fills the doubles that stand beside integers: what is expected of a merge.
fn heal(row: &mut Row, table: &Table) {
    for double in table.schema.columns().iter().filter(|c| c.name.as_str().ends_with("__double")) {
        let base = double.sibling_of.as_ref().unwrap().as_str();
        if let Some(Field::Long(integer)) = row.get(base)
            && (*integer as f64) as i128 == i128::from(*integer)
        {
            let healed = Field::Double(*integer as f64);
            row.entry(double.name.as_str().to_owned()).or_insert(healed);
        }
    }
}

/// Where a row stands, by what its record says.
fn place(row: &Row, table: &Table, sources: &[AnySource]) -> impl Ord + use<> {
    let (Some(Field::Str(source)), Some(Field::Long(record))) =
        (row.get("_source"), row.get("_record"))
    else {
        panic!("a row without its source: {row:?}")
    };
    let (records, minutes) = &sources[source.parse::<usize>().unwrap()];
    let said = &records[usize::try_from(*record).unwrap()]["t"];
    let text = said.as_str().map_or_else(|| said.to_string(), str::to_owned);
    let event = table.rules.event_time.as_ref().and_then(|t| t.read(&text, arrival(*minutes)));
    // Those without an event come last.
    (Reverse(event.map(Reverse)), *minutes, source.clone(), *record)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_row_is_there_with_its_values_and_in_its_place((format, sources) in any_case()) {
        let table = loaded(format, &sources);
        let merged = table.merged();
        let found = rows(&merged.bytes);
        let mut expected: Vec<_> = table.files.iter().flat_map(|file| rows(&file.reader)).collect();
        for row in &mut expected {
            heal(row, &table);
        }
        prop_assert_eq!(multiset(&found), multiset(&expected));
        prop_assert!(found.is_sorted_by_key(|row| place(row, &table, &sources)));
        prop_assert_eq!(merged.rows, found.len() as u64);
        let mut values: HashMap<&str, u64> = HashMap::new();
        for column in found.iter().flat_map(Row::keys) {
            *values.entry(column).or_default() += 1;
        }
        let said = merged.columns.iter().map(|column| (column.name.as_str(), column.values));
        prop_assert_eq!(said.collect::<HashMap<_, _>>(), values);
    }

    #[test]
    fn neither_the_order_of_files_nor_memory_has_a_say(
        (format, sources) in any_case(),
        memory_bytes in select(vec![0, 1, 1_000, 5_000, 20_000]),
        seed in any::<prop::sample::Index>(),
    ) {
        let mut table = loaded(format, &sources);
        let merged = table.merged();
        let turn = seed.index(table.files.len());
        table.files.rotate_left(turn);
        prop_assert_eq!(&table.merged_within(memory_bytes).unwrap(), &merged);
        table.files.reverse();
        prop_assert_eq!(&table.merged_within(memory_bytes).unwrap(), &merged);
    }

    #[test]
    fn merged_files_are_merged_again_as_if_they_had_not_been((format, sources) in any_case()) {
        let mut table = loaded(format, &sources);
        let once = table.merged();
        let rest = table.files.split_off(table.files.len() / 2);
        if !table.files.is_empty() {
            table.files[0].reader = table.merged().bytes;
            table.files.truncate(1);
        }
        table.files.extend(rest);
        prop_assert_eq!(&table.merged(), &once);
        table.files.truncate(1);
        table.files[0].reader = once.bytes.clone();
        prop_assert_eq!(&table.merged(), &once);
    }
}
