//! The rows of a lake as readers find them.

use std::collections::BTreeMap;

use alluvium_model::TableName;
use alluvium_tests::Lake;
use arrow::array::AsArray as _;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::scene::Content;

/// How often each record is there, by its name or, of a bad one, its text.
#[derive(Debug, Default)]
pub(crate) struct Rows(BTreeMap<String, u32>);

impl Rows {
    /// Every row of every location that the catalog names.
    pub(crate) fn of(lake: &Lake) -> Self {
        let mut rows = Self::default();
        let objects = lake.objects.all();
        for (table, partition) in lake.catalog.all_partitions() {
            let location = partition.location.as_str();
            let below = objects.iter().filter(|(key, _)| key.as_str().starts_with(location));
            below.for_each(|(_, file)| rows.add(&table, file));
        }
        rows
    }

    fn add(&mut self, table: &TableName, file: &Bytes) {
        let column = if *table == TableName::quarantine() { "bytes" } else { "name" };
        let reader = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap();
        for batch in reader.build().unwrap() {
            let batch = batch.unwrap();
            let names = batch.column_by_name(column).unwrap().as_string::<i32>();
            for name in names.iter().flatten() {
                *self.0.entry(name.to_owned()).or_default() += 1;
            }
        }
    }

    /// Takes the records of a content out, each of which must be there once.
    pub(crate) fn take(&mut self, content: &Content) -> Result<(), String> {
        for name in content.good.iter().chain(&content.bad) {
            match self.0.remove(name) {
                Some(1) => {}
                found => return Err(format!("`{name}` is there {found:?} times")),
            }
        }
        Ok(())
    }

    /// Nothing is left that was not taken out.
    pub(crate) fn nothing_is_left(self) -> Result<(), String> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(format!("there are rows of sources that have none: {:?}", self.0))
    }
}
