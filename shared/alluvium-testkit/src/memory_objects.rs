//! A lake's objects in memory.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    ops::Range,
    sync::{Arc, Mutex},
};

use alluvium_model::{
    Digest, UtcInstant, Version, Versioned,
    layout::{Location, ObjectKey},
    ports::{
        CommitObjects, Copied, CopyObjects, Dated, DeleteObjects, ListObjects, ObjectEntry,
        PortResult, Put, ReadDated, ReadObjects, ReadRanges, TellTime, WriteObjects,
    },
};
use bytes::Bytes;

use crate::MemoryClock;

/// Objects in memory. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct MemoryObjects {
    objects: Arc<Mutex<BTreeMap<ObjectKey, Object>>>,
    clock: MemoryClock,
}

#[derive(Clone, Debug)]
struct Object {
    bytes: Bytes,
    modified: UtcInstant,
}

impl MemoryObjects {
    /// Objects that are dated by this clock.
    #[must_use]
    pub fn dated_by(clock: MemoryClock) -> Self {
        Self { clock, ..Self::default() }
    }

    /// Everything that is there.
    #[must_use]
    pub fn all(&self) -> BTreeMap<ObjectKey, Bytes> {
        let objects = self.objects.lock().unwrap();
        objects.iter().map(|(key, object)| (key.clone(), object.bytes.clone())).collect()
    }

    /// The keys of everything that is there.
    #[must_use]
    pub fn keys(&self) -> Vec<ObjectKey> {
        self.objects.lock().unwrap().keys().cloned().collect()
    }

    /// The clock that dates them.
    #[must_use]
    pub const fn clock(&self) -> &MemoryClock {
        &self.clock
    }

    /// Removes an object.
    pub fn remove(&self, key: &ObjectKey) {
        self.objects.lock().unwrap().remove(key);
    }

    fn dated(&self, bytes: Bytes) -> Object {
        Object { bytes, modified: self.clock.now() }
    }
}

impl WriteObjects for MemoryObjects {
    async fn put_object(&self, key: &ObjectKey, bytes: Bytes) -> PortResult<()> {
        let object = self.dated(bytes);
        self.objects.lock().unwrap().insert(key.clone(), object);
        Ok(())
    }
}

impl ReadObjects for MemoryObjects {
    async fn object(&self, key: &ObjectKey) -> PortResult<Option<Versioned<Bytes>>> {
        let objects = self.objects.lock().unwrap();
        let versioned = |Object { bytes, .. }: &Object| Versioned {
            value: bytes.clone(),
            version: version(bytes),
        };
        Ok(objects.get(key).map(versioned))
    }
}

impl ReadDated for MemoryObjects {
    async fn dated_object(&self, key: &ObjectKey) -> PortResult<Option<Dated<Bytes>>> {
        let objects = self.objects.lock().unwrap();
        let dated = |object: &Object| {
            let Object { bytes, modified } = object.clone();
            Dated { value: bytes, modified }
        };
        Ok(objects.get(key).map(dated))
    }
}

impl CommitObjects for MemoryObjects {
    async fn create_object(&self, key: &ObjectKey, bytes: Bytes) -> PortResult<Put> {
        match self.objects.lock().unwrap().entry(key.clone()) {
            Entry::Occupied(_) => Ok(Put::Conflict),
            Entry::Vacant(new) => {
                let version = version(&bytes);
                new.insert(self.dated(bytes));
                Ok(Put::Done(version))
            }
        }
    }

    async fn replace_object(
        &self,
        key: &ObjectKey,
        bytes: Bytes,
        expected: &Version,
    ) -> PortResult<Put> {
        match self.objects.lock().unwrap().get_mut(key) {
            Some(current) if version(&current.bytes) == *expected => {
                let version = version(&bytes);
                *current = self.dated(bytes);
                Ok(Put::Done(version))
            }
            Some(_) | None => Ok(Put::Conflict),
        }
    }
}

impl CopyObjects for MemoryObjects {
    async fn copy_object(&self, from: &ObjectKey, to: &ObjectKey) -> PortResult<Copied> {
        let mut objects = self.objects.lock().unwrap();
        let Some(bytes) = objects.get(from).map(|object| object.bytes.clone()) else {
            return Ok(Copied::Gone);
        };
        match objects.entry(to.clone()) {
            Entry::Occupied(_) => Ok(Copied::Exists),
            Entry::Vacant(new) => {
                new.insert(self.dated(bytes));
                Ok(Copied::Done)
            }
        }
    }
}

impl ReadRanges for MemoryObjects {
    async fn object_range(&self, key: &ObjectKey, range: Range<u64>) -> PortResult<Option<Bytes>> {
        let objects = self.objects.lock().unwrap();
        let piece = |Object { bytes, .. }: &Object| {
            let end = usize::try_from(range.end).unwrap().min(bytes.len());
            bytes.slice(usize::try_from(range.start).unwrap().min(end)..end)
        };
        Ok(objects.get(key).map(piece))
    }
}

impl DeleteObjects for MemoryObjects {
    async fn delete_objects(&self, keys: &[ObjectKey]) -> PortResult<()> {
        let mut objects = self.objects.lock().unwrap();
        for key in keys {
            objects.remove(key);
        }
        Ok(())
    }
}

impl TellTime for MemoryObjects {
    async fn now(&self) -> PortResult<UtcInstant> {
        Ok(self.clock.now())
    }
}

/// A tag of the content, as S3 has it.
fn version(bytes: &Bytes) -> Version {
    Version(Digest::of_fields(&[bytes]).to_string())
}

impl ListObjects for MemoryObjects {
    async fn list_objects(&self, location: &Location) -> PortResult<Vec<ObjectEntry>> {
        let objects = self.objects.lock().unwrap();
        let below = objects.iter().filter(|(key, _)| key.as_str().starts_with(location.as_str()));
        let entry = |(key, object): (&ObjectKey, &Object)| ObjectEntry {
            key: key.clone(),
            bytes: object.bytes.len() as u64,
            modified: object.modified,
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
