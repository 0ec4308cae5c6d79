//! A partition that somebody moved in the catalog is put back to where its pointer says.

use alluvium_model::{
    PartitionKey, Phase, Pointer, SwapOwner, TableName,
    compaction::StopReason,
    ports::{SwapCatalog, SwapObjects},
};

use super::{
    Swaps, later,
    pointer::{Place, is_committing, is_leased},
};
use crate::{Deadline, LakeError};

/// How a repair ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// The catalog has the partition where its pointer says.
    Done,
    /// Nothing was done, for this reason.
    Stopped(StopReason),
}

impl<C: SwapCatalog, O: SwapObjects> Swaps<C, O> {
    /// Makes the catalog name the location of a partition's pointer, under the partition's lease.
    /// A swap that was under way is ended if it can only go forward, and given up if not.
    ///
    /// # Errors
    /// When a port fails.
    pub async fn repair(
        &self,
        (table, partition): (&TableName, &PartitionKey),
        owner: SwapOwner,
        deadline: Deadline,
    ) -> Result<Repair, LakeError> {
        let deadline = self.step(deadline);
        let place = Place::new(&self.settings.database, table, partition);
        let Some(known) = self.read::<Pointer>(&place.object, deadline).await? else {
            return Ok(Repair::Stopped(StopReason::NoPointer));
        };
        let now = self.now(deadline).await?;
        if is_leased(&known.value, now) {
            return Ok(Repair::Stopped(StopReason::Leased));
        }
        let mut pointer = known.value.clone();
        if !is_committing(&pointer)
            && let Some(given_up) = pointer.next.take()
        {
            self.discard(&place, given_up.location, now, deadline).await?;
        }
        pointer.owner = Some(owner);
        pointer.lease_until = Some(later(now, self.settings.lease));
        let Some(ours) = self.replace(&place, (&known, pointer), deadline).await? else {
            return Ok(Repair::Stopped(StopReason::Overtaken));
        };
        match &ours.value.next {
            Some(next) if next.phase == Phase::Committing => {
                let next = next.clone();
                self.finish(&place, (&next, &ours), deadline).await?;
            }
            Some(_) | None => {
                if !self.be_in_catalog(&place, &ours.value, deadline).await? {
                    return Ok(Repair::Stopped(StopReason::LeaseTooShort));
                }
            }
        }
        Ok(Repair::Done)
    }
}
