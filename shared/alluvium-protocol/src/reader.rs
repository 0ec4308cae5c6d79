//! Readers that take their time: they ask the catalog where a partition is, later list it, later
//! read. Readers that do all of it in one moment are what the promises are about in every state.

use crate::{
    protocol::Protocol,
    set::{Member, Set},
    state::{Broken, State},
    words::{Actor, FileName, Generation, Partition, READERS, Row},
};

/// A reader at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Reader {
    partition: Partition,
    generation: Generation,
    /// The rows that were committed when it began.
    expected: Set<Row>,
    listed: Option<Set<FileName>>,
}

impl Reader {
    /// A reader asks the catalog where the partition is.
    pub(crate) fn begin(protocol: &Protocol, state: &mut State, partition: Partition) {
        let slot = (0..READERS).find(|slot| state.readers[*slot].is_none());
        if let (Some(slot), Some(generation)) = (slot, state.catalog[partition.number()]) {
            state.left.readings -= 1;
            let expected = protocol.committed_rows(state, partition);
            state.readers[slot] = Some(Self { partition, generation, expected, listed: None });
        }
    }

    /// It lists, and then reads.
    pub(crate) fn go_on(state: &mut State, slot: usize) {
        let Some(reader) = &state.readers[slot] else { return };
        let location = state.location(reader.partition, reader.generation);
        if let Some(listed) = reader.listed {
            let (once, twice) = location.rows(listed);
            let missing = reader.expected.difference(once);
            if !missing.union(twice.intersection(reader.expected)).is_empty() {
                state.broken = Some(Broken::Reader);
            }
            state.readers[slot] = None;
            state.forget(Actor::reader(slot));
        } else {
            let listed = Some(location.names());
            state.readers[slot] = Some(Self { listed, ..*reader });
        }
    }
}
