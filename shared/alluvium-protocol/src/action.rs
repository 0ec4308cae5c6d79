//! What may happen next.

use crate::{
    state::State,
    vacuum::Vacuum,
    words::{Layout, Partition},
};

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It takes effect and is answered.
    Answered,
    /// It takes effect and is answered as if somebody else had been first.
    AnswerLost,
    /// A first try was given up, the second one is answered, and the first one lands later.
    OnceMoreLate,
    /// It takes effect later, and its caller takes it to have failed.
    OnlyLate,
    /// It is not made: the caller dies.
    Died,
}

/// One event: a call of somebody, or something that time or the outside brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The source is delivered to code of a layout, which reads its ledger entry.
    Deliver(Layout),
    /// An attempt makes its next call.
    Attempt(usize, Fate),
    /// The late request of an attempt takes effect, or never will.
    LateRequest(usize, Lands),
    /// A swap of a partition is planned: what is merged already is merged again, and the settled
    /// files of the source are, too, or are not.
    Plan(Partition, SourceFiles),
    /// A compactor makes its next call.
    Compactor(usize, Fate),
    /// A compactor drops a file that it lists, for its age, unless the ledger says that it counts.
    DropIfUncommitted(usize),
    /// The late call of a compactor takes effect, or never will.
    LateCall(usize, Lands),
    /// The output of a merge lands that nobody waits for.
    LateOutput,
    /// The lease of a partition passes.
    LeasePasses(Partition),
    /// A reader asks the catalog for a partition.
    Read(Partition),
    /// A reader goes on.
    Reader(usize),
    /// The vacuum takes up a location.
    Vacuum(DueLocation),
    /// The vacuum makes its next call.
    VacuumGoesOn,
    /// The ledger entry expires, long after anybody has changed it.
    EntryExpires,
    /// The source is deleted.
    SourceDisappears,
    /// The source is put again, with the same bytes.
    SourceReturns,
}

impl Action {
    /// The event in words: who does what, in the state that it comes in.
    pub(crate) fn told(self, state: &State) -> String {
        match self {
            Action::Attempt(slot, fate) => match state.attempts[slot] {
                Some(attempt) => format!("attempt {slot}: {:?}, {fate:?}", attempt.at),
                None => format!("attempt {slot}"),
            },
            Action::Compactor(slot, fate) => match state.compactors[slot] {
                Some(compactor) => format!("compactor {slot}: {:?}, {fate:?}", compactor.at),
                None => format!("compactor {slot}"),
            },
            Action::Deliver(_)
            | Action::LateRequest(..)
            | Action::Plan(..)
            | Action::DropIfUncommitted(_)
            | Action::LateCall(..)
            | Action::LateOutput
            | Action::LeasePasses(_)
            | Action::Read(_)
            | Action::Reader(_)
            | Action::Vacuum(_)
            | Action::VacuumGoesOn
            | Action::EntryExpires
            | Action::SourceDisappears
            | Action::SourceReturns => format!("{self:?}"),
        }
    }
}

/// Whether a request that was given up takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lands {
    /// It does.
    Yes,
    /// It does not.
    Never,
}

/// What a swap does with the settled files of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SourceFiles {
    /// They are merged with others.
    Merged,
    /// They are copied.
    Copied,
}

/// A location whose date has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DueLocation(pub(crate) Vacuum);
