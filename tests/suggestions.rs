//! What is suggested is a contract, whatever the records are.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use alluvium_lake::{Preview, TablePreview};
use alluvium_model::{Contract, Limits, TableSource, ports::Source};
use alluvium_tests::memory_source;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Keys that meet each other, keys that TOML must escape, and keys that are about times.
fn any_key() -> impl Strategy<Value = String> {
    let known = prop_oneof![Just("a"), Just("A"), Just("eventTime"), Just("ts"), Just("b.c")];
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => any::<String>()]
}

fn any_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3_i64).prop_map(Value::from),
        (1_795_000_000..1_795_000_009_i64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop_oneof![Just("2016-11-24T00:00:00Z"), Just("2026-11-24 00:00:00"), Just("x")]
            .prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    scalar.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::vec((any_key(), inner), 0..4)
                .prop_map(|members| Value::from(Map::from_iter(members))),
        ]
    })
}

fn any_record() -> impl Strategy<Value = Value> {
    proptest::collection::vec((any_key(), any_value()), 0..5)
        .prop_map(|members| Value::from(Map::from_iter(members)))
}

/// The contract that is suggested for these records of a table.
fn suggested(table: &str, records: &[Value]) -> String {
    let text = records.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let Source { origin, reader, .. } = memory_source("t/1.json", &text);
    let mut preview = Preview::new("lake".parse().unwrap(), Limits::default());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(preview.read(&TableSource::new(table), origin, reader)).unwrap();
    preview.finish().first().map(TablePreview::contract).unwrap_or_default()
}

/// Reads it as the contract of the table that it names.
fn read(text: &str) -> Result<Contract, String> {
    let table = text.lines().find_map(|line| line.strip_prefix("table = "));
    let file = format!("{}.toml", table.unwrap_or_default().trim_matches('"'));
    Contract::read(&file, text.as_bytes()).map_err(|errors| format!("{errors}\n{text}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_suggestion_is_a_contract(
        records in proptest::collection::vec(any_record(), 1..30),
        table in prop_oneof![Just("camera".to_owned()), any::<String>()],
    ) {
        let text = suggested(&table, &records);
        prop_assert_eq!(read(&text).err(), None);
    }
}

#[test]
fn objects_that_are_kept_whole_leave_nothing_to_be_said_of_their_members() {
    let keys: Map<_, _> = (0..300).map(|n| (format!("k{n}"), json!({ "ts": n }))).collect();
    let first = json!({ "by": { "ts": "2026-11-24T00:00:00Z", "v": 1 } });
    let text = suggested("t", &[first, json!({ "by": { "v": "x" } }), json!({ "by": keys })]);
    insta::assert_snapshot!(text, @r#"
    # Suggested from 3 records. Every key is explained in README.md.
    table = "t"

    [source]
    prefix = "t/"

    [columns]
    "$.by" = { type = "json" }  # 302 keys
    "#);
    assert!(read(&text).is_ok());
}
