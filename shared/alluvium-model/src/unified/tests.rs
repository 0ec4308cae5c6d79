use proptest::prelude::*;

use super::*;
use crate::{
    ClassSet, Discovery, JsonPath, Origin, PartitionSpec, TableName, TableRules, TableSource,
    ValueClass, layout::table_location,
};

fn extended(table: &TableEntry, path: &JsonPath, class: ValueClass) -> TableEntry {
    let found: Discovery = [(path.clone(), ClassSet::of(&[class]))].into_iter().collect();
    let arrived_at = "2026-11-24T00:00:00Z".parse().unwrap();
    let origin = Origin { source: "s3://landing/camera/1.json".to_owned(), arrived_at };
    table.extend(&found, &origin, &TableRules::default()).unwrap().entry
}

/// The table `camera` after these classes of values, one after the other.
fn table(seen: &[(&str, ValueClass)]) -> TableEntry {
    let name: TableName = "camera".parse().unwrap();
    let location = table_location(&"lake".parse().unwrap(), &name);
    let table =
        TableEntry::new(name, &TableSource::new("camera"), location, &PartitionSpec::default());
    seen.iter().fold(table, |table, (path, class)| extended(&table, &path.parse().unwrap(), *class))
}

fn view(table: &TableEntry) -> Option<ViewEntry> {
    table.unified_view(&"lake".parse().unwrap()).unwrap()
}

#[test]
fn a_path_has_one_column() {
    use ValueClass::{Bigint, Boolean, Double, Json, String, StringArray, Timestamp, WideBigint};
    let table = table(&[
        ("$.alone", Bigint),
        ("$.mag", Bigint),
        ("$.mag", Double),
        ("$.wide", Double),
        ("$.wide", WideBigint),
        ("$.at", Timestamp),
        ("$.at", String),
        ("$.on", Boolean),
        ("$.on", Bigint),
        ("$.on", Double),
        ("$.tags", StringArray),
        ("$.tags", Json),
        ("$.nested", Json),
    ]);
    let view = view(&table).unwrap();
    insta::assert_snapshot!(view.sql, @r#"
    SELECT
      "_source",
      "_record",
      "_arrived_at",
      json_format(CAST("_rescued" AS json)) AS "_rescued",
      "alone",
      COALESCE(CAST("mag" AS double), "mag__double") AS "mag",
      COALESCE("wide", CAST("wide__bigint" AS double)) AS "wide",
      COALESCE(date_format("at", '%Y-%m-%dT%H:%i:%s.%fZ'), "at__string") AS "at",
      COALESCE(CAST("on" AS varchar), CAST("on__bigint" AS varchar), CAST("on__double" AS varchar)) AS "on",
      COALESCE(json_format(CAST("tags" AS json)), "tags__json") AS "tags",
      "nested",
      "dt"
    FROM "lake"."camera"
    "#);
    let columns: Vec<_> = view
        .columns
        .iter()
        .map(|column| format!("{} {} | {}", column.name, column.glue_type, column.comment))
        .collect();
    insta::assert_snapshot!(columns.join("\n"), @"
    _source string | where the row came from
    _record bigint | index of the record in its source, from 0
    _arrived_at timestamp | when the source arrived
    _rescued string | values without a column: path to JSON text
    alone bigint | $.alone
    mag double | $.mag
    wide double | $.wide
    at string | $.at
    on string | $.on
    tags string | $.tags
    nested string | $.nested
    dt string | partition
    ");
    assert_eq!((view.name.as_str(), view.table), ("camera_unified", table.name));
}

#[test]
fn a_table_without_siblings_needs_no_view() {
    let table = table(&[("$.mag", ValueClass::Bigint)]);
    assert_eq!(view(&table), None);
    let select = table.unified_select(SqlDialect::DuckDb, "quakes").unwrap();
    assert!(select.contains("\n  \"mag\",\n"), "{select}");
}

#[test]
fn duckdb_sees_columns_that_no_file_has() {
    let table = table(&[("$.at", ValueClass::TimestampArray)]);
    insta::assert_snapshot!(table.duckdb_relation(None).unwrap(), @r#"(SELECT CAST(NULL AS varchar) AS "_source", CAST(NULL AS bigint) AS "_record", CAST(NULL AS timestamptz) AS "_arrived_at", CAST(NULL AS map(varchar, varchar)) AS "_rescued", CAST(NULL AS timestamptz[]) AS "at", CAST(NULL AS varchar) AS "dt" WHERE false)"#);
    let relation = table.duckdb_relation(Some("read_parquet(['1.parquet'])")).unwrap();
    assert!(relation.ends_with("UNION ALL BY NAME SELECT * FROM read_parquet(['1.parquet']))"));
}

#[test]
fn columns_of_others_are_left_out() {
    let mut with_foreign = table(&[("$.a", ValueClass::Bigint), ("$.a", ValueClass::String)]);
    let view_before = view(&with_foreign);
    with_foreign.columns.push(ColumnEntry {
        name: "geo\"; DROP TABLE camera; --".to_owned(),
        glue_type: "struct<x:double>".to_owned(),
        comment: "by hand".to_owned(),
        parameters: [].into(),
    });
    assert_eq!(view(&with_foreign), view_before);
}

fn class() -> impl Strategy<Value = ValueClass> {
    proptest::sample::select(ValueClass::ALL.to_vec())
}

proptest! {
    #[test]
    fn every_path_is_there_once_and_no_key_gets_into_the_sql(
        seen in proptest::collection::vec((proptest::collection::vec(".{0,12}", 1..3), class()), 1..12),
    ) {
        let mut table = table(&[]);
        for (keys, class) in &seen {
            let path = JsonPath::from_keys(keys.iter().map(String::as_str));
            table = extended(&table, &path, *class);
        }
        let schema = table.schema().unwrap();
        let bases = schema.columns().iter().filter(|column| column.sibling_of.is_none());
        let expected: Vec<_> = bases.map(|column| column.name.to_string()).collect();
        let columns: Vec<_> = table.unified_columns().unwrap().into_iter().map(|c| c.name).collect();
        prop_assert_eq!(&columns[4..columns.len() - 1], expected);
        for sql in [SqlDialect::Presto, SqlDialect::DuckDb] {
            let select = table.unified_select(sql, "t").unwrap();
            // Every column of the table is read, and between quotes stand names alone.
            for column in schema.columns() {
                let quoted = sql.quoted(column.name.as_str());
                prop_assert!(select.contains(&quoted));
            }
            for name in select.split('"').skip(1).step_by(2) {
                prop_assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'));
            }
            prop_assert!(select.is_ascii());
        }
    }
}
