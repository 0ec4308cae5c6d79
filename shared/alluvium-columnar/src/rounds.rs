//! The rounds of a source whose records are found here and, where there is a second core and
//! enough to do, flattened on another thread: both take about as long.
//!
//! The parts are the same either way: where a round ends is decided by what was given to it.

use crate::{
    Part,
    apart::{Apart, MEMBERS_COPIED_MAX},
    cores::cores,
    quarantine::BadRecord,
    read::Reader,
    round::{Fill, Round},
};

/// Text of a round from which on a thread is worth its while.
const APART_FROM_BYTES: usize = 1 << 20;

/// Takes the records of a source.
pub(crate) enum Rounds {
    /// Until it is known whether there is enough to do and a core to do it.
    Undecided(Box<Round>),
    Here(Box<Round>),
    Apart(Box<Apart>),
}

impl Rounds {
    pub(crate) fn new(round: Round) -> Self {
        // What is dropped must be gone before a record can be measured.
        let round = Box::new(round);
        if round.drops() { Self::Here(round) } else { Self::Undecided(round) }
    }

    pub(crate) const fn fill(&self) -> &Fill {
        match self {
            Self::Undecided(round) | Self::Here(round) => round.fill(),
            Self::Apart(apart) => apart.fill(),
        }
    }

    /// Takes the record that was read last.
    pub(crate) fn push(&mut self, reader: &mut Reader) {
        match self {
            Self::Undecided(round) | Self::Here(round) => {
                round.push(reader.record(), reader.extent());
                if reader.record().members.len() > MEMBERS_COPIED_MAX {
                    // They would stay in memory until the next record is looked for.
                    drop(reader.take_record());
                }
            }
            Self::Apart(apart) => apart.push(reader),
        }
        if let Self::Undecided(round) = self
            && round.fill().bytes() >= APART_FROM_BYTES
        {
            self.decide();
        }
    }

    /// Takes a bad record.
    pub(crate) fn push_bad(&mut self, bad: BadRecord) {
        match self {
            Self::Undecided(round) | Self::Here(round) => round.push_bad(bad),
            Self::Apart(apart) => apart.push_bad(bad),
        }
    }

    /// Gives the parts that have records, and begins the next round.
    pub(crate) fn take(&mut self) -> Vec<Part> {
        match self {
            Self::Undecided(round) | Self::Here(round) => round.take(),
            Self::Apart(apart) => apart.end_round(),
        }
    }

    /// Goes on with a second thread if there is a core for it.
    fn decide(&mut self) {
        let Self::Undecided(round) = self else { return };
        let apart = if cores(round.limits()) > 1 { Apart::new(round) } else { None };
        *self = match apart {
            Some(apart) => Self::Apart(Box::new(apart)),
            None => Self::Here(Box::new(round.leave())),
        };
    }
}
