//! One JSON value: is it one, where does it end, and what is its text without white space.
//!
//! Follows RFC 8259 to the letter, except that bytes of 128 and more are let through here and
//! looked at as a whole later: whoever breaks UTF-8 inside a string still ends the string.

use memchr::memchr2;

/// What a text was found to break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    Value,
    Key,
    Colon,
    CommaOrBrace,
    CommaOrBracket,
    ControlCharacter,
    Escape,
    Number,
    Literal,
    Depth,
}

impl Flaw {
    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::Value => "expected a value",
            Self::Key => "expected a key in double quotes",
            Self::Colon => "expected `:`",
            Self::CommaOrBrace => "expected `,` or `}`",
            Self::CommaOrBracket => "expected `,` or `]`",
            Self::ControlCharacter => "control character in a string",
            Self::Escape => "invalid escape in a string",
            Self::Number => "invalid number",
            Self::Literal => "expected `true`, `false` or `null`",
            Self::Depth => "nested too deep",
        }
    }
}

/// What a scan found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scanned {
    /// A value that ends before `end`.
    Value { end: usize, lone_surrogate: bool },
    /// The beginning of a value.
    Incomplete,
    /// No value: the byte `at` is not what the grammar allows.
    Bad { at: usize, flaw: Flaw },
}

/// Scans the value at the beginning of `input` and appends its text without white space to
/// `out`, also what there is of a value that turns out to be none. `ended` says that nothing
/// follows `input`: without it a number at the end is incomplete.
pub(crate) fn scan(input: &[u8], ended: bool, depth_max: u32, out: &mut Vec<u8>) -> Scanned {
    let mut scanner =
        Scanner { input, at: 0, ended, depth_max, depth: 0, arrays: 0, lone_surrogate: false, out };
    match scanner.value() {
        Ok(()) => Scanned::Value { end: scanner.at, lone_surrogate: scanner.lone_surrogate },
        Err(Stop::Incomplete) => Scanned::Incomplete,
        Err(Stop::Bad(flaw)) => Scanned::Bad { at: scanner.at, flaw },
    }
}

enum Stop {
    Incomplete,
    Bad(Flaw),
}

struct Scanner<'a> {
    input: &'a [u8],
    at: usize,
    ended: bool,
    depth_max: u32,
    /// Open containers, and for each whether it is an array, the innermost in the lowest bit.
    depth: u32,
    arrays: u128,
    lone_surrogate: bool,
    out: &'a mut Vec<u8>,
}

impl Scanner<'_> {
    fn value(&mut self) -> Result<(), Stop> {
        loop {
            match self.token()? {
                b'{' => {
                    self.open(false)?;
                    if self.token()? != b'}' {
                        self.key()?;
                        continue;
                    }
                    self.close();
                }
                b'[' => {
                    self.open(true)?;
                    if self.token()? != b']' {
                        continue;
                    }
                    self.close();
                }
                b'"' => self.string()?,
                b'-' | b'0'..=b'9' => self.number()?,
                b't' => self.literal(b"true")?,
                b'f' => self.literal(b"false")?,
                b'n' => self.literal(b"null")?,
                _ => return Err(Stop::Bad(Flaw::Value)),
            }
            if self.after_value()? {
                return Ok(());
            }
        }
    }

    /// Goes on to where the next value begins; true when the outermost one has ended.
    fn after_value(&mut self) -> Result<bool, Stop> {
        while self.depth > 0 {
            let in_array = self.arrays & 1 == 1;
            match (self.token()?, in_array) {
                (b',', true) => {
                    self.take();
                    return Ok(false);
                }
                (b',', false) => {
                    self.take();
                    self.token()?;
                    self.key()?;
                    return Ok(false);
                }
                (b']', true) | (b'}', false) => self.close(),
                (_, true) => return Err(Stop::Bad(Flaw::CommaOrBracket)),
                (_, false) => return Err(Stop::Bad(Flaw::CommaOrBrace)),
            }
        }
        Ok(true)
    }

    fn open(&mut self, array: bool) -> Result<(), Stop> {
        if self.depth == self.depth_max {
            return Err(Stop::Bad(Flaw::Depth));
        }
        self.depth += 1;
        self.arrays = self.arrays << 1 | u128::from(array);
        self.take();
        Ok(())
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.arrays >>= 1;
        self.take();
    }

    /// A key and its colon; `at` is where the key should begin.
    fn key(&mut self) -> Result<(), Stop> {
        if self.peek()? != b'"' {
            return Err(Stop::Bad(Flaw::Key));
        }
        self.string()?;
        if self.token()? != b':' {
            return Err(Stop::Bad(Flaw::Colon));
        }
        self.take();
        Ok(())
    }

    fn string(&mut self) -> Result<(), Stop> {
        let begin = self.at;
        let mut from = begin + 1;
        loop {
            let rest = self.input.get(from..).unwrap_or_default();
            let found = memchr2(b'"', b'\\', rest);
            let run = rest.get(..found.unwrap_or(rest.len())).unwrap_or_default();
            if let Some(control) = run.iter().position(|byte| *byte < b' ') {
                self.at = from + control;
                return Err(Stop::Bad(Flaw::ControlCharacter));
            }
            self.at = from + found.ok_or(Stop::Incomplete)?;
            if self.peek()? == b'"' {
                break;
            }
            self.escape()?;
            from = self.at;
        }
        self.at += 1;
        self.copy_from(begin);
        Ok(())
    }

    /// An escape; `at` is its backslash before and the byte behind it after.
    fn escape(&mut self) -> Result<(), Stop> {
        self.at += 1;
        match self.peek()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
            b'u' => match self.unicode_escape()? {
                0xd800..=0xdbff => {
                    // The other half must follow at once; anything else leaves this one alone.
                    let rest = self.input.get(self.at..).unwrap_or_default();
                    if rest.len() < 6 && !self.ended && b"\\u".starts_with(first_two(rest)) {
                        return Err(Stop::Incomplete);
                    }
                    if rest.starts_with(b"\\u") {
                        let back = self.at;
                        self.at += 1;
                        if !(0xdc00..=0xdfff).contains(&self.unicode_escape()?) {
                            self.at = back;
                            self.lone_surrogate = true;
                        }
                    } else {
                        self.lone_surrogate = true;
                    }
                }
                0xdc00..=0xdfff => self.lone_surrogate = true,
                _ => {}
            },
            _ => return Err(Stop::Bad(Flaw::Escape)),
        }
        Ok(())
    }

    /// The code unit of `uXXXX`; `at` is the `u` before and the byte behind it after.
    fn unicode_escape(&mut self) -> Result<u32, Stop> {
        let mut unit = 0;
        for _ in 0..4 {
            self.at += 1;
            let digit = char::from(self.peek()?).to_digit(16).ok_or(Stop::Bad(Flaw::Escape))?;
            unit = unit << 4 | digit;
        }
        self.at += 1;
        Ok(unit)
    }

    fn number(&mut self) -> Result<(), Stop> {
        let begin = self.at;
        if self.peek()? == b'-' {
            self.at += 1;
        }
        if self.peek()? == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.number_goes_on(|byte| byte == b'.')? {
            self.at += 1;
            self.digits()?;
        }
        if self.number_goes_on(|byte| byte == b'e' || byte == b'E')? {
            self.at += 1;
            if matches!(self.peek()?, b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        // `01` is no number, and neither is `1x`.
        if self.number_goes_on(|byte| byte.is_ascii_alphanumeric() || b"+-._\"".contains(&byte))? {
            return Err(Stop::Bad(Flaw::Number));
        }
        self.copy_from(begin);
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Stop> {
        if !self.peek()?.is_ascii_digit() {
            return Err(Stop::Bad(Flaw::Number));
        }
        let rest = self.input.get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        Ok(())
    }

    /// Whether a number goes on here; the end of everything ends it.
    fn number_goes_on(&self, with: impl Fn(u8) -> bool) -> Result<bool, Stop> {
        match self.input.get(self.at) {
            Some(byte) => Ok(with(*byte)),
            None if self.ended => Ok(false),
            None => Err(Stop::Incomplete),
        }
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), Stop> {
        let begin = self.at;
        for expected in word {
            if self.peek()? != *expected {
                return Err(Stop::Bad(Flaw::Literal));
            }
            self.at += 1;
        }
        self.copy_from(begin);
        Ok(())
    }

    /// The byte at `at` once white space is passed.
    fn token(&mut self) -> Result<u8, Stop> {
        loop {
            match self.peek()? {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                byte => return Ok(byte),
            }
        }
    }

    fn peek(&self) -> Result<u8, Stop> {
        self.input.get(self.at).copied().ok_or(Stop::Incomplete)
    }

    /// Copies the byte at `at` and passes it.
    fn take(&mut self) {
        let begin = self.at;
        self.at += 1;
        self.copy_from(begin);
    }

    fn copy_from(&mut self, begin: usize) {
        self.out.extend_from_slice(self.input.get(begin..self.at).unwrap_or_default());
    }
}

fn first_two(bytes: &[u8]) -> &[u8] {
    bytes.get(..2).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &str) {
        let mut out = Vec::new();
        let scanned = scan(text.as_bytes(), true, 4, &mut out);
        let found = match scanned {
            Scanned::Value { end, lone_surrogate } => format!(
                "{}{}{}",
                String::from_utf8(out).unwrap(),
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
    fn what_the_grammar_forbids_is_found_where_it_stands() {
        check("[[[[[]]]]]", "4: nested too deep");
        check("{\"a\":1,}", "7: expected a key in double quotes");
        check("[1,]", "3: expected a value");
        check("{a:1}", "1: expected a key in double quotes");
        check("{\"a\" 1}", "5: expected `:`");
        check("{\"a\":1 \"b\":2}", "7: expected `,` or `}`");
        check("[1 2]", "3: expected `,` or `]`");
        check("{\"a\":1]", "6: expected `,` or `}`");
        check("\"\\x\"", "2: invalid escape in a string");
        check("\"\\u12g4\"", "5: invalid escape in a string");
        check("\"a\nb\"", "2: control character in a string");
        for number in ["01", "1.", "-", "1e", "1e+", ".5", "+1", "0x1", "1.5.2", "--1", "1_0"] {
            let mut out = Vec::new();
            let scanned = scan(number.as_bytes(), true, 4, &mut out);
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
            let mut out = Vec::new();
            let ours = match scan(text.as_bytes(), true, 128, &mut out) {
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
                let mut out = Vec::new();
                let scanned = scan(&text.as_bytes()[..end], false, 128, &mut out);
                prop_assert_eq!(scanned, Scanned::Incomplete, "{}", &text[..end]);
            }
        }
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
}
