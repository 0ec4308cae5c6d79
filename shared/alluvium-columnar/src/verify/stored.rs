//! What a Parquet file of a lake holds, row by row, from the file alone.

use std::{collections::HashMap, ops::Range, str::FromStr as _};

use alluvium_model::{QuarantineColumn, Reason, SystemColumn, TableSchema};
use arrow::{
    array::{
        Array, ArrayRef, AsArray as _, BooleanArray, RecordBatch, StringArray,
        TimestampMicrosecondArray,
    },
    compute::cast,
    datatypes::{DataType, Int64Type},
    error::ArrowError,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{
            ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
            statistics::StatisticsConverter,
        },
    },
    errors::ParquetError,
    file::metadata::RowGroupMetaData,
};

use crate::{
    BadRecord, Position,
    footer::{FOOTER_KEY, StoredColumn, UnreadableFooter, stored_columns},
};

/// Rows decoded at a time, at most.
const BATCH_ROWS: usize = 256;
/// Bytes decoded at a time, if rows are alike.
const BATCH_BYTES: usize = 1 << 20;

/// A file that cannot be read as one of Alluvium's.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// It is no Parquet file, or a damaged one.
    #[error("cannot read Parquet")]
    Parquet(#[from] ParquetError),
    /// Its values are not what its schema says.
    #[error("cannot read a column")]
    Arrow(#[from] ArrowError),
    /// Its footer does not say where its columns come from.
    #[error("its footer has no readable {FOOTER_KEY}")]
    Footer,
    /// It lacks a column that every file has.
    #[error("it has no column {0} of the right type")]
    Column(&'static str),
}

/// A Parquet file of a lake.
pub struct StoredFile {
    bytes: Bytes,
    metadata: ArrowReaderMetadata,
    pub(super) columns: Vec<StoredColumn>,
    by_path: HashMap<String, Vec<usize>>,
}

/// One row of a file.
pub(super) struct StoredRow<'a> {
    pub(super) file: &'a StoredFile,
    /// The columns of the batch, in the order of the file's data columns.
    arrays: &'a [Option<ArrayRef>],
    rescued: Option<&'a ArrayRef>,
    /// When the row says that its source arrived, in microseconds.
    pub(super) arrived_at: Option<i64>,
    pub(super) index: usize,
}

impl StoredFile {
    /// Opens a file.
    ///
    /// # Errors
    /// When it is no Parquet file of Alluvium's.
    pub fn open(bytes: Bytes) -> Result<Self, StoredError> {
        let metadata = ArrowReaderMetadata::load(&bytes, ArrowReaderOptions::new())?;
        let pairs = metadata.metadata().file_metadata().key_value_metadata();
        // Bad records come from no path, so their files say nothing of paths.
        let columns = stored_columns(pairs).map_err(|UnreadableFooter| StoredError::Footer)?;
        let columns = columns.unwrap_or_default();
        let mut by_path: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, column) in columns.iter().enumerate() {
            by_path.entry(column.path.clone()).or_default().push(index);
        }
        Ok(Self { bytes, metadata, columns, by_path })
    }

    /// The records that the file may have rows of: from the lowest to beyond the highest.
    ///
    /// # Errors
    /// When the file says nothing of its records.
    pub fn records(&self) -> Result<Range<u64>, StoredError> {
        let mut all: Option<Range<u64>> = None;
        for group in self.records_by_group()? {
            all = Some(match all {
                Some(all) => all.start.min(group.start)..all.end.max(group.end),
                None => group,
            });
        }
        Ok(all.unwrap_or(0..0))
    }

    /// The rows that came from another source than `source`.
    ///
    /// # Errors
    /// When the file says nothing of its sources.
    pub fn rows_of_others(&self, source: &str) -> Result<u64, StoredError> {
        let name = if self.is_quarantine() {
            QuarantineColumn::Source.name()
        } else {
            SystemColumn::Source.name()
        };
        let column = self.metadata.schema().index_of(name);
        let column = column.map_err(|_| StoredError::Column(name))?;
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), [column]);
        let mut others = 0;
        for batch in self.reader().with_projection(mask).build()? {
            let sources = texts(&batch?, name)?;
            others += sources.iter().filter(|found| *found != Some(source)).count() as u64;
        }
        Ok(others)
    }

    /// What keeps readers from finding the file's columns through the catalog, one text for each
    /// column that it does not have like this. Only for files of rows.
    #[must_use]
    pub fn unlisted_columns(&self, schema: &TableSchema) -> Vec<String> {
        let listed =
            |column: &&StoredColumn| !schema.columns().iter().any(|known| column.is(known));
        let unlisted = self.columns.iter().filter(listed);
        let unlisted = unlisted.map(|column| {
            format!("column {} of {} is not in the catalog like this", column.name, column.path)
        });
        let is_known = |name: &str| {
            SystemColumn::ALL.iter().any(|system| system.name() == name)
                || self.columns.iter().any(|column| column.name == name)
        };
        let fields = self.metadata.schema().fields().iter();
        let unknown = fields.filter(|field| !is_known(field.name()));
        unlisted.chain(unknown.map(|f| format!("column {} is of no path", f.name()))).collect()
    }

    pub(super) fn columns_of(&self, path: &str) -> impl Iterator<Item = usize> {
        self.by_path.get(path).into_iter().flatten().copied()
    }

    /// Gives every row of these records of `source` to `visit`.
    pub(super) fn rows(
        &self,
        source: &str,
        records: Range<u64>,
        visit: &mut dyn FnMut(u64, &StoredRow<'_>),
    ) -> Result<(), StoredError> {
        if self.columns.is_empty() && self.is_quarantine() {
            return Err(StoredError::Footer);
        }
        self.batches(&records, &mut |batch| {
            let arrays: Vec<_> =
                self.columns.iter().map(|c| batch.column_by_name(&c.name).cloned()).collect();
            let rescued = batch.column_by_name(SystemColumn::Rescued.name());
            let sources = texts(batch, SystemColumn::Source.name())?;
            let numbers = integers(batch, SystemColumn::Record.name())?;
            let arrivals = arrivals(batch)?;
            for (index, record) in numbers.into_iter().enumerate() {
                if records.contains(&record) && sources.value(index) == source {
                    let arrived_at = arrivals.is_valid(index).then(|| arrivals.value(index));
                    let row = StoredRow { file: self, arrays: &arrays, rescued, arrived_at, index };
                    visit(record, &row);
                }
            }
            Ok(())
        })
    }

    /// Gives every bad record of these of `source` to `visit`, and whether it is said to be
    /// complete.
    pub(super) fn bad_records(
        &self,
        source: &str,
        records: Range<u64>,
        visit: &mut dyn FnMut(u64, BadRecord, bool),
    ) -> Result<(), StoredError> {
        use QuarantineColumn as Q;
        self.batches(&records, &mut |batch| {
            let text = |column: Q| texts(batch, column.name());
            let (sources, reasons) = (text(Q::Source)?, text(Q::Reason)?);
            let (messages, contents) = (text(Q::Message)?, text(Q::Bytes)?);
            let (encodings, complete) = (text(Q::Encoding)?, booleans(batch, Q::Complete.name())?);
            let integer = |column: Q| integers(batch, column.name());
            let (offsets, lengths) = (integer(Q::Offset)?, integer(Q::Length)?);
            let rest = offsets.into_iter().zip(lengths);
            let all = integer(Q::Record)?.into_iter().zip(rest).enumerate();
            for (index, (record, (offset, length))) in all {
                if !records.contains(&record) || sources.value(index) != source {
                    continue;
                }
                let reason =
                    Reason::from_str(reasons.value(index)).map_err(|_| wrong(Q::Reason))?;
                let content = contents.value(index);
                let bytes = match encodings.value(index) {
                    "text" => content.as_bytes().to_vec(),
                    _ => STANDARD.decode(content).map_err(|_| wrong(Q::Bytes))?,
                };
                let message = messages.value(index).to_owned();
                // The table knows no lines: they follow from the offset.
                let position = Position { offset, ..Position::BEGIN };
                let mut bad = BadRecord::new(position, reason, message);
                (bad.length, bad.bytes) = (length, bytes);
                visit(record, bad, complete.value(index));
            }
            Ok(())
        })
    }

    /// Told by what it lacks: any table may have a column `reason`, but only the quarantine table
    /// has no `_source`.
    fn is_quarantine(&self) -> bool {
        self.metadata.schema().field_with_name(SystemColumn::Source.name()).is_err()
    }

    /// The column that holds the index of the record.
    fn record_column(&self) -> &'static str {
        let system = SystemColumn::Record.name();
        let is_there = self.metadata.schema().field_with_name(system).is_ok();
        if is_there { system } else { QuarantineColumn::Record.name() }
    }

    /// The records of each row group, by its statistics.
    fn records_by_group(&self) -> Result<Vec<Range<u64>>, StoredError> {
        let name = self.record_column();
        let metadata = self.metadata.metadata();
        let schema = metadata.file_metadata().schema_descr();
        let converter = StatisticsConverter::try_new(name, self.metadata.schema(), schema)?;
        let lowest = converter.row_group_mins(metadata.row_groups())?;
        let highest = converter.row_group_maxes(metadata.row_groups())?;
        let integers = |array: &ArrayRef| {
            array.as_primitive_opt::<Int64Type>().cloned().ok_or(StoredError::Column(name))
        };
        let (lowest, highest) = (integers(&lowest)?, integers(&highest)?);
        let bound = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok());
        let rows = metadata.row_groups().iter().map(RowGroupMetaData::num_rows);
        let range = |((low, high), rows)| match (bound(low), bound(high)) {
            (Some(low), Some(high)) => low..high.saturating_add(1),
            _ if rows == 0 => 0..0,
            // Without statistics it may be any.
            _ => 0..u64::MAX,
        };
        Ok(lowest.iter().zip(highest.iter()).zip(rows).map(range).collect())
    }

    fn batches(
        &self,
        records: &Range<u64>,
        visit: &mut dyn FnMut(&RecordBatch) -> Result<(), StoredError>,
    ) -> Result<(), StoredError> {
        let overlaps = |group: &Range<u64>| group.start < records.end && records.start < group.end;
        let groups = self.records_by_group()?.into_iter().enumerate();
        for (index, _) in groups.filter(|(_, group)| overlaps(group)) {
            let builder = self.reader().with_row_groups(vec![index]);
            for batch in builder.with_batch_size(self.batch_rows(index)).build()? {
                visit(&batch?)?;
            }
        }
        Ok(())
    }

    fn reader(&self) -> ParquetRecordBatchReaderBuilder<Bytes> {
        let (bytes, metadata) = (self.bytes.clone(), self.metadata.clone());
        ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, metadata)
    }

    /// As many rows of a row group as memory is meant to hold at a time.
    fn batch_rows(&self, group: usize) -> usize {
        let group = self.metadata.metadata().row_groups().get(group);
        let size = |bytes: i64| usize::try_from(bytes).unwrap_or(usize::MAX);
        let row = group.map_or(0, |group| {
            size(group.total_byte_size()).checked_div(size(group.num_rows())).unwrap_or_default()
        });
        BATCH_BYTES.checked_div(row).unwrap_or(BATCH_ROWS).clamp(1, BATCH_ROWS)
    }
}

impl StoredRow<'_> {
    /// A column with its array; the value stands at `index`.
    pub(super) fn value(&self, column: usize) -> Option<(&StoredColumn, &ArrayRef)> {
        Some((self.file.columns.get(column)?, self.arrays.get(column)?.as_ref()?))
    }

    /// Whether the row has a value in this column of the file.
    pub(super) fn has(&self, column: usize) -> bool {
        self.value(column).is_some_and(|(_, array)| array.is_valid(self.index))
    }

    /// What was rescued: path and JSON text.
    pub(super) fn rescued(&self) -> Vec<(String, String)> {
        let map = self.rescued.and_then(|array| array.as_map_opt());
        let Some(map) = map.filter(|map| map.is_valid(self.index)) else { return Vec::new() };
        let entries = map.value(self.index);
        let text = |array: &ArrayRef, entry| {
            array.as_string_opt::<i32>().map_or_else(String::new, |a| a.value(entry).to_owned())
        };
        let pair = |entry| (text(entries.column(0), entry), text(entries.column(1), entry));
        (0..entries.len()).map(pair).collect()
    }
}

const fn wrong(column: QuarantineColumn) -> StoredError {
    StoredError::Column(column.name())
}

fn arrivals(batch: &RecordBatch) -> Result<TimestampMicrosecondArray, StoredError> {
    let name = SystemColumn::ArrivedAt.name();
    let column = batch.column_by_name(name).ok_or(StoredError::Column(name))?;
    column.as_primitive_opt().cloned().ok_or(StoredError::Column(name))
}

fn texts(batch: &RecordBatch, name: &'static str) -> Result<StringArray, StoredError> {
    let column = batch.column_by_name(name).ok_or(StoredError::Column(name))?;
    let texts = cast(column, &DataType::Utf8)?;
    texts.as_string_opt::<i32>().cloned().ok_or(StoredError::Column(name))
}

fn booleans(batch: &RecordBatch, name: &'static str) -> Result<BooleanArray, StoredError> {
    let column = batch.column_by_name(name).ok_or(StoredError::Column(name))?;
    column.as_boolean_opt().cloned().ok_or(StoredError::Column(name))
}

fn integers(batch: &RecordBatch, name: &'static str) -> Result<Vec<u64>, StoredError> {
    let column = batch.column_by_name(name).ok_or(StoredError::Column(name))?;
    let integers = column.as_primitive_opt::<Int64Type>().ok_or(StoredError::Column(name))?;
    let all = integers.iter().map(|value| u64::try_from(value?).ok());
    all.collect::<Option<_>>().ok_or(StoredError::Column(name))
}
