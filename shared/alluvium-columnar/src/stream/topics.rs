//! Which sources the documents of some records make, told by their partition keys alone.

use alluvium_model::{Selection, StreamRecord, Topic};

use super::aggregate::user_records;

/// Topics of an archive that make sources of their own; those of further ones share one with what
/// has no topic. A source costs a look at all of the archive.
pub const TOPICS_MAX: usize = 256;

/// The sources that the documents of these records make: none for that of all documents that have
/// no topic, or a topic beyond the first [`TOPICS_MAX`]; it comes first if there is one. The
/// topics are in the order in which they appear.
#[must_use]
pub fn topics_of(records: &[StreamRecord]) -> Vec<Option<Topic>> {
    let mut topics = Vec::new();
    let mut has_others = false;
    let mut note = |partition_key: &str| match Topic::of_partition_key(partition_key) {
        Some(topic) if topics.contains(&topic) => {}
        Some(topic) if topics.len() < TOPICS_MAX => topics.push(topic),
        Some(_) | None => has_others = true,
    };
    for record in records {
        match user_records(&record.data) {
            Some(user_records) => user_records.iter().for_each(|one| note(one.partition_key)),
            None => note(&record.partition_key),
        }
    }
    has_others.then_some(None).into_iter().chain(topics.into_iter().map(Some)).collect()
}

/// Which documents belong to the source of this topic, of those that [`topics_of`] told.
#[must_use]
pub fn selection_of(topic: Option<&Topic>, topics: &[Option<Topic>]) -> Selection {
    match topic {
        Some(topic) => Selection::Topic(topic.clone()),
        None => Selection::Except(topics.iter().flatten().cloned().collect()),
    }
}

#[cfg(test)]
mod tests;
