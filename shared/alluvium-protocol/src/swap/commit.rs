//! The second half of a swap: what was not merged is copied, then the swap commits, and from there
//! it can only go forward: catalog, garbage, pointer.

use super::{Compactor, Fate, LateCall, SwapAt, begin::discard};
use crate::{
    lake::{Entry, Phase, Pointer},
    protocol::Protocol,
    set::{Member, Set},
    state::State,
    words::{FileName, Generation, Plan, Row},
};

impl Compactor {
    /// What to do with a listed file: files of merges are copied; those of the source if the ledger
    /// does not speak against it.
    pub(super) fn look_up(
        &mut self,
        protocol: &Protocol,
        state: &State,
        name: FileName,
        old: bool,
    ) -> SwapAt {
        let of_plan = |plan| match plan {
            Plan::Superseded => false,
            Plan::Files(layout) => {
                !protocol.protections.plan_in_name || name.layout() == Some(layout)
            }
        };
        match state.entry {
            Entry::Absent | Entry::Expired { .. }
                if protocol.protections.missing_entry_is_no_evidence =>
            {
                SwapAt::Copy(name)
            }
            Entry::Committed { plan, .. } if of_plan(plan) => SwapAt::Copy(name),
            Entry::Writing { plan, .. } if of_plan(plan) => {
                if !protocol.protections.age_before_ledger {
                    SwapAt::TestAge(name)
                } else if old {
                    self.after_file(name)
                } else {
                    SwapAt::Copy(name)
                }
            }
            Entry::Absent
            | Entry::Expired { .. }
            | Entry::Committed { .. }
            | Entry::Writing { .. } => self.after_file(name),
        }
    }

    /// Begins to copy a file, if it is still there.
    pub(super) fn copy(&mut self, state: &State, name: FileName) -> SwapAt {
        let rows = state.location(self.partition, self.from).file(name).rows;
        if rows.is_empty() { self.after_file(name) } else { SwapAt::CopyLands(name, rows) }
    }

    /// The copy is there, if nobody else has put the file there.
    pub(super) fn copy_lands(
        &mut self,
        protocol: &Protocol,
        state: &mut State,
        fate: Fate,
        (name, rows): (FileName, Set<Row>),
    ) -> SwapAt {
        let copy = LateCall::Copy(self.to, name, rows);
        copy.land(protocol, state, self.partition);
        if fate == Fate::OnceMoreLate {
            self.late = Some(copy);
        }
        self.after_file(name)
    }

    pub(super) fn after_file(&mut self, name: FileName) -> SwapAt {
        self.left = self.left.without(name);
        self.next_file()
    }

    pub(super) fn next_file(&self) -> SwapAt {
        match self.left.first() {
            Some(name) if name.layout().is_some() => SwapAt::LookUp(name),
            Some(name) => SwapAt::Copy(name),
            None => SwapAt::Commit,
        }
    }

    /// If enough of the lease is left for all that follows, the swap commits.
    pub(super) fn commit(
        &mut self,
        protocol: &Protocol,
        state: &mut State,
        slot: usize,
    ) -> Option<SwapAt> {
        let pointer = state.pointer(self.partition)?;
        let in_time = pointer.leased || !protocol.protections.catalog_under_lease;
        if !self.pointer_is_current || !in_time {
            return None;
        }
        let next = Some((self.to, Phase::Committing));
        state.replace_pointer(self.partition, Pointer { next, ..pointer }, slot);
        let catalog_first = protocol.protections.catalog_before_flip;
        Some(if catalog_first { SwapAt::WriteCatalog } else { SwapAt::Flip })
    }

    /// Takes over a swap that has committed and whose lease has passed.
    pub(super) fn take_forward(
        &mut self,
        state: &mut State,
        slot: usize,
        next: Generation,
    ) -> Option<SwapAt> {
        let pointer = state.pointer(self.partition).filter(|_| self.pointer_is_current)?;
        self.to = next;
        let taken = Pointer { owner: Some(slot), leased: true, ..pointer };
        state.replace_pointer(self.partition, taken, slot);
        Some(SwapAt::WriteCatalog)
    }

    pub(super) fn write_catalog(&mut self, state: &mut State, fate: Fate) -> SwapAt {
        state.catalog[self.partition.number()] = Some(self.to);
        if fate == Fate::OnceMoreLate {
            self.late = Some(LateCall::WriteCatalog(self.to));
        }
        SwapAt::ReadCatalogBack
    }

    pub(super) fn read_catalog_back(&self, state: &State) -> SwapAt {
        let right = state.catalog[self.partition.number()] == Some(self.to);
        if right { SwapAt::DiscardOld } else { SwapAt::WriteCatalog }
    }

    pub(super) fn discard_old(&self, protocol: &Protocol, state: &mut State) -> Option<SwapAt> {
        discard(state, self.partition, self.from);
        protocol.protections.catalog_before_flip.then_some(SwapAt::Flip)
    }

    pub(super) fn flip(
        &mut self,
        protocol: &Protocol,
        state: &mut State,
        slot: usize,
    ) -> Option<SwapAt> {
        let pointer = state.pointer(self.partition).filter(|_| self.pointer_is_current)?;
        let leased = pointer.leased && protocol.protections.lease_outlives_swap;
        let flipped = Pointer { location: self.to, next: None, leased, ..pointer };
        state.replace_pointer(self.partition, flipped, slot);
        (!protocol.protections.catalog_before_flip).then_some(SwapAt::WriteCatalog)
    }
}
