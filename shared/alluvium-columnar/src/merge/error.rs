//! Why files could not be merged.

use std::error::Error;

use alluvium_model::{ErrorKind, PortError};
use parquet::errors::ParquetError;

use crate::ColumnarError;

/// Files that could not be merged. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// There is nothing to merge.
    #[error("no files to merge")]
    NoInputs,
    /// Its rows would be there twice.
    #[error("{input} is to be merged with itself")]
    Twice {
        /// The file.
        input: String,
    },
    /// Its bytes could not be had.
    #[error("cannot fetch {input}")]
    Fetch {
        /// The file.
        input: String,
        /// What its reader said.
        source: ParquetError,
    },
    /// It is no Parquet file, or a damaged one.
    #[error("cannot read {input}")]
    Corrupt {
        /// The file.
        input: String,
        /// What is wrong with it.
        source: ParquetError,
    },
    /// Its footer does not say where its columns come from.
    #[error("the footer of {input} does not say where its columns come from")]
    Footer {
        /// The file.
        input: String,
    },
    /// It has a column that its table does not have under this name, path and kind.
    #[error("column {column} of {input} is not in its table like this")]
    UnknownColumn {
        /// The file.
        input: String,
        /// The column.
        column: String,
    },
    /// A column of it has another type than that of its table.
    #[error("column {column} of {input} has type {found} instead of {expected}")]
    ColumnType {
        /// The file.
        input: String,
        /// The column.
        column: String,
        /// The type in the file.
        found: String,
        /// The type that files of the table have.
        expected: String,
    },
    /// It lacks a column that every file of its table has.
    #[error("{input} has no column {column}")]
    MissingColumn {
        /// The file.
        input: String,
        /// The column.
        column: String,
    },
    /// The merged file has other rows than the files it was made of.
    #[error("{found} rows were merged instead of {expected}")]
    Rows {
        /// Rows in the merged file.
        found: u64,
        /// Rows in the others together.
        expected: u64,
    },
    /// A column of the merged file has other values than those of the files it was made of.
    #[error("column {column} has {found} values after the merge instead of {expected}")]
    Values {
        /// The column.
        column: String,
        /// Values in the merged file.
        found: u64,
        /// Values in the others together, and those that heal a column.
        expected: u64,
    },
    /// The merged file could not be written.
    #[error("cannot write the merged file")]
    Write(#[from] ColumnarError),
    /// The merged file could not be read again.
    #[error("cannot read the merged file again")]
    ReadAgain(#[source] ParquetError),
}

impl MergeError {
    /// What the caller may do.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Fetch { source, .. } => {
                port_error(source).map_or(ErrorKind::Retry, PortError::kind)
            }
            Self::Corrupt { .. }
            | Self::Footer { .. }
            | Self::UnknownColumn { .. }
            | Self::ColumnType { .. }
            | Self::MissingColumn { .. } => ErrorKind::Invalid,
            Self::NoInputs
            | Self::Twice { .. }
            | Self::Rows { .. }
            | Self::Values { .. }
            | Self::Write(_)
            | Self::ReadAgain(_) => ErrorKind::Bug,
        }
    }
}

/// The failure of a port behind a reader, if it is one.
fn port_error(error: &ParquetError) -> Option<&PortError> {
    let ParquetError::External(external) = error else { return None };
    let mut cause: &(dyn Error + 'static) = external.as_ref();
    loop {
        if let Some(port) = cause.downcast_ref() {
            return Some(port);
        }
        cause = cause.source()?;
    }
}
