//! What must hold of a stream, whatever happens.

use stateright::Property;

use super::{
    Streams,
    attempt::{Fate, Task},
    state::{Raw, State},
    words::{Range, Record},
};
use crate::set::{Member as _, Set};

/// The promises that the model is checked against.
pub(super) fn properties() -> Vec<Property<Streams>> {
    vec![
        Property::always("no record is committed twice", |streams: &Streams, state: &State| {
            !streams.protections.raw_first || streams.rows(state).1.is_empty()
        }),
        Property::always("what the mapping is done with is somewhere", |streams, state: &State| {
            let given_up = records_of(state.given_up);
            let kept = given_up.union(waiting(streams, state)).union(streams.rows(state).0);
            state.done.difference(kept).is_empty()
        }),
        Property::always("in the end every record is there exactly once", ends_well),
    ]
}

fn records_of(ranges: Set<Range>) -> Set<Record> {
    ranges.iter().map(Range::records).fold(Set::EMPTY, Set::union)
}

/// The records in raw objects that are pending or have failed.
fn waiting(streams: &Streams, state: &State) -> Set<Record> {
    let ranges = state.watermark.pending.union(state.watermark.failed);
    let held = ranges.iter().filter_map(|range| match state.raw[streams.name_of(range)] {
        Raw::Bytes(held) => Some(held.records()),
        Raw::Absent | Raw::Empty => None,
    });
    held.fold(Set::EMPTY, Set::union)
}

/// More calls than any attempt makes that nothing disturbs.
const CALLS_MAX: usize = 100;

/// Where nobody is at work: whether, when the mapping delivers the rest, what it gave up is
/// replayed, what is pending is finished and what has failed is tried again, every record is in the
/// table exactly once.
fn ends_well(streams: &Streams, state: &State) -> bool {
    if !state.is_quiet() {
        return true;
    }
    let mut state = *state;
    let rest = Set::of(Record::ALL.iter().copied()).difference(state.done);
    let deliveries = Range::runs(rest).iter().map(Task::Deliver).collect::<Vec<_>>();
    let replays = state.given_up.iter().map(Task::Replay).collect::<Vec<_>>();
    for task in deliveries.into_iter().chain(replays).chain([Task::Schedule, Task::TryFailedAgain])
    {
        run_alone(streams, &mut state, task);
    }
    let (rows, twice) = streams.rows(&state);
    let waits = !waiting(streams, &state).is_empty() || !state.given_up.is_empty();
    !waits && twice.is_empty() && Record::ALL.iter().all(|record| rows.contains(*record))
}

/// One attempt that nothing disturbs.
fn run_alone(streams: &Streams, state: &mut State, task: Task) {
    let Some(slot) = streams.begin(state, task) else { return };
    for _ in 0..CALLS_MAX {
        let Some(attempt) = state.attempts[slot] else { return };
        attempt.go_on(streams, state, slot, Fate::Answered);
    }
}
