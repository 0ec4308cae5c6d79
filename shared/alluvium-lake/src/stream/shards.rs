//! Which stream it is whose name a delivery tells: one that is deleted and made again is another.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use alluvium_model::{Shard, ShardId, Stream, StreamName, UtcInstant, ports::DescribeStreams};
use tokio::time::Instant;

use crate::{Backoff, LakeError};

/// How long it is believed when a stream was made: Kinesis answers this question 20 times a second
/// in an account (`DescribeStreamSummary`, "Quotas and limits").
const BELIEVED: Duration = Duration::from_mins(1);

/// Knows shards by the streams that they belong to.
#[derive(Debug)]
pub(super) struct Shards<D> {
    describe: D,
    backoff: Backoff,
    known: Mutex<BTreeMap<StreamName, (UtcInstant, Instant)>>,
}

impl<D: DescribeStreams> Shards<D> {
    pub(super) const fn new(describe: D, backoff: Backoff) -> Self {
        Self { describe, backoff, known: Mutex::new(BTreeMap::new()) }
    }

    /// The shard of the stream that has this name now.
    ///
    /// # Errors
    /// As `Retry` when there is no such stream: a mapping that still delivers of it ends soon.
    pub(super) async fn now(&self, name: StreamName, id: ShardId) -> Result<Shard, LakeError> {
        let created = match self.believed(&name) {
            Some(created) => created,
            None => self
                .created(&name)
                .await?
                .ok_or_else(|| LakeError::NoStream { stream: name.clone() })?,
        };
        Ok(Shard { stream: Stream { name, created }, id })
    }

    /// When the stream that has this name now was made; none if there is none.
    pub(super) async fn created(&self, name: &StreamName) -> Result<Option<UtcInstant>, LakeError> {
        let created = self.backoff.retry(|| self.describe.stream_created(name.as_str())).await?;
        if let Some(created) = created {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(name.clone(), (created, Instant::now()));
        }
        Ok(created)
    }

    fn believed(&self, name: &StreamName) -> Option<UtcInstant> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (created, since) = known.get(name)?;
        (since.elapsed() < BELIEVED).then_some(*created)
    }
}
