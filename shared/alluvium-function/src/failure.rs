//! Why something was not done, and whether to try it again.

use std::time::Duration;

use alluvium_aws::{
    EnvelopeError, StreamEventError,
    failure::{error_type, line_of},
};
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
    /// What the caller may do.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Envelope(_) | Self::StreamEvent(_) => ErrorKind::Invalid,
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
        let error_type = error_type(failure.kind()).to_owned();
        Self { error_type, error_message: failure.line() }
    }
}
