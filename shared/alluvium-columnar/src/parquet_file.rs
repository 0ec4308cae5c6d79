//! A Parquet file in memory, written one column at a time on each thread.
//!
//! Every property is set on purpose: files must have the same bytes on every run and be read by
//! Athena, Trino, Spark, DuckDB, Polars and PyArrow alike.

use std::{cmp::Reverse, ops::Range, sync::Arc};

use alluvium_model::SystemColumn;
use arrow::{
    array::ArrayRef,
    datatypes::{DataType, Field, FieldRef, Schema},
};
use bytes::Bytes;
use parquet::{
    arrow::{
        ArrowWriter,
        arrow_writer::{
            ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, ArrowWriterOptions,
            compute_leaves,
        },
    },
    basic::{Compression, Encoding, ZstdLevel},
    errors::ParquetError,
    file::{
        metadata::{KeyValue, RowGroupMetaData},
        properties::{EnabledStatistics, WriterProperties, WriterVersion},
        writer::SerializedFileWriter,
    },
    schema::types::ColumnPath,
};

use crate::{ColumnarError, cores::at_once};

const ZSTD_LEVEL: i32 = 3;
const SCRATCH_ZSTD_LEVEL: i32 = 1;
const DATA_PAGE_BYTES: usize = 1 << 20;
const DATA_PAGE_ROWS: usize = 20_000;
const DICTIONARY_PAGE_BYTES: usize = 1 << 20;
/// Values encoded between two looks at the size of a page.
const WRITE_BATCH_ROWS: usize = 1_024;
/// Bytes of a minimum or maximum kept for pruning.
const STATISTICS_BYTES: usize = 64;

/// Writers that a thread has at a time: one takes some 200 KB before it has seen a value.
const WRITERS_MAX: usize = 8;
/// A piece is no more than one in so many parts of the work of its job, but for a column that is more
/// by itself, so that another thread can take some over.
const PIECE_SHARE: usize = 16;

/// Takes the arrays of one column, in the order of their rows.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(ArrayRef) -> Result<(), ColumnarError>;

/// A file that is being written.
pub(crate) struct ParquetFile {
    writer: SerializedFileWriter<Vec<u8>>,
    columns: ArrowRowGroupWriterFactory,
    schema: Arc<Schema>,
    properties: WriterProperties,
}

impl ParquetFile {
    /// A file with these columns and this text under `key` in its footer.
    pub(crate) fn new(schema: Schema, footer: Option<KeyValue>) -> Result<Self, ColumnarError> {
        let properties = properties(&schema, footer, &[])?;
        Self::with_properties(schema, properties)
    }

    /// The same with a footer, where `distinct` columns have no dictionary.
    pub(crate) fn without_dictionaries(
        schema: Schema,
        footer: KeyValue,
        distinct: &[ColumnPath],
    ) -> Result<Self, ColumnarError> {
        let properties = properties(&schema, Some(footer), distinct)?;
        Self::with_properties(schema, properties)
    }

    /// A file that only this process reads, soon: cheap to write, and small enough.
    pub(crate) fn scratch(schema: Schema) -> Result<Self, ColumnarError> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(SCRATCH_ZSTD_LEVEL)?))
            .set_dictionary_enabled(false)
            .set_statistics_enabled(EnabledStatistics::None)
            .set_offset_index_disabled(true)
            .set_max_row_group_row_count(None)
            .set_coerce_types(true)
            .build();
        Self::with_properties(schema, properties)
    }

    fn with_properties(
        schema: Schema,
        properties: WriterProperties,
    ) -> Result<Self, ColumnarError> {
        let schema = Arc::new(schema);
        let (writer, columns) = writer(Arc::clone(&schema), &properties)?;
        Ok(Self { writer, columns, schema, properties })
    }

    /// Writes a row group. `fill` is called once for each column, by its index, with the place
    /// to put its arrays.
    pub(crate) fn row_group(
        &mut self,
        mut fill: impl FnMut(usize, Sink<'_>) -> Result<(), ColumnarError>,
    ) -> Result<(), ColumnarError> {
        let index = self.writer.flushed_row_groups().len();
        let mut leaves = self.columns.create_column_writers(index)?.into_iter();
        let mut group = self.writer.next_row_group()?;
        for (column, field) in self.schema.fields().iter().enumerate() {
            let count = leaf_count(field.data_type());
            let mut written = OpenColumn::new(field, leaves.by_ref().take(count).collect());
            fill(column, &mut |array| written.write(&array))?;
            for chunk in written.close()? {
                chunk.append_to_row_group(&mut group)?;
            }
        }
        group.close()?;
        Ok(())
    }

    /// Writes a row group on so many threads, whose columns take work as these weights say. `gather`
    /// is called for some columns at a time, `columns_max` at most, each of them once, and gives for
    /// each what `fill` needs to put its arrays into their place.
    pub(crate) fn row_group_at_once<G: Send>(
        &mut self,
        threads: usize,
        weights: &[usize],
        columns_max: usize,
        gather: impl Fn(Range<usize>) -> Result<Vec<G>, ColumnarError> + Sync,
        fill: impl Fn(usize, G, Sink<'_>) -> Result<(), ColumnarError> + Sync,
    ) -> Result<(), ColumnarError> {
        let index = self.writer.flushed_row_groups().len();
        let split = |columns: Range<usize>| {
            let gathered = gather(columns.clone())?;
            Ok(pieces(columns.zip(gathered).collect(), weights))
        };
        let write = |piece: Vec<(usize, G)>| {
            let fields = piece.iter().filter_map(|(column, _)| self.schema.fields().get(*column));
            let fields: Vec<_> = fields.map(Arc::clone).collect();
            let writers = self.writers(index, &fields)?;
            let columns = piece.into_iter().zip(&fields).zip(writers);
            let chunks = columns.map(|(((column, gathered), field), writers)| {
                let mut written = OpenColumn::new(field, writers);
                fill(column, gathered, &mut |array| written.write(&array))?;
                Ok((column, written.close()?))
            });
            chunks.collect::<Result<Vec<_>, ColumnarError>>()
        };
        let chunks = at_once(threads, jobs(weights, threads, columns_max), split, write)?;
        let mut chunks: Vec<_> = chunks.into_iter().flatten().collect();
        chunks.sort_by_key(|(column, _)| *column);
        let mut group = self.writer.next_row_group()?;
        for chunk in chunks.into_iter().flat_map(|(_, chunks)| chunks) {
            chunk.append_to_row_group(&mut group)?;
        }
        group.close()?;
        Ok(())
    }

    /// What writes these columns of the row group with this number, column by column.
    fn writers(
        &self,
        row_group: usize,
        fields: &[FieldRef],
    ) -> Result<Vec<Vec<ArrowColumnWriter>>, ColumnarError> {
        // There are writers of whole files alone, so that this is one, of which nothing is kept.
        let (_, columns) = writer(Arc::new(Schema::new(fields.to_vec())), &self.properties)?;
        let mut leaves = columns.create_column_writers(row_group)?.into_iter();
        let counts = fields.iter().map(|field| leaf_count(field.data_type()));
        Ok(counts.map(|count| leaves.by_ref().take(count).collect()).collect())
    }

    /// The bytes of the file, and how many rows were written.
    pub(crate) fn finish(self) -> Result<(Bytes, u64), ColumnarError> {
        let groups = self.writer.flushed_row_groups();
        let rows = groups.iter().map(RowGroupMetaData::num_rows).sum::<i64>();
        Ok((self.writer.into_inner()?.into(), rows.unsigned_abs()))
    }
}

/// What writes a file with these columns, and what makes the writers of its columns.
fn writer(
    schema: Arc<Schema>,
    properties: &WriterProperties,
) -> Result<(SerializedFileWriter<Vec<u8>>, ArrowRowGroupWriterFactory), ColumnarError> {
    let options = ArrowWriterOptions::new()
        .with_properties(properties.clone())
        // Arrow's own schema repeats what the Parquet schema says.
        .with_skip_arrow_metadata(true);
    let writer = ArrowWriter::try_new_with_options(Vec::new(), schema, options)?;
    Ok(writer.into_serialized_writer()?)
}

/// Columns that are gathered together, all in their order: no more work than the share of a thread,
/// so that there is a job or two more than threads, and a heavy column has one of its own.
fn jobs(weights: &[usize], threads: usize, columns_max: usize) -> Vec<Range<usize>> {
    let weight_max = weights.iter().sum::<usize>().div_ceil(threads.max(1));
    let mut jobs = Vec::new();
    let (mut begin, mut weight) = (0, 0);
    for (column, more) in weights.iter().enumerate() {
        let is_full = weight + more > weight_max || column - begin == columns_max;
        if is_full && column > begin {
            jobs.push(begin..column);
            (begin, weight) = (column, 0);
        }
        weight += more;
    }
    jobs.push(begin..weights.len());
    jobs
}

/// The columns of a job in pieces, which are written one after the other: the heaviest first, since
/// what is begun last had better be short.
fn pieces<G>(mut columns: Vec<(usize, G)>, weights: &[usize]) -> Vec<Vec<(usize, G)>> {
    let weight_of = |column: usize| weights.get(column).copied().unwrap_or_default();
    columns.sort_by_key(|(column, _)| Reverse(weight_of(*column)));
    let all = columns.iter().map(|(column, _)| weight_of(*column)).sum::<usize>();
    let mut pieces: Vec<Vec<_>> = Vec::new();
    let mut weight = 0;
    for (column, gathered) in columns {
        weight += weight_of(column);
        match pieces.last_mut() {
            Some(piece) if piece.len() < WRITERS_MAX && weight <= all / PIECE_SHARE => {
                piece.push((column, gathered));
            }
            _ => {
                pieces.push(vec![(column, gathered)]);
                weight = weight_of(column);
            }
        }
    }
    pieces
}

/// A column of ours in a row group that is being written.
struct OpenColumn<'a> {
    field: &'a Field,
    /// The same for text that comes as its bytes.
    bytes: Option<Field>,
    /// One for each of its leaves.
    writers: Vec<ArrowColumnWriter>,
}

impl<'a> OpenColumn<'a> {
    fn new(field: &'a Field, writers: Vec<ArrowColumnWriter>) -> Self {
        let is_text = field.data_type() == &DataType::Utf8;
        let bytes = is_text.then(|| field.clone().with_data_type(DataType::Binary));
        Self { field, bytes, writers }
    }

    /// Writes the next array.
    fn write(&mut self, array: &ArrayRef) -> Result<(), ColumnarError> {
        let is_bytes = array.data_type() == &DataType::Binary;
        let field = self.bytes.as_ref().filter(|_| is_bytes).unwrap_or(self.field);
        for (leaf, writer) in compute_leaves(field, array)?.iter().zip(&mut self.writers) {
            writer.write(leaf)?;
        }
        Ok(())
    }

    fn close(self) -> Result<Vec<ArrowColumnChunk>, ParquetError> {
        self.writers.into_iter().map(ArrowColumnWriter::close).collect()
    }
}

/// Columns of Parquet that a column of ours takes: a map has keys and values.
fn leaf_count(data_type: &DataType) -> usize {
    if matches!(data_type, DataType::Map(..)) { 2 } else { 1 }
}

/// The elements of the lists of numbers and timestamps.
fn numbers_in_lists(schema: &Schema) -> impl Iterator<Item = ColumnPath> {
    schema.fields().iter().filter_map(|field| {
        let DataType::List(element) = field.data_type() else { return None };
        let path = [field.name(), "list", "element"].map(str::to_owned);
        element.data_type().is_primitive().then(|| ColumnPath::new(path.to_vec()))
    })
}

/// How files with these columns are written, for those who measure what writing alone takes.
///
/// # Errors
///
/// None that depends on the schema.
pub fn writer_properties(schema: &Schema) -> Result<WriterProperties, ColumnarError> {
    properties(schema, None, &[])
}

fn properties(
    schema: &Schema,
    footer: Option<KeyValue>,
    distinct: &[ColumnPath],
) -> Result<WriterProperties, ColumnarError> {
    let record = ColumnPath::from(SystemColumn::Record.name());
    let builder = WriterProperties::builder()
        // Pages of version 2 are still unknown to some readers, and compress no better.
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_created_by(concat!("alluvium version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_dictionary_enabled(true)
        .set_dictionary_page_size_limit(DICTIONARY_PAGE_BYTES)
        .set_data_page_size_limit(DATA_PAGE_BYTES)
        .set_data_page_row_count_limit(DATA_PAGE_ROWS)
        .set_write_batch_size(WRITE_BATCH_ROWS)
        // Row groups end where `encode` ends them.
        .set_max_row_group_row_count(None)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_statistics_truncate_length(Some(STATISTICS_BYTES))
        .set_column_index_truncate_length(Some(STATISTICS_BYTES))
        .set_write_page_header_statistics(false)
        .set_bloom_filter_enabled(false)
        .set_coerce_types(true)
        // Record numbers go up one by one: deltas take next to nothing, a dictionary takes all.
        .set_column_dictionary_enabled(record.clone(), false)
        .set_column_encoding(record, Encoding::DELTA_BINARY_PACKED)
        .set_key_value_metadata(footer.map(|footer| vec![footer]));
    // Spark 4.3 looks a null element up in the dictionary before it sees that it is null, and fails
    // where the dictionary is empty or shorter than that of the row group before.
    let without = numbers_in_lists(schema).chain(distinct.iter().cloned());
    Ok(without.fold(builder, |b, column| b.set_column_dictionary_enabled(column, false)).build())
}

#[cfg(test)]
mod tests {
    use arrow::{
        array::{BinaryArray, Int64Array, ListArray, StringArray, new_null_array},
        compute::concat,
        datatypes::Int64Type,
    };
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;

    #[test]
    fn columns_are_gathered_together_by_their_weight() {
        let check = |weights: &[usize], threads, expected: &[(usize, usize)]| {
            let expected: Vec<_> = expected.iter().map(|(begin, end)| *begin..*end).collect();
            assert_eq!(jobs(weights, threads, 64), expected, "{weights:?}");
        };
        check(&[1, 2, 3], 1, &[(0, 3)]);
        check(&[1; 10], 2, &[(0, 5), (5, 10)]);
        check(&[4; 5], 2, &[(0, 2), (2, 4), (4, 5)]);
        check(&[1, 1, 90, 1, 1, 1, 1, 1], 2, &[(0, 2), (2, 3), (3, 8)]);
        check(&[0; 130], 1, &[(0, 64), (64, 128), (128, 130)]);
    }

    #[test]
    fn heavy_columns_are_written_first_and_alone() {
        let check = |weights: &[usize], expected: &[&[usize]]| {
            let columns = (0..weights.len()).map(|column| (column, ())).collect();
            let found = pieces(columns, weights).into_iter();
            let found: Vec<Vec<_>> =
                found.map(|piece| piece.into_iter().map(|(column, ())| column).collect()).collect();
            assert_eq!(found, expected, "{weights:?}");
        };
        check(&[1, 2, 3], &[&[2], &[1], &[0]]);
        check(&[1, 1, 60, 1, 1], &[&[2], &[0, 1, 3, 4]]);
        check(&[0; 10], &[&[0, 1, 2, 3, 4, 5, 6, 7], &[8, 9]]);
        check(&[], &[]);
    }

    #[test]
    fn files_have_the_same_bytes_on_any_number_of_threads() {
        let columns: Vec<ArrayRef> = (0..40)
            .map(|c| {
                Arc::new((0..100 * c).map(|n| n % (c + 1)).collect::<Int64Array>()) as ArrayRef
            })
            .map(|column| {
                concat(&[&column, &new_null_array(&DataType::Int64, 4_000 - column.len())]).unwrap()
            })
            .collect();
        let fields = (0..40).map(|c| Field::new(format!("c{c}"), DataType::Int64, true));
        let schema = Schema::new(fields.collect::<Vec<_>>());
        // The heaviest of a job are the last, so that they are written first.
        let weights: Vec<_> = (0..40).map(|c| c * c * c).collect();
        let written = |threads| {
            let mut file = ParquetFile::new(schema.clone(), None).unwrap();
            let gather = |which: Range<usize>| Ok(columns.get(which).unwrap().to_vec());
            let put = |_, column, sink: Sink<'_>| sink(column);
            file.row_group_at_once(threads, &weights, 4, gather, put).unwrap();
            file.finish().unwrap().0
        };
        let alone = written(1);
        let read = ParquetRecordBatchReaderBuilder::try_new(alone.clone()).unwrap();
        let batches: Result<Vec<_>, _> = read.with_batch_size(4_000).build().unwrap().collect();
        assert_eq!(batches.unwrap().first().unwrap().columns(), columns);
        for threads in [2, 3, 6] {
            assert!(written(threads) == alone, "{threads} threads");
        }
    }

    #[test]
    fn text_may_come_as_its_bytes() {
        let long = "ü".repeat(STATISTICS_BYTES);
        let texts = [Some("b"), None, Some(""), Some(&*long), Some("a"), Some("b")];
        let written = |array: ArrayRef| {
            let field = Field::new("t", DataType::Utf8, true);
            let mut file = ParquetFile::new(Schema::new(vec![field]), None).unwrap();
            file.row_group(|_, sink| sink(Arc::clone(&array))).unwrap();
            file.finish().unwrap().0
        };
        let bytes = BinaryArray::from_iter(texts.map(|text| text.map(str::as_bytes)));
        let text = StringArray::from_iter(texts);
        assert!(written(Arc::new(bytes)) == written(Arc::new(text)));
    }

    #[test]
    fn numbers_in_lists_have_no_dictionary() {
        let columns: [ArrayRef; 2] = [
            Arc::new(Int64Array::from(vec![Some(1), None])),
            Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>([
                Some([Some(1), None]),
                Some([None, None]),
            ])),
        ];
        let field = |column: &ArrayRef| Field::new("n", column.data_type().clone(), true);
        let dictionaries = columns.map(|column| {
            let mut file = ParquetFile::new(Schema::new(vec![field(&column)]), None).unwrap();
            file.row_group(|_, sink| sink(Arc::clone(&column))).unwrap();
            let file = ParquetRecordBatchReaderBuilder::try_new(file.finish().unwrap().0).unwrap();
            file.metadata().row_group(0).column(0).dictionary_page_offset().is_some()
        });
        assert_eq!(dictionaries, [true, false]);
    }
}
