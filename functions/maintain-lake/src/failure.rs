//! Why a step was not done, and whether to do it again.

use alluvium_aws::failure::{error_type, line_of};
use alluvium_lake::LakeError;
use alluvium_model::ErrorKind;
use lambda_runtime::Diagnostic;

use crate::FailedSwaps;

/// A step that failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// What it was asked for is not understood.
    #[error("cannot understand what was asked for")]
    Request(#[source] serde_json::Error),
    /// It could not be done.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// Some of the swaps of a compaction failed.
    #[error(transparent)]
    Swaps(#[from] FailedSwaps),
    /// What was done cannot be told.
    #[error("cannot tell what was done")]
    Answer(#[source] serde_json::Error),
}

impl Failure {
    /// What the caller may do.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Request(_) | Self::Swaps(_) => ErrorKind::Invalid,
            Self::Lake(error) => error.kind(),
            Self::Answer(_) => ErrorKind::Bug,
        }
    }
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        let error_type = error_type(failure.kind()).to_owned();
        Self { error_type, error_message: line_of(&failure) }
    }
}
