//! One moment of a shard.

use std::hash::{Hash, Hasher};

use super::{
    attempt::Attempt,
    bounds::Bounds,
    words::{Range, Record},
};
use crate::{
    set::{Member, Set},
    words::{ATTEMPTS, Actor},
};

/// The object that says how far a shard is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Watermark {
    /// The records that no delivery looks at any more: all up to one of them.
    pub(crate) passed: Set<Record>,
    /// Ranges whose raw object is to be loaded.
    pub(crate) pending: Set<Range>,
    /// Ranges that could not be loaded.
    pub(crate) failed: Set<Range>,
}

impl Watermark {
    pub(crate) const NEW: Self =
        Self { passed: Set::EMPTY, pending: Set::EMPTY, failed: Set::EMPTY };
}

/// A raw object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Raw {
    Absent,
    /// The records of a range.
    Bytes(Range),
    /// It was dropped; its name is still there.
    Empty,
}

/// The ledger entry of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Entry {
    Absent,
    Writing,
    /// Committed, when these were alive.
    Committed {
        since: Set<Actor>,
    },
    /// It was committed, long ago; there is no entry any more.
    Expired,
}

/// How much may still happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Left {
    pub(crate) deliveries: u8,
    pub(crate) given_up: u8,
    pub(crate) replays: u8,
    pub(crate) schedules: u8,
    pub(crate) second_tries: u8,
    pub(crate) crashes: u8,
    pub(crate) lost_answers: u8,
    pub(crate) failures: u8,
    pub(crate) drops: u8,
    pub(crate) expiries: u8,
}

/// One moment of a shard: what lies in the lake, how far the mapping is, where everybody is.
///
/// Moments that differ only in who is in which slot have the same hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    pub(crate) watermark: Watermark,
    /// Raw objects, ledger entries and files of the table, by name.
    pub(crate) raw: [Raw; Range::COUNT],
    pub(crate) entries: [Entry; Range::COUNT],
    pub(crate) files: [Set<Record>; Range::COUNT],
    /// The records that the mapping is done with: answered for, or given up.
    pub(crate) done: Set<Record>,
    /// What the mapping has given up and nobody has replayed.
    pub(crate) given_up: Set<Range>,
    pub(crate) attempts: [Option<Attempt>; ATTEMPTS],
    pub(crate) left: Left,
}

impl State {
    /// The shard before the first delivery.
    pub(crate) fn first(bounds: &Bounds) -> Self {
        Self {
            watermark: Watermark::NEW,
            raw: [Raw::Absent; Range::COUNT],
            entries: [Entry::Absent; Range::COUNT],
            files: [Set::EMPTY; Range::COUNT],
            done: Set::EMPTY,
            given_up: Set::EMPTY,
            attempts: [None; ATTEMPTS],
            left: Left {
                deliveries: bounds.deliveries,
                given_up: bounds.given_up,
                replays: bounds.replays,
                schedules: bounds.schedules,
                second_tries: bounds.second_tries,
                crashes: bounds.crashes,
                lost_answers: bounds.lost_answers,
                failures: bounds.failures,
                drops: bounds.drops,
                expiries: bounds.expiries,
            },
        }
    }

    /// Whether nobody is at work.
    pub(crate) fn is_quiet(&self) -> bool {
        self.attempts.iter().all(Option::is_none)
    }

    /// The attempts whose end the settle time waits for.
    pub(crate) fn alive(&self) -> Set<Actor> {
        let slots = (0..ATTEMPTS).filter(|slot| self.attempts[*slot].is_some());
        Set::of(slots.map(Actor::attempt))
    }

    /// Whether the mapping may deliver or give up a batch: all before it is done.
    pub(crate) fn reaches(&self, batch: Range) -> bool {
        let before = Record::ALL.iter().copied().filter(|record| *record < batch.first());
        Set::of(before).difference(self.done).is_empty()
    }

    /// The watermark is replaced: what others know of it is outdated.
    pub(crate) fn replace_watermark(&mut self, watermark: Watermark) {
        self.watermark = watermark;
        for attempt in self.attempts.iter_mut().flatten() {
            attempt.seen_is_current = false;
        }
    }

    /// An attempt ends or dies.
    pub(crate) fn end(&mut self, slot: usize) {
        self.attempts[slot] = None;
        self.change_actors(|actors| actors.without(Actor::attempt(slot)));
    }

    fn change_actors(&mut self, change: impl Fn(Set<Actor>) -> Set<Actor>) {
        for entry in &mut self.entries {
            if let Entry::Committed { since } = entry {
                *since = change(*since);
            }
        }
    }

    /// The same moment with slots in order.
    fn in_order(&self) -> Self {
        let mut order: [usize; ATTEMPTS] = [0, 1, 2];
        order.sort_by_key(|slot| self.attempts[*slot]);
        let mut state = *self;
        state.attempts = order.map(|slot| self.attempts[slot]);
        state.change_actors(|actors| {
            let places =
                (0..ATTEMPTS).filter(|place| actors.contains(Actor::attempt(order[*place])));
            Set::of(places.map(Actor::attempt))
        });
        state
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Self { watermark, raw, entries, files, done, given_up, attempts, left } =
            self.in_order();
        (watermark, raw, entries, files, done, given_up, attempts, left).hash(hasher);
    }
}
