//! What was not merged is brought over.
//!
//! A copy lands upon a look at the ledger, and others rely on nobody writing longer than the settle
//! time after his look: a step, which makes all of its calls within that time, sees to it.

use alluvium_model::{
    LedgerState, UtcInstant,
    compaction::{ListedFile, Swap},
    layout::source_of_file,
    ports::{Copied, SwapObjects},
};

use super::{Swaps, later};
use crate::{Deadline, LakeError, pointers::at_once};

/// What became of a file that was not merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Brought {
    /// It is in the new generation.
    Over,
    /// It does not belong to a source that is loaded or being loaded by its plan.
    Dropped,
    /// It was swept meanwhile.
    Gone,
}

impl<C, O: SwapObjects> Swaps<C, O> {
    /// Brings files over, one by one if they belong there; what became of each, in order.
    pub(super) async fn bring_over(
        &self,
        swap: &Swap,
        files: &[&ListedFile],
        deadline: Deadline,
    ) -> Result<Vec<Brought>, LakeError> {
        // Before every look at the ledger.
        let now = self.now(deadline).await?;
        at_once(files.iter().map(|file| self.bring(swap, (file, now), deadline))).await
    }

    async fn bring(
        &self,
        swap: &Swap,
        (file, now): (&ListedFile, UtcInstant),
        deadline: Deadline,
    ) -> Result<Brought, LakeError> {
        let from = swap.location.object(&file.name);
        if !self.belongs((file, now), swap, deadline).await? {
            return Ok(Brought::Dropped);
        }
        let to = swap.next.object(&file.name);
        let copy = || self.objects.copy_object(&from, &to);
        Ok(match deadline.call(self.settings.backoff.retry(copy)).await? {
            // Whoever writes to both locations may have been faster: equal names, equal rows.
            Copied::Done | Copied::Exists => Brought::Over,
            Copied::Gone => Brought::Gone,
        })
    }

    /// Whether a file is of a source that is loaded, or being loaded, by the plan in its name.
    async fn belongs(
        &self,
        (file, now): (&ListedFile, UtcInstant),
        swap: &Swap,
        deadline: Deadline,
    ) -> Result<bool, LakeError> {
        // What was merged was committed, and what others put there is not ours to judge.
        let Some((source, plan)) = source_of_file(&swap.location.object(&file.name)) else {
            return Ok(true);
        };
        // Judged before the ledger is read: an answer from before the commit would drop a file
        // that was young then.
        let is_old = later(file.modified, self.settings.settle) < now;
        let found = deadline.call(self.ledger.find(source)).await?;
        Ok(match found.state() {
            // Entries expire once they are committed: a missing one is no evidence.
            None => true,
            Some(LedgerState::Committed(committed)) => committed.plan == plan,
            // Whoever commits it must have written the file since he read the ledger.
            Some(LedgerState::Writing(claim)) => {
                !is_old && claim.plan.as_ref().is_some_and(|claimed| claimed.id == plan)
            }
            Some(LedgerState::Superseded { .. }) => false,
        })
    }
}
