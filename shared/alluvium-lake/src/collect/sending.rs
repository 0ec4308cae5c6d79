//! Sending records to a stream until it has accepted all of them.

use std::collections::VecDeque;

use alluvium_model::{
    ErrorKind, PortError,
    ports::{OutgoingRecord, STREAM_BATCH_BYTES_MAX, STREAM_BATCH_MAX, SendRecords, Sent},
};

use super::{Accepted, CollectError};
use crate::{Backoff, Deadline, LakeError, backoff::Tries};

/// How the records of one request are sent.
pub(super) struct Sending<'a, S> {
    stream: &'a S,
    backoff: Backoff,
    deadline: Deadline,
}

/// Why records of a batch were not accepted.
enum Refusal {
    Throttled,
    Failed(LakeError),
    OutOfTime,
}

impl<'a, S: SendRecords> Sending<'a, S> {
    pub(super) const fn new(stream: &'a S, backoff: Backoff, deadline: Deadline) -> Self {
        Self { stream, backoff, deadline }
    }

    /// Sends the records of these events, in batches. `accepted` is kept true after each of them.
    pub(super) async fn send_all(
        &self,
        events: Vec<usize>,
        record: impl Fn(usize) -> OutgoingRecord,
        accepted: &mut Accepted,
    ) -> Result<(), CollectError> {
        let mut left = VecDeque::from(events);
        let mut tries = self.backoff.begin();
        let mut throttled = false;
        while !left.is_empty() {
            let batch = batch(left.iter().map(|event| record(*event)));
            let sent: Vec<_> = left.drain(..batch.len()).collect();
            let (refused, refusal) = self.send(&batch, sent).await;
            accepted.to_stream += batch.len() - refused.len();
            if refused.len() < batch.len() {
                // It goes on, however slowly: only the deadline ends that.
                tries = self.backoff.begin();
            }
            for event in refused.into_iter().rev() {
                left.push_front(event);
            }
            throttled |= matches!(refusal, Some(Refusal::Throttled));
            if let Some(refusal) = refusal
                && !self.may_go_on(&refusal, &mut tries).await
            {
                return Err(refusal.error(*accepted, throttled));
            }
        }
        Ok(())
    }

    /// Sends one batch; returns the events that were not accepted, and why.
    async fn send(
        &self,
        batch: &[OutgoingRecord],
        events: Vec<usize>,
    ) -> (Vec<usize>, Option<Refusal>) {
        let answers = match self.deadline.call(self.stream.send_records(batch)).await {
            Ok(answers) => answers,
            Err(LakeError::OutOfTime) => return (events, Some(Refusal::OutOfTime)),
            Err(error) => return (events, Some(Refusal::Failed(error))),
        };
        let answers = answers.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
        let (mut refused, mut refusal) = (Vec::new(), None);
        for (event, answer) in events.into_iter().zip(answers) {
            let failed = match answer {
                Some(Sent::Accepted) => continue,
                Some(Sent::Throttled) => Refusal::Throttled,
                Some(Sent::Failed(error)) => Refusal::Failed(error.into()),
                None => Refusal::Failed(unanswered().into()),
            };
            refused.push(event);
            refusal = Some(failed.or_worse(refusal));
        }
        (refused, refusal)
    }

    /// Pauses before what was refused is sent again; false if that is of no use, or if there is no
    /// time.
    async fn may_go_on(&self, refusal: &Refusal, tries: &mut Tries) -> bool {
        let pause = async { Ok::<_, LakeError>(tries.pause().await) };
        refusal.may_pass() && matches!(self.deadline.call(pause).await, Ok(true))
    }
}

impl Refusal {
    fn may_pass(&self) -> bool {
        match self {
            Self::Throttled => true,
            Self::OutOfTime => false,
            Self::Failed(error) => error.kind() == ErrorKind::Retry,
        }
    }

    /// What will not pass is worse than what may, and of that a failure than throttling.
    fn or_worse(self, other: Option<Self>) -> Self {
        match other {
            Some(other) if other.badness() >= self.badness() => other,
            Some(_) | None => self,
        }
    }

    fn badness(&self) -> u8 {
        match self {
            Self::Throttled => 0,
            Self::Failed(_) if self.may_pass() => 1,
            Self::Failed(_) | Self::OutOfTime => 2,
        }
    }

    /// What the request fails with; time may have run out because something `throttled`.
    fn error(self, accepted: Accepted, throttled: bool) -> CollectError {
        match self {
            Self::OutOfTime if throttled => CollectError::Throttled { accepted },
            Self::OutOfTime => CollectError::OutOfTime { accepted },
            Self::Throttled => CollectError::Throttled { accepted },
            Self::Failed(source) => CollectError::Unsent { accepted, source: Box::new(source) },
        }
    }
}

/// A port must answer for each record; one that it does not answer for is not accepted.
fn unanswered() -> PortError {
    let error = PortError::new(ErrorKind::Bug, "send records to", "a stream");
    error.because("it does not say what became of all of them")
}

/// The first records, as many as may be sent at once.
fn batch(records: impl Iterator<Item = OutgoingRecord>) -> Vec<OutgoingRecord> {
    let mut bytes = 0;
    let fits = |record: &OutgoingRecord| {
        let is_first = bytes == 0;
        bytes += record.bytes();
        is_first || bytes <= STREAM_BATCH_BYTES_MAX
    };
    records.take(STREAM_BATCH_MAX).take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_go_together_as_long_as_they_fit() {
        let check = |bytes: &[usize], expected: usize| {
            let record = |bytes: &usize| OutgoingRecord {
                partition_key: "camera/7".to_owned(),
                data: vec![b'x'; bytes - "camera/7".len()].into(),
            };
            assert_eq!(batch(bytes.iter().map(record)).len(), expected, "{bytes:?}");
        };
        let most = STREAM_BATCH_BYTES_MAX;
        check(&[], 0);
        check(&[9, 9, 9], 3);
        check(&[most - 20, 20, 8], 2);
        check(&[most - 20, 21, 8], 1);
        check(&[2 * most, 8], 1);
        check(&[8, 2 * most], 1);
        check(&[8; 501], 500);
    }
}
