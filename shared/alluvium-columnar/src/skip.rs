//! A bad record that is passed over without being kept.

use crate::{quarantine::BadRecord, recover::Nesting};

/// Where a record ends that is passed over.
pub(crate) enum Until {
    LineEnd,
    /// Where the bracket closes that it begins with, or at a line end inside a string.
    BracketsClose(Nesting),
}

/// A record that is being passed over.
pub(crate) struct Skip {
    until: Until,
    record: BadRecord,
}

impl Skip {
    pub(crate) const fn new(until: Until, record: BadRecord) -> Self {
        Self { until, record }
    }

    /// Takes what belongs to the record of `text`, which follows what was taken before. Says how
    /// much that is, and whether the record has ended.
    pub(crate) fn take(&mut self, text: &[u8]) -> (usize, bool) {
        let end = self.until.end(text);
        let taken = text.get(..end.unwrap_or(text.len())).unwrap_or_default();
        self.record.extend(taken);
        (taken.len(), end.is_some())
    }

    pub(crate) fn into_record(self) -> BadRecord {
        self.record
    }
}

impl Until {
    fn end(&mut self, text: &[u8]) -> Option<usize> {
        match self {
            Self::LineEnd => memchr::memchr(b'\n', text),
            Self::BracketsClose(nesting) => {
                for (at, byte) in text.iter().enumerate() {
                    if *byte == b'\n' && nesting.is_in_string() {
                        return Some(at);
                    }
                    if nesting.closes_with(*byte) {
                        return Some(at + 1);
                    }
                }
                None
            }
        }
    }
}
