//! What a compaction did, or would do, as it is printed.

use std::fmt;

use alluvium_lake::{CompactionPlan, Surveyed};
use alluvium_model::{
    TableName,
    compaction::{Cost, PartitionPlan, Qualification, StopReason, SwapReport},
};
use serde::Serialize;

use crate::output::{bytes, count, printable};

/// Partitions that people are shown.
const SHOWN_MAX: usize = 50;

/// All of it.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    looked_at: Surveyed,
    /// What the whole plan costs on AWS, about.
    cost: Cost,
    pub(super) partitions: Vec<Line>,
    partitions_left: usize,
}

/// One partition.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    table: TableName,
    partition: String,
    reason: Qualification,
    planned: Work,
    #[serde(flatten)]
    pub(super) ended: Ended,
}

/// What is planned for a partition.
#[derive(Debug, Serialize)]
struct Work {
    merged_files: usize,
    merged_bytes: u64,
    new_files: usize,
    copied_files: usize,
    copied_bytes: u64,
    leftover_files: usize,
}

/// How it ended.
#[derive(Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(super) enum Ended {
    /// It was not begun.
    Planned,
    /// Readers see the new files.
    Committed { report: SwapReport },
    /// Nothing changed.
    Stopped {
        #[serde(rename = "stopped_because")]
        reason: StopReason,
    },
    /// Something went wrong.
    Failed { message: String },
}

impl Summary {
    pub(super) fn of_plan(plan: &CompactionPlan) -> Self {
        Self {
            looked_at: plan.surveyed,
            cost: plan.cost,
            partitions: plan.planned.partitions.iter().map(Line::of_plan).collect(),
            partitions_left: plan.planned.partitions_left,
        }
    }

    /// Whether something went wrong. A partition that somebody else swaps is none of that.
    pub(super) fn failed(&self) -> bool {
        self.partitions.iter().any(|line| match &line.ended {
            Ended::Failed { .. } | Ended::Stopped { reason: StopReason::BinFailed } => true,
            Ended::Planned | Ended::Committed { .. } | Ended::Stopped { .. } => false,
        })
    }

    fn total(&self, of: impl Fn(&Work) -> u64) -> u64 {
        self.partitions.iter().map(|line| of(&line.planned)).sum()
    }
}

impl Line {
    fn of_plan(plan: &PartitionPlan) -> Self {
        let planned = Work {
            merged_files: plan.inputs().count(),
            merged_bytes: plan.merged_bytes(),
            new_files: plan.bins.len(),
            copied_files: plan.copied_files,
            copied_bytes: plan.copied_bytes,
            leftover_files: plan.leftover_files,
        };
        let (table, partition) = (plan.table.clone(), plan.partition.to_string());
        Self { table, partition, reason: plan.reason, planned, ended: Ended::Planned }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.partitions.iter().take(SHOWN_MAX) {
            write!(f, "{line}")?;
        }
        if self.partitions.len() > SHOWN_MAX {
            writeln!(f, "and {} more: see --json", self.partitions.len() - SHOWN_MAX)?;
        }
        let Surveyed { tables, partitions, leased, files, not_understood, .. } = self.looked_at;
        writeln!(
            f,
            "looked at {}, {} and {}",
            count(tables as u64, "table", "tables"),
            count(partitions as u64, "partition", "partitions"),
            count(files as u64, "file", "files"),
        )?;
        if leased > 0 {
            let leased = count(leased as u64, "partition is", "partitions are");
            writeln!(f, "{leased} being swapped, or were just now")?;
        }
        if not_understood > 0 {
            let objects = count(not_understood as u64, "object", "objects");
            writeln!(f, "! {objects} not understood: `alluvium doctor` names them")?;
        }
        if self.partitions.is_empty() {
            return writeln!(f, "nothing is worth a swap");
        }
        writeln!(
            f,
            "{}: {} of {} become {}, {} copied",
            count(self.partitions.len() as u64, "partition", "partitions"),
            count(self.total(|work| work.merged_files as u64), "file", "files"),
            bytes(self.total(|work| work.merged_bytes)),
            self.total(|work| work.new_files as u64),
            bytes(self.total(|work| work.copied_bytes)),
        )?;
        if self.partitions_left > 0 {
            let left = count(self.partitions_left as u64, "partition is", "partitions are");
            writeln!(f, "{left} left for the next time")?;
        }
        let Cost { requests, gb_seconds, dollars } = self.cost;
        writeln!(
            f,
            "on AWS about ${dollars:.4}: {} writes and {} reads of S3, {} calls of Glue, {} transitions, {gb_seconds:.0} GB-seconds",
            requests.s3_writes, requests.s3_reads, requests.glue, requests.transitions,
        )
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = format!("{}/{}", self.table, self.partition);
        let Work { merged_files, merged_bytes, new_files, copied_files, leftover_files, .. } =
            self.planned;
        let mut work = format!(
            "{} of {} become {new_files}, {copied_files} copied",
            count(merged_files as u64, "file", "files"),
            bytes(merged_bytes),
        );
        if leftover_files > 0 {
            work += &format!(", {leftover_files} left behind");
        }
        writeln!(f, "{}: {work}", printable(&place))?;
        match &self.ended {
            Ended::Planned => Ok(()),
            Ended::Committed { report } => {
                writeln!(f, "  done: {} new", bytes(report.new_bytes))
            }
            Ended::Stopped { reason } => writeln!(f, "  ! stopped: {}", told(*reason)),
            Ended::Failed { message } => writeln!(f, "  ! failed: {}", printable(message)),
        }
    }
}

const fn told(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Moved => "somebody moved the partition since it was planned",
        StopReason::Leased => "somebody else swaps it",
        StopReason::Overtaken => "somebody else was faster",
        StopReason::InputMissing => "a file is gone that was to be merged",
        StopReason::BinFailed => "a merged file does not hold what its inputs hold",
        StopReason::LeaseTooShort => "it took too long",
        StopReason::NoPointer => "its pointer is gone",
    }
}
