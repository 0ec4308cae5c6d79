//! The rows of a lake as readers find them, each with its place in its source.

use std::collections::BTreeMap;

use alluvium_model::{TableName, layout::ObjectKey};
use alluvium_tests::Lake;
use arrow::array::{Array as _, AsArray as _};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// A row: where it came from, and the name that its document has or, of a bad one, its text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) source: String,
    pub(crate) record: i64,
    pub(crate) table: String,
    pub(crate) name: String,
    pub(crate) arrived_at: i64,
}

/// Files that were read before: in a storm most of them are looked at again and again.
#[derive(Debug, Default)]
pub(crate) struct Seen(BTreeMap<ObjectKey, (Bytes, Vec<Row>)>);

impl Seen {
    /// Every row of every location that the catalog names.
    pub(crate) fn rows_of(&mut self, lake: &Lake) -> impl Iterator<Item = &Row> {
        let objects = lake.objects.all();
        let mut keys = Vec::new();
        for (table, partition) in lake.catalog.all_partitions() {
            let location = partition.location;
            let below = objects.range(location.object("")..);
            let below = below.take_while(|(key, _)| key.as_str().starts_with(location.as_str()));
            for (key, file) in below {
                keys.push(key.clone());
                if self.0.get(key).is_none_or(|(seen, _)| seen != file) {
                    let mut rows = Vec::new();
                    add(&mut rows, &table, file);
                    self.0.insert(key.clone(), (file.clone(), rows));
                }
            }
        }
        keys.into_iter().flat_map(|key| &self.0[&key].1)
    }
}

/// Every row of every location that the catalog names, in the order of their sources.
pub(crate) fn rows(lake: &Lake) -> Vec<Row> {
    let objects = lake.objects.all();
    let mut rows = Vec::new();
    for (table, partition) in lake.catalog.all_partitions() {
        let location = partition.location.as_str();
        let below = objects.iter().filter(|(key, _)| key.as_str().starts_with(location));
        below.for_each(|(_, file)| add(&mut rows, &table, file));
    }
    rows.sort();
    rows
}

/// The names of the rows of a table, in the order of their sources.
pub(crate) fn names(lake: &Lake, table: &str) -> Vec<String> {
    let of_table = rows(lake).into_iter().filter(|row| row.table == table);
    of_table.map(|row| row.name).collect()
}

fn add(rows: &mut Vec<Row>, table: &TableName, file: &Bytes) {
    let is_bad = *table == TableName::quarantine();
    let [name, source, record, arrived_at] = if is_bad {
        ["bytes", "source", "record", "arrived_at"]
    } else {
        ["name", "_source", "_record", "_arrived_at"]
    };
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap();
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        let texts = |column| batch.column_by_name(column).unwrap().as_string::<i32>().clone();
        let (names, sources) = (texts(name), texts(source));
        let records = batch.column_by_name(record).unwrap().as_primitive::<Int64Type>();
        let arrivals = batch.column_by_name(arrived_at).unwrap();
        let arrivals = arrivals.as_primitive::<TimestampMicrosecondType>();
        rows.extend((0..names.len()).map(|row| Row {
            source: sources.value(row).to_owned(),
            record: records.value(row),
            table: table.to_string(),
            name: names.value(row).to_owned(),
            arrived_at: arrivals.value(row),
        }));
    }
}
