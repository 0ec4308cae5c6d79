//! The model: which events may come next in a moment, and what each of them changes.

use stateright::{Model, Property};

use crate::{
    action::Action,
    attempt::Attempt,
    bounds::Bounds,
    lake::Entry,
    promises,
    protections::Protections,
    set::Set,
    state::State,
    words::{FileName, Generation, Layout, Partition, Plan, Row},
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
        let of_plan =
            |name: FileName| name.layout() == Some(layout) || !self.protections.plan_in_name;
        Set::of(FileName::parts().iter().filter(|name| of_plan(*name) && is_old(*name)))
    }

    /// A delivery is taken up in a free slot. Returns it.
    pub(crate) fn deliver(&self, state: &mut State, layout: Layout) -> Option<usize> {
        let slot = (0..self.bounds.attempts).find(|slot| state.attempts[*slot].is_none())?;
        state.attempts[slot] = Some(Attempt::new(layout));
        Some(slot)
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
