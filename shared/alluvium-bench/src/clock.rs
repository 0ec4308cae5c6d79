//! What work takes of the CPU, in this process, by all of its threads.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Adds up the CPU time of some work among other work.
#[derive(Debug, Default)]
pub(crate) struct CpuTime(Duration);

impl CpuTime {
    /// Does the work and counts what it takes.
    pub(crate) fn of<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let before = process_time();
        let result = work();
        self.0 += process_time().saturating_sub(before);
        result
    }

    pub(crate) const fn seconds(&self) -> f64 {
        self.0.as_secs_f64()
    }
}

fn process_time() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap_or_default()
}
