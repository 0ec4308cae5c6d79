//! From the bytes of a source to its records, whatever they are packed and written in.
//!
//! Also the place where a text is given up: one that is recognisably no JSON, or begins with
//! nothing but bad records, is a single bad record. Until that is known its bad records are held.

use std::collections::VecDeque;

use alluvium_model::{Limits, Reason};
use bytes::{Buf as _, Bytes};

use crate::{
    QUARANTINE_BYTES_MAX,
    frame::{Frame, Framer},
    members::{Member, Record},
    part::Extent,
    place::Place,
    quarantine::BadRecord,
    unpack::{Corrupt, TextFacts, Unpacked, Unpacker},
    utf16::Utf16,
};

/// A source on its way to its records.
pub(crate) struct Reader {
    limits: Limits,
    unpacker: Unpacker,
    framer: Framer,
    wrappers: Vec<String>,
    text: Text,
    /// Bytes of the text that are still to be turned into UTF-8, or are not read at all.
    raw: Vec<u8>,
    /// Bad records that nothing good came before.
    held: VecDeque<BadRecord>,
    held_bytes: usize,
    /// Whether the record of the framer is to be given behind what is held.
    record_waits: bool,
}

/// The text at hand.
struct Text {
    facts: TextFacts,
    state: State,
    /// Where it begins in the source.
    offset: u64,
    /// How much of it has come, and the first of that.
    bytes: u64,
    head: Vec<u8>,
    utf16: Option<Utf16>,
    /// How it ended, once all of it has come.
    ended: Option<Result<(), Corrupt>>,
}

enum State {
    /// Nothing good has come yet.
    Unproven,
    /// Its records are given one by one.
    Read,
    /// All of it is one bad record.
    GivenUp(BadRecord),
    Ended,
}

impl Reader {
    /// A reader that knows these keys of wrappers besides its own.
    pub(crate) fn new(limits: Limits, wrappers: Vec<String>) -> Self {
        let mut text = Text::new(TextFacts::default(), 0);
        text.state = State::Ended;
        Self {
            limits,
            unpacker: Unpacker::new(limits),
            framer: Framer::without_text(limits),
            wrappers,
            text,
            raw: Vec::new(),
            held: VecDeque::new(),
            held_bytes: 0,
            record_waits: false,
        }
    }

    /// The same reader, of a source that has other parts, out of which so many bytes came before.
    pub(crate) const fn behind(mut self, unpacked: u64) -> Self {
        self.unpacker.count_before(unpacked);
        self
    }

    /// Bytes that came out of all layers, those of other parts of the source not counted.
    pub(crate) const fn unpacked(&self) -> u64 {
        self.unpacker.unpacked()
    }

    /// The record that was found last.
    pub(crate) fn record(&self) -> Record<'_> {
        self.framer.record()
    }

    /// The same, to be kept: it is there no more.
    pub(crate) fn take_record(&mut self) -> (String, Vec<Member>) {
        self.framer.take_record()
    }

    /// Where that record stands.
    pub(crate) const fn extent(&self) -> Extent {
        self.framer.extent()
    }

    /// The next record, or what is in its place. Takes some of `input`, of which more follows
    /// unless it `ended`.
    pub(crate) fn next(&mut self, input: &mut Bytes, ended: bool) -> Frame {
        loop {
            if !matches!(self.text.state, State::Unproven)
                && let Some(frame) = self.release()
            {
                return frame;
            }
            let frame = match self.text.state {
                State::GivenUp(_) => Frame::NeedInput,
                State::Unproven | State::Read | State::Ended => self.framer.next(),
            };
            match frame {
                Frame::Record => {
                    self.text.state = State::Read;
                    self.record_waits = true;
                }
                Frame::Bad(bad) => self.bad_record(bad),
                Frame::End if matches!(self.text.state, State::Unproven) => {
                    self.text.state = State::Read;
                }
                Frame::NeedInput | Frame::End => match self.unpack(input, ended) {
                    Unpacked::NeedInput => return Frame::NeedInput,
                    Unpacked::Done => return Frame::End,
                    Unpacked::TextBegins(facts) => self.begin_text(facts),
                    Unpacked::Bytes => {}
                    Unpacked::TextEnds(how) => self.end_text(how),
                },
            }
        }
    }

    /// What was found and is still to be given.
    fn release(&mut self) -> Option<Frame> {
        if let Some(mut bad) = self.held.pop_front() {
            self.text.name_in(&mut bad.message);
            return Some(Frame::Bad(bad));
        }
        std::mem::take(&mut self.record_waits).then_some(Frame::Record)
    }

    fn unpack(&mut self, input: &mut Bytes, ended: bool) -> Unpacked {
        let as_it_is = match self.text.state {
            State::Unproven | State::Read => self.text.utf16.is_none(),
            State::GivenUp(_) | State::Ended => false,
        };
        let out = if as_it_is { self.framer.input() } else { &mut self.raw };
        let before = out.len();
        let mut rest: &[u8] = input;
        let unpacked = self.unpacker.step(&mut rest, ended, out);
        let taken = input.len() - rest.len();
        input.advance(taken);
        self.text.note(out.get(before..).unwrap_or_default());
        if let State::GivenUp(whole) = &mut self.text.state {
            whole.extend(&self.raw);
        } else if let Some(utf16) = &mut self.text.utf16 {
            utf16.decode(&self.raw, self.framer.input());
        }
        self.raw.clear();
        unpacked
    }

    fn begin_text(&mut self, facts: TextFacts) {
        let offset = self.text.offset + self.text.bytes;
        self.text = Text::new(facts, offset);
        self.held_bytes = 0;
        if let Some(why) = self.text.facts.unreadable.take() {
            self.framer = Framer::without_text(self.limits);
            self.text.state = State::GivenUp(self.text.whole(why));
        } else {
            self.framer = Framer::new(self.limits, self.text.facts.charset, offset)
                .knowing_wrappers(&self.wrappers);
        }
    }

    fn end_text(&mut self, how: Result<(), Corrupt>) {
        self.text.ended = Some(how.clone());
        match std::mem::replace(&mut self.text.state, State::Ended) {
            State::GivenUp(whole) => self.end_given_up(whole),
            state @ (State::Unproven | State::Read | State::Ended) => {
                self.text.state = state;
                if let Some(utf16) = &mut self.text.utf16 {
                    utf16.finish(self.framer.input());
                }
                self.framer.end(how);
            }
        }
    }

    /// Gives all of a text as one bad record, and behind it what cut it off, if something did.
    fn end_given_up(&mut self, mut whole: BadRecord) {
        let rest = self.text.missing();
        if rest.is_some() {
            whole.cut_off();
        }
        self.held.push_back(whole);
        self.held.extend(rest);
    }

    fn bad_record(&mut self, mut bad: BadRecord) {
        if self.text.is_cut_in(&bad) {
            bad.cut_off();
        }
        self.held_bytes += bad.memory_bytes();
        self.held.push_back(bad);
        if !matches!(self.text.state, State::Unproven) {
            return;
        }
        if self.held.len() >= self.limits.unreadable_records as usize {
            self.give_up();
        } else if self.held_bytes >= self.limits.part_text_bytes as usize
            || self.held.len() >= self.limits.part_records as usize
        {
            // A part would not hold more either.
            self.text.state = State::Read;
        }
    }

    /// Takes a text that began with nothing but bad records for one.
    fn give_up(&mut self) {
        let first = self.held.front().map(|bad| bad.message.clone()).unwrap_or_default();
        let records = self.held.len();
        let message = format!("its first {records} records are bad, the first one: {first}");
        let mut whole = self.text.whole(message);
        whole.length = self.text.bytes;
        whole.bytes = std::mem::take(&mut self.text.head);
        self.held.clear();
        self.framer = Framer::without_text(self.limits);
        if self.text.ended.is_some() {
            self.text.state = State::Ended;
            self.end_given_up(whole);
        } else {
            self.text.state = State::GivenUp(whole);
        }
    }
}

impl Text {
    fn new(facts: TextFacts, offset: u64) -> Self {
        let utf16 = Utf16::of(facts.charset);
        let (state, head) = (State::Unproven, Vec::new());
        Self { facts, state, offset, bytes: 0, head, utf16, ended: None }
    }

    /// Notes bytes that have come.
    fn note(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let room = QUARANTINE_BYTES_MAX - self.head.len();
        self.head.extend(bytes.iter().take(room));
    }

    /// The text as one bad record of which nothing was seen yet.
    fn whole(&self, message: String) -> BadRecord {
        let begin = Place::new(self.facts.charset, self.offset).position();
        BadRecord::new(begin, Reason::Unreadable, message).written_in(self.facts.charset)
    }

    /// What could not be read behind the text, as a bad record, if it ended where it should not.
    fn missing(&self) -> Option<BadRecord> {
        let Some(Err(Corrupt { reason, message })) = &self.ended else { return None };
        let mut end = Place::new(self.facts.charset, self.offset);
        end.pass_unread(self.bytes);
        let mut rest = BadRecord::new(end.position(), *reason, message.clone());
        rest.cut_off();
        Some(rest.written_in(self.facts.charset))
    }

    /// Whether the text ended where it should not, and this reaches to there.
    fn is_cut_in(&self, bad: &BadRecord) -> bool {
        let end = bad.position.offset + bad.length;
        matches!(self.ended, Some(Err(_))) && end == self.offset + self.bytes
    }

    /// Names the member of an archive that the message is about, if it is about one.
    fn name_in(&self, message: &mut String) {
        if let Some(member) = &self.facts.member {
            message.insert_str(0, &format!("{member}: "));
        }
    }
}

#[cfg(test)]
mod tests;
