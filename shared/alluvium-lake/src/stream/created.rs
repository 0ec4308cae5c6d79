//! Which stream it is whose name a delivery tells: one that is deleted and made again is another.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use alluvium_model::{StreamName, UtcInstant, ports::DescribeStreams};
use tokio::time::Instant;

use crate::{Backoff, LakeError};

/// How long it is believed when a stream was made: Kinesis answers this question 20 times a second
/// in an account (`DescribeStreamSummary`, "Quotas and limits").
const BELIEVED: Duration = Duration::from_mins(1);

/// Knows when streams were made.
#[derive(Debug)]
pub(super) struct Creations<D> {
    describe: D,
    backoff: Backoff,
    known: Mutex<BTreeMap<StreamName, (UtcInstant, Instant)>>,
}

impl<D: DescribeStreams> Creations<D> {
    pub(super) const fn new(describe: D, backoff: Backoff) -> Self {
        Self { describe, backoff, known: Mutex::new(BTreeMap::new()) }
    }

    /// When the stream that has this name now was made; none if there is none.
    pub(super) async fn of(&self, name: &StreamName) -> Result<Option<UtcInstant>, LakeError> {
        if let Some(created) = self.believed(name) {
            return Ok(Some(created));
        }
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
