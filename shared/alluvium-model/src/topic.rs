//! Where events go that are sent one by one: to the table that their topic names.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::TableSource;

/// Characters of a topic at most, so that a partition key has room for more.
const TOPIC_CHARS_MAX: usize = 128;
/// Characters of a partition key at most (AWS documentation, Kinesis `PutRecordsRequestEntry`).
const PARTITION_KEY_CHARS_MAX: usize = 256;

/// What names the table of an event: a text that a table can be named for, and that a folder of a
/// landing bucket can have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Topic(String);

/// A text that is no topic.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParseTopicError {
    /// It is empty or too long.
    #[error("a topic has 1 to {TOPIC_CHARS_MAX} characters")]
    Length,
    /// It would be a path of several folders, or is unfit for a key.
    #[error("a topic has no slash and no control character")]
    Character,
    /// Nothing of it is left in the name of a table.
    #[error("a topic has a letter or a digit, for it names a table")]
    Nameless,
}

impl Topic {
    /// The topic that a partition key begins with (`<topic>/<key>`); none if it has no `/`, or no
    /// topic before it.
    #[must_use]
    pub fn of_partition_key(key: &str) -> Option<Self> {
        key.split_once('/').and_then(|(topic, _)| topic.parse().ok())
    }

    /// The topic as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Topic {
    type Err = ParseTopicError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !(1..=TOPIC_CHARS_MAX).contains(&text.chars().count()) {
            return Err(ParseTopicError::Length);
        }
        if text.contains(|c: char| c == '/' || c.is_control()) {
            return Err(ParseTopicError::Character);
        }
        if TableSource::new(text).stem().is_empty() {
            return Err(ParseTopicError::Nameless);
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Topic {
    type Error = ParseTopicError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Topic> for String {
    fn from(topic: Topic) -> Self {
        topic.0
    }
}

/// Where the events of one request go: to a topic and, if they are to keep together, to the shard
/// of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventAddress {
    topic: Topic,
    key: Option<String>,
}

/// A key that makes no partition key.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "topic, slash and key have {chars} characters together, of which {PARTITION_KEY_CHARS_MAX} are allowed"
)]
pub struct KeyTooLong {
    chars: usize,
}

impl EventAddress {
    /// The address of a topic, or of a key in it.
    ///
    /// # Errors
    /// When the key is too long.
    pub fn new(topic: Topic, key: Option<String>) -> Result<Self, KeyTooLong> {
        let address = Self { topic, key };
        let chars = address.partition_key("", 0).chars().count();
        if address.key.is_some() && chars > PARTITION_KEY_CHARS_MAX {
            return Err(KeyTooLong { chars });
        }
        Ok(address)
    }

    /// The topic.
    #[must_use]
    pub const fn topic(&self) -> &Topic {
        &self.topic
    }

    /// The partition key of the `event`-th event of a request: `<topic>/<key>`. Without a key each
    /// event has one of its own, so that they spread over all shards.
    #[must_use]
    pub fn partition_key(&self, request_id: &str, event: usize) -> String {
        let topic = &self.topic;
        match &self.key {
            Some(key) => format!("{topic}/{key}"),
            None => format!("{topic}/{request_id}-{event}"),
        }
    }

    /// The key, in a landing bucket, of the `event`-th event of a request. No other event has it,
    /// however alike they are: what lies there twice under one key would be loaded once.
    #[must_use]
    pub fn landing_key(&self, request_id: &str, event: usize) -> String {
        format!("{}/collect/{request_id}-{event}.json", self.topic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";

    #[test]
    fn a_topic_names_a_table_and_a_folder() {
        for topic in ["camera", "Device Events 2", "_events", "7", "カメラ", "quarantine", "a.b"]
        {
            assert_eq!(topic.parse::<Topic>().unwrap().as_str(), topic);
        }
        let check = |text: &str, expected: ParseTopicError| {
            assert_eq!(text.parse::<Topic>(), Err(expected), "{text}");
        };
        check("", ParseTopicError::Length);
        check(&"x".repeat(129), ParseTopicError::Length);
        check("a/b", ParseTopicError::Character);
        check("a\nb", ParseTopicError::Character);
        check("a\u{7f}", ParseTopicError::Character);
        for text in [".", "..", "___", "-", " "] {
            check(text, ParseTopicError::Nameless);
        }
        assert!("é".repeat(128).parse::<Topic>().is_ok());
    }

    #[test]
    fn a_topic_is_the_first_segment_of_a_partition_key() {
        let check = |key: &str, topic: Option<&str>| {
            let found = Topic::of_partition_key(key);
            assert_eq!(found.as_ref().map(Topic::as_str), topic, "{key}");
        };
        check("camera/device-17", Some("camera"));
        check("camera/", Some("camera"));
        check("camera/a/b", Some("camera"));
        check("camera", None);
        check("/camera", None);
        check("../camera", None);
        check("a topic/1", Some("a topic"));
        check(&format!("{}/", "t".repeat(129)), None);
    }

    #[test]
    fn events_of_a_key_keep_together_and_others_spread() {
        let address = |key: Option<&str>| {
            EventAddress::new("camera".parse().unwrap(), key.map(str::to_owned)).unwrap()
        };
        let with_key = address(Some("gopro/7"));
        assert_eq!(with_key.partition_key(REQUEST, 0), "camera/gopro/7");
        assert_eq!(with_key.partition_key(REQUEST, 1), "camera/gopro/7");
        let without = address(None);
        assert_eq!(without.partition_key(REQUEST, 1), format!("camera/{REQUEST}-1"));
        for address in [with_key, without] {
            let expected = format!("camera/collect/{REQUEST}-12.json");
            assert_eq!(address.landing_key(REQUEST, 12), expected);
        }
    }

    #[test]
    fn a_partition_key_has_256_characters_at_most() {
        let address = |topic: &str, key: usize| {
            EventAddress::new(topic.parse().unwrap(), Some("ß".repeat(key)))
        };
        assert!(address("camera", 249).is_ok());
        assert_eq!(address("camera", 250), Err(KeyTooLong { chars: 257 }));
        // Whatever the topic, there is room for a request.
        let longest = EventAddress::new("x".repeat(128).parse().unwrap(), None).unwrap();
        assert!(longest.partition_key(REQUEST, usize::MAX).len() <= PARTITION_KEY_CHARS_MAX);
    }
}
