//! What becomes of a batch when its invocation has ended, and when it has not.

use serde_json::Value;

use super::{
    super::{
        KinesisMappingSettings,
        given_up::{GivenUp, LastFailure, Reason},
        poller::{Batch, Failed, RetryRules},
        verdict::{Verdict, verdict},
    },
    BACK_MAX, Run, Work, poller_of,
};
use crate::queue_settings::happens;

impl<E> Run<'_, '_, E> {
    pub(super) fn settle(&mut self, work: Work, answer: Result<Value, E>) {
        if work.poller.is_none() {
            return;
        }
        let records = self.shards.records_in(work.shard, work.batch.places.clone());
        match answer.map(|answer| verdict(&answer, &records)) {
            Err(_) => {
                self.report.errors += 1;
                self.failed_whole(&work);
            }
            Ok(_) if happens(self.random, self.settings.faults.lost_answer) => {
                self.report.lost_answers += 1;
                self.failed_whole(&work);
            }
            Ok(Verdict::Wrong) => {
                self.report.wrong_answers += 1;
                let from = work.batch.places.start;
                self.failed(&work, from, LastFailure::Answer);
            }
            Ok(Verdict::FailedFrom(place)) => {
                self.report.failures += 1;
                let from = work.batch.places.start + place;
                self.failed(&work, from, LastFailure::Answer);
            }
            Ok(Verdict::Done) => self.done(work),
        }
    }

    fn done(&mut self, work: Work) {
        let restarts = happens(self.random, self.settings.faults.restart);
        let back = self.random.usize(1..=BACK_MAX);
        if let Some(poller) = poller_of(self.pollers, &work) {
            poller.is_waiting = false;
            poller.done(&work.batch);
            if restarts {
                poller.restart(back);
                self.report.restarts += 1;
            }
        }
        self.note_settled(work.shard, work.batch.places.end);
        if happens(self.random, self.settings.faults.duplicate) {
            self.duplicates.push((work.shard, work.batch));
        }
    }

    pub(super) fn failed_whole(&mut self, work: &Work) {
        let from = work.batch.places.start;
        self.failed(work, from, LastFailure::Error);
    }

    /// The batch has failed from this place on, if anybody asks.
    fn failed(&mut self, work: &Work, from: usize, failure: LastFailure) {
        let Some(poller) = poller_of(self.pollers, work) else { return };
        let KinesisMappingSettings { retries_max, bisect, retry_pause, .. } = self.settings;
        let pause = retry_pause.mul_f64(self.random.f64() * 2.0);
        poller.is_waiting = false;
        poller.waits_until = self.shards.clock().after(pause);
        match poller.failed(&work.batch, from, RetryRules { retries_max, bisect }) {
            Failed::Again => {}
            Failed::Split => self.report.splits += 1,
            Failed::GivenUp(batch) => self.give_up(work.shard, batch, Reason::Retries(failure)),
        }
        self.note_settled(work.shard, from);
    }

    pub(super) fn give_up(&mut self, shard: usize, batch: Batch, reason: Reason) {
        self.report.given_up += 1;
        self.note_settled(shard, batch.places.end);
        let given_up = GivenUp { shards: self.shards, shard, batch, reason };
        self.failure_objects.put(given_up.object(self.identity, self.random));
    }

    fn note_settled(&mut self, shard: usize, checkpoint: usize) {
        if let Some(settled) = self.settled.get_mut(shard) {
            *settled = checkpoint.max(*settled);
        }
    }
}
