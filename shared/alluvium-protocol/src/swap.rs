//! A swap: the files of a partition are brought to a new location, merged or copied, while others
//! read and write; then the catalog names the new one.
//!
//! It begins under a lease, says in the pointer where files are going, and only then lists what
//! there is to bring. Until it commits it may be given up by anybody who finds its lease passed.

mod begin;
mod commit;

use self::begin::{after_catalog, before_begin, discard};
use crate::{
    action::{Fate, Lands, SourceFiles},
    lake::{File, Pointer},
    protocol::Protocol,
    set::{Member, Set},
    state::State,
    words::{Actor, FileName, Generation, Partition, Row},
};

/// A compactor at work, or dead with a request under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Compactor {
    pub(crate) partition: Partition,
    /// The location that the plan was made for.
    from: Generation,
    /// The files that it wants merged.
    merge: Set<FileName>,
    /// The location that it fills.
    to: Generation,
    pub(crate) at: SwapAt,
    /// Whether the pointer is still as this compactor read or wrote it.
    pub(crate) pointer_is_current: bool,
    /// The listed files that have not been brought over.
    left: Set<FileName>,
    /// Who was alive when the listed parts of the source were written.
    written: [Set<Actor>; FileName::PARTS],
    pub(crate) late: Option<LateCall>,
}

/// A call of a compactor that was given up and repeated, and takes effect once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum LateCall {
    WriteCatalog(Generation),
    Copy(Generation, FileName, Set<Row>),
}

impl LateCall {
    /// The call takes effect.
    pub(crate) fn land(self, protocol: &Protocol, state: &mut State, partition: Partition) {
        match self {
            Self::WriteCatalog(generation) => {
                state.catalog[partition.number()] = Some(generation);
            }
            Self::Copy(to, name, rows) => {
                let written = state.alive(&protocol.protections);
                state.location_mut(partition, to).create(name, File { rows, written });
            }
        }
    }
}

/// The call that a compactor makes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum SwapAt {
    ReadPointer,
    DiscardNext(Generation),
    Begin,
    ReadCatalog,
    RepairCatalog,
    List,
    Merge,
    /// Asks the ledger whether the file counts.
    LookUp(FileName),
    /// Only without a protection: the file's age is tested after the ledger was read.
    TestAge(FileName),
    /// A copy reads its source, and is there later.
    Copy(FileName),
    CopyLands(FileName, Set<Row>),
    Commit,
    TakeForward(Generation),
    WriteCatalog,
    ReadCatalogBack,
    DiscardOld,
    Flip,
    Ended,
}

impl SwapAt {
    /// Whether the lease must hold: it was found or made long enough for all of these calls.
    fn is_under_lease(self) -> bool {
        match self {
            Self::ReadCatalog
            | Self::RepairCatalog
            | Self::WriteCatalog
            | Self::ReadCatalogBack
            | Self::DiscardOld
            | Self::Flip => true,
            Self::ReadPointer
            | Self::DiscardNext(_)
            | Self::Begin
            | Self::List
            | Self::Merge
            | Self::LookUp(_)
            | Self::TestAge(_)
            | Self::Copy(_)
            | Self::CopyLands(..)
            | Self::Commit
            | Self::TakeForward(_)
            | Self::Ended => false,
        }
    }
}

impl Compactor {
    /// What a plan of this partition would be, if there is something to merge: it is made from a
    /// listing and the ledger, long before the swap begins.
    pub(crate) fn plan(
        protocol: &Protocol,
        state: &State,
        partition: Partition,
        source_files: SourceFiles,
    ) -> Option<Self> {
        let from = state.pointer(partition)?.location;
        let location = state.location(partition, from);
        let settled = location.names().intersection(protocol.settled(state, partition, from));
        let merged = location.names().difference(FileName::parts());
        let merge = match source_files {
            SourceFiles::Merged if settled.is_empty() => return None,
            SourceFiles::Merged => merged.union(settled),
            SourceFiles::Copied => merged,
        };
        let last = if protocol.protections.generations_are_unique {
            state.made[partition.number()]
        } else {
            from
        };
        (!merge.is_empty() && last.next().is_some()).then_some(Self {
            partition,
            from,
            merge,
            to: from,
            at: SwapAt::ReadPointer,
            pointer_is_current: false,
            left: Set::EMPTY,
            written: [Set::EMPTY; FileName::PARTS],
            late: None,
        })
    }

    /// Makes the compactor's next call.
    pub(crate) fn go_on(mut self, protocol: &Protocol, state: &mut State, slot: usize, fate: Fate) {
        let next = self.call(protocol, state, slot, fate);
        self.go_to(next, state, slot);
    }

    /// Looks a file up that is older than the settle time: it is dropped if it does not count yet.
    pub(crate) fn drop_if_uncommitted(
        mut self,
        protocol: &Protocol,
        state: &mut State,
        slot: usize,
    ) {
        if let SwapAt::LookUp(name) = self.at {
            let next = self.look_up(protocol, state, name, true);
            self.go_to(Some(next), state, slot);
        }
    }

    /// Stands before its next call, or stops.
    fn go_to(mut self, next: Option<SwapAt>, state: &mut State, slot: usize) {
        self.at = next.unwrap_or(SwapAt::Ended);
        state.compactors[slot] = Some(self);
        if !self.is_about_to_copy() {
            state.forget(Actor::compactor(slot));
        }
        if next.is_none() {
            Self::end(state, slot);
        }
    }

    /// The compactor ends or dies. Its pointers keep their lease.
    pub(crate) fn end(state: &mut State, slot: usize) {
        let Some(compactor) = state.compactors[slot] else { return };
        if compactor.late.is_some() {
            let rest = Self { at: SwapAt::Ended, left: Set::EMPTY, ..compactor };
            state.compactors[slot] = Some(rest);
            return;
        }
        state.compactors[slot] = None;
        state.forget(Actor::compactor(slot));
        for pointer in state.pointers.iter_mut().flatten() {
            pointer.owner = pointer.owner.filter(|owner| *owner != slot);
        }
    }

    /// Whether it has looked at the ledger, and a copy may land upon that.
    pub(crate) fn is_about_to_copy(&self) -> bool {
        matches!(self.at, SwapAt::TestAge(_) | SwapAt::Copy(_) | SwapAt::CopyLands(..))
            || matches!(self.late, Some(LateCall::Copy(..)))
    }

    /// Changes the notes of who was alive when what it listed was written.
    pub(crate) fn change_actors(&mut self, change: impl Fn(Set<Actor>) -> Set<Actor>) {
        self.written.iter_mut().for_each(|then| *then = change(*then));
    }

    /// A call of the compactor takes effect late, or never will.
    pub(crate) fn late_call(protocol: &Protocol, state: &mut State, slot: usize, lands: Lands) {
        let Some(mut compactor) = state.compactors[slot] else { return };
        if let (Some(late), Lands::Yes) = (compactor.late, lands) {
            late.land(protocol, state, compactor.partition);
        }
        compactor.late = None;
        let next = (compactor.at != SwapAt::Ended).then_some(compactor.at);
        compactor.go_to(next, state, slot);
    }

    /// Whether the lease of the pointer's owner cannot pass now.
    pub(crate) fn holds_lease(state: &State, pointer: Pointer) -> bool {
        pointer.owner.and_then(|slot| state.compactors[slot]).is_some_and(|compactor| {
            compactor.at.is_under_lease()
                || matches!(compactor.late, Some(LateCall::WriteCatalog(_)))
        })
    }

    /// One call; what comes next, or that the compactor stops.
    fn call(
        &mut self,
        protocol: &Protocol,
        state: &mut State,
        slot: usize,
        fate: Fate,
    ) -> Option<SwapAt> {
        let protections = &protocol.protections;
        match self.at {
            SwapAt::ReadPointer => self.read_pointer(protocol, state),
            SwapAt::DiscardNext(next) => {
                discard(state, self.partition, next);
                Some(before_begin(protocol))
            }
            SwapAt::Begin => self.begin(protocol, state, slot),
            SwapAt::ReadCatalog => {
                let right = state.catalog[self.partition.number()] == Some(self.from);
                Some(if right { after_catalog(protocol) } else { SwapAt::RepairCatalog })
            }
            SwapAt::RepairCatalog => {
                state.catalog[self.partition.number()] = Some(self.from);
                Some(after_catalog(protocol))
            }
            SwapAt::List => {
                self.list(state)?;
                Some(if protections.next_before_list { SwapAt::Merge } else { SwapAt::Begin })
            }
            SwapAt::Merge => self.merge(protocol, state, fate),
            SwapAt::LookUp(name) => Some(self.look_up(protocol, state, name, false)),
            SwapAt::TestAge(name) => {
                Some(if self.is_old(name) { self.after_file(name) } else { SwapAt::Copy(name) })
            }
            SwapAt::Copy(name) => Some(self.copy(state, name)),
            SwapAt::CopyLands(name, rows) => {
                Some(self.copy_lands(protocol, state, fate, (name, rows)))
            }
            SwapAt::Commit => self.commit(protocol, state, slot),
            SwapAt::TakeForward(next) => self.take_forward(state, slot, next),
            SwapAt::WriteCatalog => Some(self.write_catalog(state, fate)),
            SwapAt::ReadCatalogBack => Some(self.read_catalog_back(state)),
            SwapAt::DiscardOld => self.discard_old(protocol, state),
            SwapAt::Flip => self.flip(protocol, state, slot),
            SwapAt::Ended => None,
        }
    }

    /// Whether the file that it is to look up may count as older than the settle time.
    pub(crate) fn may_drop(&self) -> bool {
        matches!(self.at, SwapAt::LookUp(name) if self.is_old(name))
    }

    fn is_old(&self, name: FileName) -> bool {
        self.written.get(name.number()).is_some_and(|then| then.is_empty())
    }
}
