//! `alluvium verify`

use std::collections::BTreeSet;

use alluvium_lake::{DamagedFile, Finding, Flaw, Verify, VerifyReport};
use alluvium_model::Injury;
use serde::Serialize;

use crate::{
    args::{Inputs, Lake, Rules},
    destinations::Destinations,
    inputs::{Input, expand},
    output::{self, Outcome, by_hand, count, printable},
    progress::{Watched, bar},
};

/// What was found about everything that was named.
#[derive(Debug, Default, Serialize)]
struct Summary {
    /// Files that were verified.
    sources: u64,
    records: u64,
    /// Records with a row.
    rows: u64,
    /// Records with a row in quarantine.
    quarantined: u64,
    /// Values that were compared.
    values: u64,
    missing: u64,
    different: u64,
    doubled: u64,
    /// The first findings of each file.
    findings: Vec<FindingJson>,
    /// Files of the lake that are not as they should be.
    damaged_files: Vec<DamagedFileJson>,
    /// What somebody did to tables by hand.
    injuries: BTreeSet<Injury>,
    #[serde(skip)]
    clean: bool,
}

#[derive(Debug, Serialize)]
struct DamagedFileJson {
    file: String,
    message: String,
}

#[derive(Debug, Serialize)]
struct FindingJson {
    source: String,
    record: u64,
    path: String,
    flaw: &'static str,
    expected: String,
    found: String,
}

pub(crate) async fn run(
    inputs: &Inputs,
    rules: &Rules,
    lake: &Lake,
    json: bool,
) -> anyhow::Result<Outcome> {
    let limits = inputs.limits()?;
    let (catalog, objects) = lake.open().await?;
    let destinations = Destinations::of(inputs, rules, Some(&objects)).await?;
    let inputs = expand(&inputs.files, &destinations)?;
    let verify = Verify::new(catalog, objects, limits);
    let mut verify = verify.by_ledger_of(lake.database.clone());
    let bar = bar(inputs.iter().filter_map(Input::size).sum());
    let mut summary = Summary { clean: true, ..Summary::default() };
    for input in inputs {
        let opened = input.open().await?;
        let uri = opened.origin.source.clone();
        let source = opened.read_by(|reader| Watched { reader, bar: bar.clone() });
        summary.add(&uri, verify.verify(input.destination, source).await?);
    }
    bar.finish_and_clear();
    if json {
        output::print_json(&summary)?;
    } else {
        output::print(&summary.to_string())?;
    }
    Ok(if summary.clean { Outcome::Done } else { Outcome::Failed })
}

impl Summary {
    fn add(&mut self, source: &str, report: VerifyReport) {
        self.clean &= report.is_clean();
        let damaged = report.damaged_files.into_iter();
        self.damaged_files.extend(damaged.map(|DamagedFile { key, message }| DamagedFileJson {
            file: key.to_string(),
            message,
        }));
        self.injuries.extend(report.injuries);
        let found = report.found;
        self.sources += 1;
        self.records += report.records;
        self.rows += found.rows;
        self.quarantined += found.quarantined;
        self.values += found.values;
        for (flaw, count) in found.flaws {
            *match flaw {
                Flaw::Missing => &mut self.missing,
                Flaw::Different => &mut self.different,
                Flaw::Doubled => &mut self.doubled,
            } += count;
        }
        let shown = found.findings.into_iter().map(|finding| {
            let Finding { record, path, flaw, expected, found } = finding;
            let (source, flaw) = (source.to_owned(), flaw_name(flaw));
            FindingJson { source, record, path, flaw, expected, found }
        });
        self.findings.extend(shown);
    }

    const fn flaws(&self) -> u64 {
        self.missing + self.different + self.doubled
    }
}

const fn flaw_name(flaw: Flaw) -> &'static str {
    match flaw {
        Flaw::Missing => "missing",
        Flaw::Different => "different",
        Flaw::Doubled => "doubled",
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&by_hand(&self.injuries, "heals with the next file"))?;
        for DamagedFileJson { file, message } in &self.damaged_files {
            writeln!(f, "! {file}: {}", printable(message))?;
        }
        for finding in &self.findings {
            let FindingJson { source, record, path, flaw, expected, found } = finding;
            writeln!(f, "! {source}: record {record}: {} is {flaw}", printable(path))?;
            writeln!(f, "  source: {}", printable(expected))?;
            writeln!(f, "  lake:   {}", printable(found))?;
        }
        let hidden = self.flaws().saturating_sub(self.findings.len() as u64);
        if hidden > 0 {
            writeln!(f, "! and {hidden} more")?;
        }
        writeln!(
            f,
            "{} in {}: {} and {} in quarantine, {} compared",
            count(self.records, "record", "records"),
            count(self.sources, "file", "files"),
            count(self.rows, "row", "rows"),
            self.quarantined,
            count(self.values, "value", "values"),
        )?;
        writeln!(
            f,
            "{} missing, {} different, {} doubled",
            self.missing, self.different, self.doubled
        )
    }
}
