//! How far one poller of a shard is: what it delivers next, and what again.
//!
//! Records are numbered by their places in the shard, from 0.

use std::{collections::VecDeque, ops::Range};

use alluvium_model::UtcInstant;

/// Consecutive records that are delivered together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) places: Range<usize>,
    /// How often it was tried again.
    pub(super) retries: u32,
    /// How often the function was invoked with it, or with what it was split from.
    pub(super) invocations: u32,
}

impl Batch {
    pub(super) fn new(places: Range<usize>) -> Self {
        Self { places, retries: 0, invocations: 0 }
    }

    fn of(&self, places: Range<usize>) -> Self {
        Self { places, ..self.clone() }
    }
}

/// What is done about a batch that failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct RetryRules {
    pub(super) retries_max: Option<u32>,
    pub(super) bisect: bool,
}

/// What was done about a batch that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// It will be delivered again as it is, from the failure on.
    Again,
    /// It will be delivered again in two batches.
    Split,
    /// It will not be delivered again.
    GivenUp(Batch),
}

/// One of those that deliver the records of a shard.
#[derive(Clone, Debug)]
pub(super) struct Poller {
    pub(super) id: u64,
    pub(super) shard: usize,
    /// The first record that is neither done nor given up.
    pub(super) checkpoint: usize,
    /// What is delivered again, in order; it begins at the checkpoint.
    again: VecDeque<Batch>,
    pub(super) waits_until: UtcInstant,
    /// Whether it waits for the answer of an invocation.
    pub(super) is_waiting: bool,
    /// Whether another one has taken over its shard.
    pub(super) is_leaving: bool,
}

impl Poller {
    pub(super) fn new(id: u64, shard: usize, checkpoint: usize) -> Self {
        Self {
            id,
            shard,
            checkpoint,
            again: VecDeque::new(),
            waits_until: UtcInstant::FIRST_TIMESTAMP,
            is_waiting: false,
            is_leaving: false,
        }
    }

    /// Takes up the next batch: one that is delivered again, else the one that `cut` makes of what
    /// is at the checkpoint.
    pub(super) fn take_up(&mut self, cut: impl FnOnce(usize) -> Range<usize>) -> Batch {
        self.again.pop_front().unwrap_or_else(|| Batch::new(cut(self.checkpoint)))
    }

    /// Gives up the first records of a batch that was taken up; the rest is taken up next.
    pub(super) fn give_up_first(&mut self, batch: &Batch, count: usize) -> Batch {
        let Range { start, end } = batch.places;
        self.checkpoint = start + count;
        if self.checkpoint < end {
            self.again.push_front(batch.of(self.checkpoint..end));
        }
        batch.of(start..self.checkpoint)
    }

    pub(super) fn done(&mut self, batch: &Batch) {
        self.checkpoint = batch.places.end;
    }

    /// The batch has failed from this place on; what came before is done.
    ///
    /// A batch that is split does not consume a retry, neither one that is split in two nor one of
    /// which a part was done (AWS documentation, Configuring partial batch response with Kinesis
    /// Data Streams and Lambda: with bisecting on it is split at the number returned).
    pub(super) fn failed(&mut self, batch: &Batch, from: usize, rules: RetryRules) -> Failed {
        let Range { start, end } = batch.places;
        self.checkpoint = from;
        let rest = batch.of(from..end);
        if rules.bisect && from > start {
            self.again.push_front(rest);
            return Failed::Split;
        }
        if rules.bisect && rest.places.len() > 1 {
            let middle = from + rest.places.len() / 2;
            self.again.push_front(batch.of(middle..end));
            self.again.push_front(batch.of(from..middle));
            return Failed::Split;
        }
        if rules.retries_max.is_some_and(|max| batch.retries >= max) {
            self.checkpoint = end;
            return Failed::GivenUp(rest);
        }
        self.again.push_front(Batch { retries: batch.retries + 1, ..rest });
        Failed::Again
    }

    /// Goes back so many records at most, as if the checkpoint had been saved long ago.
    pub(super) fn restart(&mut self, back: usize) {
        self.checkpoint = self.checkpoint.saturating_sub(back);
        self.again.clear();
    }

    /// Nobody will answer the batch: it is taken up again.
    pub(super) fn forget(&mut self, batch: Batch) {
        self.is_waiting = false;
        self.again.push_front(batch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BISECT: RetryRules = RetryRules { retries_max: Some(1), bisect: true };
    const WHOLE: RetryRules = RetryRules { bisect: false, ..BISECT };

    /// What is delivered, given what becomes of each delivery: from which place on it fails, if it
    /// does. The last item tells the checkpoint.
    fn told(rules: RetryRules, fates: &[Option<usize>]) -> String {
        let mut poller = Poller::new(0, 0, 0);
        let mut told = Vec::new();
        for fate in fates {
            let batch = poller.take_up(|from| from..from + 4);
            let Range { start, end } = batch.places;
            let became = match fate {
                None => {
                    poller.done(&batch);
                    "done".to_owned()
                }
                Some(from) => match poller.failed(&batch, *from, rules) {
                    Failed::Again => "again".to_owned(),
                    Failed::Split => "split".to_owned(),
                    Failed::GivenUp(batch) => format!("{:?} given up", batch.places),
                },
            };
            told.push(format!("{start}..{end} {became}"));
        }
        told.push(format!("at {}", poller.checkpoint));
        told.join(", ")
    }

    #[test]
    fn what_failed_is_delivered_again_before_anything_else() {
        for (rules, fates, expected) in [
            (WHOLE, &[None, None][..], "0..4 done, 4..8 done, at 8"),
            (WHOLE, &[Some(0), None, None], "0..4 again, 0..4 done, 4..8 done, at 8"),
            (WHOLE, &[Some(0), Some(0), None], "0..4 again, 0..4 0..4 given up, 4..8 done, at 8"),
            (WHOLE, &[Some(2), None, None], "0..4 again, 2..4 done, 4..8 done, at 8"),
            (WHOLE, &[Some(2), Some(3), None], "0..4 again, 2..4 3..4 given up, 4..8 done, at 8"),
            (
                BISECT,
                &[Some(0), None, None, None],
                "0..4 split, 0..2 done, 2..4 done, 4..8 done, at 8",
            ),
            (BISECT, &[Some(3), None, None], "0..4 split, 3..4 done, 4..8 done, at 8"),
            (
                BISECT,
                &[Some(0), Some(0), Some(0), Some(0), None, None, None],
                "0..4 split, 0..2 split, 0..1 again, 0..1 0..1 given up, 1..2 done, 2..4 done, \
                 4..8 done, at 8",
            ),
        ] {
            assert_eq!(told(rules, fates), expected);
        }
    }

    #[test]
    fn without_a_limit_nothing_is_given_up() {
        let rules = RetryRules { retries_max: None, bisect: false };
        let mut poller = Poller::new(0, 0, 0);
        for _ in 0..10_000 {
            let batch = poller.take_up(|from| from..from + 1);
            assert_eq!(poller.failed(&batch, 0, rules), Failed::Again);
        }
    }

    #[test]
    fn records_that_are_given_up_leave_the_rest_of_their_batch() {
        let mut poller = Poller::new(0, 0, 0);
        let batch = poller.take_up(|from| from..from + 4);
        assert_eq!(poller.give_up_first(&batch, 3).places, 0..3);
        assert_eq!(poller.take_up(|_| 9..9).places, 3..4);
        assert_eq!(poller.checkpoint, 3);
    }
}
