//! The records of a stream, from the object that archives some of them to the documents in them.
//!
//! - `archive` is that object: what was taken of a shard at a time, as it came;
//! - `aggregate` finds the user records that a producer packed into one record (`protobuf`);
//! - `topics` tells which sources the documents make;
//! - `payloads` reads each payload as files are read, and what is in envelopes of CloudWatch Logs
//!   (`envelope`) instead of them.

mod aggregate;
mod archive;
mod envelope;
mod payloads;
mod protobuf;
mod topics;

pub use archive::{ArchiveError, decode_archive, encode_archive};
pub(crate) use payloads::Archive;
pub use topics::{TOPICS_MAX, selection_of, topics_of};

#[cfg(test)]
mod tests;
