//! What lies in a landing bucket, in memory.

use std::collections::BTreeMap;

use alluvium_model::{
    AnnouncedObject, UtcInstant,
    ports::{LandedObject, LandedPage, ListLanding, PortResult},
};

/// Objects that are listed in pages.
#[derive(Clone, Debug)]
pub struct MemoryBucket {
    objects: BTreeMap<String, LandedObject>,
    page: usize,
}

impl MemoryBucket {
    /// An empty bucket whose listing has so many objects a page.
    #[must_use]
    pub const fn with_pages_of(page: usize) -> Self {
        Self { objects: BTreeMap::new(), page }
    }

    /// Puts an object there that was written then.
    pub fn put(&mut self, key: &str, bytes: u64, modified_at: &str) -> &mut LandedObject {
        let modified_at: UtcInstant = modified_at.parse().unwrap();
        let announced = AnnouncedObject {
            bucket: "landing".to_owned(),
            key: key.to_owned(),
            etag: Some("9a0364b9e99bb480dd25e1f0284c8555".to_owned()),
            version_id: None,
        };
        let object = LandedObject { announced, bytes, modified_at, is_archived: false };
        self.objects.entry(key.to_owned()).insert_entry(object).into_mut()
    }
}

impl ListLanding for MemoryBucket {
    async fn landed_after(&self, after: Option<&str>) -> PortResult<LandedPage> {
        let behind = |key: &str| after.is_none_or(|after| key > after);
        let mut found = self.objects.iter().filter(|(key, _)| behind(key));
        let objects = found.by_ref().take(self.page).map(|(_, object)| object.clone()).collect();
        Ok(LandedPage { objects, is_last: found.next().is_none() })
    }
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn is_a_landing_bucket() {
        let mut bucket = super::MemoryBucket::with_pages_of(2);
        let keys = ["b/1", "a/2", "b", "a/1 +", "ä"];
        for key in keys {
            bucket.put(key, 1, "2026-11-01T12:00:00Z");
        }
        crate::suites::landing(bucket, &keys).await;
        crate::suites::landing(super::MemoryBucket::with_pages_of(2), &[]).await;
    }
}
