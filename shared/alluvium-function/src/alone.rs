//! Work on one thing that takes nothing else down with it.

use tokio::{runtime::Handle, task::spawn_blocking, time::timeout_at};

use crate::{Failure, TimeLimit};

/// Does some work on a thread of its own: a panic ends there, and memory is freed by the thread that
/// took it and so is used again. `what` names the thing that is worked on.
///
/// # Errors
/// When the work panics or is not done in time; one that is still computing then ends where it
/// waits next, and begins no call any more.
pub async fn alone<T, F>(
    what: &str,
    limit: TimeLimit,
    work: impl FnOnce() -> F + Send + 'static,
) -> Result<T, Failure>
where
    T: Send + 'static,
    F: Future<Output = T>,
{
    let runtime = Handle::current();
    let thread = spawn_blocking(move || {
        let work = Box::pin(work());
        runtime.block_on(async { timeout_at(limit.end, work).await })
    });
    let what = what.to_owned();
    match timeout_at(limit.answer, thread).await {
        Ok(Ok(Ok(done))) => Ok(done),
        Ok(Err(stopped)) => Err(Failure::Panicked { what, message: stopped.to_string() }),
        Ok(Ok(Err(_))) | Err(_) => Err(Failure::OutOfTime { what, after: limit.elapsed() }),
    }
}
