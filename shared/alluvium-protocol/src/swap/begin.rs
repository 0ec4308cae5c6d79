//! The first half of a swap: it begins, lists what there is to bring, and merges.

use super::{Compactor, SwapAt};
use crate::{
    action::Fate,
    lake::{File, Phase, Pointer},
    protocol::Protocol,
    set::{Member, Set},
    state::{LateOutput, State},
    words::{FileName, Generation, Partition},
};

impl Compactor {
    pub(super) fn read_pointer(&mut self, protocol: &Protocol, state: &State) -> Option<SwapAt> {
        let pointer = state.pointer(self.partition)?;
        if pointer.location != self.from || pointer.leased {
            return None;
        }
        self.pointer_is_current = true;
        Some(match pointer.next {
            None => before_begin(protocol),
            Some((next, Phase::Filling)) => SwapAt::DiscardNext(next),
            Some((next, Phase::Committing)) => SwapAt::TakeForward(next),
        })
    }

    /// The pointer says where files are going, from now on.
    pub(super) fn begin(
        &mut self,
        protocol: &Protocol,
        state: &mut State,
        slot: usize,
    ) -> Option<SwapAt> {
        let number = self.partition.number();
        let unique = protocol.protections.generations_are_unique;
        let to = if unique { state.made[number] } else { self.from }.next()?;
        if !self.pointer_is_current {
            return None;
        }
        self.to = to;
        state.made[number] = to;
        let next = Some((to, Phase::Filling));
        let pointer = Pointer { location: self.from, next, owner: Some(slot), leased: true };
        state.replace_pointer(self.partition, pointer, slot);
        Some(SwapAt::ReadCatalog)
    }

    /// Everything that writers will not bring over themselves; nothing if an input is missing.
    pub(super) fn list(&mut self, state: &State) -> Option<()> {
        let location = state.location(self.partition, self.from);
        self.left = location.names();
        for name in FileName::parts().iter() {
            self.written[name.number()] = location.file(name).written;
        }
        self.merge.difference(self.left).is_empty().then_some(())
    }

    /// Writes the rows of all inputs to one file.
    pub(super) fn merge(
        &mut self,
        protocol: &Protocol,
        state: &mut State,
        fate: Fate,
    ) -> Option<SwapAt> {
        let location = state.location(self.partition, self.from);
        if !self.merge.difference(location.names()).is_empty() {
            return None;
        }
        let (rows, _) = location.rows(self.merge);
        if fate == Fate::OnlyLate {
            let late = LateOutput { partition: self.partition, generation: self.to, rows };
            state.late_output = Some(late);
            if protocol.protections.failed_merge_abandons {
                return None;
            }
        } else {
            self.left = self.left.difference(self.merge);
            let output = File { rows, written: Set::EMPTY };
            state.location_mut(self.partition, self.to).put(FileName::of_merge(self.to), output);
        }
        Some(self.next_file())
    }
}

/// Puts a location on the list of what is to be deleted once its readers are done.
pub(super) fn discard(state: &mut State, partition: Partition, generation: Generation) {
    let readers = state.reading();
    state.garbage[partition.number()][generation.number()].get_or_insert(readers);
}

/// What comes before the pointer is written: nothing, or the listing if the protection is off.
pub(super) fn before_begin(protocol: &Protocol) -> SwapAt {
    if protocol.protections.next_before_list { SwapAt::Begin } else { SwapAt::List }
}

/// What comes once the pointer is written and the catalog is right.
pub(super) fn after_catalog(protocol: &Protocol) -> SwapAt {
    if protocol.protections.next_before_list { SwapAt::List } else { SwapAt::Merge }
}
