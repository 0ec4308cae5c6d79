//! A landing bucket that dates its objects and lets them be read bit by bit.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use alluvium_model::{
    AnnouncedObject, ErrorKind, Origin, PortError, UtcInstant,
    ports::{Chunk, OpenObjects, PortResult, ReadSource, Source},
};
use alluvium_testkit::MemoryLanding;
use alluvium_tests::late::at_once;
use bytes::Bytes;
use tokio::task::yield_now;

use crate::scene::{Content, POISON};

/// Bytes a chunk: a source has several.
const CHUNK_BYTES: usize = 40;

/// A bucket some of whose objects can never be opened. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bucket {
    landing: MemoryLanding,
    arrived: Arc<Mutex<BTreeMap<String, (UtcInstant, Bytes)>>>,
}

/// Reads an object for as long as it is the one that was opened.
#[derive(Debug)]
pub(crate) struct Reader {
    landing: MemoryLanding,
    object: AnnouncedObject,
    left: Bytes,
}

impl Bucket {
    /// Puts a content under its key.
    pub(crate) fn put(&self, content: &Content, now: UtcInstant) -> AnnouncedObject {
        let bytes = Bytes::from(content.text.clone());
        self.arrived.lock().unwrap().insert(content.key.clone(), (now, bytes.clone()));
        self.landing.drop_object(&content.key, bytes)
    }

    /// Whether an object is there as it was announced.
    pub(crate) fn holds(&self, object: &AnnouncedObject) -> bool {
        at_once(self.landing.open_object(object)).unwrap().is_some()
    }

    /// Deletes what is under the key of a content.
    pub(crate) fn delete(&self, content: &Content) {
        self.landing.delete_object(&content.key);
    }
}

impl OpenObjects for Bucket {
    type Reader = Reader;

    async fn open_object(&self, object: &AnnouncedObject) -> PortResult<Option<Source<Reader>>> {
        yield_now().await;
        if object.key.ends_with(POISON) {
            return Err(PortError::new(ErrorKind::Invalid, "open", object.key.as_str()));
        }
        let opened = self.landing.open_object(object).await?;
        Ok(opened.map(|Source { id, origin, bytes, format, .. }| {
            let (arrived_at, left) = self.arrived.lock().unwrap()[&object.key].clone();
            let (landing, object) = (self.landing.clone(), object.clone());
            let reader = Reader { landing, object, left };
            Source { id, origin: Origin { arrived_at, ..origin }, bytes, format, reader }
        }))
    }
}

impl ReadSource for Reader {
    async fn next_chunk(&mut self) -> PortResult<Chunk> {
        yield_now().await;
        if at_once(self.landing.open_object(&self.object))?.is_none() {
            return Ok(Chunk::Superseded);
        }
        let chunk = self.left.split_to(CHUNK_BYTES.min(self.left.len()));
        Ok(if chunk.is_empty() { Chunk::End } else { Chunk::Bytes(chunk) })
    }
}
