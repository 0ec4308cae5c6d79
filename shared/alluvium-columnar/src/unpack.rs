//! Turns packed bytes into texts, whatever they are packed in, layer by layer.
//!
//! A source is a text, or packed; what comes out of a packed one is again a text or packed, up to
//! [`LAYERS_MAX`] deep. A zip archive gives several texts, everything else gives one.
//!
//! What is packed is taken in blocks of a fixed size, counted from its beginning, and never more
//! than a step's worth comes out at a time. So memory is bounded, and what comes out before a
//! flaw or a limit does not depend on the chunks that the source came in.

mod bzip2;
mod gzip;
mod snappy;
mod totals;
mod zip;
mod zstd;

use alluvium_model::{Limits, Reason};

use self::totals::Totals;
use crate::sniff::{Charset, Content, Format, HEAD_BYTES, sniff};

/// A gzip file in a zip archive is as deep as it gets in practice, and every further layer would
/// multiply what a bomb can become.
const LAYERS_MAX: u32 = 2;
/// The number of the layer that is the source itself.
const SOURCE: u32 = 1;
/// Packed bytes taken at a time.
const BLOCK_BYTES: usize = 16 << 10;
/// Room for what comes out of them in one step.
const STEP_BYTES: usize = 128 << 10;
/// Bytes of a text passed on at a time.
const TEXT_STEP_BYTES: usize = 256 << 10;

/// Why a text is not what it should be, or ends before it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Corrupt {
    pub(crate) reason: Reason,
    pub(crate) message: String,
}

impl Corrupt {
    /// A stream that breaks off or that is damaged.
    fn truncated(message: impl Into<String>) -> Self {
        Self { reason: Reason::TruncatedInput, message: message.into() }
    }
}

/// What is known of a text before it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TextFacts {
    pub(crate) charset: Charset,
    /// Which member of which archive it is, if it is one.
    pub(crate) member: Option<String>,
    /// Why it cannot be read, if so; its bytes come all the same.
    pub(crate) unreadable: Option<String>,
}

/// What a step brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unpacked {
    TextBegins(TextFacts),
    /// Some bytes of the text.
    Bytes,
    TextEnds(Result<(), Corrupt>),
    NeedInput,
    Done,
}

/// A way of packing.
trait Codec: Send {
    /// Takes some of `packed`, all in the end, and appends some bytes to `out`.
    fn step(&mut self, packed: &mut &[u8], out: &mut Vec<u8>) -> Result<Coded, Corrupt>;

    /// Says whether what was packed may end here.
    fn finish(&self) -> Result<(), Corrupt>;

    /// Bytes that the last step unpacked without appending them to `out`, or took the time of.
    fn dropped(&self) -> u64 {
        0
    }
}

/// What a step of a [`Codec`] brought, besides bytes.
enum Coded {
    /// Nothing; without bytes it needs more input.
    Nothing,
    /// A member begins, which cannot be read if a reason is given.
    MemberBegins(String, Option<String>),
    MemberEnds(Result<(), Corrupt>),
}

/// A source on its way to its texts.
pub(crate) struct Unpacker {
    layer: Layer,
    totals: Totals,
}

impl Unpacker {
    pub(crate) const fn new(limits: Limits) -> Self {
        Self { layer: Layer::new(SOURCE), totals: Totals::new(limits) }
    }

    /// Counts what came out of other parts of the source.
    pub(crate) const fn count_before(&mut self, unpacked: u64) {
        self.totals.count_before(unpacked);
    }

    /// Bytes that came out of all layers, those of other parts not counted.
    pub(crate) const fn unpacked(&self) -> u64 {
        self.totals.unpacked()
    }

    /// Takes some of `input`, of which more follows unless it `ended`. Bytes of the text are
    /// appended to `out`.
    pub(crate) fn step(&mut self, input: &mut &[u8], ended: bool, out: &mut Vec<u8>) -> Unpacked {
        self.layer.step(input, ended.then_some(&Ok(())), &mut self.totals, out)
    }
}

/// Bytes that are a text or packed.
struct Layer {
    number: u32,
    state: State,
}

enum State {
    /// Too few bytes to tell what it is.
    Unknown(Vec<u8>),
    /// A text that is known before any of it is seen.
    Known(TextFacts),
    /// A text; bytes of it that were looked at and are still to be passed on.
    Text(Vec<u8>),
    Packed(Box<Packed>),
    Done,
}

impl Layer {
    const fn new(number: u32) -> Self {
        Self { number, state: State::Unknown(Vec::new()) }
    }

    /// Bytes that are a text which cannot be read, whatever they look like.
    fn unreadable(number: u32, why: String) -> Self {
        let facts = TextFacts { unreadable: Some(why), ..TextFacts::default() };
        Self { number, state: State::Known(facts) }
    }

    /// Takes some of `input`; `end` says how it ends if nothing follows it.
    fn step(
        &mut self,
        input: &mut &[u8],
        end: Option<&Result<(), Corrupt>>,
        totals: &mut Totals,
        out: &mut Vec<u8>,
    ) -> Unpacked {
        match &mut self.state {
            State::Unknown(head) => {
                take(input, HEAD_BYTES - head.len(), head);
                if head.len() < HEAD_BYTES && end.is_none() {
                    return Unpacked::NeedInput;
                }
                let head = std::mem::take(head);
                match self.recognise(head, totals) {
                    Some(facts) => Unpacked::TextBegins(facts),
                    None => self.step(input, end, totals, out),
                }
            }
            State::Known(facts) => {
                let facts = std::mem::take(facts);
                self.state = State::Text(Vec::new());
                Unpacked::TextBegins(facts)
            }
            State::Text(head) => {
                let before = out.len();
                out.append(head);
                take(input, TEXT_STEP_BYTES, out);
                match end {
                    _ if out.len() > before => Unpacked::Bytes,
                    None => Unpacked::NeedInput,
                    Some(end) => {
                        self.state = State::Done;
                        Unpacked::TextEnds(end.clone())
                    }
                }
            }
            State::Packed(packed) => packed.step(input, end, totals, out),
            State::Done => {
                *input = &[];
                Unpacked::Done
            }
        }
    }

    /// Decides what it is; says so if it is a text.
    fn recognise(&mut self, head: Vec<u8>, totals: &mut Totals) -> Option<TextFacts> {
        let text = |charset, unreadable| Some(TextFacts { charset, member: None, unreadable });
        match sniff(&head) {
            Content::Packed(format) if self.number <= LAYERS_MAX => {
                let packed = Packed::new(format, head, self.number, totals);
                self.state = State::Packed(Box::new(packed));
                None
            }
            Content::Text(charset) => {
                self.state = State::Text(head);
                text(charset, None)
            }
            Content::Foreign(what) => {
                self.state = State::Text(head);
                text(Charset::Utf8, Some(format!("it is no JSON but {what}")))
            }
            Content::Packed(_) => {
                self.state = State::Text(head);
                text(Charset::Utf8, Some(format!("it is packed more than {LAYERS_MAX} times")))
            }
        }
    }
}

/// Bytes that are packed, and what becomes of what comes out of them.
struct Packed {
    codec: Box<dyn Codec>,
    number: u32,
    /// Whether more may come out once what is within has ended.
    is_archive: bool,
    /// The block at hand, and how much of it the codec has taken.
    block: Vec<u8>,
    taken: usize,
    /// Whether the block is still being filled.
    filling: bool,
    /// What came out, and how much of it the layer within has taken.
    plain: Vec<u8>,
    passed_on: usize,
    within: Option<Layer>,
    /// How what is within ends, once all of `plain` is passed on.
    within_ends: Option<Result<(), Corrupt>>,
    /// The member of an archive that is within.
    member: Option<String>,
    /// Whether nothing more comes out.
    over: bool,
}

impl Packed {
    fn new(format: Format, head: Vec<u8>, number: u32, totals: &mut Totals) -> Self {
        let codec: Box<dyn Codec> = match format {
            Format::Gzip => Box::new(gzip::Gzip::default()),
            Format::Zstd => Box::new(zstd::Zstd::new(totals.limits.zstd_window_bytes)),
            Format::Bzip2 => Box::new(bzip2::Bzip2::default()),
            Format::Snappy => Box::new(snappy::Snappy::default()),
            Format::Zip => Box::new(zip::Zip::default()),
        };
        if number == SOURCE {
            totals.went_in(head.len());
        }
        let is_archive = format == Format::Zip;
        let within = (!is_archive).then(|| Layer::new(number + 1));
        Self {
            codec,
            number,
            is_archive,
            block: head,
            taken: 0,
            filling: true,
            plain: Vec::new(),
            passed_on: 0,
            within,
            within_ends: None,
            member: None,
            over: false,
        }
    }

    fn step(
        &mut self,
        input: &mut &[u8],
        end: Option<&Result<(), Corrupt>>,
        totals: &mut Totals,
        out: &mut Vec<u8>,
    ) -> Unpacked {
        loop {
            if let Some(unpacked) = self.pass_on(totals, out) {
                return unpacked;
            }
            if self.over {
                return Unpacked::Done;
            }
            if self.filling {
                self.fill(input, totals);
                if self.block.len() < BLOCK_BYTES && end.is_none() {
                    return Unpacked::NeedInput;
                }
                self.filling = false;
            }
            if let Err(end) = self.unpack(end.filter(|_| input.is_empty()), totals) {
                self.over = true;
                self.end_within(end);
            }
        }
    }

    /// Takes more of the block.
    fn fill(&mut self, input: &mut &[u8], totals: &mut Totals) {
        let before = self.block.len();
        take(input, BLOCK_BYTES.saturating_sub(before), &mut self.block);
        if self.number == SOURCE {
            totals.went_in(self.block.len() - before);
        }
    }

    /// Gives what came out to the layer within; says what that made of it, if anything.
    fn pass_on(&mut self, totals: &mut Totals, out: &mut Vec<u8>) -> Option<Unpacked> {
        let within = self.within.as_mut()?;
        let mut rest = self.plain.get(self.passed_on..).unwrap_or_default();
        let unpacked = within.step(&mut rest, self.within_ends.as_ref(), totals, out);
        self.passed_on = self.plain.len() - rest.len();
        match unpacked {
            Unpacked::NeedInput => None,
            Unpacked::Done => {
                self.within = None;
                self.within_ends = None;
                self.member = None;
                self.over |= !self.is_archive || totals.is_exceeded();
                None
            }
            Unpacked::TextBegins(mut facts) => {
                facts.member = join(self.member.as_deref(), facts.member);
                Some(Unpacked::TextBegins(facts))
            }
            Unpacked::Bytes | Unpacked::TextEnds(_) => Some(unpacked),
        }
    }

    /// Unpacks some of the block, or else asks for another one or says how everything ends.
    fn unpack(
        &mut self,
        end: Option<&Result<(), Corrupt>>,
        totals: &mut Totals,
    ) -> Result<(), Result<(), Corrupt>> {
        self.plain.clear();
        self.passed_on = 0;
        let mut packed = self.block.get(self.taken..).unwrap_or_default();
        let before = packed.len();
        let coded = self.codec.step(&mut packed, &mut self.plain);
        let dropped = self.codec.dropped();
        totals.came_out(&mut self.plain, dropped).map_err(Err)?;
        let coded = coded.map_err(Err)?;
        let (left, took) = (packed.len(), before > packed.len());
        self.taken = self.block.len() - left;
        match coded {
            Coded::MemberBegins(name, unreadable) => {
                let number = self.number + 1;
                self.within = Some(match unreadable {
                    Some(why) => Layer::unreadable(number, why),
                    None => Layer::new(number),
                });
                self.member = Some(name);
            }
            Coded::MemberEnds(how) => self.within_ends = Some(how),
            Coded::Nothing if took || dropped > 0 || !self.plain.is_empty() => {}
            Coded::Nothing if left > 0 => return Err(Err(Corrupt::truncated("it does not go on"))),
            Coded::Nothing => match end {
                // Whoever unpacked this knows better why it ends here.
                Some(Err(corrupt)) => return Err(Err(corrupt.clone())),
                Some(Ok(())) => return Err(self.codec.finish()),
                None => {
                    self.block.clear();
                    self.taken = 0;
                    self.filling = true;
                }
            },
        }
        Ok(())
    }

    /// Lets what is within end like this; what is wrong is said even if nothing is within.
    fn end_within(&mut self, how: Result<(), Corrupt>) {
        if how.is_err() && self.within.is_none() {
            self.within = Some(Layer::new(self.number + 1));
        }
        self.within_ends = Some(how);
    }
}

fn join(archive: Option<&str>, member: Option<String>) -> Option<String> {
    match (archive, member) {
        (Some(archive), Some(member)) => Some(format!("{archive}/{member}")),
        (archive, member) => archive.map(str::to_owned).or(member),
    }
}

/// Moves up to `bytes_max` bytes of `input` to `out`.
fn take(input: &mut &[u8], bytes_max: usize, out: &mut Vec<u8>) {
    let (now, rest) = input.split_at(bytes_max.min(input.len()));
    out.extend_from_slice(now);
    *input = rest;
}

#[cfg(test)]
mod tests;
