//! One moment of the world.

use crate::{
    attempt::Attempt,
    bounds::Bounds,
    lake::{Entry, File, Location, Pointer},
    protections::Protections,
    reader::Reader,
    set::{Member, Set},
    swap::Compactor,
    vacuum::Vacuum,
    words::{ATTEMPTS, Actor, COMPACTORS, FileName, Generation, Partition, READERS, Row},
};

/// How much may still happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Left {
    pub(crate) deliveries: u8,
    pub(crate) swaps: u8,
    pub(crate) readings: u8,
    pub(crate) crashes: u8,
    pub(crate) lost_answers: u8,
    pub(crate) late_requests: u8,
    pub(crate) late_calls: u8,
    pub(crate) late_outputs: u8,
    pub(crate) expiries: u8,
    pub(crate) disappearances: u8,
    pub(crate) returns: u8,
}

/// A promise that was seen to be broken by a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Broken {
    /// A reader missed a row that was committed when it began, or saw it twice.
    Reader,
    /// The vacuum deleted what was named.
    Vacuum,
    /// A delivery ended well although its source was there all the time and was not loaded.
    Delivery,
}

/// The output of a merge that nobody waits for any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LateOutput {
    pub(crate) partition: Partition,
    pub(crate) generation: Generation,
    pub(crate) rows: Set<Row>,
}

/// One moment of the world: what lies in the lake and the catalog, and where everybody is.
///
/// Moments that differ only in who is in which slot have the same hash, by which the checker knows
/// what it has seen: see `symmetry.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    pub(crate) source_is_there: bool,
    pub(crate) entry: Entry,
    /// Where readers are sent to, by partition; none where it is not registered.
    pub(crate) catalog: [Option<Generation>; 2],
    pub(crate) pointers: [Option<Pointer>; 2],
    /// The last generation that a swap has made.
    pub(crate) made: [Generation; 2],
    pub(crate) locations: [[Location; Generation::COUNT]; 2],
    /// Locations to be deleted, each with the readers whose end its grace waits for.
    pub(crate) garbage: [[Option<Set<Actor>>; Generation::COUNT]; 2],
    pub(crate) attempts: [Option<Attempt>; ATTEMPTS],
    pub(crate) compactors: [Option<Compactor>; COMPACTORS],
    pub(crate) readers: [Option<Reader>; READERS],
    pub(crate) vacuum: Option<Vacuum>,
    pub(crate) late_output: Option<LateOutput>,
    pub(crate) left: Left,
    pub(crate) broken: Option<Broken>,
}

impl State {
    /// The world before the first delivery.
    pub(crate) fn first(bounds: &Bounds) -> Self {
        let mut state = Self {
            source_is_there: true,
            entry: Entry::Absent,
            catalog: [None; 2],
            pointers: [None; 2],
            made: [Generation::FIRST; 2],
            locations: [[Location::EMPTY; Generation::COUNT]; 2],
            garbage: [[None; Generation::COUNT]; 2],
            attempts: [None; ATTEMPTS],
            compactors: [None; COMPACTORS],
            readers: [None; READERS],
            vacuum: None,
            late_output: None,
            left: Left {
                deliveries: bounds.deliveries,
                swaps: bounds.swaps,
                readings: bounds.readings,
                crashes: bounds.crashes,
                lost_answers: bounds.lost_answers,
                late_requests: bounds.late_requests,
                late_calls: bounds.late_calls,
                late_outputs: bounds.late_outputs,
                expiries: bounds.expiries,
                disappearances: bounds.disappearances,
                returns: bounds.returns,
            },
            broken: None,
        };
        if bounds.known_partitions {
            for partition in bounds.all_partitions() {
                state.catalog[partition.number()] = Some(Generation::FIRST);
                state.pointers[partition.number()] = Some(Pointer::FIRST);
                let older = File { rows: Set::of([Row::Older]), written: Set::EMPTY };
                let name = FileName::of_merge(Generation::FIRST);
                state.location_mut(partition, Generation::FIRST).put(name, older);
            }
        }
        state
    }

    pub(crate) fn location(&self, partition: Partition, generation: Generation) -> &Location {
        &self.locations[partition.number()][generation.number()]
    }

    pub(crate) fn location_mut(
        &mut self,
        partition: Partition,
        generation: Generation,
    ) -> &mut Location {
        &mut self.locations[partition.number()][generation.number()]
    }

    pub(crate) fn pointer(&self, partition: Partition) -> Option<Pointer> {
        self.pointers[partition.number()]
    }

    /// Whose end the settle time waits for: attempts until their last request has landed, and
    /// compactors from a look at the ledger to the copy that they make upon it.
    pub(crate) fn alive(&self, protections: &Protections) -> Set<Actor> {
        let attempts = (0..ATTEMPTS).filter(|slot| self.attempts[*slot].is_some());
        let copying = (0..COMPACTORS).filter(|slot| {
            let compactor = self.compactors[*slot].filter(|_| protections.copies_in_time);
            compactor.is_some_and(|compactor| compactor.is_about_to_copy())
        });
        Set::of(attempts.map(Actor::attempt).chain(copying.map(Actor::compactor)))
    }

    /// The readers at work.
    pub(crate) fn reading(&self) -> Set<Actor> {
        Set::of((0..READERS).filter(|slot| self.readers[*slot].is_some()).map(Actor::reader))
    }

    /// Somebody is gone, or has done what it was waited for.
    pub(crate) fn forget(&mut self, actor: Actor) {
        self.change_actors(|actors| actors.without(actor));
    }

    /// Changes every note of who was alive when something happened.
    pub(crate) fn change_actors(&mut self, change: impl Fn(Set<Actor>) -> Set<Actor>) {
        match &mut self.entry {
            Entry::Absent | Entry::Writing { fenced: None, .. } | Entry::Expired { .. } => {}
            Entry::Writing { fenced: Some(then), .. } | Entry::Committed { since: then, .. } => {
                *then = change(*then);
            }
        }
        self.locations.iter_mut().flatten().for_each(|location| location.change_actors(&change));
        for compactor in self.compactors.iter_mut().flatten() {
            compactor.change_actors(&change);
        }
        for readers in self.garbage.iter_mut().flatten().flatten() {
            *readers = change(*readers);
        }
    }

    /// A pointer is replaced: what others know of it is outdated.
    pub(crate) fn replace_pointer(&mut self, partition: Partition, pointer: Pointer, by: usize) {
        self.pointers[partition.number()] = Some(pointer);
        for (slot, compactor) in self.compactors.iter_mut().enumerate() {
            if let Some(compactor) = compactor.as_mut().filter(|other| other.partition == partition)
            {
                compactor.pointer_is_current = slot == by;
            }
        }
    }

    /// Whether nobody is at work and nothing is under way.
    pub(crate) fn is_quiet(&self) -> bool {
        self.attempts.iter().all(Option::is_none)
            && self.compactors.iter().all(Option::is_none)
            && self.late_output.is_none()
    }
}
