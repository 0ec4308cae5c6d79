//! From the body of a request to records of a stream.
//!
//! All or nothing is decided before anything is sent: a body with one bad event sends none. What
//! is sent then may be taken in part. Nobody can take an accepted record back, so that whoever
//! hears of a failure hears how many events were accepted, and repeats those when it repeats the
//! request. That all are accepted is said only when the stream, or the landing bucket, has said
//! so of each.

mod sending;

use alluvium_columnar::{BadRecord, Events};
use alluvium_model::{
    EventAddress, Limits,
    ports::{DropObjects, OutgoingRecord, SendRecords},
};
use bytes::Bytes;

use self::sending::Sending;
use crate::{Backoff, Deadline, LakeError};

/// Bytes that come out of a packed body at most, for they are held until all is sent.
const UNPACKED_BYTES_MAX: u64 = 64 << 20;
/// Events of a request at most: more than a stream of some shards takes in the time of a request.
const EVENTS_MAX: usize = 100_000;
/// Bytes of a record with its partition key that every stream takes (AWS documentation,
/// Kinesis quotas).
const RECORD_BYTES_MAX: usize = 1 << 20;

/// Takes requests with events to a stream.
#[derive(Debug)]
pub struct Collect<S, D> {
    stream: S,
    landing: D,
    settings: CollectSettings,
}

/// What requests are held to, and how long the stream is asked.
#[derive(Clone, Copy, Debug)]
pub struct CollectSettings {
    /// How events are read: what would be quarantined by these limits is refused.
    pub limits: Limits,
    /// Bytes that come out of a packed body at most.
    pub unpacked_bytes_max: u64,
    /// Events of a request at most.
    pub events_max: usize,
    /// Bytes of a record of the stream at most, its partition key included.
    pub record_bytes_max: usize,
    /// How often and how fast what was not accepted is sent again.
    pub backoff: Backoff,
}

impl Default for CollectSettings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            unpacked_bytes_max: UNPACKED_BYTES_MAX,
            events_max: EVENTS_MAX,
            record_bytes_max: RECORD_BYTES_MAX,
            backoff: Backoff::default(),
        }
    }
}

/// A request with events.
#[derive(Clone, Debug)]
pub struct EventPost {
    /// Where they go.
    pub address: EventAddress,
    /// What tells this request from every other.
    pub request_id: String,
    /// The events, in any form that a file may have, packed or not.
    pub body: Bytes,
}

/// How many events of a request were accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Events of the request.
    pub events: usize,
    /// Those that the stream holds.
    pub to_stream: usize,
    /// Those that were too large for it and lie in the landing bucket.
    pub to_landing: usize,
}

impl Accepted {
    /// Those that will become rows.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.to_stream + self.to_landing
    }
}

/// Why not all events of a request were accepted.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// There are none.
    #[error("there is no event")]
    NoEvents,
    /// There are too many for one request; nothing was sent.
    #[error("there are more than {events_max} events")]
    TooManyEvents {
        /// How many there may be.
        events_max: usize,
    },
    /// One of them is bad; nothing was sent.
    #[error("event {event} is bad: {}", bad.message)]
    BadEvent {
        /// Its index, from 0.
        event: usize,
        /// What is wrong with it, and where it stands.
        bad: Box<BadRecord>,
    },
    /// The stream takes no more for now.
    #[error("the stream throttles; {} of {} events were accepted", accepted.total(), accepted.events)]
    Throttled {
        /// What was accepted nevertheless.
        accepted: Accepted,
    },
    /// There was no time left to send all of them.
    #[error("time is over; {} of {} events were accepted", accepted.total(), accepted.events)]
    OutOfTime {
        /// What was accepted nevertheless, as far as is known.
        accepted: Accepted,
    },
    /// The stream or the landing bucket failed.
    #[error("{} of {} events were accepted", accepted.total(), accepted.events)]
    Unsent {
        /// What was accepted nevertheless, as far as is known.
        accepted: Accepted,
        /// Why not all were.
        #[source]
        source: Box<LakeError>,
    },
}

impl CollectError {
    fn unsent(source: LakeError, accepted: Accepted) -> Self {
        if matches!(source, LakeError::OutOfTime) {
            Self::OutOfTime { accepted }
        } else {
            Self::Unsent { accepted, source: Box::new(source) }
        }
    }
}

impl<S: SendRecords, D: DropObjects> Collect<S, D> {
    /// Sends events to `stream`, and drops those that are too large for it into `landing`.
    pub const fn new(stream: S, landing: D, settings: CollectSettings) -> Self {
        Self { stream, landing, settings }
    }

    /// Sends all events of a request, and begins no call after the deadline.
    ///
    /// Events with the same partition key are sent in their order. One that the stream refuses is
    /// sent again before those that were not sent yet, but behind those that were sent with it.
    ///
    /// # Errors
    /// When the body is not made of good events alone, or not all of them were accepted.
    pub async fn collect(
        &self,
        post: &EventPost,
        deadline: Deadline,
    ) -> Result<Accepted, CollectError> {
        let texts = Texts::read(post.body.clone(), self.settings)?;
        let mut accepted = Accepted { events: texts.len(), ..Accepted::default() };
        let (mut fitting, mut too_large) = (Vec::new(), Vec::new());
        for event in 0..texts.len() {
            let partition_key = post.address.partition_key(&post.request_id, event);
            let bytes = partition_key.len() + texts.get(event).len();
            let fits = bytes <= self.settings.record_bytes_max;
            if fits { &mut fitting } else { &mut too_large }.push(event);
        }
        // A stream is rather busy than a bucket: what is not accepted by it is repeated, and then
        // it is better not to have written the large ones.
        let record = |event| OutgoingRecord {
            partition_key: post.address.partition_key(&post.request_id, event),
            data: texts.get(event),
        };
        let sending = Sending::new(&self.stream, self.settings.backoff, deadline);
        sending.send_all(fitting, record, &mut accepted).await?;
        for event in too_large {
            let key = post.address.landing_key(&post.request_id, event);
            let dropping = || self.landing.drop_object(&key, texts.get(event));
            let dropped = deadline.call(self.settings.backoff.retry(dropping)).await;
            dropped.map_err(|source| CollectError::unsent(source, accepted))?;
            accepted.to_landing += 1;
        }
        Ok(accepted)
    }
}

/// The texts of events, one behind the other.
struct Texts {
    all: Bytes,
    ends: Vec<usize>,
}

impl Texts {
    fn read(body: Bytes, settings: CollectSettings) -> Result<Self, CollectError> {
        let CollectSettings { limits, unpacked_bytes_max, events_max, .. } = settings;
        let unpacked_bytes = limits.unpacked_bytes.min(unpacked_bytes_max);
        let mut events = Events::of(body, Limits { unpacked_bytes, ..limits });
        let (mut all, mut ends) = (Vec::new(), Vec::new());
        while let Some(event) = events.next_event() {
            match event {
                Ok(text) => all.extend_from_slice(text.as_bytes()),
                Err(bad) => {
                    let (event, bad) = (ends.len(), Box::new(bad));
                    return Err(CollectError::BadEvent { event, bad });
                }
            }
            ends.push(all.len());
            if ends.len() > events_max {
                return Err(CollectError::TooManyEvents { events_max });
            }
        }
        if ends.is_empty() {
            return Err(CollectError::NoEvents);
        }
        Ok(Self { all: all.into(), ends })
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn get(&self, event: usize) -> Bytes {
        let begin = event.checked_sub(1).and_then(|before| self.ends.get(before));
        let range =
            begin.copied().unwrap_or_default()..self.ends.get(event).copied().unwrap_or_default();
        self.all.slice(range)
    }
}
