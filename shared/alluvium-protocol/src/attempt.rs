//! An attempt to load the source: one invocation, from its look at the ledger to its end.
//!
//! The ledger entry is what attempts agree by. Whoever wants to write claims it with its plan
//! before the first file; a claim binds later attempts to the same plan, so that their files have
//! the same names and the same rows, and writing them again changes nothing. A claim that cannot be
//! followed is taken over: the entry is replaced by one that says when, and nobody goes on from
//! there until whoever knew only the old one must be dead. Then what it left is swept.

mod files;
mod sweep;

use crate::{
    action::Fate,
    lake::{Entry, File},
    protocol::Protocol,
    set::Set,
    state::{Broken, State},
    step::{Place, Step},
    words::{Actor, FileName, Generation, Layout, Part, Partition, Plan},
};

/// An attempt at work, or dead with a request under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Attempt {
    pub(crate) layout: Layout,
    pub(crate) at: At,
    /// The entry as it was read or written last.
    seen: Seen,
    /// Whether nobody has replaced it since.
    seen_is_current: bool,
    opened: bool,
    saw_it_gone: bool,
    /// Pointers as they were read last.
    pointers: [Option<Named>; 2],
    /// Where the file at hand has been written to.
    written: Set<Generation>,
    pub(crate) late: Option<LateFile>,
}

/// The call that an attempt makes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum At {
    ReadEntry,
    OpenSource,
    Claim,
    Supersede,
    Reopen,
    CommitSchema(Part),
    ReadPointer(Part, Partition),
    RegisterPartition(Part, Partition),
    CreatePointer(Part, Partition),
    WriteFile(Part, Partition),
    ReadPointerAgain(Part, Partition),
    CommitEntry(Plan),
    Fence(Plan),
    ListPointers,
    /// Sweeps the partitions that are left.
    ReadPointerToSweep(Set<Partition>),
    ListLeftovers(Set<Partition>, Place),
    DeleteLeftovers(Set<Partition>, Place, Set<FileName>),
    /// Only without a protection: the loser of a race deletes what it wrote.
    DeleteOwn,
    Ended(Ending),
}

/// How an attempt ends, if it does not die.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// The delivery is done.
    Done,
    /// It is to be delivered again, later.
    Retry,
}

/// What an attempt remembers of the ledger entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Seen {
    Absent,
    Writing {
        plan: Plan,
        fenced: bool,
    },
    Committed {
        plan: Plan,
        /// Whether its commit was older than the settle time.
        settled: bool,
    },
}

/// The locations that a pointer names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Named {
    location: Generation,
    next: Option<Generation>,
}

/// A file that was written, and will be once more by a request that was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LateFile {
    partition: Partition,
    generation: Generation,
    name: FileName,
    rows: Set<crate::words::Row>,
}

impl LateFile {
    /// The request takes effect.
    pub(crate) fn land(self, state: &mut State) {
        let file = File { rows: self.rows, written: state.alive() };
        state.location_mut(self.partition, self.generation).put(self.name, file);
    }
}

/// An attempt during one of its calls.
pub(crate) struct Turn<'a> {
    protocol: &'a Protocol,
    state: &'a mut State,
    attempt: Attempt,
    fate: Fate,
}

impl Attempt {
    /// A delivery is taken up by code of `layout`.
    pub(crate) fn new(layout: Layout) -> Self {
        Self {
            layout,
            at: At::ReadEntry,
            seen: Seen::Absent,
            seen_is_current: false,
            opened: false,
            saw_it_gone: false,
            pointers: [None; 2],
            written: Set::EMPTY,
            late: None,
        }
    }

    /// Makes the attempt's next call; tells which one, and how the attempt ended if it did.
    pub(crate) fn go_on(
        self,
        protocol: &Protocol,
        state: &mut State,
        slot: usize,
        fate: Fate,
    ) -> (Option<Step>, Option<Ending>) {
        let mut turn = Turn { protocol, state, attempt: self, fate };
        let step = turn.call();
        let attempt = turn.attempt;
        state.attempts[slot] = Some(attempt);
        let At::Ended(ending) = attempt.at else { return (step, None) };
        let loaded = state.entry.committed_layout().is_some() || attempt.saw_it_gone;
        if ending == Ending::Done && !loaded {
            state.broken = Some(Broken::Delivery);
        }
        Self::end(state, slot);
        (step, Some(ending))
    }

    /// The attempt ends or dies. It counts as alive until its last request has landed.
    pub(crate) fn end(state: &mut State, slot: usize) {
        state.attempts[slot] = match state.attempts[slot] {
            Some(Self { late: Some(late), layout, .. }) => Some(Self {
                at: At::Ended(Ending::Retry),
                late: Some(late),
                ..Self::new(layout)
            }),
            Some(Self { late: None, .. }) | None => {
                state.forget(Actor::attempt(slot));
                None
            }
        };
    }

    /// Whether the next call changes the entry, and would.
    pub(crate) fn is_about_to_change_the_entry(&self, state: &State) -> bool {
        match self.at {
            At::Claim | At::Supersede => state.entry == Entry::Absent,
            At::Reopen | At::CommitEntry(_) | At::Fence(_) => self.may_replace(&state.entry),
            At::ReadEntry
            | At::OpenSource
            | At::CommitSchema(_)
            | At::ReadPointer(..)
            | At::RegisterPartition(..)
            | At::CreatePointer(..)
            | At::WriteFile(..)
            | At::ReadPointerAgain(..)
            | At::ListPointers
            | At::ReadPointerToSweep(_)
            | At::ListLeftovers(..)
            | At::DeleteLeftovers(..)
            | At::DeleteOwn
            | At::Ended(_) => false,
        }
    }

    /// Whether the entry has the bytes that were seen. Those with a time in them never come again,
    /// others may.
    fn may_replace(&self, entry: &Entry) -> bool {
        match (self.seen, *entry) {
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
    /// One call. What the code does in one go without a call is done along with it.
    fn call(&mut self) -> Option<Step> {
        match self.attempt.at {
            At::ReadEntry => self.read_entry(),
            At::OpenSource => self.open_source(),
            At::Claim => return Some(self.create_entry(Step::Claim)),
            At::Supersede => return Some(self.create_entry(Step::Supersede)),
            At::Reopen => {
                let claimed = Entry::Writing { plan: self.own_plan(), fenced: None };
                return Some(self.replace_entry(Step::Reopen, claimed));
            }
            At::CommitEntry(plan) => {
                let committed = Entry::Committed { plan, since: self.state.alive() };
                return Some(self.replace_entry(Step::CommitEntry(plan), committed));
            }
            At::Fence(plan) => {
                let fenced = Entry::Writing { plan, fenced: Some(self.state.alive()) };
                return Some(self.replace_entry(Step::Fence(plan), fenced));
            }
            At::CommitSchema(part) => return Some(self.commit_schema(part)),
            At::ReadPointer(part, partition) => return Some(self.read_pointer(part, partition)),
            At::RegisterPartition(part, partition) => {
                return Some(self.register_partition(part, partition));
            }
            At::CreatePointer(part, partition) => {
                return Some(self.create_pointer(part, partition));
            }
            At::WriteFile(part, partition) => return self.write_file(part, partition),
            At::ReadPointerAgain(part, partition) => {
                return Some(self.read_pointer_again(part, partition));
            }
            At::ListPointers => return Some(self.list_pointers()),
            At::ReadPointerToSweep(left) => return self.read_pointer_to_sweep(left),
            At::ListLeftovers(left, place) => return self.list_leftovers(left, place),
            At::DeleteLeftovers(left, place, names) => {
                return self.delete_leftovers(left, place, names);
            }
            At::DeleteOwn => {
                self.delete_own();
                return None;
            }
            At::Ended(_) => return None,
        }
        .into()
    }

    fn read_entry(&mut self) -> Step {
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
                let settled = !self.protocol.protections.reopening_waits
                    || since.is_empty();
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

    fn open_source(&mut self) -> Step {
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
    fn create_entry(&mut self, step: Step) -> Step {
        if self.state.entry == Entry::Absent {
            let entry = match step {
                Step::Supersede => {
                    Entry::Committed { plan: Plan::Superseded, since: self.state.alive() }
                }
                _ => Entry::Writing { plan: self.own_plan(), fenced: None },
            };
            self.set_entry(entry);
        } else {
            self.attempt.at = At::ReadEntry;
        }
        step
    }

    /// Replaces the entry that was seen. If it is another one by now, or seems so, it is read.
    fn replace_entry(&mut self, step: Step, entry: Entry) -> Step {
        if self.attempt.may_replace(&self.state.entry) {
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

    fn own_plan(&self) -> Plan {
        Plan::Files(self.attempt.layout)
    }

    fn open_or(&self, opened: At) -> At {
        if self.attempt.opened { opened } else { At::OpenSource }
    }
}
