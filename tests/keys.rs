//! Which column a key gets: the rules of names, and keys that are meant to break something.
//!
//! Every case is verified as well: whatever name a value went under, it is told there.
#![expect(clippy::unwrap_used, reason = "a broken expectation must stop the test")]

use alluvium_lake::{IngestReport, Verify};
use alluvium_model::{Limits, TableSource};
use alluvium_tests::{Lake, drop_file, memory_source};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value, json};

/// A lake with these records in the table `t`, one file each, verified.
async fn loaded(records: &[Value]) -> (Lake, Vec<IngestReport>) {
    let lake = Lake::default();
    let ingest = lake.ingest();
    let mut reports = Vec::new();
    let key = |number: usize| format!("t/{number}");
    for (number, record) in records.iter().enumerate() {
        reports.push(drop_file(&ingest, &key(number), &record.to_string()).await.unwrap());
    }
    let mut verify = Verify::new(lake.catalog.clone(), lake.objects.clone(), Limits::default());
    for (number, record) in records.iter().enumerate() {
        let source = memory_source(&key(number), &record.to_string());
        let report = verify.verify(&TableSource::new("t"), source).await.unwrap();
        assert!(report.is_clean(), "{:?}", report.found);
        assert_eq!(report.found.rows, 1);
    }
    (lake, reports)
}

/// The names that these keys get, in the order of the keys.
async fn names(keys: &[&str]) -> String {
    let record: Map<_, _> = keys.iter().map(|key| ((*key).to_owned(), json!(1))).collect();
    let (lake, _) = loaded(&[record.into()]).await;
    let names = lake.names_by_key("t").await;
    keys.iter().map(|key| names.get(*key).unwrap().as_str()).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn keys_become_names() {
    let check = async |keys: &[&str], expected: &str| {
        assert_eq!(names(keys).await, expected, "{keys:?}");
    };
    // Words.
    check(&["userId", "HTTPStatus", "requestID", "x2Y"], "user_id http_status request_id x2_y")
        .await;
    check(&["a b", "a.b", "a-b"], "a_b a_b_d09652 a_b_99f78c").await;
    // Nothing left of a key.
    check(&["", "_", "__", "."], "c_058ea1 c c_8478b8 c_5728b8").await;
    check(&["_a_", "a__b"], "a a_b").await;
    // Digits.
    check(&["1", "+1", "-1"], "c_1_f74de9 c_1 c_1_9d993d").await;
    // Letters of others.
    check(&["Größe", "北京", "naïve"], "grosse bei_jing naive").await;
    check(&["\u{ffff}", "\u{1f600}", "a\u{0}b", "\u{feff}x"], "c grinning a_b x").await;
}

#[tokio::test]
async fn of_keys_that_want_one_name_the_plain_one_has_it() {
    let check = async |keys: &[&str], expected: &str| {
        assert_eq!(names(keys).await, expected, "{keys:?}");
    };
    check(&["Tag", "tag", "TAG"], "tag_1c430d tag tag_cd71e8").await;
    // What another got, or could get.
    check(&["Tag", "tag", "tag_1c430d"], "tag_1c430db tag tag_1c430d").await;
    // Siblings, system and partition columns.
    check(&["a", "a__bigint", "a__json"], "a a_bigint a_json").await;
    check(&["_source", "_record", "_arrived_at", "_rescued"], "source record arrived_at rescued")
        .await;
    check(&["dt", "Dt"], "dt_0f7438 dt_fdf26e").await;
}

#[tokio::test]
async fn a_name_that_is_taken_stays_taken() {
    let (lake, _) = loaded(&[json!({"Tag": 1}), json!({"tag": 2}), json!({"TAG": "x"})]).await;
    assert_eq!(lake.kinds("t").await.join(" "), "tag:bigint tag_d601d1:bigint tag_cd71e8:string");
    // Nested and flat keys meet.
    let (lake, _) = loaded(&[json!({"a.b": 1, "a_b": "x", "a": {"b": true}})]).await;
    let expected = "a_b:boolean a_b_4a1296:string a_b_d09652:bigint";
    assert_eq!(lake.kinds("t").await.join(" "), expected);
}

#[tokio::test]
async fn keys_without_measure_are_rescued() {
    let long = "k".repeat(600 * 1024);
    let (lake, _) = loaded(&[json!({ long.as_str(): 1, "n": 2 })]).await;
    assert_eq!(lake.kinds("t").await, ["n:bigint"]);
    assert_eq!(lake.rows("t").await, format!("_rescued={{$.{long}: 1}} n=2"));

    let keys = |bytes: usize| -> Value {
        let key = |n: usize| (format!("{n:04}{}", "k".repeat(bytes - 4)), json!(n));
        (0..1_000).map(key).collect::<Map<_, _>>().into()
    };
    let (lake, reports) = loaded(&[keys(4_096)]).await;
    assert_eq!(lake.kinds("t").await.len(), 0);
    assert_eq!(reports.first().unwrap().counts.rescued_values, 1_000);

    // `$["…"]` takes five bytes of the 1,024.
    let (lake, reports) = loaded(&[keys(1_019), keys(1_020)]).await;
    assert_eq!(lake.kinds("t").await.len(), 995);
    let rescued: Vec<_> = reports.iter().map(|report| report.counts.rescued_values).collect();
    assert_eq!(rescued, [5, 1_000]);
    assert_eq!(reports.first().unwrap().counts.columns_refused, 5);
}

#[tokio::test]
async fn keys_that_are_data_become_one_column() {
    let object = |keys: std::ops::Range<u32>| -> Value {
        keys.map(|key| (format!("k{key}"), json!({"n": key}))).collect::<Map<_, _>>().into()
    };
    let (wide, few) = (json!({"by_key": object(0..5_000)}), json!({"by_key": object(3..4)}));
    let (lake, reports) = loaded(&[wide.clone(), few.clone(), json!({"by_key": 1})]).await;
    assert_eq!(lake.kinds("t").await, ["by_key:json", "by_key__bigint:bigint"]);
    let rows = lake.rows("t").await;
    assert!(rows.contains(r#"by_key={"k3":{"n":3}}"#), "{rows}");
    assert!(reports.iter().all(|report| report.counts.rescued_values == 0));
    for bytes in lake.files().into_values() {
        let file = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
        assert!(file.schema().field_with_name("_rescued").is_err(), "an empty column");
    }

    // Where some are columns already, they stay, and get company up to what an object may have.
    let (lake, reports) = loaded(&[few, wide]).await;
    assert_eq!(lake.kinds("t").await.len(), 200);
    assert_eq!(reports.last().unwrap().counts.rescued_values, 4_800);
    // The record itself may have as many as a table.
    let (lake, _) = loaded(&[object(0..900)]).await;
    assert_eq!(lake.kinds("t").await.len(), 900);
}

#[tokio::test]
async fn a_full_table_loads_on() {
    let many = |from: u32| -> Value {
        (from..from + 700).map(|n| (format!("k{n}"), json!(n))).collect::<Map<_, _>>().into()
    };
    let (lake, reports) = loaded(&[many(0), many(700), json!({"k1": "other", "k2": 2})]).await;
    assert_eq!(lake.kinds("t").await.len(), 995);
    let counts: Vec<_> = reports
        .iter()
        .map(|report| (report.counts.columns_added, report.counts.columns_refused))
        .collect();
    assert_eq!(counts, [(700, 0), (295, 405), (0, 1)]);
}

#[tokio::test]
async fn hostile_keys_leave_a_table_that_can_be_altered() {
    let keys =
        ["'; DROP TABLE t; --", "`", "\"", "\\", "\u{1}\u{7f}\u{85}", "\u{fffe}", "\u{2028}"];
    let record: Map<_, _> = keys.iter().map(|key| ((*key).to_owned(), json!(1))).collect();
    let (lake, _) = loaded(&[record.into(), json!({"later": true})]).await;
    assert_eq!(lake.kinds("t").await.len(), keys.len() + 1);
    for line in lake.columns("t").await.lines() {
        // AWS documentation, Glue SingleLineString: what a comment may hold.
        let allowed = |c: char| c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}');
        assert!(line.chars().all(allowed), "{line}");
        assert!(line.split(" | ").nth(1).unwrap().len() <= 255, "{line}");
    }
}
