//! Partitions that are past their age leave the catalog.
//!
//! The pointer stays, at a new location, and says that its partition was retired: whoever writes to
//! it registers it anew, so a row that arrives late is seen until the next vacuum. An attempt that
//! opened the partition before begins again. What readers found of the partition is kept for its
//! grace, like what any swap leaves behind.

use std::{ops::AddAssign, slice};

use alluvium_model::{
    PartitionEntry, PartitionKey, Pointer, SwapOwner, TableName, UtcInstant, Versioned,
    compaction::StopReason,
    layout::later_generation,
    ports::{DropPartitions, ReadPartitions, SwapCatalog, SwapObjects},
};
use jiff::{SignedDuration, civil::Date};

use super::{
    Repair, Swaps, later,
    pointer::{Place, is_committing, is_leased},
};
use crate::{Deadline, LakeError};

/// The partition column of days.
const DAY: &str = "dt";

/// What became of partitions past their age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retired {
    /// Those that left the catalog.
    pub retired: usize,
    /// Those that somebody swaps, or did just now.
    pub leased: usize,
    /// Those whose turn did not come in the time that there was.
    pub left: usize,
}

impl AddAssign for Retired {
    fn add_assign(&mut self, Self { retired, leased, left }: Self) {
        self.retired += retired;
        self.leased += leased;
        self.left += left;
    }
}

impl<C, O> Swaps<C, O>
where
    C: SwapCatalog + ReadPartitions + DropPartitions,
    O: SwapObjects,
{
    /// Retires the partitions of a table whose day ended longer ago than this many days. Partitions
    /// that have no day stay.
    ///
    /// # Errors
    /// When a port fails.
    pub async fn retire_older(
        &self,
        (table, days): (&TableName, u32),
        mut owner: impl FnMut() -> SwapOwner,
        deadline: Deadline,
    ) -> Result<Retired, LakeError> {
        let deadline = self.step(deadline);
        let now = self.now(deadline).await?;
        let read = self.settings.backoff.retry(|| self.catalog.partitions(table));
        let partitions = deadline.call(read).await?;
        let older =
            partitions.into_iter().filter(|PartitionEntry { key, .. }| is_older(key, days, now));
        let mut found = Retired::default();
        for PartitionEntry { key, .. } in older {
            match self.retire_or_repair((table, &key), owner(), deadline).await {
                Ok(Repair::Done) => found.retired += 1,
                Ok(Repair::Stopped(_)) => found.leased += 1,
                Err(LakeError::OutOfTime) => found.left += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// Retires a partition; or, if it was retired before and somebody registered it at its old
    /// location since, makes the catalog name the current one, where what came late lies.
    async fn retire_or_repair(
        &self,
        (table, partition): (&TableName, &PartitionKey),
        owner: SwapOwner,
        deadline: Deadline,
    ) -> Result<Repair, LakeError> {
        let place = Place::new(&self.settings.database, table, partition);
        let known = self.read::<Pointer>(&place.object, deadline).await?;
        if let Some(Versioned { value: pointer, .. }) = known
            && pointer.retired_at.is_some()
            && self.in_catalog(&place, deadline).await?.is_some_and(|at| at != pointer.location)
        {
            return self.repair((table, partition), owner, deadline).await;
        }
        self.retire((table, partition), owner, deadline).await
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
        // No location is announced: what is written meanwhile lies in the old one and goes with it.
        let mut leased = known.value.clone();
        if let Some(given_up) = leased.next.take() {
            self.discard(&place, given_up.location, now, deadline).await?;
        }
        leased.owner = Some(owner.clone());
        leased.lease_until = Some(later(now, self.settings.lease));
        let Some(begun) = self.replace(&place, (&known, leased), deadline).await? else {
            return Ok(Repair::Stopped(StopReason::Overtaken));
        };
        let generation = begun.value.generation.after(&owner);
        let of_table = (&self.settings.database, table);
        let location = later_generation(of_table, &generation, partition);
        if !self.is_lease_long_enough(&begun.value, deadline).await? {
            return Ok(Repair::Stopped(StopReason::LeaseTooShort));
        }
        let drop_it = || self.catalog.drop_partitions(table, slice::from_ref(partition));
        deadline.call(self.settings.backoff.retry(drop_it)).await?;
        let now = self.now(deadline).await?;
        self.discard(&place, begun.value.location.clone(), now, deadline).await?;
        let retired = Pointer {
            generation,
            location: location.clone(),
            next: None,
            retired_at: Some(now),
            ..begun.value.clone()
        };
        if self.replace(&place, (&begun, retired), deadline).await?.is_none() {
            return Ok(Repair::Stopped(StopReason::Overtaken));
        }
        // Somebody may have registered it between, at the old location.
        if self.in_catalog(&place, deadline).await?.is_some_and(|found| found != location) {
            self.move_in_catalog(&place, &location, deadline).await?;
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
