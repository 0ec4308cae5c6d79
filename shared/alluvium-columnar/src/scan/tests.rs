use proptest::prelude::*;

use super::*;

fn check(text: &str, expected: &str) {
    let mut copied = Copied::default();
    let scanned = scan(text.as_bytes(), true, 4, &mut copied);
    let found = match scanned {
        Scanned::Value { end, lone_surrogate } => format!(
            "{}{}{}",
            String::from_utf8(copied.text).unwrap(),
            if end < text.len() { format!(" +{}", text.len() - end) } else { String::new() },
            if lone_surrogate { " lone" } else { "" },
        ),
        Scanned::Incomplete => "…".to_owned(),
        Scanned::Bad { at, flaw } => format!("{at}: {}", flaw.message()),
    };
    assert_eq!(found, expected, "{text}");
}

#[test]
fn values_lose_their_white_space_and_nothing_else() {
    check(" { } ", "{} +1");
    check("{ \"a b\" :\t[ 1 , -0.5e+7 ] }\n", "{\"a b\":[1,-0.5e+7]} +1");
    check(
        "[[],{},\"\\u00e9\\\\\\\"\",true,false,null]",
        "[[],{},\"\\u00e9\\\\\\\"\",true,false,null]",
    );
    check("\"a\"\"b\"", "\"a\" +3");
    check("12", "12");
    check("{}{}", "{} +2");
    check("[[[[]]]]", "[[[[]]]]");
}

#[test]
fn containers_count_wherever_they_lie() {
    check("{\"a\":{\"b\":[[]]}}", "{\"a\":{\"b\":[[]]}}");
    check("{\"a\":{\"b\":[[[", "12: nested too deep");
    check("{\"a\":[{\"b\":[[", "12: nested too deep");
    check("{\"a\":{\"a\":{\"a\":{\"a\":{", "20: nested too deep");
}

#[test]
fn what_the_grammar_forbids_is_found_where_it_stands() {
    check("[[[[[]]]]]", "4: nested too deep");
    check("{\"a\":1,}", "7: expected a key in double quotes");
    check("[1,]", "3: expected a value");
    check("{a:1}", "1: expected a key in double quotes");
    check("{\"a\" 1}", "5: expected `:`");
    check("[{\"a\":1,}]", "8: expected a key in double quotes");
    check("[{a:1}]", "2: expected a key in double quotes");
    check("[{\"a\" 1}]", "6: expected `:`");
    check("[{\"a\":1]", "7: expected `,` or `}`");
    check("[{\"a\":1 \"b\":2}]", "8: expected `,` or `}`");
    check("{\"a\":[1}", "7: expected `,` or `]`");
    check("{\"a\":1 \"b\":2}", "7: expected `,` or `}`");
    check("[1 2]", "3: expected `,` or `]`");
    check("{\"a\":1]", "6: expected `,` or `}`");
    check("\"\\x\"", "2: invalid escape in a string");
    check("\"\\u12g4\"", "5: invalid escape in a string");
    check("\"a\nb\"", "2: control character in a string");
    check("{\"a\":01,\"b\":2}", "6: invalid number");
    check("{\"a\":1.}", "7: invalid number");
    check("{\"a\":-}", "6: invalid number");
    check("{\"a\":1e+}", "8: invalid number");
    check("{\"a\":1.5.2,\"b\":\"more\"}", "8: invalid number");
    for number in ["01", "1.", "-", "1e", "1e+", ".5", "+1", "0x1", "1.5.2", "--1", "1_0"] {
        let scanned = scan(number.as_bytes(), true, 4, &mut Copied::default());
        assert!(!matches!(scanned, Scanned::Value { .. }), "{number}");
    }
    check("nul", "…");
    check("nulL", "3: expected `true`, `false` or `null`");
    check("NaN", "0: expected a value");
    check("\u{feff}{}", "0: expected a value");
}

#[test]
fn half_a_surrogate_pair_is_noted_and_read_over() {
    check(r#""\ud83d\ude00""#, r#""\ud83d\ude00""#);
    check(r#""\ud83d""#, r#""\ud83d" lone"#);
    check(r#""\ude00""#, r#""\ude00" lone"#);
    check(r#""\ud83d\ud83d\ude00""#, r#""\ud83d\ud83d\ude00" lone"#);
    check(r#""\ud83d\n""#, r#""\ud83d\n" lone"#);
}

proptest! {
    #[test]
    fn texts_are_values_exactly_where_serde_json_says_so(
        text in r#"[\[\]{},:" \\a-fu0-9.eE+\-]{0,24}"#
    ) {
        let ours = match scan(text.as_bytes(), true, 128, &mut Copied::default()) {
            Scanned::Value { end, .. } => text[end..].trim_ascii().is_empty(),
            Scanned::Incomplete | Scanned::Bad { .. } => false,
        };
        let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        prop_assert_eq!(ours, theirs, "{}", text);
    }

    #[test]
    fn every_beginning_of_a_value_is_incomplete(value in any_json()) {
        let text = value.to_string();
        for end in 0..text.len() {
            let (beginning, mut copied) = (&text.as_bytes()[..end], Copied::default());
            let scanned = scan(beginning, false, 128, &mut copied);
            prop_assert_eq!(scanned, Scanned::Incomplete, "{}", &text[..end]);
        }
    }
}

proptest! {
    #[test]
    fn numbers_are_read_alike_whatever_follows(number in r"-?[0-9]{0,17}(\.[0-9]{0,9})?(e[0-9])?") {
        // One look tells of the first, if it is a short one; the others are read byte by byte.
        let texts = [",\"b\":\"sixteen bytes more\"}", " ,\"b\":0}", "}"]
            .map(|rest| format!("{{\"a\":{number}{rest}"));
        let found = texts.each_ref().map(|text| {
            let mut copied = Copied::default();
            let scanned = scan(text.as_bytes(), true, 128, &mut copied);
            let member = copied.members.first().map(|member| (member.shape, member.length()));
            (matches!(scanned, Scanned::Value { .. }), member)
        });
        prop_assert_eq!(found[0], found[1], "{}", texts[0]);
        prop_assert_eq!(found[0], found[2], "{}", texts[0]);
        prop_assert_eq!(found[0].0, serde_json::from_str::<serde_json::Value>(&texts[2]).is_ok());
    }

    #[test]
    fn what_was_scanned_before_changes_nothing(
        texts in proptest::collection::vec((an_object(), any::<prop::sample::Index>()), 1..8)
    ) {
        let mut used = Copied::default();
        for (text, end) in texts {
            // Something else stopped in the middle.
            scan(&text.as_bytes()[..end.index(text.len())], false, 128, &mut used);
            scan(r#"{"a":{"b":"\ud83d","#.as_bytes(), false, 128, &mut used);
            let mut fresh = Copied::default();
            let expected = scan(text.as_bytes(), true, 128, &mut fresh);
            prop_assert_eq!(scan(text.as_bytes(), true, 128, &mut used), expected);
            prop_assert_eq!(&used.text, &fresh.text);
            prop_assert_eq!(&used.members, &fresh.members);
        }
    }
}

/// Objects whose keys are often as long as those of others.
fn an_object() -> impl Strategy<Value = String> {
    proptest::collection::vec(("[a-c]{1,3}|.{0,20}", any_json()), 0..6).prop_map(|members| {
        let members: Vec<_> = members
            .into_iter()
            .map(|(key, value)| format!("{}:{value}", serde_json::Value::from(key)))
            .collect();
        format!("{{{}}}", members.join(","))
    })
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}
