//! A piece of a file that was fetched at once, for readers that ask for many small ones.

use bytes::{Buf as _, Bytes, buf::Reader};
use parquet::{
    errors::ParquetError,
    file::reader::{ChunkReader, Length},
};

/// Some consecutive bytes of a file.
#[derive(Clone)]
pub(super) struct Window {
    file_bytes: u64,
    begin: u64,
    bytes: Bytes,
}

impl Window {
    /// The bytes of a file from `begin` on.
    pub(super) const fn new(file_bytes: u64, begin: u64, bytes: Bytes) -> Self {
        Self { file_bytes, begin, bytes }
    }

    /// How many bytes of the file it has.
    pub(super) const fn length(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it has `length` bytes from `begin` on.
    pub(super) fn has(&self, begin: u64, length: usize) -> bool {
        self.slice(begin, length).is_some()
    }

    fn slice(&self, begin: u64, length: usize) -> Option<Bytes> {
        let at = usize::try_from(begin.checked_sub(self.begin)?).ok()?;
        let end = at.checked_add(length).filter(|end| *end <= self.bytes.len())?;
        Some(self.bytes.slice(at..end))
    }
}

impl Length for Window {
    fn len(&self) -> u64 {
        self.file_bytes
    }
}

impl ChunkReader for Window {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let rest = (self.begin + self.bytes.len() as u64).saturating_sub(start);
        let length = usize::try_from(rest).unwrap_or(usize::MAX);
        Ok(self.get_bytes(start, length)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let outside = || ParquetError::EOF(format!("no {length} bytes at {start}"));
        self.slice(start, length).ok_or_else(outside)
    }
}
