//! What the command says, and with which exit code it ends.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use alluvium_aws::{
    ParseBucketPrefixError, ParseEventBusNameError, ParseLakeRootError, ParseQueueUrlError,
};
use alluvium_model::{Injury, LimitError};
use serde::Serialize;

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everything was done.
    Done,
    /// Something failed.
    Failed,
    /// It was called wrongly.
    Usage,
    /// Everything was read, but not every record was loaded.
    Quarantined,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Done => 0,
            Outcome::Failed => 1,
            Outcome::Usage => 2,
            Outcome::Quarantined => 3,
        })
    }
}

impl Outcome {
    /// Says what went wrong, with all its causes.
    pub(crate) fn of_error(error: &anyhow::Error) -> Self {
        if let Some(io) = error.downcast_ref::<io::Error>()
            && io.kind() == io::ErrorKind::BrokenPipe
        {
            // Whoever read our output has seen enough.
            return Self::Done;
        }
        eprintln!("error: {error:#}");
        if error.is::<UsageError>() { Self::Usage } else { Self::Failed }
    }
}

/// The command was called in a way that cannot be meant.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsageError {
    #[error(transparent)]
    NotALake(ParseLakeRootError),
    #[error(transparent)]
    NotABus(ParseEventBusNameError),
    #[error(
        "cannot tell the table of {0}: name it with --table, or pass the folder above the folder that is called like the table"
    )]
    NoTable(String),
    #[error("{0} is not a pattern")]
    BadPattern(String, #[source] glob::PatternError),
    #[error("--table must not be empty")]
    EmptyTable,
    #[error("--table must not have a `/` in it: {0}")]
    SlashInTable(String),
    #[error("the contract names the table: leave out --table")]
    TwoTables,
    #[error(
        "these are files of several tables ({0}), each with a contract of its own: name the files of one, or --table"
    )]
    ManyTables(String),
    #[error(transparent)]
    Limit(#[from] LimitError),
    #[error(
        "{0}: what lies in a folder here needs no announcement, `alluvium ingest FOLDER --lake DIR` loads it"
    )]
    NotABucket(ParseBucketPrefixError),
    #[error(transparent)]
    NotAQueue(ParseQueueUrlError),
    #[error("--from and --to are the same queue")]
    SameQueue,
    #[error("no time is left between --since and --until: the latter must be later")]
    NoTime,
}

/// Prints lines for people.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.is_empty() && !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// Prints one JSON object.
pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    Ok(print(&serde_json::to_string(value)?)?)
}

/// Rows of text as a table whose columns stand below each other.
pub(crate) fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<_> = (0..N).map(|column| width(column).unwrap_or_default()).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// What somebody did to tables by hand, and what becomes of it.
pub(crate) fn by_hand<'a>(injuries: impl IntoIterator<Item = &'a Injury>, outcome: &str) -> String {
    let line =
        |injury: &Injury| format!("! by hand: {}: {outcome}\n", printable(&injury.to_string()));
    injuries.into_iter().map(line).collect()
}

/// Text from records for a terminal, which must not obey it: control characters are escaped.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Bytes for people.
pub(crate) fn bytes(count: u64) -> String {
    indicatif::BinaryBytes(count).to_string()
}

/// A number with the noun it counts.
pub(crate) fn count(number: u64, singular: &str, plural: &str) -> String {
    format!("{number} {}", if number == 1 { singular } else { plural })
}
