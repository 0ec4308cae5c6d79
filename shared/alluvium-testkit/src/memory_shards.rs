//! A Kinesis data stream in memory.
//!
//! Of a stream it is what a mapping sees: records in the order of their shard. Not modelled:
//! retention, resharding, and the choice of a shard by the hash of a partition key.

use std::{
    ops::Range,
    sync::{Arc, Mutex, MutexGuard},
};

use alluvium_model::{StreamRecord, UtcInstant};
use bytes::Bytes;

use crate::{MemoryClock, sequence_number::SequenceNumber};

/// A stream in memory. Clones share it.
#[derive(Clone, Debug)]
pub struct MemoryShards {
    clock: MemoryClock,
    name: Arc<str>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    random: fastrand::Rng,
    shards: Vec<Shard>,
}

#[derive(Debug)]
struct Shard {
    last: SequenceNumber,
    records: Vec<StreamRecord>,
}

impl MemoryShards {
    /// A stream of this name and so many shards, which are empty; `seed` determines its sequence
    /// numbers.
    #[must_use]
    pub fn new(seed: u64, clock: MemoryClock, name: &str, shards: usize) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let empty = (0..shards)
            .map(|_| Shard {
                last: SequenceNumber::before_a_shard(&mut random),
                records: Vec::new(),
            })
            .collect();
        let state = Arc::new(Mutex::new(State { random, shards: empty }));
        Self { clock, name: name.into(), state }
    }

    /// The clock by which records arrive.
    #[must_use]
    pub fn clock(&self) -> &MemoryClock {
        &self.clock
    }

    /// The name of the stream as others write it.
    #[must_use]
    pub fn arn(&self) -> String {
        format!("arn:aws:kinesis:us-east-1:123456789012:stream/{}", self.name)
    }

    /// The id of the shard of this number: `shardId-000000000000` is the first.
    #[must_use]
    pub fn shard_id(shard: usize) -> String {
        format!("shardId-{shard:012}")
    }

    /// How many shards there are.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.state().shards.len()
    }

    /// Puts a record at the end of a shard; returns its sequence number.
    ///
    /// # Panics
    /// When there is no such shard.
    pub fn put(&self, shard: usize, partition_key: &str, data: impl Into<Bytes>) -> String {
        let mut state = self.state();
        let State { random, shards } = &mut *state;
        let shard = shards.get_mut(shard).unwrap();
        shard.last = shard.last.greater(random);
        let sequence_number = shard.last.as_str().to_owned();
        let micros = self.clock.now().micros();
        shard.records.push(StreamRecord {
            partition_key: partition_key.to_owned(),
            sequence: sequence_number.parse().unwrap(),
            data: data.into(),
            arrived_at: UtcInstant::from_micros(micros - micros.rem_euclid(1_000)).unwrap(),
        });
        sequence_number
    }

    /// The records of a shard, in its order.
    #[must_use]
    pub fn records(&self, shard: usize) -> Vec<StreamRecord> {
        self.records_in(shard, 0..self.len(shard))
    }

    /// How many records a shard has.
    pub(crate) fn len(&self, shard: usize) -> usize {
        self.state().shards.get(shard).map_or(0, |shard| shard.records.len())
    }

    /// The records of these places, from 0, in a shard.
    pub(crate) fn records_in(&self, shard: usize, places: Range<usize>) -> Vec<StreamRecord> {
        let state = self.state();
        let records = state.shards.get(shard).and_then(|shard| shard.records.get(places));
        records.unwrap_or_default().to_vec()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_record_is_at_the_end_of_its_shard_with_the_time_of_its_arrival() {
        let clock = MemoryClock::default();
        let shards = MemoryShards::new(1, clock.clone(), "device-events", 2);
        let first = shards.put(1, "camera/a", "1");
        clock.advance(Duration::from_micros(1_999));
        let second = shards.clone().put(1, "camera/b", "2");
        let [a, b] = &shards.records(1)[..] else { panic!("{:?}", shards.records(1)) };
        assert_eq!((a.sequence.as_str(), b.sequence.as_str()), (&*first, &*second));
        assert_eq!(a.arrived_at.to_string(), "2026-11-22T10:00:00Z");
        assert_eq!(b.arrived_at.to_string(), "2026-11-22T10:00:00.001Z");
        assert_eq!((b.partition_key.as_str(), &b.data[..]), ("camera/b", &b"2"[..]));
        assert_eq!(shards.records(0), []);
    }
}
