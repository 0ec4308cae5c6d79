//! What streams take: sending records to them, telling them apart, and taking back what a mapping
//! gave up.

use bytes::Bytes;

use super::PortResult;
use crate::{PortError, StreamBatch, UtcInstant, layout::ObjectKey};

/// Records that one call sends to a stream (AWS documentation, Kinesis `PutRecords`).
pub const STREAM_BATCH_MAX: usize = 500;
/// Bytes that one call sends to a stream, partition keys included.
pub const STREAM_BATCH_BYTES_MAX: usize = 5 << 20;

/// A record on its way to a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingRecord {
    /// What decides which shard it goes to.
    pub partition_key: String,
    /// What it says.
    pub data: Bytes,
}

impl OutgoingRecord {
    /// What it counts for where bytes are limited.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.partition_key.len() + self.data.len()
    }
}

/// What became of a record that was sent to a stream.
#[derive(Debug)]
#[must_use]
pub enum Sent {
    /// The stream holds it.
    Accepted,
    /// It came faster than the stream or its shard takes records; it may come again.
    Throttled,
    /// The stream did not take it, for another reason.
    Failed(PortError),
}

/// Sends records to a stream.
pub trait SendRecords {
    /// Sends at most [`STREAM_BATCH_MAX`] records, of at most [`STREAM_BATCH_BYTES_MAX`] together
    /// unless it is one alone. Says what became of each, in their order; some may be there when
    /// this fails.
    fn send_records(
        &self,
        records: &[OutgoingRecord],
    ) -> impl Future<Output = PortResult<Vec<Sent>>> + Send;
}

/// Tells streams of one name apart.
pub trait DescribeStreams {
    /// When the stream of that name was created; none if there is no such stream.
    fn stream_created(
        &self,
        stream: &str,
    ) -> impl Future<Output = PortResult<Option<UtcInstant>>> + Send;
}

/// Understands what a mapping of a stream to a function leaves where it gave up.
pub trait ReadGivenUp: Sync {
    /// The batches that an object of that key holds.
    ///
    /// # Errors
    /// As `Invalid` when it is no such object.
    fn read_given_up(&self, key: &ObjectKey, bytes: &Bytes) -> PortResult<Vec<StreamBatch>>;
}

/// Drops objects into a landing bucket.
pub trait DropObjects {
    /// Writes the object of that key below the part of the bucket that is read, whole or not at
    /// all, over whatever was there.
    fn drop_object(&self, key: &str, bytes: Bytes) -> impl Future<Output = PortResult<()>> + Send;
}
