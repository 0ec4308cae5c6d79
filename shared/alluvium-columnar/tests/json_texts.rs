//! What RFC 8259 allows is loaded and what it forbids is quarantined, each alone between good
//! neighbours: one line a case.

#![expect(clippy::unwrap_used, reason = "a broken expectation must stop the test")]

use std::sync::Arc;

use alluvium_columnar::{QUARANTINE_BYTES_MAX, Shredder, Step};
use alluvium_model::{Limits, Origin, Reason};
use bytes::Bytes;

/// Values that are JSON.
const VALUES: &[&[u8]] = &[
    b"null",
    b"true",
    b"false",
    b"0",
    b"-0",
    b"1",
    b"-1",
    b"10",
    b"1234567890",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775808",
    b"123456789012345678901234567890123456789012345678901234567890",
    b"0.0",
    b"-0.0",
    b"0.5",
    b"-1.25",
    b"1.0000000000000000000000000000000000001",
    b"0e0",
    b"0E+5",
    b"1e5",
    b"1E5",
    b"1e+5",
    b"1e-5",
    b"1.5e10",
    b"-1.5E-10",
    b"1e400",
    b"-1e400",
    b"1e-400",
    b"0.1e1",
    b"1e00000000000000000005",
    b"4.9e-324",
    b"\"\"",
    b"\" \"",
    b"\"a\"",
    b"\"0\"",
    b"\"null\"",
    b"\"\\\"\"",
    b"\"\\\\\"",
    b"\"\\/\"",
    b"\"/\"",
    b"\"\\b\\f\\n\\r\\t\"",
    b"\"\\u0000\"",
    b"\"\\u001f\"",
    b"\"\\u0041\"",
    b"\"\\u00e9\\u00E9\"",
    b"\"\\uFFFF\"",
    b"\"\\ufffe\"",
    b"\"\\ufeff\"",
    b"\"\\u2028\\u2029\"",
    b"\"\\ud83d\\ude00\"",
    b"\"\\uD83D\\uDE00 \\ud83d\\ude00\"",
    b"\"\\uDBFF\\uDFFF\"",
    b"\"\\\\ud83d\"",
    b"\"\\\\u0041\"",
    b"\"\x7f\"",
    b"\"\xc3\xa9\"",
    b"\"\xe2\x82\xac\"",
    b"\"\xef\xbb\xbf\"",
    b"\"\xef\xbf\xbf\"",
    b"\"\xf0\x9f\x98\x80\"",
    b"\"\xf4\x8f\xbf\xbf\"",
    b"\"\xe2\x80\xa8\"",
    b"\"{[,:]}\"",
    b"\"// no comment\"",
    b"\"'\"",
    b"[]",
    b"[ ]",
    b"[null]",
    b"[0]",
    b"[1,2,3]",
    b"[ 1 , 2 ]",
    b"[\t1\t,\t2\t]",
    b"[1,null,true,\"a\",1.5,{},[]]",
    b"[[]]",
    b"[[],[[]]]",
    b"[{}]",
    b"[\"\",\"\"]",
    b"[-0]",
    b"{}",
    b"{ }",
    b"{\"\":0}",
    b"{\"a\":1}",
    b"{\"a\":1,\"b\":2}",
    b"{ \"a\" : 1 , \"b\" : 2 }",
    b"{\"a\":{\"a\":{\"a\":{}}}}",
    b"{\"a\":[]}",
    b"{\"a\":1,\"a\":2}",
    b"{\"a\":1,\"a\":{\"b\":2}}",
    b"{\"a.b\":1}",
    b"{\"a\\u0062\":1}",
    b"{\"\\u0000\":1}",
    b"{\"\\ud83d\\ude00\":1}",
    b"{\"\xf0\x9f\x98\x80\":1}",
    b"{\"__proto__\":1}",
    b"{\"$ref\":\"#/\"}",
    b" 1",
    b"1 ",
    b"\r1\r",
    b"\t{\t}\t",
];

/// Values that are no JSON.
const NO_VALUES: &[&[u8]] = &[
    b"",
    b" ",
    b"NaN",
    b"nan",
    b"Infinity",
    b"-Infinity",
    b"-",
    b"+1",
    b"--1",
    b"01",
    b"-01",
    b"00",
    b"1.",
    b"-1.",
    b".5",
    b"-.5",
    b"1.e5",
    b"1e",
    b"1e+",
    b"1E-",
    b"1e5.5",
    b"1ee5",
    b"1.5.5",
    b"0x1F",
    b"0b1",
    b"1_000",
    b"1 000",
    b"1,000",
    b"1d",
    b"1n",
    b"\xef\xbc\x91",
    b"True",
    b"FALSE",
    b"nul",
    b"nulll",
    b"tru",
    b"truex",
    b"undefined",
    b"None",
    b"a",
    b"'a'",
    b"`a`",
    b"\"",
    b"\"a",
    b"a\"",
    b"\"a\"b\"",
    b"\"a\" \"b\"",
    b"\"\\\"",
    b"\"\\a\"",
    b"\"\\x41\"",
    b"\"\\'\"",
    b"\"\\0\"",
    b"\"\\ \"",
    b"\"\\u\"",
    b"\"\\u004\"",
    b"\"\\u004g\"",
    b"\"\\u{41}\"",
    b"\"\\U0041\"",
    b"\"\\u 041\"",
    b"\"\\\xc3\xa9\"",
    b"\"a\tb\"",
    b"\"a\x00b\"",
    b"\"a\x01b\"",
    b"\"a\x0cb\"",
    b"\"a\x1fb\"",
    b"\"a\rb\"",
    b"[",
    b"[1",
    b"[1,",
    b"[1,]",
    b"[,1]",
    b"[1,,2]",
    b"[,]",
    b"[1 2]",
    b"[1:2]",
    b"[1;2]",
    b"[1}",
    b"[\"a\":1]",
    b"[a]",
    b"]",
    b"[]]",
    b"[1,2,...]",
    b"{",
    b"{\"a\"",
    b"{\"a\":",
    b"{\"a\":1",
    b"{\"a\":1,",
    b"{\"a\":1,}",
    b"{,}",
    b"{,\"a\":1}",
    b"{\"a\"}",
    b"{\"a\":}",
    b"{\"a\",1}",
    b"{\"a\" 1}",
    b"{\"a\"::1}",
    b"{\"a\":1 \"b\":2}",
    b"{\"a\":1,,\"b\":2}",
    b"{\"a\":1;\"b\":2}",
    b"{\"a\":1]",
    b"{a:1}",
    b"{'a':1}",
    b"{1:1}",
    b"{null:1}",
    b"{[]:1}",
    b"{\"a\"=1}",
    b"{\"a\tb\":1}",
    b"1 // comment",
    b"/* comment */ 1",
    b"# comment",
    b"\xc2\xa01",
    b"\x0b1",
    b"\x0c1",
    b"\x001",
    b"\xe2\x80\xa81",
    b"\xef\xbb\xbf1",
    b"\xff",
    b"\xc3\xa9",
    b"<a/>",
    b"a: 1",
    b"(1)",
];

/// Strings and keys with half of a surrogate pair, or that are no UTF-8.
const NO_UNICODE: &[&[u8]] = &[
    b"\"\\ud800\"",
    b"\"\\udbff\"",
    b"\"\\udc00\"",
    b"\"\\udfff\"",
    b"\"\\ud83d \\ude00\"",
    b"\"\\ud83dx\"",
    b"\"\\ud83d\\n\"",
    b"\"\\ud83d\\u0041\"",
    b"\"\\ud83d\\ud83d\\ude00\"",
    b"\"\\ude00\\ud83d\"",
    b"[\"a\",\"\\ud800\"]",
    b"{\"\\ud800\":1}",
    b"\"\x80\"",
    b"\"\xbf\"",
    b"\"\xff\"",
    b"\"\xfe\"",
    b"\"\xc0\x80\"",
    b"\"\xc1\xbf\"",
    b"\"\xc3\"",
    b"\"\xc3(\"",
    b"\"\xe2\x82\"",
    b"\"\xe0\x80\xaf\"",
    b"\"\xed\xa0\x80\"",
    b"\"\xed\xbf\xbf\"",
    b"\"\xf0\x9f\x98\"",
    b"\"\xf0\x80\x80\x80\"",
    b"\"\xf4\x90\x80\x80\"",
    b"\"\xf5\x80\x80\x80\"",
    b"\"\xf8\x88\x80\x80\x80\"",
    b"\"caf\xe9\"",
    b"{\"caf\xe9\":1}",
];

/// Lines that are JSON, but no records.
const NO_OBJECTS: &[&[u8]] =
    &[b"null", b"true", b"false", b"0", b"-1.5e3", b"\"\"", b"\"{}\"", b"\"a\\u0041\""];

/// What becomes of three records of which the one in the middle is of interest.
fn outcome(text: &[u8]) -> (u64, Vec<(u64, Reason, Vec<u8>)>) {
    let origin = Origin {
        source: "s3://landing/t/1.json".to_owned(),
        arrived_at: "2026-11-24T00:00:00Z".parse().unwrap(),
    };
    let mut shredder = Shredder::new(origin, Arc::default(), Limits::default());
    shredder.feed(Bytes::copy_from_slice(text));
    let (mut rows, mut bad) = (0, Vec::new());
    loop {
        match shredder.step() {
            Step::NeedInput => shredder.finish(),
            Step::Part(part) => {
                rows += part.rows();
                let found = part.bad_records().iter();
                bad.extend(found.map(|(n, bad)| (*n, bad.reason, bad.bytes.clone())));
            }
            Step::Done => return (rows, bad),
            Step::Failed(_) => unreachable!("a text is no archive"),
        }
    }
}

fn between_neighbours(line: &[u8]) -> Vec<u8> {
    [b"{\"n\":0}\n", line, b"\n{\"n\":2}\n"].concat()
}

fn check_loaded(line: &[u8]) {
    let text = between_neighbours(line);
    assert_eq!(outcome(&text), (3, Vec::new()), "{}", line.escape_ascii());
    let list = [b"[{\"n\":0},", line, b",{\"n\":2}]"].concat();
    assert_eq!(outcome(&list), (3, Vec::new()), "{}", list.escape_ascii());
}

fn check_quarantined(line: &[u8], reason: Reason) {
    let found = outcome(&between_neighbours(line));
    let kept = line.get(..QUARANTINE_BYTES_MAX).unwrap_or(line);
    let shown = String::from_utf8_lossy(line.get(..80).unwrap_or(line));
    assert!(found == (2, vec![(1, reason, kept.to_vec())]), "{shown}: {:?}", found.1.len());
}

fn with_value(value: &[u8]) -> Vec<u8> {
    [b"{\"v\":", value, b"}"].concat()
}

#[test]
fn what_the_grammar_allows_is_loaded() {
    for value in VALUES {
        check_loaded(&with_value(value));
    }
}

#[test]
fn what_the_grammar_forbids_is_quarantined() {
    for value in NO_VALUES {
        check_quarantined(&with_value(value), Reason::InvalidJson);
    }
}

#[test]
fn what_is_no_unicode_is_quarantined_as_that() {
    for value in NO_UNICODE {
        check_quarantined(&with_value(value), Reason::NotUnicode);
    }
}

#[test]
fn what_is_no_object_is_quarantined_as_that() {
    for line in NO_OBJECTS {
        check_quarantined(line, Reason::NotAnObject);
    }
}

#[test]
fn depth_counts_from_the_record_and_is_limited() {
    let nested = |open: &str, close: &str, depth: usize| {
        with_value((open.repeat(depth) + "0" + &close.repeat(depth)).as_bytes())
    };
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
        let levels = open.matches(['[', '{']).count();
        check_loaded(&nested(open, close, 127 / levels));
        let too_deep = 127 / levels + 1;
        check_quarantined(&nested(open, close, too_deep), Reason::TooDeep);
        check_quarantined(&nested(open, close, 100_000), Reason::TooDeep);
    }
}

#[test]
fn what_follows_a_record_on_its_line_is_alone_too() {
    for rest in ["}", "]", "x", "1", ":", "\"", "{"] {
        let found = outcome(&between_neighbours(format!("{{\"n\":1}}{rest}").as_bytes()));
        assert_eq!((found.0, found.1.len(), found.1[0].0), (3, 1, 2), "{rest}");
    }
}

#[test]
fn there_are_many_cases_and_none_twice() {
    let mut cases: Vec<_> = [VALUES, NO_VALUES, NO_UNICODE, NO_OBJECTS].concat();
    let all = cases.len();
    assert!(all >= 250, "{all} cases");
    let values = all - NO_OBJECTS.len();
    cases.truncate(values);
    cases.sort_unstable();
    cases.dedup();
    assert_eq!(cases.len(), values);
}
