//! What may be done about a failure.

use std::{error::Error, fmt};

use serde::Serialize;

/// What the caller of something that failed may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// Try again later: throttled, timed out, or somebody else was faster.
    Retry,
    /// It is not there.
    Absent,
    /// It may not be touched.
    Denied,
    /// It will fail again in the same way.
    Invalid,
    /// Alluvium is wrong.
    Bug,
}

/// A port that failed: what was tried, on which thing, and what may be done about it.
#[derive(Debug)]
pub struct PortError {
    kind: ErrorKind,
    action: &'static str,
    target: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl PortError {
    /// The failure of `action` (a verb phrase such as "read the table") on `target`.
    #[must_use]
    pub fn new(kind: ErrorKind, action: &'static str, target: impl Into<String>) -> Self {
        Self { kind, action, target: target.into(), source: None }
    }

    /// The same with its cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the caller may do.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}", self.action, self.target)
    }
}

impl Error for PortError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}
