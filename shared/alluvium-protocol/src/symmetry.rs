//! Slots are not persons: two moments that differ only in which of them an attempt, a compactor or
//! a reader has lead to the same. The checker tells moments apart by their hashes, so these hash
//! like the one in which slots are in order. What is passed on, and told, are the moments as they
//! came about.

use std::hash::{Hash, Hasher};

use crate::{
    set::{Member, Set},
    state::State,
    words::{ATTEMPTS, Actor, COMPACTORS},
};

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Self {
            source_is_there,
            entry,
            catalog,
            pointers,
            made,
            locations,
            garbage,
            attempts,
            compactors,
            readers,
            vacuum,
            late_output,
            left,
            broken,
        } = self.in_order();
        (source_is_there, entry, catalog, pointers, made, locations, garbage).hash(hasher);
        (attempts, compactors, readers, vacuum, late_output, left, broken).hash(hasher);
    }
}

impl State {
    /// The same moment with slots in order.
    fn in_order(&self) -> Self {
        let attempts = order(&self.attempts);
        let compactors = order(&self.compactors);
        let readers = order(&self.readers);
        let mut state = *self;
        if compactors.is_sorted() && attempts.is_sorted() && readers.is_sorted() {
            return state;
        }
        state.attempts = attempts.map(|slot| self.attempts[slot]);
        state.compactors = compactors.map(|slot| self.compactors[slot]);
        state.readers = readers.map(|slot| self.readers[slot]);
        for pointer in state.pointers.iter_mut().flatten() {
            pointer.owner = pointer.owner.map(|owner| place_of(owner, &compactors));
        }
        state.change_actors(|actors| {
            if actors.is_empty() {
                return actors;
            }
            Set::of(actors.iter().map(|actor| match actor {
                Actor::Attempt0 | Actor::Attempt1 | Actor::Attempt2 => {
                    Actor::attempt(place_of(actor.number(), &attempts))
                }
                Actor::Compactor0 | Actor::Compactor1 | Actor::Compactor2 => {
                    Actor::compactor(place_of(actor.number() - ATTEMPTS, &compactors))
                }
                Actor::Reader0 | Actor::Reader1 => {
                    let slot = actor.number() - ATTEMPTS - COMPACTORS;
                    Actor::reader(place_of(slot, &readers))
                }
            }))
        });
        state
    }
}

/// The slots in the order of what is in them, empty ones last.
fn order<T: Ord, const SLOTS: usize>(slots: &[Option<T>; SLOTS]) -> [usize; SLOTS] {
    let mut order = std::array::from_fn(|slot| slot);
    order.sort_by(|one, other| {
        let (one, other) = (&slots[*one], &slots[*other]);
        one.is_none().cmp(&other.is_none()).then_with(|| one.cmp(other))
    });
    order
}

/// Where a slot has gone.
fn place_of(slot: usize, order: &[usize]) -> usize {
    order.iter().position(|old| *old == slot).unwrap_or(slot)
}

#[cfg(test)]
mod tests {
    use std::hash::DefaultHasher;

    use super::*;
    use crate::{
        action::Fate, bounds::Bounds, protections::Protections, protocol::Protocol, words::Layout,
    };

    fn hash(state: &State) -> u64 {
        let mut hasher = DefaultHasher::new();
        state.hash(&mut hasher);
        hasher.finish()
    }

    /// Two attempts that have made so many calls, the first one first.
    fn after_calls(first: usize, second: usize) -> State {
        let bounds = Bounds { attempts: 2, deliveries: 2, ..Bounds::ONE_ATTEMPT };
        let protocol = Protocol { protections: Protections::ALL, bounds };
        let mut state = State::first(&bounds);
        let slots = [0, 1].map(|_| protocol.deliver(&mut state, Layout::Lower).unwrap());
        for (slot, calls) in slots.into_iter().zip([first, second]) {
            for _ in 0..calls {
                let attempt = state.attempts[slot].unwrap();
                attempt.go_on(&protocol, &mut state, slot, Fate::Answered);
            }
        }
        state
    }

    #[test]
    fn who_is_in_which_slot_does_not_count() {
        let one = after_calls(6, 1);
        let mut other = one;
        other.attempts.swap(0, 1);
        other.change_actors(|actors| {
            Set::of(actors.iter().map(|actor| Actor::attempt(1 - actor.number())))
        });
        assert_ne!(one, other);
        assert_eq!(hash(&one), hash(&other));
    }

    #[test]
    fn what_is_in_them_does() {
        assert_ne!(hash(&after_calls(6, 1)), hash(&after_calls(6, 2)));
        let one = after_calls(6, 1);
        let mut other = one;
        other.change_actors(|actors| actors.without(Actor::Attempt0));
        assert_ne!(hash(&one), hash(&other), "the file is older");
    }
}
