//! Why something was not done, and whether to try it again.

use std::{error::Error, time::Duration};

use alluvium_aws::{EnvelopeError, StreamEventError};
use alluvium_lake::LakeError;
use alluvium_model::ErrorKind;
use lambda_runtime::Diagnostic;

/// An event, or one thing of an event, that failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It says nothing that is understood.
    #[error("cannot understand what was delivered")]
    Envelope(#[from] EnvelopeError),
    /// It is no batch of a stream.
    #[error("cannot understand what was delivered")]
    StreamEvent(#[from] StreamEventError),
    /// Something could not be loaded.
    #[error("cannot load {what}")]
    Load {
        /// What.
        what: String,
        /// Why.
        #[source]
        source: LakeError,
    },
    /// Alluvium failed over something; others are not concerned.
    #[error("panic over {what}: {message}")]
    Panicked {
        /// What.
        what: String,
        /// What the panic says.
        message: String,
    },
    /// Something took longer than this invocation may.
    #[error("{what} is not done after {} ms", .after.as_millis())]
    OutOfTime {
        /// What.
        what: String,
        /// The time that it had.
        after: Duration,
    },
    /// Half of the time was over before it was begun.
    #[error("{what} was not begun in the first half of the time")]
    Postponed {
        /// What.
        what: String,
    },
}

impl Failure {
    /// Whether trying again may help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Load { source, .. } => source.kind() == ErrorKind::Retry,
            Self::OutOfTime { .. } | Self::Postponed { .. } => true,
            Self::Envelope(_) | Self::StreamEvent(_) | Self::Panicked { .. } => false,
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

impl Failure {
    /// Says it in the log, where it is consumed.
    pub fn log(&self) {
        match self {
            Self::Postponed { .. } => tracing::info!("{}", self.line()),
            Self::Envelope(_)
            | Self::StreamEvent(_)
            | Self::Load { .. }
            | Self::Panicked { .. }
            | Self::OutOfTime { .. } => {
                tracing::error!(retryable = self.is_retryable(), "{}", self.line());
            }
        }
    }
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        let kind = if failure.is_retryable() { "Retryable" } else { "Permanent" };
        Self { error_type: format!("Alluvium.{kind}"), error_message: failure.line() }
    }
}
