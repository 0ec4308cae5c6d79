//! Rows that do not fit into memory until their turn comes: sorted, and put away as small Parquet
//! files, each of which is taken up again when it is its turn.

use std::sync::Arc;

use arrow::{
    array::{Array as _, ArrayRef, AsArray as _, Int64Array, RecordBatch, UInt32Array},
    datatypes::{Field, Int64Type, Schema, UInt32Type},
    error::ArrowError,
};
use bytes::Bytes;
use parquet::{
    arrow::arrow_reader::{
        ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
    },
    errors::ParquetError,
};

use super::{
    input::{arrays, batch_rows, read_as},
    open::{Entry, GroupLimits, OpenRows},
    order::Moment,
    piece::{Piece, RowFacts},
    table::{ColumnId, Table},
};
use crate::{ColumnarError, parquet_file::ParquetFile};

/// Columns of a chunk besides those of the table: no column of a table has such a name.
const EVENT: &str = "@event";
const ORIGIN: &str = "@origin";
const WEIGHT: &str = "@weight";

/// Consecutive rows of a run.
pub(super) struct Chunk {
    /// Where its first row stands.
    pub(super) first: Moment,
    bytes: Bytes,
}

/// Puts all rows that are in memory away.
pub(super) fn put_away(
    rows: &mut OpenRows,
    table: &Table<'_>,
    limits: GroupLimits,
) -> Result<Vec<Chunk>, ColumnarError> {
    let mut chunks = Vec::new();
    while let Some(next) = rows.next_group(None, limits) {
        chunks.extend(chunk(rows, next, table)?);
        rows.take(next);
    }
    rows.forget_taken();
    Ok(chunks)
}

/// The first rows as a chunk.
fn chunk(rows: &OpenRows, count: usize, table: &Table<'_>) -> Result<Option<Chunk>, ColumnarError> {
    let (entries, group) = rows.first(count);
    let Some(first) = entries.first() else { return Ok(None) };
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (id, column) in table.ids() {
        let array = group.array(id, column.field.data_type())?;
        if let Some(array) = array {
            fields.push(column.field.as_ref().clone());
            columns.push(array);
        }
    }
    for (name, array) in facts(entries, rows) {
        fields.push(Field::new(name, array.data_type().clone(), false));
        columns.push(array);
    }
    let mut file = ParquetFile::scratch(Schema::new(fields))?;
    file.row_group(|index, sink| match columns.get(index) {
        Some(array) => sink(ArrayRef::clone(array)),
        None => Ok(()),
    })?;
    Ok(Some(Chunk { first: first.moment, bytes: file.finish()?.0 }))
}

/// What is known of rows besides their columns, as columns.
fn facts(entries: &[Entry], rows: &OpenRows) -> [(&'static str, ArrayRef); 3] {
    let piece = |entry: &Entry| rows.piece(entry);
    let origin = |entry: &Entry| piece(entry).map_or(0, |piece| piece.origin(entry.rank));
    let weight = |entry: &Entry| piece(entry).map_or(0, |piece| piece.weight(entry.rank));
    let events: Int64Array = entries.iter().map(|entry| Some(entry.moment.event)).collect();
    let origins: Int64Array = entries.iter().map(|entry| Some(origin(entry))).collect();
    let weights: UInt32Array = entries.iter().map(|entry| Some(weight(entry))).collect();
    [(EVENT, Arc::new(events)), (ORIGIN, Arc::new(origins)), (WEIGHT, Arc::new(weights))]
}

impl Chunk {
    /// Takes its rows up again.
    pub(super) fn pieces(&self, table: &Table<'_>) -> Result<Vec<Piece>, ParquetError> {
        let options = ArrowReaderOptions::new();
        let metadata = ArrowReaderMetadata::load(&self.bytes, options)?;
        let fields = metadata.schema().fields();
        // What is no column of the table has a number that no column has.
        let ids: Vec<ColumnId> =
            fields.iter().map(|field| table.id(field.name()).unwrap_or(ColumnId::MAX)).collect();
        let metadata = read_as(&metadata, &ids, table)?;
        let group = metadata.metadata().row_groups().first();
        let batch_rows = group.map_or(1, |group| batch_rows(group, ids.len()));
        let bytes = self.bytes.clone();
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, metadata)
            .with_batch_size(batch_rows)
            .build()?;
        let piece = |batch: Result<RecordBatch, ArrowError>| {
            let batch = batch?;
            let mut arrays = arrays(&batch, &ids);
            arrays.retain(|(id, _)| *id != ColumnId::MAX);
            Ok(Piece::new(&arrays, row_facts(&batch)?, &table.order)?)
        };
        reader.map(piece).collect()
    }
}

fn row_facts(batch: &RecordBatch) -> Result<RowFacts, ArrowError> {
    let column = |name: &str| {
        let missing = || ArrowError::SchemaError(format!("no column {name} in a chunk"));
        batch.column_by_name(name).ok_or_else(missing)
    };
    let integers = |name| {
        let integers = column(name)?.as_primitive_opt::<Int64Type>();
        Ok::<_, ArrowError>(integers.map(|array| array.values().to_vec()).unwrap_or_default())
    };
    let weights = column(WEIGHT)?.as_primitive_opt::<UInt32Type>();
    let weights = weights.map(|array| array.values().to_vec()).unwrap_or_default();
    Ok(RowFacts { events: integers(EVENT)?, origins: integers(ORIGIN)?, weights: Some(weights) })
}
