//! The steps of compaction and vacuum, each a function of its own: so that each may touch only what
//! it needs, and a state machine repeats the one that failed. They share a binary, which takes a
//! sixth of the time to build.
//!
//! Each decodes a message, calls one use case, and encodes its answer; what they tell each other is
//! `alluvium_model::compaction`. Everything about the lake is in `alluvium-lake`.

mod failure;
mod step;
mod summary;

use alluvium_aws::{Aws, GlueCatalog, MaintenanceEnvironment, S3Objects};
use alluvium_lake::{
    Backoff, CompactionPlanner, Deadline, IngestSettings, LakeError, PlanScope, PlanSettings,
    SwapSettings, Swaps, VacuumReport, random_owner,
};
use alluvium_model::{
    TableName,
    compaction::{
        BeginAnswer, CommitAnswer, CommitRequest, MergeAnswer, MergeRequest, PartitionItem,
        PlanAnswer,
    },
    ports::{DropPartitions, ReadDated, ReadPartitions, SwapCatalog, SwapObjects},
};
use lambda_runtime::LambdaEvent;
use serde::Deserialize;
use serde_json::Value;

pub use crate::{
    failure::Failure,
    step::{Step, UnknownStep, take},
    summary::{CompactionSummary, FailedSwaps, Outcome, SummaryRequest, SwapOutcome, summarize},
};

/// The functions of one lake, made once a sandbox.
#[derive(Debug)]
pub struct Maintenance<C, O> {
    planner: CompactionPlanner<C, O>,
    swaps: Swaps<C, O>,
}

/// What is to be compacted.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlanRequest {
    /// These tables; all if none is named.
    pub tables: Vec<TableName>,
}

/// What is to be vacuumed: everything.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct VacuumRequest {}

impl Maintenance<GlueCatalog, S3Objects> {
    /// The functions over S3 and Glue.
    pub async fn on_aws(environment: MaintenanceEnvironment) -> Self {
        let MaintenanceEnvironment { lake, database, patience, compaction, grace, step: _ } =
            environment;
        let aws = Aws::with_patience(patience).await;
        let catalog = GlueCatalog::new(&aws, database.clone(), lake.clone());
        let objects = S3Objects::new(&aws, lake);
        let settings = IngestSettings::new(database.clone()).settling(compaction.settle);
        let plan = PlanSettings { database, backoff: Backoff::default(), compaction };
        Self::new(catalog, objects, (plan, SwapSettings { grace, ..SwapSettings::of(settings) }))
    }
}

impl<C, O> Maintenance<C, O>
where
    C: SwapCatalog + ReadPartitions + DropPartitions + Clone,
    O: SwapObjects + ReadDated + Clone + Send + Sync + 'static,
{
    /// The functions over any ports.
    pub fn new(catalog: C, objects: O, (plan, swaps): (PlanSettings, SwapSettings)) -> Self {
        Self {
            planner: CompactionPlanner::new(catalog.clone(), objects.clone(), plan),
            swaps: Swaps::new(catalog, objects, swaps),
        }
    }

    /// Takes one step.
    ///
    /// # Errors
    /// When the message is not understood, or the step fails.
    pub async fn handle(&self, step: Step, event: LambdaEvent<Value>) -> Result<Value, Failure> {
        match step {
            Step::PlanCompaction => take(event, |request, end| self.plan(request, end)).await,
            Step::BeginSwap => take(event, |request, end| self.begin(request, end)).await,
            Step::MergeFiles => take(event, |request, end| self.merge(request, end)).await,
            Step::CommitSwap => take(event, |request, end| self.commit(request, end)).await,
            Step::SummarizeCompaction => take(event, summarize).await,
            Step::VacuumLake => take(event, |request, end| self.vacuum(request, end)).await,
        }
    }

    /// plan-compaction: finds what is worth a swap, and writes it to the lake.
    ///
    /// # Errors
    /// When the lake cannot be looked at or written to.
    pub async fn plan(
        &self,
        PlanRequest { tables }: PlanRequest,
        deadline: Deadline,
    ) -> Result<PlanAnswer, LakeError> {
        let scope = PlanScope { tables, ..PlanScope::default() };
        let plan = deadline.call(self.planner.plan(&scope)).await?;
        Ok(deadline.call(self.planner.write(&plan)).await?.answer)
    }

    /// begin-swap: takes the lease of a partition.
    ///
    /// # Errors
    /// When a port fails, or the plan is gone.
    pub async fn begin(
        &self,
        item: PartitionItem,
        deadline: Deadline,
    ) -> Result<BeginAnswer, LakeError> {
        self.swaps.begin(&item, random_owner(), deadline).await
    }

    /// merge-files: makes one file of those of a bin.
    ///
    /// # Errors
    /// When a port fails, or the plan is gone.
    pub async fn merge(
        &self,
        request: MergeRequest,
        deadline: Deadline,
    ) -> Result<MergeAnswer, LakeError> {
        self.swaps.merge(&request, deadline).await
    }

    /// commit-swap: brings the rest over and lets readers see the new generation.
    ///
    /// # Errors
    /// When a port fails.
    pub async fn commit(
        &self,
        request: CommitRequest,
        deadline: Deadline,
    ) -> Result<CommitAnswer, LakeError> {
        self.swaps.commit(&request, deadline).await
    }

    /// vacuum-lake: deletes what nobody reads any more, and retires what contracts let age.
    ///
    /// # Errors
    /// When a port fails, or a contract is wrong.
    pub async fn vacuum(
        &self,
        VacuumRequest {}: VacuumRequest,
        deadline: Deadline,
    ) -> Result<VacuumReport, LakeError> {
        self.swaps.vacuum_by_contracts(random_owner, deadline).await
    }
}
