//! Where the catalog has a partition. Written under the partition's lease alone.

use std::slice;

use alluvium_model::{
    PartitionEntry,
    layout::Location,
    ports::{FindPartitions, MovePartitions, Moved, ReadObjects, RegisterPartitions, TellTime},
};

use super::{Swaps, pointer::Place};
use crate::{Deadline, LakeError};

impl<C, O> Swaps<C, O>
where
    C: FindPartitions + MovePartitions + RegisterPartitions,
    O: ReadObjects + TellTime,
{
    /// Sees to it that the catalog has a partition at a location where it should be already.
    pub(super) async fn be_in_catalog(
        &self,
        place: &Place,
        location: &Location,
        deadline: Deadline,
    ) -> Result<(), LakeError> {
        if self.in_catalog(place, deadline).await?.as_ref() == Some(location) {
            return Ok(());
        }
        self.move_in_catalog(place, location, deadline).await
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
