//! What lies in the lake under the name of a range: a raw object, a ledger entry, a file.

use super::{
    state::{Entry, Raw, State},
    step::Step,
    words::Range,
};
use crate::set::Set;

impl State {
    pub(super) fn is_claimed(&self, name: usize) -> bool {
        match self.entries[name] {
            Entry::Writing | Entry::Committed { .. } => true,
            Entry::Absent | Entry::Expired => false,
        }
    }

    pub(super) fn is_writing(&self, name: usize) -> bool {
        self.entries[name] == Entry::Writing
    }

    /// Whether what is there under the name counts for readers.
    pub(super) fn is_committed(&self, name: usize) -> bool {
        match self.entries[name] {
            Entry::Committed { .. } | Entry::Expired => true,
            Entry::Absent | Entry::Writing => false,
        }
    }

    pub(super) fn write_raw(&mut self, name: usize, range: Range) {
        self.raw[name] = Raw::Bytes(range);
    }

    /// Deletes what a loser deletes.
    pub(super) fn delete(&mut self, name: usize, step: Step) {
        if matches!(step, Step::DeleteFile(_)) {
            self.files[name] = Set::EMPTY;
        } else {
            self.raw[name] = Raw::Absent;
        }
    }
}
