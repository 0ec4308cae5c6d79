//! The model: which events may come next in a moment, and what each of them changes.

use stateright::{Model, Property};

use crate::{
    action::{Action, DueLocation, Fate, Lands, SourceFiles},
    attempt::{At, Attempt},
    bounds::Bounds,
    lake::Entry,
    promises,
    protections::Protections,
    reader::Reader,
    set::{Member, Set},
    state::State,
    swap::{Compactor, SwapAt},
    vacuum::Vacuum,
    words::{FileName, Generation, Layout, Partition, Plan, READERS, Row},
};

/// The protocol, with the protections it has and the world it is explored in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// What it does to be safe.
    pub protections: Protections,
    /// Who takes part.
    pub bounds: Bounds,
}

impl Protocol {
    /// The rows that must be in a partition, exactly once each.
    pub(crate) fn committed_rows(&self, state: &State, partition: Partition) -> Set<Row> {
        let older = if self.bounds.known_partitions { Set::of([Row::Older]) } else { Set::EMPTY };
        match state.entry.committed_layout() {
            Some(_) => self.bounds.rows_in(partition).union(older),
            None => older,
        }
    }

    /// The names of the source's files that a plan may merge.
    pub(crate) fn settled(
        &self,
        state: &State,
        partition: Partition,
        generation: Generation,
    ) -> Set<FileName> {
        let Entry::Committed { plan: Plan::Files(layout), since } = state.entry else {
            return Set::EMPTY;
        };
        let location = state.location(partition, generation);
        let is_old = |name| {
            let age = if self.protections.settles_from_commit {
                since
            } else {
                location.file(name).written
            };
            age.is_empty() || !self.protections.merges_only_settled
        };
        let of_plan = |name: FileName| {
            name.layout() == Some(layout) || !self.protections.plan_in_name
        };
        Set::of(FileName::parts().iter().filter(|name| of_plan(*name) && is_old(*name)))
    }

    /// An event in words: who does what.
    pub(crate) fn tell(&self, state: &State, event: Action) -> String {
        match event {
            Action::Attempt(slot, fate) => match state.attempts[slot] {
                Some(attempt) => format!("attempt {slot}: {:?}, {fate:?}", attempt.at),
                None => format!("attempt {slot}"),
            },
            Action::Compactor(slot, fate) => match state.compactors[slot] {
                Some(compactor) => format!("compactor {slot}: {:?}, {fate:?}", compactor.at),
                None => format!("compactor {slot}"),
            },
            Action::Deliver(_)
            | Action::LateFile(..)
            | Action::Plan(..)
            | Action::DropIfUncommitted(_)
            | Action::LateCatalog(..)
            | Action::LateOutput
            | Action::LeasePasses(_)
            | Action::Read(_)
            | Action::Reader(_)
            | Action::Vacuum(_)
            | Action::VacuumGoesOn
            | Action::EntryExpires
            | Action::SourceDisappears
            | Action::SourceReturns => format!("{event:?}"),
        }
    }

    /// An attempt makes its next call; the steps without effect on the lake go with it.
    fn attempt(&self, state: &mut State, slot: usize, fate: Fate) {
        let Some(attempt) = state.attempts[slot] else { return };
        attempt.go_on(self, state, slot, fate);
        while let Some(attempt) = state.attempts[slot] {
            match attempt.at {
                At::CommitSchema(_) => attempt.go_on(self, state, slot, Fate::Answered),
                _ => return,
            };
        }
    }

    /// A delivery is taken up in a free slot. Returns it.
    pub(crate) fn deliver(&self, state: &mut State, layout: Layout) -> Option<usize> {
        let slot = (0..self.bounds.attempts).find(|slot| state.attempts[*slot].is_none())?;
        state.attempts[slot] = Some(Attempt::new(layout));
        Some(slot)
    }

    fn attempt_actions(&self, state: &State, actions: &mut Vec<Action>) {
        let free = (0..self.bounds.attempts).any(|slot| state.attempts[slot].is_none());
        let finished = match state.entry {
            Entry::Committed { plan: Plan::Files(_), .. } => true,
            Entry::Committed { plan: Plan::Superseded, .. } => !state.source_is_there,
            Entry::Expired { .. } => true,
            Entry::Absent | Entry::Writing { .. } => false,
        };
        if free && !finished && state.left.deliveries > 0 {
            actions.extend(self.bounds.layouts.iter().copied().map(Action::Deliver));
        }
        for slot in 0..self.bounds.attempts {
            let Some(attempt) = state.attempts[slot] else { continue };
            if attempt.late.is_some() {
                actions.push(Action::LateFile(slot, Lands::Yes));
                if matches!(attempt.at, At::Ended(_)) {
                    actions.push(Action::LateFile(slot, Lands::Never));
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
            let writes = matches!(attempt.at, At::WriteFile(..));
            if writes && state.left.late_files > 0 && attempt.late.is_none() {
                actions.push(Action::Attempt(slot, Fate::OnceMoreLate));
            }
        }
    }

    fn swap_actions(&self, state: &State, actions: &mut Vec<Action>) {
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
            if compactor.late_catalog.is_some() {
                actions.push(Action::LateCatalog(slot, Lands::Yes));
                if compactor.at == SwapAt::Ended {
                    actions.push(Action::LateCatalog(slot, Lands::Never));
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
            if compactor.at == SwapAt::WriteCatalog
                && state.left.late_catalogs > 0
                && compactor.late_catalog.is_none()
            {
                actions.push(Action::Compactor(slot, Fate::OnceMoreLate));
            }
        }
        if state.late_output.is_some() {
            actions.push(Action::LateOutput);
        }
    }

    fn other_actions(&self, state: &State, actions: &mut Vec<Action>) {
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
        let settled = matches!(state.entry, Entry::Committed { plan: Plan::Files(_), .. })
            && state.attempts.iter().all(Option::is_none);
        if settled && state.left.expiries > 0 {
            actions.push(Action::EntryExpires);
        }
        if state.source_is_there && state.left.disappearances > 0 {
            actions.push(Action::SourceDisappears);
        }
        if !state.source_is_there && state.left.returns > 0 {
            actions.push(Action::SourceReturns);
        }
    }

    /// The call of an actor, as far as it is made.
    fn act(&self, state: &mut State, action: Action) {
        match action {
            Action::Attempt(slot, Fate::Died) => {
                state.left.crashes -= 1;
                Attempt::end(state, slot);
            }
            Action::Attempt(slot, fate) => {
                match fate {
                    Fate::AnswerLost => state.left.lost_answers -= 1,
                    Fate::OnceMoreLate => state.left.late_files -= 1,
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
                    Fate::OnceMoreLate => state.left.late_catalogs -= 1,
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
            Action::LateFile(..)
            | Action::LateCatalog(..)
            | Action::LateOutput
            | Action::LeasePasses(_)
            | Action::EntryExpires
            | Action::SourceDisappears
            | Action::SourceReturns => pass(state, action),
        }
    }
}

/// What comes without anybody's call.
fn pass(state: &mut State, action: Action) {
    match action {
        Action::LateFile(slot, lands) => {
            let Some(attempt) = state.attempts[slot].as_mut() else { return };
            let late = attempt.late.take();
            let ended = matches!(attempt.at, At::Ended(_));
            if let (Some(late), Lands::Yes) = (late, lands) {
                late.land(state);
            }
            if ended {
                Attempt::end(state, slot);
            }
        }
        Action::LateCatalog(slot, lands) => {
            let Some(compactor) = state.compactors[slot].as_mut() else { return };
            let late = compactor.late_catalog.take();
            let (partition, ended) = (compactor.partition, compactor.at == SwapAt::Ended);
            if lands == Lands::Yes {
                state.catalog[partition.number()] = late;
            }
            if ended {
                Compactor::end(state, slot);
            }
        }
        Action::LateOutput => {
            if let Some(late) = state.late_output.take() {
                let output = crate::lake::File { rows: late.rows, written: Set::EMPTY };
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
            if let Some(layout) = state.entry.committed_layout() {
                state.entry = Entry::Expired { layout };
            }
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

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::first(&self.bounds)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.attempt_actions(state, actions);
        self.swap_actions(state, actions);
        self.other_actions(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = *state;
        self.act(&mut next, action);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        promises::properties()
    }
}
