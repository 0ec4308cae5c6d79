//! The sweep after a take-over: what other plans left of the source is deleted, in every location
//! that a pointer names. Nobody else ever deletes a file of a source.

use super::{At, LateRequest, Seen, Turn};
use crate::{
    action::Fate,
    set::{Member, Set},
    step::{Place, Step},
    words::{FileName, Generation, Partition, Plan},
};

impl Turn<'_> {
    pub(super) fn list_pointers(&mut self) -> Step {
        let partitions = self.protocol.bounds.all_partitions();
        let with_pointer = partitions.filter(|partition| self.state.pointer(*partition).is_some());
        self.attempt.at = self.sweep_on(Set::of(with_pointer));
        Step::ListPointers
    }

    pub(super) fn read_pointer_to_sweep(&mut self, left: Set<Partition>) -> Option<Step> {
        let partition = left.first()?;
        self.look_at_pointer(partition);
        self.attempt.at = At::ListLeftovers(left, Place::Current);
        Some(Step::ReadPointerToSweep(partition))
    }

    pub(super) fn list_leftovers(&mut self, left: Set<Partition>, place: Place) -> Option<Step> {
        let partition = left.first()?;
        let generation = self.swept(partition, place)?;
        let names = self.state.location(partition, generation).names();
        let leftovers = names.intersection(self.names_of_others());
        self.attempt.at = if leftovers.is_empty() {
            self.after_location(left, place)
        } else {
            At::DeleteLeftovers(left, place, leftovers)
        };
        Some(Step::ListLeftovers(partition, place))
    }

    pub(super) fn delete_leftovers(
        &mut self,
        left: Set<Partition>,
        place: Place,
        names: Set<FileName>,
    ) -> Option<Step> {
        let partition = left.first()?;
        let generation = self.swept(partition, place)?;
        self.state.location_mut(partition, generation).delete(names);
        if self.fate == Fate::OnceMoreLate {
            self.attempt.late = names.first().map(|name| LateRequest {
                partition,
                generation,
                name,
                rows: Set::EMPTY,
            });
        }
        self.attempt.at = self.after_location(left, place);
        Some(Step::DeleteLeftovers(partition, place))
    }

    fn after_location(&mut self, left: Set<Partition>, place: Place) -> At {
        match left.first() {
            Some(partition)
                if place == Place::Current && self.swept(partition, Place::Next).is_some() =>
            {
                At::ListLeftovers(left, Place::Next)
            }
            Some(partition) => self.sweep_on(left.without(partition)),
            None => self.sweep_on(left),
        }
    }

    /// After a take-over the source is opened next; without a protection, a sweep is the last thing
    /// before the commit.
    fn sweep_on(&mut self, left: Set<Partition>) -> At {
        if !left.is_empty() {
            return At::ReadPointerToSweep(left);
        }
        if self.protocol.protections.claim_binds || !self.attempt.opened {
            self.attempt.opened = false;
            let superseded =
                matches!(self.attempt.seen, Seen::Writing { plan: Plan::Superseded, .. });
            let believed = superseded && !self.protocol.protections.opens_before_superseding;
            return if believed { At::CommitEntry(Plan::Superseded) } else { At::OpenSource };
        }
        At::CommitEntry(Plan::Files(self.attempt.layout))
    }

    fn swept(&self, partition: Partition, place: Place) -> Option<Generation> {
        let named = self.attempt.pointers[partition.number()]?;
        match place {
            Place::Current => Some(named.location),
            Place::Next => named.next,
        }
    }

    /// The names of the source's files that are not of the plan that is followed.
    fn names_of_others(&self) -> Set<FileName> {
        let plan = match self.attempt.seen {
            Seen::Writing { plan, .. } if self.protocol.protections.claim_binds => plan,
            Seen::Absent | Seen::Writing { .. } | Seen::Committed { .. } => {
                Plan::Files(self.attempt.layout)
            }
        };
        match plan {
            Plan::Superseded => FileName::parts(),
            Plan::Files(_) if !self.protocol.protections.plan_in_name => Set::EMPTY,
            Plan::Files(layout) => {
                Set::of(FileName::parts().iter().filter(|name| name.layout() != Some(layout)))
            }
        }
    }
}
