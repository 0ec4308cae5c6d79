//! Small sets of small things, one bit each: states are hashed and copied by the million.

use std::{fmt, marker::PhantomData};

/// What a set may hold: at most eight different things.
pub(crate) trait Member: Copy + fmt::Debug + 'static {
    /// All there are, in order.
    const ALL: &'static [Self];

    /// Its place in that order.
    fn number(self) -> usize;
}

/// A set of up to eight things.
#[derive(PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Set<M> {
    bits: u8,
    members: PhantomData<M>,
}

impl<M> Clone for Set<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Set<M> {}

impl<M> Set<M> {
    const fn of_bits(bits: u8) -> Self {
        Self { bits, members: PhantomData }
    }

    /// The set without members.
    pub(crate) const EMPTY: Self = Self::of_bits(0);

    pub(crate) fn is_empty(self) -> bool {
        self.bits == 0
    }

    pub(crate) fn union(self, other: Self) -> Self {
        Self::of_bits(self.bits | other.bits)
    }

    pub(crate) fn intersection(self, other: Self) -> Self {
        Self::of_bits(self.bits & other.bits)
    }

    pub(crate) fn difference(self, other: Self) -> Self {
        Self::of_bits(self.bits & !other.bits)
    }
}

impl<M: Member> Set<M> {
    pub(crate) fn of(members: impl IntoIterator<Item = M>) -> Self {
        members.into_iter().fold(Self::EMPTY, Self::with)
    }

    pub(crate) fn contains(self, member: M) -> bool {
        self.bits & (1 << member.number()) != 0
    }

    #[must_use]
    pub(crate) fn with(self, member: M) -> Self {
        Self::of_bits(self.bits | (1 << member.number()))
    }

    #[must_use]
    pub(crate) fn without(self, member: M) -> Self {
        Self::of_bits(self.bits & !(1 << member.number()))
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = M> {
        M::ALL.iter().copied().filter(move |member| self.contains(*member))
    }

    pub(crate) fn first(self) -> Option<M> {
        self.iter().next()
    }
}

impl<M: Member> fmt::Debug for Set<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
