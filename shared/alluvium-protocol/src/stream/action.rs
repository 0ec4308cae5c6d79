//! What may happen next to a shard, and what it changes.

use super::{
    Streams,
    attempt::{At, Fate, Task},
    state::{Entry, Raw, State},
    step::Step,
    words::Range,
};
use crate::{set::Member as _, words::ATTEMPTS};

/// One event: a call of somebody, or something that time or the outside brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// An attempt begins, and makes its first call.
    Begin(Task),
    /// An attempt makes its next call.
    Attempt(usize, Fate),
    /// The mapping gives up a batch: it goes on behind it, and leaves it in an object.
    GiveUp(Range),
    /// The bytes of a raw object whose range is committed are dropped.
    Drop(Range),
    /// The ledger entry of a range expires.
    EntryExpires(Range),
}

impl Action {
    /// The event in words: who does what, in the state that it comes in.
    pub(super) fn told(self, state: &State) -> String {
        match self {
            Self::Attempt(slot, fate) => match state.attempts[slot].map(|attempt| attempt.at) {
                Some(At::Call(step)) => format!("attempt {slot}: {step}, {fate:?}"),
                Some(At::Ended(_)) | None => format!("attempt {slot}"),
            },
            Self::Begin(_) | Self::GiveUp(_) | Self::Drop(_) | Self::EntryExpires(_) => {
                format!("{self:?}")
            }
        }
    }
}

impl Streams {
    /// The events that may come next.
    pub(super) fn possible(&self, state: &State, actions: &mut Vec<Action>) {
        let reached = || Range::ALL.iter().copied().filter(|batch| state.reaches(*batch));
        if (0..self.bounds.attempts).any(|slot| state.attempts[slot].is_none()) {
            if state.left.deliveries > 0 {
                actions.extend(reached().map(|batch| Action::Begin(Task::Deliver(batch))));
            }
            if state.left.replays > 0 {
                let given_up = state.given_up.iter();
                actions.extend(given_up.map(|batch| Action::Begin(Task::Replay(batch))));
            }
            if state.left.schedules > 0 {
                actions.push(Action::Begin(Task::Schedule));
            }
            if state.left.second_tries > 0 && !state.watermark.failed.is_empty() {
                actions.push(Action::Begin(Task::TryFailedAgain));
            }
        }
        if state.left.given_up > 0 {
            actions.extend(reached().map(Action::GiveUp));
        }
        for slot in 0..ATTEMPTS {
            self.of_attempt(state, slot, actions);
        }
        let committed = |range: &Range| state.is_committed(self.name_of(*range));
        if state.left.drops > 0 {
            let is_due = |range: &Range| self.may_drop(state, *range);
            actions.extend(Range::ALL.iter().copied().filter(is_due).map(Action::Drop));
        }
        if state.left.expiries > 0 && !self.protections.entries_outlive_failures {
            let expiring = Range::ALL.iter().copied().filter(committed);
            actions.extend(expiring.map(Action::EntryExpires));
        }
    }

    fn of_attempt(&self, state: &State, slot: usize, actions: &mut Vec<Action>) {
        let Some(attempt) = state.attempts[slot] else { return };
        actions.push(Action::Attempt(slot, Fate::Answered));
        if state.left.crashes > 0 {
            actions.push(Action::Attempt(slot, Fate::Died));
        }
        if state.left.lost_answers > 0 && attempt.is_about_to_change(self, state) {
            actions.push(Action::Attempt(slot, Fate::AnswerLost));
        }
        let loads = matches!(attempt.at, At::Call(Step::ReadEntry(_)));
        if state.left.failures > 0 && attempt.task == Task::Schedule && loads {
            actions.push(Action::Attempt(slot, Fate::FailedForGood));
        }
    }

    fn may_drop(&self, state: &State, range: Range) -> bool {
        let name = self.name_of(range);
        let is_old = match state.entries[name] {
            Entry::Committed { since } => since.is_empty() || !self.protections.drop_waits,
            Entry::Absent | Entry::Writing | Entry::Expired => false,
        };
        is_old && matches!(state.raw[name], Raw::Bytes(_))
    }

    /// Lets the event happen.
    pub(super) fn act(&self, state: &mut State, action: Action) {
        match action {
            Action::Begin(task) => {
                match task {
                    Task::Deliver(_) => state.left.deliveries -= 1,
                    Task::Replay(_) => state.left.replays -= 1,
                    Task::Schedule => state.left.schedules -= 1,
                    Task::TryFailedAgain => state.left.second_tries -= 1,
                }
                if let Some(slot) = self.begin(state, task) {
                    self.attempt(state, slot, Fate::Answered);
                }
            }
            Action::Attempt(slot, Fate::Died) => {
                state.left.crashes -= 1;
                state.end(slot);
            }
            Action::Attempt(slot, fate) => {
                match fate {
                    Fate::AnswerLost => state.left.lost_answers -= 1,
                    Fate::FailedForGood => state.left.failures -= 1,
                    Fate::Answered | Fate::Died => {}
                }
                self.attempt(state, slot, fate);
            }
            Action::GiveUp(batch) => {
                state.left.given_up -= 1;
                state.done = state.done.union(batch.records());
                state.given_up = state.given_up.with(batch);
            }
            Action::Drop(range) => {
                state.left.drops -= 1;
                let dropped =
                    if self.protections.dropped_keeps_its_name { Raw::Empty } else { Raw::Absent };
                state.raw[self.name_of(range)] = dropped;
            }
            Action::EntryExpires(range) => {
                state.left.expiries -= 1;
                state.entries[self.name_of(range)] = Entry::Expired;
            }
        }
    }

    fn attempt(&self, state: &mut State, slot: usize, fate: Fate) {
        if let Some(attempt) = state.attempts[slot] {
            attempt.go_on(self, state, slot, fate);
        }
    }
}
