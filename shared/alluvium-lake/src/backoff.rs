//! Waiting before trying again.

use std::time::{Duration, Instant};

use alluvium_model::{ErrorKind, PortError};

/// How often, how long and how fast something is tried again: the n-th pause is random between
/// nothing and `base * 2^n`, at most `pause_max` (full jitter), so that rivals spread out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Tries at most.
    pub tries: u32,
    /// The first pause is no longer than twice this.
    pub base: Duration,
    /// No pause is longer.
    pub pause_max: Duration,
    /// No try begins later than this after the first one.
    pub time_max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            tries: 100,
            base: Duration::from_millis(20),
            pause_max: Duration::from_secs(2),
            time_max: Duration::from_mins(2),
        }
    }
}

impl Backoff {
    /// As often, but without pauses: for tests.
    #[must_use]
    pub fn without_pauses(tries: u32) -> Self {
        Self { tries, base: Duration::ZERO, pause_max: Duration::ZERO, ..Self::default() }
    }

    /// One try and no more.
    pub(crate) const fn once(self) -> Self {
        Self { tries: 1, ..self }
    }

    /// The first try of something begins.
    pub(crate) fn begin(self) -> Tries {
        Tries { backoff: self, begun: Instant::now(), failed: 0 }
    }

    /// Makes a call, and makes it again while it fails in a way that may pass.
    pub(crate) async fn retry<T, F>(&self, call: impl Fn() -> F) -> Result<T, PortError>
    where
        F: Future<Output = Result<T, PortError>>,
    {
        let mut tries = self.begin();
        loop {
            match call().await {
                Err(error) if error.kind() == ErrorKind::Retry => {
                    if !tries.pause().await {
                        return Err(error);
                    }
                }
                result => return result,
            }
        }
    }
}

/// The tries of one thing.
#[derive(Debug)]
pub(crate) struct Tries {
    backoff: Backoff,
    begun: Instant,
    failed: u32,
}

impl Tries {
    /// How many have failed.
    pub(crate) const fn failed(&self) -> u32 {
        self.failed
    }

    /// Pauses after a try that failed; false when that was the last one.
    pub(crate) async fn pause(&mut self) -> bool {
        self.failed += 1;
        let Backoff { tries, base, pause_max, time_max } = self.backoff;
        let longest = base.saturating_mul(1 << self.failed.min(20)).min(pause_max);
        let pause = longest.mul_f64(random_fraction());
        if self.failed >= tries || self.begun.elapsed() + pause >= time_max {
            return false;
        }
        if pause.is_zero() {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(pause).await;
        }
        true
    }
}

/// The one place where this crate is random: nothing that is written depends on it.
#[expect(clippy::disallowed_methods, reason = "rivals must not pause equally long")]
fn random_fraction() -> f64 {
    fastrand::f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tries_end_by_number_and_by_time() {
        let failures = async |backoff: Backoff| {
            let mut tries = backoff.begin();
            while tries.pause().await {}
            tries.failed()
        };
        assert_eq!(failures(Backoff::without_pauses(7)).await, 7);
        let no_time = Backoff { time_max: Duration::ZERO, ..Backoff::default() };
        assert_eq!(failures(no_time).await, 1);
        // Some pause is longer than what is left before the hundred tries are over.
        let short = Backoff { time_max: Duration::from_millis(50), ..Backoff::default() };
        assert!(failures(short).await < 50);
    }
}
