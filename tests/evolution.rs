//! A table follows its data through generations, and nothing that it held is lost.

use alluvium_model::{
    TableEntry,
    layout::Location,
    ports::{Commit, CommitTables as _, ReadTables as _},
};
use alluvium_tests::{Lake, drop_file};

/// The generations of the sample in `events/landing`, the first record being GoPro's.
const GENERATIONS: [(&str, &str); 4] = [
    ("camera/1-first.json", include_str!("../events/landing/camera/1-first.json")),
    ("camera/2-new-fields.json", include_str!("../events/landing/camera/2-new-fields.json")),
    (
        "camera/3-conflicting-type.json",
        include_str!("../events/landing/camera/3-conflicting-type.json"),
    ),
    (
        "camera/4-colliding-names.json",
        include_str!("../events/landing/camera/4-colliding-names.json"),
    ),
];

#[tokio::test]
async fn the_gopro_record_becomes_its_table() {
    let lake = Lake::default();
    let [(key, gopro), ..] = GENERATIONS;
    drop_file(&lake.ingest(), key, gopro).await.unwrap();
    insta::assert_snapshot!(lake.columns("camera").await, @"
    data_log_ts timestamp | $._data.log_ts
    data_record_city string | $._data.record.city
    data_record_first_name string | $._data.record.first_name
    data_record_id string | $._data.record.id
    data_record_last_name string | $._data.record.last_name
    data_record_state string | $._data.record.state
    ");
    insta::assert_snapshot!(lake.rows("camera").await, @"data_log_ts=2016-07-20T00:06:01Z data_record_city=san Mateo data_record_first_name=John data_record_id=1 data_record_last_name=Fork data_record_state=California");
}

#[tokio::test]
async fn generations_add_columns_and_keep_all_values() {
    let lake = Lake::default();
    let ingest = lake.ingest();
    for (key, text) in GENERATIONS {
        drop_file(&ingest, key, text).await.unwrap();
    }
    insta::assert_snapshot!(lake.columns("camera").await, @r#"
    data_log_ts timestamp | $._data.log_ts
    data_record_city string | $._data.record.city
    data_record_first_name string | $._data.record.first_name
    data_record_id string | $._data.record.id
    data_record_last_name string | $._data.record.last_name
    data_record_state string | $._data.record.state
    data_record_battery_level double | $._data.record.battery.level; what it cannot take: data_record_battery_level__string
    data_tags array<string> | $._data.tags; what it cannot take: data_tags__json
    data_record_battery_level__string string | $._data.record.battery.level; what data_record_battery_level cannot take
    data_tags__json string | $._data.tags; what data_tags cannot take
    retries bigint | $.retries
    data_record_id_6e3a89 boolean | $._data.record.ID
    data_record_id_a2880c string | $._data.record.Id
    data_record_id_2a5eb0 bigint | $["_data.record.id"]
    "#);
    insta::assert_snapshot!(lake.rows("camera").await, @r#"
    _rescued={$.retries#1: 1} data_log_ts=2016-07-23T20:45:12Z data_record_id=5 data_record_id_2a5eb0=6 data_record_id_6e3a89=true data_record_id_a2880c=4 retries=2
    data_log_ts=2016-07-20T00:06:01Z data_record_city=san Mateo data_record_first_name=John data_record_id=1 data_record_last_name=Fork data_record_state=California
    data_log_ts=2016-07-21T10:15:00Z data_record_battery_level=0.5 data_record_first_name=Mary data_record_id=2 data_tags=[surf, hd]
    data_log_ts=2016-07-22T08:00:30Z data_record_battery_level__string=low data_record_id=3 data_tags__json=["surf",{"fps":240}]
    "#);
}

#[tokio::test]
async fn a_double_beside_a_bigint_is_complete_from_then_on() {
    let lake = Lake::default();
    let ingest = lake.ingest();
    drop_file(&ingest, "quakes/1.json", "{\"mag\":6}").await.unwrap();
    let later = "{\"mag\":4.5}{\"mag\":5}{\"mag\":9007199254740993}";
    drop_file(&ingest, "quakes/2.json", later).await.unwrap();
    insta::assert_snapshot!(lake.rows("quakes").await, @"
    mag=5 mag__double=5.0
    mag=6
    mag=9007199254740993
    mag__double=4.5
    ");
}

#[tokio::test]
async fn bad_records_are_rows_of_the_quarantine_table() {
    let lake = Lake::default();
    let text = "{\"a\":1}\n{\"a\":}\n[2]\n{\"a\":3}\n{\"a\":\"\\ud800\"}\n{\"a";
    let report = drop_file(&lake.ingest(), "camera/1.json", text).await.unwrap();
    assert_eq!((report.counts.records, report.counts.loaded), (6, 2));
    insta::assert_snapshot!(lake.rows("camera").await, @"
    a=1
    a=3
    ");
    insta::assert_snapshot!(lake.rows("quarantine").await, @r#"
    arrived_at=2026-11-22T10:00:00Z bytes=2 complete=true encoding=text length=1 message=a record is a JSON object offset=16 reason=not_an_object record=2 source=s3://landing/camera/1.json
    arrived_at=2026-11-22T10:00:00Z bytes={"a complete=true encoding=text length=3 message=the source ends inside a record offset=42 reason=truncated_input record=5 source=s3://landing/camera/1.json
    arrived_at=2026-11-22T10:00:00Z bytes={"a":"\ud800"} complete=true encoding=text length=14 message=half of a surrogate pair offset=27 reason=not_unicode record=4 source=s3://landing/camera/1.json
    arrived_at=2026-11-22T10:00:00Z bytes={"a":} complete=true encoding=text length=6 message=expected a value at byte 5 of the record offset=8 reason=invalid_json record=1 source=s3://landing/camera/1.json
    "#);
}

#[tokio::test]
async fn the_same_file_twice_leaves_the_same_objects() {
    let lake = Lake::default();
    let text = "{\"a\":{\"b\":1}}\nnot json\n";
    drop_file(&lake.ingest(), "camera/1.json", text).await.unwrap();
    let (columns, objects) = (lake.columns("camera").await, lake.objects.all());
    // Rows and a bad record, the pointers to both partitions, a ledger entry, a line of history.
    assert_eq!(objects.len(), 6);
    let again = drop_file(&lake.ingest(), "camera/1.json", text).await.unwrap();
    assert_eq!((again.counts.duplicates, again.counts.records), (1, 0));
    assert_eq!(lake.objects.all(), objects);
    // And an attempt that died just before its end is made good by the same.
    lake.forget_sources();
    let again = drop_file(&lake.ingest(), "camera/1.json", text).await.unwrap();
    assert_eq!((again.counts.duplicates, again.counts.records), (0, 2));
    assert_eq!((lake.columns("camera").await, lake.objects.all()), (columns, objects));
}

#[tokio::test]
async fn a_table_of_another_lake_is_refused() {
    let lake = Lake::default();
    drop_file(&lake.ingest(), "camera/1.json", "{\"a\":1}").await.unwrap();
    let files = lake.files();
    let move_to = async |location: &str| {
        let found = lake.catalog.table(&"camera".parse().unwrap()).await.unwrap().unwrap();
        let moved = TableEntry { location: Location::from_catalog(location), ..found.value };
        let replaced = lake.catalog.replace_table(&moved, &found.version).await.unwrap();
        assert_eq!(replaced, Commit::Done);
    };
    move_to("s3://old/lake/camera/").await;
    let error = drop_file(&lake.ingest(), "camera/2.json", "{\"a\":2}").await.unwrap_err();
    insta::assert_snapshot!(error, @"table camera lies at s3://old/lake/camera/, not in this lake at lake/camera/");
    assert_eq!(lake.files(), files);
    move_to("lake/camera").await;
    drop_file(&lake.ingest(), "camera/2.json", "{\"a\":2}").await.unwrap();
}

#[tokio::test]
async fn tables_with_one_name_and_two_sources_are_two_tables() {
    let lake = Lake::default();
    let ingest = lake.ingest();
    for (key, text) in [
        ("Camera/1.json", "{\"upper\":1}"),
        ("camera/1.json", "{\"lower\":1}"),
        ("quarantine/1.json", "{\"reserved\":1}"),
    ] {
        drop_file(&ingest, key, text).await.unwrap();
    }
    drop_file(&lake.ingest(), "camera/2.json", "{\"lower\":2}").await.unwrap();
    let keys = lake.objects.all().into_keys().map(|key| key.to_string());
    let keys: Vec<_> = keys.filter(|key| !key.contains("/ledger/")).collect();
    insta::assert_snapshot!(keys.join("\n"), @"
    _alluvium/history/camera/bfad3f29c01d4fdb4acf4e2e80ea0238.json
    _alluvium/history/camera_89e8b9/d4bb8aa4db5b7a11c6c0e897db9908ca.json
    _alluvium/history/quarantine_c2d667/6b390e97be636a58ef1ed99854472864.json
    _alluvium/pointers/lake/camera/dt=2026-11-22.json
    _alluvium/pointers/lake/camera_89e8b9/dt=2026-11-22.json
    _alluvium/pointers/lake/quarantine_c2d667/dt=2026-11-22.json
    lake/camera/dt=2026-11-22/f4d8ce76253e84e0b6bce0ccef3f7533.42185996-0.parquet
    lake/camera_89e8b9/dt=2026-11-22/09f49915c335f03312ed07ccc9a0d538.42185996-0.parquet
    lake/camera_89e8b9/dt=2026-11-22/709f3416572ff2f932ff5d7c7a5c0378.42185996-0.parquet
    lake/quarantine_c2d667/dt=2026-11-22/f6b307f1d672973a9c8deb94c165373e.42185996-0.parquet
    ");
}

#[tokio::test]
async fn equal_keys_under_a_path_without_a_column_are_told_apart() {
    let lake = Lake::default();
    let key = "k".repeat(1_100);
    let text = format!("{{\"{key}\":1,\"{key}\":2,\"{key}\":3,\"a\":4}}");
    drop_file(&lake.ingest(), "t/1.json", &text).await.unwrap();
    let rows = lake.rows("t").await.replace(&key, "k");
    assert_eq!(rows, "_rescued={$.k#1: 1, $.k#2: 2, $.k: 3} a=4");
}

#[tokio::test]
async fn an_integer_minus_zero_is_zero_in_a_double_column() {
    let lake = Lake::default();
    drop_file(&lake.ingest(), "t/1.json", "{\"n\":-0}{\"n\":1.5}{\"n\":-0.0}").await.unwrap();
    assert_eq!(lake.rows("t").await, "n=-0.0\nn=0.0\nn=1.5");
}

#[tokio::test]
async fn parts_are_cut_by_the_source_alone() {
    let lake = Lake::default();
    let mut settings = alluvium_tests::settings();
    settings.limits.part_records = 2;
    let (catalog, objects) = (lake.catalog.clone(), lake.objects.clone());
    let ingest = alluvium_lake::Ingest::new(catalog, objects, settings);
    let text = "{\"n\":0}\n{\"n\":1}\n{\"n\":2.5}\nbad\n{\"s\":4}\n";
    let report = drop_file(&ingest, "t/1.json", text).await.unwrap();
    assert_eq!((report.counts.files, report.counts.loaded), (4, 4));
    insta::assert_snapshot!(lake.rows("t").await, @"
    n=0
    n=1
    n__double=2.5
    s=4
    ");
}

#[tokio::test]
async fn an_empty_source_is_no_table() {
    let lake = Lake::default();
    let report = drop_file(&lake.ingest(), "camera/1.json", " \n").await.unwrap();
    assert_eq!(report.counts.records, 0);
    assert!(lake.files().is_empty());
    assert_eq!(lake.catalog.table_names().await.unwrap(), []);
}
