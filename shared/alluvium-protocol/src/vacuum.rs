//! The vacuum: deletes what was replaced, once nobody can hold it and nobody names it.

use crate::{
    lake::Location,
    set::{Member, Set},
    state::{Broken, State},
    words::{Generation, Partition},
};

/// Where the vacuum is, with a location whose date has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Vacuum {
    partition: Partition,
    generation: Generation,
    at: VacuumAt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum VacuumAt {
    ReadPointer,
    ReadCatalog,
    Delete,
}

impl Vacuum {
    /// It takes up a location.
    pub(crate) fn of(partition: Partition, generation: Generation) -> Self {
        Self { partition, generation, at: VacuumAt::ReadPointer }
    }

    /// Its next call. A location that is named is kept.
    pub(crate) fn go_on(mut self, state: &mut State) {
        let named_by_pointer =
            state.pointer(self.partition).is_some_and(|pointer| pointer.names(self.generation));
        let named_by_catalog = state.catalog[self.partition.number()] == Some(self.generation);
        state.vacuum = match self.at {
            VacuumAt::ReadPointer if named_by_pointer => None,
            VacuumAt::ReadPointer => {
                self.at = VacuumAt::ReadCatalog;
                Some(self)
            }
            VacuumAt::ReadCatalog if named_by_catalog => None,
            VacuumAt::ReadCatalog => {
                self.at = VacuumAt::Delete;
                Some(self)
            }
            VacuumAt::Delete => {
                if named_by_pointer || named_by_catalog {
                    state.broken = Some(Broken::Vacuum);
                }
                *state.location_mut(self.partition, self.generation) = Location::EMPTY;
                state.garbage[self.partition.number()][self.generation.number()] = None;
                None
            }
        };
    }

    /// The locations that it may take up now.
    pub(crate) fn due(state: &State, grace: bool) -> impl Iterator<Item = Self> {
        let partitions = Partition::ALL.iter().copied();
        partitions
            .flat_map(|partition| {
                Generation::ALL.iter().map(move |generation| (partition, *generation))
            })
            .filter(move |(partition, generation)| {
                let readers = state.garbage[partition.number()][generation.number()];
                readers.is_some_and(|readers| !grace || Set::is_empty(readers))
            })
            .map(|(partition, generation)| Self::of(partition, generation))
    }
}
