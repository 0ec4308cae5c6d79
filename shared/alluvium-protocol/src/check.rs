//! Runs the checker over the model, breadth first.

use std::{
    fmt,
    hash::Hash,
    time::{Duration, Instant},
};

use stateright::{Checker, HasDiscoveries, Model};

use crate::{action::Action, protocol::Protocol, state::State};

/// A model that can be explored, and whose events can be told.
pub trait Explored:
    Model<
        State: Clone + fmt::Debug + PartialEq + Hash + Send + Sync,
        Action: Clone + fmt::Debug + PartialEq,
    > + Copy
    + Send
    + Sync
    + 'static
{
    /// An event in words: who does what, in the state that it comes in.
    fn told(state: &Self::State, action: Self::Action) -> String;
}

impl Explored for Protocol {
    fn told(state: &State, action: Action) -> String {
        action.told(state)
    }
}

/// When an exploration stops that has found nothing.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// States that are generated, those that were known counted. They take the memory.
    pub states: usize,
    /// How long it may take.
    pub time: Duration,
    /// Threads that explore.
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
    /// The events from the first state on, each told in a line.
    pub events: Vec<String>,
}

/// Explores the protocol until a promise is broken, everything was seen or a limit is reached.
#[must_use]
pub fn check<M: Explored>(protocol: M, limits: Limits) -> Finding {
    explore(protocol, limits, usize::MAX)
}

/// The shortest way to a broken promise, if there is one within the limits. One thread looks for
/// it: several would not go strictly from near to far.
#[must_use]
pub fn shortest_violation<M: Explored>(protocol: M, limits: Limits) -> Option<Violation> {
    let limits = Limits { threads: 1, ..limits };
    // The checker looks at its states in blocks and keeps the last violation of the first block
    // that has any.
    let mut shortest = check(protocol, limits).violation?;
    while let Some(shorter) = explore(protocol, limits, shortest.events.len()).violation {
        shortest = shorter;
    }
    Some(shortest)
}

/// Explores the states that fewer than `events` events lead to.
fn explore<M: Explored>(protocol: M, limits: Limits, events: usize) -> Finding {
    let begin = Instant::now();
    let checker = protocol
        .checker()
        .threads(limits.threads)
        .finish_when(HasDiscoveries::AnyFailures)
        .target_state_count(limits.states)
        .target_max_depth(events.saturating_add(1))
        .timeout(limits.time)
        .spawn_bfs()
        .join();
    let time = begin.elapsed();
    let violation = checker
        .discoveries()
        .into_iter()
        .map(|(promise, path)| {
            let told = path
                .into_vec()
                .into_iter()
                .filter_map(|(state, event)| event.map(|event| M::told(&state, event)));
            Violation { promise, events: told.collect() }
        })
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
            Some(violation) => write!(f, ", {violation}"),
            None if *complete => f.write_str(", complete"),
            None => f.write_str(", stopped by a limit"),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { promise, events } = self;
        write!(f, "not so after {} events: {promise}", events.len())?;
        events.iter().try_for_each(|event| write!(f, "\n    {event}"))
    }
}
