//! What a finished file holds, counted from its bytes alone.

use arrow::array::Array as _;
use bytes::Bytes;
use parquet::{
    arrow::arrow_reader::{
        ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
    },
    errors::ParquetError,
};

use super::{MergedColumn, input::batch_rows};

/// What a file holds.
pub(super) struct Recount {
    pub(super) rows: u64,
    pub(super) columns: Vec<MergedColumn>,
}

/// Counts what a file holds, by decoding all of it.
pub(super) fn recount(bytes: &Bytes) -> Result<Recount, ParquetError> {
    let metadata = ArrowReaderMetadata::load(bytes, ArrowReaderOptions::new())?;
    let fields = metadata.schema().fields();
    let column = |name: &String| MergedColumn { name: name.clone(), values: 0 };
    let mut columns: Vec<_> = fields.iter().map(|field| column(field.name())).collect();
    let mut rows = 0;
    for (index, group) in metadata.metadata().row_groups().iter().enumerate() {
        let (bytes, metadata) = (bytes.clone(), metadata.clone());
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, metadata)
            .with_row_groups(vec![index])
            .with_batch_size(batch_rows(group, columns.len()))
            .build()?;
        for batch in reader {
            let batch = batch?;
            rows += batch.num_rows() as u64;
            for (column, array) in columns.iter_mut().zip(batch.columns()) {
                column.values += (array.len() - array.null_count()) as u64;
            }
        }
    }
    Ok(Recount { rows, columns })
}
