//! Taking records: into the archive first, then by the watermark, at one moment.

use alluvium_columnar::{encode_archive, topics_of};
use alluvium_model::{
    PendingRange, SequenceRange, Shard, StreamName, StreamRecord, StreamRoute, Topic,
    layout::archive_key,
    ports::{DescribeStreams, LakeCatalog, LakeObjects, PublishEvents},
};

use super::{
    LIVE_TRIES_MAX, RANGES_AT_ONCE, Streams, WAITING_MAX, load::Archive, waits,
    watermarks::ROUNDS_MAX,
};
use crate::{Deadline, LakeError};

/// What is to be done after records were taken.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// How many were.
    pub(super) records: u64,
    /// What is to be loaded, in the order in which it was taken; with its archive, where that is at
    /// hand.
    pub(super) to_load: Vec<(PendingRange, Option<Archive>)>,
    /// Whether some were not taken, because too much waits.
    pub(super) is_full: bool,
}

/// A range that is in the archive and waits for the watermark to name it.
#[derive(Debug)]
pub(super) struct Archived {
    pub(super) range: SequenceRange,
    pub(super) topics: Vec<Option<Topic>>,
    archive: Archive,
}

impl<C, O, D, E> Streams<C, O, D, E>
where
    C: LakeCatalog + Clone,
    O: LakeObjects + Clone,
    D: DescribeStreams,
    E: PublishEvents,
{
    /// Takes those records of a batch that the watermark has not passed, and says what is to be
    /// loaded: these, and what others left.
    ///
    /// Every range that is about to be tried is counted as tried before: one that takes this
    /// process down with it must not do so for ever.
    pub(super) async fn take(
        &self,
        shard: &Shard,
        records: Vec<StreamRecord>,
        deadline: Deadline,
    ) -> Result<Taken, LakeError> {
        // What an earlier round has put into the archive. If its watermark was written although
        // nobody said so, that names this range, which then is ours to load all the same.
        let mut archived: Option<Archived> = None;
        let mut taken = 0;
        for _ in 0..ROUNDS_MAX {
            let known = deadline.call(self.watermarks.read(shard)).await?;
            let mut watermark = known.watermark.clone();
            let beyond = watermark.beyond(records.clone());
            let is_full = !beyond.is_empty() && waits(&watermark) >= WAITING_MAX;
            let range = SequenceRange::of(&beyond).filter(|_| !is_full);
            if range.is_some() && range.as_ref() != archived.as_ref().map(|one| &one.range) {
                archived = self.archive(shard, &beyond, deadline).await?;
            }
            if let (Some(range), Some(archived)) = (range, &archived) {
                taken = beyond.len() as u64;
                watermark.take(range, archived.topics.clone());
            }
            let to_load = watermark.try_below(LIVE_TRIES_MAX, RANGES_AT_ONCE);
            if to_load.is_empty() {
                return Ok(Taken { is_full, ..Taken::default() });
            }
            if deadline.call(self.watermarks.replace(shard, &known, watermark)).await? {
                let to_load = to_load.into_iter().map(|pending| {
                    let ours = archived.take_if(|archived| archived.range == pending.range);
                    (pending, ours.map(|ours| ours.archive))
                });
                return Ok(Taken { records: taken, to_load: to_load.collect(), is_full });
            }
        }
        Err(self.watermarks.contended(shard))
    }

    /// Puts records into the archive, if there are any. Its bytes are a function of the records, so
    /// it does not matter who does this how often.
    pub(super) async fn archive(
        &self,
        shard: &Shard,
        records: &[StreamRecord],
        deadline: Deadline,
    ) -> Result<Option<Archived>, LakeError> {
        let (Some(range), Some(first)) = (SequenceRange::of(records), records.first()) else {
            return Ok(None);
        };
        let topics = match self.route(&shard.stream.name, deadline).await? {
            StreamRoute::Name => vec![None],
            StreamRoute::Topic => topics_of(records),
        };
        let key = archive_key(&self.watermarks.database, shard, &range);
        let archive = Archive { bytes: encode_archive(records)?, arrived_at: first.arrived_at };
        let objects = &self.watermarks.objects;
        let put = || objects.put_object(&key, archive.bytes.clone());
        deadline.call(self.watermarks.backoff.retry(put)).await?;
        Ok(Some(Archived { range, topics, archive }))
    }

    async fn route(
        &self,
        stream: &StreamName,
        deadline: Deadline,
    ) -> Result<StreamRoute, LakeError> {
        let contracts = deadline.call(self.contracts.contracts()).await?;
        Ok(contracts.route_of_stream(stream).unwrap_or(self.settings.route))
    }
}
