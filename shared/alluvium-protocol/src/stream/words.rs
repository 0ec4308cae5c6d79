//! Records of a shard and ranges of them, of each just as many as a violation needs.

use crate::set::{Member, Set};

/// A record of the shard, by its place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Record {
    First,
    Second,
    Third,
}

impl Member for Record {
    const ALL: &'static [Self] = &[Self::First, Self::Second, Self::Third];

    fn number(self) -> usize {
        self as usize
    }
}

/// Records that follow each other: a batch, what a raw object holds, what was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Range {
    /// The first record.
    First,
    /// The second record.
    Second,
    /// The third record.
    Third,
    /// The first and the second record.
    FirstTwo,
    /// The second and the third record.
    LastTwo,
    /// All three records.
    All,
}

impl Range {
    /// How many there are.
    pub(crate) const COUNT: usize = 6;

    /// The first record in it.
    pub(crate) fn first(self) -> Record {
        match self {
            Self::First | Self::FirstTwo | Self::All => Record::First,
            Self::Second | Self::LastTwo => Record::Second,
            Self::Third => Record::Third,
        }
    }

    /// The last record in it.
    pub(crate) fn last(self) -> Record {
        match self {
            Self::First => Record::First,
            Self::Second | Self::FirstTwo => Record::Second,
            Self::Third | Self::LastTwo | Self::All => Record::Third,
        }
    }

    /// The records in it.
    pub(crate) fn records(self) -> Set<Record> {
        let records = Record::ALL.iter().copied();
        Set::of(records.filter(|record| (self.first()..=self.last()).contains(record)))
    }

    /// The range of that record alone.
    pub(crate) fn of(record: Record) -> Self {
        match record {
            Record::First => Self::First,
            Record::Second => Self::Second,
            Record::Third => Self::Third,
        }
    }

    /// As few ranges as hold these records.
    pub(crate) fn runs(records: Set<Record>) -> Set<Self> {
        let is_whole = |range: &&Self| range.records().difference(records).is_empty();
        let within = Set::of(Self::ALL.iter().filter(is_whole).copied());
        let is_longest = |range: &Self| {
            !within.iter().any(|other| {
                other != *range && range.records().difference(other.records()).is_empty()
            })
        };
        Set::of(within.iter().filter(is_longest))
    }
}

impl Member for Range {
    const ALL: &'static [Self] =
        &[Self::First, Self::Second, Self::Third, Self::FirstTwo, Self::LastTwo, Self::All];

    fn number(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_held_by_as_few_ranges_as_there_are_gaps() {
        let runs = |records: &[Record]| {
            Range::runs(Set::of(records.iter().copied())).iter().collect::<Vec<_>>()
        };
        let [first, second, third] = [Record::First, Record::Second, Record::Third];
        assert_eq!(runs(&[]), []);
        assert_eq!(runs(&[second]), [Range::Second]);
        assert_eq!(runs(&[first, second]), [Range::FirstTwo]);
        assert_eq!(runs(&[first, third]), [Range::First, Range::Third]);
        assert_eq!(runs(&[first, second, third]), [Range::All]);
    }
}
