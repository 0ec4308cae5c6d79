//! Explores the protocol farther than tests do, and tells the traces of what it is protected from.
//!
//! `model` explores all there is; `model NAME…` takes the explorations and traces of these names,
//! and tells the traces event by event.

use std::{
    env,
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use alluvium_protocol::{
    Exploration, LARGE, Limits, Protections, Protocol, SMALL, TRACES, Trace, check,
    shortest_violation,
};

/// For one exploration. As many states fit into some 5 GiB.
const LIMITS: Limits = Limits { states: 80_000_000, time: Duration::from_mins(2), threads: 2 };

fn main() -> io::Result<ExitCode> {
    let names: Vec<String> = env::args().skip(1).collect();
    let wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    let explorations: Vec<_> = SMALL.iter().chain(LARGE).filter(|one| wanted(one.name)).collect();
    let traces: Vec<_> = TRACES.iter().filter(|trace| wanted(trace.name)).collect();
    let mut out = io::stdout().lock();
    let mut as_it_should = true;
    for exploration in &explorations {
        as_it_should &= explore(exploration, &mut out)?;
    }
    for trace in &traces {
        as_it_should &= tell(trace, names.is_empty(), &mut out)?;
    }
    if explorations.is_empty() && traces.is_empty() {
        writeln!(out, "no exploration or trace has such a name; these have:")?;
        let explorations = SMALL.iter().chain(LARGE).map(|exploration| exploration.name);
        for name in explorations.chain(TRACES.iter().map(|trace| trace.name)) {
            writeln!(out, "  {name}")?;
        }
        as_it_should = false;
    }
    Ok(if as_it_should { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Explores; false if a promise is broken.
fn explore(exploration: &Exploration, out: &mut impl Write) -> io::Result<bool> {
    let protocol = Protocol { protections: Protections::ALL, bounds: exploration.bounds };
    let finding = check(protocol, LIMITS);
    writeln!(out, "{}: {finding}", exploration.name)?;
    Ok(finding.violation.is_none())
}

/// Looks for the trace; false if it is not found.
fn tell(trace: &Trace, in_short: bool, out: &mut impl Write) -> io::Result<bool> {
    writeln!(out, "{}, {}", trace.name, trace.story)?;
    let violation = shortest_violation(trace.protocol, LIMITS);
    match &violation {
        Some(violation) if in_short => {
            writeln!(out, "    found after {} events", violation.events.len())?;
        }
        Some(violation) => writeln!(out, "    {violation}")?,
        None => writeln!(out, "    not found")?,
    }
    Ok(violation.is_some())
}
