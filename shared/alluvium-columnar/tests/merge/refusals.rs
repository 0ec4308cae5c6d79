//! What is not merged, and what is said of it.

use alluvium_columnar::{MergeError, MergeInput, MergeSpec, MergeTable, merge};
use alluvium_model::{ErrorKind, PortError, TableRules, TableSchema};
use bytes::Bytes;
use parquet::{
    errors::ParquetError,
    file::reader::{ChunkReader, Length},
};

use crate::table::Table;

fn one_file(text: &str) -> Table {
    let mut table = Table::new(TableRules::default());
    table.load(text);
    table
}

fn refused(table: &Table) -> (ErrorKind, String) {
    let error = table.merged_within(MergeSpec::MEMORY_BYTES).unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn nothing_is_no_file() {
    let mut table = one_file("{}");
    table.files.clear();
    assert_eq!(refused(&table), (ErrorKind::Bug, "no files to merge".to_owned()));
}

#[test]
fn a_file_is_not_merged_with_itself() {
    let mut table = one_file("{}");
    table.files.push(table.files[0].clone());
    let message = "000000.parquet is to be merged with itself".to_owned();
    assert_eq!(refused(&table), (ErrorKind::Bug, message));
}

#[test]
fn a_corrupt_file_is_named() {
    let mut table = one_file("{\"n\":1}");
    table.load("{\"n\":2}");
    let good = table.files[1].reader.clone();
    let message = "cannot read 000001.parquet".to_owned();
    let cut = [good.slice(..good.len() / 2), Bytes::new(), Bytes::from_static(b"PAR1")];
    for bytes in cut {
        table.files[1].reader = bytes;
        assert_eq!(refused(&table), (ErrorKind::Invalid, message.clone()));
    }
    // Within a page of values, so that only decoding finds out.
    let mut bytes = good.to_vec();
    let frame = bytes.windows(4).position(|window| window == [0x28, 0xb5, 0x2f, 0xfd]).unwrap();
    bytes[frame + 4] ^= 0xff;
    table.files[1].reader = bytes.into();
    assert_eq!(refused(&table), (ErrorKind::Invalid, message));
}

#[test]
fn a_column_that_the_table_does_not_have_like_this_is_named() {
    let mut table = one_file("{\"n\":1,\"m\":true}");
    table.schema = one_file("{\"n\":1}").schema;
    let unknown = |column: &str| {
        let message = format!("column {column} of 000000.parquet is not in its table like this");
        (ErrorKind::Invalid, message)
    };
    assert_eq!(refused(&table), unknown("m"));
    table.schema = one_file("{\"n\":\"text\",\"m\":true}").schema;
    assert_eq!(refused(&table), unknown("n"));
    // The same name, from another path.
    table.schema = one_file("{\"N\":1,\"m\":true}").schema;
    assert_eq!(refused(&table), unknown("n"));
}

#[test]
fn files_of_rows_and_of_bad_records_are_told_apart() {
    let table = one_file("{}\n{\"a\":\n{}\n");
    let rows = merge(table.files.clone(), &MergeSpec::new(MergeTable::Quarantine)).unwrap_err();
    let bad = merge(table.bad.clone(), &table.spec()).unwrap_err();
    assert!(matches!(rows, MergeError::Footer { input } if input == "000000.parquet"));
    assert!(matches!(bad, MergeError::Footer { input } if input == "bad-000000"));
}

/// A file whose bytes cannot be had.
struct Unreachable(ErrorKind);

impl Length for Unreachable {
    fn len(&self) -> u64 {
        1_000
    }
}

impl ChunkReader for Unreachable {
    type T = &'static [u8];

    fn get_read(&self, _: u64) -> Result<Self::T, ParquetError> {
        Ok(&[])
    }

    fn get_bytes(&self, _: u64, _: usize) -> Result<Bytes, ParquetError> {
        Err(ParquetError::External(Box::new(PortError::new(self.0, "read", "it"))))
    }
}

#[test]
fn what_can_be_done_about_bytes_that_cannot_be_had_says_their_reader() {
    let (schema, rules) = (TableSchema::default(), TableRules::default());
    let spec = MergeSpec::new(MergeTable::Rows { schema: &schema, rules: &rules });
    for kind in [ErrorKind::Retry, ErrorKind::Absent, ErrorKind::Denied] {
        let input = MergeInput { name: "a".to_owned(), reader: Unreachable(kind) };
        let error = merge(vec![input], &spec).unwrap_err();
        assert_eq!((error.kind(), error.to_string()), (kind, "cannot fetch a".to_owned()));
    }
}
