use proptest::prelude::*;

use super::*;

fn frames(input: &[u8], step: usize) -> Vec<String> {
    let limits = Limits { record_bytes: 60, parse_depth: 4, ..Limits::default() };
    frames_within(limits, input, step)
}

fn frames_within(limits: Limits, input: &[u8], step: usize) -> Vec<String> {
    let (mut framer, mut found) = (Framer::new(limits, Charset::Utf8, 0), Vec::new());
    let mut chunks = input.chunks(step);
    loop {
        match framer.next() {
            Frame::Record => found.push(framer.record().text.to_owned()),
            Frame::Bad(bad) => found.push(format!(
                "! {} {}+{} {}",
                bad.reason,
                bad.position.offset,
                bad.length,
                bad.bytes.escape_ascii()
            )),
            Frame::NeedInput => match chunks.next() {
                Some(chunk) => framer.input().extend_from_slice(chunk),
                None => framer.end(Ok(())),
            },
            Frame::End => return found,
        }
    }
}

fn check(input: &str, expected: &[&str]) {
    for step in [1, 3, 1000] {
        assert_eq!(frames(input.as_bytes(), step), expected, "{input} by {step}");
    }
}

/// Only the good ones.
fn check_good(input: &str, expected: &[&str]) {
    for step in [1, 3, 1000] {
        let mut found = frames(input.as_bytes(), step);
        found.retain(|frame| !frame.starts_with('!'));
        assert_eq!(found, expected, "{input} by {step}");
    }
}

#[test]
fn a_line_that_lacks_the_end_of_its_array_is_one_line() {
    let (before, after) = ("[{\"a\":1},{\"a\":2}]\n", "[{\"b\":1}]\n[{\"b\":2}]\n");
    let good = ["{\"a\":1}", "{\"a\":2}", "{\"c\":1}", "{\"b\":1}", "{\"b\":2}"];
    for cut in ["[{\"c\":1},", "[{\"c\":1}", "[{\"c\":1},{\"d\":", "[{\"c\":1},{\"d\":[1"] {
        check_good(&format!("{before}{cut}\n{after}"), &good);
    }
    check(
        "{}\n{}\n[{\"a\":1},\n[{\"b\":1}]\n{}",
        &["{}", "{}", "{\"a\":1}", "! truncated_input 16+0 ", "{\"b\":1}", "{}"],
    );
    // What spans lines itself may hold arrays that begin lines.
    check_good("{\"a\":1}\n{\"a\":\n[\n1]}\n{}\n", &["{\"a\":1}", "{\"a\":[1]}", "{}"]);
}

#[test]
fn a_bracket_that_was_left_open_closes_with_the_one_around_it() {
    let good = ["{\"n\":1}", "{\"n\":3}"];
    check_good("[{\"n\":1},{\"b\":[1,},{\"n\":3}]", &good);
    check_good("[{\"b\":[1},\n{\"n\":1},\n{\"n\":3}]", &good);
    check_good("{\"Records\":[{\"n\":1},{\"n\":[1},{\"n\":3}],\"x\":1}\n", &good);
    check_good("[{\"n\":1},{\"b\":{\"c\":nope],{\"n\":3}]", &good);
}

#[test]
fn a_long_bad_record_takes_no_more_with_it_than_a_short_one() {
    let (ones, text) = ("1,".repeat(50), "x".repeat(100));
    let good = ["{\"n\":1}", "{\"n\":2}"];
    check_good(&format!("{{\"a\":[{ones}\n{{\"n\":1}}\n{{\"n\":2}}\n"), &good);
    check_good(&format!("[{{\"n\":1}},{{\"a\":nope,\"s\":\"{text}\"}},{{\"n\":2}}]"), &good);
    let pretty = "{\n  \"n\": 1\n}\n{\n  \"n\": 2\n}\n";
    check_good(&format!("{{\n  \"a\": nope,\n  \"b\": [{ones}\n{pretty}"), &good);
    // One that is nothing but long may have lines that look like records.
    let lines = "{\"x\":1},\n".repeat(20);
    check_good(&format!("{{\"list\":[\n{lines}0]}}\n{{\"n\":1}}\n{{\"n\":2}}\n"), &good);
}

#[test]
fn a_byte_order_mark_may_stand_before_any_record() {
    check("\u{feff}{}\n\u{feff}{}\n\u{feff}\u{feff}[{},\u{feff}{}]\u{feff}", &["{}"; 4]);
    check("{}\n\u{fefe}{}\n{}", &["{}", "! invalid_json 3+5 \\xef\\xbb\\xbe{}", "{}"]);
}

/// As much as may be looked at, and not a byte more: whether it is the end is not known yet, or
/// is, as chunks have it.
#[test]
fn where_the_lookahead_ends_with_the_text_chunks_do_not_matter() {
    let limits = Limits { record_bytes: 4_096, ..Limits::default() };
    for length in 300..320 {
        let tail = format!("{:width$}!", "{\"a\":\nx \"p\nq", width = length - 1);
        let text = format!("{}{tail}", "{\"a\":{".repeat(800));
        let whole = frames_within(limits, text.as_bytes(), usize::MAX);
        assert!(frames_within(limits, text.as_bytes(), 7) == whole, "{length}");
        assert!(frames_within(limits, text.as_bytes(), 1) == whole, "{length}");
    }
}

#[test]
fn every_packaging_gives_the_same_records() {
    let records = ["{\"a\":1}", "{\"b\":{}}", "{}"];
    check("{\"a\":1}\n{\"b\":{}}\n{}\n", &records);
    check("\u{feff}{\"a\":1}\r\n\r\n{\"b\":{}}\r\n{}", &records);
    check("{\"a\":1}{\"b\":{}}{}", &records);
    check("{\"a\":1},\n{\"b\":{}},{}", &records);
    check("{\n  \"a\": 1\n}\n{\n  \"b\": {\n  }\n}\n{\n}\n", &records);
    check("[{\"a\":1},{\"b\":{}},{}]", &records);
    check("[\n  {\n    \"a\": 1\n  },\n  {\"b\": {}},\n  {}\n]\n", &records);
    check("[{\"a\":1}]\n[{\"b\":{}},{}]\n[]\n", &records);
    check("", &[]);
    check(" \n\t\n", &[]);
}

#[test]
fn sequences_are_read_text_by_text() {
    let records = ["{\"a\":1}", "{\"b\":{}}", "{}"];
    check("\x1e{\"a\":1}\n\x1e{\"b\":{}}\n\x1e{}\n", &records);
    check("\x1e{\"a\":1}\x1e[{\"b\":{}}]\n\x1e\x1e{}", &records);
    check(
        "\x1e{}\n\x1e{\"a\":\n\x1e{\"b\":1} x\n\x1e{}\n",
        &["{}", "! invalid_json 5+6 {\\\"a\\\":\\n", "{\"b\":1}", "! invalid_json 20+2 x\\n", "{}"],
    );
    check(
        "\x1e[{\"a\":1},{\"b\":\n\x1e{}\n\x1e[{}\n\x1e{}",
        &[
            "{\"a\":1}",
            "! invalid_json 10+6 {\\\"b\\\":\\n",
            "! truncated_input 16+0 ",
            "{}",
            "{}",
            "! truncated_input 25+0 ",
            "{}",
        ],
    );
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(100));
    let kept = format!("! record_too_large 1+109 {}\\n", long.replace('"', "\\\""));
    check(&format!("\x1e{long}\n\x1e{{}}"), &[&kept, "{}"]);
}

#[test]
fn a_wrapper_is_its_records_and_one_entry_for_the_rest() {
    let records = ["{\"a\":1}", "{\"Records\":[1]}"];
    check("{\"Records\":[{\"a\":1},{\"Records\":[1]}]}", &records);
    check(" {\n \"Records\" : [\n {\"a\": 1},\n {\"Records\": [1]}\n ]\n}\n", &records);
    check("{\"Records\":[]}\n", &[]);
    check("{\"Records\":[{}]}\n{\"Records\":[]}\n", &["{}", "{\"Records\":[]}"]);
    check("{\"Records\":{}}", &["{\"Records\":{}}"]);
    check("{}\n{\"Records\":[{}]}", &["{}", "{\"Records\":[{}]}"]);
    check(
        "{\"Records\":[{}] ,\"next\":{\"a\":\"]}\"}, \"b\":[] }\n{\"c\":1}",
        &[
            "{}",
            "! wrapper_fields 16+27 ,\\\"next\\\":{\\\"a\\\":\\\"]}\\\"}, \\\"b\\\":[] ",
            "{\"c\":1}",
        ],
    );
    check(
        "{\"Records\":[{},5,{\"a\":}]}",
        &["{}", "! not_an_object 15+1 5", "! invalid_json 17+6 {\\\"a\\\":}"],
    );
    check("{\"Records\":[{},", &["{}", "! truncated_input 15+0 "]);
    check("{\"Records\":[{}]", &["{}", "! truncated_input 15+0 "]);
    check(
        "{\"Records\":[{}],\"a\":1",
        &["{}", "! wrapper_fields 15+6 ,\\\"a\\\":1", "! truncated_input 21+0 "],
    );
    check("{\"Records\":[{}]\n{\"a\":1}", &["{}", "! invalid_json 16+0 ", "{\"a\":1}"]);
}

#[test]
fn bad_records_say_where_they_stand() {
    let text = "\u{feff}{}\n  {\n\"a\":\n1}\n [\n{}, nope]\n{\"b\":}";
    let positions = |step| {
        let mut framer = Framer::new(Limits::default(), Charset::Utf8, 100);
        let (mut chunks, mut found) = (text.as_bytes().chunks(step), Vec::new());
        loop {
            match framer.next() {
                Frame::Record => {}
                Frame::Bad(bad) => {
                    found.push((bad.position.offset, bad.position.line, bad.position.column));
                }
                Frame::NeedInput => match chunks.next() {
                    Some(chunk) => framer.input().extend_from_slice(chunk),
                    None => framer.end(Ok(())),
                },
                Frame::End => return found,
            }
        }
    };
    for step in [1, 5, 1000] {
        assert_eq!(positions(step), [(125, 6, 5), (131, 7, 1)], "by {step}");
    }
}

#[test]
fn a_bad_record_is_alone() {
    check("{\"a\":1}\n{\"b\":}\n{}\n", &["{\"a\":1}", "! invalid_json 8+6 {\\\"b\\\":}", "{}"]);
    check("{}\n{\"b\":1\n{}\n", &["{}", "! invalid_json 3+6 {\\\"b\\\":1", "{}"]);
    check("{}\n{\"b\":\n{}\n{}\n", &["{}", "! invalid_json 3+5 {\\\"b\\\":", "{}", "{}"]);
    check(
        "{}\n12 \"x\"\n[3]\n{}",
        &[
            "{}",
            "! not_an_object 3+2 12",
            "! not_an_object 6+3 \\\"x\\\"",
            "! not_an_object 11+1 3",
            "{}",
        ],
    );
    check("[{},nope,{\"a\":1}]", &["{}", "! invalid_json 4+4 nope", "{\"a\":1}"]);
    check("[{},{nope},{}]", &["{}", "! invalid_json 4+6 {nope}", "{}"]);
    check("{}\n[{},{\"a\":},{}]\n{}", &["{}", "{}", "! invalid_json 7+6 {\\\"a\\\":}", "{}", "{}"]);
    check("[{\"a\":1]\n{}", &["! invalid_json 1+6 {\\\"a\\\":1", "{}"]);
    check("{} }\n{}", &["{}", "! invalid_json 3+1 }", "{}"]);
    check(
        "{\n \"a\":x\n}\n{\n \"a\": 1}",
        &["! invalid_json 0+10 {\\n \\\"a\\\":x\\n}", "{\"a\":1}"],
    );
}

#[test]
fn a_bad_record_takes_no_neighbour_with_it_wherever_it_stands() {
    let good = |text: &str| {
        let found = frames(text.as_bytes(), 7);
        let bad = found.iter().filter(|frame| frame.starts_with('!')).count();
        let good: Vec<_> = found.into_iter().filter(|frame| !frame.starts_with('!')).collect();
        format!("{} bad, {}", bad, good.join(""))
    };
    let check = |text: &str, expected: &str| assert_eq!(good(text), expected, "{text}");
    let pretty = "[{\n \"a\": 1\n}, {\n \"a\": nope\n}, {\n \"a\": 3\n}]";
    check(pretty, "1 bad, {\"a\":1}{\"a\":3}");
    check("{\n \"a\": 1\n}{\n \"a\": x\n}{\n \"a\": 3\n}", "1 bad, {\"a\":1}{\"a\":3}");
    check("[{\n \"a\": nope\n },\n {\n \"b\": 1\n }]", "1 bad, {\"b\":1}");
    check("{\"i\":1}{\"i\":2{\"i\":3}{\"i\":4}", "1 bad, {\"i\":1}{\"i\":3}{\"i\":4}");
    check("[{\"i\":1},{\"i\":2,{\"i\":3},{\"i\":4}]", "1 bad, {\"i\":1}{\"i\":3}{\"i\":4}");
    check("[{\"i\":1},{\"s\":\"a\"b\"},{\"i\":3}]", "1 bad, {\"i\":1}{\"i\":3}");
    check("[\n{\"a\":1},\n{\"b\":{\"x\":[nope]\n}},\n{\"c\":3}\n]", "1 bad, {\"a\":1}{\"c\":3}");
    let torn = "{\"i\":0}\n{\n \"l\": [\n {\"i\": 1},\n {\"i\": 2}\n ], bad\n}\n{\"i\":9}";
    check(torn, "1 bad, {\"i\":0}{\"i\":9}");
    let longer_than_the_limit =
        format!("{{}}{{\n \"a\": x,\n{}\n}}{{}}", " {\"n\":1},\n".repeat(9));
    check(&longer_than_the_limit, "1 bad, {}{}");
}

#[test]
fn what_the_end_cuts_off_is_told_from_what_is_bad() {
    check("{}\n{\"b\":1", &["{}", "! truncated_input 3+6 {\\\"b\\\":1"]);
    check("{}\n{\"b\":[\n{}\n", &["{}", "! invalid_json 3+6 {\\\"b\\\":[", "{}"]);
    check("[{},", &["{}", "! truncated_input 4+0 "]);
    check("[{},{\"a\"", &["{}", "! truncated_input 4+4 {\\\"a\\\""]);
    check("nul", &["! truncated_input 0+3 nul"]);
    check("{}{\n \"a\": x\n", &["{}", "! invalid_json 2+10 {\\n \\\"a\\\": x\\n"]);
}

#[test]
fn limits_hold_and_reading_goes_on_behind_them() {
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(100));
    let kept = format!("! record_too_large 3+108 {}", long.replace('"', "\\\""));
    check(&format!("{{}}\n{long}\n{{}}\n"), &["{}", &kept, "{}"]);
    check(&format!("{{}} {long}{{}}"), &["{}", &kept, "{}"]);
    check("[[[[[[]]]]]]{}", &["! too_deep 1+10 [[[[[]]]]]", "{}"]);
}

#[test]
fn text_that_is_no_unicode_is_told_from_bad_grammar() {
    let found = frames(b"{}\n{\"a\":\"\xff\"}\n{\"a\":\"\\ud800\"}\n{}", 1000);
    assert_eq!(
        found,
        [
            "{}",
            "! not_unicode 3+9 {\\\"a\\\":\\\"\\xff\\\"}",
            "! not_unicode 13+14 {\\\"a\\\":\\\"\\\\ud800\\\"}",
            "{}",
        ]
    );
}

fn any_text() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        "{}",
        "{\"a\":1}",
        "{\"a\":",
        "{",
        "}",
        "[",
        "]",
        ",",
        "\n",
        "  ",
        "\"",
        "\\",
        "x",
        "{\n  \"a\": [\n    1\n  ]\n}",
        "12",
        "null",
        "\u{feff}",
        "\u{1e}",
        "{\"Records\":[",
        "[{\"a\":1},{\"b\":[2]}]\n",
        "[{\"a\":1},{\"b\":[2",
        "é",
        "\"a b\"",
    ];
    let piece = prop_oneof![
        proptest::sample::select(pieces.to_vec()).prop_map(|piece| piece.as_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 0..3),
        Just(vec![b'x'; 70]),
    ];
    proptest::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn chunks_do_not_matter(text in any_text(), step in 1_usize..20) {
        prop_assert_eq!(frames(&text, step), frames(&text, usize::MAX));
    }

    #[test]
    fn a_bad_line_does_not_change_its_neighbours(line in "[^\n]{0,80}") {
        let text = format!("{{\"n\":0}}\n{line}\n{{\"n\":1}}\n");
        let mut good = frames(text.as_bytes(), 7);
        good.retain(|frame| !frame.starts_with('!'));
        prop_assert_eq!(&good[0], "{\"n\":0}");
        prop_assert_eq!(good.last().unwrap(), "{\"n\":1}");
    }
}
