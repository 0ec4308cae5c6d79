//! Runs the checker over the model, breadth first, so that what it finds is as short as it gets.

use std::{
    fmt,
    time::{Duration, Instant},
};

use stateright::{Checker, HasDiscoveries, Model};

use crate::{action::Action, protocol::Protocol};

/// When an exploration stops that has found nothing.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// States that are generated, those that were known counted.
    pub states: usize,
    /// How long it may take.
    pub time: Duration,
    /// Threads that explore. Only with one is what is found the shortest there is.
    pub threads: usize,
}

/// What an exploration came to.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Different states that were seen.
    pub states: usize,
    /// Events between the first state and the farthest one.
    pub depth: usize,
    /// How long it took.
    pub time: Duration,
    /// Whether there was nothing left to see.
    pub complete: bool,
    /// A broken promise, if there is one.
    pub violation: Option<Violation>,
}

/// A broken promise, and how it came to that.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The promise.
    pub promise: &'static str,
    /// The events from the first state on.
    pub events: Vec<Action>,
}

/// Explores the protocol until a promise is broken, everything was seen or a limit is reached.
#[must_use]
pub fn check(protocol: Protocol, limits: Limits) -> Finding {
    let begin = Instant::now();
    let checker = protocol
        .checker()
        .threads(limits.threads)
        .finish_when(HasDiscoveries::AnyFailures)
        .target_state_count(limits.states)
        .timeout(limits.time)
        .spawn_bfs()
        .join();
    let time = begin.elapsed();
    let violation = checker
        .discoveries()
        .into_iter()
        .map(|(promise, path)| Violation { promise, events: path.into_actions() })
        .min_by_key(|violation| (violation.events.len(), violation.promise));
    let stopped = checker.state_count() >= limits.states || time >= limits.time;
    Finding {
        states: checker.unique_state_count(),
        depth: checker.max_depth().saturating_sub(1),
        time,
        complete: violation.is_none() && !stopped,
        violation,
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, depth, time, complete, violation } = self;
        write!(f, "{states} states, depth {depth}, {:.1} s", time.as_secs_f64())?;
        match violation {
            Some(Violation { promise, events }) => {
                write!(f, ", after {} events not so: {promise}", events.len())
            }
            None if *complete => f.write_str(", complete"),
            None => f.write_str(", stopped by a limit"),
        }
    }
}
