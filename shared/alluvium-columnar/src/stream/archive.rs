//! Some records of a shard as one object: what a batch commits before anything is loaded from it.
//!
//! NDJSON in one frame of zstd, a line a record, so that people can read it with what they have.
//! Two attempts with the same records write the same bytes.

use std::{borrow::Cow, io::Read as _};

use alluvium_model::{ErrorKind, SequenceNumber, StreamRecord, UtcInstant};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use zstd::{bulk::Compressor, stream::read::Decoder};

use crate::encoding::Encoding;

/// The default of zstd.
const LEVEL: i32 = 3;
/// Bytes of NDJSON at most. A batch of a mapping has 6 MB of records, and a larger one is cut:
/// this is far beyond, and what a damaged object can take in memory.
const TEXT_BYTES_MAX: usize = 256 << 20;

/// Why there is no archive of some records, or no records in an archive.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The object is empty: it was dropped after its documents were loaded.
    #[error("the archive was dropped")]
    Dropped,
    /// Its frame is damaged.
    #[error("the archive cannot be unpacked")]
    Damaged(#[source] std::io::Error),
    /// A line of it is no record.
    #[error("line {line} of the archive is no record")]
    Line {
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: LineError,
    },
    /// There is more in it than in any archive.
    #[error("the archive has more than {TEXT_BYTES_MAX} bytes of text")]
    TooLarge,
    /// A record could not be written as a line.
    #[error("cannot write an archive")]
    Write(#[source] serde_json::Error),
    /// The lines could not be packed.
    #[error("cannot pack an archive")]
    Pack(#[source] std::io::Error),
}

/// What is wrong with a line of an archive.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It is no UTF-8.
    #[error(transparent)]
    Utf8(#[from] std::str::Utf8Error),
    /// It is no JSON, or that of something else.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// The data is no Base64, although it says so.
    #[error(transparent)]
    Base64(#[from] base64::DecodeError),
}

impl ArchiveError {
    /// What the caller may do.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Dropped => ErrorKind::Absent,
            Self::Damaged(_) | Self::Line { .. } | Self::TooLarge => ErrorKind::Invalid,
            Self::Write(_) | Self::Pack(_) => ErrorKind::Bug,
        }
    }
}

/// A record as its line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    sequence: Cow<'a, SequenceNumber>,
    arrived_at: UtcInstant,
    #[serde(borrow)]
    partition_key: Cow<'a, str>,
    encoding: Encoding,
    #[serde(borrow)]
    data: Cow<'a, str>,
}

/// The object that archives these records: its bytes depend on nothing else. It is never empty.
///
/// # Errors
/// When they are more than an archive holds.
pub fn encode_archive(records: &[StreamRecord]) -> Result<Bytes, ArchiveError> {
    let mut text = Vec::new();
    for record in records {
        let StreamRecord { sequence, arrived_at, partition_key, data } = record;
        let (encoding, data) = Encoding::of(data);
        let line = Line {
            sequence: Cow::Borrowed(sequence),
            arrived_at: *arrived_at,
            partition_key: Cow::Borrowed(partition_key),
            encoding,
            data,
        };
        serde_json::to_writer(&mut text, &line).map_err(ArchiveError::Write)?;
        text.push(b'\n');
        if text.len() > TEXT_BYTES_MAX {
            return Err(ArchiveError::TooLarge);
        }
    }
    pack(&text).map(Bytes::from).map_err(ArchiveError::Pack)
}

fn pack(text: &[u8]) -> Result<Vec<u8>, std::io::Error> {
    let mut compressor = Compressor::new(LEVEL)?;
    compressor.include_checksum(true)?;
    compressor.compress(text)
}

/// The records that an object archives.
///
/// # Errors
/// When it was dropped, or is not what [`encode_archive`] wrote.
pub fn decode_archive(bytes: &[u8]) -> Result<Vec<StreamRecord>, ArchiveError> {
    if bytes.is_empty() {
        return Err(ArchiveError::Dropped);
    }
    let text = unpack(bytes).map_err(ArchiveError::Damaged)?;
    if text.len() > TEXT_BYTES_MAX {
        return Err(ArchiveError::TooLarge);
    }
    let lines = text.strip_suffix(b"\n").unwrap_or(&text);
    let lines = lines.split(|byte| *byte == b'\n').filter(|_| !text.is_empty());
    let record = |(line, text)| record(text).map_err(|source| ArchiveError::Line { line, source });
    (1..).zip(lines).map(record).collect()
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>, std::io::Error> {
    let mut text = Vec::new();
    let mut decoder = Decoder::with_buffer(bytes)?.take(TEXT_BYTES_MAX as u64 + 1);
    decoder.read_to_end(&mut text)?;
    Ok(text)
}

fn record(line: &[u8]) -> Result<StreamRecord, LineError> {
    let Line { sequence, arrived_at, partition_key, encoding, data } =
        serde_json::from_str(std::str::from_utf8(line)?)?;
    Ok(StreamRecord {
        sequence: sequence.into_owned(),
        arrived_at,
        partition_key: partition_key.into_owned(),
        data: encoding.decode(data)?.into(),
    })
}

#[cfg(test)]
mod tests;
