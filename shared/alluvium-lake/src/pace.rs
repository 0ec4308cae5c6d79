//! Doing no more in a second than was asked for.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

/// A pace that is kept from one step to the next: time that was lost is not made up for, so that
/// a pause is not followed by a burst.
#[derive(Debug)]
pub(crate) struct Pace {
    a_second: Option<NonZeroU32>,
    due: Instant,
}

impl Pace {
    /// So many things a second; without a number as many as there are.
    pub(crate) fn new(a_second: Option<NonZeroU32>) -> Self {
        Self { a_second, due: Instant::now() }
    }

    /// Waits until the next `count` things may be done.
    pub(crate) async fn wait_for(&mut self, count: usize) {
        let Some(a_second) = self.a_second else { return };
        let now = Instant::now();
        if self.due > now {
            tokio::time::sleep(self.due - now).await;
        }
        self.due = self.due.max(now) + time_of(count, a_second);
    }
}

fn time_of(count: usize, a_second: NonZeroU32) -> Duration {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    Duration::from_secs(1).saturating_mul(count) / a_second.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_take_their_time() {
        let check = |count: usize, a_second: u32, ms: u64| {
            let time = time_of(count, NonZeroU32::new(a_second).unwrap());
            assert_eq!(time, Duration::from_millis(ms), "{count} at {a_second}");
        };
        check(10, 100, 100);
        check(10, 1, 10_000);
        check(0, 7, 0);
        check(3, 1_000, 3);
    }

    #[tokio::test]
    async fn the_first_steps_are_free_and_the_next_ones_wait() {
        let begun = Instant::now();
        let mut pace = Pace::new(NonZeroU32::new(1_000));
        for _ in 0..4 {
            pace.wait_for(10).await;
        }
        assert!(begun.elapsed() >= Duration::from_millis(30));
        let begun = Instant::now();
        let mut pace = Pace::new(None);
        pace.wait_for(usize::MAX).await;
        assert!(begun.elapsed() < Duration::from_secs(1));
    }
}
