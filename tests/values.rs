//! Where each value goes: the rules of kinds, joins and siblings, a case a line.
//!
//! Every case is verified as well: whatever column a value went to, it is told there.
#![expect(clippy::unwrap_used, reason = "a broken expectation must stop the test")]

use alluvium_lake::Verify;
use alluvium_model::{Limits, TableSource};
use alluvium_tests::{Lake, drop_file, memory_source};

/// The rows of a table `t` after these generations of `v`, each a list of values: a line a row,
/// `column=value`, columns that no row of the last generation uses left out.
async fn rows(generations: &[&[&str]]) -> String {
    let lake = Lake::default();
    let ingest = lake.ingest();
    let text = |values: &[&str]| {
        let records: Vec<_> = values.iter().map(|value| format!("{{\"v\":{value}}}")).collect();
        records.join("\n")
    };
    let key = |number: usize| format!("t/{number}");
    for (number, values) in generations.iter().enumerate() {
        drop_file(&ingest, &key(number), &text(values)).await.unwrap();
    }
    let mut verify = Verify::new(lake.catalog.clone(), lake.objects.clone(), Limits::default());
    for (number, values) in generations.iter().enumerate() {
        let source = memory_source(&key(number), &text(values));
        let report = verify.verify(&TableSource::new("t"), source).await.unwrap();
        assert!(report.is_clean(), "{generations:?}: {:?}", report.found);
    }
    lake.rows_of("t", &format!("s3://landing/{}", key(generations.len() - 1))).await.join(" | ")
}

/// The column that a value brings to a new table, with what it holds.
async fn check_alone(value: &str, expected: &str) {
    let lake = Lake::default();
    drop_file(&lake.ingest(), "t/0", &format!("{{\"v\":{value}}}")).await.unwrap();
    let kind = lake.kinds("t").await.join(" ");
    let row = rows(&[&[value]]).await;
    assert_eq!(format!("{kind} {row}").trim(), expected, "{value}");
}

#[tokio::test]
async fn a_value_brings_a_column_of_its_kind() {
    let check = check_alone;
    check("null", "").await;
    check("{}", "").await;
    check("[]", "").await;
    check("true", "v:boolean v=true").await;
    check("0", "v:bigint v=0").await;
    check("-0", "v:bigint v=0").await;
    check("9007199254740991", "v:bigint v=9007199254740991").await;
    check("9007199254740992", "v:bigint v=9007199254740992").await;
    check("9007199254740993", "v:bigint v=9007199254740993").await;
    check("9223372036854775807", "v:bigint v=9223372036854775807").await;
    check("-9223372036854775808", "v:bigint v=-9223372036854775808").await;
    check("9223372036854775808", "v:string v=9223372036854775808").await;
    check("-9223372036854775809", "v:string v=-9223372036854775809").await;
    check("1.0", "v:double v=1.0").await;
    check("1E5", "v:double v=100000.0").await;
    check("1e5", "v:double v=100000.0").await;
    check("-0.0", "v:double v=-0.0").await;
    check("0e999", "v:double v=0.0").await;
    check("0.1", "v:double v=0.1").await;
    check("5e-324", "v:double v=5e-324").await;
    check("1.7976931348623157e308", "v:double v=1.7976931348623157e308").await;
    check("1e400", "v:string v=1e400").await;
    check("-1e400", "v:string v=-1e400").await;
    check("1e-400", "v:string v=1e-400").await;
    let digits = "1234567890123456789012345678901234567890";
    check(digits, &format!("v:string v={digits}")).await;
    check(&format!("0.{digits}"), "v:double v=0.12345678901234568").await;
    check(&format!("{digits}.5"), "v:double v=1.2345678901234568e39").await;
    check("\"\"", "v:string v=").await;
    check("\"1\"", "v:string v=1").await;
    check("\"null\"", "v:string v=null").await;
    check("\"\\u0000\"", "v:string v=\u{0}").await;
    check("\"2016-07-20T00:06:01Z\"", "v:timestamp v=2016-07-20T00:06:01Z").await;
    check("\"2016-07-20t00:06:01.123456z\"", "v:timestamp v=2016-07-20T00:06:01.123456Z").await;
    check("\"2016-07-20T02:06:01+02:00\"", "v:timestamp v=2016-07-20T00:06:01Z").await;
    check("\"1900-01-01T00:00:00Z\"", "v:timestamp v=1900-01-01T00:00:00Z").await;
    let last = "9999-12-31T23:59:59.999999Z";
    check(&format!("\"{last}\""), &format!("v:timestamp v={last}")).await;
    for text in [
        "2016-12-31T23:59:60Z",
        "2016-07-20T00:06:01.1234567Z",
        "2016-07-20T00:06:01",
        "2016-07-20 00:06:01Z",
        "2016-07-20",
        "0001-01-01T00:00:00Z",
        "1899-12-31T23:59:59Z",
        "9999-12-31T23:59:59-00:01",
        "2015-02-29T00:00:00Z",
    ] {
        check(&format!("\"{text}\""), &format!("v:string v={text}")).await;
    }
}

#[tokio::test]
async fn arrays_have_the_kind_of_their_elements() {
    let check = check_alone;
    check("[true,null]", "v:array<boolean> v=[true, null]").await;
    check("[1,-0]", "v:array<bigint> v=[1, 0]").await;
    check("[1,2.5]", "v:array<double> v=[1.0, 2.5]").await;
    check("[\"2016-07-20T00:06:01Z\"]", "v:array<timestamp> v=[2016-07-20T00:06:01Z]").await;
    check("[\"2016-07-20T00:06:01Z\",\"x\"]", "v:array<string> v=[2016-07-20T00:06:01Z, x]").await;
    check("[1e400]", "v:array<string> v=[1e400]").await;
    check("[null]", "_rescued={$.v: [null]}").await;
    check("[null,null]", "_rescued={$.v: [null,null]}").await;
    check("[9007199254740993,0.5]", "v:json v=[9007199254740993,0.5]").await;
    check("[1,\"x\"]", "v:json v=[1,\"x\"]").await;
    check("[true,0]", "v:json v=[true,0]").await;
    check("[[]]", "v:json v=[[]]").await;
    check("[{}]", "v:json v=[{}]").await;
    check("[ {\"a\" : 1.0} ]", "v:json v=[{\"a\":1.0}]").await;
}

#[tokio::test]
async fn a_new_column_takes_the_join_of_what_brings_it() {
    let check = async |values: &[&str], expected: &str| {
        assert_eq!(rows(&[values]).await, expected, "{values:?}");
    };
    check(&["1", "0.5"], "v=0.5 | v=1.0").await;
    check(&["9007199254740992", "0.5"], "v=0.5 | v=9007199254740992.0").await;
    check(&["9007199254740993", "0.5"], "v=0.5 | v=9007199254740993").await;
    check(&["1", "true"], "v=1 | v=true").await;
    check(&["1", "\"1\""], "v=1 | v=1").await;
    check(&["1.50", "\"x\""], "v=1.50 | v=x").await;
    check(&["\"2016-07-20T00:06:01Z\"", "\"x\""], "v=2016-07-20T00:06:01Z | v=x").await;
    check(&["1", "[1]"], "v=1 | v__json=[1]").await;
    check(&["\"x\"", "[1]", "[\"y\"]"], "v=x | v__json=[\"y\"] | v__json=[1]").await;
    check(&["[1]", "[0.5]"], "v=[0.5] | v=[1.0]").await;
    check(&["[1]", "[\"x\"]"], "v=[\"x\"] | v=[1]").await;
    check(&["[1]", "[null]", "[]"], " | v=[1] | v=[null]").await;
    check(&["[null]", "1"], "_rescued={$.v: [null]} | v=1").await;
    check(&["[null]", "{\"a\":1}"], "_rescued={$.v: [null]} | v_a=1").await;
    check(&["1", "{\"a\":1}", "[1]"], "v=1 | v__json=[1] | v_a=1").await;
    check(&["{\"a\":1}", "[{\"a\":1}]"], "v=[{\"a\":1}] | v_a=1").await;
}

#[tokio::test]
async fn ever_after_a_value_fits_or_goes_to_a_sibling() {
    let check = async |first: &str, later: &str, expected: &str| {
        assert_eq!(rows(&[&[first], &[later]]).await, expected, "{first} then {later}");
    };
    // Into a boolean column.
    check("true", "false", "v=false").await;
    check("true", "1", "v__bigint=1").await;
    check("true", "\"true\"", "v__string=true").await;
    // Numbers.
    check("1", "9223372036854775807", "v=9223372036854775807").await;
    check("1", "0.5", "v__double=0.5").await;
    check("1", "1.0", "v__double=1.0").await;
    check("1", "1e400", "v__string=1e400").await;
    check("0.5", "9007199254740992", "v=9007199254740992.0").await;
    check("0.5", "9007199254740993", "v__bigint=9007199254740993").await;
    check("0.5", "-0", "v=0.0").await;
    // Instants.
    check("\"2016-07-20T00:06:01Z\"", "\"2016-07-20T00:06:01+01:00\"", "v=2016-07-19T23:06:01Z")
        .await;
    check("\"2016-07-20T00:06:01Z\"", "\"soon\"", "v__string=soon").await;
    check("\"2016-07-20T00:06:01Z\"", "1469000000", "v__bigint=1469000000").await;
    // Text takes every scalar.
    check("\"x\"", "1.50", "v=1.50").await;
    check("\"x\"", "true", "v=true").await;
    check("\"x\"", "\"2016-07-20T00:06:01Z\"", "v=2016-07-20T00:06:01Z").await;
    check("\"x\"", "[\"y\"]", "v__json=[\"y\"]").await;
    check("\"x\"", "\"\"", "v=").await;
    // Arrays.
    check("[1]", "[null]", "v=[null]").await;
    check("[1]", "[2,null]", "v=[2, null]").await;
    check("[1]", "[0.5]", "v__json=[0.5]").await;
    check("[1]", "[\"x\"]", "v__json=[\"x\"]").await;
    check("[1]", "[[1]]", "v__json=[[1]]").await;
    check("[1]", "2", "v__bigint=2").await;
    check("[0.5]", "[1]", "v=[1.0]").await;
    check("[0.5]", "[9007199254740993]", "v__json=[9007199254740993]").await;
    check("[\"x\"]", "[1,true]", "v=[1, true]").await;
    check("[\"x\"]", "\"y\"", "v__string=y").await;
    // JSON text takes containers alone.
    check("[[1]]", "[1]", "v=[1]").await;
    check("[[1]]", "[null]", "v=[null]").await;
    check("[[1]]", "1", "v__bigint=1").await;
    check("[[1]]", "{\"a\":1}", "v_a=1").await;
    check("{\"a\":1}", "1", "v=1").await;
    check("{\"a\":1}", "{\"a\":{\"b\":1}}", "v_a_b=1").await;
    // Nothing brings nothing.
    check("1", "null", "").await;
    check("1", "{}", "").await;
    check("1", "[null]", "_rescued={$.v: [null]}").await;
}

#[tokio::test]
async fn siblings_stand_beside_one_another_and_have_none_of_their_own() {
    let all = ["0.5", "true", "\"x\"", "[1]", "\"2016-07-20T00:06:01Z\"", "{\"a\":1}"];
    let expected = "v__boolean=true | v__double=0.5 | v__json=[1] | v__string=x | \
                    v__timestamp=2016-07-20T00:06:01Z | v_a=1";
    assert_eq!(rows(&[&["1"], &all]).await, expected);
    assert_eq!(rows(&[&["1"], &all, &all]).await, expected);
    // A sibling that cannot take a value is no reason for another: the class has its own.
    let later = rows(&[&["true"], &["0.5"], &["2", "9007199254740993"]]).await;
    assert_eq!(later, "v__bigint=2 | v__bigint=9007199254740993");
}

#[tokio::test]
async fn numbers_heal_from_the_first_double_on() {
    let check = async |later: &[&str], expected: &str| {
        assert_eq!(rows(&[&["6"], &["0.5"], later]).await, expected, "{later:?}");
    };
    check(&["7"], "v=7 v__double=7.0").await;
    check(&["9007199254740993"], "v=9007199254740993").await;
    check(&["-0"], "v=0 v__double=0.0").await;
    check(&["1.5", "2"], "v=2 v__double=2.0 | v__double=1.5").await;
}

#[tokio::test]
async fn equal_keys_the_last_counts_and_the_others_are_kept() {
    let check = async |record: &str, expected: &str| {
        let lake = Lake::default();
        drop_file(&lake.ingest(), "t/0", record).await.unwrap();
        assert_eq!(lake.rows("t").await, expected, "{record}");
        let mut verify = Verify::new(lake.catalog.clone(), lake.objects.clone(), Limits::default());
        let source = memory_source("t/0", record);
        assert!(verify.verify(&TableSource::new("t"), source).await.unwrap().is_clean());
    };
    check(r#"{"a":1,"a":2}"#, "_rescued={$.a#1: 1} a=2").await;
    check(r#"{"a":1,"a":"x","a":null}"#, "_rescued={$.a#1: 1, $.a#2: \"x\"}").await;
    check(r#"{"a":{"b":1},"a":{"c":2}}"#, "_rescued={$.a#1: {\"b\":1}} a_c=2").await;
    check(r#"{"o":{"a":1,"\u0061":2}}"#, "_rescued={$.o.a#1: 1} o_a=2").await;
    check(r#"{"a":[{"b":1,"b":2}]}"#, "a=[{\"b\":1,\"b\":2}]").await;
    check(r#"{"a":1,"A":2,"a#1":3}"#, "a=1 a_1=3 a_331110=2").await;
}
