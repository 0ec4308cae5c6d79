//! The pointer of a partition: which of its locations is current, and which is coming.
//!
//! Writers write to every location that it names, and look at it again afterwards: so nothing that
//! is written beside a swap is lost. It is replaced by compare-and-set alone, and no two pointers
//! of a partition have the same bytes.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::layout::Location;
use crate::{DatabaseName, PartitionKey, TableName, UtcInstant, layout};

/// Where the files of a partition lie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    /// The generation that readers see.
    pub generation: Generation,
    /// Where that lies.
    pub location: Location,
    /// The generation that is to take its place.
    pub next: Option<NextGeneration>,
    /// Who swaps, or swapped last.
    pub owner: Option<SwapOwner>,
    /// Until when nobody else may swap.
    pub lease_until: Option<UtcInstant>,
    /// When the partition was taken out of the catalog for its age: whoever writes to it registers
    /// it anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<UtcInstant>,
}

/// A generation that is coming.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextGeneration {
    /// The generation.
    pub generation: Generation,
    /// Where it lies.
    pub location: Location,
    /// How far it is.
    pub phase: Phase,
}

/// How far a generation is that is coming.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Files are merged into it and copied to it; it may be given up.
    Filling,
    /// It is whole; from here only forward.
    Committing,
}

/// The name of a generation: its number and, but for the first, who made it. Never used twice in a
/// partition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Generation(String);

impl Generation {
    /// The generation that a partition begins with.
    #[must_use]
    pub fn first() -> Self {
        Self("0".to_owned())
    }

    /// The generation that is made by `owner` behind this one. It is unique because its owner is:
    /// one that was given up leaves its number to the next.
    #[must_use]
    pub fn after(&self, owner: &SwapOwner) -> Self {
        let number = self.0.split('-').next().and_then(|number| number.parse::<u64>().ok());
        Self(format!("{}-{owner}", number.unwrap_or_default() + 1))
    }

    /// The generation as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Characters of a [`SwapOwner`]: it is part of keys.
const OWNER_CHARACTERS_MAX: usize = 64;

/// Who swaps: a random id that nobody else ever has, nor the same process at another swap. Lower
/// case letters, digits and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SwapOwner(String);

/// A text that is no owner of a swap.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no owner of a swap: 1 to 64 lower-case letters, digits and `-`")]
pub struct InvalidOwner(String);

impl SwapOwner {
    /// The owner that is this number, which must be random.
    #[must_use]
    pub fn of_number(number: u128) -> Self {
        Self(format!("{number:032x}"))
    }
}

impl FromStr for SwapOwner {
    type Err = InvalidOwner;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_lawful = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let lawful =
            (1..=OWNER_CHARACTERS_MAX).contains(&text.len()) && text.chars().all(is_lawful);
        lawful.then(|| Self(text.to_owned())).ok_or_else(|| InvalidOwner(text.to_owned()))
    }
}

impl fmt::Display for SwapOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for SwapOwner {
    type Error = InvalidOwner;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<SwapOwner> for String {
    fn from(owner: SwapOwner) -> Self {
        owner.0
    }
}

impl Pointer {
    /// The pointer that a partition begins with: the same for everybody who creates it.
    #[must_use]
    pub fn first(database: &DatabaseName, table: &TableName, partition: &PartitionKey) -> Self {
        Self {
            generation: Generation::first(),
            location: layout::first_generation(database, table, partition),
            next: None,
            owner: None,
            lease_until: None,
            retired_at: None,
        }
    }

    /// Every location that it names: what is written must lie in all of them.
    pub fn locations(&self) -> impl Iterator<Item = &Location> {
        [&self.location].into_iter().chain(self.next.as_ref().map(|next| &next.location))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_is_named_for_its_number_and_its_owner() {
        let (a, b) = ("8a-9".parse().unwrap(), "b".parse().unwrap());
        let first = Generation::first().after(&a);
        assert_eq!(first.as_str(), "1-8a-9");
        assert_eq!(first.after(&b).as_str(), "2-b");
        assert_eq!(Generation::first().after(&b).as_str(), "1-b");
        for text in ["", "A", "a/b", "a.b", "a b", "x".repeat(65).as_str()] {
            assert!(text.parse::<SwapOwner>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_pointer_is_written_like_this() {
        let (database, table) = ("lake".parse().unwrap(), "camera".parse().unwrap());
        let day = PartitionKey::new(vec![("dt".parse().unwrap(), "2026-11-22".to_owned())]);
        let mut pointer = Pointer::first(&database, &table, &day);
        let check = |pointer: &Pointer| {
            let text = serde_json::to_string(pointer).unwrap();
            assert_eq!(serde_json::from_str::<Pointer>(&text).unwrap(), *pointer);
            text
        };
        insta::assert_snapshot!(check(&pointer), @r#"{"generation":"0","location":"lake/camera/dt=2026-11-22/","next":null,"owner":null,"lease_until":null}"#);
        assert!(pointer.locations().eq([&pointer.location]));
        let location = Location::from_catalog("lake/camera/generations/1-a/dt=2026-11-22");
        pointer.next = Some(NextGeneration {
            generation: Generation("1-a".to_owned()),
            location: location.clone(),
            phase: Phase::Filling,
        });
        pointer.lease_until = Some("2026-11-22T10:00:00Z".parse().unwrap());
        insta::assert_snapshot!(check(&pointer), @r#"{"generation":"0","location":"lake/camera/dt=2026-11-22/","next":{"generation":"1-a","location":"lake/camera/generations/1-a/dt=2026-11-22/","phase":"filling"},"owner":null,"lease_until":"2026-11-22T10:00:00Z"}"#);
        assert!(pointer.locations().eq([&pointer.location, &location]));
    }
}
