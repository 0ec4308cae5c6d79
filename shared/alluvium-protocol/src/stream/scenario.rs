//! What one attempt at a shard does in a given situation, call by call, as the model does it: what
//! code is to be compared with, as for objects.

use super::{
    Streams,
    attempt::{At, Fate, Task},
    bounds::Bounds,
    protections::Protections,
    state::State,
    step::Step,
    words::Range,
};
use crate::{attempt::Ending, words::ATTEMPTS};

/// A situation that an attempt may find itself in. Where nothing else is said, the batch is that of
/// the first two records, and nobody was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scenario {
    /// A batch that is new.
    NewBatch,
    /// A batch that was loaded.
    LoadedBatch,
    /// A batch of all three records, the first two of which were loaded.
    PartlyLoadedBatch,
    /// A batch that another attempt has accepted, which died then.
    PendingBatch,
    /// A batch of the third record; the first two are pending.
    OlderPending,
    /// Another attempt accepts and loads the first record before this one sets the watermark.
    AcceptedMeanwhile,
    /// The watermark is set, and answered as a conflict.
    SetAnswerLost,
    /// Another attempt finishes the batch before this one releases it.
    ReleasedMeanwhile,
    /// The schedule where nothing is pending.
    NothingPending,
    /// The schedule where the batch is pending.
    SchedulePending,
    /// The schedule where it can not be loaded for good.
    ScheduleFails,
    /// A second try of the batch, which has failed.
    FailedTriedAgain,
    /// A replay of the batch, which nobody has accepted.
    ReplayNew,
    /// A replay of all three records, of which a delivery has loaded the second alone.
    ReplayPartlyLoaded,
    /// A replay of the batch, which is pending.
    ReplayPending,
    /// A replay of the batch; the first record is accepted and loaded before it sets the
    /// watermark.
    ReplayAcceptedMeanwhile,
}

impl Scenario {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::NewBatch,
        Self::LoadedBatch,
        Self::PartlyLoadedBatch,
        Self::PendingBatch,
        Self::OlderPending,
        Self::AcceptedMeanwhile,
        Self::SetAnswerLost,
        Self::ReleasedMeanwhile,
        Self::NothingPending,
        Self::SchedulePending,
        Self::ScheduleFails,
        Self::FailedTriedAgain,
        Self::ReplayNew,
        Self::ReplayPartlyLoaded,
        Self::ReplayPending,
        Self::ReplayAcceptedMeanwhile,
    ];

    /// What the attempt is at work for.
    #[must_use]
    pub const fn task(self) -> Task {
        match self {
            Self::NewBatch
            | Self::LoadedBatch
            | Self::PendingBatch
            | Self::AcceptedMeanwhile
            | Self::SetAnswerLost
            | Self::ReleasedMeanwhile => Task::Deliver(Range::FirstTwo),
            Self::PartlyLoadedBatch => Task::Deliver(Range::All),
            Self::OlderPending => Task::Deliver(Range::Third),
            Self::NothingPending | Self::SchedulePending | Self::ScheduleFails => Task::Schedule,
            Self::FailedTriedAgain => Task::TryFailedAgain,
            Self::ReplayNew | Self::ReplayPending | Self::ReplayAcceptedMeanwhile => {
                Task::Replay(Range::FirstTwo)
            }
            Self::ReplayPartlyLoaded => Task::Replay(Range::All),
        }
    }

    /// What happened before.
    fn before(self, stage: &mut Stage) {
        match self {
            Self::NewBatch
            | Self::AcceptedMeanwhile
            | Self::SetAnswerLost
            | Self::ReleasedMeanwhile
            | Self::NothingPending
            | Self::ReplayNew
            | Self::ReplayAcceptedMeanwhile => {}
            Self::LoadedBatch | Self::PartlyLoadedBatch => {
                stage.run(Task::Deliver(Range::FirstTwo));
            }
            Self::PendingBatch
            | Self::OlderPending
            | Self::SchedulePending
            | Self::ScheduleFails
            | Self::ReplayPending => stage.accept(Range::FirstTwo),
            Self::FailedTriedAgain => {
                stage.accept(Range::FirstTwo);
                stage.fail();
            }
            Self::ReplayPartlyLoaded => stage.run(Task::Deliver(Range::Second)),
        }
    }

    /// What happens right before the attempt's next call, if it is now; and what becomes of that.
    fn disturb(self, step: Step, stage: &mut Stage) -> Option<Fate> {
        let sets = step == Step::SetWatermark;
        let meanwhile = matches!(self, Self::AcceptedMeanwhile | Self::ReplayAcceptedMeanwhile);
        if meanwhile && sets {
            stage.run(Task::Deliver(Range::First));
        } else if self == Self::ReleasedMeanwhile && step == Step::Release {
            stage.run(Task::Schedule);
        } else if self == Self::SetAnswerLost && sets {
            return Some(Fate::AnswerLost);
        } else if self == Self::ScheduleFails && matches!(step, Step::ReadEntry(_)) {
            return Some(Fate::FailedForGood);
        } else {
            return None;
        }
        Some(Fate::Answered)
    }
}

/// The calls of one attempt in a situation, in order.
#[must_use]
pub fn steps_of(scenario: Scenario) -> Vec<Step> {
    play(scenario).0
}

/// How that attempt ends.
#[must_use]
pub fn ending_of(scenario: Scenario) -> Ending {
    play(scenario).1
}

fn play(scenario: Scenario) -> (Vec<Step>, Ending) {
    let bounds = Bounds { attempts: ATTEMPTS, ..Bounds::TWO_DELIVERIES };
    let streams = Streams { protections: Protections::ALL, bounds };
    let mut stage = Stage { streams, state: State::first(&bounds) };
    scenario.before(&mut stage);
    let (mut steps, mut disturbed) = (Vec::new(), false);
    let Some(slot) = streams.begin(&mut stage.state, scenario.task()) else {
        return (steps, Ending::Retry);
    };
    while let Some(At::Call(step)) = stage.state.attempts[slot].map(|attempt| attempt.at) {
        let fate = if disturbed { None } else { scenario.disturb(step, &mut stage) };
        disturbed |= fate.is_some();
        let fate = fate.unwrap_or(Fate::Answered);
        // Others may have replaced what this attempt remembers.
        let Some(attempt) = stage.state.attempts[slot] else { break };
        let (step, ending) = attempt.go_on(&streams, &mut stage.state, slot, fate);
        steps.extend(step);
        if let Some(ending) = ending {
            return (steps, ending);
        }
    }
    (steps, Ending::Retry)
}

/// Where a situation is brought about.
struct Stage {
    streams: Streams,
    state: State,
}

impl Stage {
    /// An attempt runs to its end.
    fn run(&mut self, task: Task) {
        self.run_to(task, |_| false);
    }

    /// An attempt accepts a batch and dies.
    fn accept(&mut self, batch: Range) {
        let slot = self.run_to(Task::Deliver(batch), |step| matches!(step, Step::ReadEntry(_)));
        if let Some(slot) = slot {
            self.state.end(slot);
        }
    }

    /// The schedule finds that what is pending cannot be loaded.
    fn fail(&mut self) {
        let slot = self.run_to(Task::Schedule, |step| matches!(step, Step::ReadEntry(_)));
        let attempt =
            slot.and_then(|slot| self.state.attempts[slot].map(|attempt| (slot, attempt)));
        let Some((slot, attempt)) = attempt else { return };
        attempt.go_on(&self.streams, &mut self.state, slot, Fate::FailedForGood);
        while let Some(attempt) = self.state.attempts[slot] {
            attempt.go_on(&self.streams, &mut self.state, slot, Fate::Answered);
        }
    }

    /// An attempt runs until it is about to make a call, and stays there.
    fn run_to(&mut self, task: Task, is_far: impl Fn(Step) -> bool) -> Option<usize> {
        let slot = self.streams.begin(&mut self.state, task)?;
        while let Some(attempt) = self.state.attempts[slot] {
            if matches!(attempt.at, At::Call(step) if is_far(step)) {
                return Some(slot);
            }
            attempt.go_on(&self.streams, &mut self.state, slot, Fate::Answered);
        }
        None
    }
}
