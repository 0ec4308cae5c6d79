//! What one attempt does in a given situation, call by call, as the model does it.
//!
//! This is how the code is held to the model: a test runs the code in the same situation over
//! fakes that record their calls, and compares. Nothing is described a second time here: the
//! situations are brought about by events of the model, and the attempt is the model's own.

mod swaps;

pub use swaps::{SwapScenario, SwapStep, swap_steps_of};

use stateright::Model;

use crate::{
    action::{Action, Fate, SourceFiles},
    attempt::{At, Ending},
    bounds::{Bounds, Cut},
    protections::Protections,
    protocol::Protocol,
    state::State,
    step::Step,
    words::{Layout, Partition},
};

/// A situation that an attempt may find itself in. Where nothing else is said, the source has one
/// part with rows in one partition, which is known, and nobody has seen it before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scenario {
    /// The partition has no pointer yet.
    NewPartition,
    /// It has one.
    KnownPartition,
    /// Two parts with rows in the first and in the second of two known partitions.
    TwoPartsInTwoPartitions,
    /// One part with rows in two known partitions.
    OnePartInTwoPartitions,
    /// A swap is filling a new location.
    SwapUnderWay,
    /// A swap begins after the file was written, and before the pointer is read again.
    SwapBegins,
    /// The source is committed.
    Committed,
    /// Another attempt of the same deployment commits it after this one has written its file.
    CommittedMeanwhile,
    /// The commit takes effect, and is answered as a conflict.
    CommitAnswerLost,
    /// Another attempt of the same deployment has claimed the source and died.
    Claimed,
    /// Another attempt of the same deployment claims it after this one has read the entry.
    ClaimedMeanwhile,
    /// The claim takes effect, and is answered as a conflict.
    ClaimAnswerLost,
    /// The source is gone; nobody has claimed it.
    GoneUnclaimed,
    /// The source is gone; an attempt had claimed it.
    GoneClaimed,
    /// The same after the take-over, later than the settle time. The attempt before had written
    /// its file.
    GoneTakenOver,
    /// The source was superseded, longer ago than the settle time, and came back.
    CameBack,
    /// It was superseded less than the settle time ago, while another attempt was at work.
    CameBackTooSoon,
    /// The source was taken over as superseded, longer ago than the settle time, and came back
    /// before it was committed as such.
    CameBackTakenOver,
    /// An older deployment has claimed the source, written its file and died.
    ClaimedByOlder,
    /// A newer deployment has claimed it.
    ClaimedByNewer,
    /// The attempt's own deployment has taken over, less than the settle time ago.
    TakenOverJustNow,
    /// It has, longer ago than the settle time; the older one had written its file.
    TakenOver,
}

impl Scenario {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::NewPartition,
        Self::KnownPartition,
        Self::TwoPartsInTwoPartitions,
        Self::OnePartInTwoPartitions,
        Self::SwapUnderWay,
        Self::SwapBegins,
        Self::Committed,
        Self::CommittedMeanwhile,
        Self::CommitAnswerLost,
        Self::Claimed,
        Self::ClaimedMeanwhile,
        Self::ClaimAnswerLost,
        Self::GoneUnclaimed,
        Self::GoneClaimed,
        Self::GoneTakenOver,
        Self::CameBack,
        Self::CameBackTooSoon,
        Self::CameBackTakenOver,
        Self::ClaimedByOlder,
        Self::ClaimedByNewer,
        Self::TakenOverJustNow,
        Self::TakenOver,
    ];

    fn bounds(self) -> Bounds {
        let one = Bounds {
            layouts: &[Layout::Lower, Layout::Higher],
            attempts: 2,
            swaps: 1,
            ..Bounds::ONE_ATTEMPT
        };
        match self {
            Self::NewPartition => Bounds { known_partitions: false, ..one },
            Self::TwoPartsInTwoPartitions => {
                Bounds { rows: 2, partitions: 2, cuts: [Cut::Rows, Cut::Rows], ..one }
            }
            Self::OnePartInTwoPartitions => Bounds { rows: 2, partitions: 2, ..one },
            Self::KnownPartition
            | Self::SwapUnderWay
            | Self::SwapBegins
            | Self::Committed
            | Self::CommittedMeanwhile
            | Self::CommitAnswerLost
            | Self::Claimed
            | Self::ClaimedMeanwhile
            | Self::ClaimAnswerLost
            | Self::GoneUnclaimed
            | Self::GoneClaimed
            | Self::GoneTakenOver
            | Self::CameBack
            | Self::CameBackTooSoon
            | Self::CameBackTakenOver
            | Self::ClaimedByOlder
            | Self::ClaimedByNewer
            | Self::TakenOverJustNow
            | Self::TakenOver => one,
        }
    }

    /// What happened before.
    fn before(self, stage: &mut Stage) {
        match self {
            Self::NewPartition
            | Self::KnownPartition
            | Self::TwoPartsInTwoPartitions
            | Self::OnePartInTwoPartitions
            | Self::SwapBegins
            | Self::CommittedMeanwhile
            | Self::CommitAnswerLost
            | Self::ClaimedMeanwhile
            | Self::ClaimAnswerLost => {}
            Self::SwapUnderWay => stage.begin_swap(),
            Self::Committed => stage.run(Layout::Higher),
            Self::Claimed => stage.die_at(Layout::Higher, |at| matches!(at, At::CommitSchema(_))),
            Self::GoneUnclaimed => stage.state.source_is_there = false,
            Self::GoneClaimed => {
                stage.die_at(Layout::Higher, |at| matches!(at, At::CommitEntry(_)));
                stage.state.source_is_there = false;
            }
            Self::GoneTakenOver => {
                Self::GoneClaimed.before(stage);
                stage.run(Layout::Higher);
            }
            Self::CameBack => {
                stage.state.source_is_there = false;
                stage.run(Layout::Higher);
                stage.state.source_is_there = true;
            }
            Self::CameBackTooSoon => {
                stage.run_to(Layout::Higher, |at| at == At::OpenSource);
                Self::CameBack.before(stage);
            }
            Self::CameBackTakenOver => {
                Self::GoneTakenOver.before(stage);
                stage.state.source_is_there = true;
            }
            Self::ClaimedByOlder => {
                stage.die_at(Layout::Lower, |at| matches!(at, At::CommitEntry(_)));
            }
            Self::ClaimedByNewer => {
                stage.die_at(Layout::Higher, |at| matches!(at, At::CommitSchema(_)));
                stage.layout = Layout::Lower;
            }
            Self::TakenOverJustNow => {
                stage.run_to(Layout::Lower, |at| matches!(at, At::CommitEntry(_)));
                stage.run(Layout::Higher);
            }
            Self::TakenOver => {
                Self::ClaimedByOlder.before(stage);
                stage.run(Layout::Higher);
            }
        }
    }

    /// What happens right before the attempt's next call, if it is now; and what becomes of that.
    fn disturb(self, at: At, stage: &mut Stage) -> Option<Fate> {
        let claims = at == At::Claim;
        let commits = matches!(at, At::CommitEntry(_));
        let looks_again = matches!(at, At::ReadPointerAgain(..));
        if self == Self::SwapBegins && looks_again {
            stage.begin_swap();
        } else if self == Self::ClaimedMeanwhile && claims {
            stage.die_at(Layout::Higher, |at| matches!(at, At::CommitSchema(_)));
        } else if self == Self::CommittedMeanwhile && commits {
            stage.run(Layout::Higher);
        } else if self == Self::ClaimAnswerLost && claims
            || self == Self::CommitAnswerLost && commits
        {
            return Some(Fate::AnswerLost);
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
    let protocol = Protocol { protections: Protections::ALL, bounds: scenario.bounds() };
    let mut stage =
        Stage { protocol, state: State::first(&protocol.bounds), layout: Layout::Higher };
    scenario.before(&mut stage);
    let mut steps = Vec::new();
    let mut disturbed = false;
    let Some(slot) = protocol.deliver(&mut stage.state, stage.layout) else {
        return (steps, Ending::Retry);
    };
    while let Some(attempt) = stage.state.attempts[slot] {
        let fate = if disturbed { None } else { scenario.disturb(attempt.at, &mut stage) };
        disturbed |= fate.is_some();
        let fate = fate.unwrap_or(Fate::Answered);
        // Others may have replaced what this attempt remembers.
        let attempt = stage.state.attempts[slot].unwrap_or(attempt);
        let (step, ending) = attempt.go_on(&protocol, &mut stage.state, slot, fate);
        steps.extend(step);
        if let Some(ending) = ending {
            return (steps, ending);
        }
    }
    (steps, Ending::Retry)
}

/// Where a situation is brought about.
struct Stage {
    protocol: Protocol,
    state: State,
    /// Whose attempt is watched.
    layout: Layout,
}

impl Stage {
    /// An attempt runs to its end.
    fn run(&mut self, layout: Layout) {
        self.run_to(layout, |_| false);
    }

    /// An attempt runs until it is about to do something, and dies.
    fn die_at(&mut self, layout: Layout, stop: impl Fn(At) -> bool) {
        if let Some(slot) = self.run_to(layout, stop) {
            crate::attempt::Attempt::end(&mut self.state, slot);
        }
    }

    /// An attempt runs until it is about to do something, and stays there.
    fn run_to(&mut self, layout: Layout, stop: impl Fn(At) -> bool) -> Option<usize> {
        let slot = self.protocol.deliver(&mut self.state, layout)?;
        while let Some(attempt) = self.state.attempts[slot] {
            if stop(attempt.at) {
                return Some(slot);
            }
            attempt.go_on(&self.protocol, &mut self.state, slot, Fate::Answered);
        }
        None
    }

    /// A compactor writes to the pointer where files are going.
    fn begin_swap(&mut self) {
        let events = [
            Action::Plan(Partition::First, SourceFiles::Copied),
            Action::Compactor(0, Fate::Answered),
            Action::Compactor(0, Fate::Answered),
        ];
        for event in events {
            if let Some(next) = self.protocol.next_state(&self.state, event) {
                self.state = next;
            }
        }
    }
}
