//! Explores.
use alluvium_protocol::*;
use std::time::Duration;
fn main() {
    let limits = Limits { states: 30_000_000, time: Duration::from_secs(60), threads: 1 };
    for trace in TRACES {
        println!("{}: {}", trace.name, shortest_violation(trace.protocol, limits).unwrap());
        let finding = check(Protocol{protections: Protections::ALL, ..trace.protocol}, limits);
        println!("        with all: {finding}");
    }
}
