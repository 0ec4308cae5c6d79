//! `alluvium ingest`

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use alluvium_lake::{
    AddedColumn, BadRecordReport, Ingest, IngestReport, IngestSettings, KeptWhole, Warning,
};
use alluvium_model::{Counts, Injury, RecordCounts};
use anyhow::bail;
use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;
use tokio::{runtime::Handle, sync::Semaphore, task::JoinSet};

use crate::{
    args::{Inputs, Lake, Rules, Settle},
    bad_records,
    destinations::Destinations,
    inputs::{Input, expand},
    lake::{Catalog, Objects, Subscribers},
    output::{self, Outcome, by_hand, bytes, count},
    progress::{Watched, bar},
};

/// A file of this size or more is loaded alone, so that memory seldom grows with the threads. A
/// smaller one can still hold much, if it is compressed well.
const LARGE_FILE_BYTES: u64 = 1 << 20;
/// New columns and bad records that people are shown.
const SHOWN_MAX: usize = 20;

/// How files are loaded.
#[derive(Debug, Args)]
pub(crate) struct How {
    /// Files that are loaded at once (a large one always alone). One after the other they give
    /// the same names and files on every run; at once they race for names
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    threads: u32,
    /// The event bus that is told what changes of tables of a lake in S3; an empty name tells
    /// nobody
    #[arg(long, value_name = "NAME", default_value = "default")]
    event_bus: String,
    #[command(flatten)]
    settle: Settle,
}

/// What became of everything.
#[derive(Debug, Default, Serialize)]
struct Summary {
    #[serde(flatten)]
    counts: Counts,
    /// Files that were loaded.
    sources: u64,
    /// What became of the records of files that were loaded before.
    loaded_before: RecordCounts,
    added_columns: Vec<AddedColumn>,
    kept_whole: Vec<KeptWhole>,
    healed: Vec<Injury>,
    warnings: Vec<Warning>,
    bad_records: Vec<BadRecordReport>,
    errors: Vec<SourceError>,
}

/// A file that could not be loaded.
#[derive(Debug, Serialize)]
struct SourceError {
    source: String,
    message: String,
}

type LakeIngest = Ingest<Catalog, Objects, Subscribers>;

pub(crate) async fn run(
    inputs: &Inputs,
    rules: &Rules,
    (lake, how): (&Lake, How),
    json: bool,
) -> anyhow::Result<Outcome> {
    let How { threads, event_bus, settle } = how;
    let limits = inputs.limits()?;
    let (catalog, objects) = lake.open_or_create().await?;
    let destinations = Destinations::of(inputs, rules, Some(&objects)).await?;
    let inputs = expand(&inputs.files, &destinations)?;
    let subscribers = lake.subscribers(&event_bus).await?;
    let settings = IngestSettings::new(lake.database.clone()).settling(settle.time());
    let settings = IngestSettings { limits, ..settings };
    let ingest = Arc::new(Ingest::new(catalog, objects, settings).telling(subscribers));
    let bar = bar(inputs.iter().filter_map(Input::size).sum());
    let summary = load_all(&ingest, inputs, threads, &bar).await?;
    bar.finish_and_clear();
    if json {
        output::print_json(&summary)?;
    } else {
        output::print(&summary.to_string())?;
    }
    Ok(summary.outcome())
}

/// Loads as many inputs at once as there are threads; reports in the order of the inputs.
async fn load_all(
    ingest: &Arc<LakeIngest>,
    inputs: Vec<Input>,
    threads: u32,
    bar: &ProgressBar,
) -> anyhow::Result<Summary> {
    let permits = Arc::new(Semaphore::new(threads as usize));
    let names: Vec<_> = inputs.iter().map(Input::name).collect();
    let mut loading = JoinSet::new();
    let mut numbers = HashMap::new();
    for (number, input) in inputs.into_iter().enumerate() {
        let large = input.size().is_none_or(|bytes| bytes >= LARGE_FILE_BYTES);
        let share = if large { threads } else { 1 };
        let permit = Arc::clone(&permits).acquire_many_owned(share).await?;
        let (ingest, bar) = (Arc::clone(ingest), bar.clone());
        let runtime = Handle::current();
        // A source keeps its thread busy and its memory with it, so it gets one for itself.
        let task = loading.spawn_blocking(move || {
            let result = runtime.block_on(load(&ingest, &input, bar));
            drop(permit);
            result
        });
        numbers.insert(task.id(), number);
    }
    let mut results = BTreeMap::new();
    while let Some(loaded) = loading.join_next_with_id().await {
        // Whatever befalls one file, a panic included, the others are loaded and reported.
        let (id, result) = match loaded {
            Ok((id, result)) => (id, result),
            Err(panicked) => (panicked.id(), Err(anyhow::Error::from(panicked))),
        };
        results.insert(numbers.get(&id).copied(), result);
    }
    let mut summary = Summary::default();
    for (number, result) in results {
        match result {
            Ok(report) => summary.add(report),
            Err(error) => summary.errors.push(SourceError {
                source: number.and_then(|number| names.get(number)).cloned().unwrap_or_default(),
                message: format!("{error:#}"),
            }),
        }
    }
    Ok(summary)
}

async fn load(
    ingest: &LakeIngest,
    input: &Input,
    bar: ProgressBar,
) -> anyhow::Result<IngestReport> {
    let opened = input.open().await?;
    let source = opened.read_by(|reader| Watched { reader, bar });
    let report = Box::pin(ingest.ingest(input.destination.clone(), source)).await?;
    let before = report.loaded_before.as_ref().and_then(|before| before.table.as_deref());
    // Somebody wants it in a table that it did not go to.
    let wanted = input.destination.table.as_str();
    match before.or(report.table.as_deref()) {
        Some(other) if other != wanted => bail!(
            "it was loaded into `{other}`, where its loading had been begun before, and a file is \
             loaded once: to have it in `{wanted}` too, load a copy of it, or use another \
             --database"
        ),
        Some(_) | None => Ok(report),
    }
}

impl Summary {
    fn add(&mut self, report: IngestReport) {
        match &report.loaded_before {
            None => self.sources += 1,
            Some(before) => self.loaded_before.add(&before.counts),
        }
        self.counts.add(&report.counts);
        self.added_columns.extend(report.added_columns);
        self.kept_whole.extend(report.kept_whole);
        self.healed.extend(report.healed);
        self.warnings.extend(report.warnings);
        self.bad_records.extend(report.bad_records);
    }

    fn outcome(&self) -> Outcome {
        if !self.errors.is_empty() {
            Outcome::Failed
        } else if self.counts.quarantined_total() + self.loaded_before.quarantined_total() > 0 {
            Outcome::Quarantined
        } else {
            Outcome::Done
        }
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = self.added_columns.iter().take(SHOWN_MAX);
        for column in shown {
            write!(f, "+ {}.{} {}  {}", column.table, column.name, column.kind, column.path)?;
            if let Some(base) = &column.sibling_of {
                write!(f, "  (conflict: {base} cannot take it)")?;
            }
            writeln!(f)?;
        }
        let hidden = self.added_columns.len().saturating_sub(SHOWN_MAX);
        if hidden > 0 {
            writeln!(f, "+ {hidden} more columns: see `alluvium schema`")?;
        }
        for KeptWhole { table, path } in self.kept_whole.iter().take(SHOWN_MAX) {
            writeln!(f, "+ {table}: objects at {path} have too many keys, and are kept whole")?;
        }
        f.write_str(&by_hand(self.healed.iter().take(SHOWN_MAX), "healed"))?;
        for bad in self.bad_records.iter().take(SHOWN_MAX) {
            write!(f, "{}", bad_records::text(bad))?;
        }
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        for error in &self.errors {
            writeln!(f, "error: {}: {}", error.source, error.message)?;
        }
        let counts = &self.counts;
        writeln!(
            f,
            "{} in {}: {}, {} quarantined{}",
            count(counts.records, "record", "records"),
            count(self.sources, "file", "files"),
            count(counts.loaded, "row", "rows"),
            counts.quarantined_total(),
            by_reason(counts),
        )?;
        if counts.rescued_values > 0 {
            let values = count(counts.rescued_values, "value", "values");
            writeln!(f, "{values} without a column: see _rescued")?;
        }
        if counts.duplicates > 0 {
            let files = count(counts.duplicates, "file was", "files were");
            let RecordCounts { records, loaded, .. } = &self.loaded_before;
            let records = count(*records, "record", "records");
            let rows = count(*loaded, "row", "rows");
            let quarantined = self.loaded_before.quarantined_total();
            writeln!(f, "{files} loaded before: {records}, {rows}, {quarantined} quarantined")?;
        }
        let files = count(counts.files, "Parquet file", "Parquet files");
        writeln!(f, "{} of input, {files} of {}", bytes(counts.bytes_in), bytes(counts.bytes_out))
    }
}

fn by_reason(counts: &Counts) -> String {
    if counts.quarantined.is_empty() {
        return String::new();
    }
    let reasons = counts.quarantined.iter().map(|(reason, count)| format!("{reason} {count}"));
    format!(" ({}): see the table quarantine", reasons.collect::<Vec<_>>().join(", "))
}
