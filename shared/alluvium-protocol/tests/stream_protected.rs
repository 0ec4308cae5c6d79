//! With all protections on, nothing is found in a stream.

use std::time::Duration;

use alluvium_protocol::{
    Limits, check,
    stream::{Bounds, Protections, SMALL, Streams, TRACES},
};

/// More than enough for all of them: a test never ends by a limit.
const LIMITS: Limits = Limits { states: usize::MAX, time: Duration::from_mins(10), threads: 2 };

fn nothing_is_found(name: &str, bounds: Bounds) {
    let finding = check(Streams { protections: Protections::ALL, bounds }, LIMITS);
    println!("{name}: {finding}");
    assert!(finding.violation.is_none(), "{name}: {finding}");
    assert!(finding.complete, "{name}: {finding}");
}

#[test]
fn nothing_is_found_in_small_worlds() {
    for exploration in SMALL {
        nothing_is_found(exploration.name, exploration.bounds);
    }
}

#[test]
fn nothing_is_found_where_a_protection_less_lets_it_fall() {
    for trace in TRACES {
        nothing_is_found(trace.name, trace.streams.bounds);
    }
}
