//! What contracts say holds: where rows go, what becomes of fields that a table does not have, of
//! declared kinds and of what is wanted nowhere.

#![expect(clippy::unwrap_used, reason = "a broken expectation must stop the test")]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use alluvium_lake::{Browse, Flaw, Ingest, IngestReport, Verify};
use alluvium_model::{
    ColumnRule, ErrorKind, EventTime, JsonPath, Limits, Mode, Moment, NameStyle, Numbers,
    PartitionSpec, Reason, TableRules, TimeFormat, Timestamps, Transform,
    ports::{ReadPartitions as _, WriteObjects as _},
};
use alluvium_tests::{Lake, destination, drop_under, memory_source, settings};
use proptest::{collection::vec, prelude::*, sample::select};

fn path(text: &str) -> JsonPath {
    text.parse().unwrap()
}

fn by(transforms: Vec<Transform>) -> PartitionSpec {
    PartitionSpec::new(transforms).unwrap()
}

fn identity(at: &str, name: &str) -> Transform {
    Transform::Identity { path: path(at), name: name.parse().unwrap() }
}

fn columns(all: &[(&str, ColumnRule)]) -> BTreeMap<JsonPath, ColumnRule> {
    all.iter().map(|(at, rule)| (path(at), *rule)).collect()
}

fn typed(kind: &str) -> ColumnRule {
    ColumnRule::Typed(kind.parse().unwrap())
}

/// A lake after these texts came one after the other, and what became of the last one. Each is
/// verified.
async fn loaded(rules: TableRules, texts: &[&str]) -> (Lake, IngestReport) {
    let (lake, rules) = (Lake::default(), Arc::new(rules));
    let ingest = lake.ingest();
    let mut last = IngestReport::default();
    let key = |number| format!("t/{number}.json");
    for (number, text) in texts.iter().enumerate() {
        last = drop_under(&ingest, &rules, &key(number), text).await.unwrap();
    }
    for (number, text) in texts.iter().enumerate() {
        assert_verified(&lake, &rules, &key(number), text).await;
    }
    (lake, last)
}

async fn assert_verified(lake: &Lake, rules: &Arc<TableRules>, key: &str, text: &str) {
    let limits = Limits::default();
    let mut verify = Verify::new(lake.catalog.clone(), lake.objects.clone(), limits);
    let report = verify.verify(destination(rules, key), memory_source(key, text)).await.unwrap();
    assert!(report.is_clean(), "{key}: {report:?}");
}

/// The files of each partition, as the catalog names them: partition, then how many rows.
async fn rows_by_partition(lake: &Lake, table: &str) -> String {
    let mut lines = Vec::new();
    for partition in lake.catalog.partitions(&table.parse().unwrap()).await.unwrap() {
        let files = lake.objects.all().into_iter();
        let inside = files.filter(|(key, _)| key.as_str().starts_with(partition.location.as_str()));
        let rows: i64 = inside.map(|(_, bytes)| alluvium_tests::rows_in(&bytes)).sum();
        lines.push(format!("{} {rows}", partition.key));
    }
    lines.join("\n")
}

#[tokio::test]
async fn rows_go_to_the_day_and_hour_in_which_they_happened() {
    let time = EventTime { format: TimeFormat::Milliseconds, ..EventTime::at(path("$.at")) };
    let rules = TableRules {
        event_time: Some(time),
        partitions: by(vec![Transform::Hour(Moment::EventTime)]),
        ..TableRules::default()
    };
    let text = r#"{"at":1795341600000} {"at":"1795341600999"} {"at":1795345200000}
                  {"at":null} {"at":"soon"} {"at":{"x":1}} {} {"at":1} {"at":1795341600000,"at":5}"#;
    let (lake, report) = loaded(rules, &[text]).await;
    insta::assert_snapshot!(rows_by_partition(&lake, "t").await, @r#"
    dt=__HIVE_DEFAULT_PARTITION__/hr=__HIVE_DEFAULT_PARTITION__ 6
    dt=2026-11-22/hr=10 2
    dt=2026-11-22/hr=11 1
    "#);
    assert_eq!((report.counts.loaded, report.counts.files), (9, 3));
    assert_eq!(report.latest_event, Some("2026-11-22T11:00:00Z".parse().unwrap()));
}

#[tokio::test]
async fn rows_go_where_their_values_say() {
    let bucket = Transform::Bucket {
        path: path("$.user"),
        name: "user_bucket".parse().unwrap(),
        buckets: 4,
    };
    let rules = TableRules {
        partitions: by(vec![Transform::Day(Moment::Arrival), identity("$.a.b", "state"), bucket]),
        ..TableRules::default()
    };
    let text = r#"{"a":{"b":"CA/x"},"user":34} {"a":{"b":7},"user":"iceberg"} {"a":{"b":[7]}}"#;
    let (lake, _) = loaded(rules, &[text, text]).await;
    insta::assert_snapshot!(rows_by_partition(&lake, "t").await, @r#"
    dt=2026-11-22/state=__HIVE_DEFAULT_PARTITION__/user_bucket=__HIVE_DEFAULT_PARTITION__ 2
    dt=2026-11-22/state=7/user_bucket=1 2
    dt=2026-11-22/state=CA%2Fx/user_bucket=3 2
    "#);
}

#[tokio::test]
async fn a_part_has_a_file_for_each_of_five_hundred_partitions_and_one_for_the_rest() {
    let rules = TableRules { partitions: by(vec![identity("$.n", "n")]), ..TableRules::default() };
    let texts: Vec<_> = (0..600).map(|n| format!("{{\"n\":{n},\"x\":[{n}]}}")).collect();
    let (lake, report) = loaded(rules, &[&texts.join("\n")]).await;
    assert_eq!((report.counts.files, report.counts.rows_beyond_partitions), (501, 100));
    assert!(rows_by_partition(&lake, "t").await.contains("n=__HIVE_DEFAULT_PARTITION__ 100"));
}

#[tokio::test]
async fn a_frozen_table_rescues_what_it_does_not_have() {
    let rules = TableRules {
        mode: Mode::Freeze,
        columns: columns(&[("$.price", typed("double")), ("$.name", typed("string"))]),
        ..TableRules::default()
    };
    let text = r#"{"price":"1.50","name":7} {"price":"dear","new":{"x":1}} {}"#;
    let (lake, report) = loaded(rules, &[text]).await;
    assert_eq!(lake.kinds("t").await.join(" "), "name:string price:double");
    insta::assert_snapshot!(lake.rows("t").await, @r#"
    
    _rescued={$.price: "dear", $.new.x: 1}
    name=7 price=1.5
    "#);
    assert_eq!(report.counts.rescued_values, 2);
}

#[tokio::test]
async fn a_strict_table_quarantines_what_it_does_not_have() {
    let rules = TableRules {
        mode: Mode::Quarantine,
        columns: columns(&[("$.price", typed("double"))]),
        ..TableRules::default()
    };
    let text =
        "{\"price\": 1}\n{\"price\": \"dear\"}\nno JSON\n{\"price\": 2, \"new\": {\"x\": 1}}\n";
    let (lake, report) = loaded(rules, &[text]).await;
    insta::assert_snapshot!(lake.rows("t").await, @"price=1.0");
    insta::assert_snapshot!(lake.rows("quarantine").await, @r#"
    arrived_at=2026-11-22T10:00:00Z bytes=no JSON complete=true encoding=text length=7 message=expected `true`, `false` or `null` at byte 1 of the record offset=31 reason=invalid_json record=2 source=s3://landing/t/0.json
    arrived_at=2026-11-22T10:00:00Z bytes={"price":"dear"} complete=true encoding=text length=17 message=its table has no column for $.price offset=13 reason=contract record=1 source=s3://landing/t/0.json
    arrived_at=2026-11-22T10:00:00Z bytes={"price":2,"new":{"x":1}} complete=true encoding=text length=29 message=its table has no column for $.new.x offset=39 reason=contract record=3 source=s3://landing/t/0.json
    "#);
    assert_eq!(report.counts.quarantined[&Reason::Contract], 2);
    assert_eq!(report.bad_records.len(), 3);
}

/// What a contract refuses depends on the table. If that has gained the column since an attempt
/// that did not end, its record must not be in quarantine as well.
#[tokio::test]
async fn a_record_that_is_no_longer_refused_leaves_quarantine() {
    let (lake, text) = (Lake::default(), "{\"new\":1}");
    let strict = Arc::new(TableRules { mode: Mode::Quarantine, ..TableRules::default() });
    let refused = drop_under(&lake.ingest(), &strict, "t/1.json", text).await.unwrap();
    assert_eq!(refused.counts.quarantined[&Reason::Contract], 1);
    drop_under(&lake.ingest(), &Arc::default(), "t/2.json", text).await.unwrap();
    lake.forget_sources();
    let accepted = drop_under(&lake.ingest(), &strict, "t/1.json", text).await.unwrap();
    assert_eq!(accepted.counts.loaded, 1);
    assert_eq!(lake.rows("quarantine").await, "");
    assert_verified(&lake, &strict, "t/1.json", text).await;
}

#[tokio::test]
async fn a_declared_kind_takes_what_it_can_hold_exactly() {
    let rules = TableRules {
        columns: columns(&[
            ("$.i", typed("bigint")),
            ("$.b", typed("boolean")),
            ("$.o", typed("json")),
            ("$.t", typed("timestamp")),
        ]),
        ..TableRules::default()
    };
    let text = r#"{"i":"12","b":"true","o":{"x":{"y":1}},"t":"2026-11-22T00:00:00Z"}
        {"i":1.2e1,"b":false,"o":[1],"t":"yesterday"} {"i":1.5,"b":"no","o":"text"} {"i":"012"}"#;
    let (lake, _) = loaded(rules, &[text, text]).await;
    insta::assert_snapshot!(lake.kinds("t").await.join(" "), @"b:boolean i:bigint o:json t:timestamp b__string:string i__double:double i__string:string o__string:string t__string:string");
    insta::assert_snapshot!(lake.rows("t").await, @r#"
    b=false i=12 i__double=12.0 o=[1] t__string=yesterday
    b=false i=12 i__double=12.0 o=[1] t__string=yesterday
    b=true i=12 i__double=12.0 o={"x":{"y":1}} t=2026-11-22T00:00:00Z
    b=true i=12 i__double=12.0 o={"x":{"y":1}} t=2026-11-22T00:00:00Z
    b__string=no i__double=1.5 o__string=text
    b__string=no i__double=1.5 o__string=text
    i__string=012
    i__string=012
    "#);
}

#[tokio::test]
async fn a_column_that_was_there_first_keeps_its_kind() {
    let lake = Lake::default();
    drop_under(&lake.ingest(), &Arc::default(), "t/1.json", r#"{"i":1.5,"o":{"x":1}}"#)
        .await
        .unwrap();
    let later = columns(&[("$.i", typed("bigint")), ("$.o", typed("json"))]);
    let rules = Arc::new(TableRules { columns: later, ..TableRules::default() });
    let text = r#"{"i":"2","o":{"x":2}}"#;
    drop_under(&lake.ingest(), &rules, "t/2.json", text).await.unwrap();
    assert_eq!(lake.kinds("t").await.join(" "), "i:double o_x:bigint o:json");
    insta::assert_snapshot!(lake.rows("t").await, @r#"
    i=1.5 o_x=1
    i=2.0 o={"x":2}
    "#);
    assert_verified(&lake, &rules, "t/2.json", text).await;
}

#[tokio::test]
async fn what_is_dropped_is_nowhere() {
    let rules = TableRules {
        columns: columns(&[("$.debug", ColumnRule::Drop), ("$.user.mail", ColumnRule::Drop)]),
        mode: Mode::Quarantine,
        ..TableRules::default()
    };
    let text = "{\"debug\":\"secret\",\"user\":{\"mail\":\"secret\"},\"debug\":{\"x\":\"secret\"}}\n\
                {\"debug\":\"secret\",\"new\":1}\n{\"debug\":\"secret\" no JSON\n";
    let (lake, _) = loaded(rules, &[text]).await;
    let shown = format!("{}\n{}", lake.rows("t").await, lake.rows("quarantine").await);
    assert!(!shown.contains("secret"), "{shown}");
    insta::assert_snapshot!(lake.rows("quarantine").await, @r#"
    arrived_at=2026-11-22T10:00:00Z bytes= complete=false encoding=text length=25 message=expected `,` or `}` at byte 18 of the record offset=94 reason=invalid_json record=2 source=s3://landing/t/0.json
    arrived_at=2026-11-22T10:00:00Z bytes={"new":1} complete=true encoding=text length=26 message=its table has no column for $.new offset=67 reason=contract record=1 source=s3://landing/t/0.json
    "#);
}

#[tokio::test]
async fn a_source_is_routed_to_a_table_for_each_value() {
    let rules = TableRules { route: Some(path("$.type")), ..TableRules::default() };
    let text = "{\"type\":\"click\",\"x\":1}\n{\"type\":\"viewPage\",\"x\":\"a\"}\n{\"x\":true}\n\
                {\"type\":\"click\",\"x\":2}\n{\"type\":{}}\n{\"type\":7}\nno JSON\n";
    let (lake, report) = loaded(rules, &[text]).await;
    for (table, kinds, rows) in [
        ("t", "x:boolean", "_rescued= x=NULL\n_rescued= x=true"),
        ("t_click", "type:string x:bigint", ""),
        ("t_view_page", "type:string x:string", ""),
        ("t_7", "type:bigint", ""),
    ] {
        assert_eq!(lake.kinds(table).await.join(" "), kinds, "{table}");
        assert!(!lake.rows(table).await.is_empty() || rows.is_empty(), "{table}");
    }
    assert_eq!((report.counts.records, report.counts.loaded), (7, 6));
    insta::assert_snapshot!(rows_by_partition(&lake, "quarantine").await, @"table_name=t/dt=2026-11-22 1");
}

/// A route to nothing that could be a name of its own wants that of the table itself.
#[tokio::test]
async fn a_route_never_takes_the_name_of_the_table_that_it_is_routed_from() {
    let rules = TableRules {
        route: Some(path("$.type")),
        mode: Mode::Quarantine,
        columns: columns(&[("$.type", typed("string")), ("$.x", typed("bigint"))]),
        ..TableRules::default()
    };
    let text = "{\"type\":\"---\",\"x\":\"bad\"}\nno JSON\n{\"type\":\"b\",\"x\":1}\n";
    let (lake, report) = loaded(rules, &[text, "{\"x\":4}"]).await;
    assert_eq!((report.counts.loaded, lake.rows("t").await.as_str()), (1, "x=4"));
    let quarantined = lake.rows("quarantine").await;
    assert!(quarantined.contains("no JSON") && quarantined.contains("bad"), "{quarantined}");
}

#[tokio::test]
async fn a_value_has_one_bucket_however_it_is_written() {
    let bucket = Transform::Bucket { path: path("$.n"), name: "k".parse().unwrap(), buckets: 16 };
    let rules = TableRules {
        partitions: by(vec![bucket, identity("$.n", "i")]),
        columns: columns(&[("$.n", typed("bigint"))]),
        ..TableRules::default()
    };
    let text = r#"{"n":12}{"n":12.0}{"n":"12"}{"n":1.2e1}{"n":0}{"n":-0}"#;
    let (lake, _) = loaded(rules, &[text]).await;
    insta::assert_snapshot!(rows_by_partition(&lake, "t").await, @r#"
    k=12/i=0 2
    k=4/i=12 4
    "#);
}

/// `-0.0` is no integer, and must not become one that its sibling shows otherwise.
#[tokio::test]
async fn a_negative_zero_stays_a_double() {
    let columns = columns(&[("$.v", typed("bigint"))]);
    let rules = TableRules { columns, ..TableRules::default() };
    let (lake, _) = loaded(rules, &[r#"{"v":-0.0}{"v":"-0.0"}{"v":1.5}{"v":-0}"#]).await;
    insta::assert_snapshot!(lake.rows("t").await, @r#"
    v=0 v__double=0.0
    v__double=-0.0
    v__double=1.5
    v__string=-0.0
    "#);
}

#[tokio::test]
async fn what_is_refused_is_told_in_few_words() {
    let rules = TableRules { mode: Mode::Quarantine, ..TableRules::default() };
    let text = format!("{{\"{}\":1}}", "k".repeat(10_000));
    let (_, report) = loaded(rules, &[&text]).await;
    let [bad] = &report.bad_records[..] else { panic!("one bad record") };
    assert!(bad.message.len() < 300, "{}", bad.message);
}

#[tokio::test]
async fn verify_sees_rows_in_other_partitions_than_theirs() {
    let partitions = by(vec![identity("$.s", "s")]);
    let rules = Arc::new(TableRules { partitions, ..TableRules::default() });
    let (lake, text) = (Lake::default(), r#"{"s":"a"}{"s":"b"}"#);
    drop_under(&lake.ingest(), &rules, "t/1.json", text).await.unwrap();
    let [(one, a), (other, b)] = &lake.files().into_iter().collect::<Vec<_>>()[..] else {
        panic!("two files")
    };
    lake.objects.put_object(one, b.clone()).await.unwrap();
    lake.objects.put_object(other, a.clone()).await.unwrap();
    let mut verify = Verify::new(lake.catalog.clone(), lake.objects.clone(), Limits::default());
    let source = memory_source("t/1.json", text);
    let report = verify.verify(destination(&rules, "t"), source).await.unwrap();
    assert_eq!(report.found.flaws[&Flaw::Different], 2, "{report:?}");
}

#[tokio::test]
async fn other_rules_of_reading_are_followed() {
    let check = async |rules: TableRules, text: &str, expected: &str| {
        let (lake, _) = loaded(rules, &[text]).await;
        assert_eq!(lake.kinds("t").await.join(" "), expected);
    };
    let default = TableRules::default;
    let lower = TableRules { names: NameStyle::Lower, ..default() };
    check(lower, r#"{"userId":1,"HTTPStatus":2}"#, "httpstatus:bigint userid:bigint").await;
    let doubles = || TableRules { numbers: Numbers::Double, ..default() };
    check(doubles(), r#"{"n":1,"a":[1]}"#, "a:array<double> n:double").await;
    let wide = r#"{"n":1.5}{"n":9007199254740993}{"n":"x"}"#;
    check(doubles(), wide, "n:string").await;
    let wide = r#"{"n":1.5}{"n":9007199254740993}"#;
    check(doubles(), wide, "n:double n__bigint:bigint").await;
    let text = TableRules { timestamps: Timestamps::String, ..default() };
    check(text, r#"{"t":"2026-11-22T00:00:00Z"}"#, "t:string").await;
    let shallow = TableRules { max_depth: Some(1), ..default() };
    check(shallow, r#"{"a":{"b":1}}"#, "a:json").await;
    let wrapped = TableRules { wrappers: vec!["events".to_owned()], ..default() };
    check(wrapped, r#"{"events":[{"a":1},{"b":2}]}"#, "a:bigint b:bigint").await;
}

#[tokio::test]
async fn other_partitions_than_those_of_the_table_are_refused() {
    let lake = Lake::default();
    let ingest = lake.ingest();
    drop_under(&ingest, &Arc::default(), "t/1.json", "{\"a\":1}").await.unwrap();
    let partitions = by(vec![Transform::Day(Moment::EventTime)]);
    let event_time = Some(EventTime::at(path("$.at")));
    let rules = Arc::new(TableRules { partitions, event_time, ..TableRules::default() });
    let error = drop_under(&ingest, &rules, "t/2.json", "{\"a\":1}").await.unwrap_err();
    insta::assert_snapshot!(error, @"table t is partitioned by day(arrived_at), not by day(event_time); it must be repartitioned");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    // Nothing came of it. It was begun by those rules, though: that plan must have ended first.
    let error = drop_under(&ingest, &Arc::default(), "t/2.json", "{\"a\":1}").await.unwrap_err();
    insta::assert_snapshot!(error, @"s3://landing/t/2.json waits until earlier attempts must have ended: until 2026-11-22T10:20:00Z");
    assert_eq!(error.kind(), ErrorKind::Retry);
    lake.objects.clock().advance(Duration::from_mins(21));
    drop_under(&ingest, &Arc::default(), "t/2.json", "{\"a\":1}").await.unwrap();
    assert_eq!(rows_by_partition(&lake, "t").await, "dt=2026-11-22 2");
}

#[tokio::test]
async fn a_warm_writer_follows_a_new_contract() {
    let lake = Lake::default();
    let ingest = lake.ingest();
    drop_under(&ingest, &Arc::default(), "t/1.json", "{\"a\":1}").await.unwrap();
    let declared = columns(&[("$.b", typed("bigint"))]);
    let rules = Arc::new(TableRules { columns: declared, ..TableRules::default() });
    drop_under(&ingest, &rules, "t/2.json", "{\"a\":1}").await.unwrap();
    assert_eq!(lake.kinds("t").await.join(" "), "a:bigint b:bigint");
}

const KEYS: [&str; 6] = ["a", "b", "A", "a.b", "c", "d"];

fn any_path() -> impl Strategy<Value = JsonPath> {
    vec(select(KEYS.to_vec()), 1..3).prop_map(JsonPath::from_keys)
}

fn any_rules() -> impl Strategy<Value = TableRules> {
    let kinds = ["boolean", "bigint", "double", "timestamp", "string", "array<bigint>", "json"];
    let rule = prop_oneof![
        3 => select(kinds.to_vec()).prop_map(typed),
        1 => Just(ColumnRule::Drop),
    ];
    let format = select(vec![TimeFormat::Rfc3339, TimeFormat::Seconds, TimeFormat::Milliseconds]);
    let time =
        (any_path(), format).prop_map(|(path, format)| EventTime { format, ..EventTime::at(path) });
    let partitions = (any::<bool>(), any_path(), any_path()).prop_map(|(hourly, one, other)| {
        let moment = Moment::EventTime;
        let time = if hourly { Transform::Hour(moment) } else { Transform::Day(moment) };
        let bucket = Transform::Bucket { path: one, name: "k".parse().unwrap(), buckets: 3 };
        let identity = Transform::Identity { path: other, name: "i".parse().unwrap() };
        by(if hourly { vec![time, bucket] } else { vec![time, identity, bucket] })
    });
    let modes = select(vec![Mode::Evolve, Mode::Evolve, Mode::Freeze, Mode::Quarantine]);
    let numbers = select(vec![Numbers::Infer, Numbers::Double]);
    let timestamps = select(vec![Timestamps::Infer, Timestamps::String]);
    let route = proptest::option::weighted(0.3, any_path());
    let declared = proptest::collection::btree_map(any_path(), rule, 0..4);
    ((time, partitions, modes), (numbers, timestamps), route, declared).prop_map(
        |((time, partitions, mode), (numbers, timestamps), route, columns)| TableRules {
            event_time: Some(time),
            partitions,
            mode,
            numbers,
            timestamps,
            route,
            columns,
            ..TableRules::default()
        },
    )
}

fn any_record() -> impl Strategy<Value = String> {
    let scalars = [
        "null",
        "true",
        "1",
        "-0",
        "2.0",
        "1.5e0",
        "9007199254740993",
        "1e400",
        "\"\"",
        "\"x\"",
        "\"12\"",
        "\"1.50\"",
        "\"true\"",
        "\"2026-11-22T10:00:00Z\"",
        "1795341600",
        "[1,2.5]",
        "[null]",
        "[{\"a\":1}]",
        "{}",
        "\"\\u0031\"",
    ];
    let value = select(scalars.to_vec()).prop_map(str::to_owned);
    let object = |value: BoxedStrategy<String>| {
        let member = (select(KEYS.to_vec()), value).prop_map(|(key, v)| format!("\"{key}\":{v}"));
        vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(", ")))
    };
    let inner = prop_oneof![3 => value.clone(), 1 => object(value.boxed())];
    object(inner.boxed())
}

proptest! {
    #[test]
    fn under_any_contract_every_record_has_its_place(
        generations in vec((vec(any_record(), 1..8), any::<bool>()), 1..4),
        rules in any_rules(),
        part_records in 1..5_u32,
    ) {
        let lake = Lake::default();
        let mut settings = settings();
        settings.limits.part_records = part_records;
        let ingest = Ingest::new(lake.catalog.clone(), lake.objects.clone(), settings);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        // The contract may come later, or go, as long as the partitions stay.
        let without = TableRules {
            partitions: rules.partitions.clone(),
            event_time: rules.event_time.clone(),
            ..TableRules::default()
        };
        let (rules, without) = (Arc::new(rules), Arc::new(without));
        let mut loads = Vec::new();
        for (number, (records, with)) in generations.iter().enumerate() {
            let rules = if *with { &rules } else { &without };
            loads.push((format!("t/{number}"), records.join("\n"), rules));
        }
        for (key, text, rules) in &loads {
            let report = runtime.block_on(drop_under(&ingest, rules, key, text)).unwrap();
            prop_assert!(report.counts.add_up());
            if rules.mode != Mode::Quarantine {
                prop_assert_eq!(report.counts.quarantined_total(), 0);
            }
        }
        let limits = Limits { part_records, ..Limits::default() };
        let mut verify = Verify::new(lake.catalog.clone(), lake.objects.clone(), limits);
        for (key, text, rules) in &loads {
            let source = memory_source(key, text);
            let report = runtime.block_on(verify.verify(destination(rules, key), source)).unwrap();
            prop_assert!(report.is_clean(), "{:?} {:?}", report, lake.files().keys());
        }
        let browse = Browse::new(lake.catalog.clone(), lake.objects.clone());
        let named: usize = runtime.block_on(browse.tables()).unwrap().iter().map(|t| t.files).sum();
        prop_assert_eq!(named, lake.files().len(), "a file that the catalog does not name");
    }
}
