//! A landing bucket in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use alluvium_model::{
    AnnouncedObject, Digest, Origin, SourceId, UtcInstant,
    ports::{Chunk, DropObjects, OpenObjects, PortResult, ReadSource, Source, SourceFormat},
};
use bytes::Bytes;

use crate::MemorySource;

/// Bytes a chunk.
const CHUNK_BYTES: usize = 1_000;

/// Objects that can be announced and opened. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct MemoryLanding(Arc<Mutex<BTreeMap<String, Bytes>>>);

impl MemoryLanding {
    /// Puts an object there, over whatever was there; returns its announcement.
    pub fn drop_object(&self, key: &str, bytes: impl Into<Bytes>) -> AnnouncedObject {
        let bytes = bytes.into();
        let etag = Some(etag(&bytes));
        self.0.lock().unwrap().insert(key.to_owned(), bytes);
        let (bucket, key) = ("landing".to_owned(), key.to_owned());
        AnnouncedObject { bucket, key, etag, version_id: None }
    }

    /// Everything that lies there, by key.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, Bytes> {
        self.0.lock().unwrap().clone()
    }

    /// Deletes an object.
    pub fn delete_object(&self, key: &str) {
        self.0.lock().unwrap().remove(key);
    }
}

/// Reads an object for as long as it is the one that was opened.
#[derive(Clone, Debug)]
pub struct LandedReader {
    landing: MemoryLanding,
    key: String,
    opened: Bytes,
    reader: MemorySource,
}

impl ReadSource for LandedReader {
    async fn next_chunk(&mut self) -> PortResult<Chunk> {
        // Others may run meanwhile.
        tokio::task::yield_now().await;
        if self.landing.0.lock().unwrap().get(&self.key) != Some(&self.opened) {
            return Ok(Chunk::Superseded);
        }
        self.reader.next_chunk().await
    }
}

impl OpenObjects for MemoryLanding {
    type Reader = LandedReader;

    async fn open_object(
        &self,
        object: &AnnouncedObject,
    ) -> PortResult<Option<Source<LandedReader>>> {
        let found = self.0.lock().unwrap().get(&object.key).cloned();
        let announced = |bytes: &Bytes| object.etag.as_ref().is_none_or(|tag| *tag == etag(bytes));
        Ok(found.filter(announced).map(|bytes| Source {
            id: SourceId::of_object(&object.bucket, &object.key, &etag(&bytes)),
            origin: Origin { source: object.uri(), arrived_at: arrived_at() },
            bytes: bytes.len() as u64,
            format: SourceFormat::Documents,
            reader: LandedReader {
                landing: self.clone(),
                key: object.key.clone(),
                opened: bytes.clone(),
                reader: MemorySource::new(bytes, CHUNK_BYTES),
            },
        }))
    }
}

impl DropObjects for MemoryLanding {
    async fn drop_object(&self, key: &str, bytes: Bytes) -> PortResult<()> {
        Self::drop_object(self, key, bytes);
        Ok(())
    }
}

fn etag(bytes: &Bytes) -> String {
    Digest::of_fields(&[bytes]).to_string()
}

fn arrived_at() -> UtcInstant {
    "2026-11-22T10:00:00Z".parse().unwrap()
}
