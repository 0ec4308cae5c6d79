//! What can go wrong in a use case.

use alluvium_columnar::{ArchiveError, ColumnarError, MergeError};
use alluvium_model::{
    ContractErrors, Counts, ErrorKind, Injury, PortError, SchemaError, Shard, StreamName,
    TableName, UtcInstant,
    layout::{Location, ObjectKey},
};

/// A use case that failed.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The catalog holds a table that is not as Alluvium left it.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// Contracts in the lake are wrong.
    #[error(transparent)]
    Contracts(#[from] ContractErrors),
    /// A part could not be encoded.
    #[error(transparent)]
    Columnar(#[from] ColumnarError),
    /// The archive of a stream's records was dropped, or is damaged.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// Files could not be merged.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// Others were faster, or the catalog was busy, every time.
    #[error("cannot commit the schema of table {table}: {tries} tries failed")]
    Contended {
        /// The table.
        table: TableName,
        /// How often it was tried.
        tries: u32,
        /// What the catalog said last, unless that others were faster.
        #[source]
        source: Option<PortError>,
    },
    /// A table that somebody changed by hand could not be healed.
    #[error("{}; that could not be healed", listed(injuries))]
    NotHealed {
        /// What is wrong with it; never empty.
        injuries: Vec<Injury>,
        /// Why.
        #[source]
        source: Box<LakeError>,
    },
    /// A table of ours belongs to another lake: files written here would not be found.
    #[error("table {table} lies at {found}, not in this lake at {expected}")]
    Elsewhere {
        /// The table.
        table: TableName,
        /// Where the catalog says it lies.
        found: Location,
        /// Where it would lie in this lake.
        expected: Location,
    },
    /// A table was dropped while it was written to.
    #[error("table {table} was dropped; it will be made again")]
    Dropped {
        /// The table.
        table: TableName,
    },
    /// Every name that the source of a table may take belongs to another table.
    #[error("no table name is left for `{table_source}`")]
    NoTableName {
        /// The source of the table.
        table_source: String,
    },
    /// The catalog has no such table.
    #[error("there is no table {table}")]
    NoTable {
        /// The table.
        table: TableName,
    },
    /// A table does not follow its records: that of the quarantine, or one of other people.
    #[error("table {table} has no history: its columns do not come from records")]
    NoHistory {
        /// The table.
        table: TableName,
    },
    /// A file is gone that the catalog named a moment ago.
    #[error("{key} was listed, but is gone")]
    Vanished {
        /// The file.
        key: ObjectKey,
    },
    /// A file was to be written at the same time by somebody else, and is not there.
    #[error("{key} is not there, although somebody else was about to write it")]
    NotWritten {
        /// The file.
        key: ObjectKey,
    },
    /// A source is not the one that was opened.
    #[error("{source_uri} was changed while it was read")]
    Changed {
        /// The source.
        source_uri: String,
    },
    /// An attempt took longer than it may.
    #[error(
        "it took longer than an attempt may, which is three quarters of the settle time, and was stopped"
    )]
    OutOfTime,
    /// Another plan took the place of the one by which a source was loaded, or the source was
    /// found to be gone: nobody writes until attempts by the former one must have ended.
    #[error("{source_uri} waits until earlier attempts must have ended{}", until_text(*until))]
    Fenced {
        /// The source.
        source_uri: String,
        /// When that is, by the time of the store, as far as it is known.
        until: Option<UtcInstant>,
    },
    /// A later version of Alluvium loads a source in a way that this one does not know.
    #[error("{source_uri} is being loaded by a later version of Alluvium, of layout {layout}")]
    LaterLayout {
        /// The source.
        source_uri: String,
        /// The layout of that version.
        layout: u32,
    },
    /// The ledger entry of a source changed whenever it was looked at.
    #[error("the ledger entry of {source_uri} changes all the time")]
    Disputed {
        /// The source.
        source_uri: String,
    },
    /// There is no stream of that name, or there was none when its records arrived.
    #[error("there is no stream {stream}, or it was made later than its records")]
    NoStream {
        /// The stream.
        stream: StreamName,
    },
    /// A shard has so much that was taken and is not loaded that no more is taken.
    #[error("shard {} of stream {} has too much that waits to be loaded", shard.id, shard.stream.name)]
    TooMuchWaits {
        /// The shard.
        shard: Box<Shard>,
    },
    /// What was taken is not in the archive any more: somebody removed it.
    #[error("{archive} is gone, and was not loaded")]
    NoArchive {
        /// The object of the archive.
        archive: ObjectKey,
    },
    /// The watermark of a shard changed whenever it was looked at.
    #[error("{watermark} changed {rounds} times under one attempt")]
    WatermarkContended {
        /// The watermark.
        watermark: ObjectKey,
        /// How often.
        rounds: u32,
    },
    /// The pointer of a partition changed whenever it was looked at.
    #[error("{pointer} changed {rounds} times under one attempt")]
    Unstable {
        /// The pointer.
        pointer: ObjectKey,
        /// How often.
        rounds: u32,
    },
    /// The pointer of a partition was removed by hand.
    #[error("{pointer} was there, but is gone")]
    PointerGone {
        /// The pointer.
        pointer: ObjectKey,
    },
    /// A partition was taken out of the catalog for its age while it was written to.
    #[error("the partition of {pointer} was retired; it will be registered again")]
    Retired {
        /// The pointer.
        pointer: ObjectKey,
    },
    /// The catalog did not have a partition where it was moved to.
    #[error("partition {partition} of table {table} is not where it was moved to, {tries} times")]
    NotMoved {
        /// The table.
        table: TableName,
        /// The partition.
        partition: String,
        /// How often it was moved.
        tries: u32,
    },
    /// Records went in that did not come out.
    #[error("{source_uri} has {} records, of which {} were loaded and {} quarantined",
        counts.records, counts.loaded, counts.quarantined_total())]
    Miscounted {
        /// The source.
        source_uri: String,
        /// What was counted.
        counts: Box<Counts>,
    },
}

impl LakeError {
    /// What the caller may do.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Port(error) => error.kind(),
            Self::Columnar(error) => error.kind(),
            Self::Archive(error) => error.kind(),
            Self::Merge(error) => error.kind(),
            Self::NotHealed { source, .. } => source.kind(),
            Self::Schema(_)
            | Self::Contracts(_)
            | Self::NoTableName { .. }
            | Self::NoArchive { .. }
            | Self::Elsewhere { .. } => ErrorKind::Invalid,
            Self::Contended { .. }
            | Self::Dropped { .. }
            | Self::Vanished { .. }
            | Self::NotWritten { .. }
            | Self::Changed { .. }
            | Self::OutOfTime
            | Self::Fenced { .. }
            | Self::LaterLayout { .. }
            | Self::Disputed { .. }
            | Self::Unstable { .. }
            | Self::NoStream { .. }
            | Self::TooMuchWaits { .. }
            | Self::WatermarkContended { .. }
            | Self::PointerGone { .. }
            | Self::Retired { .. }
            | Self::NotMoved { .. } => ErrorKind::Retry,
            Self::NoTable { .. } | Self::NoHistory { .. } => ErrorKind::Absent,
            Self::Miscounted { .. } => ErrorKind::Bug,
        }
    }
}

fn until_text(until: Option<UtcInstant>) -> String {
    until.map(|until| format!(": until {until}")).unwrap_or_default()
}

fn listed(injuries: &[Injury]) -> String {
    injuries.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
