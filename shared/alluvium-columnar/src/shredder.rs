//! Bytes in, parts out.

use std::{collections::VecDeque, sync::Arc};

use alluvium_model::{Limits, Origin, Selection, TableRules};
use bytes::Bytes;

use crate::{
    ArchiveError, Part,
    frame::Frame,
    part::SourceFacts,
    read::Reader,
    round::{Fill, Given, Round},
    rounds::Rounds,
    stream::Archive,
};

/// What a shredder needs or gives next.
#[derive(Debug)]
pub enum Step {
    /// More bytes: call [`Shredder::feed`] or [`Shredder::finish`].
    NeedInput,
    /// A part that is to be taken care of before the next step.
    Part(Box<Part>),
    /// Everything was given.
    Done,
    /// What was to be an archive of a stream's records is none, and nothing can be read from it.
    /// Asked again, it is none again.
    Failed(ArchiveError),
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
///         Step::Failed(error) => return Err(error.into()),
///     }
/// }
/// assert_eq!(records, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Shredder {
    source: Source,
    finished: bool,
    /// Parts of the round before.
    ready: VecDeque<Part>,
}

/// Where records come from, and where they go.
enum Source {
    Texts { input: Bytes, reader: Box<Reader>, rounds: Rounds },
    Archive { archive: Box<Archive>, round: Box<Round> },
}

impl Shredder {
    /// A shredder at the beginning of a source that is read by these rules.
    #[must_use]
    pub fn new(origin: Origin, rules: Arc<TableRules>, limits: Limits) -> Self {
        let facts = SourceFacts::new(origin, rules, limits);
        let reader = Box::new(Reader::new(limits, facts.rules.wrappers.clone()));
        let rounds = Rounds::new(Round::new(Arc::new(facts)));
        Self::of(Source::Texts { input: Bytes::new(), reader, rounds })
    }

    /// A shredder at the beginning of an archive of a stream's records, as
    /// [`encode_archive`](crate::encode_archive) makes them. Of the documents in it those that are
    /// selected become records of the parts, each with the time at which its record of the stream
    /// arrived; all of them count, so that a document has the same number whatever is selected.
    #[must_use]
    pub fn of_stream(
        origin: Origin,
        rules: Arc<TableRules>,
        limits: Limits,
        selection: Selection,
    ) -> Self {
        let facts = SourceFacts::new(origin, rules, limits).arrived_one_by_one();
        let archive = Box::new(Archive::new(limits, facts.rules.wrappers.clone(), selection));
        Self::of(Source::Archive { archive, round: Box::new(Round::new(Arc::new(facts))) })
    }

    const fn of(source: Source) -> Self {
        Self { source, finished: false, ready: VecDeque::new() }
    }

    /// Records of the source that were passed so far, those that are not selected too.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.source.fill().next_record()
    }

    /// Gives the bytes that follow. They are asked for by [`Step::NeedInput`]; earlier ones that
    /// were not yet used are kept.
    pub fn feed(&mut self, bytes: Bytes) {
        match &mut self.source {
            Source::Archive { archive, .. } => archive.feed(bytes),
            Source::Texts { input, .. } if input.is_empty() => *input = bytes,
            Source::Texts { input, .. } => {
                *input = [std::mem::take(input), bytes].concat().into();
            }
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
            if self.source.fill().is_full() {
                self.ready.extend(self.source.take());
                continue;
            }
            match self.source.next(self.finished) {
                Ok(Given::Record) => {}
                Ok(Given::NeedInput) => return Step::NeedInput,
                Ok(Given::End) if self.source.fill().records() > 0 => {
                    self.ready.extend(self.source.take());
                }
                Ok(Given::End) => return Step::Done,
                Err(error) => return Step::Failed(error),
            }
        }
    }
}

impl Source {
    const fn fill(&self) -> &Fill {
        match self {
            Self::Texts { rounds, .. } => rounds.fill(),
            Self::Archive { round, .. } => round.fill(),
        }
    }

    /// Ends the round and gives its parts.
    fn take(&mut self) -> Vec<Part> {
        match self {
            Self::Texts { rounds, .. } => rounds.take(),
            Self::Archive { round, .. } => round.take(),
        }
    }

    /// Gives the next record to the round. More of the source follows unless it `ended`.
    fn next(&mut self, ended: bool) -> Result<Given, ArchiveError> {
        match self {
            Self::Archive { archive, round } => return archive.next(ended, round),
            Self::Texts { input, reader, rounds } => match reader.next(input, ended) {
                Frame::Record => rounds.push(reader),
                Frame::Bad(bad) => rounds.push_bad(bad),
                Frame::NeedInput => return Ok(Given::NeedInput),
                Frame::End => return Ok(Given::End),
            },
        }
        Ok(Given::Record)
    }
}
