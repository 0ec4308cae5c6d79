//! Until when an attempt may make calls.
//!
//! What others may take for granted about an attempt (that it does not go on writing longer than
//! the settle time after it looked at the ledger) holds because no call is begun after the deadline,
//! and one that is under way then is given up.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, SystemTime},
};

use tokio::time::{Instant, timeout_at};

use crate::LakeError;

/// A moment after which nothing is begun.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    moment: Option<Moment>,
    /// Says that it is past, where time does not pass by itself.
    told: Option<&'static AtomicBool>,
}

/// A moment by both clocks: the one that never jumps stands still while a machine sleeps.
#[derive(Clone, Copy, Debug)]
struct Moment {
    steady: Instant,
    wall: SystemTime,
}

impl Deadline {
    /// None: whoever makes the attempt ends it himself.
    pub const NEVER: Self = Self { moment: None, told: None };

    /// That moment.
    #[must_use]
    pub fn at(moment: Instant) -> Self {
        Self::after(moment.saturating_duration_since(Instant::now()))
    }

    /// So long from now.
    #[must_use]
    pub fn after(time: Duration) -> Self {
        let steady = Instant::now().checked_add(time);
        let moment = |(steady, wall)| Moment { steady, wall };
        let moment = steady.zip(wall_clock().checked_add(time)).map(moment);
        Self { moment, told: None }
    }

    /// When this is set: for who lives in virtual time.
    #[must_use]
    pub const fn told_by(is_past: &'static AtomicBool) -> Self {
        Self { moment: None, told: Some(is_past) }
    }

    /// The earlier one.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        let moment = match (self.moment, other.moment) {
            (Some(one), Some(other)) => Some(Moment {
                steady: one.steady.min(other.steady),
                wall: one.wall.min(other.wall),
            }),
            (one, other) => one.or(other),
        };
        Self { moment, told: self.told.or(other.told) }
    }

    fn was_told(self) -> bool {
        self.told.is_some_and(|is_past| is_past.load(Ordering::SeqCst))
    }

    /// Makes a call, or several, if there is time left, for as long as there is.
    ///
    /// # Errors
    /// When there is none left, or the call fails.
    pub async fn call<T, E: Into<LakeError>>(
        self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, LakeError> {
        if self.was_told() {
            return Err(LakeError::OutOfTime);
        }
        let Some(moment) = self.moment else {
            let answer = call.await;
            return if self.was_told() {
                Err(LakeError::OutOfTime)
            } else {
                answer.map_err(Into::into)
            };
        };
        // A future is asked before its time-out is: it must not even begin.
        if Instant::now() >= moment.steady || wall_clock() >= moment.wall {
            return Err(LakeError::OutOfTime);
        }
        match timeout_at(moment.steady, call).await {
            Ok(answer) => answer.map_err(Into::into),
            Err(_) => Err(LakeError::OutOfTime),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "an attempt ends even if its machine slept")]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn nothing_begins_after_the_deadline_and_what_is_under_way_is_given_up() {
        let past = Deadline::after(Duration::ZERO);
        let mut begun = false;
        let call = async {
            begun = true;
            Ok::<_, LakeError>(())
        };
        assert!(matches!(past.call(call).await, Err(LakeError::OutOfTime)));
        assert!(!begun);
        let soon = Deadline::after(Duration::from_millis(5)).min(Deadline::NEVER);
        let endless = soon.call(pending::<Result<(), LakeError>>()).await;
        assert!(matches!(endless, Err(LakeError::OutOfTime)));
        assert!(Deadline::NEVER.call(async { Ok::<_, LakeError>(7) }).await.is_ok());
    }

    #[tokio::test]
    async fn one_that_is_told_is_past_as_soon_as_it_is() {
        static IS_PAST: AtomicBool = AtomicBool::new(false);
        let told = Deadline::told_by(&IS_PAST).min(Deadline::NEVER);
        assert!(told.call(async { Ok::<_, LakeError>(7) }).await.is_ok());
        let passes_meanwhile = async {
            IS_PAST.store(true, Ordering::SeqCst);
            Ok::<_, LakeError>(7)
        };
        assert!(matches!(told.call(passes_meanwhile).await, Err(LakeError::OutOfTime)));
        let endless = told.call(pending::<Result<(), LakeError>>()).await;
        assert!(matches!(endless, Err(LakeError::OutOfTime)));
    }
}
