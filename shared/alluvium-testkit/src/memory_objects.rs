//! A lake's objects in memory.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::{Arc, Mutex},
};

use alluvium_model::{
    Digest, Version, Versioned,
    layout::{Location, ObjectKey},
    ports::{
        Commit, CommitObjects, ListObjects, ObjectEntry, PortResult, ReadObjects, WriteObjects,
    },
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

    /// Removes an object.
    pub fn remove(&self, key: &ObjectKey) {
        self.0.lock().unwrap().remove(key);
    }
}

impl WriteObjects for MemoryObjects {
    async fn put_object(&self, key: &ObjectKey, bytes: Bytes) -> PortResult<()> {
        self.0.lock().unwrap().insert(key.clone(), bytes);
        Ok(())
    }
}

impl ReadObjects for MemoryObjects {
    async fn object(&self, key: &ObjectKey) -> PortResult<Option<Versioned<Bytes>>> {
        let objects = self.0.lock().unwrap();
        Ok(objects
            .get(key)
            .map(|bytes| Versioned { value: bytes.clone(), version: version(bytes) }))
    }
}

impl CommitObjects for MemoryObjects {
    async fn create_object(&self, key: &ObjectKey, bytes: Bytes) -> PortResult<Commit> {
        match self.0.lock().unwrap().entry(key.clone()) {
            Entry::Occupied(_) => Ok(Commit::Conflict),
            Entry::Vacant(new) => {
                new.insert(bytes);
                Ok(Commit::Done)
            }
        }
    }

    async fn replace_object(
        &self,
        key: &ObjectKey,
        bytes: Bytes,
        expected: &Version,
    ) -> PortResult<Commit> {
        match self.0.lock().unwrap().get_mut(key) {
            Some(current) if version(current) == *expected => {
                *current = bytes;
                Ok(Commit::Done)
            }
            Some(_) | None => Ok(Commit::Conflict),
        }
    }
}

/// A tag of the content, as S3 has it.
fn version(bytes: &Bytes) -> Version {
    Version(Digest::of_fields(&[bytes]).to_string())
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
