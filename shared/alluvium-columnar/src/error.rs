//! What can go wrong between text and Parquet once the input was read: nothing that input can
//! cause, so all of it is a bug.

use alluvium_model::ErrorKind;

/// A part that could not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum ColumnarError {
    /// Arrow refused an array.
    #[error("cannot build a column")]
    Arrow(#[from] arrow::error::ArrowError),
    /// The Parquet writer failed.
    #[error("cannot write Parquet")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// The footer could not be written as JSON.
    #[error("cannot write the footer")]
    Footer(#[from] serde_json::Error),
}

impl ColumnarError {
    /// What the caller may do.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Arrow(_) | Self::Parquet(_) | Self::Footer(_) => ErrorKind::Bug,
        }
    }
}
