//! Ending in peace when somebody wants the command to end.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

/// How often it is looked whether somebody asked.
const LOOK: Duration = Duration::from_millis(100);
/// How the command ends when it is asked a second time, as shells have it.
const IMPATIENT_EXIT: i32 = 130;

/// Whether somebody pressed Ctrl-C or asked for an end by SIGTERM.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on the first request is noted here; the second one ends the command at once.
    pub(crate) fn note() -> io::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, IMPATIENT_EXIT, Arc::clone(&asked))?;
            flag::register(signal, Arc::clone(&asked))?;
        }
        Ok(Self(asked))
    }

    /// Whether there was a request.
    pub(crate) fn was_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Waits for a request.
    pub(crate) async fn asked(&self) {
        while !self.was_asked() {
            tokio::time::sleep(LOOK).await;
        }
    }
}
