//! Many files of a partition become one, in the order in which their events happened.
//!
//! Files were written by ingest under older schemas of their table, or by an earlier merge. What
//! comes out is a file of today's schema with the same rows and values, but for the numbers that
//! heal: no value is read from, converted to, or left out for, another type than its column has.
//!
//! - `survey` reads the footers: which columns there are, and where the rows of a row group begin
//!   in the order of all (`order`);
//! - `merging` takes up row groups in that order, as `piece`s, for as long as there is memory
//!   (`open`), and writes rows that nothing can come before any more (`group`);
//! - rows that must wait, but have no room, are sorted and put away (`run`);
//! - `recount` reads what resulted and compares it with what was read.
//!
//! The bytes that result are a function of the files: neither their order nor the memory there is
//! has a say in them.

mod error;
mod group;
mod heal;
mod input;
mod merging;
mod open;
mod order;
mod piece;
mod recount;
mod run;
mod survey;
mod table;
mod window;

use bytes::Bytes;
use parquet::file::reader::ChunkReader;

use crate::partitions::EventSpan;

pub use error::MergeError;
pub use input::MergeInput;
pub use table::MergeTable;

use merging::Merging;
use survey::Survey;
use table::Table;

/// What is to become of files, and with how much memory.
#[derive(Clone, Copy, Debug)]
pub struct MergeSpec<'a> {
    /// The table that the files belong to.
    pub table: MergeTable<'a>,
    /// What decoded rows may take. Beside it there are the merged file, as it grows, rows that
    /// wait for their turn, compressed, and what it takes to decode and encode a row group.
    pub memory_bytes: usize,
}

impl<'a> MergeSpec<'a> {
    /// For a function of 1,769 MB, which is one whole CPU (`AWS_FACTS.md` §3), and files of
    /// 256 MiB.
    pub const MEMORY_BYTES: usize = 512 << 20;

    /// A merge of files of this table.
    #[must_use]
    pub const fn new(table: MergeTable<'a>) -> Self {
        Self { table, memory_bytes: Self::MEMORY_BYTES }
    }
}

/// Files that became one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergedFile {
    /// The bytes of the file.
    pub bytes: Bytes,
    /// Its rows.
    pub rows: u64,
    /// Its columns in their order.
    pub columns: Vec<MergedColumn>,
    /// When its events happened, of those that say so and are believed.
    pub events: Option<EventSpan>,
}

/// A column of a merged file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergedColumn {
    /// Its name.
    pub name: String,
    /// Rows that have a value in it.
    pub values: u64,
}

/// Merges files of one partition.
///
/// # Errors
/// When a file cannot be read or is none of the table, or when the merged file turns out not to
/// have the rows and values of the others.
pub fn merge<R: ChunkReader>(
    mut inputs: Vec<MergeInput<R>>,
    spec: &MergeSpec<'_>,
) -> Result<MergedFile, MergeError> {
    inputs.sort_by(|one, two| one.name.cmp(&two.name));
    if inputs.is_empty() {
        return Err(MergeError::NoInputs);
    }
    if let Some([twice, _]) = inputs.array_windows().find(|[one, two]| one.name == two.name) {
        return Err(MergeError::Twice { input: twice.name.clone() });
    }
    let table = Table::new(&spec.table);
    let mut survey = Survey::new(&inputs, &table)?;
    loop {
        let merging = Merging::new(&inputs, &table, &survey, spec.memory_bytes)?;
        let merged = merging.run()?;
        if merged.empty_columns.is_empty() {
            return merged.verified();
        }
        // Footers cannot tell that none of the integers is exact in a double: then there is a
        // column without a value, which no file has. Hardly ever, so it may cost a second time.
        survey.columns.retain(|id| !merged.empty_columns.contains(id));
    }
}
