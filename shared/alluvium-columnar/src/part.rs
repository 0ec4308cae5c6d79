//! A part of a source: as many records as memory is meant to hold.

use std::{
    borrow::Cow,
    mem,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use alluvium_model::{
    Discovery, JsonPath, Limits, Mode, Origin, PartitionKey, PartitionScalar, RowTraits,
    TableRules, TableSchema, UtcInstant, ValueClass,
};

use crate::{
    BadRecords, PlacedPart, Position,
    arrivals::{Arrival, Arrivals, PayloadPlace},
    column::integer,
    flatten::Flattener,
    members::Record,
    partitions::{PartitionNumber, Partitions},
    quarantine::BadRecord,
    round::ROUTES_MAX,
    text::{unquote, value_text},
};

/// Everything about a source that its parts share.
#[derive(Debug)]
pub(crate) struct SourceFacts {
    pub(crate) origin: Origin,
    pub(crate) rules: Arc<TableRules>,
    pub(crate) limits: Limits,
    /// The paths whose scalars decide about a whole record.
    watched: Vec<JsonPath>,
    /// Which of them tells the time of a record.
    time: Option<usize>,
    /// Which of them the partitions are made of.
    partitioned_by: Vec<usize>,
    /// Whether all records arrived when the source did.
    has_one_arrival: bool,
    /// Where a part that is done with leaves the room of its text for the next one.
    room: Mutex<String>,
}

impl SourceFacts {
    pub(crate) fn new(origin: Origin, rules: Arc<TableRules>, limits: Limits) -> Self {
        let mut watched: Vec<JsonPath> = Vec::new();
        let mut watch = |path: &JsonPath| {
            watched.iter().position(|known| known == path).unwrap_or_else(|| {
                watched.push(path.clone());
                watched.len() - 1
            })
        };
        let time = rules.event_time.as_ref().map(|time| watch(&time.path));
        let partitioned_by = rules.partitions.paths().map(watch).collect();
        let mut limits = rules.limits(limits);
        if rules.route.is_some() {
            // As many parts share the memory for paths.
            limits.part_paths = (limits.part_paths / ROUTES_MAX).max(1);
            limits.part_path_bytes = (limits.part_path_bytes / ROUTES_MAX).max(1);
        }
        let room = Mutex::default();
        Self { origin, rules, limits, watched, time, partitioned_by, has_one_arrival: true, room }
    }

    /// The same facts of a source whose records arrived one by one.
    pub(crate) const fn arrived_one_by_one(mut self) -> Self {
        self.has_one_arrival = false;
        self
    }

    /// Whether rows may belong to different partitions.
    fn depends_on_rows(&self) -> bool {
        !self.has_one_arrival || self.rules.partitions.depends_on_rows()
    }

    /// Room for the text of a part that has none yet: what the part before has left, whose pages
    /// the system need not find and clear again. Else all of it is reserved at once and touched
    /// page by page as it fills, so that nothing is moved. Parts that share their memory grow as
    /// they need.
    fn room_for_text(&self) -> String {
        if self.rules.route.is_some() {
            return String::new();
        }
        let room = self.take_room();
        if room.capacity() > 0 { room } else { String::with_capacity(text_bytes_max(&self.limits)) }
    }

    fn take_room(&self) -> String {
        mem::take(&mut *self.room.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a good record may turn out to be a bad one.
    pub(crate) fn may_refuse(&self) -> bool {
        self.rules.mode == Mode::Quarantine
    }
}

/// A good record: its index in the source, counted from the part's first, and where its text is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) record: u32,
    pub(crate) at: u32,
    pub(crate) length: u32,
    pub(crate) partition: PartitionNumber,
    /// Whether a value of it has no cell.
    pub(crate) loses: bool,
}

/// Where a record stands in its source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) position: Position,
    pub(crate) bytes: u64,
}

/// Some consecutive records of a source that belong to one table, bad ones included.
///
/// Good records wait as text with one cell a value until their table's schema is known:
/// [`Part::discovery`] says what to add to it, [`Part::placed`] takes what resulted.
#[derive(Debug)]
pub struct Part {
    index: u32,
    /// The records of the source that it is taken from; other parts may have some of them.
    span: Range<u64>,
    /// Records that were given to it, counted apart from what became of them.
    records: u64,
    /// What the records say about where they belong; none for those of the table itself.
    route: Option<String>,
    pub(crate) facts: Arc<SourceFacts>,
    pub(crate) text: String,
    pub(crate) rows: Vec<Row>,
    /// Where each row stands in the source, if it may still turn out to be a bad record.
    pub(crate) extents: Vec<Extent>,
    arrivals: Arrivals,
    /// When the record at hand arrived.
    arrived_at: UtcInstant,
    pub(crate) flattener: Flattener,
    pub(crate) partitions: Partitions,
    bad: Vec<(u64, BadRecord)>,
}

impl Part {
    /// A part without records that begins with the one of this number.
    pub(crate) fn new(
        index: u32,
        first_record: u64,
        route: Option<String>,
        facts: Arc<SourceFacts>,
    ) -> Self {
        let mut partitions = Partitions::default();
        if !facts.depends_on_rows() {
            let arrived_at = facts.origin.arrived_at;
            let row = RowTraits { arrived_at, event_time: None, scalars: Vec::new() };
            partitions.of_row(&facts.rules.partitions, &row);
        }
        Self {
            index,
            span: first_record..first_record,
            records: 0,
            route,
            text: String::new(),
            rows: Vec::new(),
            extents: Vec::new(),
            arrivals: Arrivals::default(),
            arrived_at: facts.origin.arrived_at,
            flattener: Flattener::new(&facts.limits, Arc::clone(&facts.rules), &facts.watched),
            partitions,
            bad: Vec::new(),
            facts,
        }
    }

    /// The number of the part in its source, from 0. Parts for several tables may share one.
    #[must_use]
    pub const fn index(&self) -> u32 {
        self.index
    }

    /// What the records say about which table of several they belong to; none for those of the
    /// table that the others are named for.
    #[must_use]
    pub fn route(&self) -> Option<&str> {
        self.route.as_deref()
    }

    /// The records of the source that the part is taken from. Those that are not in it are in
    /// other parts with the same number, or were not selected.
    #[must_use]
    pub fn span(&self) -> Range<u64> {
        self.span.clone()
    }

    /// Records in the part, bad ones included.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// Good records.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Bad records with their index in the source.
    #[must_use]
    pub fn bad_records(&self) -> &[(u64, BadRecord)] {
        &self.bad
    }

    /// The bad records of a part without good ones.
    #[must_use]
    pub fn bad_records_alone(&self) -> BadRecords<'_> {
        BadRecords::of(&self.bad)
    }

    /// What the good records hold, for the schema of their table.
    #[must_use]
    pub fn discovery(&self) -> Discovery {
        self.flattener.paths.discovery()
    }

    /// Good records that went to the partition of rows without values, because the part has more
    /// partitions than it may.
    #[must_use]
    pub const fn overflowed(&self) -> u64 {
        self.partitions.overflowed()
    }

    /// When the latest of its events happened that say so and are believed.
    #[must_use]
    pub fn latest_event(&self) -> Option<UtcInstant> {
        self.partitions.latest_event()
    }

    /// The same part with each value in its place in `schema`, the one that resulted from
    /// [`Part::discovery`]; what it has no column for goes to `_rescued`, or its record to
    /// quarantine, as the contract says.
    #[must_use]
    pub fn placed(self, schema: &TableSchema) -> PlacedPart<'_> {
        PlacedPart::new(self, schema)
    }

    /// The text of the good record with this number in the part, without white space.
    pub(crate) fn record_text(&self, index: usize) -> Option<&str> {
        let row = self.rows.get(index)?;
        self.text.get(row.at as usize..)?.get(..row.length as usize)
    }

    /// The partition of the good record with this number in the part.
    pub(crate) fn partition_of(&self, index: usize) -> Option<&PartitionKey> {
        self.partitions.key(self.rows.get(index)?.partition)
    }

    /// The index in the source of the good record with this number in the part.
    pub(crate) fn record_number(&self, index: usize) -> Option<u64> {
        self.rows.get(index).map(|row| self.span.start + u64::from(row.record))
    }

    /// When the good record with this number in the part arrived.
    pub(crate) fn arrived_at(&self, index: usize) -> UtcInstant {
        self.arrival(index).map_or(self.facts.origin.arrived_at, |arrival| arrival.at)
    }

    /// The payload that it stood in, if it was noted.
    pub(crate) fn payload_of(&self, index: usize) -> Option<&PayloadPlace> {
        self.arrival(index)?.payload.as_ref()
    }

    fn arrival(&self, index: usize) -> Option<&Arrival> {
        self.arrivals.of(self.rows.get(index)?.record)
    }

    /// The good record with this index in the source, by its number in the part. Only before rows
    /// are brought together by their partitions.
    pub(crate) fn row_of(&self, record: u64) -> Option<usize> {
        let number = |row: &Row| self.span.start + u64::from(row.record);
        self.rows.binary_search_by_key(&record, number).ok()
    }

    /// Says how the record with this index from the part's first arrived, which comes next.
    pub(crate) fn arrives(&mut self, record: u32, arrival: &Arrival) {
        self.arrivals.note(record, arrival);
        self.arrived_at = arrival.at;
    }

    /// Takes a good record, the one with this index from the part's first.
    pub(crate) fn push(&mut self, number: u32, record: Record<'_>, extent: Extent) {
        self.records += 1;
        let place = (u32::try_from(self.text.len()), u32::try_from(self.rows.len()));
        let ((Ok(at), Ok(row)), Ok(length)) = (place, u32::try_from(record.text.len())) else {
            // A part that is full gets no more records. If it did, the counts would tell.
            return;
        };
        if self.text.is_empty() {
            self.text = self.facts.room_for_text();
        }
        self.text.push_str(record.text);
        let loses = self.flattener.record(record, at, row);
        let partition = self.partition();
        self.rows.push(Row { record: number, at, length, partition, loses });
        if self.facts.may_refuse() {
            self.extents.push(extent);
        }
    }

    pub(crate) fn push_bad(&mut self, record: u32, bad: BadRecord) {
        if self.text.capacity() == 0 {
            // What is bad may take as much memory as a text does; it is not to have both.
            drop(self.facts.take_room());
        }
        self.records += 1;
        self.bad.push((self.span.start + u64::from(record), bad));
    }

    /// Says how many records the part was taken from.
    pub(crate) fn end(&mut self, records: u32) {
        self.span.end = self.span.start + u64::from(records);
    }

    /// The partition of the record at hand; notes when that happened.
    fn partition(&mut self) -> PartitionNumber {
        let (facts, arrived_at) = (&*self.facts, self.arrived_at);
        let (spec, text) = (&facts.rules.partitions, self.text.as_str());
        let scalar = |number: usize| {
            let (class, at) = self.flattener.watched(number)?;
            Some(PartitionScalar { class, text: scalar_text(class, value_text(text, at)) })
        };
        let time = facts.rules.event_time.as_ref().zip(facts.time.and_then(scalar));
        let event_time = time.and_then(|(time, said)| time.read(&said.text, arrived_at));
        let number = if facts.depends_on_rows() {
            let scalars = facts.partitioned_by.iter().map(|number| scalar(*number)).collect();
            let row = RowTraits { arrived_at, event_time, scalars };
            self.partitions.of_row(spec, &row)
        } else {
            PartitionNumber::FIRST
        };
        if let Some(at) = event_time {
            self.partitions.add_event(number, at);
        }
        number
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.facts.rules.route.is_none() {
            self.text.clear();
            let mut room = self.facts.room.lock().unwrap_or_else(PoisonError::into_inner);
            if self.text.capacity() > room.capacity() {
                *room = mem::take(&mut self.text);
            }
        }
    }
}

/// A scalar as text: an integer as its digits, however it is written, a string by its content.
fn scalar_text(class: ValueClass, text: &str) -> Cow<'_, str> {
    let is_integer = matches!(class, ValueClass::Bigint | ValueClass::WideBigint);
    let digits = is_integer.then(|| integer(text)).flatten();
    digits.map_or_else(|| unquote(text), |integer| Cow::Owned(integer.to_string()))
}

/// A part is full as soon as it is over its limit, by less than one record.
const fn text_bytes_max(limits: &Limits) -> usize {
    limits.part_text_bytes as usize + limits.record_bytes as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Shredder, Step};

    #[test]
    fn bad_records_fill_a_part_by_what_they_take() {
        let limits = Limits { part_text_bytes: 1_000, ..Limits::default() };
        let origin =
            Origin { source: "s".to_owned(), arrived_at: "2026-11-22T00:00:00Z".parse().unwrap() };
        let mut shredder = Shredder::new(origin, Arc::default(), limits);
        shredder.feed(bytes::Bytes::from_static(b"{}\n1\n2\n3\n4\n5\n6\n"));
        shredder.finish();
        let Step::Part(part) = shredder.step() else { panic!("a part is full") };
        // A digit, 25 bytes of message and 200 of the rest.
        assert_eq!(part.records(), 6);
    }
}
