//! Where the catalog has a partition. Written under the partition's lease alone.

use std::slice;

use alluvium_model::{
    PartitionEntry, Pointer,
    layout::Location,
    ports::{FindPartitions, MovePartitions, Moved, ReadObjects, RegisterPartitions, TellTime},
};

use super::{Swaps, later, pointer::Place};
use crate::{Deadline, LakeError};

impl<C, O> Swaps<C, O>
where
    C: FindPartitions + MovePartitions + RegisterPartitions,
    O: ReadObjects + TellTime,
{
    /// Sees to it that the catalog has a partition where its pointer says that it should be
    /// already; false if too little of the lease is left to move it there.
    pub(super) async fn be_in_catalog(
        &self,
        place: &Place,
        pointer: &Pointer,
        deadline: Deadline,
    ) -> Result<bool, LakeError> {
        let location = &pointer.location;
        if self.in_catalog(place, deadline).await?.as_ref() == Some(location) {
            return Ok(true);
        }
        if !self.is_lease_long_enough(pointer, deadline).await? {
            return Ok(false);
        }
        self.move_in_catalog(place, location, deadline).await.map(|()| true)
    }

    /// Whether all that a step still does ends before anybody else may write the catalog.
    pub(super) async fn is_lease_long_enough(
        &self,
        pointer: &Pointer,
        deadline: Deadline,
    ) -> Result<bool, LakeError> {
        let ends = later(self.now(deadline).await?, self.settings.settle);
        Ok(pointer.lease_until.is_some_and(|until| ends <= until))
    }

    /// Moves a partition, and registers one that somebody dropped, until it is found there.
    pub(super) async fn move_in_catalog(
        &self,
        place: &Place,
        location: &Location,
        deadline: Deadline,
    ) -> Result<(), LakeError> {
        let Place { table, partition, .. } = place;
        let entry = PartitionEntry { key: partition.clone(), location: location.clone() };
        let entries = slice::from_ref(&entry);
        let backoff = self.settings.backoff;
        let mut tries = backoff.begin();
        loop {
            let to_move = || self.catalog.move_partitions(table, entries);
            let moved = deadline.call(backoff.retry(to_move)).await?;
            if moved != [Moved::Done] {
                let register = || self.catalog.create_partitions(table, entries);
                deadline.call(backoff.retry(register)).await?;
            }
            if self.in_catalog(place, deadline).await?.as_ref() == Some(location) {
                return Ok(());
            }
            if !tries.pause().await {
                let (table, tries) = (table.clone(), tries.failed());
                let partition = partition.to_string();
                return Err(LakeError::NotMoved { table, partition, tries });
            }
        }
    }

    /// Where the catalog has a partition, if it does.
    pub(super) async fn in_catalog(
        &self,
        place: &Place,
        deadline: Deadline,
    ) -> Result<Option<Location>, LakeError> {
        let keys = slice::from_ref(&place.partition);
        let find = || self.catalog.find_partitions(&place.table, keys);
        let found = deadline.call(self.settings.backoff.retry(find)).await?;
        Ok(found.into_iter().flatten().next().map(|entry| entry.location))
    }
}
