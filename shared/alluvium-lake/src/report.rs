//! What an ingest tells about a source.

use alluvium_columnar::BadRecord;
use alluvium_model::{Committed, Counts, Injury, Reason, RecordCounts, Stages, UtcInstant};
use serde::Serialize;

use crate::{AddedColumn, KeptWhole, Warning};

/// Bytes of a bad record that a report shows.
const REPORTED_BYTES_MAX: usize = 200;

/// What became of a source.
#[derive(Clone, Debug, Default, Serialize)]
pub struct IngestReport {
    /// The counts.
    pub counts: Counts,
    /// What it was loaded as, if that was done before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loaded_before: Option<LoadedBefore>,
    /// The table that it was taken to, as that is called where it comes from, or that others were
    /// routed from; none if it went to quarantine as a whole, or was not loaded.
    #[serde(skip)]
    pub table: Option<String>,
    /// The columns that it brought.
    pub added_columns: Vec<AddedColumn>,
    /// The objects that are kept whole since.
    pub kept_whole: Vec<KeptWhole>,
    /// What somebody had done to tables by hand, and is undone.
    pub healed: Vec<Injury>,
    /// What was left undone, for a reason that somebody should know.
    pub warnings: Vec<Warning>,
    /// Its first bad records.
    pub bad_records: Vec<BadRecordReport>,
    /// When the source arrived; none for one that was not read.
    #[serde(skip)]
    pub arrived_at: Option<UtcInstant>,
    /// When the latest of its events happened that say so and are believed.
    #[serde(skip)]
    pub latest_event: Option<UtcInstant>,
    /// Where the time went.
    pub stages: Stages,
}

/// What is known of a source that was loaded before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LoadedBefore {
    /// The table that it was meant for, as that is called where it comes from; none if it went to
    /// quarantine as a whole.
    pub table: Option<String>,
    /// What became of its records then; nothing, if it was superseded.
    pub counts: RecordCounts,
}

impl From<Committed> for LoadedBefore {
    fn from(Committed { table, counts, .. }: Committed) -> Self {
        Self { table, counts }
    }
}

impl IngestReport {
    /// The report of a source that nothing was read of.
    pub(crate) fn unread(counts: Counts) -> Self {
        Self { counts, ..Self::default() }
    }

    /// The report of a source whose rows were in their tables before.
    pub(crate) fn duplicate(before: LoadedBefore) -> Self {
        let counts = Counts { duplicates: 1, ..Counts::default() };
        Self { loaded_before: Some(before), ..Self::unread(counts) }
    }
}

/// A bad record, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BadRecordReport {
    /// The URI of its source.
    pub source: String,
    /// Its index there.
    pub record: u64,
    /// Where it begins in the decompressed source, in bytes.
    pub offset: u64,
    /// The line that it begins in, from 1.
    pub line: u64,
    /// Where in that line, from 1, in bytes (in UTF-16 in units of two bytes).
    pub column: u64,
    /// Why it could not be loaded.
    pub reason: Reason,
    /// What is wrong.
    pub message: String,
    /// Its first bytes; what is no text is escaped.
    pub excerpt: String,
}

impl BadRecordReport {
    /// The report of the bad record with this index in `source`.
    #[must_use]
    pub fn new(source: &str, record: u64, bad: &BadRecord) -> Self {
        let text = bad.excerpt(REPORTED_BYTES_MAX);
        Self {
            source: source.to_owned(),
            record,
            offset: bad.position.offset,
            line: bad.position.line,
            column: bad.position.column,
            reason: bad.reason,
            message: bad.message.clone(),
            excerpt: text.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'"),
        }
    }
}
