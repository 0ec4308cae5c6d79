//! `alluvium vacuum`

use std::fmt;

use alluvium_lake::{
    Deadline, IngestSettings, KeptGarbage, NamedBy, SwapSettings, Swaps, VacuumReport, random_owner,
};
use serde::Serialize;

use crate::{
    args::{Lake, Settle},
    output::{self, Outcome, bytes, count, printable},
};

/// What was deleted and retired, as it is printed.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Summary(VacuumReport);

pub(crate) async fn run(lake: &Lake, settle: Settle, json: bool) -> anyhow::Result<Outcome> {
    let (catalog, objects) = lake.open().await?;
    let written = IngestSettings::new(lake.database.clone()).settling(settle.time());
    let swaps = Swaps::new(catalog, objects, SwapSettings::of(written));
    let vacuum = Box::pin(swaps.vacuum_by_contracts(random_owner, Deadline::NEVER));
    let report = vacuum.await?;
    let outcome = if report.kept.is_empty() { Outcome::Done } else { Outcome::Failed };
    let summary = Summary(report);
    if json {
        output::print_json(&summary)?;
    } else {
        output::print(&summary.to_string())?;
    }
    Ok(outcome)
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let VacuumReport {
            locations,
            files,
            bytes: deleted,
            waiting,
            left,
            retired,
            leased,
            kept,
            ..
        } = &self.0;
        for KeptGarbage { garbage, named_by, .. } in kept {
            let location = printable(garbage.location.as_str());
            writeln!(f, "! {location} is kept: {}; see `alluvium doctor`", told(*named_by))?;
        }
        writeln!(
            f,
            "deleted {} of {} in {}",
            count(*files as u64, "file", "files"),
            bytes(*deleted),
            count(*locations as u64, "location", "locations"),
        )?;
        if *waiting > 0 {
            let waiting = count(*waiting as u64, "location waits", "locations wait");
            writeln!(f, "{waiting} until nobody reads it any more")?;
        }
        if *retired > 0 {
            let retired = count(*retired as u64, "partition", "partitions");
            writeln!(f, "took {retired} past the retention out of the catalog")?;
        }
        if *leased > 0 {
            let leased = count(*leased as u64, "partition", "partitions");
            writeln!(f, "{leased} past the retention left for the next time: being swapped")?;
        }
        if *left > 0 {
            writeln!(f, "{} left for the next time", count(*left as u64, "location", "locations"))?;
        }
        Ok(())
    }
}

const fn told(named_by: NamedBy) -> &'static str {
    match named_by {
        NamedBy::Pointer => "the pointer of its partition names it",
        NamedBy::Catalog => "the catalog names it",
        NamedBy::NoPointer => "its partition has no pointer",
    }
}
