//! The time of deadlines and metrics. Nothing that is written to a table depends on it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time since 1970.
#[expect(clippy::disallowed_methods, reason = "deadlines and metrics are about now")]
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// What is left until a deadline as Lambda gives it, in milliseconds since 1970.
#[must_use]
pub fn time_left(deadline_ms: u64) -> Duration {
    Duration::from_millis(deadline_ms).saturating_sub(now())
}
