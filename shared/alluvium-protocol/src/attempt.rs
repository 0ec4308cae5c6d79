//! An attempt to load the source: one invocation, from its look at the ledger to its end.
//!
//! The ledger entry is what attempts agree by. Whoever wants to write claims it with its plan
//! before the first file; a claim binds later attempts to the same plan, so that their files have
//! the same names and the same rows, and writing them again changes nothing. A claim that cannot be
//! followed is taken over: the entry is replaced by one that says when, and nobody goes on from
//! there until whoever knew only the old one must be dead. Then what it left is swept.

mod files;
mod ledger;
mod sweep;

use crate::{
    action::Fate,
    lake::{Entry, File},
    protocol::Protocol,
    set::Set,
    state::{Broken, State},
    step::{Place, Step},
    words::{Actor, FileName, Generation, Layout, Part, Partition, Plan, Row},
};

/// An attempt at work, or dead with a request under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
    pub(crate) late: Option<LateRequest>,
}

/// The call that an attempt makes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ending {
    /// The delivery is done.
    Done,
    /// It is to be delivered again, later.
    Retry,
}

/// What an attempt remembers of the ledger entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Named {
    location: Generation,
    next: Option<Generation>,
}

/// A request that was given up and repeated, and takes effect once more: a file is written or,
/// without rows, deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LateRequest {
    partition: Partition,
    generation: Generation,
    name: FileName,
    rows: Set<Row>,
}

impl LateRequest {
    /// The request takes effect.
    pub(crate) fn land(self, protocol: &Protocol, state: &mut State) {
        let written =
            if self.rows.is_empty() { Set::EMPTY } else { state.alive(&protocol.protections) };
        let file = File { rows: self.rows, written };
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
        let late = state.attempts[slot].filter(|attempt| attempt.late.is_some());
        state.attempts[slot] = late.map(|attempt| Self {
            at: At::Ended(Ending::Retry),
            late: attempt.late,
            ..Self::new(attempt.layout)
        });
        if late.is_none() {
            state.forget(Actor::attempt(slot));
        }
    }

    /// Whether the next call changes the entry, and would.
    pub(crate) fn is_about_to_change_the_entry(&self, state: &State) -> bool {
        match self.at {
            At::Claim | At::Supersede => state.entry == Entry::Absent,
            At::Reopen | At::CommitEntry(_) | At::Fence(_) => self.may_replace(state.entry),
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
}

impl Turn<'_> {
    /// One call. What the code does in one go without a call is done along with it.
    fn call(&mut self) -> Option<Step> {
        match self.attempt.at {
            At::ReadEntry => Some(self.read_entry()),
            At::OpenSource => Some(self.open_source()),
            At::Claim => {
                let claimed = Entry::Writing { plan: self.own_plan(), fenced: None };
                Some(self.create_entry(Step::Claim, claimed))
            }
            At::Supersede => {
                let since = self.state.alive(&self.protocol.protections);
                let superseded = Entry::Committed { plan: Plan::Superseded, since };
                Some(self.create_entry(Step::Supersede, superseded))
            }
            At::Reopen => {
                let claimed = Entry::Writing { plan: self.own_plan(), fenced: None };
                Some(self.replace_entry(Step::Reopen, claimed))
            }
            At::CommitEntry(plan) => {
                let committed =
                    Entry::Committed { plan, since: self.state.alive(&self.protocol.protections) };
                Some(self.replace_entry(Step::CommitEntry(plan), committed))
            }
            At::Fence(plan) => {
                let fenced = Entry::Writing {
                    plan,
                    fenced: Some(self.state.alive(&self.protocol.protections)),
                };
                Some(self.replace_entry(Step::Fence(plan), fenced))
            }
            At::CommitSchema(part) => Some(self.commit_schema(part)),
            At::ReadPointer(part, partition) => Some(self.read_pointer(part, partition)),
            At::RegisterPartition(part, partition) => {
                Some(self.register_partition(part, partition))
            }
            At::CreatePointer(part, partition) => Some(self.create_pointer(part, partition)),
            At::WriteFile(part, partition) => self.write_file(part, partition),
            At::ReadPointerAgain(part, partition) => Some(self.read_pointer_again(part, partition)),
            At::ListPointers => Some(self.list_pointers()),
            At::ReadPointerToSweep(left) => self.read_pointer_to_sweep(left),
            At::ListLeftovers(left, place) => self.list_leftovers(left, place),
            At::DeleteLeftovers(left, place, names) => self.delete_leftovers(left, place, names),
            At::DeleteOwn => {
                self.delete_own();
                None
            }
            At::Ended(_) => None,
        }
    }
}
