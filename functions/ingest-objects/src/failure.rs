//! Why an object was not loaded, and whether to announce it again.

use std::{error::Error, time::Duration};

use alluvium_aws::EnvelopeError;
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
    /// Whether trying again may help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Load { source, .. } => source.kind() == ErrorKind::Retry,
            Self::OutOfTime { .. } | Self::Postponed { .. } => true,
            Self::Envelope(_) | Self::Panicked { .. } => false,
        }
    }

    /// The failure and its causes in one line.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            line.push_str(&format!(": {error}"));
            cause = error.source();
        }
        line
    }
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        let kind = if failure.is_retryable() { "Retryable" } else { "Permanent" };
        Self { error_type: format!("Alluvium.{kind}"), error_message: failure.line() }
    }
}
