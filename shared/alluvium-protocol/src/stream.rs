//! How the records of a stream get into a table exactly once, as a model of its own.
//!
//! A batch of a shard may come twice, at once and with other cuts, in part long after it was loaded
//! and the mapping went on, or not at all but for the object that tells what was given up. What all
//! who come with records agree by is one object a shard, the *watermark*: how far the shard was
//! *accepted*, which ranges of it are *pending*, and which have *failed*. A batch accepts by
//! writing a raw object, named for its range, which nobody sees, and then replacing the watermark
//! by compare-and-set; the table is written from pending ranges alone, each as a source by the
//! ledger. See [`Task`] for who comes, `attempt.rs` for what they do.
//!
//! # What there is
//! One shard of three records. The mapping delivers any range that begins where it is done, or
//! before, as often as it likes and to as many attempts at once as there is room for; that is what
//! splitting, duplicates, restarts, zombies and two pollers come to. It is done with what an
//! attempt answered for, and with what it gave up, which lies in an object until it is replayed.
//! A crash is an attempt that makes no further call; one whose answer does not arrive is one that
//! dies after its last call. Requests that land late are calls of an attempt that is slow: a raw
//! object has the same bytes whoever writes it, everything else compares.
//!
//! # What it does not say
//! Of §1 only the claim, the file and the commit of a range are in it; the rest is what the other
//! model is about. That `pending` is bounded, that sequence numbers have gaps, and what is in a
//! record are not in it.

mod action;
mod attempt;
mod bounds;
mod explorations;
mod lake;
mod promises;
mod protections;
mod scenario;
mod state;
mod step;
mod traces;
mod words;

use stateright::{Model, Property};

pub use self::{
    action::Action,
    attempt::{Fate, Task},
    bounds::Bounds,
    explorations::{Exploration, LARGE, SMALL},
    protections::Protections,
    scenario::{Scenario, ending_of, steps_of},
    state::State,
    step::Step,
    traces::{TRACES, Trace},
    words::Range,
};
use self::{attempt::Attempt, words::Record};
use crate::{
    check::Explored,
    set::{Member as _, Set},
};

/// The protocol of streams, with the protections it has and the world it is explored in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streams {
    /// What it does to be safe.
    pub protections: Protections,
    /// Who takes part.
    pub bounds: Bounds,
}

impl Streams {
    /// Where what is named for a range stands.
    fn name_of(&self, range: Range) -> usize {
        if self.protections.range_in_name {
            range.number()
        } else {
            Range::of(range.first()).number()
        }
    }

    /// Somebody sets to work in a free slot. Returns it.
    fn begin(&self, state: &mut State, task: Task) -> Option<usize> {
        let slot = (0..self.bounds.attempts).find(|slot| state.attempts[*slot].is_none())?;
        state.attempts[slot] = Some(Attempt::new(self, task));
        Some(slot)
    }

    /// The records that readers see, and those of them that they see twice.
    fn rows(&self, state: &State) -> (Set<Record>, Set<Record>) {
        let counts = |number: &usize| !self.protections.raw_first || state.is_committed(*number);
        let files = (0..Range::COUNT).filter(counts).map(|number| state.files[number]);
        files.fold((Set::EMPTY, Set::EMPTY), |(seen, twice), file| {
            (seen.union(file), twice.union(seen.intersection(file)))
        })
    }
}

impl Model for Streams {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::first(&self.bounds)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.possible(state, actions);
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

impl Explored for Streams {
    fn told(state: &State, action: Action) -> String {
        action.told(state)
    }
}
