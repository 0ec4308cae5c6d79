//! `alluvium compact`

mod summary;

use std::time::Duration;

use alluvium_lake::{
    Backoff, CompactionPlan, CompactionPlanner, Deadline, IngestSettings, LakeError, PlanScope,
    PlanSettings, SwapSettings, Swaps, random_owner,
};
use alluvium_model::{
    PartitionKey, TableName,
    compaction::{CommitAnswer, CompactionSettings, PartitionItem},
};
use clap::Args;

use self::summary::{Ended, Summary};
use crate::{
    args::{Lake, Settle},
    interrupt::Interrupt,
    lake::{Catalog, Objects},
    output::{self, Outcome},
    progress,
};

/// What is compacted, and how.
#[derive(Debug, Args)]
pub(crate) struct How {
    /// The table; may be repeated. All if none is named
    #[arg(long = "table", value_name = "NAME")]
    tables: Vec<TableName>,
    /// A partition as its path is written, `dt=2026-11-22/hr=07`; may be repeated. All if none is
    /// named
    #[arg(long = "partition", value_name = "PATH", value_parser = partition)]
    partitions: Vec<PartitionKey>,
    /// Only say what would be done, and what it would cost on AWS
    #[arg(long)]
    dry_run: bool,
    /// Bytes of small files that become one file; files from half of it on stay as they are
    #[arg(long, value_name = "BYTES", default_value_t = CompactionSettings::default().target_bytes, value_parser = clap::value_parser!(u64).range(2..))]
    target_bytes: u64,
    /// Small files that are worth it
    #[arg(long, value_name = "N", default_value_t = CompactionSettings::default().files_min)]
    min_files: usize,
    /// How long nothing must have arrived in a partition before what is left is packed, too
    #[arg(long, value_name = "SECONDS", default_value_t = CompactionSettings::default().quiet.as_secs())]
    quiet_seconds: u64,
    /// How long files that were replaced are kept for those who still read them; `vacuum` deletes
    /// them afterwards
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    grace_seconds: u64,
    #[command(flatten)]
    settle: Settle,
}

fn partition(path: &str) -> Result<PartitionKey, String> {
    PartitionKey::of_path(path).ok_or_else(|| "it is not like dt=2026-11-22/hr=07".to_owned())
}

pub(crate) async fn run(lake: &Lake, how: How, json: bool) -> anyhow::Result<Outcome> {
    let (catalog, objects) = lake.open().await?;
    let written = IngestSettings::new(lake.database.clone()).settling(how.settle.time());
    let settings = PlanSettings {
        database: lake.database.clone(),
        backoff: Backoff::default(),
        compaction: how.compaction(),
    };
    let planner = CompactionPlanner::new(catalog.clone(), objects.clone(), settings);
    let scope = PlanScope { tables: how.tables.clone(), partitions: how.partitions.clone() };
    let plan = planner.plan(&scope).await?;
    let mut summary = Summary::of_plan(&plan);
    if !how.dry_run && !plan.planned.partitions.is_empty() {
        let items = planner.write(&plan).await?.items;
        let grace = Duration::from_secs(how.grace_seconds);
        let swap_settings = SwapSettings { grace, ..SwapSettings::of(written) };
        let swaps = Swaps::new(catalog, objects, swap_settings);
        swap(&swaps, (&items, &plan), &mut summary).await?;
    }
    let outcome = if summary.failed() { Outcome::Failed } else { Outcome::Done };
    if json {
        output::print_json(&summary)?;
    } else {
        output::print(&summary.to_string())?;
    }
    Ok(outcome)
}

/// Swaps one partition after the other. One that fails leaves the others alone; an interruption
/// ends with the partition that is under way.
async fn swap(
    swaps: &Swaps<Catalog, Objects>,
    (items, plan): (&[PartitionItem], &CompactionPlan),
    summary: &mut Summary,
) -> anyhow::Result<()> {
    let interrupt = Interrupt::note()?;
    let bytes = plan.planned.partitions.iter().map(|plan| plan.merged_bytes() + plan.copied_bytes);
    let bar = progress::bar(bytes.clone().sum());
    for ((item, bytes), line) in items.iter().zip(bytes).zip(&mut summary.partitions) {
        if interrupt.was_asked() {
            break;
        }
        line.ended = match Box::pin(swaps.swap(item, random_owner(), || Deadline::NEVER)).await {
            Ok(CommitAnswer::Committed { report }) => Ended::Committed { report },
            Ok(CommitAnswer::Stopped { reason }) => Ended::Stopped { reason },
            Err(error) => Ended::Failed { message: message(error) },
        };
        bar.inc(bytes);
    }
    bar.finish_and_clear();
    Ok(())
}

fn message(error: LakeError) -> String {
    format!("{:#}", anyhow::Error::from(error))
}

impl How {
    fn compaction(&self) -> CompactionSettings {
        CompactionSettings {
            target_bytes: self.target_bytes,
            files_min: self.min_files,
            settle: self.settle.time(),
            quiet: Duration::from_secs(self.quiet_seconds),
            ..CompactionSettings::default()
        }
    }
}
