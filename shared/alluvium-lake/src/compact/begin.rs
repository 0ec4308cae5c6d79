//! A swap begins: its lease is taken and writers are told where files are going, and only then is
//! listed what there is.

use std::collections::BTreeSet;

use alluvium_model::{
    Garbage, NextGeneration, Phase, Pointer, SwapOwner, UtcInstant,
    compaction::{
        BeginAnswer, BinItem, ListedFile, PartitionItem, PartitionPlan, StopReason, Swap,
        SwapListing,
    },
    layout::{Location, later_generation, swap_listing_key},
    ports::{SwapCatalog, SwapObjects},
};

use super::{
    Swaps, later,
    pointer::{Known, Place, is_committing, is_leased},
};
use crate::{Deadline, LakeError, state};

impl<C: SwapCatalog, O: SwapObjects> Swaps<C, O> {
    /// Begins a swap of a partition as it was planned, or takes one over that can only go forward.
    /// `owner` is an id that nobody else ever has, nor the same process at another swap.
    ///
    /// # Errors
    /// When a port fails, or the plan is gone.
    pub async fn begin(
        &self,
        item: &PartitionItem,
        owner: SwapOwner,
        deadline: Deadline,
    ) -> Result<BeginAnswer, LakeError> {
        let deadline = self.step(deadline);
        let plan = self.plan(item, deadline).await?;
        let place = Place::new(&self.settings.database, &item.table, &item.partition);
        let Some(known) = self.read::<Pointer>(&place.object, deadline).await? else {
            return Ok(stopped(StopReason::NoPointer));
        };
        if known.value.location != plan.location {
            return Ok(stopped(StopReason::Moved));
        }
        let now = self.now(deadline).await?;
        if is_leased(&known.value, now) {
            return Ok(stopped(StopReason::Leased));
        }
        let is_forward = is_committing(&known.value);
        let Some(begun) = self.take_lease(&place, known, (&owner, now), deadline).await? else {
            return Ok(stopped(StopReason::Overtaken));
        };
        let pointer = begun.value;
        let Some(next) = pointer.next.clone() else {
            return Ok(stopped(StopReason::Overtaken));
        };
        let swap = Swap {
            item: item.clone(),
            owner,
            generation: next.generation,
            location: pointer.location.clone(),
            next: next.location,
            lease_until: later(now, self.settings.lease),
        };
        if is_forward {
            return Ok(BeginAnswer::Forward { swap });
        }
        if !self.be_in_catalog(&place, &pointer, deadline).await? {
            return Ok(stopped(StopReason::LeaseTooShort));
        }
        self.list((plan, swap), deadline).await
    }

    /// Makes the pointer say who swaps, until when, and where files are going: to a new
    /// generation, or to the one of a swap that can only go forward.
    pub(super) async fn take_lease(
        &self,
        place: &Place,
        known: Known,
        (owner, now): (&SwapOwner, UtcInstant),
        deadline: Deadline,
    ) -> Result<Option<Known>, LakeError> {
        let mut pointer = known.value.clone();
        if !is_committing(&pointer) {
            if let Some(given_up) = pointer.next {
                self.discard(place, given_up.location, now, deadline).await?;
            }
            let generation = pointer.generation.after(owner);
            let of_table = (&self.settings.database, &place.table);
            let location = later_generation(of_table, &generation, &place.partition);
            let phase = Phase::Filling;
            pointer.next = Some(NextGeneration { generation, location, phase });
        }
        pointer.owner = Some(owner.clone());
        pointer.lease_until = Some(later(now, self.settings.lease));
        self.replace(place, (&known, pointer), deadline).await
    }

    /// Lists the partition: whatever is written from here on is written to the new generation, too.
    async fn list(
        &self,
        (plan, swap): (PartitionPlan, Swap),
        deadline: Deadline,
    ) -> Result<BeginAnswer, LakeError> {
        let list = || self.objects.list_objects(&swap.location);
        let listed = deadline.call(self.settings.backoff.retry(list)).await?;
        let files: Vec<_> = listed
            .iter()
            .filter_map(|entry| {
                let name = swap.location.name_of(&entry.key)?.to_owned();
                Some(ListedFile { name, bytes: entry.bytes, modified: entry.modified })
            })
            .collect();
        let names: BTreeSet<_> = files.iter().map(|file| &file.name).collect();
        if !plan.inputs().all(|input| names.contains(&input.name)) {
            return Ok(stopped(StopReason::InputMissing));
        }
        let PartitionItem { compaction, index, .. } = &swap.item;
        let of_plan = (&self.settings.database, compaction);
        let key = swap_listing_key(of_plan, *index, &swap.generation);
        let bytes = state::bytes(&key, &SwapListing { files })?;
        let put = || self.objects.put_object(&key, bytes.clone());
        deadline.call(self.settings.backoff.retry(put)).await?;
        let bins = plan.bins.iter().map(|bin| BinItem { bin: bin.index }).collect();
        Ok(BeginAnswer::Begun { swap, bins })
    }

    /// Notes that a location of a partition may be deleted, later.
    pub(super) async fn discard(
        &self,
        place: &Place,
        location: Location,
        now: UtcInstant,
        deadline: Deadline,
    ) -> Result<(), LakeError> {
        let Place { table, partition, .. } = place.clone();
        self.put_garbage(&Garbage { table, partition, location }, now, deadline).await
    }
}

const fn stopped(reason: StopReason) -> BeginAnswer {
    BeginAnswer::Stopped { reason }
}
