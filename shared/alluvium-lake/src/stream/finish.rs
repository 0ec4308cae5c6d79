//! What a schedule does for streams: it takes what mappings gave up, and loads what was taken and
//! left, in shards where nothing new comes, too.

use alluvium_model::{
    PendingRange, Shard,
    layout::ObjectKey,
    ports::{DescribeStreams, LakeCatalog, LakeObjects, PublishEvents, ReadGivenUp},
};

use super::{BatchReport, Streams, TRIES_MAX};
use crate::{Deadline, IngestReport, LakeError};

/// What a schedule found and did.
#[derive(Debug, Default)]
pub struct FinishReport {
    /// Records that mappings had given up and that were never taken, until now.
    pub taken: u64,
    /// The sources that were loaded.
    pub sources: Vec<IngestReport>,
    /// Ranges that were taken and are still to be loaded.
    pub pending: u64,
    /// Ranges that wait for somebody to tell that they are to be tried again.
    pub failed: u64,
    /// Objects that mappings left and that could not be taken.
    pub given_up: u64,
    /// What went wrong, and with what.
    pub errors: Vec<(String, LakeError)>,
}

impl<C, O, D, E> Streams<C, O, D, E>
where
    C: LakeCatalog + Clone,
    O: LakeObjects + Clone,
    D: DescribeStreams,
    E: PublishEvents,
{
    /// Ends what deliveries left, as far as there is time. What fails is told and left to the next
    /// time.
    ///
    /// # Errors
    /// When it cannot even be found out what there is to do.
    pub async fn finish(
        &self,
        read: &impl ReadGivenUp,
        deadline: Deadline,
    ) -> Result<FinishReport, LakeError> {
        let deadline = deadline.min(self.ingest.deadline());
        let mut report = FinishReport::default();
        for object in self.given_up(deadline).await? {
            match self.take_given_up(&object, read, deadline).await {
                Ok(taken) => report.taken += taken,
                Err(error) => {
                    report.given_up += 1;
                    report.errors.push((object.to_string(), error));
                }
            }
        }
        for shard in deadline.call(self.watermarks.shards()).await? {
            if let Err(error) = self.finish_shard(&shard, deadline, &mut report).await {
                report.errors.push((shard_text(&shard), error));
            }
        }
        Ok(report)
    }

    /// Tries everything again that was given up; how many ranges that are.
    ///
    /// # Errors
    /// When a port fails.
    pub async fn retry_failed(&self, deadline: Deadline) -> Result<u64, LakeError> {
        let deadline = deadline.min(self.ingest.deadline());
        let mut ranges = 0;
        for shard in deadline.call(self.watermarks.shards()).await? {
            let known = deadline.call(self.watermarks.read(&shard)).await?;
            let failed = known.watermark.failed.len() as u64;
            if failed > 0 {
                let retry = self.watermarks.change(&shard, |watermark| {
                    let any = !watermark.failed.is_empty();
                    watermark.retry_failed();
                    any
                });
                deadline.call(retry).await?;
                ranges += failed;
            }
        }
        Ok(ranges)
    }

    async fn given_up(&self, deadline: Deadline) -> Result<Vec<ObjectKey>, LakeError> {
        let list = || self.watermarks.objects.list_objects(&self.settings.given_up);
        let listed = deadline.call(self.watermarks.backoff.retry(list)).await?;
        Ok(listed.into_iter().map(|entry| entry.key).collect())
    }

    async fn finish_shard(
        &self,
        shard: &Shard,
        deadline: Deadline,
        report: &mut FinishReport,
    ) -> Result<(), LakeError> {
        let begin = self.watermarks.change(shard, |watermark| {
            let begun = |pending: &&PendingRange| pending.tries >= TRIES_MAX;
            let endless: Vec<_> = watermark.pending.iter().filter(begun).cloned().collect();
            endless.iter().for_each(|pending| watermark.give_up(&pending.range));
            !watermark.try_below(TRIES_MAX).is_empty() || !endless.is_empty()
        });
        let watermark = deadline.call(begin).await?;
        let mut loaded = BatchReport::default();
        let ranges = watermark.pending.into_iter().map(|pending| (pending, None));
        let outcome = self.load_all(shard, ranges.collect(), deadline, &mut loaded).await;
        report.sources.append(&mut loaded.sources);
        let name = shard_text(shard);
        let left = loaded.left.into_iter().map(|(range, error)| (format!("{name} {range}"), error));
        report.errors.extend(left);
        let now = deadline.call(self.watermarks.read(shard)).await?.watermark;
        report.pending += now.pending.len() as u64;
        report.failed += now.failed.len() as u64;
        outcome
    }
}

fn shard_text(Shard { stream, id }: &Shard) -> String {
    format!("{} {id}", stream.name)
}
