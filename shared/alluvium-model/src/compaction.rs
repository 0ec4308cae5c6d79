//! Compaction: which small files become larger ones, and what its steps tell each other.
//!
//! A plan is data: partitions, each with bins of files that are to become one. Its steps run in
//! different processes, with a state machine between them that carries no more than 256 KiB, so
//! messages name objects of the lake and never rows or long lists of files:
//!
//! 1. plan-compaction writes one [`PartitionPlan`] a partition and the list of
//!    [`PartitionItem`]s, over which a Map runs, and answers with a [`PlanAnswer`].
//! 2. begin-swap takes a [`PartitionItem`], writes the [`SwapListing`] and answers with a
//!    [`BeginAnswer`].
//! 3. merge-files takes a [`MergeRequest`] for each bin and answers with a [`MergeAnswer`].
//! 4. commit-swap takes a [`CommitRequest`] and answers with a [`CommitAnswer`].

mod cost;
mod messages;
mod packing;
mod plan;
mod planner;
mod settings;
mod standing;

pub use cost::{Cost, Requests};
pub use messages::{
    BeginAnswer, BinItem, CommitAnswer, CommitRequest, MergeAnswer, MergeOutcome, MergeRequest,
    MergedFile, PlanAnswer, StopReason, Swap, SwapReport,
};
pub use plan::{
    CompactionId, ListedFile, PartitionItem, PartitionPlan, PlannedBin, PlannedFile, Qualification,
    SwapListing,
};
pub use planner::{Planned, Planner};
pub use settings::CompactionSettings;
pub use standing::{DatedEntry, PartitionFiles, Standing, StandingFile};
