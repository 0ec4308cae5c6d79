//! A part of a source: as many records as memory is meant to hold.

use std::sync::Arc;

use alluvium_model::{Discovery, Limits, Origin, PartitionKey, RowTraits, TableRules, TableSchema};

use crate::{
    ColumnarError, EncodedFile, cell::ROWS_MAX, encode, flatten::Flattener, quarantine::BadRecord,
};

/// Everything about a source that its parts share.
#[derive(Debug)]
pub(crate) struct SourceFacts {
    pub(crate) origin: Origin,
    pub(crate) rules: Arc<TableRules>,
    pub(crate) limits: Limits,
}

/// A good record: its index in the source, counted from the part's first, and where its text is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) record: u32,
    pub(crate) at: u32,
    /// Whether a value of it has no cell.
    pub(crate) loses: bool,
}

/// Some consecutive records of a source, bad ones included.
///
/// Good records wait as text with one cell a leaf until their table's schema is known:
/// [`Part::discovery`] says what to add to it, [`Part::encode`] takes what resulted.
#[derive(Debug)]
pub struct Part {
    index: u32,
    first_record: u64,
    records: u32,
    pub(crate) facts: Arc<SourceFacts>,
    pub(crate) text: String,
    pub(crate) rows: Vec<Row>,
    pub(crate) flattener: Flattener,
    partition: Vec<PartitionKey>,
    bad: Vec<(u64, BadRecord)>,
    bad_bytes: usize,
}

impl Part {
    pub(crate) fn new(index: u32, first_record: u64, facts: Arc<SourceFacts>) -> Self {
        Self {
            index,
            first_record,
            records: 0,
            // Reserved at once and touched page by page as it fills: nothing is moved, and what
            // is given back goes back to the system.
            text: String::with_capacity(text_bytes_max(&facts.limits)),
            rows: Vec::new(),
            flattener: Flattener::new(&facts.limits),
            partition: vec![facts.rules.partitions.key(&RowTraits {
                arrived_at: facts.origin.arrived_at,
                event_time: None,
                scalars: Vec::new(),
            })],
            bad: Vec::new(),
            bad_bytes: 0,
            facts,
        }
    }

    /// The number of the part in its source, from 0.
    #[must_use]
    pub const fn index(&self) -> u32 {
        self.index
    }

    /// The index of the part's first record in the source.
    #[must_use]
    pub const fn first_record(&self) -> u64 {
        self.first_record
    }

    /// Records in the part, bad ones included.
    #[must_use]
    pub const fn records(&self) -> u32 {
        self.records
    }

    /// Good records.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Bad records with their index in the source.
    #[must_use]
    pub fn bad_records(&self) -> &[(u64, BadRecord)] {
        &self.bad
    }

    /// What the good records hold, for the schema of their table.
    #[must_use]
    pub fn discovery(&self) -> Discovery {
        self.flattener.paths.discovery()
    }

    /// The partitions that the good records belong to.
    #[must_use]
    pub fn partitions(&self) -> &[PartitionKey] {
        if self.rows.is_empty() { &[] } else { &self.partition }
    }

    /// The good records of a partition as a Parquet file. Values are placed by `schema`, the one
    /// that resulted from [`Part::discovery`]; what it has no column for goes to `_rescued`.
    ///
    /// # Errors
    /// Only by a bug: no input makes this fail.
    pub fn encode(
        &self,
        partition: &PartitionKey,
        schema: &TableSchema,
    ) -> Result<EncodedFile, ColumnarError> {
        debug_assert!(self.partitions().contains(partition), "a part knows its partitions");
        encode::encode(self, schema)
    }

    /// The text of the good record with this number in the part, without white space.
    pub(crate) fn record_text(&self, index: usize) -> Option<&str> {
        let begin = self.rows.get(index)?.at as usize;
        let end = self.rows.get(index + 1).map_or(self.text.len(), |next| next.at as usize);
        self.text.get(begin..end)
    }

    /// Takes a good record.
    pub(crate) fn push(&mut self, record: &str) {
        let begin = u32::try_from(self.text.len());
        let (Ok(at), Ok(row)) = (begin, u32::try_from(self.rows.len())) else {
            // A part that is full gets no more records. If it did, the counts would tell.
            self.records += 1;
            return;
        };
        self.text.push_str(record);
        let loses = self.flattener.record(&self.text, at, row);
        self.rows.push(Row { record: self.records, at, loses });
        self.records += 1;
    }

    pub(crate) fn push_bad(&mut self, bad: BadRecord) {
        self.bad_bytes += bad.memory_bytes();
        self.bad.push((self.first_record + u64::from(self.records), bad));
        self.records += 1;
    }

    /// Whether the part takes no more records. What bad records take counts like text.
    pub(crate) fn is_full(&self) -> bool {
        let limits = &self.facts.limits;
        let text_max = limits.part_text_bytes.min(u32::MAX - limits.record_bytes);
        self.text.len() + self.bad_bytes >= text_max as usize
            || self.records >= limits.part_records.min(ROWS_MAX)
    }
}

/// A part is full as soon as it is over its limit, by less than one record.
const fn text_bytes_max(limits: &Limits) -> usize {
    limits.part_text_bytes as usize + limits.record_bytes as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Shredder, Step};

    #[test]
    fn bad_records_fill_a_part_by_what_they_take() {
        let limits = Limits { part_text_bytes: 1_000, ..Limits::default() };
        let origin =
            Origin { source: "s".to_owned(), arrived_at: "2026-11-22T00:00:00Z".parse().unwrap() };
        let mut shredder = Shredder::new(origin, Arc::default(), limits);
        shredder.feed(bytes::Bytes::from_static(b"{}\n1\n2\n3\n4\n5\n6\n"));
        shredder.finish();
        let Step::Part(part) = shredder.step() else { panic!("a part is full") };
        // A digit, 25 bytes of message and 200 of the rest.
        assert_eq!(part.records(), 6);
    }
}
