//! The pointer of a partition: which of its locations is current, and which is coming.
//!
//! Writers write to every location that it names, and look at it again afterwards: so nothing that
//! is written beside a swap is lost. It is replaced by compare-and-set alone, and no two pointers
//! of a partition have the same bytes.

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
    pub owner: Option<String>,
    /// Until when nobody else may swap.
    pub lease_until: Option<UtcInstant>,
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

    /// The generation as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
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
