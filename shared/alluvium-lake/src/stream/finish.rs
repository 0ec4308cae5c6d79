//! What a schedule does for streams: it loads what was taken and left, in shards where nothing new
//! comes, too, and takes what mappings gave up.
//!
//! One shard or object at a time, so that whoever calls can see to it that none holds up the others.

use alluvium_model::{
    SequenceRange, Shard,
    layout::ObjectKey,
    ports::{DescribeStreams, LakeCatalog, LakeObjects, PublishEvents},
};

use super::{BatchReport, RANGES_AT_ONCE, Streams, TRIES_MAX, load::is_everywhere};
use crate::{Deadline, LakeError};

/// Where something may be left to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// The shards that records were ever taken of.
    pub shards: Vec<Shard>,
    /// What mappings gave up.
    pub given_up: Vec<ObjectKey>,
}

/// What was done for a shard.
#[derive(Debug, Default)]
pub struct ShardReport {
    /// What was loaded of it, and what could not be.
    pub batch: BatchReport,
    /// Ranges that were taken and are still to be loaded.
    pub pending: u64,
    /// Ranges that wait for somebody to tell that they are to be tried again.
    pub failed: u64,
}

impl<C, O, D, E> Streams<C, O, D, E>
where
    C: LakeCatalog + Clone,
    O: LakeObjects + Clone,
    D: DescribeStreams,
    E: PublishEvents,
{
    /// Where something may be left to be done.
    ///
    /// # Errors
    /// When a port fails.
    pub async fn left(&self, deadline: Deadline) -> Result<Left, LakeError> {
        let list = || self.watermarks.objects.list_objects(&self.settings.given_up);
        let listed = deadline.call(self.watermarks.backoff.retry(list)).await?;
        let given_up = listed.into_iter().map(|entry| entry.key).collect();
        Ok(Left { shards: deadline.call(self.watermarks.shards()).await?, given_up })
    }

    /// Loads what was taken of a shard and is not loaded, as far as there is time.
    ///
    /// # Errors
    /// When a port fails; what fails of a range is in the report.
    pub async fn finish_shard(
        &self,
        shard: &Shard,
        deadline: Deadline,
    ) -> Result<ShardReport, LakeError> {
        let deadline = deadline.min(self.ingest.deadline());
        let mut report = ShardReport::default();
        let pending = self.give_up_endless(shard, deadline).await?;
        for chunk in pending.chunks(RANGES_AT_ONCE) {
            let mut begun = Vec::new();
            let trying = self.watermarks.change(shard, |watermark| {
                begun = watermark.try_these(chunk);
                !begun.is_empty()
            });
            deadline.call(trying).await?;
            let begun = begun.into_iter().map(|pending| (pending, None)).collect();
            if let Err(error) = self.load_all(shard, begun, deadline, &mut report.batch).await {
                let is_over = is_everywhere(&error);
                report.batch.failed.get_or_insert(error);
                if is_over {
                    break;
                }
            }
        }
        let now = deadline.call(self.watermarks.read(shard)).await?.watermark;
        (report.pending, report.failed) = (now.pending.len() as u64, now.failed.len() as u64);
        Ok(report)
    }

    /// Gives up what was tried in vain so often that it waits for somebody; what else is pending.
    async fn give_up_endless(
        &self,
        shard: &Shard,
        deadline: Deadline,
    ) -> Result<Vec<SequenceRange>, LakeError> {
        let give_up = self.watermarks.change(shard, |watermark| {
            let endless = watermark.pending.iter().filter(|pending| pending.tries >= TRIES_MAX);
            let endless: Vec<_> = endless.map(|pending| pending.range.clone()).collect();
            for range in &endless {
                watermark.give_up(range);
            }
            !endless.is_empty()
        });
        let watermark = deadline.call(give_up).await?;
        Ok(watermark.pending.into_iter().map(|pending| pending.range).collect())
    }

    /// Tries everything of a shard again that was given up; how many ranges that are.
    ///
    /// # Errors
    /// When a port fails.
    pub async fn retry_failed(&self, shard: &Shard, deadline: Deadline) -> Result<u64, LakeError> {
        let mut ranges = 0;
        let retry = self.watermarks.change(shard, |watermark| {
            ranges = watermark.failed.len() as u64;
            watermark.retry_failed();
            ranges > 0
        });
        deadline.call(retry).await?;
        Ok(ranges)
    }
}
