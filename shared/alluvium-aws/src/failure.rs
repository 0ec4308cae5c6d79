//! How a function says that it failed: state machines match on these names alone.

use std::error::Error;

use alluvium_model::ErrorKind;

/// The error type of what may succeed when it is tried again.
pub const RETRYABLE: &str = "Alluvium.Retryable";
/// The error type of what will fail again.
pub const PERMANENT: &str = "Alluvium.Permanent";

/// The error type that tells what the caller may do.
#[must_use]
pub const fn error_type(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Retry => RETRYABLE,
        ErrorKind::Absent | ErrorKind::Denied | ErrorKind::Invalid | ErrorKind::Bug => PERMANENT,
    }
}

/// A failure and its causes in one line.
#[must_use]
pub fn line_of(failure: &dyn Error) -> String {
    let mut line = failure.to_string();
    let mut cause = failure.source();
    while let Some(error) = cause {
        line.push_str(&format!(": {error}"));
        cause = error.source();
    }
    line
}
