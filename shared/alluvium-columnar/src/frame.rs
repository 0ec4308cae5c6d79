//! Where records begin and end in a text.
//!
//! Takes NDJSON, documents one after the other with or without white space or commas between
//! them, pretty-printed or not, sequences (RFC 7464), top-level arrays, also several and also as
//! lines, and arrays in a wrapper. Nothing is remembered of a record once it was given away; a
//! record that is too long is not kept at all.

use std::mem;

use alluvium_model::{Limits, Reason};

use crate::{
    members::{Member, Record},
    part::Extent,
    place::Place,
    quarantine::BadRecord,
    recover::{End, Nesting, RECORD_SEPARATOR, Surroundings, end_of_bad_record, guess_within},
    scan::{Copied, Flaw, Scanned, scan},
    skip::{NextLine, Skip, Until},
    sniff::Charset,
    unpack::Corrupt,
    wrapper::{Opening, WRAPPER_KEYS, Wrapper, opening},
};

const LOOKAHEAD_BYTES_MIN: usize = 256;
/// Bytes that may be looked ahead for each byte that was passed.
const LOOKAHEAD_EARNED: usize = 8;
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// What comes next in a text.
#[derive(Debug)]
pub(crate) enum Frame {
    /// An object: [`Framer::record`] has it.
    Record,
    /// Something that is no record.
    Bad(BadRecord),
    NeedInput,
    End,
}

/// A text on its way through, and where in it the next record is looked for.
pub(crate) struct Framer {
    limits: Limits,
    /// Bytes that were not given away yet, from `at` on; those before are done with.
    buffer: Vec<u8>,
    at: usize,
    /// The text of the record at hand, what else was found of it, and where it stands.
    record: String,
    copied: Copied,
    extent: (Place, u64),
    /// Where `at` is in the source.
    place: Place,
    /// Whether nothing of the text was looked at yet.
    fresh: bool,
    /// How the text ended, once it has.
    ended: Option<Result<(), Corrupt>>,
    around: Surroundings,
    wrapper: Wrapper,
    wrapper_keys: Vec<String>,
    /// Whether the last record lay on one line, until it is known what follows it.
    one_line: bool,
    /// Bytes of a record that must be there before it is looked at again: twice what did not
    /// suffice, so that a long record that comes in small pieces is not scanned over and over.
    wanted: usize,
    /// Bytes behind a flaw in which the end of a bad record is looked for. Whatever is passed
    /// earns some, a search in vain costs half, so that no source takes more than linear time.
    lookahead: usize,
    skip: Option<Skip>,
}

impl Framer {
    /// A framer at the beginning of a text, which begins at this offset of its source.
    pub(crate) fn new(limits: Limits, charset: Charset, offset: u64) -> Self {
        Self {
            limits,
            buffer: Vec::new(),
            record: String::new(),
            copied: Copied::default(),
            extent: (Place::new(charset, offset), 0),
            wrapper_keys: WRAPPER_KEYS.map(str::to_owned).into(),
            at: 0,
            place: Place::new(charset, offset),
            fresh: true,
            ended: None,
            around: Surroundings {
                lines: false,
                in_list: false,
                in_sequence: false,
                indent: Some(0),
                list_indent: None,
            },
            wrapper: Wrapper::Possible,
            one_line: false,
            wanted: 0,
            lookahead: limits.record_bytes as usize + 1,
            skip: None,
        }
    }

    /// The same framer, that takes these keys for those of wrappers, too.
    pub(crate) fn knowing_wrappers(mut self, keys: &[String]) -> Self {
        self.wrapper_keys.extend_from_slice(keys);
        self
    }

    /// A framer that has no text.
    pub(crate) fn without_text(limits: Limits) -> Self {
        Self { ended: Some(Ok(())), ..Self::new(limits, Charset::Utf8, 0) }
    }

    /// The place to append further text to.
    pub(crate) fn input(&mut self) -> &mut Vec<u8> {
        self.buffer.drain(..self.at);
        self.at = 0;
        &mut self.buffer
    }

    /// Says that no more text comes, and whether that is how it should end.
    pub(crate) fn end(&mut self, how: Result<(), Corrupt>) {
        if self.ended.is_none() {
            self.ended = Some(how);
        }
    }

    /// The record that was found last.
    pub(crate) fn record(&self) -> Record<'_> {
        Record { text: &self.record, members: &self.copied.members }
    }

    /// The same, to be kept: it is there no more.
    pub(crate) fn take_record(&mut self) -> (String, Vec<Member>) {
        (mem::take(&mut self.record), mem::take(&mut self.copied.members))
    }

    /// Where that record stands in the source.
    pub(crate) const fn extent(&self) -> Extent {
        let (begin, bytes) = self.extent;
        Extent { position: begin.position(), bytes }
    }

    /// The next record, or what is in its place.
    pub(crate) fn next(&mut self) -> Frame {
        if self.skip.is_some() {
            return self.go_on_skipping();
        }
        if !self.pass_byte_order_mark() || !self.pass_separators() {
            return self.next_at_end();
        }
        if self.around.in_sequence && self.rest().first() == Some(&RECORD_SEPARATOR) {
            return self.list_without_end("a text of the sequence ends inside an array");
        }
        if self.begins_next_list() {
            return self.list_without_end("a line ends inside an array");
        }
        match self.wrapper {
            Wrapper::Possible => self.open_wrapper(),
            Wrapper::Tail => self.wrapper_tail(),
            Wrapper::InList | Wrapper::None => self.next_record(),
        }
    }

    /// False if there is too little text to tell whether it begins with one.
    fn pass_byte_order_mark(&mut self) -> bool {
        if !self.fresh {
            return true;
        }
        if self.rest().starts_with(BYTE_ORDER_MARK) {
            self.place.pass_mark(BYTE_ORDER_MARK);
            self.at += BYTE_ORDER_MARK.len();
        } else if BYTE_ORDER_MARK.starts_with(self.rest()) && self.ended.is_none() {
            return false;
        }
        self.fresh = false;
        true
    }

    /// Goes to where a record begins; false if there is no more text.
    fn pass_separators(&mut self) -> bool {
        while let Some(byte) = self.rest().first().copied() {
            let in_tail = self.wrapper == Wrapper::Tail;
            // Files that were put one behind the other bring theirs along.
            if BYTE_ORDER_MARK.starts_with(&[byte]) && !in_tail {
                if self.rest().starts_with(BYTE_ORDER_MARK) {
                    self.place.pass(BYTE_ORDER_MARK);
                    self.at += BYTE_ORDER_MARK.len();
                    continue;
                }
                return !BYTE_ORDER_MARK.starts_with(self.rest()) || self.ended.is_some();
            }
            match byte {
                b'\n' => {
                    self.around.lines |= self.one_line && !self.around.in_list;
                    self.one_line = false;
                    self.around.indent = Some(0);
                }
                b' ' | b'\t' | b'\r' => {
                    self.around.indent = self.around.indent.map(|indent| indent + 1);
                }
                RECORD_SEPARATOR if !self.around.in_list && !in_tail => {
                    self.around.in_sequence = true;
                    self.around.indent = Some(0);
                }
                b',' if !in_tail => self.around.indent = None,
                b'[' if !self.around.in_list && !in_tail => {
                    self.around.in_list = true;
                    self.around.list_indent = self.around.indent.filter(|_| self.around.lines);
                    self.around.indent = None;
                    self.wrapper = Wrapper::None;
                }
                b']' if self.around.in_list => {
                    self.around.in_list = false;
                    self.around.indent = None;
                    if self.wrapper == Wrapper::InList {
                        self.wrapper = Wrapper::Tail;
                    }
                }
                _ => return true,
            }
            self.place.pass_byte(byte);
            self.at += 1;
        }
        false
    }

    /// Whether a line begins with an array like the one that is open, which stood on a line too.
    fn begins_next_list(&self) -> bool {
        self.around.in_list
            && self.around.list_indent.is_some()
            && self.around.list_indent == self.around.indent
            && self.rest().first() == Some(&b'[')
    }

    /// Leaves a list in which something begins that stands in no list.
    fn list_without_end(&mut self, message: &str) -> Frame {
        self.around.in_list = false;
        self.wrapper = Wrapper::None;
        let indent = self.around.indent;
        let bad = self.give_away(0, Reason::TruncatedInput, message.to_owned());
        self.around.indent = indent;
        Frame::Bad(bad)
    }

    /// Opens the wrapper that the text begins with, if it does.
    fn open_wrapper(&mut self) -> Frame {
        match opening(self.rest(), self.ended.is_some(), &self.wrapper_keys) {
            Opening::Unclear => return Frame::NeedInput,
            Opening::Record => self.wrapper = Wrapper::None,
            Opening::Wrapper(bytes) => {
                self.pass(bytes);
                self.one_line = false;
                self.around.in_list = true;
                self.around.list_indent = None;
                self.wrapper = Wrapper::InList;
            }
        }
        self.next()
    }

    /// Passes what a wrapper holds behind its list: one entry, whatever it is.
    fn wrapper_tail(&mut self) -> Frame {
        match self.rest() {
            [b'}', ..] => {
                self.pass(1);
                self.one_line = false;
                self.wrapper = Wrapper::None;
                self.next()
            }
            [b',', ..] => {
                let message = "what the wrapper holds beside its list of records".to_owned();
                let until = Until::ObjectEnd(Nesting::in_object());
                self.skip(Reason::WrapperFields, message, until)
            }
            _ => {
                self.wrapper = Wrapper::None;
                let message = "expected `,` or `}` behind the list of a wrapper".to_owned();
                Frame::Bad(self.give_away(0, Reason::InvalidJson, message))
            }
        }
    }

    fn next_record(&mut self) -> Frame {
        if self.rest().len() < self.wanted && self.ended.is_none() {
            return Frame::NeedInput;
        }
        let depth_max = self.limits.parse_depth.min(Limits::PARSE_DEPTH_MAX);
        let mut copied = mem::take(&mut self.copied);
        if !self.record.is_empty() {
            copied.text = mem::take(&mut self.record).into_bytes();
        }
        let scanned = scan(self.window(), self.sees_end(), depth_max, &mut copied);
        self.copied = copied;
        match scanned {
            Scanned::Value { end, lone_surrogate } => self.whole_value(end, lone_surrogate),
            Scanned::Bad { at, flaw } => self.bad_record(at, flaw),
            Scanned::Incomplete => self.incomplete_record(),
        }
    }

    fn whole_value(&mut self, end: usize, lone_surrogate: bool) -> Frame {
        let (reason, message) = if end > self.limits.record_bytes as usize {
            self.too_large()
        } else if self.copied.text.first() != Some(&b'{') {
            (Reason::NotAnObject, "a record is a JSON object".to_owned())
        } else if lone_surrogate {
            (Reason::NotUnicode, "half of a surrogate pair".to_owned())
        } else if let Ok(record) = String::from_utf8(mem::take(&mut self.copied.text)) {
            self.record = record;
            let begin = self.place;
            self.pass(end);
            self.extent = (begin, self.place.offset_since(begin));
            return Frame::Record;
        } else {
            (Reason::NotUnicode, "invalid UTF-8".to_owned())
        };
        Frame::Bad(self.give_away(end, reason, message))
    }

    fn bad_record(&mut self, at: usize, flaw: Flaw) -> Frame {
        let too_deep = flaw == Flaw::Depth;
        let reason = if too_deep { Reason::TooDeep } else { Reason::InvalidJson };
        let passed = self.rest().get(..at).unwrap_or_default();
        let byte = self.place.charset().source_length(passed);
        let message = format!("{} at byte {byte} of the record", flaw.message());
        // No further than this is looked for the end: others may be as bad as this one.
        let reach = (at + self.lookahead).min(self.window_bytes());
        let seen = self.rest().len() >= reach || self.ended.is_some();
        let text = self.rest().get(..reach).unwrap_or(self.rest());
        // Less than may be looked at: exactly as much may be the end or not, as chunks have it.
        let all = self.ended.is_some() && self.rest().len() < reach;
        let end = match end_of_bad_record(text, at, self.around) {
            End::WithLine => return self.skip(reason, message, Until::LineEnd),
            End::WithText => return self.skip(reason, message, Until::NextText),
            End::Beyond if !seen => {
                self.want_more();
                return Frame::NeedInput;
            }
            End::Beyond => {
                let guess = guess_within(text, at, self.around).or(all.then_some(text.len()));
                self.lookahead = (self.lookahead / 2).max(LOOKAHEAD_BYTES_MIN);
                guess
            }
            End::At(end) => Some(end),
        };
        match end {
            Some(end) => Frame::Bad(self.give_away(end.max(1), reason, message)),
            // What spans lines is no NDJSON, and an array may stand on one: other records do not
            // begin with the next line.
            None if self.spans_lines(at) || self.around.in_list => {
                let begins = self.around.indent.or(self.around.list_indent);
                self.skip(reason, message, self.until(at, begins))
            }
            None => self.skip(reason, message, Until::LineEnd),
        }
    }

    fn spans_lines(&self, length: usize) -> bool {
        self.rest().get(..length).unwrap_or(self.rest()).contains(&b'\n')
    }

    /// How far to pass over a record that is without a flaw up to its byte `at`. `begins` is the
    /// indent at which a line begins the next one, whatever is open, if it is to be believed.
    fn until(&self, at: usize, begins: Option<usize>) -> Until {
        let brackets = matches!(self.rest().first(), Some(b'{' | b'['));
        let Surroundings { lines, in_list, in_sequence, .. } = self.around;
        if in_sequence && !in_list {
            Until::NextText
        } else if brackets && (in_list || !lines || self.spans_lines(at)) {
            Until::BracketsClose(Nesting::default(), NextLine::new(begins))
        } else {
            Until::LineEnd
        }
    }

    fn incomplete_record(&mut self) -> Frame {
        if !self.sees_end() {
            if self.rest().len() < self.window_bytes() {
                self.want_more();
                return Frame::NeedInput;
            }
            let (reason, message) = self.too_large();
            let window = self.window_bytes();
            // Nothing is wrong so far, so that lines inside of it are to be expected unless all
            // of this is one.
            let begins = self.around.indent.filter(|_| !self.spans_lines(window));
            return self.skip(reason, message, self.until(window, begins));
        }
        let length = self.rest().len();
        // What looks cut off by the end may be a bad record with good ones behind it.
        match end_of_bad_record(self.window(), length, self.around) {
            End::At(end) if end < length => {
                let message = "the record has no end".to_owned();
                Frame::Bad(self.give_away(end.max(1), Reason::InvalidJson, message))
            }
            End::At(_) | End::WithLine | End::WithText | End::Beyond => {
                let (reason, message) = self.truncation();
                self.leave_all();
                Frame::Bad(self.give_away(length, reason, message))
            }
        }
    }

    fn next_at_end(&mut self) -> Frame {
        match &self.ended {
            None => Frame::NeedInput,
            Some(Ok(())) if !self.around.in_list && self.wrapper != Wrapper::Tail => Frame::End,
            Some(_) => {
                let (reason, message) = self.truncation();
                self.leave_all();
                Frame::Bad(self.give_away(0, reason, message))
            }
        }
    }

    /// Why the text ends where it should not.
    fn truncation(&self) -> (Reason, String) {
        let what = match &self.ended {
            Some(Err(Corrupt { reason, message })) => return (*reason, message.clone()),
            _ if !self.rest().is_empty() => "a record",
            _ if self.wrapper == Wrapper::Tail => "a wrapper",
            _ => "an array",
        };
        (Reason::TruncatedInput, format!("the source ends inside {what}"))
    }

    /// Once it is said that the text ends where it should not, it has ended well.
    fn leave_all(&mut self) {
        self.ended = Some(Ok(()));
        self.around.in_list = false;
        self.wrapper = Wrapper::None;
    }

    fn too_large(&self) -> (Reason, String) {
        let message = format!("longer than {} bytes", self.limits.record_bytes);
        (Reason::RecordTooLarge, message)
    }

    /// Waits until there is twice as much of the record.
    fn want_more(&mut self) {
        let length = self.rest().len();
        self.wanted = length.saturating_mul(2).clamp(1, self.window_bytes());
    }

    /// Passes a bad record over.
    fn skip(&mut self, reason: Reason, message: String, until: Until) -> Frame {
        self.skip = Some(Skip::new(until, self.bad(reason, message)));
        self.go_on_skipping()
    }

    fn go_on_skipping(&mut self) -> Frame {
        let Some(mut skip) = self.skip.take() else { return Frame::NeedInput };
        let (length, ended) = skip.end(self.rest());
        let passed = self.rest().get(..length).unwrap_or_default();
        skip.record.extend_with_text(passed);
        self.pass(length);
        self.one_line = false;
        if ended || self.ended.is_some() {
            return Frame::Bad(skip.record);
        }
        self.skip = Some(skip);
        Frame::NeedInput
    }

    fn give_away(&mut self, length: usize, reason: Reason, message: String) -> BadRecord {
        let mut record = self.bad(reason, message);
        let text = self.rest().get(..length).unwrap_or_default();
        record.extend_with_text(text);
        self.pass(length);
        record
    }

    fn bad(&self, reason: Reason, message: String) -> BadRecord {
        let record = BadRecord::new(self.place.position(), reason, message);
        record.written_in(self.place.charset())
    }

    fn pass(&mut self, length: usize) {
        let passed = self.buffer.get(self.at..self.at + length).unwrap_or_default();
        let spans_lines = self.place.pass(passed);
        self.one_line = !self.around.lines && !spans_lines;
        self.around.indent = None;
        self.wanted = 0;
        let earned = length.saturating_mul(LOOKAHEAD_EARNED);
        self.lookahead = self.lookahead.saturating_add(earned).min(self.window_bytes());
        self.at += length;
    }

    /// The text in which the next record must end. Judging by no more than this, whatever more
    /// is there already, makes the judgement independent of chunks.
    fn window(&self) -> &[u8] {
        let rest = self.rest();
        rest.get(..self.window_bytes()).unwrap_or(rest)
    }

    fn window_bytes(&self) -> usize {
        self.limits.record_bytes as usize + 1
    }

    /// Whether the window reaches to the end of the text.
    fn sees_end(&self) -> bool {
        self.ended.is_some() && self.rest().len() < self.window_bytes()
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.at..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
