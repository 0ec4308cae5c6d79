//! What became of the records of a source.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::Reason;

/// The counts of one or several sources. `records` is counted where records are read, the others
/// where rows are written, so that their sum is a check and not a definition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Records read, bad ones included.
    pub records: u64,
    /// Records that became rows.
    pub loaded: u64,
    /// Records that became rows of the quarantine table, by reason.
    pub quarantined: BTreeMap<Reason, u64>,
    /// Objects that were overwritten or deleted before they were read.
    pub superseded: u64,
    /// Sources that were delivered again after all of their rows were there.
    pub duplicates: u64,
    /// Objects that were announced, but lie outside of what is read.
    pub outside: u64,
    /// Values that went to `_rescued`.
    pub rescued_values: u64,
    /// Bytes of the sources as they are stored.
    pub bytes_in: u64,
    /// Bytes of the Parquet files written.
    pub bytes_out: u64,
    /// Parquet files written.
    pub files: u64,
    /// Partitions registered.
    pub partitions_added: u64,
    /// Columns added to tables.
    pub columns_added: u64,
    /// Of these, siblings: columns for values that the column of their path could not take.
    pub siblings_added: u64,
    /// Columns that a budget refused, counted anew in every part that asked for them.
    pub columns_refused: u64,
    /// Rows that went to the partition of rows without values, because their part had more
    /// partitions than it may.
    pub rows_beyond_partitions: u64,
    /// Columns that somebody had dropped or changed by hand and that are as they were again.
    pub columns_healed: u64,
    /// Schema commits that lost against another writer and were made again.
    pub commit_conflicts: u64,
}

impl Counts {
    /// Quarantined records of all reasons.
    #[must_use]
    pub fn quarantined_total(&self) -> u64 {
        self.quarantined.values().sum()
    }

    /// Whether every record read is accounted for.
    #[must_use]
    pub fn add_up(&self) -> bool {
        self.records == self.loaded + self.quarantined_total()
    }

    /// Adds the counts of other sources.
    pub fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.loaded += other.loaded;
        for (reason, count) in &other.quarantined {
            *self.quarantined.entry(*reason).or_default() += count;
        }
        self.superseded += other.superseded;
        self.duplicates += other.duplicates;
        self.outside += other.outside;
        self.rescued_values += other.rescued_values;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.files += other.files;
        self.partitions_added += other.partitions_added;
        self.columns_added += other.columns_added;
        self.siblings_added += other.siblings_added;
        self.columns_refused += other.columns_refused;
        self.rows_beyond_partitions += other.rows_beyond_partitions;
        self.columns_healed += other.columns_healed;
        self.commit_conflicts += other.commit_conflicts;
    }
}
