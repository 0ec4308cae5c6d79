//! summarize-compaction: what became of the partitions of a plan.

use alluvium_lake::Deadline;
use alluvium_model::compaction::{CompactionId, PlanAnswer};
use serde::{Deserialize, Serialize};

/// What summarize-compaction is asked for.
#[derive(Clone, Debug, Deserialize)]
pub struct SummaryRequest {
    /// What plan-compaction answered.
    pub plan: PlanAnswer,
    /// How the swap of each partition ended. One whose answer nobody got is missing.
    pub swaps: Vec<SwapOutcome>,
}

/// How a swap ended.
#[derive(Clone, Debug, Deserialize)]
pub struct SwapOutcome {
    /// In a word.
    pub outcome: Outcome,
}

/// How a swap ended, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Readers see the new files.
    Committed,
    /// Nothing changed: the next plan decides again.
    Stopped,
    /// A step failed.
    Failed,
}

/// What became of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CompactionSummary {
    /// The plan.
    pub compaction: CompactionId,
    /// Its partitions.
    pub partitions: usize,
    /// Those whose readers see new files.
    pub committed: usize,
    /// Those that are as they were.
    pub stopped: usize,
    /// Partitions that were left for the next plan.
    pub left: usize,
    /// Files that were to be merged.
    pub merged_files: usize,
    /// Their bytes.
    pub merged_bytes: u64,
}

/// Some partitions failed. The others are done, and the next plan tries again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "compaction {}: {failed} of {} partitions failed, {} were swapped and {} left as they were",
    summary.compaction, summary.partitions, summary.committed, summary.stopped
)]
pub struct FailedSwaps {
    /// What became of the others.
    pub summary: CompactionSummary,
    /// How many failed.
    pub failed: usize,
}

/// Counts how the swaps of a plan ended.
///
/// # Errors
/// When some failed: the state machine fails with it, which is what an alarm watches.
pub async fn summarize(
    SummaryRequest { plan, swaps }: SummaryRequest,
    _: Deadline,
) -> Result<CompactionSummary, FailedSwaps> {
    let count = |outcome| swaps.iter().filter(|swap| swap.outcome == outcome).count();
    let (committed, stopped) = (count(Outcome::Committed), count(Outcome::Stopped));
    let failed = plan.partitions.saturating_sub(committed + stopped);
    let summary = CompactionSummary {
        compaction: plan.compaction,
        partitions: plan.partitions,
        committed,
        stopped,
        left: plan.partitions_left,
        merged_files: plan.merged_files,
        merged_bytes: plan.merged_bytes,
    };
    if failed == 0 { Ok(summary) } else { Err(FailedSwaps { summary, failed }) }
}
