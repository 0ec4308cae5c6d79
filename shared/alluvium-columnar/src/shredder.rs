//! Bytes in, parts out.

use std::sync::Arc;

use alluvium_model::{Limits, Origin, TableRules};
use bytes::Bytes;

use crate::{Part, frame::Frame, part::SourceFacts, read::Reader};

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
    facts: Arc<SourceFacts>,
    input: Bytes,
    finished: bool,
    reader: Reader,
    part: Part,
}

impl Shredder {
    /// A shredder at the beginning of a source.
    #[must_use]
    pub fn new(origin: Origin, rules: Arc<TableRules>, limits: Limits) -> Self {
        let limits = rules.limits(limits);
        let facts = Arc::new(SourceFacts { origin, rules, limits });
        Self {
            input: Bytes::new(),
            finished: false,
            reader: Reader::new(limits),
            part: Part::new(0, 0, Arc::clone(&facts)),
            facts,
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
            if self.part.is_full() {
                return Step::Part(Box::new(self.take_part()));
            }
            match self.reader.next(&mut self.input, self.finished) {
                Frame::Record => self.part.push(self.reader.record()),
                Frame::Bad(bad) => self.part.push_bad(bad),
                Frame::NeedInput => return Step::NeedInput,
                Frame::End if self.part.records() > 0 => {
                    return Step::Part(Box::new(self.take_part()));
                }
                Frame::End => return Step::Done,
            }
        }
    }

    fn take_part(&mut self) -> Part {
        let next = Part::new(
            self.part.index() + 1,
            self.part.first_record() + u64::from(self.part.records()),
            Arc::clone(&self.facts),
        );
        std::mem::replace(&mut self.part, next)
    }
}
