//! Proof that nothing vanished: the records of a part against the rows that stand for them.
//!
//! Each record is read anew by another parser than the one that loaded it, and each of its leaves
//! is looked for in what the Parquet files alone tell: their footers, `_source`, `_record` and
//! `_rescued`. Nothing here knows the catalog or how values are placed.

mod leaves;
mod same;
mod stored;

use std::collections::BTreeMap;

use alluvium_model::{Mode, PartitionKey, Reason};

use crate::{BadRecord, Part};
use leaves::RowCheck;
pub use stored::{StoredError, StoredFile};

/// Findings that are kept to be shown; all of them are counted.
const FINDINGS_MAX: usize = 20;
/// Characters of a value that a finding shows.
const EXCERPT_CHARS_MAX: usize = 200;

/// What is wrong with a record or a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flaw {
    /// It stands nowhere.
    Missing,
    /// What stands in its place is something else.
    Different,
    /// It stands in more than one place.
    Doubled,
}

/// A record or a value that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The index of the record in its source.
    pub record: u64,
    /// The path of the value; `$` for the record.
    pub path: String,
    /// What is wrong.
    pub flaw: Flaw,
    /// The value in the source, cut.
    pub expected: String,
    /// What the files hold, cut: each column with its value.
    pub found: String,
}

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Rows that stand for good records.
    pub rows: u64,
    /// Rows of the quarantine table that stand for bad records.
    pub quarantined: u64,
    /// Values compared; SQL NULL is none.
    pub values: u64,
    /// How often each flaw was found.
    pub flaws: BTreeMap<Flaw, u64>,
    /// The first findings.
    pub findings: Vec<Finding>,
}

impl Verification {
    /// Adds what was found elsewhere.
    pub fn add(&mut self, other: Self) {
        self.rows += other.rows;
        self.quarantined += other.quarantined;
        self.values += other.values;
        for (flaw, count) in other.flaws {
            *self.flaws.entry(flaw).or_default() += count;
        }
        let room = FINDINGS_MAX.saturating_sub(self.findings.len());
        self.findings.extend(other.findings.into_iter().take(room));
    }

    fn note(&mut self, finding: Finding) {
        *self.flaws.entry(finding.flaw).or_default() += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }
}

/// The records of a part, to be compared with the files that may hold their rows, in any order.
pub struct Verifier<'a> {
    part: &'a Part,
    /// How many rows each good record has, and each bad one.
    rows: Vec<u32>,
    bad_rows: Vec<u32>,
    /// Good records that the contract wanted in quarantine.
    refused: u64,
    found: Verification,
}

impl<'a> Verifier<'a> {
    /// A verifier that has seen no file.
    #[must_use]
    pub fn new(part: &'a Part) -> Self {
        let (rows, bad_rows) = (vec![0; part.rows.len()], vec![0; part.bad_records().len()]);
        Self { part, rows, bad_rows, refused: 0, found: Verification::default() }
    }

    /// The URI of the source that the part is of.
    #[must_use]
    pub fn source(&self) -> &'a str {
        &self.part.facts.origin.source
    }

    /// Compares the rows of a table's file, which lies in this partition, that stand for records
    /// of this part.
    ///
    /// # Errors
    /// When the file is none of Alluvium's, or damaged.
    pub fn check_rows(
        &mut self,
        file: &StoredFile,
        partition: &PartitionKey,
    ) -> Result<(), StoredError> {
        let part = self.part;
        file.rows(self.source(), self.records(), &mut |record, row| {
            let index = part.row_of(record);
            let text = index.and_then(|index| part.record_text(index));
            let (Some(index), Some(text)) = (index, text) else {
                self.found.note(unexpected(record, "a row"));
                return;
            };
            if let Some(count) = self.rows.get_mut(index) {
                *count += 1;
            }
            // One that was touched since has other partitions now, but is the same source.
            let untouched = row.arrived_at == Some(part.arrived_at(index).micros());
            let expected = part.partition_of(index).filter(|key| untouched && *key != partition);
            if let Some(expected) = expected {
                let (expected, found) = (expected.to_string(), partition.to_string());
                let (path, flaw) = ("$".to_owned(), Flaw::Different);
                self.found.note(Finding { record, path, flaw, expected, found });
            }
            RowCheck::new(record, row, &part.facts.rules, &mut self.found).record(text);
        })
    }

    /// Compares the rows of a file of the quarantine table.
    ///
    /// # Errors
    /// When the file is none of Alluvium's, or damaged.
    pub fn check_quarantine(&mut self, file: &StoredFile) -> Result<(), StoredError> {
        let bad_records = self.part.bad_records();
        file.bad_records(self.source(), self.records(), &mut |record, stored, complete| {
            if self.refused(record, &stored, complete) {
                return;
            }
            let Ok(index) = bad_records.binary_search_by_key(&record, |(record, _)| *record) else {
                self.found.note(unexpected(record, "a row in quarantine"));
                return;
            };
            if let (Some(count), Some((_, bad))) =
                (self.bad_rows.get_mut(index), bad_records.get(index))
            {
                *count += 1;
                let known = |bad: &BadRecord, complete| {
                    let (offset, rest) =
                        (bad.position.offset, if complete { "" } else { ", incomplete" });
                    format!("{} of {} bytes at byte {offset}{rest}", bad.reason, bad.length)
                };
                if stored.in_table() != bad.in_table() || complete != bad.is_complete() {
                    self.found.note(Finding {
                        record,
                        path: "$".to_owned(),
                        flaw: Flaw::Different,
                        expected: known(bad, bad.is_complete()),
                        found: known(&stored, complete),
                    });
                }
            }
        })
    }

    /// What was found, once every file was seen.
    #[must_use]
    pub fn finish(mut self) -> Verification {
        let good = (0..self.rows.len()).filter_map(|index| self.part.record_number(index));
        for (index, (record, count)) in good.zip(&self.rows).enumerate() {
            let text = || excerpt(self.part.record_text(index).unwrap_or_default());
            note_count(&mut self.found, record, *count, text);
        }
        for ((record, bad), count) in self.part.bad_records().iter().zip(&self.bad_rows) {
            let text = || excerpt(&String::from_utf8_lossy(&bad.bytes));
            note_count(&mut self.found, *record, *count, text);
        }
        self.found.rows = self.rows.iter().map(|count| u64::from(*count > 0)).sum();
        self.found.rows -= self.refused;
        self.found.quarantined = self.bad_rows.iter().map(|count| u64::from(*count > 0)).sum();
        self.found.quarantined += self.refused;
        self.found
    }

    /// Notes a good record that the contract wanted in quarantine; false if it is none. Its row
    /// there counts like one in the table: there is to be one in all.
    fn refused(&mut self, record: u64, stored: &BadRecord, complete: bool) -> bool {
        let part = self.part;
        let may_be = part.facts.rules.mode == Mode::Quarantine && stored.reason == Reason::Contract;
        let index = part.row_of(record).filter(|_| may_be);
        let told =
            index.and_then(|index| Some((part.record_text(index)?, part.extents.get(index)?)));
        let (Some(index), Some((text, extent))) = (index, told) else { return false };
        if let Some(count) = self.rows.get_mut(index) {
            *count += 1;
        }
        self.refused += 1;
        // Which value had no column is a matter of the table.
        let expected = BadRecord::refused(*extent, stored.message.clone(), text);
        if stored.in_table() != expected.in_table() || complete != expected.is_complete() {
            let found = excerpt(&String::from_utf8_lossy(&stored.bytes));
            let (path, flaw) = ("$".to_owned(), Flaw::Different);
            self.found.note(Finding { record, path, flaw, expected: excerpt(text), found });
        }
        true
    }

    fn records(&self) -> std::ops::Range<u64> {
        self.part.span()
    }
}

/// Every record has one row.
fn note_count(found: &mut Verification, record: u64, count: u32, text: impl Fn() -> String) {
    let flaw = match count {
        0 => Flaw::Missing,
        1 => return,
        _ => Flaw::Doubled,
    };
    let (path, rows) = ("$".to_owned(), format!("{count} rows"));
    found.note(Finding { record, path, flaw, expected: text(), found: rows });
}

fn unexpected(record: u64, what: &str) -> Finding {
    let expected = "nothing".to_owned();
    Finding {
        record,
        path: "$".to_owned(),
        flaw: Flaw::Different,
        expected,
        found: what.to_owned(),
    }
}

fn excerpt(text: &str) -> String {
    let mut shown: String = text.chars().take(EXCERPT_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
