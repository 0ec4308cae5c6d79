//! `alluvium doctor`

use std::{collections::HashMap, fmt, mem};

use alluvium_lake::{
    Diagnosis, Doctor, InProgress, Inconsistency, IngestSettings, LookedAt, Reported, SwapSettings,
    Swaps, Treatment, random_owner,
};
use alluvium_model::TableName;
use clap::Args;
use serde::Serialize;

use crate::{
    args::{Lake, Settle},
    output::{self, Outcome, count, printable},
};

/// Findings of one kind that people are shown.
const SHOWN_MAX: usize = 20;

/// How a lake is examined.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct How {
    /// Also heal what can be healed safely, whoever else is at work: register partitions that the
    /// catalog lacks, and sweep sources that were found to be gone
    #[arg(long)]
    heal: bool,
    /// Also put partitions that the catalog has elsewhere back to where their pointers say, under
    /// their leases: one that is being compacted, or was just now, is left to the next time
    #[arg(long)]
    repair: bool,
    #[command(flatten)]
    settle: Settle,
}

/// What was found, as it is printed.
#[derive(Debug, Serialize)]
struct Summary {
    looked_at: LookedAt,
    in_progress: InProgress,
    partitions_dropped: usize,
    healed: usize,
    findings: Vec<FindingJson>,
}

#[derive(Debug, Serialize)]
struct FindingJson {
    #[serde(flatten)]
    finding: Inconsistency,
    place: String,
    message: String,
    heals: String,
    treatment: Option<Treatment>,
}

pub(crate) async fn run(
    tables: &[TableName],
    lake: &Lake,
    how: How,
    json: bool,
) -> anyhow::Result<Outcome> {
    let (catalog, objects) = lake.open().await?;
    let settings = IngestSettings::new(lake.database.clone()).settling(how.settle.time());
    let swaps = Swaps::new(catalog.clone(), objects.clone(), SwapSettings::of(settings.clone()));
    let doctor = Doctor::new(catalog, objects, settings);
    let mut diagnosis = doctor.examine(tables).await?;
    if how.heal {
        doctor.heal(&mut diagnosis).await;
    }
    if how.repair {
        Box::pin(doctor.heal_locations(&mut diagnosis, &swaps, random_owner)).await;
    }
    let is_healthy = diagnosis.is_healthy();
    let summary = Summary::from(diagnosis);
    if json {
        output::print_json(&summary)?;
    } else {
        output::print(&summary.to_string())?;
    }
    Ok(if is_healthy { Outcome::Done } else { Outcome::Failed })
}

impl From<Diagnosis> for Summary {
    fn from(diagnosis: Diagnosis) -> Self {
        let Diagnosis { findings, looked_at, in_progress, partitions_dropped } = diagnosis;
        let healed = findings.iter().filter(|reported| reported.is_healed()).count();
        let findings = findings.into_iter().map(FindingJson::from).collect();
        Self { looked_at, in_progress, partitions_dropped, healed, findings }
    }
}

impl From<Reported> for FindingJson {
    fn from(Reported { finding, treatment }: Reported) -> Self {
        Self {
            place: finding.place().to_owned(),
            message: finding.to_string(),
            heals: finding.heals(),
            finding,
            treatment,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown: HashMap<_, usize> = HashMap::new();
        for finding in &self.findings {
            let shown = shown.entry(mem::discriminant(&finding.finding)).or_default();
            *shown += 1;
            if *shown <= SHOWN_MAX {
                write!(f, "{finding}")?;
            }
        }
        let hidden: usize = shown.values().map(|shown| shown.saturating_sub(SHOWN_MAX)).sum();
        if hidden > 0 {
            writeln!(f, "! and {hidden} more: see --json")?;
        }
        let LookedAt { tables, partitions, files, sources } = self.looked_at;
        writeln!(
            f,
            "looked at {}, {}, {} and {}",
            counted(tables, "table", "tables"),
            counted(partitions, "partition", "partitions"),
            counted(files, "file", "files"),
            counted(sources, "source", "sources"),
        )?;
        let InProgress { sources, files } = self.in_progress;
        if sources > 0 || files > 0 {
            let sources = counted(sources, "source", "sources");
            writeln!(f, "in progress: {sources}, {}", counted(files, "file", "files"))?;
        }
        if self.partitions_dropped > 0 {
            let partitions = counted(self.partitions_dropped, "partition was", "partitions were");
            writeln!(f, "{partitions} dropped, with all files")?;
        }
        let found = counted(self.findings.len(), "inconsistency", "inconsistencies");
        writeln!(f, "{found}, {} healed", self.healed)
    }
}

impl fmt::Display for FindingJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, message, heals, treatment, .. } = self;
        writeln!(f, "! {}: {}", printable(place), printable(message))?;
        match treatment {
            Some(Treatment::Registered) => writeln!(f, "  healed: the partition is registered"),
            Some(Treatment::Swept) => writeln!(f, "  healed: its files are swept"),
            Some(Treatment::Moved) => {
                writeln!(f, "  healed: the catalog has the partition where its pointer says")
            }
            Some(Treatment::Left) => writeln!(f, "  not healed: somebody else is at it"),
            Some(Treatment::Failed(message)) => writeln!(f, "  not healed: {}", printable(message)),
            None => writeln!(f, "  heals: {}", printable(heals)),
        }
    }
}

fn counted(number: usize, singular: &str, plural: &str) -> String {
    count(number as u64, singular, plural)
}
