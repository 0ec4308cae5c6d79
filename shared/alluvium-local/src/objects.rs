//! The objects of a lake as files.

use std::{io, ops::Range, path::PathBuf, time::SystemTime};

use alluvium_model::{
    Digest, UtcInstant, Version, Versioned,
    layout::{Location, ObjectKey, STATE},
    ports::{
        CommitObjects, Copied, CopyObjects, Dated, DeleteObjects, ListObjects, ObjectEntry,
        PortResult, Put, ReadDated, ReadObjects, ReadRanges, TellTime, WriteObjects,
    },
};
use bytes::Bytes;

use crate::{
    blocking::blocking,
    files::{self, Files},
    instant::instant,
};

/// The objects of the lake in a directory.
#[derive(Clone, Debug)]
pub struct LocalObjects {
    files: Files,
}

impl LocalObjects {
    /// The objects of the lake at `root`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { files: Files::new(root.into()) }
    }

    /// Where an object lies.
    #[must_use]
    pub fn path(&self, key: &ObjectKey) -> PathBuf {
        self.files.path(key.as_str())
    }
}

impl WriteObjects for LocalObjects {
    async fn put_object(&self, key: &ObjectKey, bytes: Bytes) -> PortResult<()> {
        let (files, path) = (self.files.clone(), self.path(key));
        blocking("write", key.to_string(), move || files.replace(&path, &bytes)).await
    }
}

impl ReadObjects for LocalObjects {
    async fn object(&self, key: &ObjectKey) -> PortResult<Option<Versioned<Bytes>>> {
        let path = self.path(key);
        blocking("read", key.to_string(), move || {
            let versioned =
                |bytes: Vec<u8>| Versioned { version: version(&bytes), value: bytes.into() };
            Ok(files::read(&path)?.map(versioned))
        })
        .await
    }
}

impl ReadDated for LocalObjects {
    async fn dated_object(&self, key: &ObjectKey) -> PortResult<Option<Dated<Bytes>>> {
        let path = self.path(key);
        blocking("read", key.to_string(), move || {
            let Some((bytes, modified)) = files::read_dated(&path)? else { return Ok(None) };
            Ok(Some(Dated { value: bytes.into(), modified: instant(modified)? }))
        })
        .await
    }
}

impl CommitObjects for LocalObjects {
    async fn create_object(&self, key: &ObjectKey, bytes: Bytes) -> PortResult<Put> {
        let (files, path) = (self.files.clone(), self.path(key));
        blocking("create", key.to_string(), move || {
            let created = files.create(&path, &bytes)?;
            Ok(if created { Put::Done(version(&bytes)) } else { Put::Conflict })
        })
        .await
    }

    async fn replace_object(
        &self,
        key: &ObjectKey,
        bytes: Bytes,
        expected: &Version,
    ) -> PortResult<Put> {
        let (files, path, expected) = (self.files.clone(), self.path(key), expected.clone());
        let lock_path =
            self.files.path(STATE).join("locks").join(Digest::of_text(key.as_str()).to_string());
        blocking("replace", key.to_string(), move || {
            let _lock = Files::lock(&lock_path)?;
            if files::read(&path)?.map(|current| version(&current)) != Some(expected) {
                return Ok(Put::Conflict);
            }
            files.replace(&path, &bytes)?;
            Ok(Put::Done(version(&bytes)))
        })
        .await
    }
}

/// A tag of the content, as S3 has it: objects that are replaced never repeat their bytes.
fn version(bytes: &[u8]) -> Version {
    Version(Digest::of_fields(&[bytes]).to_string())
}

impl CopyObjects for LocalObjects {
    async fn copy_object(&self, from: &ObjectKey, to: &ObjectKey) -> PortResult<Copied> {
        let (files, from, to) = (self.files.clone(), self.path(from), self.path(to));
        let what = from.display().to_string();
        blocking("copy", what, move || {
            let Some(bytes) = files::read(&from)? else { return Ok(Copied::Gone) };
            let created = files.create(&to, &bytes)?;
            Ok(if created { Copied::Done } else { Copied::Exists })
        })
        .await
    }
}

impl ReadRanges for LocalObjects {
    async fn object_range(&self, key: &ObjectKey, range: Range<u64>) -> PortResult<Option<Bytes>> {
        let path = self.path(key);
        blocking("read", key.to_string(), move || {
            Ok(files::read_range(&path, range)?.map(Bytes::from))
        })
        .await
    }
}

impl DeleteObjects for LocalObjects {
    async fn delete_objects(&self, keys: &[ObjectKey]) -> PortResult<()> {
        for key in keys {
            let path = self.path(key);
            blocking("delete", key.to_string(), move || files::remove(&path)).await?;
        }
        Ok(())
    }
}

impl TellTime for LocalObjects {
    async fn now(&self) -> PortResult<UtcInstant> {
        blocking("tell", "the time".to_owned(), || {
            #[expect(clippy::disallowed_methods, reason = "files are dated by this clock")]
            instant(SystemTime::now())
        })
        .await
    }
}

impl ListObjects for LocalObjects {
    async fn list_objects(&self, location: &Location) -> PortResult<Vec<ObjectEntry>> {
        let folder = self.files.path(location.as_str());
        let location = location.clone();
        blocking("list", location.to_string(), move || {
            let mut objects = Vec::new();
            for (path, metadata) in files::walk(&folder)? {
                let name = path.strip_prefix(&folder).ok().and_then(|name| name.to_str());
                let name = name
                    .ok_or_else(|| io::Error::other(format!("{} is not UTF-8", path.display())))?;
                let modified = instant(metadata.modified()?)?;
                let (key, bytes) = (location.object(name), metadata.len());
                objects.push(ObjectEntry { key, bytes, modified });
            }
            objects.sort();
            Ok(objects)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    #[tokio::test(flavor = "multi_thread")]
    async fn are_objects() {
        let folder = tempfile::tempdir().unwrap();
        alluvium_testkit::suites::objects(super::LocalObjects::new(folder.path())).await;
    }
}
