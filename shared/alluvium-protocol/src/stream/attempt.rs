//! An attempt at a shard: a batch that is delivered, a replay of one that was given up, or the
//! schedule that finishes what is pending.
//!
//! All of them agree by the watermark. A batch *accepts* what lies beyond it: a raw object is
//! written, then the watermark is replaced by one that has passed the batch and names the object as
//! pending. Whoever cannot do so, since another was first or an answer was lost, begins again and
//! leaves its object, which nothing names. Rows come from pending ranges only, each of them by the
//! ledger as any source does; a range leaves the watermark when it is committed.

mod range;
mod replay;

use super::{
    Streams,
    state::{State, Watermark},
    step::Step,
    words::{Range, Record},
};
use crate::{
    attempt::Ending,
    set::{Member, Set},
};

/// What an attempt is at work for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Task {
    /// The mapping delivers a batch.
    Deliver(Range),
    /// What the mapping has given up is replayed.
    Replay(Range),
    /// Whatever is pending is finished.
    Schedule,
    /// Whatever has failed is made pending again, and finished.
    TryFailedAgain,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It takes effect and is answered.
    Answered,
    /// It takes effect and is answered as if somebody else had been first.
    AnswerLost,
    /// It is not made: the attempt dies.
    Died,
    /// It fails for the last time that it may, and so does the range it is about.
    FailedForGood,
}

/// Where an attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum At {
    /// It makes this call next.
    Call(Step),
    Ended(Ending),
}

/// An attempt at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Attempt {
    pub(crate) task: Task,
    pub(crate) at: At,
    /// The watermark as it was read or written last.
    seen: Watermark,
    /// Whether nobody has replaced it since.
    pub(crate) seen_is_current: bool,
    /// What it is about to accept, and how much of that is not yet written.
    runs: Set<Range>,
    unwritten: Set<Range>,
    /// What is to be looked up, and what of it has an entry (a replay).
    to_look_up: Set<Range>,
    with_entry: Set<Range>,
    /// What was given up is accepted (a replay).
    is_accepted: bool,
    /// What the raw object at hand held, and whether its entry is to be claimed.
    loaded: Set<Record>,
    unclaimed: bool,
    /// Ranges that are known to be committed.
    committed: Set<Range>,
}

/// An attempt during one of its calls.
struct Turn<'a> {
    streams: &'a Streams,
    state: &'a mut State,
    attempt: Attempt,
    fate: Fate,
}

impl Attempt {
    pub(crate) fn new(streams: &Streams, task: Task) -> Self {
        Self {
            task,
            at: At::Call(first_call(streams, task)),
            seen: Watermark::NEW,
            seen_is_current: false,
            runs: Set::EMPTY,
            unwritten: Set::EMPTY,
            to_look_up: Set::EMPTY,
            with_entry: Set::EMPTY,
            is_accepted: false,
            loaded: Set::EMPTY,
            unclaimed: false,
            committed: Set::EMPTY,
        }
    }

    /// Makes the attempt's next call; tells which one, and how the attempt ended if it did.
    pub(crate) fn go_on(
        self,
        streams: &Streams,
        state: &mut State,
        slot: usize,
        fate: Fate,
    ) -> (Option<Step>, Option<Ending>) {
        let At::Call(step) = self.at else { return (None, None) };
        let mut turn = Turn { streams, state, attempt: self, fate };
        turn.call(step);
        let attempt = turn.attempt;
        state.attempts[slot] = Some(attempt);
        let At::Ended(ending) = attempt.at else { return (Some(step), None) };
        if let (Task::Deliver(batch), Ending::Done) = (attempt.task, ending) {
            state.done = state.done.union(batch.records());
        }
        state.end(slot);
        (Some(step), Some(ending))
    }

    /// Whether the next call is one that compares, and would take effect.
    pub(crate) fn is_about_to_change(&self, streams: &Streams, state: &State) -> bool {
        let At::Call(step) = self.at else { return false };
        match step {
            Step::SetWatermark | Step::Release | Step::MoveToFailed(_) | Step::MoveBack => {
                self.may_replace(streams, state)
            }
            Step::Claim(range) => !state.is_claimed(streams.name_of(range)),
            Step::CommitEntry(range) => state.is_writing(streams.name_of(range)),
            Step::ReadWatermark
            | Step::ListRaw
            | Step::LookUp(_)
            | Step::WriteRaw(_)
            | Step::ReadEntry(_)
            | Step::OpenRaw(_)
            | Step::WriteFile(_)
            | Step::DeleteGivenUp
            | Step::DeleteRaw(_)
            | Step::DeleteFile(_) => false,
        }
    }

    /// Whether the watermark has the bytes that were seen.
    fn may_replace(&self, streams: &Streams, state: &State) -> bool {
        if streams.protections.watermark_never_repeats {
            self.seen_is_current
        } else {
            state.watermark == self.seen
        }
    }
}

fn first_call(streams: &Streams, task: Task) -> Step {
    match task {
        Task::Replay(_) if !streams.protections.watermark_before_listing => Step::ListRaw,
        Task::Replay(_) | Task::Deliver(_) | Task::Schedule | Task::TryFailedAgain => {
            Step::ReadWatermark
        }
    }
}

impl Turn<'_> {
    /// One call. What the code does in one go without a call is done along with it.
    fn call(&mut self, step: Step) {
        self.attempt.at = match step {
            Step::ReadWatermark => {
                self.attempt.seen = self.state.watermark;
                self.attempt.seen_is_current = true;
                self.after_reading()
            }
            Step::ListRaw => self.list_raw(),
            Step::LookUp(range) => self.look_up(range),
            Step::WriteRaw(range) => self.write_raw(range),
            Step::SetWatermark => self.set_watermark(),
            Step::ReadEntry(range) => self.read_entry(range),
            Step::OpenRaw(range) => self.open_raw(range),
            Step::Claim(range) => self.claim(range),
            Step::WriteFile(range) => self.write_file(range),
            Step::CommitEntry(range) => self.commit_entry(range),
            Step::Release => self.release(),
            Step::MoveToFailed(range) => self.move_to_failed(range),
            Step::MoveBack => self.move_back(),
            Step::DeleteGivenUp => self.delete_given_up(),
            Step::DeleteRaw(range) => self.delete_own(range, Step::DeleteRaw),
            Step::DeleteFile(range) => self.delete_own(range, Step::DeleteFile),
        };
    }

    fn after_reading(&mut self) -> At {
        match self.attempt.task {
            Task::TryFailedAgain if !self.attempt.seen.failed.is_empty() => {
                At::Call(Step::MoveBack)
            }
            Task::Schedule | Task::TryFailedAgain => self.next_pending(),
            Task::Deliver(batch) => {
                self.accept(batch.records().difference(self.attempt.seen.passed))
            }
            Task::Replay(given_up) => self.replay_after_reading(given_up),
        }
    }

    /// Sets about accepting these records.
    fn accept(&mut self, records: Set<Record>) -> At {
        self.attempt.runs = Range::runs(records);
        self.attempt.unwritten = self.attempt.runs;
        let Some(first) = self.attempt.runs.first() else { return self.next_pending() };
        At::Call(if !self.streams.protections.raw_first {
            Step::WriteFile(first)
        } else if self.streams.protections.raw_before_watermark {
            Step::WriteRaw(first)
        } else {
            Step::SetWatermark
        })
    }

    fn write_raw(&mut self, range: Range) -> At {
        self.state.write_raw(self.streams.name_of(range), range);
        self.attempt.unwritten = self.attempt.unwritten.without(range);
        match self.attempt.unwritten.first() {
            Some(next) => At::Call(Step::WriteRaw(next)),
            None if self.streams.protections.raw_before_watermark => At::Call(Step::SetWatermark),
            None => self.accepted(),
        }
    }

    /// Replaces the watermark by one that has passed what was written, and names it as pending.
    fn set_watermark(&mut self) -> At {
        let Attempt { seen, runs, task, .. } = self.attempt;
        let up_to_last = |range: Range| {
            let records = Record::ALL.iter().copied();
            Set::of(records.filter(|record| *record <= range.last()))
        };
        let pending = if self.streams.protections.raw_first {
            seen.pending.union(runs)
        } else {
            seen.pending
        };
        let protections = self.streams.protections;
        let (compares, moves_on) = match task {
            Task::Replay(_) => (protections.replay_compares, protections.replay_passes),
            Task::Deliver(_) | Task::Schedule | Task::TryFailedAgain => {
                (protections.deliveries_compare, true)
            }
        };
        let passed = if moves_on {
            runs.iter().map(up_to_last).fold(seen.passed, Set::union)
        } else {
            seen.passed
        };
        let is_set = self.replace_watermark(Watermark { passed, pending, ..seen }, compares);
        if !is_set {
            return self.lost();
        }
        match self.attempt.unwritten.first() {
            Some(first) if !self.streams.protections.raw_before_watermark => {
                At::Call(Step::WriteRaw(first))
            }
            Some(_) | None => self.accepted(),
        }
    }

    /// Replaces the watermark that was seen, or, without comparing, whatever is there; whether the
    /// answer says that it was.
    fn replace_watermark(&mut self, watermark: Watermark, compares: bool) -> bool {
        if compares && !self.attempt.may_replace(self.streams, self.state) {
            return false;
        }
        self.state.replace_watermark(watermark);
        let is_answered = self.fate != Fate::AnswerLost;
        self.attempt.seen_is_current = is_answered;
        if is_answered {
            self.attempt.seen = watermark;
        }
        is_answered
    }

    /// Somebody else was first, or it seems so.
    fn lost(&mut self) -> At {
        match self.attempt.runs.first() {
            Some(first) if !self.streams.protections.losers_delete_nothing => {
                let deletes = if self.streams.protections.raw_first {
                    Step::DeleteRaw
                } else {
                    Step::DeleteFile
                };
                At::Call(deletes(first))
            }
            Some(_) | None => self.begin_again(),
        }
    }

    fn begin_again(&mut self) -> At {
        let Attempt { task, is_accepted, committed, .. } = self.attempt;
        self.attempt = Attempt { is_accepted, committed, ..Attempt::new(self.streams, task) };
        self.attempt.at
    }

    fn delete_own(&mut self, range: Range, deletes: fn(Range) -> Step) -> At {
        self.state.delete(self.streams.name_of(range), deletes(range));
        self.attempt.runs = self.attempt.runs.without(range);
        match self.attempt.runs.first() {
            Some(next) => At::Call(deletes(next)),
            None => self.begin_again(),
        }
    }

    /// What the attempt brought is in the watermark.
    fn accepted(&mut self) -> At {
        self.attempt.runs = Set::EMPTY;
        self.attempt.unwritten = Set::EMPTY;
        match self.attempt.task {
            Task::Replay(_) => At::Call(Step::DeleteGivenUp),
            Task::Deliver(_) | Task::Schedule | Task::TryFailedAgain => self.next_pending(),
        }
    }

    /// Loads the oldest pending range, if one is left that is not known to be committed.
    fn next_pending(&mut self) -> At {
        let Watermark { pending, .. } = self.attempt.seen;
        let left = pending.difference(self.attempt.committed);
        match left.iter().min_by_key(|range| (range.first(), range.last())) {
            Some(oldest) => At::Call(Step::ReadEntry(oldest)),
            None if pending.is_empty() => At::Ended(Ending::Done),
            None => At::Call(Step::Release),
        }
    }

    fn release(&mut self) -> At {
        let seen = self.attempt.seen;
        let pending = seen.pending.difference(self.attempt.committed);
        if self.replace_watermark(Watermark { pending, ..seen }, true) {
            self.next_pending()
        } else {
            At::Call(Step::ReadWatermark)
        }
    }

    fn move_to_failed(&mut self, range: Range) -> At {
        let seen = self.attempt.seen;
        let (pending, failed) = (seen.pending.without(range), seen.failed.with(range));
        if self.replace_watermark(Watermark { pending, failed, ..seen }, true) {
            self.next_pending()
        } else {
            At::Call(Step::ReadWatermark)
        }
    }

    fn move_back(&mut self) -> At {
        let seen = self.attempt.seen;
        let (pending, failed) = (seen.pending.union(seen.failed), Set::EMPTY);
        if self.replace_watermark(Watermark { pending, failed, ..seen }, true) {
            self.next_pending()
        } else {
            At::Call(Step::ReadWatermark)
        }
    }
}
