//! What must hold, whatever happens.

use stateright::Property;

use crate::{
    action::Fate,
    attempt::Ending,
    lake::Entry,
    protocol::Protocol,
    set::Member,
    state::{Broken, State},
    words::{Generation, Layout, Plan},
};

/// The promises that the model is checked against.
pub(crate) fn properties() -> Vec<Property<Protocol>> {
    vec![
        Property::always("every committed row is seen exactly once", |protocol, state| {
            all_committed_rows_are_seen_once(protocol, state)
        }),
        Property::always(
            "a slow reader sees every committed row exactly once",
            |_, state: &State| state.broken != Some(Broken::Reader),
        ),
        Property::always("the vacuum deletes nothing that is named", |_, state: &State| {
            state.broken != Some(Broken::Vacuum)
        }),
        Property::always("a delivery ends well if it is loaded or was gone", |_, state: &State| {
            state.broken != Some(Broken::Delivery)
        }),
        Property::always("of a superseded source nothing is seen", |protocol, state: &State| {
            let superseded = matches!(state.entry, Entry::Committed { plan: Plan::Superseded, .. });
            !superseded || nothing_of_the_source_is_seen(protocol, state)
        }),
        Property::always("redelivered until done, the source is there exactly once", ends_well),
    ]
}

/// Whether a reader that does everything in this moment sees what it should.
fn all_committed_rows_are_seen_once(protocol: &Protocol, state: &State) -> bool {
    protocol.bounds.all_partitions().all(|partition| {
        let committed = protocol.committed_rows(state, partition);
        let Some(generation): Option<Generation> = state.catalog[partition.number()] else {
            return committed.is_empty();
        };
        let location = state.location(partition, generation);
        let (once, twice) = location.rows(location.names());
        committed.difference(once).union(committed.intersection(twice)).is_empty()
    })
}

/// Whether such a reader sees no row of the source.
fn nothing_of_the_source_is_seen(protocol: &Protocol, state: &State) -> bool {
    protocol.bounds.all_partitions().all(|partition| {
        state.catalog[partition.number()].is_none_or(|generation| {
            let location = state.location(partition, generation);
            let (seen, _) = location.rows(location.names());
            seen.intersection(protocol.bounds.rows_in(partition)).is_empty()
        })
    })
}

/// How often a delivery that finds no disturbance is repeated: a take-over takes two, one that is
/// taken over again as many more.
const REDELIVERIES: usize = 6;

/// Where nobody is at work: whether deliveries to the newest code, one after the other, end with
/// what they should.
fn ends_well(protocol: &Protocol, state: &State) -> bool {
    if !state.is_quiet() {
        return true;
    }
    let mut state = *state;
    let layout = protocol.bounds.layouts.iter().copied().max().unwrap_or(Layout::Lower);
    let expired = matches!(state.entry, Entry::Expired { .. });
    let done = expired
        || (0..REDELIVERIES).any(|_| run_alone(protocol, &mut state, layout) == Ending::Done);
    let right = match state.entry {
        Entry::Committed { plan: Plan::Files(_), .. } | Entry::Expired { .. } => true,
        Entry::Committed { plan: Plan::Superseded, .. } => {
            !state.source_is_there && nothing_of_the_source_is_seen(protocol, &state)
        }
        Entry::Absent | Entry::Writing { .. } => false,
    };
    done && right && all_committed_rows_are_seen_once(protocol, &state)
}

/// One delivery that nothing disturbs.
fn run_alone(protocol: &Protocol, state: &mut State, layout: Layout) -> Ending {
    let Some(slot) = protocol.deliver(state, layout) else { return Ending::Retry };
    while let Some(attempt) = state.attempts[slot] {
        if let (_, Some(ending)) = attempt.go_on(protocol, state, slot, Fate::Answered) {
            return ending;
        }
    }
    Ending::Retry
}
