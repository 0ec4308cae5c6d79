//! Where records begin and end in a text.
//!
//! Takes NDJSON, documents one after the other with or without white space or commas between
//! them, pretty-printed or not, and top-level arrays, also several and also as lines. Nothing is
//! remembered of a record once it was given away; a record that is too long is not kept at all.

use alluvium_model::{Limits, Reason};

use crate::{
    quarantine::BadRecord,
    recover::{End, Nesting, Surroundings, end_of_bad_record, guess_within},
    scan::{Flaw, Scanned, scan},
    skip::{Skip, Until},
    unpack::Corrupt,
};

const LOOKAHEAD_BYTES_MIN: usize = 256;
/// Bytes that may be looked ahead for each byte that was passed.
const LOOKAHEAD_EARNED: usize = 8;
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// What comes next in a text.
#[derive(Debug)]
pub(crate) enum Frame {
    /// An object: [`Framer::record`] has its text.
    Record,
    /// Something that is no record.
    Bad(BadRecord),
    NeedInput,
    End,
}

/// A text on its way through, and where in it the next record is looked for.
pub(crate) struct Framer {
    limits: Limits,
    /// Bytes that were not given away yet, from `at` on; those before are done with.
    buffer: Vec<u8>,
    at: usize,
    /// The text of the record at hand.
    record: String,
    /// Offset in the whole text of the first byte of `buffer`.
    base: u64,
    /// How the text ended, once it has.
    ended: Option<Result<(), Corrupt>>,
    around: Surroundings,
    /// Whether the last record lay on one line, until it is known what follows it.
    one_line: bool,
    /// Bytes of a record that must be there before it is looked at again: twice what did not
    /// suffice, so that a long record that comes in small pieces is not scanned over and over.
    wanted: usize,
    /// Bytes behind a flaw in which the end of a bad record is looked for. Whatever is passed
    /// earns some, a search in vain costs half, so that no source takes more than linear time.
    lookahead: usize,
    skip: Option<Skip>,
}

impl Framer {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            buffer: Vec::new(),
            record: String::new(),
            at: 0,
            base: 0,
            ended: None,
            around: Surroundings { lines: false, in_list: false, indent: Some(0) },
            one_line: false,
            wanted: 0,
            lookahead: limits.record_bytes as usize + 1,
            skip: None,
        }
    }

    /// The place to append further text to.
    pub(crate) fn input(&mut self) -> &mut Vec<u8> {
        self.base += self.at as u64;
        self.buffer.drain(..self.at);
        self.at = 0;
        &mut self.buffer
    }

    /// Says that no more text comes, and whether that is how it should end.
    pub(crate) fn end(&mut self, how: Result<(), Corrupt>) {
        if self.ended.is_none() {
            self.ended = Some(how);
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// The text of the record that was found last, without white space.
    pub(crate) fn record(&self) -> &str {
        &self.record
    }

    /// The next record, or what is in its place.
    pub(crate) fn next(&mut self) -> Frame {
        if self.skip.is_some() {
            return self.go_on_skipping();
        }
        if self.pass_separators() { self.next_record() } else { self.next_at_end() }
    }

    /// Goes to where a record begins; false if there is no more text.
    fn pass_separators(&mut self) -> bool {
        if self.base == 0 && self.at == 0 {
            if self.rest().starts_with(BYTE_ORDER_MARK) {
                self.at = BYTE_ORDER_MARK.len();
            } else if BYTE_ORDER_MARK.starts_with(self.rest()) && self.ended.is_none() {
                return false;
            }
        }
        while let Some(byte) = self.rest().first() {
            match byte {
                b'\n' => {
                    self.around.lines |= self.one_line && !self.around.in_list;
                    self.one_line = false;
                    self.around.indent = Some(0);
                }
                b' ' | b'\t' | b'\r' => {
                    self.around.indent = self.around.indent.map(|indent| indent + 1);
                }
                b',' => self.around.indent = None,
                b'[' if !self.around.in_list => {
                    self.around.in_list = true;
                    self.around.indent = None;
                }
                b']' if self.around.in_list => {
                    self.around.in_list = false;
                    self.around.indent = None;
                }
                _ => return true,
            }
            self.at += 1;
        }
        false
    }

    fn next_record(&mut self) -> Frame {
        if self.rest().len() < self.wanted && self.ended.is_none() {
            return Frame::NeedInput;
        }
        let depth_max = self.limits.parse_depth.min(Limits::PARSE_DEPTH_MAX);
        let mut record = std::mem::take(&mut self.record).into_bytes();
        record.clear();
        match scan(self.window(), self.sees_end(), depth_max, &mut record) {
            Scanned::Value { end, lone_surrogate } => self.whole_value(end, record, lone_surrogate),
            Scanned::Bad { at, flaw } => self.bad_record(at, flaw),
            Scanned::Incomplete => self.incomplete_record(),
        }
    }

    fn whole_value(&mut self, end: usize, record: Vec<u8>, lone_surrogate: bool) -> Frame {
        let (reason, message) = if end > self.limits.record_bytes as usize {
            self.too_large()
        } else if record.first() != Some(&b'{') {
            (Reason::NotAnObject, "a record is a JSON object".to_owned())
        } else if lone_surrogate {
            (Reason::NotUnicode, "half of a surrogate pair".to_owned())
        } else if let Ok(record) = String::from_utf8(record) {
            self.record = record;
            self.pass(end);
            return Frame::Record;
        } else {
            (Reason::NotUnicode, "invalid UTF-8".to_owned())
        };
        Frame::Bad(self.give_away(end, reason, message))
    }

    fn bad_record(&mut self, at: usize, flaw: Flaw) -> Frame {
        let too_deep = flaw == Flaw::Depth;
        let reason = if too_deep { Reason::TooDeep } else { Reason::InvalidJson };
        let message = format!("{} at byte {at} of the record", flaw.message());
        // No further than this is looked for the end: others may be as bad as this one.
        let reach = (at + self.lookahead).min(self.window_bytes());
        let seen = self.rest().len() >= reach || self.ended.is_some();
        let text = self.rest().get(..reach).unwrap_or(self.rest());
        let all = self.ended.is_some() && text.len() == self.rest().len();
        let end = match end_of_bad_record(text, at, self.around) {
            End::WithLine => return self.skip(reason, message, Until::LineEnd),
            End::Beyond if !seen => {
                self.want_more();
                return Frame::NeedInput;
            }
            End::Beyond => {
                let guess = guess_within(text, at, self.around).or(all.then_some(text.len()));
                self.lookahead = (self.lookahead / 2).max(LOOKAHEAD_BYTES_MIN);
                guess
            }
            End::At(end) => Some(end),
        };
        match end {
            Some(end) => Frame::Bad(self.give_away(end.max(1), reason, message)),
            None => self.skip(reason, message, Until::LineEnd),
        }
    }

    fn incomplete_record(&mut self) -> Frame {
        if !self.sees_end() {
            let (reason, message) = self.too_large();
            let window = self.window();
            let brackets = matches!(window.first(), Some(b'{' | b'['));
            let until = if brackets && (!self.around.lines || window.contains(&b'\n')) {
                Until::BracketsClose(Nesting::default())
            } else {
                Until::LineEnd
            };
            if self.rest().len() < self.window_bytes() {
                self.want_more();
                return Frame::NeedInput;
            }
            return self.skip(reason, message, until);
        }
        let length = self.rest().len();
        // What looks cut off by the end may be a bad record with good ones behind it.
        match end_of_bad_record(self.window(), length, self.around) {
            End::At(end) if end < length => {
                let message = "the record has no end".to_owned();
                Frame::Bad(self.give_away(end.max(1), Reason::InvalidJson, message))
            }
            End::At(_) | End::WithLine | End::Beyond => {
                let message = self.truncation();
                self.ended = Some(Ok(()));
                self.around.in_list = false;
                Frame::Bad(self.give_away(length, Reason::TruncatedInput, message))
            }
        }
    }

    fn next_at_end(&mut self) -> Frame {
        match &self.ended {
            None => Frame::NeedInput,
            Some(Ok(())) if !self.around.in_list => Frame::End,
            Some(_) => {
                let message = self.truncation();
                self.ended = Some(Ok(()));
                self.around.in_list = false;
                Frame::Bad(self.give_away(0, Reason::TruncatedInput, message))
            }
        }
    }

    fn truncation(&self) -> String {
        match &self.ended {
            Some(Err(Corrupt(message))) => message.clone(),
            _ if self.rest().is_empty() => "the source ends inside an array".to_owned(),
            _ => "the source ends inside a record".to_owned(),
        }
    }

    fn too_large(&self) -> (Reason, String) {
        let message = format!("longer than {} bytes", self.limits.record_bytes);
        (Reason::RecordTooLarge, message)
    }

    /// Waits until there is twice as much of the record.
    fn want_more(&mut self) {
        let length = self.rest().len();
        self.wanted = length.saturating_mul(2).clamp(1, self.window_bytes());
    }

    /// Passes a bad record over.
    fn skip(&mut self, reason: Reason, message: String, until: Until) -> Frame {
        self.skip = Some(Skip::new(until, self.bad(reason, message)));
        self.go_on_skipping()
    }

    fn go_on_skipping(&mut self) -> Frame {
        let Some(mut skip) = self.skip.take() else { return Frame::NeedInput };
        let (length, ended) = skip.take(self.rest());
        self.pass(length);
        self.one_line = false;
        if ended || self.ended.is_some() {
            return Frame::Bad(skip.into_record());
        }
        self.skip = Some(skip);
        Frame::NeedInput
    }

    fn give_away(&mut self, length: usize, reason: Reason, message: String) -> BadRecord {
        let mut record = self.bad(reason, message);
        record.extend(self.rest().get(..length).unwrap_or_default());
        self.pass(length);
        record
    }

    fn bad(&self, reason: Reason, message: String) -> BadRecord {
        BadRecord::new(self.base + self.at as u64, reason, message)
    }

    fn pass(&mut self, length: usize) {
        let passed = self.rest().get(..length).unwrap_or_default();
        self.one_line = !self.around.lines && !passed.contains(&b'\n');
        self.around.indent = None;
        self.wanted = 0;
        let earned = length.saturating_mul(LOOKAHEAD_EARNED);
        self.lookahead = self.lookahead.saturating_add(earned).min(self.window_bytes());
        self.at += length;
    }

    /// The text in which the next record must end. Judging by no more than this, whatever more
    /// is there already, makes the judgement independent of chunks.
    fn window(&self) -> &[u8] {
        let rest = self.rest();
        rest.get(..self.window_bytes()).unwrap_or(rest)
    }

    fn window_bytes(&self) -> usize {
        self.limits.record_bytes as usize + 1
    }

    /// Whether the window reaches to the end of the text.
    fn sees_end(&self) -> bool {
        self.ended.is_some() && self.rest().len() < self.window_bytes()
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.at..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(input: &[u8], step: usize) -> Vec<String> {
        let limits = Limits { record_bytes: 60, parse_depth: 4, ..Limits::default() };
        let (mut framer, mut found) = (Framer::new(limits), Vec::new());
        let mut chunks = input.chunks(step);
        loop {
            match framer.next() {
                Frame::Record => found.push(framer.record().to_owned()),
                Frame::Bad(bad) => found.push(format!(
                    "! {} {}+{} {}",
                    bad.reason,
                    bad.offset,
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
        check(
            "{}\n[{},{\"a\":},{}]\n{}",
            &["{}", "{}", "! invalid_json 7+6 {\\\"a\\\":}", "{}", "{}"],
        );
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
        check(
            "[\n{\"a\":1},\n{\"b\":{\"x\":[nope]\n}},\n{\"c\":3}\n]",
            "1 bad, {\"a\":1}{\"c\":3}",
        );
        let torn = "{\"i\":0}\n{\n \"l\": [\n {\"i\": 1},\n {\"i\": 2}\n ], bad\n}\n{\"i\":9}";
        check(torn, "1 bad, {\"i\":0}{\"i\":9}");
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
}
