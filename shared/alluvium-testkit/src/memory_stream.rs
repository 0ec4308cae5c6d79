//! A stream in memory that may refuse some of what it is sent.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use alluvium_model::{
    Digest, ErrorKind, PortError, UtcInstant,
    ports::{
        DescribeStreams, OutgoingRecord, PortResult, STREAM_BATCH_BYTES_MAX, STREAM_BATCH_MAX,
        SendRecords, Sent,
    },
};
use bytes::Bytes;

/// Shards of a stream by default.
const SHARDS: usize = 4;
/// Where the numbers of a shard begin; they have as many digits as those of Kinesis.
const FIRST_NUMBER: u128 = 49_590_338_271_490_256_608_559_692_538_361_571;
/// Numbers are not consecutive.
const NUMBER_STEP: u128 = 7;

/// What happens to one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It came too fast.
    Throttled,
    /// It is not taken for another reason.
    Failed(ErrorKind),
}

/// A record that a stream holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// The shard that it lies in.
    pub shard: usize,
    /// Its place in that shard, as Kinesis writes it: a number of any length.
    pub sequence_number: String,
    /// What decided the shard.
    pub partition_key: String,
    /// What it says.
    pub data: Bytes,
}

type Script = dyn Fn(u64) -> Option<Refusal> + Send + Sync;

/// A stream of some shards. Clones share it.
#[derive(Clone)]
pub struct MemoryStream {
    records: Arc<Mutex<Vec<StoredRecord>>>,
    sent: Arc<AtomicU64>,
    shards: usize,
    script: Option<Arc<Script>>,
    created: UtcInstant,
}

impl Default for MemoryStream {
    fn default() -> Self {
        let created = "2026-11-22T09:00:00Z".parse().unwrap();
        let (records, sent) = (Arc::default(), Arc::default());
        Self { records, sent, shards: SHARDS, script: None, created }
    }
}

impl MemoryStream {
    /// What it is called.
    pub const NAME: &'static str = "events";

    /// A stream that refuses what `script` says: it gets the number, from 0, of each record that
    /// is sent, those that are sent again included.
    pub fn refusing(script: impl Fn(u64) -> Option<Refusal> + Send + Sync + 'static) -> Self {
        Self { script: Some(Arc::new(script)), ..Self::default() }
    }

    /// The same stream with so many shards.
    #[must_use]
    pub fn with_shards(self, shards: usize) -> Self {
        Self { shards, ..self }
    }

    /// The records that it holds, in the order in which they came.
    #[must_use]
    pub fn records(&self) -> Vec<StoredRecord> {
        self.stored().clone()
    }

    fn stored(&self) -> MutexGuard<'_, Vec<StoredRecord>> {
        self.records.lock().unwrap()
    }

    fn take(&self, record: &OutgoingRecord) -> Sent {
        let number = self.sent.fetch_add(1, Ordering::SeqCst);
        match self.script.as_ref().and_then(|script| script(number)) {
            Some(Refusal::Throttled) => Sent::Throttled,
            Some(Refusal::Failed(kind)) => {
                Sent::Failed(PortError::new(kind, "take", format!("record {number}")))
            }
            None => {
                self.store(record);
                Sent::Accepted
            }
        }
    }

    fn store(&self, OutgoingRecord { partition_key, data }: &OutgoingRecord) {
        let mut stored = self.stored();
        let hash = u64::from_str_radix(&Digest::of_text(partition_key).to_string()[..15], 16);
        let shard = usize::try_from(hash.unwrap()).unwrap() % self.shards;
        let place = FIRST_NUMBER + NUMBER_STEP * stored.len() as u128;
        stored.push(StoredRecord {
            shard,
            sequence_number: format!("{place}{shard:021}"),
            partition_key: partition_key.clone(),
            data: data.clone(),
        });
    }
}

impl fmt::Debug for MemoryStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stored().fmt(f)
    }
}

impl SendRecords for MemoryStream {
    async fn send_records(&self, records: &[OutgoingRecord]) -> PortResult<Vec<Sent>> {
        let bytes: usize = records.iter().map(OutgoingRecord::bytes).sum();
        let count = records.len();
        assert!((1..=STREAM_BATCH_MAX).contains(&count), "a batch of {count}");
        assert!(bytes <= STREAM_BATCH_BYTES_MAX || count == 1, "a batch of {bytes} bytes");
        for OutgoingRecord { partition_key, .. } in records {
            assert!((1..=256).contains(&partition_key.chars().count()), "{partition_key}");
        }
        Ok(records.iter().map(|record| self.take(record)).collect())
    }
}

impl DescribeStreams for MemoryStream {
    async fn stream_created(&self, stream: &str) -> PortResult<Option<UtcInstant>> {
        Ok((stream == Self::NAME).then_some(self.created))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn records(count: usize) -> Vec<OutgoingRecord> {
        let record = |number: usize| OutgoingRecord {
            partition_key: format!("camera/{}", number % 40),
            data: number.to_string().into(),
        };
        (0..count).map(record).collect()
    }

    #[tokio::test]
    async fn is_a_stream() {
        let stream = MemoryStream::default();
        let held = async || {
            let records = stream.records().into_iter();
            records.map(|StoredRecord { partition_key, data, .. }| (partition_key, data)).collect()
        };
        crate::suites::stream(&stream, &stream, MemoryStream::NAME, held).await;
    }

    #[tokio::test]
    async fn records_of_a_key_lie_in_one_shard_in_their_order() {
        let stream = MemoryStream::default();
        assert_eq!(stream.send_records(&records(200)).await.unwrap().len(), 200);
        let stored = stream.records();
        let shards: BTreeSet<_> = stored.iter().map(|record| record.shard).collect();
        assert_eq!(shards.len(), SHARDS);
        let places: BTreeSet<_> =
            stored.iter().map(|record| (&record.partition_key, record.shard)).collect();
        assert_eq!(places.len(), 40);
        for pair in stored.windows(2) {
            assert_eq!(pair[0].sequence_number.len(), 56);
            assert!(pair[0].sequence_number < pair[1].sequence_number);
        }
    }

    #[tokio::test]
    async fn what_it_refuses_it_does_not_hold() {
        let stream = MemoryStream::refusing(|number| match number % 3 {
            0 => Some(Refusal::Throttled),
            1 => Some(Refusal::Failed(ErrorKind::Retry)),
            _ => None,
        });
        let sent = stream.send_records(&records(4)).await.unwrap();
        assert!(matches!(
            sent.as_slice(),
            [Sent::Throttled, Sent::Failed(_), Sent::Accepted, Sent::Throttled]
        ));
        let data: Vec<_> = stream.records().into_iter().map(|record| record.data).collect();
        assert_eq!(data, ["2"]);
    }
}
