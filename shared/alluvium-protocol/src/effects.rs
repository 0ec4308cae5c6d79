//! What an event changes.

use crate::{
    action::{Action, DueLocation, Fate, Lands},
    attempt::{At, Attempt},
    lake::{Entry, File},
    protocol::Protocol,
    reader::Reader,
    set::{Member, Set},
    state::State,
    swap::Compactor,
    words::FileName,
};

impl Protocol {
    /// Lets the event happen.
    pub(crate) fn act(&self, state: &mut State, action: Action) {
        match action {
            Action::Attempt(slot, Fate::Died) => {
                state.left.crashes -= 1;
                Attempt::end(state, slot);
            }
            Action::Attempt(slot, fate) => {
                match fate {
                    Fate::AnswerLost => state.left.lost_answers -= 1,
                    Fate::OnceMoreLate => state.left.late_requests -= 1,
                    Fate::Answered | Fate::OnlyLate | Fate::Died => {}
                }
                self.attempt(state, slot, fate);
            }
            Action::Compactor(slot, Fate::Died) => {
                state.left.crashes -= 1;
                Compactor::end(state, slot);
            }
            Action::Compactor(slot, fate) => {
                match fate {
                    Fate::OnceMoreLate => state.left.late_calls -= 1,
                    Fate::OnlyLate => state.left.late_outputs -= 1,
                    Fate::Answered | Fate::AnswerLost | Fate::Died => {}
                }
                if let Some(compactor) = state.compactors[slot] {
                    compactor.go_on(self, state, slot, fate);
                }
            }
            Action::DropIfUncommitted(slot) => {
                if let Some(compactor) = state.compactors[slot] {
                    compactor.drop_if_uncommitted(self, state, slot);
                }
            }
            Action::Reader(slot) => Reader::go_on(state, slot),
            Action::VacuumGoesOn => {
                if let Some(vacuum) = state.vacuum {
                    vacuum.go_on(state);
                }
            }
            Action::Deliver(layout) => {
                state.left.deliveries -= 1;
                if let Some(slot) = self.deliver(state, layout) {
                    self.attempt(state, slot, Fate::Answered);
                }
            }
            Action::Plan(partition, files) => {
                let slot =
                    (0..self.bounds.compactors).find(|slot| state.compactors[*slot].is_none());
                if let Some(slot) = slot {
                    state.left.swaps -= 1;
                    state.compactors[slot] = Compactor::plan(self, state, partition, files);
                }
            }
            Action::Read(partition) => Reader::begin(self, state, partition),
            Action::Vacuum(DueLocation(vacuum)) => state.vacuum = Some(vacuum),
            Action::LateRequest(..)
            | Action::LateCall(..)
            | Action::LateOutput
            | Action::LeasePasses(_)
            | Action::EntryExpires
            | Action::SourceDisappears
            | Action::SourceReturns => pass(self, state, action),
        }
    }

    /// An attempt makes its next call; the steps without effect on the lake go with it.
    fn attempt(&self, state: &mut State, slot: usize, fate: Fate) {
        let Some(attempt) = state.attempts[slot] else { return };
        attempt.go_on(self, state, slot, fate);
        while let Some(attempt) = state.attempts[slot] {
            let At::CommitSchema(_) = attempt.at else { return };
            attempt.go_on(self, state, slot, Fate::Answered);
        }
    }
}

/// What comes without anybody's call.
fn pass(protocol: &Protocol, state: &mut State, action: Action) {
    match action {
        Action::LateRequest(slot, lands) => {
            let Some(attempt) = state.attempts[slot].as_mut() else { return };
            let late = attempt.late.take();
            let ended = matches!(attempt.at, At::Ended(_));
            if let (Some(late), Lands::Yes) = (late, lands) {
                late.land(protocol, state);
            }
            if ended {
                Attempt::end(state, slot);
            }
        }
        Action::LateCall(slot, lands) => Compactor::late_call(protocol, state, slot, lands),
        Action::LateOutput => {
            if let Some(late) = state.late_output.take() {
                let output = File { rows: late.rows, written: Set::EMPTY };
                state
                    .location_mut(late.partition, late.generation)
                    .put(FileName::of_merge(late.generation), output);
            }
        }
        Action::LeasePasses(partition) => {
            if let Some(pointer) = state.pointers[partition.number()].as_mut() {
                pointer.leased = false;
            }
        }
        Action::EntryExpires => {
            state.left.expiries -= 1;
            let committed = state.entry.committed_layout();
            state.entry = committed.map_or(Entry::Absent, |layout| Entry::Expired { layout });
        }
        Action::SourceDisappears => {
            state.left.disappearances -= 1;
            state.source_is_there = false;
        }
        Action::SourceReturns => {
            state.left.returns -= 1;
            state.source_is_there = true;
        }
        Action::Deliver(_)
        | Action::Attempt(..)
        | Action::Plan(..)
        | Action::Compactor(..)
        | Action::DropIfUncommitted(_)
        | Action::Read(_)
        | Action::Reader(_)
        | Action::Vacuum(_)
        | Action::VacuumGoesOn => {}
    }
}
