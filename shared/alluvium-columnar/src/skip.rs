//! A bad record that is passed over without being kept.

use crate::{
    quarantine::BadRecord,
    recover::{Nesting, RECORD_SEPARATOR},
};

/// Where a record ends that is passed over.
pub(crate) enum Until {
    LineEnd,
    /// Before the next text of a sequence.
    NextText,
    /// Before the bracket of an object that is already open.
    ObjectEnd(Nesting),
    /// Where the bracket closes that it begins with, at a line end inside a string, or where a
    /// line begins another record.
    BracketsClose(Nesting, NextLine),
}

/// Looks for a line that begins a record at a certain indent.
pub(crate) struct NextLine {
    indent: Option<usize>,
    /// The white space of the line at hand, until something else stands on it.
    blank: Option<usize>,
}

impl NextLine {
    /// Looks for a line with this indent, if there is one to look for.
    pub(crate) const fn new(indent: Option<usize>) -> Self {
        Self { indent, blank: None }
    }

    /// Takes the next byte; true when it begins such a record.
    fn begins_with(&mut self, byte: u8) -> bool {
        match (byte, self.blank) {
            (b'\n', _) => self.blank = Some(0),
            (b' ' | b'\t', Some(blank)) => self.blank = Some(blank + 1),
            (b'{' | b'[', Some(blank)) if self.indent == Some(blank) => return true,
            _ => self.blank = None,
        }
        false
    }
}

/// A record that is being passed over.
pub(crate) struct Skip {
    until: Until,
    pub(crate) record: BadRecord,
}

impl Skip {
    pub(crate) const fn new(until: Until, record: BadRecord) -> Self {
        Self { until, record }
    }

    /// How much of `text`, which follows what was looked at before, belongs to the record, and
    /// whether the record has ended then.
    pub(crate) fn end(&mut self, text: &[u8]) -> (usize, bool) {
        let end = self.until.end(text);
        (end.unwrap_or(text.len()), end.is_some())
    }
}

impl Until {
    fn end(&mut self, text: &[u8]) -> Option<usize> {
        match self {
            Self::LineEnd => memchr::memchr(b'\n', text),
            Self::NextText => memchr::memchr(RECORD_SEPARATOR, text),
            Self::ObjectEnd(nesting) => {
                close(nesting, &mut NextLine::new(None), text).map(|(at, _)| at)
            }
            Self::BracketsClose(nesting, next) => {
                close(nesting, next, text).map(|(at, length)| at + length)
            }
        }
    }
}

/// Where the bracket stands that closes what is open, and its length; a line that ends inside a
/// string, or begins another record, stands for one that is missing.
fn close(nesting: &mut Nesting, next: &mut NextLine, text: &[u8]) -> Option<(usize, usize)> {
    for (at, byte) in text.iter().enumerate() {
        if (*byte == b'\n' && nesting.is_in_string()) || next.begins_with(*byte) {
            return Some((at, 0));
        }
        if nesting.closes_with(*byte) {
            return Some((at, 1));
        }
    }
    None
}
