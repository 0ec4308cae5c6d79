//! Waiting before trying again.

use std::time::Duration;

use alluvium_model::{ErrorKind, PortError};

/// How often and how fast something is tried again: the n-th pause is random between nothing and
/// `base * 2^n`, at most `pause_max` (full jitter), so that rivals spread out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Tries at most.
    pub tries: u32,
    /// The first pause is no longer.
    pub base: Duration,
    /// No pause is longer.
    pub pause_max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        let (base, pause_max) = (Duration::from_millis(20), Duration::from_secs(2));
        Self { tries: 100, base, pause_max }
    }
}

impl Backoff {
    /// As often, but without pauses: for tests.
    #[must_use]
    pub fn without_pauses(tries: u32) -> Self {
        Self { tries, base: Duration::ZERO, pause_max: Duration::ZERO }
    }

    /// Makes a call, and makes it again while it fails in a way that may pass.
    pub(crate) async fn retry<T, F>(&self, call: impl Fn() -> F) -> Result<T, PortError>
    where
        F: Future<Output = Result<T, PortError>>,
    {
        let mut failed = 0;
        loop {
            match call().await {
                Err(error) if error.kind() == ErrorKind::Retry => {
                    failed += 1;
                    if !self.pause(failed).await {
                        return Err(error);
                    }
                }
                result => return result,
            }
        }
    }

    /// Pauses after the `failed`-th try, counted from 1; false when that was the last one.
    pub(crate) async fn pause(&self, failed: u32) -> bool {
        if failed >= self.tries {
            return false;
        }
        let longest = self.base.saturating_mul(1 << failed.min(20)).min(self.pause_max);
        tokio::time::sleep(longest.mul_f64(random_fraction())).await;
        true
    }
}

/// The one place where this crate is random: nothing that is written depends on it.
#[expect(clippy::disallowed_methods, reason = "rivals must not pause equally long")]
fn random_fraction() -> f64 {
    fastrand::f64()
}
