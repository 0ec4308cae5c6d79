//! A clock that moves only when it is told to.
//!
//! A model in virtual time and what runs in it share one, so that a day of retries takes a
//! moment and a seed gives the same times again.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use alluvium_model::UtcInstant;

/// A clock in memory. Clones show the same time.
#[derive(Clone, Debug)]
pub struct MemoryClock(Arc<AtomicI64>);

impl MemoryClock {
    /// A clock that shows this time.
    #[must_use]
    pub fn at(begin: UtcInstant) -> Self {
        Self(Arc::new(AtomicI64::new(begin.micros())))
    }

    /// The time that it shows.
    #[must_use]
    pub fn now(&self) -> UtcInstant {
        UtcInstant::from_micros(self.0.load(Ordering::SeqCst)).unwrap()
    }

    /// The time that it will show after this long.
    #[must_use]
    pub fn after(&self, duration: Duration) -> UtcInstant {
        UtcInstant::from_micros(self.now().micros() + micros(duration)).unwrap()
    }

    /// Lets this long pass.
    pub fn advance(&self, duration: Duration) {
        self.0.fetch_add(micros(duration), Ordering::SeqCst);
    }

    /// Goes to `instant`, never back.
    pub fn advance_to(&self, instant: UtcInstant) {
        self.0.fetch_max(instant.micros(), Ordering::SeqCst);
    }

    /// Ends when this long has passed. It wakes nobody: whoever runs it asks again.
    pub async fn sleep(&self, duration: Duration) {
        let end = self.after(duration);
        poll_fn(|_| if self.now() < end { Poll::Pending } else { Poll::Ready(()) }).await;
    }
}

/// 2026-11-22T10:00:00Z, when the objects of [`MemoryLanding`](crate::MemoryLanding) arrive.
impl Default for MemoryClock {
    fn default() -> Self {
        Self::at("2026-11-22T10:00:00Z".parse().unwrap())
    }
}

fn micros(duration: Duration) -> i64 {
    duration.as_micros().try_into().unwrap()
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);
    const MICROSECOND: Duration = Duration::from_micros(1);

    #[test]
    fn clones_show_the_same_time_and_never_an_earlier_one() {
        let clock = MemoryClock::default();
        let (begin, end) = (clock.now(), clock.after(MINUTE));
        clock.clone().advance(MINUTE);
        assert_eq!(clock.now(), end);
        clock.advance_to(begin);
        assert_eq!(clock.now(), end);
    }

    #[test]
    fn a_sleep_ends_when_its_time_has_passed() {
        let clock = MemoryClock::default();
        let mut sleep = Box::pin(clock.sleep(MINUTE));
        let mut poll = || sleep.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(poll(), Poll::Pending);
        clock.advance(MINUTE.saturating_sub(MICROSECOND));
        assert_eq!(poll(), Poll::Pending);
        clock.advance(MICROSECOND);
        assert_eq!(poll(), Poll::Ready(()));
    }
}
