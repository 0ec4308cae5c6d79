//! Which events may come next.

use crate::{
    action::{Action, DueLocation, Fate, Lands, SourceFiles},
    attempt::At,
    lake::Entry,
    protocol::Protocol,
    set::Member,
    state::State,
    swap::{Compactor, SwapAt},
    vacuum::Vacuum,
    words::{Plan, READERS},
};

impl Protocol {
    pub(crate) fn attempt_actions(&self, state: &State, actions: &mut Vec<Action>) {
        let free = (0..self.bounds.attempts).any(|slot| state.attempts[slot].is_none());
        let finished = match state.entry {
            Entry::Committed { plan: Plan::Superseded, .. } => !state.source_is_there,
            Entry::Committed { plan: Plan::Files(_), .. } | Entry::Expired { .. } => true,
            Entry::Absent | Entry::Writing { .. } => false,
        };
        if free && !finished && state.left.deliveries > 0 {
            actions.extend(self.bounds.layouts.iter().copied().map(Action::Deliver));
        }
        for slot in 0..self.bounds.attempts {
            let Some(attempt) = state.attempts[slot] else { continue };
            if attempt.late.is_some() {
                actions.push(Action::LateRequest(slot, Lands::Yes));
                if matches!(attempt.at, At::Ended(_)) {
                    actions.push(Action::LateRequest(slot, Lands::Never));
                }
            }
            if matches!(attempt.at, At::Ended(_)) {
                continue;
            }
            actions.push(Action::Attempt(slot, Fate::Answered));
            if state.left.crashes > 0 {
                actions.push(Action::Attempt(slot, Fate::Died));
            }
            if state.left.lost_answers > 0 && attempt.is_about_to_change_the_entry(state) {
                actions.push(Action::Attempt(slot, Fate::AnswerLost));
            }
            let writes = matches!(attempt.at, At::WriteFile(..) | At::DeleteLeftovers(..));
            if writes && state.left.late_requests > 0 && attempt.late.is_none() {
                actions.push(Action::Attempt(slot, Fate::OnceMoreLate));
            }
        }
    }

    pub(crate) fn swap_actions(&self, state: &State, actions: &mut Vec<Action>) {
        let free = (0..self.bounds.compactors).any(|slot| state.compactors[slot].is_none());
        for partition in self.bounds.all_partitions() {
            if free && state.left.swaps > 0 {
                for files in [SourceFiles::Merged, SourceFiles::Copied] {
                    if Compactor::plan(self, state, partition, files).is_some() {
                        actions.push(Action::Plan(partition, files));
                    }
                }
            }
            let bound = self.protections.catalog_under_lease;
            if let Some(pointer) = state.pointer(partition).filter(|pointer| pointer.leased)
                && !(bound && Compactor::holds_lease(state, pointer))
            {
                actions.push(Action::LeasePasses(partition));
            }
        }
        for slot in 0..self.bounds.compactors {
            let Some(compactor) = state.compactors[slot] else { continue };
            if compactor.late.is_some() {
                actions.push(Action::LateCall(slot, Lands::Yes));
                if compactor.at == SwapAt::Ended {
                    actions.push(Action::LateCall(slot, Lands::Never));
                }
            }
            if compactor.at == SwapAt::Ended {
                continue;
            }
            actions.push(Action::Compactor(slot, Fate::Answered));
            if state.left.crashes > 0 {
                actions.push(Action::Compactor(slot, Fate::Died));
            }
            if compactor.may_drop() {
                actions.push(Action::DropIfUncommitted(slot));
            }
            if compactor.at == SwapAt::Merge && state.left.late_outputs > 0 {
                actions.push(Action::Compactor(slot, Fate::OnlyLate));
            }
            let repeatable = matches!(compactor.at, SwapAt::WriteCatalog | SwapAt::CopyLands(..));
            if repeatable && state.left.late_calls > 0 && compactor.late.is_none() {
                actions.push(Action::Compactor(slot, Fate::OnceMoreLate));
            }
        }
        if state.late_output.is_some() {
            actions.push(Action::LateOutput);
        }
    }

    pub(crate) fn other_actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.left.readings > 0 && state.readers.iter().any(Option::is_none) {
            let registered = self
                .bounds
                .all_partitions()
                .filter(|partition| state.catalog[partition.number()].is_some());
            actions.extend(registered.map(Action::Read));
        }
        let reading = (0..READERS).filter(|slot| state.readers[*slot].is_some());
        actions.extend(reading.map(Action::Reader));
        if self.bounds.vacuum {
            if state.vacuum.is_some() {
                actions.push(Action::VacuumGoesOn);
            } else {
                let due = Vacuum::due(state, self.protections.grace);
                actions.extend(due.map(|due| Action::Vacuum(DueLocation(due))));
            }
        }
        let may_expire = match state.entry {
            Entry::Committed { plan: Plan::Files(_), .. } => true,
            Entry::Writing { .. } => !self.protections.claims_never_expire,
            Entry::Absent | Entry::Committed { .. } | Entry::Expired { .. } => false,
        };
        let settled = state.attempts.iter().all(Option::is_none);
        if may_expire && settled && state.left.expiries > 0 {
            actions.push(Action::EntryExpires);
        }
        if state.source_is_there && state.left.disappearances > 0 {
            actions.push(Action::SourceDisappears);
        }
        if !state.source_is_there && state.left.returns > 0 {
            actions.push(Action::SourceReturns);
        }
    }
}
