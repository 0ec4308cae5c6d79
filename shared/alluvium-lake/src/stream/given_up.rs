//! What a mapping gave up: Lambda leaves the whole invocation record in the bucket of the lake.
//!
//! Its records may have been taken nevertheless, all or some of them: the function may have failed
//! after it took them, and a batch is cut otherwise when it is delivered again. And its shard has
//! gone on, so the watermark has passed those that were not. So it is not the watermark that tells
//! which are to be taken, but the ranges that it ever named: their names are in the archive, for
//! good, and what is in the archive was taken if the watermark names it still or the ledger knows
//! it. All of this is asked after the watermark was read, and the watermark is replaced only if it
//! is still the one that was read: then nobody took anything meanwhile.

use std::collections::BTreeSet;

use alluvium_columnar::topics_of;
use alluvium_model::{
    SequenceRange, Shard, SourceId, StreamBatch, StreamRecord, Topic, Watermark,
    layout::{ObjectKey, archive, range_of_archive},
    ports::{DescribeStreams, LakeCatalog, LakeObjects, PublishEvents, ReadGivenUp},
};

use super::{Streams, WAITING_MAX, waits, watermarks::ROUNDS_MAX};
use crate::{Deadline, LakeError};

impl<C, O, D, E> Streams<C, O, D, E>
where
    C: LakeCatalog + Clone,
    O: LakeObjects + Clone,
    D: DescribeStreams,
    E: PublishEvents,
{
    /// Takes what an object holds that was never taken, and removes the object; how many records
    /// that were. They are loaded with what is left of their shard.
    ///
    /// # Errors
    /// When it is no such object, it cannot be told which stream it is of, too much waits, or a port
    /// fails. Then it stays where it is.
    pub async fn take_given_up(
        &self,
        key: &ObjectKey,
        read: &impl ReadGivenUp,
        deadline: Deadline,
    ) -> Result<u64, LakeError> {
        let deadline = deadline.min(self.ingest.deadline());
        let objects = &self.watermarks.objects;
        let backoff = self.watermarks.backoff;
        let found = deadline.call(backoff.retry(|| objects.object(key))).await?;
        // Somebody else has done it.
        let Some(found) = found else { return Ok(0) };
        let mut taken = 0;
        for StreamBatch { stream, shard, records } in read.read_given_up(key, &found.value)? {
            let Some(first) = records.first() else { continue };
            let shard = self.shard_at(stream, shard, first.arrived_at, deadline).await?;
            taken += self.take_missing(&shard, &records, deadline).await?;
        }
        let delete = || objects.delete_objects(std::slice::from_ref(key));
        deadline.call(backoff.retry(delete)).await?;
        Ok(taken)
    }

    /// Takes those of some records that follow each other that no range was ever taken with.
    async fn take_missing(
        &self,
        shard: &Shard,
        records: &[StreamRecord],
        deadline: Deadline,
    ) -> Result<u64, LakeError> {
        for _ in 0..ROUNDS_MAX {
            let known = deadline.call(self.watermarks.read(shard)).await?;
            let mut watermark = known.watermark.clone();
            if waits(&watermark) >= WAITING_MAX {
                return Err(LakeError::TooMuchWaits { shard: Box::new(shard.clone()) });
            }
            let ranges = self.ranges_taken(shard, records, &watermark, deadline).await?;
            let mut taken = 0;
            for missing in runs_without(records, &ranges) {
                if let Some(archived) = self.archive(shard, missing, deadline).await? {
                    watermark.take(archived.range, archived.topics);
                    taken += missing.len() as u64;
                }
            }
            if taken == 0 {
                return Ok(0);
            }
            if deadline.call(self.watermarks.replace(shard, &known, watermark)).await? {
                return Ok(taken);
            }
        }
        Err(self.watermarks.contended(shard))
    }

    /// Ranges that were taken with any of these records.
    async fn ranges_taken(
        &self,
        shard: &Shard,
        records: &[StreamRecord],
        watermark: &Watermark,
        deadline: Deadline,
    ) -> Result<Vec<SequenceRange>, LakeError> {
        let location = archive(&self.watermarks.database, shard);
        let objects = &self.watermarks.objects;
        let list = || objects.list_objects(&location);
        let listed = deadline.call(self.watermarks.backoff.retry(list)).await?;
        let mut taken = Vec::new();
        for range in listed.iter().filter_map(|entry| range_of_archive(&entry.key)) {
            let common: Vec<_> =
                records.iter().filter(|record| range.contains(&record.sequence)).cloned().collect();
            if common.is_empty() {
                continue;
            }
            if watermark.names(&range) || self.is_begun(shard, &range, &common, deadline).await? {
                taken.push(range);
            }
        }
        Ok(taken)
    }

    /// Whether the ledger knows a source of a range that documents of these records belong to: it
    /// knows none of what only lies in the archive.
    async fn is_begun(
        &self,
        shard: &Shard,
        range: &SequenceRange,
        records: &[StreamRecord],
        deadline: Deadline,
    ) -> Result<bool, LakeError> {
        let topics: BTreeSet<Option<Topic>> =
            topics_of(records).into_iter().chain([None]).collect();
        for topic in &topics {
            let id = SourceId::of_range(shard, range, topic.as_ref());
            if self.ingest.find(id, deadline).await?.entry.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The longest runs of records that lie in none of these ranges.
fn runs_without<'a>(
    records: &'a [StreamRecord],
    ranges: &[SequenceRange],
) -> Vec<&'a [StreamRecord]> {
    let is_missing =
        |record: &StreamRecord| !ranges.iter().any(|range| range.contains(&record.sequence));
    let runs = records.chunk_by(|one, other| is_missing(one) == is_missing(other));
    runs.filter(|run| run.first().is_some_and(is_missing)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_taken_is_found_between_what_was() {
        let number = |number: u32| number.to_string().parse().unwrap();
        let record = |of: u32| StreamRecord {
            sequence: number(of),
            arrived_at: "2026-11-27T10:00:00Z".parse().unwrap(),
            partition_key: String::new(),
            data: bytes::Bytes::new(),
        };
        let records: Vec<_> = (1..=9).map(record).collect();
        let check = |taken: &[(u32, u32)], expected: &[(u32, u32)]| {
            let range = |(first, last): &(u32, u32)| SequenceRange {
                first: number(*first),
                last: number(*last),
            };
            let taken: Vec<_> = taken.iter().map(range).collect();
            let found: Vec<_> =
                runs_without(&records, &taken).into_iter().filter_map(SequenceRange::of).collect();
            assert_eq!(found, expected.iter().map(range).collect::<Vec<_>>(), "{taken:?}");
        };
        check(&[], &[(1, 9)]);
        check(&[(1, 9)], &[]);
        check(&[(0, 3), (6, 7)], &[(4, 5), (8, 9)]);
        check(&[(2, 2), (3, 4)], &[(1, 1), (5, 9)]);
        check(&[(10, 12)], &[(1, 9)]);
    }
}
