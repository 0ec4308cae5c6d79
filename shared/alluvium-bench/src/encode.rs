//! Encoding alone: the columns of files that Alluvium wrote, finished and in memory, are written
//! again with the same settings into the same row groups.
//!
//! A row group is read, which does not count, and then written, which does; so no more than one
//! is held.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use alluvium_columnar::writer_properties;
use anyhow::Context as _;
use arrow::{
    array::RecordBatch,
    compute::concat_batches,
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use bytes::Bytes;
use parquet::arrow::{
    ArrowWriter,
    arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder},
    arrow_writer::ArrowWriterOptions,
};
use serde_json::{Value, json};

use crate::clock::CpuTime;

/// Text that all rows of a source share comes as a dictionary to the writer, in Alluvium too.
const SHARED_TEXT: &str = "_source";

/// Writes the Parquet files in a folder again, and says what it took, how many rows there were,
/// and how many bytes the new files have.
pub(crate) fn encode(folder: &Path) -> anyhow::Result<Value> {
    let mut time = CpuTime::default();
    let (mut rows, mut bytes) = (0, 0);
    for file in parquet_files(folder)? {
        let again = encode_again(&fs::read(file)?.into(), &mut time)?;
        rows += again.rows;
        bytes += again.file.len();
    }
    Ok(json!({"cpu_seconds": time.seconds(), "rows": rows, "bytes": bytes}))
}

/// The Parquet files in a folder and all below it.
fn parquet_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(parquet_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            files.push(path);
        }
    }
    Ok(files)
}

struct Written {
    rows: usize,
    file: Bytes,
}

fn encode_again(file: &Bytes, time: &mut CpuTime) -> anyhow::Result<Written> {
    let options = ArrowReaderOptions::new();
    let found = ArrowReaderMetadata::load(file, options.clone())?;
    let schema = with_shared_text(found.schema());
    let metadata = ArrowReaderMetadata::load(file, options.with_schema(Arc::clone(&schema)))?;
    let options = ArrowWriterOptions::new()
        .with_properties(writer_properties(&schema)?)
        .with_skip_arrow_metadata(true);
    let to = ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(&schema), options);
    let mut writer = to?;
    let mut rows = 0;
    for group in 0..metadata.metadata().num_row_groups() {
        let batch = row_group(file, &metadata, group)?;
        rows += batch.num_rows();
        time.of(|| writer.write(&batch).and_then(|()| writer.flush()))?;
    }
    let file = time.of(|| writer.into_inner())?.into();
    Ok(Written { rows, file })
}

fn row_group(
    file: &Bytes,
    metadata: &ArrowReaderMetadata,
    group: usize,
) -> anyhow::Result<RecordBatch> {
    let rows = usize::try_from(metadata.metadata().row_group(group).num_rows())?;
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file.clone(), metadata.clone())
        .with_row_groups(vec![group])
        .with_batch_size(rows)
        .build()?;
    let batches = reader.collect::<Result<Vec<_>, _>>()?;
    Ok(concat_batches(metadata.schema(), &batches)?)
}

fn with_shared_text(schema: &SchemaRef) -> SchemaRef {
    let field = |field: &Arc<Field>| {
        if field.name() != SHARED_TEXT {
            return Arc::clone(field);
        }
        let text = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        Arc::new(field.as_ref().clone().with_data_type(text))
    };
    Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array, StringArray};
    use parquet::file::metadata::RowGroupMetaData;

    use super::*;

    #[test]
    fn a_file_that_is_written_again_has_the_same_rows_and_row_groups() {
        let source: ArrayRef = Arc::new(StringArray::from(vec!["file:///a.json"; 5]));
        let numbers: ArrayRef =
            Arc::new(Int64Array::from_iter([Some(1), None, Some(3), None, None]));
        let batch = RecordBatch::try_from_iter([(SHARED_TEXT, source), ("n", numbers)]).unwrap();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
        writer.write(&batch.slice(0, 2)).unwrap();
        writer.flush().unwrap();
        writer.write(&batch.slice(2, 3)).unwrap();
        let file: Bytes = writer.into_inner().unwrap().into();

        let mut time = CpuTime::default();
        let written = encode_again(&file, &mut time).unwrap();
        let again = ArrowReaderMetadata::load(&written.file, ArrowReaderOptions::new()).unwrap();
        let groups: Vec<_> =
            again.metadata().row_groups().iter().map(RowGroupMetaData::num_rows).collect();
        assert_eq!((written.rows, &groups[..]), (5, &[2, 3][..]));
        let rows = row_group(&written.file, &again, 1).unwrap();
        assert_eq!(rows.column_by_name("n"), batch.slice(2, 3).column_by_name("n"));
        assert!(time.seconds() > 0.0);
    }
}
