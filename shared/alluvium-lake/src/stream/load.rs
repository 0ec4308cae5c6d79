//! Loading what was taken: one source for each topic of a range, out of the archive.

use alluvium_columnar::{ArchiveError, decode_archive, selection_of};
use alluvium_model::{
    Assignment, ErrorKind, Origin, PendingRange, Raw, SequenceRange, Shard, SourceId, Topic,
    UtcInstant, Watermark,
    layout::{ObjectKey, archive_key},
    ports::{
        Chunk, DescribeStreams, LakeCatalog, LakeObjects, PortResult, PublishEvents, ReadSource,
        Source, SourceFormat,
    },
};
use bytes::Bytes;

use super::{BatchReport, LIVE_TRIES_MAX, Streams};
use crate::{Deadline, IngestReport, LakeError};

/// What the archive holds of a range.
#[derive(Clone, Debug)]
pub(super) struct Archive {
    pub(super) bytes: Bytes,
    /// When the first of its records arrived.
    pub(super) arrived_at: UtcInstant,
}

/// How the loading of a range ended that did not fail for a reason that may pass.
enum Ended {
    Loaded,
    /// It will fail again in the same way until somebody changes something.
    Unfit(LakeError),
}

impl<C, O, D, E> Streams<C, O, D, E>
where
    C: LakeCatalog + Clone,
    O: LakeObjects + Clone,
    D: DescribeStreams,
    E: PublishEvents,
{
    /// Loads ranges one after the other, and notes in the watermark which of them are loaded.
    ///
    /// # Errors
    /// When one of them must wait, or the infrastructure fails; then those behind are not begun.
    pub(super) async fn load_all(
        &self,
        shard: &Shard,
        ranges: Vec<(PendingRange, Option<Archive>)>,
        deadline: Deadline,
        report: &mut BatchReport,
    ) -> Result<(), LakeError> {
        let (mut loaded, mut given_up, mut outcome) = (Vec::new(), Vec::new(), Ok(()));
        for (pending, archive) in ranges {
            match self.load_range(shard, &pending, archive, deadline, report).await {
                Ok(Ended::Loaded) => loaded.push(pending.range),
                Ok(Ended::Unfit(error)) => {
                    if pending.tries >= LIVE_TRIES_MAX {
                        given_up.push(pending.range.clone());
                    }
                    report.left.push((pending.range, error));
                }
                Err(error) => {
                    let is_over = is_everywhere(&error);
                    outcome = outcome.and(Err(error));
                    if is_over {
                        break;
                    }
                }
            }
        }
        if !loaded.is_empty() || !given_up.is_empty() {
            // If this fails, the next one finds out that they are loaded.
            deadline.call(self.end(shard, &loaded, &given_up)).await?;
        }
        outcome
    }

    async fn end(
        &self,
        shard: &Shard,
        loaded: &[SequenceRange],
        given_up: &[SequenceRange],
    ) -> Result<(), LakeError> {
        let change = |watermark: &mut Watermark| {
            let before = watermark.clone();
            watermark.finish(loaded);
            for range in given_up {
                watermark.give_up(range);
            }
            *watermark != before
        };
        self.watermarks.change(shard, change).await.map(drop)
    }

    /// Loads the sources of a range, and empties its archive if that is not to be kept.
    async fn load_range(
        &self,
        shard: &Shard,
        pending: &PendingRange,
        mut archive: Option<Archive>,
        deadline: Deadline,
        report: &mut BatchReport,
    ) -> Result<Ended, LakeError> {
        let mut failed = None;
        for topic in &pending.topics {
            let loaded = self.load_topic(shard, pending, topic.as_ref(), (&mut archive, deadline));
            match loaded.await {
                Ok(loaded) => report.sources.push(loaded),
                Err(error) if is_everywhere(&error) => return Err(error),
                // Other topics are not concerned.
                Err(error) => failed = Some(deciding(failed, error)),
            }
        }
        if let Some(error) = failed {
            return if is_unfit(&error) { Ok(Ended::Unfit(error)) } else { Err(error) };
        }
        match self.settings.raw {
            Raw::Keep => {}
            Raw::Drop => {
                // Every source of it is committed, so nobody needs its bytes any more.
                let key = archive_key(&self.watermarks.database, shard, &pending.range);
                let objects = &self.watermarks.objects;
                let empty = || objects.put_object(&key, Bytes::new());
                deadline.call(self.watermarks.backoff.retry(empty)).await?;
            }
        }
        Ok(Ended::Loaded)
    }

    async fn load_topic(
        &self,
        shard: &Shard,
        pending: &PendingRange,
        topic: Option<&Topic>,
        (archive, deadline): (&mut Option<Archive>, Deadline),
    ) -> Result<IngestReport, LakeError> {
        let PendingRange { range, topics, .. } = pending;
        let id = SourceId::of_range(shard, range, topic);
        let found = self.ingest.find(id, deadline).await?;
        if let Some(report) = found.duplicate() {
            return Ok(report);
        }
        let key = archive_key(&self.watermarks.database, shard, range);
        let Archive { bytes, arrived_at } = match archive {
            Some(archive) => archive.clone(),
            None => match deadline.call(self.read_archive(&key)).await {
                Ok(read) => archive.insert(read).clone(),
                // Somebody has emptied it meanwhile, and so has seen that all of it is loaded.
                Err(LakeError::Archive(ArchiveError::Dropped)) => {
                    let found = self.ingest.find(id, deadline).await?;
                    return found.duplicate().ok_or_else(|| ArchiveError::Dropped.into());
                }
                Err(error) => return Err(error),
            },
        };
        let contracts = deadline.call(self.contracts.contracts()).await?;
        let destination = match topic {
            Some(topic) => contracts.of_topic(topic),
            None => contracts.of_stream(&shard.stream.name),
        };
        let selection = selection_of(topic, topics);
        let source = Source {
            id,
            origin: Origin { source: format!("{}{key}", self.settings.lake_uri), arrived_at },
            bytes: bytes.len() as u64,
            format: SourceFormat::StreamRecords(selection),
            reader: Held(Some(bytes)),
        };
        self.ingest.ingest_found(found, Assignment::from(destination), source, deadline).await
    }

    async fn read_archive(&self, key: &ObjectKey) -> Result<Archive, LakeError> {
        let objects = &self.watermarks.objects;
        let found = self.watermarks.backoff.retry(|| objects.object(key)).await?;
        let gone = || LakeError::NoArchive { archive: key.clone() };
        let bytes = found.ok_or_else(gone)?.value;
        let records = decode_archive(&bytes)?;
        let arrived_at = records.first().ok_or_else(gone)?.arrived_at;
        Ok(Archive { bytes, arrived_at })
    }
}

/// Whether it would meet every other source now, too.
pub(super) fn is_everywhere(error: &LakeError) -> bool {
    let is_of_all = matches!(error, LakeError::OutOfTime | LakeError::Contracts(_));
    let is_of_a_port = matches!(error, LakeError::Port(_));
    is_of_all || (is_of_a_port && error.kind() == ErrorKind::Retry)
}

/// Which of two errors of a range decides what becomes of it: as long as one of them may pass, the
/// range is not given up for the other.
fn deciding(before: Option<LakeError>, error: LakeError) -> LakeError {
    match before {
        Some(before) if !is_unfit(&before) || is_unfit(&error) => before,
        Some(_) | None => error,
    }
}

/// Whether it lies in the range, or in rules that do not suit its table.
fn is_unfit(error: &LakeError) -> bool {
    match error.kind() {
        ErrorKind::Invalid | ErrorKind::Bug => true,
        ErrorKind::Absent => matches!(error, LakeError::Archive(_)),
        ErrorKind::Retry | ErrorKind::Denied => false,
    }
}

/// What is in memory as a source: all of it comes at once.
struct Held(Option<Bytes>);

impl ReadSource for Held {
    async fn next_chunk(&mut self) -> PortResult<Chunk> {
        Ok(self.0.take().map_or(Chunk::End, Chunk::Bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_not_given_up_while_something_of_it_may_pass() {
        let unfit = || LakeError::NoTableName { table_source: "camera".to_owned() };
        let passing = || LakeError::Changed { source_uri: "s3://lake/1".to_owned() };
        assert!(is_unfit(&deciding(None, unfit())));
        assert!(is_unfit(&deciding(Some(unfit()), unfit())));
        assert!(!is_unfit(&deciding(Some(unfit()), passing())));
        assert!(!is_unfit(&deciding(Some(passing()), unfit())));
    }
}
