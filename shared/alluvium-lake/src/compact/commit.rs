//! A swap commits: what was not merged is brought over, the pointer says that there is no way back,
//! then the catalog moves, then the pointer.

use std::collections::BTreeSet;

use alluvium_model::{
    NextGeneration, Phase, Pointer,
    compaction::{
        CommitAnswer, CommitRequest, ListedFile, MergeAnswer, MergeOutcome, MergedFile,
        PartitionItem, PartitionPlan, StopReason, Swap, SwapListing, SwapReport,
    },
    layout::swap_listing_key,
    ports::{SwapCatalog, SwapObjects},
};

use super::{
    Swaps,
    copy::Brought,
    pointer::{Known, Place},
    stopped,
};
use crate::{Deadline, LakeError};

impl<C: SwapCatalog, O: SwapObjects> Swaps<C, O> {
    /// Commits a swap that was begun, or ends one that can only go forward. One that was committed
    /// before is left alone.
    ///
    /// # Errors
    /// When a port fails, or the plan is gone. It may be tried again, and goes on from where it is.
    pub async fn commit(
        &self,
        request: &CommitRequest,
        deadline: Deadline,
    ) -> Result<CommitAnswer, LakeError> {
        let deadline = self.step(deadline);
        let CommitRequest { swap, merged } = request;
        let place = Place::new(&self.settings.database, &swap.item.table, &swap.item.partition);
        let Some(known) = self.read::<Pointer>(&place.object, deadline).await? else {
            return Ok(stopped(StopReason::NoPointer));
        };
        if known.value.generation == swap.generation {
            return Ok(CommitAnswer::Committed { report: SwapReport::default() });
        }
        let ours = known.value.owner.as_ref() == Some(&swap.owner);
        let next = known.value.next.as_ref().filter(|_| ours);
        let phase = next.filter(|next| next.generation == swap.generation).map(|next| next.phase);
        let (committing, report) = match phase {
            None => return Ok(stopped(StopReason::Overtaken)),
            Some(Phase::Committing) => (known, SwapReport::default()),
            Some(Phase::Filling) => {
                let plan = self.plan(&swap.item, deadline).await?;
                let Some(report) = report_of_bins(&plan, merged) else {
                    return Ok(stopped(StopReason::BinFailed));
                };
                (known, self.fill(swap, (&plan, report), deadline).await?)
            }
        };
        if !self.is_lease_long_enough(&committing.value, deadline).await? {
            return Ok(stopped(StopReason::LeaseTooShort));
        }
        let Some(committing) = self.pass_the_point(&place, committing, deadline).await? else {
            return Ok(stopped(StopReason::Overtaken));
        };
        let Some(next) = committing.value.next.clone() else {
            return Ok(stopped(StopReason::Overtaken));
        };
        self.finish(&place, (&next, &committing), deadline).await?;
        Ok(CommitAnswer::Committed { report })
    }

    /// Brings over whatever was listed and not merged.
    async fn fill(
        &self,
        swap: &Swap,
        (plan, mut report): (&PartitionPlan, SwapReport),
        deadline: Deadline,
    ) -> Result<SwapReport, LakeError> {
        let PartitionItem { compaction, index, .. } = &swap.item;
        let of_plan = (&self.settings.database, compaction);
        let key = swap_listing_key(of_plan, *index, &swap.generation);
        let listing = self.read::<SwapListing>(&key, deadline).await?;
        let listing = listing.ok_or(LakeError::Vanished { key })?.value;
        let merged: BTreeSet<_> = plan.inputs().map(|input| &input.name).collect();
        let rest = listing.files.iter().filter(|file| !merged.contains(&file.name));
        let rest: Vec<&ListedFile> = rest.collect();
        let brought = self.bring_over(swap, &rest, deadline).await?;
        for (file, brought) in rest.iter().zip(brought) {
            match brought {
                Brought::Over => {
                    report.copied_files += 1;
                    report.copied_bytes += file.bytes;
                }
                Brought::Dropped => report.dropped_files += 1,
                Brought::Gone => {}
            }
        }
        Ok(report)
    }

    /// From here on only forward.
    async fn pass_the_point(
        &self,
        place: &Place,
        known: Known,
        deadline: Deadline,
    ) -> Result<Option<Known>, LakeError> {
        let mut pointer = known.value.clone();
        match &mut pointer.next {
            Some(NextGeneration { phase: Phase::Committing, .. }) => return Ok(Some(known)),
            Some(next) => next.phase = Phase::Committing,
            None => return Ok(None),
        }
        self.replace(place, (&known, pointer), deadline).await
    }

    /// Moves the partition in the catalog, notes what it leaves behind, and only then flips the
    /// pointer: who writes writes to both locations as long as some reader may be sent to either.
    pub(super) async fn finish(
        &self,
        place: &Place,
        (next, committing): (&NextGeneration, &Known),
        deadline: Deadline,
    ) -> Result<(), LakeError> {
        self.move_in_catalog(place, &next.location, deadline).await?;
        // From now on nobody is sent to the old location.
        let now = self.now(deadline).await?;
        let left = committing.value.location.clone();
        self.discard(place, left, now, deadline).await?;
        let flipped = Pointer {
            generation: next.generation.clone(),
            location: next.location.clone(),
            next: None,
            retired_at: None,
            ..committing.value.clone()
        };
        // If somebody was faster, it is the same swap that he rolled forward.
        self.replace(place, (committing, flipped), deadline).await.map(drop)
    }
}

/// What merging came to; none unless every bin of the plan was merged and verified.
fn report_of_bins(plan: &PartitionPlan, merged: &[MergeAnswer]) -> Option<SwapReport> {
    let mut report = SwapReport {
        merged_files: plan.inputs().count(),
        merged_bytes: plan.merged_bytes(),
        ..SwapReport::default()
    };
    for bin in &plan.bins {
        let answer = merged.iter().find(|answer| answer.bin == bin.index)?;
        match &answer.outcome {
            MergeOutcome::Verified(MergedFile { bytes, .. }) => {
                report.new_files += 1;
                report.new_bytes += bytes;
            }
            MergeOutcome::Failed { .. } => return None,
        }
    }
    Some(report)
}
