//! User records that the Kinesis Producer Library packed into the data of one record.
//!
//! Magic bytes, the protobuf message `AggregatedRecord`, and its MD5 (`AWS_FACTS.md` §4). What is
//! not exactly that is an ordinary payload that happens to begin with the same bytes: nothing is
//! guessed, nothing is half taken. The message is not copied: what is found points into it, and
//! takes in memory some times the bytes of the message at most.

use md5::{Digest as _, Md5};

use super::protobuf::{Field, Message};

const MAGIC: &[u8] = &[0xf3, 0x89, 0x9a, 0xc2];
const MD5_BYTES: usize = 16;

/// Fields of `AggregatedRecord`.
const PARTITION_KEY_TABLE: u64 = 1;
const RECORDS: u64 = 3;
/// Fields of its `Record`.
const PARTITION_KEY_INDEX: u64 = 1;
const DATA: u64 = 3;

/// A record as its producer made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UserRecord<'a> {
    pub(crate) partition_key: &'a str,
    pub(crate) data: &'a [u8],
}

/// The user records that this data of a record packs; none if it is one itself.
pub(crate) fn user_records(data: &[u8]) -> Option<Vec<UserRecord<'_>>> {
    let (message, digest) = data.strip_prefix(MAGIC)?.split_last_chunk::<MD5_BYTES>()?;
    if Md5::digest(message)[..] != digest[..] {
        return None;
    }
    let mut keys = Vec::new();
    let mut records = Vec::new();
    for field in Message::new(message) {
        match field? {
            (PARTITION_KEY_TABLE, Field::Bytes(key)) => keys.push(std::str::from_utf8(key).ok()?),
            (RECORDS, Field::Bytes(record)) => records.push(record),
            (PARTITION_KEY_TABLE | RECORDS, Field::Varint(_) | Field::Fixed) => return None,
            _ => {}
        }
    }
    // The table may stand behind the records that point into it.
    records.into_iter().map(|record| user_record(record, &keys)).collect()
}

/// The last value of a field counts, as protobuf has it.
fn user_record<'a>(record: &'a [u8], keys: &[&'a str]) -> Option<UserRecord<'a>> {
    let (mut key, mut data) = (None, None);
    for field in Message::new(record) {
        match field? {
            (PARTITION_KEY_INDEX, Field::Varint(index)) => key = Some(index),
            (DATA, Field::Bytes(bytes)) => data = Some(bytes),
            (PARTITION_KEY_INDEX, Field::Bytes(_) | Field::Fixed)
            | (DATA, Field::Varint(_) | Field::Fixed) => return None,
            _ => {}
        }
    }
    let partition_key = keys.get(usize::try_from(key?).ok()?)?;
    Some(UserRecord { partition_key, data: data? })
}

#[cfg(test)]
pub(crate) mod tests;
