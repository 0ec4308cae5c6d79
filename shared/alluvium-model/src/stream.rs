//! A stream of records: shards, sequence numbers, and what stands in a record besides its data.

use std::{cmp::Ordering, fmt, str::FromStr};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{Topic, UtcInstant};

/// Digits that a sequence number is written with in keys, so that these are in its order: a few more
/// than the 56 that Kinesis gives.
const KEY_DIGITS: usize = 60;
/// Digits that a sequence number has at most: those of 2^256.
const DIGITS_MAX: usize = 78;
/// A stream. One that is deleted and made again under its name is another one: its sequence numbers
/// may begin anew.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stream {
    /// Its name.
    pub name: StreamName,
    /// When it was made.
    pub created: UtcInstant,
}

/// A shard of a stream. Its records have an order, and sequence numbers that grow with it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard {
    /// The stream.
    pub stream: Stream,
    /// Its name in the stream.
    pub id: ShardId,
}

/// The name of a stream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StreamName(String);

/// The name of a shard in its stream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ShardId(String);

/// A text that is no name of this kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}")]
pub struct InvalidStreamText {
    text: String,
    what: &'static str,
}

fn is_word(text: &str, bytes_max: usize) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (1..=bytes_max).contains(&text.len())
        && text.bytes().all(is_letter)
        && !matches!(text, "." | "..")
}

macro_rules! word {
    ($name:ident, $bytes_max:expr, $what:expr) => {
        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidStreamText;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let error = || InvalidStreamText { text: text.to_owned(), what: $what };
                is_word(text, $bytes_max).then(|| Self(text.to_owned())).ok_or_else(error)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidStreamText;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

word!(StreamName, 128, "the name of a stream: up to 128 letters, digits, `_`, `.` and `-`");
word!(ShardId, 128, "the name of a shard: up to 128 letters, digits, `_`, `.` and `-`");

/// The place of a record in its shard: an integer of more bits than any type has, so it is kept as
/// its digits. Compared as an integer, never as text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SequenceNumber(String);

impl SequenceNumber {
    /// The number as text, as short as it can be.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SequenceNumber {
    type Err = InvalidStreamText;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_number = (1..=DIGITS_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number {
            let what = "a sequence number: up to 78 digits";
            return Err(InvalidStreamText { text: text.to_owned(), what });
        }
        let digits = text.trim_start_matches('0');
        Ok(Self(if digits.is_empty() { "0".to_owned() } else { digits.to_owned() }))
    }
}

impl TryFrom<String> for SequenceNumber {
    type Error = InvalidStreamText;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<SequenceNumber> for String {
    fn from(number: SequenceNumber) -> Self {
        number.0
    }
}

impl Ord for SequenceNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |number: &Self| number.0.len();
        key(self).cmp(&key(other)).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for SequenceNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Some records of a shard that follow each other there, by the first and the last of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SequenceRange {
    /// The first.
    pub first: SequenceNumber,
    /// The last.
    pub last: SequenceNumber,
}

impl SequenceRange {
    /// The range of these records of a shard, which follow each other; none of none.
    #[must_use]
    pub fn of(records: &[StreamRecord]) -> Option<Self> {
        let (first, last) = (records.first()?, records.last()?);
        Some(Self { first: first.sequence.clone(), last: last.sequence.clone() })
    }

    /// Whether a record of the shard is one of these.
    #[must_use]
    pub fn contains(&self, sequence: &SequenceNumber) -> bool {
        (&self.first..=&self.last).contains(&sequence)
    }

    /// The range as it stands in keys: `<first>-<last>`, each with leading zeros, so that ranges of
    /// a shard are in their order.
    #[must_use]
    pub fn key(&self) -> String {
        let Self { first, last } = self;
        format!("{:0>KEY_DIGITS$}-{:0>KEY_DIGITS$}", first.as_str(), last.as_str())
    }

    /// The range that [`SequenceRange::key`] writes like this.
    #[must_use]
    pub fn of_key(key: &str) -> Option<Self> {
        let (first, last) = key.split_once('-')?;
        let range = Self { first: first.parse().ok()?, last: last.parse().ok()? };
        (range.key() == key).then_some(range)
    }
}

impl fmt::Display for SequenceRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// A record as a stream holds it. Its data may hold several documents, packed or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamRecord {
    /// Its place in its shard. Records that a producer packed into one have it in common.
    pub sequence: SequenceNumber,
    /// When the stream took it.
    pub arrived_at: UtcInstant,
    /// What decided about its shard.
    pub partition_key: String,
    /// Its data.
    pub data: Bytes,
}

/// What becomes of what a stream delivered, once it is in its tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raw {
    /// It stays, for whoever wants to load it again by other rules.
    Keep,
    /// It is emptied. Its name stays: it tells which records were taken.
    Drop,
}

/// Some records that follow each other in a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamBatch {
    /// The name of the stream.
    pub stream: StreamName,
    /// The shard.
    pub shard: ShardId,
    /// The records, in the order of the shard.
    pub records: Vec<StreamRecord>,
}

/// Which of the documents of a stream's records belong to a source: those of several topics may
/// come in one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Those of this topic.
    Topic(Topic),
    /// Those of none of these topics, and those without a topic. All, if there are none.
    Except(Vec<Topic>),
}

impl Selection {
    /// Whether what has this partition key is selected.
    #[must_use]
    pub fn takes(&self, partition_key: &str) -> bool {
        match self {
            Self::Topic(topic) => Topic::of_partition_key(partition_key).as_ref() == Some(topic),
            Self::Except(topics) => {
                Topic::of_partition_key(partition_key).is_none_or(|topic| !topics.contains(&topic))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> SequenceNumber {
        text.parse().unwrap()
    }

    #[test]
    fn sequence_numbers_are_compared_as_integers() {
        assert!(number("9") < number("10"));
        assert!(
            number("49546986683135544286507457936321625675700192471156785154")
                < number("49546986683135544286507457936321625675700192471156785155")
        );
        assert_eq!(number("007"), number("7"));
        assert_eq!(number("000").as_str(), "0");
        for wrong in ["", "-1", "1.0", "LATEST", &"1".repeat(79)] {
            assert!(wrong.parse::<SequenceNumber>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn keys_of_ranges_are_in_their_order() {
        let range =
            |first: &str, last: &str| SequenceRange { first: number(first), last: number(last) };
        let keys =
            [range("2", "9"), range("10", "10"), range("11", "200")].map(|range| range.key());
        assert!(keys.is_sorted());
        for key in &keys {
            assert_eq!(SequenceRange::of_key(key).unwrap().key(), *key);
        }
        assert_eq!(SequenceRange::of_key("2-9"), None);
        assert!(range("2", "9").contains(&number("9")));
        assert!(!range("2", "9").contains(&number("10")));
    }

    #[test]
    fn every_document_belongs_to_one_selection() {
        let topics: Vec<Topic> = ["camera", "door"].map(|topic| topic.parse().unwrap()).into();
        let mut selections: Vec<_> = topics.iter().cloned().map(Selection::Topic).collect();
        selections.push(Selection::Except(topics));
        for key in ["camera/1", "door/1", "bell/1", "17", ""] {
            assert_eq!(selections.iter().filter(|one| one.takes(key)).count(), 1, "{key}");
        }
        assert!(Selection::Except(Vec::new()).takes("camera/1"));
    }
}
