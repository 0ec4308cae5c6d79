//! A part as a Parquet file: one column at a time, one row group after the other.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use alluvium_model::{ClassSet, ColumnName, DataColumn, SystemColumn, TableSchema};
use arrow::{
    array::{
        DictionaryArray, Int32Array, Int64Array, MapBuilder, MapFieldNames, StringArray,
        StringBuilder, TimestampMicrosecondArray,
    },
    datatypes::{DataType, Field, Fields, Int32Type, Schema},
};
use bytes::Bytes;
use parquet::file::metadata::KeyValue;
use serde::Serialize;

use crate::{
    ColumnarError, Part,
    column::{ColumnCells, data_type, timestamp_type},
    objects::WholeCells,
    parquet_file::{ParquetFile, Sink},
    rescue::Homes,
};

/// The footer key under which a file says where its columns come from.
pub(crate) const FOOTER_KEY: &str = "alluvium.columns";
/// JSON text of a row group at most: what is in flight while one is written.
const ROW_GROUP_TEXT_BYTES: usize = 32 << 20;
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
}

/// Encodes the good records of a part.
pub(crate) fn encode(part: &Part, schema: &TableSchema) -> Result<EncodedFile, ColumnarError> {
    let homes = Homes::new(&part.flattener.paths, schema);
    let whole_cells = part.whole_cells(&homes);
    let layout = FileLayout::new(part, schema, homes, &whole_cells);
    let footer = KeyValue::new(FOOTER_KEY.to_owned(), layout.footer()?);
    let mut file = ParquetFile::new(layout.arrow_schema(), Some(footer))?;
    let mut rescued = 0;
    for rows in row_groups(part) {
        file.row_group(|index, sink| match layout.columns.get(index) {
            Some(FileColumn::System(column)) => {
                let rows = rows.clone();
                layout.write_system(*column, rows, &mut rescued, sink)
            }
            Some(FileColumn::Data { column, cells }) => {
                sink(cells.array(column.kind, rows.clone()))
            }
            None => Ok(()),
        })?;
    }
    let (bytes, rows) = file.finish()?;
    Ok(EncodedFile { bytes, rows, rescued })
}

/// The rows of each row group.
fn row_groups(part: &Part) -> Vec<Range<u32>> {
    let mut groups = Vec::new();
    let (mut begin, mut begin_at) = (0, 0);
    for (row, next) in (0..).zip(&part.rows) {
        let at = next.at as usize;
        if row > begin && at - begin_at >= ROW_GROUP_TEXT_BYTES {
            groups.push(begin..row);
            (begin, begin_at) = (row, at);
        }
    }
    let rows = u32::try_from(part.rows.len()).unwrap_or(u32::MAX);
    groups.push(begin..rows);
    groups
}

enum FileColumn<'a> {
    System(SystemColumn),
    Data { column: &'a DataColumn, cells: ColumnCells<'a> },
}

/// Which columns a file has, and what goes where.
struct FileLayout<'a> {
    part: &'a Part,
    /// In the order of the table.
    columns: Vec<FileColumn<'a>>,
    homes: Homes,
}

impl<'a> FileLayout<'a> {
    fn new(
        part: &'a Part,
        schema: &'a TableSchema,
        homes: Homes,
        whole_cells: &'a WholeCells,
    ) -> Self {
        let mut taken: BTreeMap<&ColumnName, ColumnCells<'_>> = BTreeMap::new();
        for (id, node) in part.flattener.paths.ids() {
            for class in node.classes.iter() {
                for column in schema.carriers(&node.path, class) {
                    let whole = whole_cells.get(&id).filter(|_| schema.takes_objects(column));
                    let cells = whole.unwrap_or(&node.cells);
                    let none =
                        ColumnCells { text: &part.text, cells, classes: ClassSet::default() };
                    taken.entry(&column.name).or_insert(none).classes.insert(class);
                }
            }
        }
        let rescues = part.rescues(&homes);
        let system = SystemColumn::ALL
            .into_iter()
            .filter(|column| *column != SystemColumn::Rescued || rescues)
            .map(FileColumn::System);
        let data = schema.columns().iter().filter_map(|column| {
            // A column without a value is left out of the file.
            let cells = taken.remove(&column.name)?;
            Some(FileColumn::Data { column, cells })
        });
        Self { part, columns: system.chain(data).collect(), homes }
    }

    fn arrow_schema(&self) -> Schema {
        let field = |column: &FileColumn<'_>| match column {
            FileColumn::System(column) => {
                let nullable = *column == SystemColumn::Rescued;
                Field::new(column.name(), system_type(*column), nullable)
            }
            FileColumn::Data { column, .. } => {
                Field::new(column.name.as_str(), data_type(column.kind), true)
            }
        };
        Schema::new(self.columns.iter().map(field).collect::<Fields>())
    }

    /// Where the data columns come from, as JSON.
    fn footer(&self) -> Result<String, serde_json::Error> {
        #[derive(Serialize)]
        struct FooterColumn<'a> {
            name: &'a str,
            path: &'a str,
            r#type: String,
            kind: String,
            sibling_of: Option<&'a str>,
        }
        let columns: Vec<_> = self
            .columns
            .iter()
            .filter_map(|column| match column {
                FileColumn::System(_) => None,
                FileColumn::Data { column, .. } => Some(FooterColumn {
                    name: column.name.as_str(),
                    path: column.path.as_str(),
                    r#type: column.kind.glue_type(),
                    kind: column.kind.to_string(),
                    sibling_of: column.sibling_of.as_ref().map(ColumnName::as_str),
                }),
            })
            .collect();
        serde_json::to_string(&columns)
    }

    fn write_system(
        &self,
        column: SystemColumn,
        rows: Range<u32>,
        rescued: &mut u64,
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
                let first = self.part.first_record();
                let index = |row: u32| -> Option<i64> {
                    let record = self.part.rows.get(row as usize)?.record;
                    i64::try_from(first + u64::from(record)).ok()
                };
                sink(Arc::new(rows.map(index).collect::<Int64Array>()))
            }
            SystemColumn::ArrivedAt => {
                let micros = vec![origin.arrived_at.micros(); rows.len()];
                sink(Arc::new(TimestampMicrosecondArray::from(micros).with_timezone("UTC")))
            }
            SystemColumn::Rescued => self.write_rescued(rows, rescued, sink),
        }
    }

    fn write_rescued(
        &self,
        rows: Range<u32>,
        rescued: &mut u64,
        sink: Sink<'_>,
    ) -> Result<(), ColumnarError> {
        let mut map = map_builder();
        let mut bytes = 0;
        let rescue = self.part.rescue(&self.homes);
        for row in rows {
            let mut values = 0;
            rescue.row(row, &mut |path, text| {
                map.keys().append_value(path);
                map.values().append_value(text);
                bytes += path.len() + text.len();
                values += 1;
            });
            map.append(values > 0)?;
            *rescued += values;
            if bytes >= RESCUE_BATCH_BYTES {
                bytes = 0;
                sink(Arc::new(map.finish()))?;
            }
        }
        sink(Arc::new(map.finish()))
    }
}

fn system_type(column: SystemColumn) -> DataType {
    match column {
        SystemColumn::Source => {
            DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
        }
        SystemColumn::Record => DataType::Int64,
        SystemColumn::ArrivedAt => timestamp_type(),
        SystemColumn::Rescued => arrow::array::Array::data_type(&map_builder().finish()).clone(),
    }
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
