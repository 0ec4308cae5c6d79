//! The objects of a lake in S3.

use alluvium_model::{
    ErrorKind, PortError, UtcInstant, Version, Versioned,
    layout::{Location, ObjectKey, STATE},
    ports::{
        CommitObjects, Dated, DeleteObjects, ListObjects, ObjectEntry, PortResult, Put, ReadDated,
        ReadObjects, Reread, TellTime, WriteObjects,
    },
};
use aws_sdk_s3::{
    error::SdkError,
    operation::{
        get_object::{GetObjectError, GetObjectOutput},
        put_object::builders::PutObjectFluentBuilder,
    },
    primitives::ByteStream,
    types::{Delete, ObjectIdentifier},
};
use bytes::Bytes;

use crate::{
    Aws, LakeRoot,
    answer_date::AnswerDate,
    error::{has_code, kind_of_code, port_error},
    lake_root::Place,
    source::{body, instant},
    upload::upload,
};

/// Keys that one call deletes (AWS documentation, S3 `DeleteObjects`).
const DELETED_AT_ONCE_MAX: usize = 1_000;

/// Whoever writes on condition is told by these codes that somebody else was faster (AWS
/// documentation, S3 conditional writes: 412, 409 for a write under way, 404 for `If-Match`).
const CHANGED: &[&str] = &["PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"];
const ABSENT: &[&str] = &["NoSuchKey"];

/// The objects of the lake at one root.
#[derive(Clone, Debug)]
pub struct S3Objects {
    client: aws_sdk_s3::Client,
    root: LakeRoot,
}

impl S3Objects {
    /// The objects of the lake at `root`.
    #[must_use]
    pub fn new(aws: &Aws, root: LakeRoot) -> Self {
        Self { client: aws.s3.clone(), root }
    }

    /// The URI of an object.
    #[must_use]
    pub fn uri(&self, key: &ObjectKey) -> String {
        self.root.uri(key.as_str())
    }

    pub(crate) const fn client(&self) -> &aws_sdk_s3::Client {
        &self.client
    }

    pub(crate) fn place(&self, key: &ObjectKey) -> Place {
        self.root.place(key.as_str())
    }

    async fn get(
        &self,
        key: &ObjectKey,
        known: Option<&Version>,
    ) -> Result<GetObjectOutput, SdkError<GetObjectError>> {
        let Place { bucket, key } = self.root.place(key.as_str());
        let request = self.client.get_object().bucket(bucket).key(key);
        request.set_if_none_match(known.map(|version| version.0.clone())).send().await
    }

    async fn read(&self, key: &ObjectKey, got: GetObjectOutput) -> PortResult<Versioned<Bytes>> {
        let version = Version(got.e_tag.unwrap_or_default());
        Ok(Versioned { value: body(got.body, &self.uri(key)).await?, version })
    }

    fn put(&self, key: &ObjectKey, bytes: Bytes) -> PutObjectFluentBuilder {
        let Place { bucket, key } = self.root.place(key.as_str());
        self.client.put_object().bucket(bucket).key(key).body(ByteStream::from(bytes))
    }
}

async fn commit(request: PutObjectFluentBuilder, uri: String) -> PortResult<Put> {
    match request.send().await {
        Ok(put) => Ok(Put::Done(Version(put.e_tag.unwrap_or_default()))),
        Err(error) if has_code(&error, CHANGED) => Ok(Put::Conflict),
        Err(error) => Err(port_error("write", uri, error)),
    }
}

impl WriteObjects for S3Objects {
    async fn put_object(&self, key: &ObjectKey, bytes: Bytes) -> PortResult<()> {
        upload(&self.client, &self.root.place(key.as_str()), bytes).await
    }
}

impl ReadObjects for S3Objects {
    async fn object(&self, key: &ObjectKey) -> PortResult<Option<Versioned<Bytes>>> {
        match self.get(key, None).await {
            Ok(got) => self.read(key, got).await.map(Some),
            Err(error) if has_code(&error, ABSENT) => Ok(None),
            Err(error) => Err(port_error("read", self.uri(key), error)),
        }
    }

    async fn object_since(&self, key: &ObjectKey, known: &Version) -> PortResult<Reread> {
        match self.get(key, Some(known)).await {
            Ok(got) => self.read(key, got).await.map(Reread::Changed),
            Err(error) if has_code(&error, ABSENT) => Ok(Reread::Gone),
            // An answer without a body, and so without a code.
            Err(error) if error.raw_response().is_some_and(|raw| raw.status().as_u16() == 304) => {
                Ok(Reread::Unchanged)
            }
            Err(error) => Err(port_error("read", self.uri(key), error)),
        }
    }
}

impl ReadDated for S3Objects {
    async fn dated_object(&self, key: &ObjectKey) -> PortResult<Option<Dated<Bytes>>> {
        let got = match self.get(key, None).await {
            Ok(got) => got,
            Err(error) if has_code(&error, ABSENT) => return Ok(None),
            Err(error) => return Err(port_error("read", self.uri(key), error)),
        };
        let modified = got.last_modified().and_then(instant).ok_or_else(|| {
            let error = PortError::new(ErrorKind::Invalid, "read", self.uri(key));
            error.because("it has no modification time")
        })?;
        Ok(Some(Dated { value: self.read(key, got).await?.value, modified }))
    }
}

impl CommitObjects for S3Objects {
    async fn create_object(&self, key: &ObjectKey, bytes: Bytes) -> PortResult<Put> {
        commit(self.put(key, bytes).if_none_match("*"), self.uri(key)).await
    }

    async fn replace_object(
        &self,
        key: &ObjectKey,
        bytes: Bytes,
        expected: &Version,
    ) -> PortResult<Put> {
        commit(self.put(key, bytes).if_match(&expected.0), self.uri(key)).await
    }
}

impl DeleteObjects for S3Objects {
    async fn delete_objects(&self, keys: &[ObjectKey]) -> PortResult<()> {
        let places: Vec<_> = keys.iter().map(|key| self.root.place(key.as_str())).collect();
        for places in places.chunks(DELETED_AT_ONCE_MAX) {
            let Some(first) = places.first() else { break };
            // Others may have registered locations in other buckets; nothing of ours lies there.
            let objects = places.iter().filter(|place| place.bucket == first.bucket);
            let objects: Result<Vec<_>, _> =
                objects.map(|place| ObjectIdentifier::builder().key(&place.key).build()).collect();
            let invalid =
                |error| PortError::new(ErrorKind::Invalid, "delete", first.uri()).because(error);
            let delete = Delete::builder().set_objects(Some(objects.map_err(invalid)?)).quiet(true);
            let delete = delete.build().map_err(invalid)?;
            let request = self.client.delete_objects().bucket(&first.bucket).delete(delete);
            let deleted = request.send().await;
            let deleted = deleted.map_err(|error| port_error("delete", first.uri(), error))?;
            // Some may have failed alone, with an error code but no HTTP status of their own.
            if let Some(failed) = deleted.errors().first() {
                let kind = kind_of_code(failed.code(), 500);
                let place = self.root.uri(failed.key().unwrap_or_default());
                let message = failed.message().unwrap_or_default().to_owned();
                return Err(PortError::new(kind, "delete", place).because(message));
            }
        }
        Ok(())
    }
}

impl TellTime for S3Objects {
    async fn now(&self) -> PortResult<UtcInstant> {
        let Place { bucket, key: prefix } = self.root.place(STATE);
        let uri = self.root.uri(STATE);
        let request = self.client.list_objects_v2().bucket(bucket).prefix(prefix).max_keys(1);
        let date = AnswerDate::default();
        let listed = request.customize().interceptor(date.clone()).send().await;
        listed.map_err(|error| port_error("read the time at", &uri, error))?;
        date.instant().ok_or_else(|| {
            let error = PortError::new(ErrorKind::Retry, "read the time at", uri);
            error.because("the answer has no date")
        })
    }
}

impl ListObjects for S3Objects {
    async fn list_objects(&self, location: &Location) -> PortResult<Vec<ObjectEntry>> {
        let Place { bucket, key: folder } = self.root.place(location.as_str());
        let request = self.client.list_objects_v2().bucket(bucket).prefix(&folder);
        let mut pages = request.into_paginator().send();
        let mut objects = Vec::new();
        while let Some(page) = pages.next().await {
            let failed = |error| port_error("list", self.root.uri(location.as_str()), error);
            for object in page.map_err(failed)?.contents() {
                let name = object.key().and_then(|key| key.strip_prefix(&folder));
                let bytes = object.size().and_then(|bytes| u64::try_from(bytes).ok());
                // What consoles put there to show a folder has the folder's own name.
                if let Some(name) = name.filter(|name| !name.is_empty()) {
                    let (key, bytes) = (location.object(name), bytes.unwrap_or_default());
                    let modified = object.last_modified().and_then(instant).ok_or_else(|| {
                        let listed = self.root.uri(key.as_str());
                        let error = PortError::new(ErrorKind::Invalid, "list", listed);
                        error.because("it has no modification time")
                    })?;
                    objects.push(ObjectEntry { key, bytes, modified });
                }
            }
        }
        Ok(objects)
    }
}
