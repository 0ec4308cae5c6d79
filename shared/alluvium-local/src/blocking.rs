//! File system calls block, so they are made where blocking is allowed.

use std::io;

use alluvium_model::{ErrorKind, PortError, ports::PortResult};

/// Runs `work` on a thread that may block. `action` and `target` say what failed if it fails.
pub(crate) async fn blocking<T: Send + 'static>(
    action: &'static str,
    target: String,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> PortResult<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| port_error(action, target, error)),
        Err(panicked) => Err(PortError::new(ErrorKind::Bug, action, target).because(panicked)),
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
