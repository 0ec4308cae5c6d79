//! A lake's objects in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use alluvium_model::{
    layout::{Location, ObjectKey},
    ports::{ListObjects, ObjectEntry, PortResult, WriteObjects},
};
use bytes::Bytes;

/// Objects in memory. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct MemoryObjects(Arc<Mutex<BTreeMap<ObjectKey, Bytes>>>);

impl MemoryObjects {
    /// Everything that is there.
    #[must_use]
    pub fn all(&self) -> BTreeMap<ObjectKey, Bytes> {
        self.0.lock().unwrap().clone()
    }
}

impl WriteObjects for MemoryObjects {
    async fn put_object(&self, key: &ObjectKey, bytes: Bytes) -> PortResult<()> {
        self.0.lock().unwrap().insert(key.clone(), bytes);
        Ok(())
    }
}

impl ListObjects for MemoryObjects {
    async fn list_objects(&self, location: &Location) -> PortResult<Vec<ObjectEntry>> {
        let objects = self.0.lock().unwrap();
        let below = objects.iter().filter(|(key, _)| key.as_str().starts_with(location.as_str()));
        let entry = |(key, bytes): (&ObjectKey, &Bytes)| ObjectEntry {
            key: key.clone(),
            bytes: bytes.len() as u64,
        };
        Ok(below.map(entry).collect())
    }
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn are_objects() {
        crate::suites::objects(super::MemoryObjects::default()).await;
    }
}
