//! From the records of an archive to the documents in them.
//!
//! Each payload is read as a file is, by a reader of its own, so that none can spoil the next one.
//! Those of other selections are read, too, to be counted: documents of one table have numbers that
//! no other document of the archive has in that table. Contracts that name wrappers of their own may
//! count those of other topics otherwise.

use std::{collections::VecDeque, sync::Arc, vec};

use alluvium_model::{Limits, Selection, StreamRecord, UtcInstant};
use bytes::Bytes;

use super::{aggregate::user_records, archive::ArchiveError, decode_archive, envelope::messages};
use crate::{
    arrivals::{Arrival, PayloadPlace},
    frame::Frame,
    quarantine::BadRecord,
    read::Reader,
    round::{Given, Round},
};

/// An archive on its way to its documents: held whole, since a batch is a few megabytes.
pub(crate) struct Archive {
    rules: ReadingRules,
    /// Its bytes, as long as more of them may come.
    chunks: Vec<Bytes>,
    /// What is in it, once all of it is here.
    payloads: Option<Payloads>,
}

/// How payloads are read.
struct ReadingRules {
    limits: Limits,
    wrappers: Vec<String>,
    selection: Selection,
}

#[derive(Default)]
struct Payloads {
    records: vec::IntoIter<StreamRecord>,
    /// The payloads of the record at hand that are still to be read.
    waiting: VecDeque<Payload>,
    reading: Option<Reading>,
    /// Messages of the envelope that was found last in what is being read.
    messages: VecDeque<Payload>,
    message: Option<Reading>,
    /// Bytes that came out of the compressed payloads before.
    unpacked: u64,
}

struct Payload {
    bytes: Bytes,
    facts: PayloadFacts,
}

#[derive(Clone)]
struct PayloadFacts {
    arrived_at: UtcInstant,
    place: PayloadPlace,
    is_selected: bool,
}

struct Reading {
    reader: Reader,
    rest: Bytes,
    facts: PayloadFacts,
}

impl Archive {
    /// An archive of which nothing has come yet, whose payloads are read like this.
    pub(crate) const fn new(limits: Limits, wrappers: Vec<String>, selection: Selection) -> Self {
        let rules = ReadingRules { limits, wrappers, selection };
        Self { rules, chunks: Vec::new(), payloads: None }
    }

    pub(crate) fn feed(&mut self, bytes: Bytes) {
        self.chunks.push(bytes);
    }

    /// Gives the next document to `round`. Of the archive more follows unless it `ended`.
    ///
    /// # Errors
    /// When it is no archive; asked again, it is none again.
    pub(crate) fn next(&mut self, ended: bool, round: &mut Round) -> Result<Given, ArchiveError> {
        let payloads = match &mut self.payloads {
            Some(payloads) => payloads,
            None if !ended => return Ok(Given::NeedInput),
            None => {
                let records = decode_archive(&self.chunks.concat())?.into_iter();
                self.chunks = Vec::new();
                self.payloads.insert(Payloads { records, ..Payloads::default() })
            }
        };
        Ok(payloads.next(&self.rules, round))
    }
}

impl Payloads {
    fn next(&mut self, rules: &ReadingRules, round: &mut Round) -> Given {
        loop {
            let within = self.begin_message(rules);
            let reading = if within { &mut self.message } else { &mut self.reading };
            let Some(reading) = reading else {
                if self.begin_payload(rules) {
                    continue;
                }
                return Given::End;
            };
            match reading.reader.next(&mut reading.rest, true) {
                Frame::Record => {
                    // A message that is an envelope itself is what somebody logged.
                    let messages =
                        (!within).then(|| messages(reading.reader.record().text)).flatten();
                    let Some(messages) = messages else {
                        reading.give_record(round);
                        return Given::Record;
                    };
                    self.messages = (0..).zip(messages).map(|one| reading.message(one)).collect();
                }
                Frame::Bad(bad) => {
                    reading.give_bad(bad, round);
                    return Given::Record;
                }
                // There is no more input than this.
                Frame::NeedInput | Frame::End => {
                    self.unpacked = self.unpacked.saturating_add(reading.reader.unpacked());
                    let over = if within { &mut self.message } else { &mut self.reading };
                    *over = None;
                }
            }
        }
    }

    /// Begins the next message of an envelope; whether one is being read now.
    fn begin_message(&mut self, rules: &ReadingRules) -> bool {
        if self.message.is_none()
            && let Some(message) = self.messages.pop_front()
        {
            // What it came out of counts, too, as far as that was read.
            let around = self.reading.as_ref().map_or(0, |reading| reading.reader.unpacked());
            let unpacked = self.unpacked.saturating_add(around);
            self.message = Some(rules.read(message, unpacked));
        }
        self.message.is_some()
    }

    /// Begins the next payload; false if there is none.
    fn begin_payload(&mut self, rules: &ReadingRules) -> bool {
        while self.waiting.is_empty() {
            let Some(record) = self.records.next() else { return false };
            self.waiting = rules.payloads_of(record);
        }
        let payload = self.waiting.pop_front();
        self.reading = payload.map(|payload| rules.read(payload, self.unpacked));
        true
    }
}

impl ReadingRules {
    fn payloads_of(&self, record: StreamRecord) -> VecDeque<Payload> {
        let StreamRecord { sequence, arrived_at, partition_key, data } = record;
        let sequence = Arc::new(sequence);
        let payload = |bytes: Bytes, partition_key: &str, user_record: Option<u32>| {
            let sequence = Arc::clone(&sequence);
            let place = PayloadPlace { sequence, user_record, log_event: None };
            let is_selected = self.selection.takes(partition_key);
            Payload { bytes, facts: PayloadFacts { arrived_at, place, is_selected } }
        };
        match user_records(&data) {
            None => [payload(data, &partition_key, None)].into(),
            Some(user_records) => (0..)
                .zip(user_records)
                .map(|(number, one)| {
                    payload(data.slice_ref(one.data), one.partition_key, Some(number))
                })
                .collect(),
        }
    }

    /// Begins to read a payload before which so much was unpacked.
    fn read(&self, payload: Payload, unpacked: u64) -> Reading {
        let reader = Reader::new(self.limits, self.wrappers.clone()).behind(unpacked);
        Reading { reader, rest: payload.bytes, facts: payload.facts }
    }
}

impl Reading {
    /// Gives the record that was found last.
    fn give_record(&self, round: &mut Round) {
        if self.facts.is_selected {
            round.arrive(self.facts.arrival());
            round.push(self.reader.record(), self.reader.extent());
        } else {
            round.pass();
        }
    }

    fn give_bad(&self, mut bad: BadRecord, round: &mut Round) {
        if self.facts.is_selected {
            bad.message.insert_str(0, &format!("{}: ", self.facts.place));
            round.arrive(self.facts.arrival());
            round.push_bad(bad);
        } else {
            round.pass();
        }
    }

    /// The message of this number in the envelope that was found last.
    fn message(&self, (number, text): (u32, String)) -> Payload {
        let mut facts = self.facts.clone();
        facts.place.log_event = Some(number);
        Payload { bytes: text.into(), facts }
    }
}

impl PayloadFacts {
    fn arrival(&self) -> Arrival {
        Arrival { at: self.arrived_at, payload: Some(self.place.clone()) }
    }
}
