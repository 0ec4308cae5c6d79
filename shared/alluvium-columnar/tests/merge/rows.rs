//! Rows as the row API of the Parquet library reads them, which shares no decoder of columns with
//! the code that is tested.

use std::collections::BTreeMap;

use bytes::Bytes;
use parquet::{
    file::{reader::FileReader as _, serialized_reader::SerializedFileReader},
    record::Field,
};

/// The values of a row by column, NULLs left out.
pub(crate) type Row = BTreeMap<String, Field>;

/// The rows of a file in its order.
pub(crate) fn rows(file: &Bytes) -> Vec<Row> {
    let reader = SerializedFileReader::new(file.clone()).unwrap();
    let row = |row: parquet::record::Row| {
        let values = row.into_columns().into_iter();
        values.filter(|(_, value)| *value != Field::Null).collect::<Row>()
    };
    reader.get_row_iter(None).unwrap().map(|read| row(read.unwrap())).collect()
}

/// A row as text: values with all of their digits.
pub(crate) fn shown(row: &Row) -> String {
    let values = row.iter().map(|(column, value)| format!("{column}={value:?}"));
    values.collect::<Vec<_>>().join(" ")
}

/// Rows in an order of their own, so that they can be compared as a multiset.
pub(crate) fn multiset<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Vec<String> {
    let mut rows: Vec<_> = rows.into_iter().map(shown).collect();
    rows.sort();
    rows
}

/// The values of a column with their order kept.
pub(crate) fn column(rows: &[Row], name: &str) -> Vec<Option<Field>> {
    rows.iter().map(|row| row.get(name).cloned()).collect()
}
