//! The way on after a bad record.
//!
//! A bad record must not take its neighbours with it, and where it ends is a guess. The guesses,
//! each only as bold as what was seen before allows:
//!
//! - In a sequence of texts (RFC 7464) it ends with its text: no byte of JSON looks like what
//!   stands between two of them.
//! - In a source whose records were seen to be lines, a bad record whose flaw is on its first
//!   line is that line, unless it stands in an array.
//! - Otherwise it ends with the brackets it opened, or where a line begins another record:
//!   indented as this one was, with the bracket of a record. Whichever comes first. A bracket
//!   that was left open closes with the one around it.
//! - If neither is near, the next record begins behind the flaw at `{"`, after a `}` or at the
//!   flaw itself.

use memchr::memchr;

/// Stands before each text of a sequence (RFC 7464).
pub(crate) const RECORD_SEPARATOR: u8 = 0x1e;

/// How the source looks around a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Surroundings {
    /// Whether records of this source are known to be lines.
    pub(crate) lines: bool,
    /// Whether the record stands in a top-level array.
    pub(crate) in_list: bool,
    /// Whether the record is a text of a sequence.
    pub(crate) in_sequence: bool,
    /// White space before the record on its line, if nothing else is.
    pub(crate) indent: Option<usize>,
    /// The same of the array that the record stands in, if records are known to be lines.
    pub(crate) list_indent: Option<usize>,
}

/// Where a bad record ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Before this byte.
    At(usize),
    /// With its line.
    WithLine,
    /// With its text of a sequence.
    WithText,
    /// Somewhere beyond what is there.
    Beyond,
}

/// Finds the end of the bad record at the beginning of `text`, whose first flaw is at `flaw`
/// (the length of `text` if it just stops).
///
/// `text` is all that may be looked at: where it does not suffice to tell, the answer is
/// `Beyond`, and then [`guess_within`] makes the best of it.
pub(crate) fn end_of_bad_record(text: &[u8], flaw: usize, around: Surroundings) -> End {
    let brackets = matches!(text.first(), Some(b'{' | b'['));
    let on_first_line = !lies_beyond_first_line(text, flaw);
    if !around.in_list && around.in_sequence {
        End::WithText
    } else if !around.in_list && around.lines && on_first_line {
        End::WithLine
    } else if brackets {
        end_of_brackets(text, flaw, around).map_or(End::Beyond, End::At)
    } else if !around.in_list && around.indent.is_some() {
        // A line of garbage is one record.
        End::WithLine
    } else {
        end_of_garbage(text, around).map_or(End::Beyond, End::At)
    }
}

/// The end of a bad record that cannot be told, as far as `text` lets guess.
pub(crate) fn guess_within(text: &[u8], flaw: usize, around: Surroundings) -> Option<usize> {
    let line_end = memchr(b'\n', text);
    let line = text.get(..line_end.unwrap_or(text.len())).unwrap_or(text);
    if let Some(begin) = record_behind(line, flaw) {
        return Some(begin);
    }
    let kept = line.trim_ascii_end();
    if around.in_list && !kept.starts_with(b"[") && kept.ends_with(b"]") {
        // The array ends here, whatever is wrong before.
        return Some(kept.len() - 1);
    }
    line_end.filter(|_| around.lines || !lies_beyond_first_line(text, flaw))
}

fn lies_beyond_first_line(text: &[u8], flaw: usize) -> bool {
    text.get(..flaw).unwrap_or(text).contains(&b'\n')
}

/// The end of something that does not even begin like a record, between others on one line.
fn end_of_garbage(text: &[u8], around: Surroundings) -> Option<usize> {
    let ends = |(at, byte): &(usize, &u8)| match byte {
        b'\n' => true,
        b',' | b']' => around.in_list,
        b'{' | b'[' => *at > 0 && !around.in_list,
        _ => ends_text(**byte, around),
    };
    text.iter().enumerate().find(ends).map(|(at, _)| at)
}

/// Where the brackets that the record opened are closed, or a line before that begins another.
fn end_of_brackets(text: &[u8], flaw: usize, around: Surroundings) -> Option<usize> {
    let mut nesting = Nesting::default();
    for (at, byte) in text.iter().enumerate() {
        if *byte == b'\n' {
            let next = text.get(at + 1..).unwrap_or_default();
            if begins_record(next, around) {
                return Some(at);
            }
            nesting.end_string();
        }
        if ends_text(*byte, around) {
            return Some(at);
        }
        if around.in_list && *byte == b']' && nesting.is_unopened_array_end() {
            // The array ends, so the record did before: perhaps where another one began.
            return record_behind(text.get(..at).unwrap_or_default(), flaw).or(Some(at));
        }
        if nesting.closes_with(*byte) {
            return Some(at + 1);
        }
    }
    None
}

/// Whether the next text of a sequence begins here, whatever is open.
const fn ends_text(byte: u8, around: Surroundings) -> bool {
    around.in_sequence && byte == RECORD_SEPARATOR
}

/// Where behind the flaw another record seems to begin.
fn record_behind(line: &[u8], flaw: usize) -> Option<usize> {
    let mut after_brace = true;
    for (at, byte) in line.iter().enumerate().skip(flaw.max(1)) {
        match byte {
            b'{' if after_brace && line.get(at + 1) == Some(&b'"') => return Some(at),
            b'}' => after_brace = true,
            b',' | b' ' | b'\t' => {}
            _ => after_brace = false,
        }
    }
    None
}

fn begins_record(line: &[u8], around: Surroundings) -> bool {
    let blank = line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    match line.get(blank) {
        // A line that stands like the array does itself is no element of it.
        Some(b'{' | b'[') if around.in_list && Some(blank) == around.list_indent => true,
        Some(b'{') => Some(blank) == around.indent,
        Some(b'[') => Some(blank) == around.indent && !around.in_list,
        // The end of the list is not indented like its elements.
        Some(b']') => around.in_list && around.indent.is_some_and(|indent| blank < indent),
        _ => false,
    }
}

/// Brackets that are open, strings left out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Nesting {
    depth: u64,
    /// Which of the outermost levels are arrays: no parser of ours goes deeper than these.
    arrays: u128,
    in_string: bool,
    escaped: bool,
}

impl Nesting {
    /// Inside of an object.
    pub(crate) const fn in_object() -> Self {
        Self { depth: 1, arrays: 0, in_string: false, escaped: false }
    }

    /// Whether a string is open.
    pub(crate) const fn is_in_string(self) -> bool {
        self.in_string
    }

    /// No string goes on over the end of a line.
    const fn end_string(&mut self) {
        self.in_string = false;
        self.escaped = false;
    }

    /// Whether a `]` here would close an array that was not opened.
    fn is_unopened_array_end(self) -> bool {
        !self.in_string && self.depth <= u128::BITS.into() && self.levels(true) == 0
    }

    /// Takes the next byte; true when it closes the bracket that was opened first.
    pub(crate) fn closes_with(&mut self, byte: u8) -> bool {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.open(byte == b'['),
            b'}' | b']' => self.close(byte == b']'),
            _ => {}
        }
        matches!(byte, b'}' | b']') && self.depth == 0
    }

    fn open(&mut self, array: bool) {
        if let Ok(level) = u32::try_from(self.depth)
            && level < u128::BITS
        {
            self.arrays = self.arrays & !(1 << level) | u128::from(array) << level;
        }
        self.depth += 1;
    }

    /// Closes the innermost bracket of this kind, and those inside of it, which lack their end.
    fn close(&mut self, array: bool) {
        if self.depth > u128::BITS.into() {
            self.depth -= 1;
        } else if let Some(level) = self.levels(array).checked_ilog2() {
            self.depth = level.into();
        }
    }

    /// The levels of this kind among those that are open.
    fn levels(self, array: bool) -> u128 {
        let open = u32::try_from(self.depth).ok().and_then(|depth| 1_u128.checked_shl(depth));
        let open = open.map_or(u128::MAX, |beyond| beyond - 1);
        if array { self.arrays & open } else { !self.arrays & open }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: Surroundings = Surroundings {
        lines: true,
        in_list: false,
        in_sequence: false,
        list_indent: None,
        indent: Some(0),
    };
    const FIRST: Surroundings = Surroundings {
        lines: false,
        in_list: false,
        in_sequence: false,
        list_indent: None,
        indent: Some(0),
    };
    const INLINE: Surroundings = Surroundings {
        lines: false,
        in_list: false,
        in_sequence: false,
        list_indent: None,
        indent: None,
    };
    const IN_LIST: Surroundings = Surroundings {
        lines: false,
        in_list: true,
        in_sequence: false,
        list_indent: None,
        indent: None,
    };
    const PRETTY_LIST: Surroundings = Surroundings {
        lines: false,
        in_list: true,
        in_sequence: false,
        list_indent: None,
        indent: Some(2),
    };

    /// `|` marks the end to find, which is that of the line if the text ends with LINE; without
    /// one the end is beyond. `flaw` is counted without it.
    fn check(marked: &str, flaw: usize, around: Surroundings) {
        let text = marked.replacen('|', "", 1);
        let expected = match marked.find('|') {
            Some(at) if marked.ends_with("LINE") => {
                assert!(text[at..].starts_with('\n'));
                End::WithLine
            }
            Some(at) => End::At(at),
            None => End::Beyond,
        };
        let flaw = flaw.min(text.len());
        assert_eq!(end_of_bad_record(text.as_bytes(), flaw, around), expected, "{marked}");
    }

    #[test]
    fn a_bad_record_ends_where_the_next_can_begin() {
        check("{\"a\":}{}|\n{} LINE", 5, LINES);
        check("{\"a\":|\n{} LINE", 5, Surroundings { lines: true, ..INLINE });
        check("{\"a\":|\n{}\n{}", 9, LINES);
        check("{\n {\"a\":1},\n bad\n}|\n{}", 14, LINES);
        check("{\"a\":}| {}\n", 5, FIRST);
        check("{\"a\":\"}\"}|{}\n", 1, FIRST);
        check("{\"a\":\"x|\n{}", 7, FIRST);
        check("garbage {} x|\n{} LINE", 0, FIRST);
        check("garbage |{} x\n{}", 0, INLINE);
        check("garbage", 0, INLINE);
        check("nope|,{}]", 0, IN_LIST);
        check("nope|]", 0, IN_LIST);
        check("{nope}|,{}]", 1, IN_LIST);
        check("{\"a\":[nope]|]", 6, IN_LIST);
        check("{\"a\":[1,}|,{\"n\":3}]", 8, IN_LIST);
        check("{\"a\":[{\"b\":1]}|,{}]", 13, IN_LIST);
        check("{\"a\":[{\"b\":1]|]", 13, IN_LIST);
        check("{\"a\":|\n{}\n{}", 9, FIRST);
        check("{\n  \"a\": {\n    {\n  }\n }\n}|\n{\n}", 16, FIRST);
        check("{\n    \"a\": nope\n  }|,\n  {\n", 12, PRETTY_LIST);
        check("{\n    \"a\": nope|\n  {\n", 12, PRETTY_LIST);
        check("{\n    \"a\": [nope|\n]\n", 12, PRETTY_LIST);
        check("{\n  \"a\": nope\n}|, {\n", 10, IN_LIST);
        check("{\"a\":1{\"a\":2}", 6, INLINE);
    }

    fn check_guess(marked: &str, flaw: usize, around: Surroundings) {
        let text = marked.replacen('|', "", 1);
        assert_eq!(guess_within(text.as_bytes(), flaw, around), marked.find('|'), "{marked}");
    }

    #[test]
    fn where_brackets_do_not_help_the_next_record_is_looked_for() {
        check_guess("{\"a\":1|{\"a\":2}", 6, INLINE);
        check_guess("{\"s\":\"a\"b\"},|{\"id\":3}]", 8, IN_LIST);
        check_guess("{\"s\":\"a\"b {\"id\"|]", 8, IN_LIST);
        check_guess("{\"s\":\"a|\n{\"id\"", 7, INLINE);
        check_guess("{\"s\":\n1 2\n", 7, INLINE);
    }
}
