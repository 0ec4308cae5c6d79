//! Until when an attempt may make calls.
//!
//! What others may take for granted about an attempt (that it does not go on writing longer than
//! the settle time after it looked at the ledger) holds because no call is begun after the deadline,
//! and one that is under way then is given up as soon as it is asked again: at once, or once what is
//! computed meanwhile is done.

use std::{
    future::{pending, poll_fn},
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    task::{Poll, ready},
    time::{Duration, SystemTime},
};

use tokio::time::{Instant, sleep_until};

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

    fn is_past(self) -> bool {
        self.was_told() || self.moment.is_some_and(Moment::is_past)
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
        let end = async {
            match self.moment {
                Some(moment) => sleep_until(moment.steady).await,
                None => pending().await,
            }
        };
        // In a box, or the futures of all who call would be large.
        let (mut call, mut end) = (Box::pin(call), pin!(end));
        poll_fn(|context| {
            // Whoever comes late, to the first of several calls or to the next, begins none.
            if self.is_past() || end.as_mut().poll(context).is_ready() {
                return Poll::Ready(Err(LakeError::OutOfTime));
            }
            let answer = ready!(call.as_mut().poll(context));
            let in_time = if self.was_told() { Err(LakeError::OutOfTime) } else { Ok(answer) };
            Poll::Ready(in_time.and_then(|answer| answer.map_err(Into::into)))
        })
        .await
    }
}

impl Moment {
    fn is_past(self) -> bool {
        Instant::now() >= self.steady || wall_clock() >= self.wall
    }
}

#[expect(clippy::disallowed_methods, reason = "an attempt ends even if its machine slept")]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::task::yield_now;

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

    #[test]
    fn a_second_call_does_not_begin_late() {
        static IS_PAST: AtomicBool = AtomicBool::new(false);
        let mut begun = false;
        let mut calls = Box::pin(Deadline::told_by(&IS_PAST).call(async {
            yield_now().await;
            begun = true;
            Ok::<_, LakeError>(())
        }));
        assert!((&mut calls).now_or_never().is_none());
        IS_PAST.store(true, Ordering::SeqCst);
        assert!(matches!(calls.now_or_never(), Some(Err(LakeError::OutOfTime))));
        assert!(!begun);
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
