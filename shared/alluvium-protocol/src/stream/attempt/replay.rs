//! How a batch that the mapping gave up comes in after all.
//!
//! The watermark may have passed it, by then or while it is replayed, and parts of it may have been
//! accepted, with any cuts. What was accepted is pending, failed, or has a ledger entry; and a raw
//! object has told its name before it was. So of each name that shares a record with the batch it
//! is known what it is, as of the moment in which the watermark was read; and if that is still the
//! one that is replaced, nothing was accepted since.

use super::{At, Task, Turn};
use crate::{
    set::{Member, Set},
    stream::{
        state::{Entry, Raw, Watermark},
        step::Step,
        words::{Range, Record},
    },
};

impl Turn<'_> {
    pub(super) fn replay_after_reading(&mut self, given_up: Range) -> At {
        if self.attempt.is_accepted {
            return self.next_pending();
        }
        if !self.streams.protections.replay_minus_ranges {
            let rest = given_up.records().difference(self.attempt.seen.passed);
            return self.accept_or_delete(rest);
        }
        if self.streams.protections.watermark_before_listing {
            return At::Call(Step::ListRaw);
        }
        self.accept_the_rest(given_up)
    }

    /// Learns which names share records with the batch, and which of them the watermark does not
    /// tell of.
    pub(super) fn list_raw(&mut self) -> At {
        let batch = self.batch();
        let is_there = |range: &Range| self.state.raw[self.streams.name_of(*range)] != Raw::Absent;
        let shares = |range: &Range| !range.records().intersection(batch.records()).is_empty();
        let listed = Range::ALL.iter().copied().filter(|range| is_there(range) && shares(range));
        // Without its protection a replay does not know the watermark yet.
        let known = if self.streams.protections.watermark_before_listing {
            self.accepted_by_watermark()
        } else {
            Set::EMPTY
        };
        self.attempt.to_look_up = Set::of(listed).difference(known);
        self.attempt.with_entry = Set::EMPTY;
        self.next_to_look_up()
    }

    pub(super) fn look_up(&mut self, range: Range) -> At {
        self.attempt.to_look_up = self.attempt.to_look_up.without(range);
        match self.state.entries[self.streams.name_of(range)] {
            Entry::Writing | Entry::Committed { .. } => {
                self.attempt.with_entry = self.attempt.with_entry.with(range);
            }
            Entry::Absent | Entry::Expired => {}
        }
        self.next_to_look_up()
    }

    fn next_to_look_up(&mut self) -> At {
        match self.attempt.to_look_up.first() {
            Some(next) => At::Call(Step::LookUp(next)),
            None if self.streams.protections.watermark_before_listing => {
                self.accept_the_rest(self.batch())
            }
            None => At::Call(Step::ReadWatermark),
        }
    }

    fn accept_the_rest(&mut self, given_up: Range) -> At {
        let accepted = self.accepted_by_watermark().union(self.attempt.with_entry);
        self.attempt.with_entry = Set::EMPTY;
        let records = accepted.iter().map(Range::records).fold(Set::EMPTY, Set::union);
        self.accept_or_delete(given_up.records().difference(records))
    }

    fn accepted_by_watermark(&self) -> Set<Range> {
        let Watermark { pending, failed, .. } = self.attempt.seen;
        if self.streams.protections.failed_is_accepted { pending.union(failed) } else { pending }
    }

    fn accept_or_delete(&mut self, rest: Set<Record>) -> At {
        if rest.is_empty() { At::Call(Step::DeleteGivenUp) } else { self.accept(rest) }
    }

    pub(super) fn delete_given_up(&mut self) -> At {
        self.state.given_up = self.state.given_up.without(self.batch());
        self.attempt.is_accepted = true;
        self.next_pending()
    }

    fn batch(&self) -> Range {
        match self.attempt.task {
            Task::Replay(batch) | Task::Deliver(batch) => batch,
            Task::Schedule | Task::TryFailedAgain => Range::All,
        }
    }
}
