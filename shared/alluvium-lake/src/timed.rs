//! A stopwatch around the stages of an attempt.

use std::time::{Duration, Instant};

/// Does `work` and adds the time it took to `stage`.
pub(crate) fn timed<T>(stage: &mut Duration, work: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let result = work();
    *stage += begin.elapsed();
    result
}

/// Awaits `work` and adds the time it took to `stage`.
pub(crate) async fn timed_wait<T>(stage: &mut Duration, work: impl Future<Output = T>) -> T {
    let begin = Instant::now();
    let result = work.await;
    *stage += begin.elapsed();
    result
}
