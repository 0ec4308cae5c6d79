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
    /// Where the bracket closes that it begins with, or at a line end inside a string.
    BracketsClose(Nesting),
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
            Self::ObjectEnd(nesting) => close(nesting, text).map(|(at, _)| at),
            Self::BracketsClose(nesting) => close(nesting, text).map(|(at, length)| at + length),
        }
    }
}

/// Where the bracket stands that closes what is open, and its length; a line that ends inside a
/// string stands for one that is missing.
fn close(nesting: &mut Nesting, text: &[u8]) -> Option<(usize, usize)> {
    for (at, byte) in text.iter().enumerate() {
        if *byte == b'\n' && nesting.is_in_string() {
            return Some((at, 0));
        }
        if nesting.closes_with(*byte) {
            return Some((at, 1));
        }
    }
    None
}
