//! Explores the protocol farther than tests do, and tells the traces of what it is protected from.
//!
//! `model` explores all there is, `model NAME…` the explorations and traces of these names.

use std::{env, io, io::Write, process::ExitCode, time::Duration};

use alluvium_protocol::{
    LARGE, Limits, Protections, Protocol, SMALL, TRACES, check, shortest_violation,
};

/// For one exploration. The states are those that fit into some 8 GiB.
const LIMITS: Limits = Limits { states: 80_000_000, time: Duration::from_mins(1), threads: 2 };

fn main() -> io::Result<ExitCode> {
    let names: Vec<String> = env::args().skip(1).collect();
    let wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    let mut out = io::stdout().lock();
    let mut code = ExitCode::SUCCESS;
    for exploration in SMALL.iter().chain(LARGE).filter(|exploration| wanted(exploration.name)) {
        let protocol = Protocol { protections: Protections::ALL, bounds: exploration.bounds };
        let finding = check(protocol, LIMITS);
        writeln!(out, "{}: {finding}", exploration.name)?;
        if finding.violation.is_some() {
            code = ExitCode::FAILURE;
        }
    }
    for trace in TRACES.iter().filter(|trace| wanted(trace.name)) {
        writeln!(out, "{}, {}", trace.name, trace.story)?;
        match shortest_violation(trace.protocol, LIMITS) {
            Some(violation) if names.is_empty() => {
                writeln!(out, "    found after {} events", violation.events.len())?;
            }
            Some(violation) => writeln!(out, "    {violation}")?,
            None => {
                writeln!(out, "    not found")?;
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}
