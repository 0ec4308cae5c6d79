//! The way on after a bad record.
//!
//! A bad record must not take its neighbours with it, and where it ends is a guess. The guesses,
//! each only as bold as what was seen before allows:
//!
//! - In a source whose records were seen to be lines, a bad record is a line, unless it stands
//!   in an array on that line.
//! - Otherwise, if the flaw is on the record's first line, the record ends with the brackets it
//!   opened, or else with the line.
//! - Otherwise it ends where a later line begins a record: indented as this one was, with the
//!   bracket of a record.

use memchr::{memchr, memchr_iter};

/// How the source looks around a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Surroundings {
    /// Whether records of this source are known to be lines.
    pub(crate) lines: bool,
    /// Whether the record stands in a top-level array.
    pub(crate) in_list: bool,
    /// White space before the record on its line, if nothing else is.
    pub(crate) indent: Option<usize>,
}

/// Where a bad record ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Before this byte.
    At(usize),
    /// Somewhere beyond what is there.
    Beyond,
}

/// Finds the end of the bad record at the beginning of `text`, whose first flaw is at `flaw`
/// (the length of `text` if it just stops). Looks no further than it must, since there may be
/// another bad record right behind.
pub(crate) fn end_of_bad_record(text: &[u8], flaw: usize, around: Surroundings) -> End {
    let line_end = || memchr(b'\n', text).map_or(End::Beyond, End::At);
    if around.lines && !around.in_list {
        return line_end();
    }
    let before_flaw = text.get(..flaw).unwrap_or(text);
    if !before_flaw.contains(&b'\n') {
        return end_within_line(text, around).map_or_else(line_end, End::At);
    }
    if around.lines {
        return line_end();
    }
    let lines = memchr_iter(b'\n', text).map(|newline| newline + 1);
    lines
        .filter(|begin| begins_record(text.get(*begin..).unwrap_or_default(), around))
        .map(End::At)
        .next()
        .unwrap_or(End::Beyond)
}

/// The end of a record that does not reach beyond the first line of `text`.
fn end_within_line(text: &[u8], around: Surroundings) -> Option<usize> {
    let mut line = text.iter().enumerate().take_while(|(_, byte)| **byte != b'\n');
    match text.first() {
        Some(b'{' | b'[') => {
            let mut nesting = Nesting::default();
            line.find(|(_, byte)| nesting.closes_with(**byte)).map(|(last, _)| last + 1)
        }
        _ if around.in_list => line.find(|(_, byte)| matches!(byte, b',' | b']')).map(|(at, _)| at),
        // Between documents on one line; a line of garbage is one record.
        _ if around.indent.is_none() => {
            line.skip(1).find(|(_, byte)| matches!(byte, b'{' | b'[')).map(|(at, _)| at)
        }
        _ => None,
    }
}

fn begins_record(line: &[u8], around: Surroundings) -> bool {
    let blank = line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    match line.get(blank) {
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
    in_string: bool,
    escaped: bool,
}

impl Nesting {
    /// Whether a string is open.
    pub(crate) const fn is_in_string(self) -> bool {
        self.in_string
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
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: Surroundings = Surroundings { lines: true, in_list: false, indent: Some(0) };
    const FIRST: Surroundings = Surroundings { lines: false, in_list: false, indent: Some(0) };
    const INLINE: Surroundings = Surroundings { lines: false, in_list: false, indent: None };
    const IN_LIST: Surroundings = Surroundings { lines: false, in_list: true, indent: None };
    const PRETTY_LIST: Surroundings = Surroundings { lines: false, in_list: true, indent: Some(2) };

    /// `|` marks the end to find; without one the end is beyond.
    fn check(marked: &str, flaw: usize, around: Surroundings) {
        let text = marked.replacen('|', "", 1);
        let expected = marked.find('|').map_or(End::Beyond, End::At);
        let flaw = flaw.min(text.len());
        assert_eq!(end_of_bad_record(text.as_bytes(), flaw, around), expected, "{marked}");
    }

    #[test]
    fn a_bad_record_ends_where_the_next_can_begin() {
        check("{\"a\":}{}|\n{}", 5, LINES);
        check("{\"a\":|\n{}", 5, Surroundings { lines: true, ..INLINE });
        check("{\"a\":|\n{}\n{}", 9, LINES);
        check("{\"a\":}| {}\n", 5, FIRST);
        check("{\"a\":\"}\"}|{}\n", 1, FIRST);
        check("{\"a\":\"x|\n{}", 7, FIRST);
        check("garbage {} x|\n{}", 0, FIRST);
        check("garbage |{} x\n{}", 0, INLINE);
        check("garbage", 0, FIRST);
        check("nope|,{}]", 0, IN_LIST);
        check("nope|]", 0, IN_LIST);
        check("{nope}|,{}]", 1, IN_LIST);
        check("{\"a\":\n|{}\n{}", 9, FIRST);
        check("{\n  \"a\": {\n    {\n  }\n}\n|{\n}", 16, FIRST);
        check("{\n    \"a\": nope\n  },\n|  {\n", 12, PRETTY_LIST);
        check("{\n    \"a\": nope\n  }\n|]\n", 12, PRETTY_LIST);
        check("{\n  \"a\": nope\n}\n", 10, FIRST);
    }
}
