//! A landing bucket some of whose objects are deleted while they are read.

use alluvium_model::{
    AnnouncedObject,
    ports::{Chunk, OpenObjects, PortResult, ReadSource, Source},
};
use alluvium_testkit::{LandedReader, MemoryLanding};

/// Deletes objects below `fading/` when their first chunk was read, which is all of a short one.
#[derive(Clone, Debug, Default)]
pub(crate) struct FadingLanding(pub(crate) MemoryLanding);

#[derive(Debug)]
pub(crate) struct FadingObject {
    landing: MemoryLanding,
    /// The key, of one that fades.
    fading: Option<String>,
    chunks: u32,
    object: LandedReader,
}

impl OpenObjects for FadingLanding {
    type Reader = FadingObject;

    async fn open_object(
        &self,
        object: &AnnouncedObject,
    ) -> PortResult<Option<Source<FadingObject>>> {
        let fading = object.key.starts_with("fading/").then(|| object.key.clone());
        let opened = self.0.open_object(object).await?;
        Ok(opened.map(|Source { id, origin, bytes, format, reader }| {
            let landing = self.0.clone();
            let reader = FadingObject { landing, fading, chunks: 0, object: reader };
            Source { id, origin, bytes, format, reader }
        }))
    }
}

impl ReadSource for FadingObject {
    async fn next_chunk(&mut self) -> PortResult<Chunk> {
        self.chunks += 1;
        if let Some(key) = self.fading.as_ref().filter(|_| self.chunks > 1) {
            self.landing.delete_object(key);
        }
        self.object.next_chunk().await
    }
}
