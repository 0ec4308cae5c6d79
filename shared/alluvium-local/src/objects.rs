//! The objects of a lake as files.

use std::{io, path::PathBuf};

use alluvium_model::{
    layout::{Location, ObjectKey},
    ports::{ListObjects, ObjectEntry, PortResult, WriteObjects},
};
use bytes::Bytes;

use crate::{
    blocking::blocking,
    files::{self, Files},
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
                objects.push(ObjectEntry { key: location.object(name), bytes: metadata.len() });
            }
            objects.sort();
            Ok(objects)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn are_objects() {
        let folder = tempfile::tempdir().unwrap();
        alluvium_testkit::suites::objects(super::LocalObjects::new(folder.path())).await;
    }
}
