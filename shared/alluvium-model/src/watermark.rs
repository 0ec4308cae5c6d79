//! The watermark of a shard: which of its records were taken, and which of these are still to be
//! loaded.
//!
//! It is replaced by compare-and-set alone, and that is the moment at which records are taken: a
//! range that it never named is nothing, whatever lies in the archive. Each write of it has a
//! number, so that no two have the same bytes.

use serde::{Deserialize, Serialize};

use crate::{SequenceNumber, SequenceRange, StreamRecord, Topic};

/// What is known of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watermark {
    /// How often this was written.
    pub revision: u64,
    /// Up to where its records were taken; none before the first was.
    pub taken: Option<SequenceNumber>,
    /// What was taken and is not yet known to be loaded, in the order in which it was taken.
    #[serde(default)]
    pub pending: Vec<PendingRange>,
    /// What was tried in vain so often that it waits for somebody to tell that it is to be tried
    /// again.
    #[serde(default)]
    pub failed: Vec<PendingRange>,
}

/// A range that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingRange {
    /// The range.
    #[serde(flatten)]
    pub range: SequenceRange,
    /// The sources that its documents make, by their topics, as it was decided when it was taken;
    /// none for that of all documents that belong to no other one.
    pub topics: Vec<Option<Topic>>,
    /// How often somebody was about to load it.
    pub tries: u32,
}

impl PendingRange {
    fn begin(&mut self) -> Self {
        self.tries += 1;
        self.clone()
    }
}

impl Watermark {
    /// Those of some records of the shard that were not taken yet.
    #[must_use]
    pub fn beyond(&self, mut records: Vec<StreamRecord>) -> Vec<StreamRecord> {
        records.retain(|record| self.taken.as_ref().is_none_or(|taken| record.sequence > *taken));
        records
    }

    /// The same after this range was taken, too.
    pub fn take(&mut self, range: SequenceRange, topics: Vec<Option<Topic>>) {
        self.taken = self.taken.take().max(Some(range.last.clone()));
        self.pending.push(PendingRange { range, topics, tries: 0 });
    }

    /// Counts one more try of the first pending ranges that were tried less often than that, so many
    /// at most, and gives these.
    pub fn try_below(&mut self, tries: u32, ranges_max: usize) -> Vec<PendingRange> {
        let trying = self.pending.iter_mut().filter(|pending| pending.tries < tries);
        trying.take(ranges_max).map(PendingRange::begin).collect()
    }

    /// Counts one more try of those of these ranges that are pending, and gives them.
    pub fn try_these(&mut self, ranges: &[SequenceRange]) -> Vec<PendingRange> {
        let trying = self.pending.iter_mut().filter(|pending| ranges.contains(&pending.range));
        trying.map(PendingRange::begin).collect()
    }

    /// The same without ranges that are loaded.
    pub fn finish(&mut self, loaded: &[SequenceRange]) {
        self.pending.retain(|pending| !loaded.contains(&pending.range));
        self.failed.retain(|failed| !loaded.contains(&failed.range));
    }

    /// The same after it was given up to load this range, until somebody says otherwise.
    pub fn give_up(&mut self, range: &SequenceRange) {
        let (failed, pending) =
            self.pending.drain(..).partition(|pending: &PendingRange| pending.range == *range);
        self.pending = pending;
        self.failed.extend::<Vec<_>>(failed);
    }

    /// The same with everything that was given up to be tried anew.
    pub fn retry_failed(&mut self) {
        let failed = self.failed.drain(..).map(|failed| PendingRange { tries: 0, ..failed });
        self.pending.extend(failed);
    }

    /// Whether it names a range of the shard that this is, as taken and not yet known to be loaded.
    #[must_use]
    pub fn names(&self, range: &SequenceRange) -> bool {
        self.pending.iter().chain(&self.failed).any(|pending| pending.range == *range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u32, last: u32) -> SequenceRange {
        let number = |number: u32| number.to_string().parse().unwrap();
        SequenceRange { first: number(first), last: number(last) }
    }

    fn record(number: u32) -> StreamRecord {
        StreamRecord {
            sequence: number.to_string().parse().unwrap(),
            arrived_at: "2026-11-27T10:00:00Z".parse().unwrap(),
            partition_key: String::new(),
            data: bytes::Bytes::new(),
        }
    }

    #[test]
    fn a_watermark_is_written_like_this() {
        let mut watermark = Watermark { revision: 7, ..Watermark::default() };
        watermark.take(range(9, 11), vec![None, Some("camera".parse().unwrap())]);
        watermark.take(range(12, 12), vec![None]);
        assert_eq!(watermark.try_below(1, 9), watermark.pending);
        watermark.give_up(&range(12, 12));
        let text = serde_json::to_string_pretty(&watermark).unwrap();
        assert_eq!(serde_json::from_str::<Watermark>(&text).unwrap(), watermark);
        insta::assert_snapshot!(text, @r#"
        {
          "revision": 7,
          "taken": "12",
          "pending": [
            {
              "first": "9",
              "last": "11",
              "topics": [
                null,
                "camera"
              ],
              "tries": 1
            }
          ],
          "failed": [
            {
              "first": "12",
              "last": "12",
              "topics": [
                null
              ],
              "tries": 1
            }
          ]
        }
        "#);
    }

    #[test]
    fn what_was_taken_is_not_taken_again() {
        let records = |numbers: &[u32]| numbers.iter().copied().map(record).collect::<Vec<_>>();
        let mut watermark = Watermark::default();
        assert_eq!(watermark.beyond(records(&[9, 10])), records(&[9, 10]));
        watermark.take(range(9, 10), vec![None]);
        assert_eq!(watermark.beyond(records(&[8, 9, 10, 11, 100])), records(&[11, 100]));
        // What was given up by the mapping comes late and moves nothing back.
        watermark.take(range(4, 5), vec![None]);
        assert_eq!(watermark.taken, Some("10".parse().unwrap()));
    }

    #[test]
    fn a_range_is_pending_until_it_is_loaded_or_given_up() {
        let mut watermark = Watermark::default();
        watermark.take(range(1, 2), vec![None]);
        watermark.take(range(3, 4), vec![None]);
        assert_eq!(watermark.try_below(2, 1).len(), 1);
        assert_eq!(watermark.try_below(1, 9).len(), 1);
        assert_eq!(watermark.try_below(1, 9), []);
        assert_eq!(watermark.pending.iter().map(|p| p.tries).collect::<Vec<_>>(), [1, 1]);
        watermark.give_up(&range(1, 2));
        watermark.finish(&[range(3, 4)]);
        assert!(watermark.pending.is_empty() && watermark.names(&range(1, 2)));
        watermark.retry_failed();
        assert_eq!((watermark.pending.len(), watermark.failed.len()), (1, 0));
        assert_eq!(watermark.pending.first().map(|pending| pending.tries), Some(0));
        watermark.finish(&[range(1, 2)]);
        assert!(!watermark.names(&range(1, 2)));
    }
}
