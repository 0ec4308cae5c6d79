//! The things of the model, each as small as it may be: of whatever matters only in numbers there
//! are just so many as a violation needs.

use crate::set::{Member, Set};

/// A set whose members are listed, with what says where each stands among them.
macro_rules! member {
    ($name:ident: $($value:expr),+) => {
        impl Member for $name {
            const ALL: &'static [Self] = &[$($value),+];

            fn number(self) -> usize {
                self as usize
            }
        }
    };
}

/// A partition of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Partition {
    /// The one that every source has rows in.
    First,
    /// The one that sources of two partitions have their second row in.
    Second,
}
member!(Partition: Self::First, Self::Second);

/// A part of the source: as many of its rows as are written together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// The first part; where a source is not cut, the only one.
    First,
    /// The second part.
    Second,
}
member!(Part: Self::First, Self::Second);

/// A row of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Row {
    /// The first row of the source.
    First,
    /// The second row of the source.
    Second,
    /// What was in the partition before the source came.
    Older,
}
member!(Row: Self::First, Self::Second, Self::Older);

/// The layout number of a deployment: raised when its code cuts sources in another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layout {
    /// That of the older deployment.
    Lower,
    /// That of the newer one, which takes over what the older one has begun.
    Higher,
}
member!(Layout: Self::Lower, Self::Higher);

/// Which files a source is to have, as its ledger entry claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Plan {
    /// None: it was gone before it was read.
    Superseded,
    /// Those that code of this layout makes of it.
    Files(Layout),
}

/// A place where files of a partition lie, by the swap that made it; the first one is there before
/// any swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Generation(u8);

impl Generation {
    /// Where files lie until something swaps the partition.
    pub(crate) const FIRST: Self = Self(0);

    /// How many there may be.
    pub(crate) const COUNT: usize = 4;

    /// The one that is made after this one.
    pub(crate) fn next(self) -> Option<Self> {
        Self::ALL.get(self.number() + 1).copied()
    }
}

impl Member for Generation {
    const ALL: &'static [Self] = &[Self(0), Self(1), Self(2), Self(3)];

    fn number(self) -> usize {
        usize::from(self.0)
    }
}

/// The name of a file, without its location.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum FileName {
    /// `<source>.<plan>-<part>`, for each layout and part.
    LowerFirst,
    LowerSecond,
    HigherFirst,
    HigherSecond,
    /// What the merge for a generation made.
    Merged0,
    Merged1,
    Merged2,
    Merged3,
}
member!(
    FileName: Self::LowerFirst, Self::LowerSecond, Self::HigherFirst, Self::HigherSecond,
    Self::Merged0, Self::Merged1, Self::Merged2, Self::Merged3
);

impl FileName {
    /// How many names of parts there are; they come first.
    pub(crate) const PARTS: usize = 4;
    /// How many names there are.
    pub(crate) const COUNT: usize = 8;

    /// The name of a part under the plan of a layout.
    pub(crate) fn of_part(layout: Layout, part: Part) -> Self {
        match (layout, part) {
            (Layout::Lower, Part::First) => Self::LowerFirst,
            (Layout::Lower, Part::Second) => Self::LowerSecond,
            (Layout::Higher, Part::First) => Self::HigherFirst,
            (Layout::Higher, Part::Second) => Self::HigherSecond,
        }
    }

    /// The name of what is merged for a generation.
    pub(crate) fn of_merge(generation: Generation) -> Self {
        match generation.0 {
            0 => Self::Merged0,
            1 => Self::Merged1,
            2 => Self::Merged2,
            _ => Self::Merged3,
        }
    }

    /// The layout whose plan a part's name tells; none for what a merge made.
    pub(crate) fn layout(self) -> Option<Layout> {
        match self {
            Self::LowerFirst | Self::LowerSecond => Some(Layout::Lower),
            Self::HigherFirst | Self::HigherSecond => Some(Layout::Higher),
            Self::Merged0 | Self::Merged1 | Self::Merged2 | Self::Merged3 => None,
        }
    }

    /// All names of parts.
    pub(crate) fn parts() -> Set<Self> {
        Set::of([Self::LowerFirst, Self::LowerSecond, Self::HigherFirst, Self::HigherSecond])
    }
}

/// Somebody whose being alive keeps an event from counting as old.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Actor {
    Attempt0,
    Attempt1,
    Attempt2,
    Compactor0,
    Compactor1,
    Compactor2,
    Reader0,
    Reader1,
}
member!(
    Actor: Self::Attempt0, Self::Attempt1, Self::Attempt2, Self::Compactor0, Self::Compactor1,
    Self::Compactor2, Self::Reader0, Self::Reader1
);

/// Attempts, compactors and readers that may be at work at one time.
pub(crate) const ATTEMPTS: usize = 3;
pub(crate) const COMPACTORS: usize = 3;
pub(crate) const READERS: usize = 2;

impl Actor {
    pub(crate) fn attempt(slot: usize) -> Self {
        Self::ALL[slot]
    }

    pub(crate) fn compactor(slot: usize) -> Self {
        Self::ALL[ATTEMPTS + slot]
    }

    pub(crate) fn reader(slot: usize) -> Self {
        Self::ALL[ATTEMPTS + COMPACTORS + slot]
    }
}
