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
    Explored, LARGE, Limits, Protections, Protocol, SMALL, TRACES, check, shortest_violation,
    stream,
};

/// For one exploration. As many states fit into some 5 GiB.
const LIMITS: Limits = Limits { states: 80_000_000, time: Duration::from_mins(2), threads: 2 };

/// What was asked for, and how it went so far.
struct Asked<W> {
    /// Those of these names; without any, all.
    names: Vec<String>,
    /// The names there are.
    known: Vec<&'static str>,
    found_some: bool,
    as_it_should: bool,
    out: W,
}

fn main() -> io::Result<ExitCode> {
    let mut asked = Asked {
        names: env::args().skip(1).collect(),
        known: Vec::new(),
        found_some: false,
        as_it_should: true,
        out: io::stdout().lock(),
    };
    for one in SMALL.iter().chain(LARGE) {
        let protocol = Protocol { protections: Protections::ALL, bounds: one.bounds };
        asked.explore(one.name, protocol)?;
    }
    for one in stream::SMALL.iter().chain(stream::LARGE) {
        let protections = stream::Protections::ALL;
        asked.explore(one.name, stream::Streams { protections, bounds: one.bounds })?;
    }
    for trace in TRACES {
        asked.tell(trace.name, trace.story, trace.protocol)?;
    }
    for trace in stream::TRACES {
        asked.tell(trace.name, trace.story, trace.streams)?;
    }
    asked.end()
}

impl<W: Write> Asked<W> {
    fn is_asked_for(&mut self, name: &'static str) -> bool {
        self.known.push(name);
        let is_asked_for = self.names.is_empty() || self.names.iter().any(|asked| asked == name);
        self.found_some |= is_asked_for;
        is_asked_for
    }

    /// Explores; no promise may be broken.
    fn explore(&mut self, name: &'static str, model: impl Explored) -> io::Result<()> {
        if !self.is_asked_for(name) {
            return Ok(());
        }
        let finding = check(model, LIMITS);
        self.as_it_should &= finding.violation.is_none();
        writeln!(self.out, "{name}: {finding}")
    }

    /// Looks for a trace, which has to be found.
    fn tell(&mut self, name: &'static str, story: &str, model: impl Explored) -> io::Result<()> {
        if !self.is_asked_for(name) {
            return Ok(());
        }
        writeln!(self.out, "{name}, {story}")?;
        let violation = shortest_violation(model, LIMITS);
        self.as_it_should &= violation.is_some();
        match &violation {
            Some(violation) if self.names.is_empty() => {
                writeln!(self.out, "    found after {} events", violation.events.len())
            }
            Some(violation) => writeln!(self.out, "    {violation}"),
            None => writeln!(self.out, "    not found"),
        }
    }

    fn end(mut self) -> io::Result<ExitCode> {
        if !self.found_some {
            writeln!(self.out, "no exploration or trace has such a name; these have:")?;
            for name in &self.known {
                writeln!(self.out, "  {name}")?;
            }
        }
        let is_well = self.found_some && self.as_it_should;
        Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
