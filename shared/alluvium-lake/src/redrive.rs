//! Sending dead letters back to the queue that they came from.
//!
//! A letter is removed only when the queue has accepted it. Whoever stops in between leaves it in
//! both, and what it announces is loaded once all the same.

use std::num::NonZeroU32;

use alluvium_model::ports::{
    LETTERS_BYTES_MAX, Letter, LetterCount, QUEUE_BATCH_MAX, SendLetters, TakeLetters,
};
use serde::Serialize;

use crate::{Backoff, LakeError, handover::hand_over, pace::Pace};

/// Sends dead letters back.
#[derive(Debug)]
pub struct Redrive<D, Q> {
    dead_letters: D,
    queue: Q,
    a_second: Option<NonZeroU32>,
    backoff: Backoff,
}

/// What became of dead letters so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RedriveReport {
    /// Letters that were there in the beginning, as far as the queue knows.
    pub found: u64,
    /// Letters that somebody else had taken then; they may come back.
    pub taken_by_others: u64,
    /// Letters that were sent back and removed.
    pub moved: u64,
}

impl RedriveReport {
    /// Whether all that were found are gone.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.moved >= self.found
    }
}

impl<D: TakeLetters, Q: SendLetters> Redrive<D, Q> {
    /// Sends back what is in `dead_letters` to `queue`, at most so many `a_second`.
    pub const fn new(
        dead_letters: D,
        queue: Q,
        a_second: Option<NonZeroU32>,
        backoff: Backoff,
    ) -> Self {
        Self { dead_letters, queue, a_second, backoff }
    }

    /// Counts the letters.
    ///
    /// # Errors
    /// When the queue fails in spite of all retries.
    pub async fn count(&self, report: &mut RedriveReport) -> Result<(), LakeError> {
        let counted = self.backoff.retry(|| self.dead_letters.count_letters()).await?;
        let LetterCount { waiting, taken } = counted;
        *report = RedriveReport { found: waiting, taken_by_others: taken, moved: 0 };
        Ok(())
    }

    /// Sends back as many letters as were counted: one that fails again and comes back meanwhile
    /// does not keep this going. Ends earlier when no letter is left that can be taken. `report`
    /// is kept true after each step.
    ///
    /// # Errors
    /// When a queue fails in spite of all retries; letters that were not accepted are left.
    pub async fn run(
        &self,
        report: &mut RedriveReport,
        mut watch: impl FnMut(&RedriveReport),
    ) -> Result<(), LakeError> {
        let mut pace = Pace::new(self.a_second);
        while !report.is_complete() {
            let count = usize::try_from(report.found - report.moved).unwrap_or(usize::MAX);
            let count = count.min(QUEUE_BATCH_MAX);
            let letters = self.backoff.retry(|| self.dead_letters.take_letters(count)).await?;
            if letters.is_empty() {
                return Ok(());
            }
            for batch in batches(&letters) {
                pace.wait_for(batch.len()).await;
                self.forward(batch, report).await?;
                watch(report);
            }
        }
        Ok(())
    }

    /// Sends letters and removes those that were accepted.
    async fn forward(
        &self,
        letters: &[Letter],
        report: &mut RedriveReport,
    ) -> Result<(), LakeError> {
        let call = async |left: &[Letter]| self.queue.send_letters(left).await;
        let sent = hand_over(self.backoff, letters, call).await;
        let accepted = sent.accepted_of(letters);
        let call = async |left: &[Letter]| self.dead_letters.remove_letters(left).await;
        let removed = hand_over(self.backoff, &accepted, call).await;
        report.moved += removed.accepted_of(&accepted).len() as u64;
        sent.error.or(removed.error).map_or(Ok(()), |error| Err(error.into()))
    }
}

/// Letters in groups that can be sent at once.
fn batches(letters: &[Letter]) -> impl Iterator<Item = &[Letter]> {
    let mut bytes = 0;
    letters.chunk_by(move |left, right| {
        bytes = if bytes == 0 { left.body.len() } else { bytes } + right.body.len();
        let together = bytes <= LETTERS_BYTES_MAX;
        bytes = if together { bytes } else { right.body.len() };
        together
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_go_together_as_long_as_they_fit() {
        let check = |bytes: &[usize], expected: &[usize]| {
            let letter =
                |bytes: &usize| Letter { body: "x".repeat(*bytes), receipt: String::new() };
            let letters: Vec<_> = bytes.iter().map(letter).collect();
            let lengths: Vec<_> = batches(&letters).map(<[Letter]>::len).collect();
            assert_eq!(lengths, expected, "{bytes:?}");
        };
        let most = LETTERS_BYTES_MAX;
        check(&[], &[]);
        check(&[1, 2, 3], &[3]);
        check(&[most, 1, most - 1, 1], &[1, 2, 1]);
        check(&[2 * most, 1], &[1, 1]);
        check(&[1, 2 * most, 2 * most], &[1, 1, 1]);
    }
}
