//! When the records of a part arrived: all at once with their file, or each with its record of a
//! stream.

use std::{fmt, sync::Arc};

use alluvium_model::{SequenceNumber, UtcInstant};

/// How a record arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) at: UtcInstant,
    /// The payload that it stands in, if somebody may ask for that.
    pub(crate) payload: Option<PayloadPlace>,
}

/// Where in a stream a payload stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PayloadPlace {
    pub(crate) sequence: Arc<SequenceNumber>,
    /// Which of the user records it is that are packed into one, from 0.
    pub(crate) user_record: Option<u32>,
    /// Which of the messages in an envelope of log events it is, from 0.
    pub(crate) log_event: Option<u32>,
}

impl fmt::Display for PayloadPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sequence, user_record, log_event } = self;
        write!(f, "record {sequence}")?;
        if let Some(number) = user_record {
            write!(f, ", user record {number}")?;
        }
        if let Some(number) = log_event {
            write!(f, ", log event {number}")?;
        }
        Ok(())
    }
}

/// How each record of a part arrived, from when on it was like that.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    /// Each with the first record that arrived like it, counted from the part's first.
    runs: Vec<(u32, Arrival)>,
}

impl Arrivals {
    /// Notes how a record arrived; they come in their order.
    pub(crate) fn note(&mut self, record: u32, arrival: &Arrival) {
        if self.runs.last().is_none_or(|(_, last)| last != arrival) {
            self.runs.push((record, arrival.clone()));
        }
    }

    /// How a record arrived that was noted.
    pub(crate) fn of(&self, record: u32) -> Option<&Arrival> {
        let behind = match self.runs.len() {
            1 => 1,
            _ => self.runs.partition_point(|(first, _)| *first <= record),
        };
        self.runs.get(behind.checked_sub(1)?).map(|(_, arrival)| arrival)
    }
}
