//! What a plan will cost, about: so that people can decide before they start it.
//!
//! Calls are counted as the steps make them when nothing goes wrong, and seconds by a speed that was
//! measured once. Where nothing runs on AWS it costs nothing of this.

use std::ops::AddAssign;

use serde::Serialize;

use super::plan::PartitionPlan;

// Prices of us-east-1 in November 2026 (AWS_FACTS.md §9, which could not be verified for that
// month), in dollars.
const S3_WRITE: f64 = 0.005 / 1_000.0;
const S3_READ: f64 = 0.000_4 / 1_000.0;
const GLUE_CALL: f64 = 1.0 / 1_000_000.0;
const TRANSITION: f64 = 25.0 / 1_000_000.0;
const LAMBDA_CALL: f64 = 0.20 / 1_000_000.0;
const GB_SECOND: f64 = 0.000_016_666_7;

/// Objects that one call lists (`AWS_FACTS.md` §6).
const LISTED_AT_ONCE: u64 = 1_000;
/// Bytes of an input that one call reads.
const READ_AT_ONCE: u64 = 8 << 20;
/// Bytes of Parquet that a function of [`FUNCTION_GB`] merges in a second: one virtual processor
/// that reads, decodes, encodes and compresses.
const MERGED_PER_SECOND: f64 = 20.0 * 1_048_576.0;
/// What merge-files has (`AWS_FACTS.md` §3: one virtual processor).
const FUNCTION_GB: f64 = 1.769;
/// Seconds of a call that does hardly anything but wait for others.
const CALL_SECONDS: f64 = 0.5;
/// Steps of the state machine for a partition, and for each of its bins.
const TRANSITIONS: u64 = 8;
const TRANSITIONS_A_BIN: u64 = 2;

/// Calls that are paid for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// PUT, COPY and LIST of S3.
    pub s3_writes: u64,
    /// GET of S3.
    pub s3_reads: u64,
    /// Calls of the Glue catalog.
    pub glue: u64,
    /// Invocations of functions.
    pub lambda: u64,
    /// Transitions of a state machine.
    pub transitions: u64,
}

/// What something costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Cost {
    /// Its calls.
    pub requests: Requests,
    /// Memory of functions times their time.
    pub gb_seconds: f64,
    /// All of it in dollars.
    pub dollars: f64,
}

impl AddAssign for Requests {
    fn add_assign(&mut self, other: Self) {
        self.s3_writes += other.s3_writes;
        self.s3_reads += other.s3_reads;
        self.glue += other.glue;
        self.lambda += other.lambda;
        self.transitions += other.transitions;
    }
}

impl Requests {
    /// A listing of so many objects.
    #[must_use]
    pub fn listing(objects: usize) -> Self {
        Self { s3_writes: (objects as u64).div_ceil(LISTED_AT_ONCE).max(1), ..Self::default() }
    }

    /// What the swap of a partition takes, up to the vacuum that removes what it leaves behind.
    #[must_use]
    pub fn of_swap(plan: &PartitionPlan) -> Self {
        let bins = plan.bins.len() as u64;
        let merged = plan.inputs().count();
        let copied = plan.copied_files as u64;
        let pieces = |bytes: u64| bytes.div_ceil(READ_AT_ONCE) + 1;
        let input_reads: u64 = plan.inputs().map(|input| pieces(input.bytes)).sum();
        let output_writes: u64 = plan.bins.iter().map(|bin| pieces(bin.bytes())).sum();
        let listings = Self::listing(merged + plan.copied_files + plan.leftover_files).s3_writes;
        Self {
            // The plan, the listing and the note of garbage; the pointer three times; the time of
            // the store in each step; what is there before and after.
            s3_writes: 9 + 2 * listings + copied + output_writes,
            // The plan in each step, the listing, the pointer; the entries of what is copied.
            s3_reads: 6 + bins + input_reads + copied,
            glue: 5,
            lambda: 2 + bins,
            transitions: TRANSITIONS + TRANSITIONS_A_BIN * bins,
        }
    }
}

impl Cost {
    /// What it costs to find out what is to be done, and to do it.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "nobody pays for the last digits")]
    pub fn of_plan(plans: &[PartitionPlan], planning: Requests) -> Self {
        let mut requests = planning;
        for plan in plans {
            requests += Requests::of_swap(plan);
        }
        let merged: u64 = plans.iter().map(PartitionPlan::merged_bytes).sum();
        let seconds = merged as f64 / MERGED_PER_SECOND + requests.lambda as f64 * CALL_SECONDS;
        let gb_seconds = seconds * FUNCTION_GB;
        let Requests { s3_writes, s3_reads, glue, lambda, transitions } = requests;
        let dollars = s3_writes as f64 * S3_WRITE
            + s3_reads as f64 * S3_READ
            + glue as f64 * GLUE_CALL
            + transitions as f64 * TRANSITION
            + lambda as f64 * LAMBDA_CALL
            + gb_seconds * GB_SECOND;
        Self { requests, gb_seconds, dollars }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        PartitionKey,
        compaction::{PlannedBin, PlannedFile, Qualification},
        layout,
    };

    fn plan(files: u64, bytes: u64) -> PartitionPlan {
        let partition = PartitionKey::new(vec![("dt".parse().unwrap(), "2026-11-22".to_owned())]);
        let (database, table) = ("lake".parse().unwrap(), "camera".parse().unwrap());
        let inputs = (0..files).map(|at| PlannedFile { name: at.to_string(), bytes }).collect();
        PartitionPlan {
            location: layout::first_generation(&database, &table, &partition),
            table,
            partition,
            reason: Qualification::SmallFiles,
            bins: vec![PlannedBin { index: 0, inputs }],
            copied_files: 2,
            copied_bytes: 512 << 20,
            leftover_files: 0,
        }
    }

    #[test]
    fn a_plan_has_a_price() {
        let check = |plans: &[PartitionPlan]| {
            let Cost { requests, gb_seconds, dollars } = Cost::of_plan(plans, Requests::default());
            format!("{requests:?}: {gb_seconds:.1} GB-s, ${dollars:.6}")
        };
        insta::assert_snapshot!(check(&[]), @"Requests { s3_writes: 0, s3_reads: 0, glue: 0, lambda: 0, transitions: 0 }: 0.0 GB-s, $0.000000");
        insta::assert_snapshot!(check(&[plan(417, 20 << 10)]), @"Requests { s3_writes: 16, s3_reads: 843, glue: 5, lambda: 3, transitions: 10 }: 3.4 GB-s, $0.000729");
        insta::assert_snapshot!(check(&[plan(256, 1 << 20)]), @"Requests { s3_writes: 46, s3_reads: 521, glue: 5, lambda: 3, transitions: 10 }: 25.3 GB-s, $0.001116");
        insta::assert_snapshot!(check(&[plan(417, 20 << 10), plan(256, 1 << 20)]), @"Requests { s3_writes: 62, s3_reads: 1364, glue: 10, lambda: 6, transitions: 20 }: 28.7 GB-s, $0.001845");
    }
}
