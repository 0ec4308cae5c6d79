//! The files that are merged: what their footers say, and their rows.
//!
//! Footers are not kept: those of ten thousand files, or of files with a thousand columns, would
//! take more memory than their rows. They are read once to know what there is, and again when
//! rows are wanted. Bytes are fetched in few large ranges: somebody may pay for each request.

use std::{ops::Range, sync::Arc};

use arrow::{
    array::RecordBatch,
    datatypes::{Field, Schema},
};
use parquet::{
    arrow::arrow_reader::{
        ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
        ParquetRecordBatchReaderBuilder,
    },
    errors::ParquetError,
    file::{
        metadata::{ParquetMetaDataReader, RowGroupMetaData},
        reader::ChunkReader,
    },
};

use super::{
    error::MergeError,
    table::{ColumnId, Table, TableColumn},
    window::Window,
};
use crate::footer::{StoredColumn, UnreadableFooter, stored_columns};

/// Bytes at the end of a file that are fetched for its footer; many a file is not longer.
const TAIL_BYTES: u64 = 64 << 10;
/// Rows decoded at a time, at most.
const BATCH_ROWS: usize = 8_192;
/// Bytes decoded at a time, if rows are alike.
const BATCH_BYTES: usize = 32 << 20;
/// What a value takes once it is decoded, even if it is NULL: eight bytes, or an offset.
const VALUE_BYTES: usize = 8;

/// A file that is to be merged.
#[derive(Clone, Debug)]
pub struct MergeInput<R> {
    /// What it is called; of several no two may have the same name.
    pub name: String,
    /// Where its bytes are.
    pub reader: R,
}

/// A file whose footer was read.
pub(super) struct OpenInput {
    metadata: ArrowReaderMetadata,
    /// The columns of the table that the file has, in its order.
    pub(super) columns: Vec<ColumnId>,
    tail: Window,
}

impl<R: ChunkReader> MergeInput<R> {
    /// Reads the footer, and checks that the file is one of the table.
    pub(super) fn open(&self, table: &Table<'_>) -> Result<OpenInput, MergeError> {
        let mut tail = self.tail(TAIL_BYTES)?;
        let mut reader = ParquetMetaDataReader::new();
        let mut parsed = reader.try_parse(&tail);
        if let Some(needed) = reader.metadata_size().filter(|needed| *needed > tail.length()) {
            tail = self.tail(needed as u64)?;
            parsed = reader.try_parse(&tail);
        }
        let metadata = parsed.and_then(|()| reader.finish()).map_err(|e| self.corrupt(e))?;
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = ArrowReaderMetadata::try_new(Arc::new(metadata), options)
            .map_err(|error| self.corrupt(error))?;
        let columns = self.columns(&metadata, table)?;
        let metadata = read_as(&metadata, &columns, table).map_err(|e| self.corrupt(e))?;
        Ok(OpenInput { metadata, columns, tail })
    }

    /// The rows of a row group of the file.
    pub(super) fn rows(
        &self,
        open: &OpenInput,
        group: usize,
    ) -> Result<ParquetRecordBatchReader, MergeError> {
        let metadata = open.row_groups().get(group);
        let range = metadata.and_then(byte_range).ok_or_else(|| {
            self.corrupt(ParquetError::General(format!("row group {group} is nowhere")))
        })?;
        let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let window = if open.tail.has(range.start, length) {
            open.tail.clone()
        } else {
            self.fetch(range.start, length)?
        };
        let rows = metadata.map_or(1, |group| batch_rows(group, open.columns.len()));
        ParquetRecordBatchReaderBuilder::new_with_metadata(window, open.metadata.clone())
            .with_row_groups(vec![group])
            .with_batch_size(rows)
            .build()
            .map_err(|error| self.corrupt(error))
    }

    pub(super) fn corrupt(&self, source: impl Into<ParquetError>) -> MergeError {
        MergeError::Corrupt { input: self.name.clone(), source: source.into() }
    }

    fn tail(&self, bytes: u64) -> Result<Window, MergeError> {
        let all = self.reader.len();
        let begin = all.saturating_sub(bytes);
        self.fetch(begin, usize::try_from(all - begin).unwrap_or(usize::MAX))
    }

    /// The only place that asks for bytes.
    fn fetch(&self, begin: u64, length: usize) -> Result<Window, MergeError> {
        let bytes = self.reader.get_bytes(begin, length);
        let failed = |source| MergeError::Fetch { input: self.name.clone(), source };
        Ok(Window::new(self.reader.len(), begin, bytes.map_err(failed)?))
    }

    /// The columns of the file, each of which its table must have exactly like this.
    fn columns(
        &self,
        metadata: &ArrowReaderMetadata,
        table: &Table<'_>,
    ) -> Result<Vec<ColumnId>, MergeError> {
        let input = || self.name.clone();
        let footer = metadata.metadata().file_metadata().key_value_metadata();
        let footer = stored_columns(footer)
            .map_err(|UnreadableFooter| MergeError::Footer { input: input() })?;
        if footer.is_some() != table.has_footers {
            return Err(MergeError::Footer { input: input() });
        }
        let footer = footer.unwrap_or_default();
        let mut columns = Vec::with_capacity(metadata.schema().fields().len());
        for field in metadata.schema().fields() {
            let id = id_of(field, &footer, table).ok_or_else(|| MergeError::UnknownColumn {
                input: input(),
                column: field.name().clone(),
            })?;
            let expected = table.column(id).map(TableColumn::stored_type);
            if let Some(expected) = expected.filter(|expected| *expected != field.data_type()) {
                return Err(MergeError::ColumnType {
                    input: input(),
                    column: field.name().clone(),
                    found: field.data_type().to_string(),
                    expected: expected.to_string(),
                });
            }
            columns.push(id);
        }
        let mut needed = table.ids().filter(|(_, column)| column.is_everywhere);
        match needed.find(|(id, _)| !columns.contains(id)) {
            None => Ok(columns),
            Some((_, column)) => Err(MergeError::MissingColumn {
                input: input(),
                column: column.field.name().clone(),
            }),
        }
    }
}

/// The column of the table that a column of a file is, by name, path and kind.
fn id_of(field: &Field, footer: &[StoredColumn], table: &Table<'_>) -> Option<ColumnId> {
    let id = table.id(field.name())?;
    let Some(column) = table.column(id)?.data else { return Some(id) };
    let stored = footer.iter().find(|stored| stored.name == *field.name())?;
    stored.is(column).then_some(id)
}

impl OpenInput {
    pub(super) fn row_groups(&self) -> &[RowGroupMetaData] {
        self.metadata.metadata().row_groups()
    }

    pub(super) fn metadata(&self) -> &ArrowReaderMetadata {
        &self.metadata
    }
}

/// The same file, whose columns are decoded as the table has them.
pub(super) fn read_as(
    metadata: &ArrowReaderMetadata,
    columns: &[ColumnId],
    table: &Table<'_>,
) -> Result<ArrowReaderMetadata, ParquetError> {
    let typed = |(field, id): (&Arc<Field>, &ColumnId)| match table.field(*id) {
        Some(known) => field.as_ref().clone().with_data_type(known.data_type().clone()),
        None => field.as_ref().clone(),
    };
    let fields: Vec<_> = metadata.schema().fields().iter().zip(columns).map(typed).collect();
    let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields)));
    ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options)
}

/// Where the columns of a row group lie, if they lie anywhere.
fn byte_range(group: &RowGroupMetaData) -> Option<Range<u64>> {
    let mut all: Option<Range<u64>> = None;
    for column in group.columns() {
        let begin = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
        let begin = u64::try_from(begin.min(column.data_page_offset())).ok()?;
        let end = begin.checked_add(u64::try_from(column.compressed_size()).ok()?)?;
        all = Some(match all {
            Some(all) => all.start.min(begin)..all.end.max(end),
            None => begin..end,
        });
    }
    all
}

/// As many rows of a row group as are decoded at a time.
pub(super) fn batch_rows(group: &RowGroupMetaData, columns: usize) -> usize {
    let size = |bytes: i64| usize::try_from(bytes).unwrap_or_default();
    let row = size(group.total_byte_size()).checked_div(size(group.num_rows()));
    let row = row.unwrap_or_default().max(columns.saturating_mul(VALUE_BYTES)).max(1);
    (BATCH_BYTES / row).clamp(1, BATCH_ROWS)
}

/// The columns of a batch by their number in the table.
pub(super) fn arrays(
    batch: &RecordBatch,
    columns: &[ColumnId],
) -> Vec<(ColumnId, arrow::array::ArrayRef)> {
    columns.iter().copied().zip(batch.columns().iter().cloned()).collect()
}
