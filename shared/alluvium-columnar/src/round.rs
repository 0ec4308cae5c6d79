//! The records of a source that are in memory at a time, by the table that they belong to.

use std::{borrow::Cow, collections::HashMap, convert::Infallible, mem, sync::Arc};

use alluvium_model::Limits;

use crate::{
    Part,
    arrivals::Arrival,
    cell::ROWS_MAX,
    dropped::{Dropped, Rest},
    members::Record,
    part::{Extent, SourceFacts},
    quarantine::BadRecord,
    text::{byte, end_of_value, unquote, value_text, walk_object},
};

/// Tables that the records of a round are split into at most, besides the one that they are named
/// for, which takes those that say anything else.
pub(crate) const ROUTES_MAX: u32 = 32;
/// A longer value names no table.
const ROUTE_BYTES_MAX: usize = 200;

/// What a source gave to a round.
pub(crate) enum Given {
    /// A record, be it bad or of no interest.
    Record,
    NeedInput,
    End,
}

/// How full a round is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fill {
    /// The records of all rounds before.
    first_record: u64,
    records: u32,
    /// Text and bad records, in bytes.
    bytes: usize,
    records_max: u32,
    bytes_max: usize,
}

impl Fill {
    fn new(limits: &Limits) -> Self {
        let bytes_max = limits.part_text_bytes.min(u32::MAX - limits.record_bytes) as usize;
        let records_max = limits.part_records.min(ROWS_MAX);
        Self { first_record: 0, records: 0, bytes: 0, records_max, bytes_max }
    }

    pub(crate) const fn records(&self) -> u32 {
        self.records
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The number of the record that comes next.
    pub(crate) fn next_record(&self) -> u64 {
        self.first_record + u64::from(self.records)
    }

    /// Counts a record that takes so many bytes. What bad records take counts like text.
    pub(crate) const fn add(&mut self, bytes: usize) {
        self.records += 1;
        self.bytes += bytes;
    }

    /// Whether there is room for no more records.
    pub(crate) const fn is_full(&self) -> bool {
        self.bytes >= self.bytes_max || self.records >= self.records_max
    }

    /// Begins the next round.
    pub(crate) fn end_round(&mut self) {
        *self = Self { first_record: self.next_record(), records: 0, bytes: 0, ..*self };
    }
}

/// As many consecutive records as memory is meant to hold: one part, or one for each table.
pub(crate) struct Round {
    index: u32,
    fill: Fill,
    facts: Arc<SourceFacts>,
    dropped: Dropped,
    /// The keys that lead to what says where a record belongs.
    route: Option<Vec<String>>,
    /// The part of the table itself, then the others.
    parts: Vec<Part>,
    by_route: HashMap<String, usize>,
    /// How the record at hand arrived.
    arrival: Arrival,
    /// A record without what is dropped.
    rest: Rest,
}

impl Round {
    pub(crate) fn new(facts: Arc<SourceFacts>) -> Self {
        let rules = &facts.rules;
        let route = rules.route.as_ref();
        let route = route.map(|path| path.keys().into_iter().map(Into::into).collect());
        let dropped = Dropped::new(rules);
        let mut round = Self {
            index: 0,
            fill: Fill::new(&facts.limits),
            dropped,
            route,
            parts: Vec::new(),
            by_route: HashMap::new(),
            arrival: Arrival { at: facts.origin.arrived_at, payload: None },
            rest: Rest::default(),
            facts,
        };
        round.add_part(None);
        round
    }

    pub(crate) const fn fill(&self) -> &Fill {
        &self.fill
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.facts.limits
    }

    /// Gives all of it to another owner. What stays is an empty one.
    pub(crate) fn leave(&mut self) -> Self {
        let empty = Self::new(Arc::clone(&self.facts));
        mem::replace(self, empty)
    }

    /// Whether some of a record is dropped before it is taken.
    pub(crate) fn drops(&self) -> bool {
        !self.dropped.is_empty()
    }

    /// Says how the records arrived that come next.
    pub(crate) fn arrive(&mut self, arrival: Arrival) {
        // Nobody will ask for the payload of a record that has a row.
        let payload = arrival.payload.filter(|_| self.facts.may_refuse());
        self.arrival = Arrival { payload, ..arrival };
    }

    /// Counts a record that belongs elsewhere.
    pub(crate) const fn pass(&mut self) {
        self.fill.add(0);
    }

    /// Takes a good record.
    pub(crate) fn push(&mut self, record: Record<'_>, extent: Extent) {
        let mut rest = mem::take(&mut self.rest);
        let record =
            if self.dropped.is_empty() { record } else { self.dropped.rest_of(record, &mut rest) };
        let number = self.fill.records;
        let part = self.part_of(record.text);
        if let Some(part) = self.parts.get_mut(part) {
            part.arrives(number, &self.arrival);
            part.push(number, record, extent);
        }
        self.fill.add(record.text.len());
        self.rest = rest;
    }

    /// Takes a bad record. What is dropped is nowhere, so none of its bytes may be kept if they
    /// might hold some of that: they are still in the source.
    pub(crate) fn push_bad(&mut self, mut bad: BadRecord) {
        if !self.dropped.is_empty() {
            bad.withhold();
        }
        let bytes = bad.memory_bytes();
        if let Some(part) = self.parts.first_mut() {
            part.push_bad(self.fill.records, bad.arrived(self.arrival.at));
        }
        self.fill.add(bytes);
    }

    /// Gives the parts that have records, and begins the next round.
    pub(crate) fn take(&mut self) -> Vec<Part> {
        let mut parts = mem::take(&mut self.parts);
        for part in &mut parts {
            part.end(self.fill.records);
        }
        parts.retain(|part| part.records() > 0);
        self.by_route.clear();
        self.index += 1;
        self.fill.end_round();
        self.add_part(None);
        parts
    }

    fn add_part(&mut self, route: Option<String>) {
        let part = Part::new(self.index, self.fill.first_record, route, Arc::clone(&self.facts));
        self.parts.push(part);
    }

    /// Where among the parts a record belongs.
    fn part_of(&mut self, text: &str) -> usize {
        let Some(route) = self.route.as_ref().and_then(|keys| route_of(text, keys)) else {
            return 0;
        };
        if let Some(known) = self.by_route.get(&*route) {
            return *known;
        }
        if self.by_route.len() >= ROUTES_MAX as usize {
            return 0;
        }
        let number = self.parts.len();
        self.by_route.insert(route.clone().into_owned(), number);
        self.add_part(Some(route.into_owned()));
        number
    }
}

/// The scalar that these keys of a record lead to, as text; of equal keys the last one counts.
fn route_of<'a>(record: &'a str, keys: &[String]) -> Option<Cow<'a, str>> {
    let mut at = 0;
    for wanted in keys {
        let mut found = None;
        let walked: Result<_, Infallible> = walk_object(record, at, |key, value| {
            if key == wanted.as_str() {
                found = Some(value);
            }
            Ok(end_of_value(record, value))
        });
        let Ok(_end) = walked;
        at = found.filter(|_| byte(record, at) == b'{')?;
    }
    let value = value_text(record, at);
    if value.starts_with(['{', '[', 'n']) {
        return None;
    }
    Some(unquote(value)).filter(|text| (1..=ROUTE_BYTES_MAX).contains(&text.len()))
}
