//! The same for swaps: what one compactor does in a given situation.

use std::fmt;

use stateright::Model as _;

use super::Stage;
use crate::{
    action::{Action, Fate, SourceFiles},
    attempt::At,
    bounds::Bounds,
    protections::Protections,
    protocol::Protocol,
    set::Member as _,
    state::State,
    swap::{Compactor, SwapAt},
    words::{Layout, Partition},
};

/// A situation that a swap may find its partition in. It always has a file of an earlier merge,
/// which is merged again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SwapScenario {
    /// There is nothing else in it.
    NothingElse,
    /// A file whose source is committed, longer ago than the settle time.
    Settled,
    /// One whose source was committed just now.
    Fresh,
    /// One whose source is being loaded.
    BeingLoaded,
    /// One whose attempt died before it committed the source, longer ago than the settle time.
    LeftLongAgo,
    /// One of a plan that was taken over.
    OfAnotherPlan,
    /// Somebody moved the partition in the catalog.
    Elsewhere,
    /// The last swap was given up before it committed.
    GivenUp,
    /// It died when it had committed.
    Committed,
    /// It has just ended.
    Leased,
    /// It ended after this one was planned.
    Moved,
}

/// One call of a swap: to S3, unless it says the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SwapStep {
    /// GET the pointer.
    ReadPointer,
    /// PUT the location of a swap that was given up on the list of garbage.
    DiscardNext,
    /// Replace the pointer by one that names the lease, its owner and the next location.
    Begin,
    /// Ask the catalog where the partition is.
    ReadCatalog,
    /// Move it to where the pointer says (the catalog).
    RepairCatalog,
    /// LIST the location.
    List,
    /// PUT what files were merged into.
    Merge,
    /// GET the ledger entry of a file's source.
    LookUp,
    /// Copy a file, unless it is there.
    Copy,
    /// Replace the pointer by one that says that there is no way back.
    Commit,
    /// Replace it by one that names another owner of a swap without way back.
    TakeForward,
    /// Move the partition to the next location (the catalog).
    WriteCatalog,
    /// Ask the catalog where it is by now.
    ReadCatalogBack,
    /// PUT the old location on the list of garbage.
    DiscardOld,
    /// Replace the pointer by one that names the next location as the current one.
    Flip,
}

impl fmt::Display for SwapStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl SwapStep {
    /// The step of a compactor that is about to make a call; none for what is part of the step
    /// before, or is no call.
    const fn of(at: SwapAt) -> Option<Self> {
        Some(match at {
            SwapAt::ReadPointer => Self::ReadPointer,
            SwapAt::DiscardNext(_) => Self::DiscardNext,
            SwapAt::Begin => Self::Begin,
            SwapAt::ReadCatalog => Self::ReadCatalog,
            SwapAt::RepairCatalog => Self::RepairCatalog,
            SwapAt::List => Self::List,
            SwapAt::Merge => Self::Merge,
            SwapAt::LookUp(_) => Self::LookUp,
            SwapAt::Copy(_) => Self::Copy,
            SwapAt::Commit => Self::Commit,
            SwapAt::TakeForward(_) => Self::TakeForward,
            SwapAt::WriteCatalog => Self::WriteCatalog,
            SwapAt::ReadCatalogBack => Self::ReadCatalogBack,
            SwapAt::DiscardOld => Self::DiscardOld,
            SwapAt::Flip => Self::Flip,
            SwapAt::TestAge(_) | SwapAt::CopyLands(..) | SwapAt::Ended => return None,
        })
    }
}

impl SwapScenario {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::NothingElse,
        Self::Settled,
        Self::Fresh,
        Self::BeingLoaded,
        Self::LeftLongAgo,
        Self::OfAnotherPlan,
        Self::Elsewhere,
        Self::GivenUp,
        Self::Committed,
        Self::Leased,
        Self::Moved,
    ];

    /// What happened before the swap is planned.
    fn before(self, stage: &mut Stage) {
        let commits = |at| matches!(at, At::CommitEntry(_));
        match self {
            Self::NothingElse | Self::Moved => {}
            Self::Settled | Self::Fresh => stage.run(Layout::Higher),
            Self::BeingLoaded => drop(stage.run_to(Layout::Higher, commits)),
            Self::LeftLongAgo => stage.die_at(Layout::Higher, commits),
            Self::OfAnotherPlan => {
                stage.die_at(Layout::Lower, commits);
                // The take-over fences, and ends.
                stage.run(Layout::Higher);
            }
            Self::Elsewhere => {
                let number = Partition::First.number();
                let here = stage.state.catalog[number];
                stage.state.catalog[number] = here.and_then(crate::words::Generation::next);
            }
            Self::GivenUp => stage.swap_until(|at| at == SwapAt::Commit),
            Self::Committed => stage.swap_until(|at| at == SwapAt::WriteCatalog),
            Self::Leased => {
                stage.swap_until(|_| false);
                stage.act(Action::Plan(Partition::First, SourceFiles::Copied));
                return;
            }
        }
        stage.act(Action::LeasePasses(Partition::First));
        let files = match self {
            Self::Settled => SourceFiles::Merged,
            Self::NothingElse
            | Self::Fresh
            | Self::BeingLoaded
            | Self::LeftLongAgo
            | Self::OfAnotherPlan
            | Self::Elsewhere
            | Self::GivenUp
            | Self::Committed
            | Self::Leased
            | Self::Moved => SourceFiles::Copied,
        };
        stage.act(Action::Plan(Partition::First, files));
        if self == Self::Moved {
            // Another one was planned at the same time, and is faster.
            stage.act(Action::Plan(Partition::First, files));
            stage.run_compactor(1, |_| false);
            stage.act(Action::LeasePasses(Partition::First));
        }
    }
}

/// The calls of one swap in a situation, in order.
#[must_use]
pub fn swap_steps_of(scenario: SwapScenario) -> Vec<SwapStep> {
    let bounds = Bounds {
        layouts: &[Layout::Lower, Layout::Higher],
        attempts: 2,
        compactors: 2,
        swaps: 3,
        ..Bounds::ONE_ATTEMPT
    };
    let protocol = Protocol { protections: Protections::ALL, bounds };
    let mut stage = Stage { protocol, state: State::first(&bounds), layout: Layout::Higher };
    scenario.before(&mut stage);
    let mut steps = Vec::new();
    while let Some(compactor) = stage.state.compactors[0] {
        let step = SwapStep::of(compactor.at);
        steps.extend(step);
        let drops = scenario == SwapScenario::LeftLongAgo && step == Some(SwapStep::LookUp);
        stage.act(if drops {
            Action::DropIfUncommitted(0)
        } else {
            Action::Compactor(0, Fate::Answered)
        });
    }
    steps
}

impl Stage {
    /// A swap runs until it is about to do something, and dies.
    fn swap_until(&mut self, stop: impl Fn(SwapAt) -> bool) {
        self.act(Action::Plan(Partition::First, SourceFiles::Copied));
        self.run_compactor(0, stop);
        Compactor::end(&mut self.state, 0);
    }

    fn run_compactor(&mut self, slot: usize, stop: impl Fn(SwapAt) -> bool) {
        while let Some(compactor) = self.state.compactors[slot] {
            if stop(compactor.at) {
                return;
            }
            self.act(Action::Compactor(slot, Fate::Answered));
        }
    }

    fn act(&mut self, action: Action) {
        if let Some(next) = self.protocol.next_state(&self.state, action) {
            self.state = next;
        }
    }
}
