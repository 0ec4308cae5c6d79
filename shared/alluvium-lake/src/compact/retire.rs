//! Partitions that are past their age leave the catalog.
//!
//! The pointer stays, at a new location, and says that its partition was retired: whoever writes to
//! it registers it anew, so a row that arrives late is seen until the next vacuum. An attempt that
//! opened the partition before begins again. What readers found of the partition is kept for its
//! grace, like what any swap leaves behind.

use std::slice;

use alluvium_model::{
    PartitionEntry, PartitionKey, Pointer, SwapOwner, TableName, UtcInstant,
    compaction::StopReason,
    ports::{DropPartitions, ReadPartitions, SwapCatalog, SwapObjects},
};
use jiff::{SignedDuration, civil::Date};

use super::{
    Repair, Swaps,
    pointer::{Place, is_committing, is_leased},
};
use crate::{Deadline, LakeError};

/// The partition column of days.
const DAY: &str = "dt";

impl<C, O> Swaps<C, O>
where
    C: SwapCatalog + ReadPartitions + DropPartitions,
    O: SwapObjects,
{
    /// Retires the partitions of a table whose day ended longer ago than this many days; how many,
    /// and how many could not be because somebody swaps them. Partitions that have no day stay.
    ///
    /// # Errors
    /// When a port fails.
    pub async fn retire_older(
        &self,
        (table, days): (&TableName, u32),
        mut owner: impl FnMut() -> SwapOwner,
        deadline: Deadline,
    ) -> Result<(usize, usize), LakeError> {
        let deadline = self.step(deadline);
        let now = self.now(deadline).await?;
        let read = self.settings.backoff.retry(|| self.catalog.partitions(table));
        let partitions = deadline.call(read).await?;
        let (mut retired, mut left) = (0, 0);
        for PartitionEntry { key, .. } in partitions {
            if is_older(&key, days, now) {
                match self.retire((table, &key), owner(), deadline).await? {
                    Repair::Done => retired += 1,
                    Repair::Stopped(_) => left += 1,
                }
            }
        }
        Ok((retired, left))
    }

    /// Takes a partition out of the catalog, with all its files, under its lease.
    ///
    /// # Errors
    /// When a port fails.
    pub async fn retire(
        &self,
        (table, partition): (&TableName, &PartitionKey),
        owner: SwapOwner,
        deadline: Deadline,
    ) -> Result<Repair, LakeError> {
        let place = Place::new(&self.settings.database, table, partition);
        let Some(known) = self.read::<Pointer>(&place.object, deadline).await? else {
            return Ok(Repair::Stopped(StopReason::NoPointer));
        };
        let now = self.now(deadline).await?;
        // A swap that can only go forward is the next compaction's to end.
        if is_leased(&known.value, now) || is_committing(&known.value) {
            return Ok(Repair::Stopped(StopReason::Leased));
        }
        let Some(begun) = self.take_lease(&place, known, (&owner, now), deadline).await? else {
            return Ok(Repair::Stopped(StopReason::Overtaken));
        };
        let Some(next) = begun.value.next.clone() else {
            return Ok(Repair::Stopped(StopReason::Overtaken));
        };
        if !self.is_lease_long_enough(&begun.value, deadline).await? {
            return Ok(Repair::Stopped(StopReason::LeaseTooShort));
        }
        let drop_it = || self.catalog.drop_partitions(table, slice::from_ref(partition));
        deadline.call(self.settings.backoff.retry(drop_it)).await?;
        let now = self.now(deadline).await?;
        self.discard(&place, begun.value.location.clone(), now, deadline).await?;
        let retired = Pointer {
            generation: next.generation,
            location: next.location.clone(),
            next: None,
            retired_at: Some(now),
            ..begun.value.clone()
        };
        if self.replace(&place, (&begun, retired), deadline).await?.is_none() {
            return Ok(Repair::Stopped(StopReason::Overtaken));
        }
        // Somebody may have registered it between, at the old location.
        if self.in_catalog(&place, deadline).await?.is_some_and(|found| found != next.location) {
            self.move_in_catalog(&place, &next.location, deadline).await?;
        }
        Ok(Repair::Done)
    }
}

/// Whether the day of a partition ended longer ago than this many days.
fn is_older(key: &PartitionKey, days: u32, now: UtcInstant) -> bool {
    let ago = SignedDuration::from_hours(24 * i64::from(days));
    let Some(first_kept) = now.plus(-ago).map(UtcInstant::day) else { return false };
    let mut days = key.values().filter(|(column, _)| column.as_str() == DAY);
    days.any(|(_, day)| day.parse::<Date>().is_ok() && *day < *first_kept)
}
