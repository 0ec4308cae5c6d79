//! The merge itself: row groups are taken up, rows are written, in rounds.

use std::collections::BTreeMap;

use alluvium_model::UtcInstant;
use arrow::{
    array::{Array as _, new_null_array},
    datatypes::Schema,
};
use bytes::Bytes;
use parquet::{errors::ParquetError, file::reader::ChunkReader};

use super::{
    MergeInput, MergedColumn, MergedFile,
    error::MergeError,
    heal::heal,
    input::{OpenInput, arrays},
    open::{Entry, GroupLimits, OpenRows},
    order::{Moment, events},
    piece::{Piece, RowFacts},
    recount::recount,
    run::{Chunk, put_away},
    survey::{RowGroup, Survey},
    table::{ColumnId, Table},
};
use crate::{footer::footer, parquet_file::ParquetFile, partitions::EventSpan};

/// Where row groups end. Readers skip row groups by their statistics, so the fewer rows the
/// better; but each costs a chunk of every column, and a dictionary of its own.
const GROUP_LIMITS: GroupLimits = GroupLimits { rows: 65_536, bytes: 64 << 20 };
/// Of the memory for rows, what a chunk of a run takes: as many runs can be merged at once.
const CHUNKS_IN_MEMORY: usize = 128;
/// Rows in a file at most, as far as their numbers are kept apart from those of other files.
const FILE_ROWS_BITS: u32 = 40;

/// What waits for its turn.
enum Waiting {
    Group(RowGroup),
    Chunk(Chunk),
}

/// A merge that goes on.
pub(super) struct Merging<'m, R> {
    inputs: &'m [MergeInput<R>],
    table: &'m Table<'m>,
    survey: &'m Survey,
    /// What is not in memory, in the order of first rows.
    waiting: BTreeMap<(Moment, usize), Waiting>,
    rows: OpenRows,
    memory_bytes: usize,
    file: ParquetFile,
    /// Values of each column of the table that were read.
    values: Vec<u64>,
    events: Option<EventSpan>,
    /// The file whose footer was read last.
    last_open: Option<(usize, OpenInput)>,
    numbered: usize,
}

impl<'m, R: ChunkReader> Merging<'m, R> {
    pub(super) fn new(
        inputs: &'m [MergeInput<R>],
        table: &'m Table<'m>,
        survey: &'m Survey,
        memory_bytes: usize,
    ) -> Result<Self, MergeError> {
        let columns = survey.columns.iter().filter_map(|id| table.column(*id));
        let fields: Vec<_> = columns.clone().map(|column| column.field.clone()).collect();
        let footer = table.has_footers.then(|| footer(columns.filter_map(|column| column.data)));
        let footer = footer.transpose().map_err(crate::ColumnarError::from)?;
        let mut merging = Self {
            inputs,
            table,
            survey,
            waiting: BTreeMap::new(),
            rows: OpenRows::default(),
            memory_bytes,
            file: ParquetFile::new(Schema::new(fields), footer)?,
            values: vec![0; table.columns.len()],
            events: None,
            last_open: None,
            numbered: 0,
        };
        for group in &survey.groups {
            merging.wait(group.first, Waiting::Group(*group));
        }
        Ok(merging)
    }

    /// Writes all rows.
    pub(super) fn run(mut self) -> Result<Merged, MergeError> {
        while !self.waiting.is_empty() || !self.rows.is_empty() {
            let fresh = self.take_up()?;
            self.rows.sort();
            let written = self.write()?;
            self.rows.forget_taken();
            if self.waiting.is_empty() {
                continue;
            }
            if fresh == 0 && written == 0 {
                // Less memory than a row group takes. Else it would go on like this for ever.
                self.memory_bytes = self.memory_bytes.saturating_mul(2).max(1);
            }
            if self.rows.bytes() > self.memory_bytes / 2 {
                self.put_away()?;
            }
        }
        self.finish()
    }

    fn wait(&mut self, first: Moment, waiting: Waiting) {
        self.waiting.insert((first, self.numbered), waiting);
        self.numbered += 1;
    }

    /// Takes up as much as there is memory for; says how many row groups of files that were.
    fn take_up(&mut self) -> Result<usize, MergeError> {
        let mut fresh = 0;
        while let Some((_, waiting)) = self.waiting.pop_first() {
            match waiting {
                Waiting::Group(group) => {
                    self.take_up_group(group)?;
                    fresh += 1;
                }
                Waiting::Chunk(chunk) => {
                    let pieces = chunk.pieces(self.table).map_err(crate::ColumnarError::from)?;
                    for piece in pieces {
                        self.rows.add(piece);
                    }
                }
            }
            if self.rows.bytes() >= self.memory_bytes {
                break;
            }
        }
        Ok(fresh)
    }

    fn take_up_group(&mut self, group: RowGroup) -> Result<(), MergeError> {
        let Some(input) = self.inputs.get(group.input) else { return Ok(()) };
        let open = match self.last_open.take() {
            Some((number, open)) if number == group.input => open,
            _ => input.open(self.table)?,
        };
        let mut next_row = group.first_row;
        for batch in input.rows(&open, group.index)? {
            let batch = batch.map_err(|error| input.corrupt(error))?;
            let rows = batch.num_rows();
            let mut arrays = arrays(&batch, &open.columns);
            drop(batch);
            heal(&mut arrays, self.table);
            for (id, array) in &arrays {
                if let Some(values) = self.values.get_mut(*id as usize) {
                    *values += (array.len() - array.null_count()) as u64;
                }
            }
            let events = events(&arrays, rows, &self.table.order);
            let end_row = next_row + rows as u64;
            let origins = (next_row..end_row).map(|row| origin(group.input, row)).collect();
            let facts = RowFacts { events, origins, weights: None };
            let piece = Piece::new(&arrays, facts, &self.table.order);
            self.rows.add(piece.map_err(|error| input.corrupt(error))?);
            next_row = end_row;
        }
        self.last_open = Some((group.input, open));
        let rows = next_row - group.first_row;
        if rows == group.rows {
            return Ok(());
        }
        let missing = format!("{rows} rows instead of {}", group.rows);
        Err(input.corrupt(ParquetError::General(missing)))
    }

    /// Writes the groups that are complete; says how many that were.
    fn write(&mut self) -> Result<usize, MergeError> {
        let end = self.waiting.keys().next().map(|(first, _)| *first);
        let mut written = 0;
        while let Some(count) = self.rows.next_group(end, GROUP_LIMITS) {
            let (entries, group) = self.rows.first(count);
            let (table, columns) = (self.table, &self.survey.columns);
            self.file.row_group(|index, sink| {
                let id = columns.get(index).copied().unwrap_or(ColumnId::MAX);
                let Some(field) = table.field(id) else { return Ok(()) };
                let array = group.array(id, field.data_type())?;
                sink(array.unwrap_or_else(|| new_null_array(field.data_type(), group.rows())))
            })?;
            self.events = joined(self.events, span(entries));
            self.rows.take(count);
            written += 1;
        }
        Ok(written)
    }

    fn put_away(&mut self) -> Result<(), MergeError> {
        let bytes = (self.memory_bytes / CHUNKS_IN_MEMORY).max(1);
        let limits = GroupLimits { bytes, ..GROUP_LIMITS };
        for chunk in put_away(&mut self.rows, self.table, limits)? {
            self.wait(chunk.first, Waiting::Chunk(chunk));
        }
        Ok(())
    }

    fn finish(self) -> Result<Merged, MergeError> {
        let column = |(id, values): (ColumnId, u64)| {
            let column = self.table.column(id)?;
            Some((id, MergedColumn { name: column.field.name().clone(), values }))
        };
        let read: Vec<_> = (0..).zip(self.values.iter().copied()).filter_map(column).collect();
        let is_written = |id: &ColumnId| self.survey.columns.contains(id);
        let is_empty = |(id, column): &&(ColumnId, MergedColumn)| {
            let is_needed = self.table.column(*id).is_some_and(|column| column.is_everywhere);
            column.values == 0 && !is_needed && is_written(id)
        };
        let empty_columns = read.iter().filter(is_empty).map(|(id, _)| *id).collect();
        let is_there =
            |(id, column): &(ColumnId, MergedColumn)| column.values > 0 || is_written(id);
        let expected = read.into_iter().filter(is_there).map(|(_, column)| column).collect();
        let (bytes, _) = self.file.finish()?;
        let rows = self.survey.rows;
        Ok(Merged { bytes, rows, expected, empty_columns, events: self.events })
    }
}

/// A merged file that was not looked at yet.
pub(super) struct Merged {
    bytes: Bytes,
    /// The rows of all files.
    rows: u64,
    /// Their columns, with the values that were read or healed.
    expected: Vec<MergedColumn>,
    /// The columns that turned out to have no value.
    pub(super) empty_columns: Vec<ColumnId>,
    events: Option<EventSpan>,
}

impl Merged {
    /// The file, if it has the rows and values that it must have.
    pub(super) fn verified(self) -> Result<MergedFile, MergeError> {
        let Self { bytes, rows, expected, events, .. } = self;
        let found = recount(&bytes).map_err(MergeError::ReadAgain)?;
        if found.rows != rows {
            return Err(MergeError::Rows { found: found.rows, expected: rows });
        }
        for MergedColumn { name, values } in &expected {
            let column = found.columns.iter().find(|column| column.name == *name);
            let found = column.map_or(0, |column| column.values);
            if found != *values {
                return Err(MergeError::Values { column: name.clone(), found, expected: *values });
            }
        }
        Ok(MergedFile { bytes, rows, columns: expected, events })
    }
}

/// The number of a row of a file among all.
fn origin(input: usize, row: u64) -> i64 {
    let input = u64::try_from(input).unwrap_or(u64::MAX) << FILE_ROWS_BITS;
    i64::try_from(input | row).unwrap_or(i64::MAX)
}

/// When these rows happened.
fn span(entries: &[Entry]) -> Option<EventSpan> {
    let mut events = entries.iter().filter_map(Entry::event).filter_map(UtcInstant::from_micros);
    let first = events.next()?;
    Some(EventSpan { first, last: events.next_back().unwrap_or(first) })
}

fn joined(one: Option<EventSpan>, two: Option<EventSpan>) -> Option<EventSpan> {
    match (one, two) {
        (Some(one), Some(two)) => {
            Some(EventSpan { first: one.first.min(two.first), last: one.last.max(two.last) })
        }
        (one, two) => one.or(two),
    }
}
