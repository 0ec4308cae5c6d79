//! The files of an attempt: where they go, and when they may be relied upon.
//!
//! A swap first says in the pointer where files are going, then lists what it must carry along.
//! So a writer that reads the pointer after its file was written, and finds nothing new there, was
//! listed; and one that finds something new writes there, too.

use super::{At, Ending, LateRequest, Named, Turn};
use crate::{
    action::Fate,
    lake::{File, Pointer},
    set::Member,
    step::{Place, Step},
    words::{FileName, Generation, Layout, Part, Partition, Plan},
};

impl Turn<'_> {
    pub(super) fn commit_schema(&mut self, part: Part) -> Step {
        self.attempt.at = match self.partition_after(part, None) {
            Some(partition) => At::ReadPointer(part, partition),
            None => self.after_part(part),
        };
        Step::CommitSchema(part)
    }

    pub(super) fn read_pointer(&mut self, part: Part, partition: Partition) -> Step {
        self.attempt.at = if self.look_at_pointer(partition) {
            match self.partition_after(part, Some(partition)) {
                Some(next) => At::ReadPointer(part, next),
                None => self.first_file(part),
            }
        } else if self.protocol.protections.partition_before_pointer {
            At::RegisterPartition(part, partition)
        } else {
            At::CreatePointer(part, partition)
        };
        Step::ReadPointer(partition)
    }

    pub(super) fn register_partition(&mut self, part: Part, partition: Partition) -> Step {
        self.state.catalog[partition.number()].get_or_insert(Generation::FIRST);
        self.attempt.at = if self.protocol.protections.partition_before_pointer {
            At::CreatePointer(part, partition)
        } else {
            At::ReadPointer(part, partition)
        };
        Step::RegisterPartition(partition)
    }

    pub(super) fn create_pointer(&mut self, part: Part, partition: Partition) -> Step {
        self.state.pointers[partition.number()].get_or_insert(Pointer::FIRST);
        self.attempt.at = if self.protocol.protections.partition_before_pointer {
            At::ReadPointer(part, partition)
        } else {
            At::RegisterPartition(part, partition)
        };
        Step::CreatePointer(partition)
    }

    pub(super) fn write_file(&mut self, part: Part, partition: Partition) -> Option<Step> {
        let (generation, place) = self.missing(partition)?;
        let name = self.name_of(self.attempt.layout, part);
        let rows = self.protocol.bounds.rows_of_part(self.attempt.layout, part, partition);
        let file = File { rows, written: self.state.alive(&self.protocol.protections) };
        let location = self.state.location_mut(partition, generation);
        if self.protocol.protections.writes_always || !location.has(name) {
            location.put(name, file);
        }
        if self.fate == Fate::OnceMoreLate {
            self.attempt.late = Some(LateRequest { partition, generation, name, rows });
        }
        self.attempt.written = self.attempt.written.with(generation);
        if self.missing(partition).is_none() {
            self.attempt.at = if self.protocol.protections.reads_pointer_again {
                At::ReadPointerAgain(part, partition)
            } else {
                self.next_file(part, partition)
            };
        }
        Some(Step::WriteFile(part, partition, place))
    }

    pub(super) fn read_pointer_again(&mut self, part: Part, partition: Partition) -> Step {
        self.look_at_pointer(partition);
        self.attempt.at = if self.missing(partition).is_some() {
            At::WriteFile(part, partition)
        } else {
            self.next_file(part, partition)
        };
        Step::ReadPointerAgain(partition)
    }

    /// Only without a protection: the loser of a race deletes its files, wherever it put them.
    pub(super) fn delete_own(&mut self) {
        for partition in self.protocol.bounds.all_partitions() {
            if let Some(named) = self.attempt.pointers[partition.number()] {
                let layout = self.attempt.layout;
                let parts = self.protocol.bounds.parts(layout);
                let names = crate::set::Set::of(parts.map(|part| self.name_of(layout, part)));
                for generation in [Some(named.location), named.next].into_iter().flatten() {
                    self.state.location_mut(partition, generation).delete(names);
                }
            }
        }
        self.attempt.at = At::Ended(Ending::Retry);
    }

    /// Remembers what the pointer names; false if there is none.
    pub(super) fn look_at_pointer(&mut self, partition: Partition) -> bool {
        let pointer = self.state.pointer(partition);
        self.attempt.pointers[partition.number()] = pointer
            .map(|pointer| Named { location: pointer.location, next: pointer.next_location() });
        pointer.is_some()
    }

    /// A location that is named and that the file at hand was not written to.
    fn missing(&self, partition: Partition) -> Option<(Generation, Place)> {
        let named = self.attempt.pointers[partition.number()]?;
        let next = named.next.filter(|_| self.protocol.protections.writes_to_both);
        [Some((named.location, Place::Current)), next.map(|next| (next, Place::Next))]
            .into_iter()
            .flatten()
            .find(|(generation, _)| !self.attempt.written.contains(*generation))
    }

    /// Without the plan in it, a name is that of the lower layout.
    fn name_of(&self, layout: Layout, part: Part) -> FileName {
        let in_name = self.protocol.protections.plan_in_name;
        FileName::of_part(if in_name { layout } else { Layout::Lower }, part)
    }

    fn first_file(&mut self, part: Part) -> At {
        self.attempt.written = crate::set::Set::EMPTY;
        match self.partition_after(part, None) {
            Some(partition) => At::WriteFile(part, partition),
            None => self.after_part(part),
        }
    }

    fn next_file(&mut self, part: Part, partition: Partition) -> At {
        self.attempt.written = crate::set::Set::EMPTY;
        match self.partition_after(part, Some(partition)) {
            Some(next) => At::WriteFile(part, next),
            None => self.after_part(part),
        }
    }

    fn partition_after(&self, part: Part, partition: Option<Partition>) -> Option<Partition> {
        let mut partitions = self.protocol.bounds.partitions_of_part(self.attempt.layout, part);
        partitions.find(|other| partition.is_none_or(|partition| *other > partition))
    }

    fn after_part(&self, part: Part) -> At {
        let mut parts = self.protocol.bounds.parts(self.attempt.layout);
        match parts.find(|other| *other > part) {
            Some(next) => At::CommitSchema(next),
            None if self.protocol.protections.claim_binds => {
                At::CommitEntry(Plan::Files(self.attempt.layout))
            }
            None => At::ListPointers,
        }
    }
}
