//! Watermarks as they lie in the lake: read, and replaced by compare-and-set.

use alluvium_model::{
    DatabaseName, Shard, Version, Versioned, Watermark,
    layout::{ObjectKey, all_watermarks, shard_of_watermark, watermark_key},
    ports::{CommitObjects, ListObjects, Put, ReadObjects},
};

use crate::{Backoff, LakeError, state};

/// Times that a watermark may change under an attempt before that is given up.
pub(super) const ROUNDS_MAX: u32 = 16;

/// The watermarks of one database.
#[derive(Debug)]
pub(super) struct Watermarks<O> {
    pub(super) objects: O,
    pub(super) database: DatabaseName,
    pub(super) backoff: Backoff,
}

/// A watermark as it was read.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) watermark: Watermark,
    /// None if there was none.
    version: Option<Version>,
}

impl<O: ReadObjects + CommitObjects + ListObjects> Watermarks<O> {
    pub(super) const fn new(objects: O, database: DatabaseName, backoff: Backoff) -> Self {
        Self { objects, database, backoff }
    }

    /// Every shard that records were taken of.
    pub(super) async fn shards(&self) -> Result<Vec<Shard>, LakeError> {
        let location = all_watermarks(&self.database);
        let listed = self.backoff.retry(|| self.objects.list_objects(&location)).await?;
        let shard = |key: &ObjectKey| shard_of_watermark(&self.database, key);
        Ok(listed.iter().filter_map(|entry| shard(&entry.key)).collect())
    }

    /// The watermark of a shard; an empty one if nothing was taken yet.
    pub(super) async fn read(&self, shard: &Shard) -> Result<Known, LakeError> {
        let key = watermark_key(&self.database, shard);
        let Some(found) = self.backoff.retry(|| self.objects.object(&key)).await? else {
            return Ok(Known { watermark: Watermark::default(), version: None });
        };
        let Versioned { value, version } = state::understand(&key, found)?;
        Ok(Known { watermark: value, version: Some(version) })
    }

    /// Replaces a watermark that is still as it was read; false if it is not, and if that cannot be
    /// told because an earlier try of the same call may have done it.
    pub(super) async fn replace(
        &self,
        shard: &Shard,
        known: &Known,
        mut watermark: Watermark,
    ) -> Result<bool, LakeError> {
        watermark.revision = known.watermark.revision + 1;
        let key = watermark_key(&self.database, shard);
        let bytes = state::bytes(&key, &watermark)?;
        let put = self.backoff.retry(async || match &known.version {
            None => self.objects.create_object(&key, bytes.clone()).await,
            Some(version) => self.objects.replace_object(&key, bytes.clone(), version).await,
        });
        Ok(match put.await? {
            Put::Done(_) => true,
            Put::Conflict => false,
        })
    }

    /// Changes a watermark, unless `change` says that there is nothing to change; gives what it is
    /// then. Doing the change twice must be doing it once.
    pub(super) async fn change(
        &self,
        shard: &Shard,
        mut change: impl FnMut(&mut Watermark) -> bool,
    ) -> Result<Watermark, LakeError> {
        for _ in 0..ROUNDS_MAX {
            let known = self.read(shard).await?;
            let mut watermark = known.watermark.clone();
            if !change(&mut watermark) || self.replace(shard, &known, watermark.clone()).await? {
                return Ok(watermark);
            }
        }
        Err(self.contended(shard))
    }

    /// It changed whenever it was looked at.
    pub(super) fn contended(&self, shard: &Shard) -> LakeError {
        let watermark = watermark_key(&self.database, shard);
        LakeError::WatermarkContended { watermark, rounds: ROUNDS_MAX }
    }
}
