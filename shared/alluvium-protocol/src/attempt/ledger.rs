//! What an attempt does with the ledger entry, and what it makes of it.

use super::{At, Attempt, Ending, Seen, Turn};
use crate::{
    action::Fate,
    lake::Entry,
    step::Step,
    words::{Part, Plan},
};

impl Attempt {
    /// Whether the entry has the bytes that were seen. Those with a time in them never come again,
    /// others may.
    pub(super) fn may_replace(&self, entry: Entry) -> bool {
        match (self.seen, entry) {
            (Seen::Writing { plan, fenced: false }, Entry::Writing { plan: now, fenced: None }) => {
                plan == now
            }
            (
                Seen::Committed { plan: Plan::Superseded, .. },
                Entry::Committed { plan: Plan::Superseded, .. },
            ) => true,
            (Seen::Absent | Seen::Writing { .. } | Seen::Committed { .. }, _) => {
                self.seen_is_current
            }
        }
    }
}

impl Turn<'_> {
    pub(super) fn read_entry(&mut self) -> Step {
        self.attempt.seen_is_current = true;
        (self.attempt.seen, self.attempt.at) = match self.state.entry {
            Entry::Absent | Entry::Expired { .. } => (Seen::Absent, self.open_or(At::Claim)),
            Entry::Writing { plan, fenced } => {
                let young = self.protocol.protections.take_over_waits
                    && fenced.is_some_and(|then| !then.is_empty());
                let seen = Seen::Writing { plan, fenced: fenced.is_some() };
                (seen, self.after_claim_of(plan, fenced.map(|_| young)))
            }
            Entry::Committed { plan: Plan::Files(layout), .. } => {
                let seen = Seen::Committed { plan: Plan::Files(layout), settled: true };
                (seen, At::Ended(Ending::Done))
            }
            Entry::Committed { plan: Plan::Superseded, since } => {
                let settled = !self.protocol.protections.reopening_waits || since.is_empty();
                self.attempt.opened = false;
                (Seen::Committed { plan: Plan::Superseded, settled }, At::OpenSource)
            }
        };
        Step::ReadEntry
    }

    /// Where an attempt goes that finds a claim, and for how long it was fenced: none is not at
    /// all, true is less than the settle time.
    fn after_claim_of(&mut self, plan: Plan, young: Option<bool>) -> At {
        let followed = plan == self.own_plan() || !self.protocol.protections.claim_binds;
        let taken_over = matches!(plan, Plan::Files(layout) if layout < self.attempt.layout);
        match young {
            None if followed => self.open_or(At::CommitSchema(Part::First)),
            Some(true) if followed || plan == Plan::Superseded => At::Ended(Ending::Retry),
            Some(false) if followed || plan == Plan::Superseded => At::ListPointers,
            None | Some(_) if taken_over => At::Fence(self.own_plan()),
            None | Some(_) => At::Ended(Ending::Retry),
        }
    }

    pub(super) fn open_source(&mut self) -> Step {
        self.attempt.opened = self.state.source_is_there;
        let there = self.state.source_is_there;
        self.attempt.saw_it_gone |= !there;
        self.attempt.at = match self.attempt.seen {
            Seen::Absent if there => At::Claim,
            Seen::Absent => At::Supersede,
            Seen::Writing { plan: Plan::Superseded, .. } if there => At::Fence(self.own_plan()),
            Seen::Writing { plan: Plan::Superseded, .. } => At::CommitEntry(Plan::Superseded),
            Seen::Writing { plan: Plan::Files(_), .. } if there => At::CommitSchema(Part::First),
            Seen::Writing { plan: Plan::Files(_), .. } => At::Fence(Plan::Superseded),
            Seen::Committed { settled: true, .. } if there => At::Reopen,
            Seen::Committed { .. } if there => At::Ended(Ending::Retry),
            Seen::Committed { .. } => At::Ended(Ending::Done),
        };
        Step::OpenSource
    }

    /// Creates the entry, unless there is one: then, or if it seems so, it is read.
    pub(super) fn create_entry(&mut self, step: Step, entry: Entry) -> Step {
        if self.state.entry == Entry::Absent {
            self.set_entry(entry);
        } else {
            self.attempt.at = At::ReadEntry;
        }
        step
    }

    /// Replaces the entry that was seen. If it is another one by now, or seems so, it is read.
    pub(super) fn replace_entry(&mut self, step: Step, entry: Entry) -> Step {
        if self.attempt.may_replace(self.state.entry) {
            self.set_entry(entry);
        } else if self.protocol.protections.losers_delete_nothing
            || !matches!(self.attempt.at, At::CommitEntry(Plan::Files(_)))
        {
            self.attempt.at = At::ReadEntry;
        } else {
            self.attempt.at = At::DeleteOwn;
        }
        step
    }

    /// The entry changes; the answer tells so, or does not.
    fn set_entry(&mut self, entry: Entry) {
        self.state.entry = entry;
        for other in self.state.attempts.iter_mut().flatten() {
            other.seen_is_current = false;
        }
        if self.fate == Fate::AnswerLost {
            self.attempt.at = At::ReadEntry;
            return;
        }
        self.attempt.seen_is_current = true;
        (self.attempt.seen, self.attempt.at) = match entry {
            Entry::Absent | Entry::Expired { .. } => (Seen::Absent, At::ReadEntry),
            Entry::Writing { plan, fenced: None } => {
                (Seen::Writing { plan, fenced: false }, At::CommitSchema(Part::First))
            }
            Entry::Writing { plan, fenced: Some(_) } => {
                let goes_on = !self.protocol.protections.take_over_waits;
                let at = if goes_on { At::ListPointers } else { At::Ended(Ending::Retry) };
                (Seen::Writing { plan, fenced: true }, at)
            }
            Entry::Committed { plan, .. } => {
                (Seen::Committed { plan, settled: false }, At::Ended(Ending::Done))
            }
        };
    }

    pub(super) fn own_plan(&self) -> Plan {
        Plan::Files(self.attempt.layout)
    }

    fn open_or(&self, opened: At) -> At {
        if self.attempt.opened { opened } else { At::OpenSource }
    }
}
