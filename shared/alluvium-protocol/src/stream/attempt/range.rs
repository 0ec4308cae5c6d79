//! How a pending range gets into the table: what §1 of the protocol does with the raw object as
//! its source, less what does not matter to streams.

use super::{At, Fate, Turn};
use crate::{
    attempt::Ending,
    set::Set,
    stream::{
        state::{Entry, Raw},
        step::Step,
        words::Range,
    },
};

impl Turn<'_> {
    pub(super) fn read_entry(&mut self, range: Range) -> At {
        if self.fate == Fate::FailedForGood {
            return At::Call(Step::MoveToFailed(range));
        }
        match self.state.entries[self.streams.name_of(range)] {
            Entry::Committed { .. } => self.known_as_committed(range),
            Entry::Writing if !self.streams.protections.pending_until_committed => {
                self.known_as_committed(range)
            }
            Entry::Writing => {
                self.attempt.unclaimed = false;
                At::Call(Step::OpenRaw(range))
            }
            Entry::Absent | Entry::Expired => {
                self.attempt.unclaimed = true;
                At::Call(Step::OpenRaw(range))
            }
        }
    }

    fn known_as_committed(&mut self, range: Range) -> At {
        self.attempt.committed = self.attempt.committed.with(range);
        self.attempt.loaded = Set::EMPTY;
        self.attempt.unclaimed = false;
        self.next_pending()
    }

    /// A raw object without bytes is a source without rows; one that is not there is an error.
    pub(super) fn open_raw(&mut self, range: Range) -> At {
        self.attempt.loaded = match self.state.raw[self.streams.name_of(range)] {
            Raw::Absent => return At::Ended(Ending::Retry),
            Raw::Empty => Set::EMPTY,
            Raw::Bytes(held) => held.records(),
        };
        At::Call(if self.attempt.unclaimed { Step::Claim(range) } else { Step::WriteFile(range) })
    }

    pub(super) fn claim(&mut self, range: Range) -> At {
        let name = self.streams.name_of(range);
        if self.state.is_claimed(name) {
            return At::Call(Step::ReadEntry(range));
        }
        self.state.entries[name] = Entry::Writing;
        match self.fate {
            Fate::AnswerLost => At::Call(Step::ReadEntry(range)),
            Fate::Answered | Fate::Died | Fate::FailedForGood => At::Call(Step::WriteFile(range)),
        }
    }

    pub(super) fn write_file(&mut self, range: Range) -> At {
        let name = self.streams.name_of(range);
        if !self.streams.protections.raw_first {
            self.state.files[name] = range.records();
            return At::Call(Step::SetWatermark);
        }
        self.state.files[name] = self.attempt.loaded;
        At::Call(Step::CommitEntry(range))
    }

    pub(super) fn commit_entry(&mut self, range: Range) -> At {
        let name = self.streams.name_of(range);
        if !self.state.is_writing(name) {
            return At::Call(Step::ReadEntry(range));
        }
        let since = if self.streams.bounds.drops > 0 { self.state.alive() } else { Set::EMPTY };
        self.state.entries[name] = Entry::Committed { since };
        match self.fate {
            Fate::AnswerLost => At::Call(Step::ReadEntry(range)),
            Fate::Answered | Fate::Died | Fate::FailedForGood => self.known_as_committed(range),
        }
    }
}
