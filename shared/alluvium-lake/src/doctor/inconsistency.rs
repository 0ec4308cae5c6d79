//! What may be inconsistent in a lake, and how each of it heals.

use std::fmt;

use alluvium_model::{
    PartitionKey, PlanId, SourceId, TableName, UtcInstant,
    layout::{Location, ObjectKey},
};
use serde::{Serialize, Serializer};

/// Something that is inconsistent in a lake. Its text says what, `place` where, `heals` how it
/// ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum Inconsistency {
    /// A partition has a pointer, but is not in the catalog.
    NotRegistered {
        /// Its table.
        table: TableName,
        /// The partition.
        #[serde(serialize_with = "text")]
        partition: PartitionKey,
        /// Its pointer.
        pointer: ObjectKey,
        /// Where that says that its files lie.
        location: Location,
    },
    /// The catalog has a partition elsewhere than its pointer says.
    OtherLocation {
        /// Its table.
        table: TableName,
        /// The partition.
        #[serde(serialize_with = "text")]
        partition: PartitionKey,
        /// Its pointer.
        pointer: ObjectKey,
        /// Where that says that its files lie.
        location: Location,
        /// Where the catalog says so, and readers look.
        in_catalog: Location,
    },
    /// The catalog has a partition with files of ours that has no pointer.
    NoPointer {
        /// Its table.
        table: TableName,
        /// The partition.
        #[serde(serialize_with = "text")]
        partition: PartitionKey,
        /// Where the catalog says that its files lie.
        location: Location,
        /// Where the next file would make its pointer point to.
        first_generation: Location,
        /// Files of ours that lie there.
        files: usize,
    },
    /// Files that the ledger names are in a partition that has neither a pointer nor a place in
    /// the catalog.
    Unreachable {
        /// Its table.
        table: TableName,
        /// The partition.
        #[serde(serialize_with = "text")]
        partition: PartitionKey,
        /// Where they lie.
        location: Location,
        /// How many they are.
        files: usize,
    },
    /// A pointer cannot be understood.
    PointerNotUnderstood {
        /// The pointer.
        pointer: ObjectKey,
        /// Why.
        message: String,
    },
    /// A pointer is of a table that was partitioned in another way than the table of its name is.
    OtherPartitioning {
        /// The table.
        table: TableName,
        /// The pointer.
        pointer: ObjectKey,
        /// Where that says that files lie.
        location: Location,
    },
    /// A table has pointers or files, but the catalog does not have it, or has somebody else's.
    TableGone {
        /// The table.
        table: TableName,
        /// Where its files lie.
        location: Location,
        /// How many of ours.
        files: usize,
        /// Where its pointers lie.
        pointers_at: Location,
        /// How many.
        pointers: usize,
    },
    /// The ledger does not know the sources of files, which is no evidence against them.
    NoEntry {
        /// Their table.
        table: TableName,
        /// Where they lie.
        location: Location,
        /// How many they are.
        files: usize,
        /// The first of them.
        first: ObjectKey,
    },
    /// Readers see a file of a source that was not loaded to its end.
    Uncommitted {
        /// Its table.
        table: TableName,
        /// The file.
        file: ObjectKey,
        /// Its source.
        source: String,
        /// The plan by which both were begun.
        plan: PlanId,
        /// Since when nothing was heard of it.
        since: UtcInstant,
    },
    /// A file of a source lies where readers see it, or will, that is not of the plan which counts.
    LeftOver {
        /// Its table.
        table: TableName,
        /// The file.
        file: ObjectKey,
        /// Its source.
        source: String,
        /// The identity of that.
        #[serde(serialize_with = "text")]
        source_id: SourceId,
        /// The plan that it is of.
        plan: PlanId,
        /// How far its source is.
        left_by: LeftBy,
    },
    /// A file that the ledger names is not there, and was not merged into another one.
    LostFile {
        /// Its table.
        table: TableName,
        /// The file.
        file: ObjectKey,
        /// Its source.
        source: String,
        /// The rows that were in it.
        rows: u64,
    },
    /// A source was begun, and nobody can be loading it any more.
    UnendedClaim {
        /// Its entry in the ledger.
        entry: ObjectKey,
        /// The source.
        source: String,
        /// Since when nothing was heard of it.
        since: UtcInstant,
        /// The plan by which it was begun.
        plan: PlanId,
    },
    /// A source was found to be gone, and what was written of it is not swept.
    GoneSource {
        /// Its entry in the ledger.
        entry: ObjectKey,
        /// The source.
        source: String,
        /// The identity of that.
        #[serde(serialize_with = "text")]
        source_id: SourceId,
        /// When it was found to be gone.
        since: UtcInstant,
    },
    /// An entry of the ledger cannot be understood.
    EntryNotUnderstood {
        /// The entry.
        entry: ObjectKey,
        /// Why.
        message: String,
    },
}

/// How far the source of a file is that is not of the plan which counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftBy {
    /// Another plan took the place of the file's, and has not loaded the source to its end.
    TakeOver,
    /// It was found to be gone, and its files are to be swept.
    GoneSource,
    /// It was begun anew by another plan, which does not know of the file's.
    OtherClaim,
    /// It was loaded by another plan.
    OtherLoad,
    /// It was gone, and its files were swept.
    Superseded,
}

impl Inconsistency {
    /// Where in the lake it is.
    #[must_use]
    pub fn place(&self) -> &str {
        match self {
            Self::NotRegistered { pointer, .. }
            | Self::OtherLocation { pointer, .. }
            | Self::PointerNotUnderstood { pointer, .. }
            | Self::OtherPartitioning { pointer, .. } => pointer.as_str(),
            Self::NoPointer { location, .. }
            | Self::Unreachable { location, .. }
            | Self::TableGone { location, .. }
            | Self::NoEntry { location, .. } => location.as_str(),
            Self::Uncommitted { file, .. }
            | Self::LeftOver { file, .. }
            | Self::LostFile { file, .. } => file.as_str(),
            Self::UnendedClaim { entry, .. }
            | Self::GoneSource { entry, .. }
            | Self::EntryNotUnderstood { entry, .. } => entry.as_str(),
        }
    }

    /// How it ends: by itself, or by what somebody does.
    #[must_use]
    pub fn heals(&self) -> String {
        match self {
            Self::NotRegistered { location, .. } => format!(
                "`--heal` registers it at {location}, and so does the next file that is loaded \
                 into it"
            ),
            Self::OtherLocation { location, .. } => format!(
                "readers miss what lies at {location}. A location in the catalog is changed only \
                 under the partition's lease: healing takes it, unless somebody has it, and the \
                 next compaction of the partition sets it right, too"
            ),
            Self::NoPointer { location, first_generation, .. } if location == first_generation => {
                "by itself, with the next file that is loaded into the partition".to_owned()
            }
            Self::NoPointer { first_generation, .. } => format!(
                "put the pointer back before anything is loaded into the partition (an earlier \
                 version of the object, if the bucket keeps them): new files would go to \
                 {first_generation}, where readers do not look"
            ),
            Self::Unreachable { .. } => "by itself, with the next file that is loaded into the \
                 partition; readers do not see its files until then"
                .to_owned(),
            Self::PointerNotUnderstood { .. } => "nothing can be loaded into the partition until \
                 then: if a later version of Alluvium wrote the pointer, use that one; else put \
                 back an earlier version of the object"
                .to_owned(),
            Self::OtherPartitioning { location, .. } => format!(
                "the table was made again with other partitions, and readers do not see what lies \
                 at {location}: if it is not wanted any more, delete it and the pointer"
            ),
            Self::TableGone { files: 0, pointers_at, .. } => format!(
                "no file of it is left: delete {pointers_at}, too, if the table was dropped for \
                 good"
            ),
            Self::TableGone { location, pointers_at, .. } => format!(
                "if it was dropped by mistake: put its definition back, from a backup of the \
                 catalog or from what the footers of its files say of their columns \
                 (`alluvium.columns`), then `--heal` registers its partitions. A new file would \
                 make a table with the columns of that file alone. If for good: delete {location} \
                 and {pointers_at}"
            ),
            Self::NoEntry { .. } => "keep them: a missing entry is no evidence, for entries may \
                 expire, and earlier versions made none. There is nothing to be done unless the \
                 entries were deleted by hand: then put them back"
                .to_owned(),
            Self::Uncommitted { source, .. } => format!(
                "deliver {source} again: it is loaded to its end by the same plan, which writes \
                 the same file"
            ),
            Self::LeftOver { source, left_by, .. } => left_by.heals(source),
            Self::LostFile { source, .. } => format!(
                "its rows are lost to readers. To deliver the source again does not bring them \
                 back, for it counts as loaded, and must: do not delete its ledger entry. Put an \
                 earlier version of the file back under its name, if the bucket keeps them. If \
                 the source is still at {source}, reprocessing the partition, in a later version, \
                 makes the rows again"
            ),
            Self::UnendedClaim { source, .. } => format!(
                "deliver {source} again: announce it (`alluvium backfill`), send its message back \
                 from the dead-letter queue (`make redrive`), or run `alluvium ingest` on the file \
                 again. It is then loaded to its end, once"
            ),
            Self::GoneSource { .. } => "its files are swept and the entry is closed by the next \
                 delivery that finds it gone, or by `--heal`"
                .to_owned(),
            Self::EntryNotUnderstood { .. } => "deliveries of the source fail until then: if a \
                 later version of Alluvium wrote the entry, use that one; else put back an \
                 earlier version of the object. Do not delete it: the source might be loaded a \
                 second time"
                .to_owned(),
        }
    }
}

impl LeftBy {
    fn heals(self, source: &str) -> String {
        match self {
            Self::TakeOver => format!("deliver {source} again, which sweeps it before it loads"),
            Self::GoneSource => "with its source, which has a finding of its own".to_owned(),
            Self::OtherClaim | Self::OtherLoad | Self::Superseded => {
                "nothing sweeps it, and readers see its rows: delete it by hand. Compaction, in a \
                 later version, leaves it out"
                    .to_owned()
            }
        }
    }

    const fn what(self) -> &'static str {
        match self {
            Self::TakeOver => "another plan took its place",
            Self::GoneSource => "the source is gone",
            Self::OtherClaim => "the source was begun anew by another plan",
            Self::OtherLoad => "the source was loaded by another plan, so rows may be there twice",
            Self::Superseded => "the source is gone, and its files were swept before",
        }
    }
}

impl fmt::Display for Inconsistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRegistered { table, partition, .. } => {
                write!(
                    f,
                    "partition {partition} of {table} has a pointer, but is not in the catalog"
                )
            }
            Self::OtherLocation { table, partition, location, in_catalog, .. } => write!(
                f,
                "partition {partition} of {table} is at {location}, but at {in_catalog} in the \
                 catalog"
            ),
            Self::NoPointer { table, partition, files, .. } => write!(
                f,
                "partition {partition} of {table} is in the catalog and has files ({files}), but \
                 no pointer"
            ),
            Self::Unreachable { table, partition, files, .. } => write!(
                f,
                "partition {partition} of {table} has files ({files}), but no pointer and no \
                 place in the catalog"
            ),
            Self::PointerNotUnderstood { message, .. } => {
                write!(f, "the pointer cannot be understood: {message}")
            }
            Self::OtherPartitioning { table, .. } => {
                write!(f, "the pointer is of a table {table} that had other partition columns")
            }
            Self::TableGone { table, files, pointers, .. } => write!(
                f,
                "table {table} of ours is not in the catalog, but has pointers ({pointers}) and \
                 files ({files})"
            ),
            Self::NoEntry { files, first, .. } => {
                write!(f, "files ({files}) of sources without a ledger entry; the first is {first}")
            }
            Self::Uncommitted { source, plan, since, .. } => write!(
                f,
                "a file of {source}, which was begun by plan {plan} and not loaded to its end; \
                 silent since {since}"
            ),
            Self::LeftOver { source, plan, left_by, .. } => {
                write!(f, "left over of {source} by plan {plan}: {}", left_by.what())
            }
            Self::LostFile { source, rows, .. } => write!(
                f,
                "lost: the file is gone, with the rows ({rows}) of {source} that were in it"
            ),
            Self::UnendedClaim { source, since, plan, .. } => write!(
                f,
                "{source} was begun by plan {plan} and not loaded to its end; silent since {since}"
            ),
            Self::GoneSource { source, since, .. } => write!(
                f,
                "{source} was found to be gone at {since}, and what was written of it is not swept"
            ),
            Self::EntryNotUnderstood { message, .. } => {
                write!(f, "the ledger entry cannot be understood: {message}")
            }
        }
    }
}

fn text<S: Serializer>(value: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
