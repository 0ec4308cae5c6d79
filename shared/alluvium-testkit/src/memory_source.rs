//! A source in memory.

use alluvium_model::ports::{Chunk, PortResult, ReadSource};
use bytes::Bytes;

/// Gives the bytes of a source in chunks of one size.
#[derive(Clone, Debug)]
pub struct MemorySource {
    bytes: Bytes,
    chunk_bytes: usize,
}

impl MemorySource {
    /// A source that gives `chunk_bytes` at a time.
    pub fn new(bytes: impl Into<Bytes>, chunk_bytes: usize) -> Self {
        Self { bytes: bytes.into(), chunk_bytes }
    }
}

impl ReadSource for MemorySource {
    async fn next_chunk(&mut self) -> PortResult<Chunk> {
        let chunk = self.bytes.split_to(self.chunk_bytes.min(self.bytes.len()));
        Ok(if chunk.is_empty() { Chunk::End } else { Chunk::Bytes(chunk) })
    }
}
