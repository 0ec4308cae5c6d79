//! A part as a Parquet file: one row group after the other, some columns at a time.

use std::{
    hint::black_box,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use alluvium_model::{DataColumn, SystemColumn};
use arrow::{
    array::{
        ArrayRef, DictionaryArray, Int32Array, Int64Array, MapBuilder, MapFieldNames, StringArray,
        StringBuilder, TimestampMicrosecondArray,
    },
    datatypes::{DataType, Field, Fields, Int32Type, Schema},
};
use bytes::Bytes;
use parquet::schema::types::ColumnPath;

use crate::{
    ColumnarError, Part, PlacedPart,
    column::{ColumnCells, Gathered, data_type, timestamp_type},
    cores::{cores, memory_is_short},
    distinct::hardly_repeats,
    footer::footer,
    parquet_file::{ParquetFile, Sink},
    part::Row,
    partitions::EventSpan,
    rescue::Rescue,
};

/// JSON text of a row group at most: what is in flight while one is written.
const ROW_GROUP_TEXT_BYTES: usize = 64 << 20;
/// JSON text whose values are read column by column before further text is: it stays in the cache
/// of a core meanwhile. Less of it is not worth a second thread.
const BLOCK_TEXT_BYTES: usize = 256 << 10;
/// Columns that are gathered together on each thread, at most: so many arrays are in memory, and so
/// many times fewer is the text gone through.
const COLUMNS_MAX: usize = 128;
/// The same where memory is short.
const FEW_COLUMNS_MAX: usize = 12;
/// Work of a column that does not depend on its values, in bytes of text, about: its writer is made,
/// and each row counts one.
const COLUMN_WEIGHT: usize = 32 << 10;
/// Columns that take less than one byte in so many of the text are sparse: of the lines that a cache
/// would bring near for them, most hold nothing of theirs.
const SPARSE: usize = 8;
const CACHE_LINE_BYTES: usize = 64;
/// Bytes of rescued values in an array at most, but for the last row.
const RESCUE_BATCH_BYTES: usize = 4 << 20;

/// A Parquet file in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedFile {
    /// Its bytes.
    pub bytes: Bytes,
    /// Its rows.
    pub rows: u64,
    /// Values in its column `_rescued`.
    pub rescued: u64,
    /// When its events happened, of those that say so and are believed; a row that was refused
    /// may count.
    pub events: Option<EventSpan>,
}

/// Encodes these rows of a part, whose events happened then.
pub(crate) fn encode(
    placed: &PlacedPart<'_>,
    rows: Range<u32>,
    events: Option<EventSpan>,
) -> Result<EncodedFile, ColumnarError> {
    let layout = FileLayout::new(placed, &rows);
    let footer = footer(layout.data_columns())?;
    let mut file =
        ParquetFile::without_dictionaries(layout.arrow_schema(), footer, &layout.distinct(&rows))?;
    let rescued = AtomicU64::new(0);
    let limits = &placed.part.facts.limits;
    let columns_max = if memory_is_short(limits) { FEW_COLUMNS_MAX } else { COLUMNS_MAX };
    for rows in runs(&placed.part, rows, ROW_GROUP_TEXT_BYTES) {
        let blocks = runs(&placed.part, rows.clone(), BLOCK_TEXT_BYTES);
        let threads = if blocks.len() > 1 { cores(limits) } else { 1 };
        let weights = layout.weights(&rows);
        let work: Vec<_> = weights.iter().map(|w| w + rows.len() + COLUMN_WEIGHT).collect();
        let group = RowGroup { rows, blocks, weights, rescued: &rescued };
        file.row_group_at_once(
            threads,
            &work,
            columns_max,
            |columns| Ok(layout.gather(columns, &group)),
            |column, values, sink| layout.write(column, values, &group, sink),
        )?;
    }
    let (bytes, rows) = file.finish()?;
    Ok(EncodedFile { bytes, rows, rescued: rescued.into_inner(), events })
}

impl Part {
    /// Reads the text of these rows once in its order, which brings it into the cache of the core
    /// faster than values do that lie here and there.
    fn bring_near(&self, rows: &Range<u32>) {
        let rows = self.rows.get(rows.start as usize..rows.end as usize).unwrap_or_default();
        let text =
            |row: &Row| self.text.as_bytes().get(row.at as usize..)?.get(..row.length as usize);
        let lines = rows.iter().filter_map(text).flat_map(|t| t.iter().step_by(CACHE_LINE_BYTES));
        black_box(lines.fold(0, |seen, byte| seen ^ byte));
    }
}

/// The rows cut into runs of so much text, but for the last row of each.
fn runs(part: &Part, rows: Range<u32>, text_bytes: usize) -> Vec<Range<u32>> {
    let mut runs = Vec::new();
    let (mut begin, mut bytes) = (rows.start, 0);
    for row in rows.clone() {
        if bytes >= text_bytes {
            runs.push(begin..row);
            (begin, bytes) = (row, 0);
        }
        bytes += part.rows.get(row as usize).map_or(0, |row| row.length as usize);
    }
    runs.push(begin..rows.end);
    runs
}

enum FileColumn<'a> {
    System(SystemColumn),
    Data { column: &'a DataColumn, cells: ColumnCells<'a> },
}

/// What goes to a row group.
struct RowGroup<'a> {
    rows: Range<u32>,
    /// The same rows, in pieces whose text is read together.
    blocks: Vec<Range<u32>>,
    /// How much work the values of each column are, in bytes of text, about.
    weights: Vec<usize>,
    /// Counts what goes to `_rescued`.
    rescued: &'a AtomicU64,
}

/// Which columns a file has, and what goes where.
struct FileLayout<'a> {
    part: &'a Part,
    /// In the order of the table.
    columns: Vec<FileColumn<'a>>,
    rescue: Rescue<'a>,
}

impl<'a> FileLayout<'a> {
    fn new(placed: &'a PlacedPart<'_>, rows: &Range<u32>) -> Self {
        let rescue = placed.rescue();
        let rescues = rescue.finds_any(rows.clone());
        let system = SystemColumn::ALL
            .into_iter()
            .filter(|column| *column != SystemColumn::Rescued || rescues)
            .map(FileColumn::System);
        // A column without a value is left out of the file.
        let data = placed.columns().filter(|(_, cells)| cells.have_any(rows));
        let data = data.map(|(column, cells)| FileColumn::Data { column, cells });
        Self { part: &placed.part, columns: system.chain(data).collect(), rescue }
    }

    fn arrow_schema(&self) -> Schema {
        let field = |column: &FileColumn<'_>| match column {
            FileColumn::System(column) => system_field(*column),
            FileColumn::Data { column, .. } => data_field(column),
        };
        Schema::new(self.columns.iter().map(field).collect::<Fields>())
    }

    fn data_columns(&self) -> impl Iterator<Item = &DataColumn> {
        self.columns.iter().filter_map(|column| match column {
            FileColumn::System(_) => None,
            FileColumn::Data { column, .. } => Some(*column),
        })
    }

    /// The columns whose values hardly ever repeat.
    fn distinct(&self, rows: &Range<u32>) -> Vec<ColumnPath> {
        let distinct = |column: &FileColumn<'_>| match column {
            FileColumn::System(_) => None,
            FileColumn::Data { column, cells } => hardly_repeats(column.kind, cells, rows)
                .then(|| ColumnPath::from(column.name.as_str())),
        };
        self.columns.iter().filter_map(distinct).collect()
    }

    /// About how much work the values of each column are.
    fn weights(&self, rows: &Range<u32>) -> Vec<usize> {
        let weight = |column: &FileColumn<'_>| match column {
            FileColumn::System(SystemColumn::Rescued) => {
                let weight = |row| match (self.rescue.seeks_in(row), self.rescue.loses(row)) {
                    (false, _) => 0,
                    (true, false) => self.length(row),
                    // It is gone through twice.
                    (true, true) => 2 * self.length(row),
                };
                rows.clone().map(weight).sum()
            }
            FileColumn::System(_) => rows.len(),
            FileColumn::Data { cells, .. } => cells.weight(rows),
        };
        self.columns.iter().map(weight).collect()
    }

    /// Bytes of the text of a row.
    fn length(&self, row: u32) -> usize {
        self.part.rows.get(row as usize).map_or(0, |row| row.length as usize)
    }

    /// Whether these columns have so many values that most of the text is read for them.
    fn is_dense(&self, columns: Range<usize>, group: &RowGroup<'_>) -> bool {
        let values = group.weights.get(columns).unwrap_or_default().iter().sum::<usize>();
        let text = group.rows.clone().map(|row| self.length(row)).sum::<usize>();
        values >= text / SPARSE
    }

    /// Gathers the values of these columns of a row group side by side: those that are neighbours in
    /// the text are read one after the other, while they are near. System columns have none.
    fn gather(&self, columns: Range<usize>, group: &RowGroup<'_>) -> Vec<Option<ArrayRef>> {
        let RowGroup { rows, blocks, .. } = group;
        let is_dense = self.is_dense(columns.clone(), group);
        let columns = self.columns.get(columns).unwrap_or_default().iter();
        let mut gathered: Vec<Option<Gathered<'_>>> = columns
            .map(|column| match column {
                FileColumn::System(_) => None,
                FileColumn::Data { column, cells } => {
                    Some(cells.gathering(column.kind, rows.start))
                }
            })
            .collect();
        for block in blocks {
            if is_dense {
                self.part.bring_near(block);
            }
            for values in gathered.iter_mut().flatten() {
                values.go_on_to(block.end);
            }
        }
        gathered.into_iter().map(|values| values.map(Gathered::finish)).collect()
    }

    /// Writes the column with this number, of which these values were gathered.
    fn write(
        &self,
        column: usize,
        values: Option<ArrayRef>,
        group: &RowGroup<'_>,
        sink: Sink<'_>,
    ) -> Result<(), ColumnarError> {
        let rows = &group.rows;
        match (self.columns.get(column), values) {
            (Some(FileColumn::Data { cells, .. }), Some(values)) => {
                cells.spread(rows, values, sink)
            }
            (Some(FileColumn::System(column)), _) => {
                self.write_system(*column, rows.clone(), group.rescued, sink)
            }
            (Some(FileColumn::Data { .. }), None) | (None, _) => Ok(()),
        }
    }

    fn write_system(
        &self,
        column: SystemColumn,
        rows: Range<u32>,
        rescued: &AtomicU64,
        sink: Sink<'_>,
    ) -> Result<(), ColumnarError> {
        let origin = &self.part.facts.origin;
        match column {
            SystemColumn::Source => {
                let keys = Int32Array::from(vec![0; rows.len()]);
                let source = Arc::new(StringArray::from(vec![origin.source.as_str()]));
                sink(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, source)?))
            }
            SystemColumn::Record => {
                let index = |row: u32| -> Option<i64> {
                    i64::try_from(self.part.record_number(row as usize)?).ok()
                };
                sink(Arc::new(rows.map(index).collect::<Int64Array>()))
            }
            SystemColumn::ArrivedAt => {
                let micros = rows.map(|row| self.part.arrived_at(row as usize).micros());
                let micros: Vec<_> = micros.collect();
                sink(Arc::new(TimestampMicrosecondArray::from(micros).with_timezone("UTC")))
            }
            SystemColumn::Rescued => self.write_rescued(rows, rescued, sink),
        }
    }

    fn write_rescued(
        &self,
        rows: Range<u32>,
        rescued: &AtomicU64,
        sink: Sink<'_>,
    ) -> Result<(), ColumnarError> {
        let mut map = map_builder();
        let mut rescuing = self.rescue.along(&rows);
        let mut bytes = 0;
        for row in rows {
            let mut values = 0;
            rescuing.row(row, &mut |path, text| {
                map.keys().append_value(path);
                map.values().append_value(text);
                bytes += path.len() + text.len();
                values += 1;
            });
            map.append(values > 0)?;
            rescued.fetch_add(values, Ordering::Relaxed);
            if bytes >= RESCUE_BATCH_BYTES {
                bytes = 0;
                sink(Arc::new(map.finish()))?;
            }
        }
        sink(Arc::new(map.finish()))
    }
}

/// A data column of a file.
pub(crate) fn data_field(column: &DataColumn) -> Field {
    Field::new(column.name.as_str(), data_type(column.kind), true)
}

/// A system column of a file.
pub(crate) fn system_field(column: SystemColumn) -> Field {
    let data_type = match column {
        SystemColumn::Source => dictionary_type(),
        SystemColumn::Record => DataType::Int64,
        SystemColumn::ArrivedAt => timestamp_type(),
        SystemColumn::Rescued => arrow::array::Array::data_type(&map_builder().finish()).clone(),
    };
    Field::new(column.name(), data_type, column == SystemColumn::Rescued)
}

/// Text that many rows share.
pub(crate) fn dictionary_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// Maps have the field names of the Parquet specification.
fn map_builder() -> MapBuilder<StringBuilder, StringBuilder> {
    let names = MapFieldNames {
        entry: "key_value".to_owned(),
        key: "key".to_owned(),
        value: "value".to_owned(),
    };
    MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new())
        .with_values_field(Field::new("value", DataType::Utf8, false))
}
