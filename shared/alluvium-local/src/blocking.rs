//! File system calls block, so they are made where blocking is allowed.

use std::io;

use alluvium_model::{ErrorKind, PortError, ports::PortResult};
use tokio::task::{JoinHandle, spawn_blocking};

/// Runs `work` on a thread that may block. `action` and `target` say what failed if it fails.
pub(crate) async fn blocking<T: Send + 'static>(
    action: &'static str,
    target: String,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> PortResult<T> {
    Blocking::begin(action, target, work).end().await
}

/// Work on a thread that may block, which goes on whether it is waited for or not.
#[derive(Debug)]
pub(crate) struct Blocking<T> {
    action: &'static str,
    target: String,
    thread: JoinHandle<io::Result<T>>,
}

impl<T: Send + 'static> Blocking<T> {
    pub(crate) fn begin(
        action: &'static str,
        target: String,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Self {
        Self { action, target, thread: spawn_blocking(work) }
    }

    /// What comes of it, which is told once.
    pub(crate) async fn end(&mut self) -> PortResult<T> {
        let (action, target) = (self.action, self.target.clone());
        match (&mut self.thread).await {
            Ok(result) => result.map_err(|error| port_error(action, target, error)),
            Err(panicked) => Err(PortError::new(ErrorKind::Bug, action, target).because(panicked)),
        }
    }
}

pub(crate) fn port_error(action: &'static str, target: String, error: io::Error) -> PortError {
    PortError::new(kind(error.kind()), action, target).because(error)
}

fn kind(error: io::ErrorKind) -> ErrorKind {
    use io::ErrorKind as Io;
    if error == Io::NotFound {
        ErrorKind::Absent
    } else if matches!(error, Io::PermissionDenied | Io::ReadOnlyFilesystem) {
        ErrorKind::Denied
    } else if matches!(error, Io::Interrupted | Io::TimedOut | Io::WouldBlock | Io::ResourceBusy) {
        ErrorKind::Retry
    } else {
        ErrorKind::Invalid
    }
}
