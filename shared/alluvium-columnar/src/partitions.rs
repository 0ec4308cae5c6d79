//! Which partition of its table each row of a part belongs to.

use std::collections::HashMap;

use alluvium_model::{PartitionKey, PartitionSpec, RowTraits, UtcInstant};

/// Partitions of a part at most, besides that of rows without values: each becomes a file.
const PARTITIONS_MAX: usize = 500;

/// The number of a partition in its part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PartitionNumber(u16);

impl PartitionNumber {
    /// The only partition of parts whose rows all share one.
    pub(crate) const FIRST: Self = Self(0);
    /// Of rows that go to no file; behind all others.
    pub(crate) const NONE: Self = Self(u16::MAX);
}

/// When the first and the last event of several happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventSpan {
    /// The first.
    pub first: UtcInstant,
    /// The last.
    pub last: UtcInstant,
}

/// The partitions of a part, in the order of their first rows.
#[derive(Debug, Default)]
pub(crate) struct Partitions {
    keys: Vec<PartitionKey>,
    /// Of those with events that say when they happened.
    events: HashMap<PartitionNumber, EventSpan>,
    by_key: HashMap<PartitionKey, PartitionNumber>,
    /// The partition of rows that are alike in what decides on it.
    by_fingerprint: HashMap<Vec<u8>, PartitionNumber>,
    fingerprint: Vec<u8>,
    /// Rows that went to the partition of rows without values for want of room.
    overflowed: u64,
    /// Where those are.
    rest: Option<PartitionNumber>,
}

impl Partitions {
    /// The partition of a row.
    pub(crate) fn of_row(&mut self, spec: &PartitionSpec, row: &RowTraits<'_>) -> PartitionNumber {
        self.fingerprint.clear();
        spec.fingerprint(row, &mut self.fingerprint);
        if let Some(known) = self.by_fingerprint.get(&self.fingerprint) {
            return *known;
        }
        // Others may have the same key: what is too long for one counts as nothing.
        let key = spec.key(row);
        let known = self.number_of(&key);
        if known.is_none() && self.keys.len() >= PARTITIONS_MAX {
            self.overflowed += 1;
            if self.rest.is_none() {
                let default = spec.default_key();
                let number = self.number_of(&default).unwrap_or_else(|| self.add(default));
                self.rest = Some(number);
            }
            return self.rest.unwrap_or(PartitionNumber::FIRST);
        }
        let number = known.unwrap_or_else(|| self.add(key));
        if self.by_fingerprint.len() < PARTITIONS_MAX {
            self.by_fingerprint.insert(self.fingerprint.clone(), number);
        }
        number
    }

    pub(crate) fn key(&self, number: PartitionNumber) -> Option<&PartitionKey> {
        self.keys.get(usize::from(number.0))
    }

    /// Notes when an event of a partition happened.
    pub(crate) fn add_event(&mut self, number: PartitionNumber, at: UtcInstant) {
        let span = self.events.entry(number).or_insert(EventSpan { first: at, last: at });
        span.first = span.first.min(at);
        span.last = span.last.max(at);
    }

    /// When the events of a partition happened.
    pub(crate) fn events(&self, number: PartitionNumber) -> Option<EventSpan> {
        self.events.get(&number).copied()
    }

    /// When the latest event of all happened.
    pub(crate) fn latest_event(&self) -> Option<UtcInstant> {
        self.events.values().map(|span| span.last).max()
    }

    pub(crate) const fn overflowed(&self) -> u64 {
        self.overflowed
    }

    fn number_of(&self, key: &PartitionKey) -> Option<PartitionNumber> {
        self.by_key.get(key).copied()
    }

    fn add(&mut self, key: PartitionKey) -> PartitionNumber {
        // There are a few hundred at most.
        let number = PartitionNumber(u16::try_from(self.keys.len()).unwrap_or(u16::MAX - 1));
        self.by_key.insert(key.clone(), number);
        self.keys.push(key);
        number
    }
}

#[cfg(test)]
mod tests {
    use alluvium_model::{JsonPath, PartitionScalar, Transform, ValueClass};

    use super::*;

    fn by_user() -> PartitionSpec {
        let (path, name) = (JsonPath::root().child("user"), "user".parse().unwrap());
        PartitionSpec::new(vec![Transform::Identity { path, name }]).unwrap()
    }

    fn row(user: &str) -> RowTraits<'_> {
        let scalar = PartitionScalar { class: ValueClass::String, text: user.into() };
        RowTraits {
            arrived_at: "2026-11-24T00:00:00Z".parse().unwrap(),
            event_time: None,
            scalars: vec![Some(scalar)],
        }
    }

    #[test]
    fn rows_beyond_the_most_partitions_share_that_without_values() {
        let (spec, mut partitions) = (by_user(), Partitions::default());
        let users: Vec<_> = (0..600).map(|user| user.to_string()).collect();
        let numbers: Vec<_> =
            users.iter().map(|user| partitions.of_row(&spec, &row(user))).collect();
        assert_eq!(partitions.keys.len(), PARTITIONS_MAX + 1);
        assert_eq!(partitions.overflowed(), 100);
        let last = partitions.key(numbers[599]).unwrap();
        assert_eq!(*last, spec.default_key());
        assert!(numbers.iter().skip(500).all(|number| *number == numbers[599]));
        // Those that have a place keep it.
        assert_eq!(partitions.of_row(&spec, &row("499")), numbers[499]);
        assert_eq!(partitions.overflowed(), 100);
    }

    #[test]
    fn values_that_count_as_none_are_one_partition() {
        let (spec, mut partitions) = (by_user(), Partitions::default());
        let long = "x".repeat(300);
        for user in ["", "__HIVE_DEFAULT_PARTITION__", &long] {
            assert_eq!(partitions.of_row(&spec, &row(user)), PartitionNumber::FIRST);
        }
        assert_eq!(partitions.keys, [spec.default_key()]);
    }
}
