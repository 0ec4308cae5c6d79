//! Bytes in, parts out.

use std::{collections::VecDeque, sync::Arc};

use alluvium_model::{Limits, Origin, TableRules};
use bytes::Bytes;

use crate::{Part, frame::Frame, part::SourceFacts, read::Reader, round::Round};

/// What a shredder needs or gives next.
#[derive(Debug)]
pub enum Step {
    /// More bytes: call [`Shredder::feed`] or [`Shredder::finish`].
    NeedInput,
    /// A part that is to be taken care of before the next step.
    Part(Box<Part>),
    /// Everything was given.
    Done,
}

/// Cuts a source into parts. Chunks may have any size; the parts do not depend on it.
///
/// ```
/// use alluvium_columnar::{Shredder, Step};
/// use alluvium_model::{Limits, Origin};
///
/// let origin = Origin {
///     source: "s3://landing/camera/1.json".to_owned(),
///     arrived_at: "2026-11-22T00:00:00Z".parse()?,
/// };
/// let mut shredder = Shredder::new(origin, Default::default(), Limits::default());
/// shredder.feed(bytes::Bytes::from_static(b"{\"id\": 1}\n{\"id\": 2"));
/// let mut records = 0;
/// loop {
///     match shredder.step() {
///         Step::NeedInput => shredder.finish(),
///         Step::Part(part) => records += part.rows(),
///         Step::Done => break,
///     }
/// }
/// assert_eq!(records, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Shredder {
    input: Bytes,
    finished: bool,
    reader: Reader,
    round: Round,
    /// Parts of the round before.
    ready: VecDeque<Part>,
}

impl Shredder {
    /// A shredder at the beginning of a source that is read by these rules.
    #[must_use]
    pub fn new(origin: Origin, rules: Arc<TableRules>, limits: Limits) -> Self {
        let facts = Arc::new(SourceFacts::new(origin, rules, limits));
        Self {
            input: Bytes::new(),
            finished: false,
            reader: Reader::new(limits, facts.rules.wrappers.clone()),
            round: Round::new(facts),
            ready: VecDeque::new(),
        }
    }

    /// Gives the bytes that follow. They are asked for by [`Step::NeedInput`]; earlier ones that
    /// were not yet used are kept.
    pub fn feed(&mut self, bytes: Bytes) {
        if self.input.is_empty() {
            self.input = bytes;
        } else {
            self.input = [std::mem::take(&mut self.input), bytes].concat().into();
        }
    }

    /// Says that no more bytes follow.
    pub const fn finish(&mut self) {
        self.finished = true;
    }

    /// Goes on until something is needed or ready.
    pub fn step(&mut self) -> Step {
        loop {
            if let Some(part) = self.ready.pop_front() {
                return Step::Part(Box::new(part));
            }
            if self.round.is_full() {
                self.ready.extend(self.round.take());
                continue;
            }
            match self.reader.next(&mut self.input, self.finished) {
                Frame::Record => self.round.push(self.reader.record(), self.reader.extent()),
                Frame::Bad(bad) => self.round.push_bad(bad),
                Frame::NeedInput => return Step::NeedInput,
                Frame::End if self.round.records() > 0 => self.ready.extend(self.round.take()),
                Frame::End => return Step::Done,
            }
        }
    }
}
