//! How long an invocation may take.

use std::time::Duration;

use alluvium_lake::Deadline;
use tokio::time::Instant;

/// What is kept for the answer, at most.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);

/// Two moments of an invocation: until when a source may be begun, and when all must be done.
#[derive(Clone, Copy, Debug)]
pub struct TimeLimit {
    begin: Instant,
    /// What is begun in the first half has at least the second half to end.
    begin_until: Instant,
    /// What is not done by then is stopped.
    pub(crate) end: Instant,
    /// By then the answer must be on its way.
    pub(crate) answer: Instant,
}

impl TimeLimit {
    /// An invocation that begins now and has this much time left.
    #[must_use]
    pub fn of(time_left: Duration) -> Self {
        let begin = Instant::now();
        let answer_time = ANSWER_TIME_MAX.min(time_left / 10);
        let end = begin + time_left.saturating_sub(answer_time);
        Self { begin, begin_until: begin + time_left / 2, end, answer: end + answer_time / 2 }
    }

    /// Whether something may still be begun.
    #[must_use]
    pub fn allows_to_begin(self) -> bool {
        Instant::now() < self.begin_until
    }

    /// Until when a use case may make calls: a moment before it is stopped, so that it can still say
    /// what it did.
    #[must_use]
    pub fn deadline(self) -> Deadline {
        Deadline::at(self.end.checked_sub(self.answer - self.end).unwrap_or(self.end))
    }

    /// How much of the time has passed.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.begin.elapsed()
    }
}
