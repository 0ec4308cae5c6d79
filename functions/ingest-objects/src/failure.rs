//! Why an object was not loaded, and whether to announce it again.

use std::time::Duration;

use alluvium_aws::{
    EnvelopeError,
    failure::{error_type, line_of},
};
use alluvium_lake::LakeError;
use alluvium_model::ErrorKind;
use lambda_runtime::Diagnostic;

/// An object, message or event that failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It announces nothing that is understood.
    #[error("cannot understand what was delivered")]
    Envelope(#[from] EnvelopeError),
    /// An object could not be loaded.
    #[error("cannot load {uri}")]
    Load {
        /// The object.
        uri: String,
        /// Why.
        #[source]
        source: LakeError,
    },
    /// Alluvium failed over an object; the others are loaded nevertheless.
    #[error("panic while loading {uri}: {message}")]
    Panicked {
        /// The object.
        uri: String,
        /// What the panic says.
        message: String,
    },
    /// An object took longer than this invocation may.
    #[error("{uri} is not loaded after {} ms", .after.as_millis())]
    OutOfTime {
        /// The object.
        uri: String,
        /// The time that it had.
        after: Duration,
    },
    /// Half of the time was over before it was begun.
    #[error("{uri} was not begun in the first half of the time")]
    Postponed {
        /// The object.
        uri: String,
    },
}

impl Failure {
    /// What the caller may do.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Envelope(_) => ErrorKind::Invalid,
            Self::Load { source, .. } => source.kind(),
            Self::Panicked { .. } => ErrorKind::Bug,
            Self::OutOfTime { .. } | Self::Postponed { .. } => ErrorKind::Retry,
        }
    }

    /// Whether trying again may help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.kind() == ErrorKind::Retry
    }

    /// The failure and its causes in one line.
    #[must_use]
    pub fn line(&self) -> String {
        line_of(self)
    }
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        let error_type = error_type(failure.kind()).to_owned();
        Self { error_type, error_message: failure.line() }
    }
}
