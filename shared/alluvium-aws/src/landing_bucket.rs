//! What lies in a landing bucket, as a listing tells, and what is added to it.

use std::{fmt, str::FromStr};

use alluvium_model::{
    AnnouncedObject, ErrorKind, PortError,
    ports::{DropObjects, LandedObject, LandedPage, ListLanding, PortResult},
};
use aws_sdk_s3::{
    Client,
    types::{EncodingType, Object, ObjectStorageClass, OptionalObjectAttributes},
};

use bytes::Bytes;

use crate::{
    Aws, error::port_error, form_encoding::decode, lake_root::Place, source::instant,
    upload::upload,
};

/// `s3://bucket` or `s3://bucket/prefix`: a bucket, and what keys in it begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketPrefix {
    bucket: String,
    prefix: String,
}

/// A text that names no objects in a bucket.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not of the form s3://BUCKET or s3://BUCKET/PREFIX")]
pub struct ParseBucketPrefixError(String);

impl BucketPrefix {
    /// What keys begin with; may be empty.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl fmt::Display for BucketPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.prefix)
    }
}

impl FromStr for BucketPrefix {
    type Err = ParseBucketPrefixError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.strip_prefix("s3://").unwrap_or_default();
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(ParseBucketPrefixError(text.to_owned()));
        }
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

/// The objects of a bucket with one prefix, in their newest versions.
#[derive(Clone, Debug)]
pub struct S3Landing {
    client: Client,
    place: BucketPrefix,
}

impl S3Landing {
    /// The objects at `place`, which the caller may list, or add to.
    #[must_use]
    pub fn new(aws: &Aws, place: BucketPrefix) -> Self {
        Self { client: aws.s3.clone(), place }
    }

    fn landed(&self, object: &Object) -> PortResult<LandedObject> {
        let unclear = |what: &str| {
            let name = object.key().unwrap_or_default();
            let cause = format!("{what} of `{name}` cannot be told");
            PortError::new(ErrorKind::Invalid, "list", self.place.to_string()).because(cause)
        };
        let key = object.key().and_then(decode).ok_or_else(|| unclear("the key"))?;
        let modified_at = object.last_modified().and_then(instant);
        let modified_at = modified_at.ok_or_else(|| unclear("the modification time"))?;
        let bytes = object.size().and_then(|bytes| u64::try_from(bytes).ok());
        let bytes = bytes.ok_or_else(|| unclear("the size"))?;
        let etag = object.e_tag().map(|etag| etag.trim_matches('"').to_owned());
        let is_archived = is_archived(object);
        // A listing of the newest versions does not name them; the ETag pins the content.
        let bucket = self.place.bucket.clone();
        let announced = AnnouncedObject { bucket, key, etag, version_id: None };
        Ok(LandedObject { announced, bytes, modified_at, is_archived })
    }
}

impl ListLanding for S3Landing {
    /// S3 lists keys in UTF-8 binary order, a thousand at most (AWS documentation,
    /// `ListObjectsV2`; not so directory buckets). Keys come encoded, because XML cannot hold all
    /// of them.
    async fn landed_after(&self, after: Option<&str>) -> PortResult<LandedPage> {
        let mut token = None;
        loop {
            let request = self
                .client
                .list_objects_v2()
                .bucket(&self.place.bucket)
                .prefix(&self.place.prefix)
                .encoding_type(EncodingType::Url)
                .optional_object_attributes(OptionalObjectAttributes::RestoreStatus)
                .set_start_after(after.map(ToOwned::to_owned))
                .set_continuation_token(token);
            let page = request.send().await;
            let page = page.map_err(|error| port_error("list", self.place.to_string(), error))?;
            let is_last = page.is_truncated() != Some(true);
            let objects = page.contents().iter();
            let objects =
                objects.map(|object| self.landed(object)).collect::<PortResult<Vec<_>>>()?;
            token = page.next_continuation_token;
            if is_last || !objects.is_empty() {
                return Ok(LandedPage { objects, is_last });
            }
        }
    }
}

impl DropObjects for S3Landing {
    async fn drop_object(&self, key: &str, bytes: Bytes) -> PortResult<()> {
        let BucketPrefix { bucket, prefix } = &self.place;
        let place = Place { bucket: bucket.clone(), key: format!("{prefix}{key}") };
        upload(&self.client, &place, bytes).await
    }
}

/// Whether a GET of it would be refused (`InvalidObjectState`): it lies in one of the two classes
/// that must be restored first, and was not (AWS documentation, S3 storage classes). The archive
/// tiers of Intelligent-Tiering are not shown by a listing.
fn is_archived(object: &Object) -> bool {
    let archive = [ObjectStorageClass::Glacier, ObjectStorageClass::DeepArchive];
    let is_restored = object.restore_status().is_some_and(|status| {
        status.restore_expiry_date().is_some() && status.is_restore_in_progress() != Some(true)
    });
    object.storage_class().is_some_and(|class| archive.contains(class)) && !is_restored
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::{primitives::DateTime, types::RestoreStatus};

    use super::*;

    #[test]
    fn a_prefix_is_taken_as_it_is() {
        let check = |text: &str, bucket: &str, prefix: &str| {
            let place: BucketPrefix = text.parse().unwrap();
            assert_eq!((&*place.bucket, place.prefix()), (bucket, prefix));
        };
        check("s3://b", "b", "");
        check("s3://b/", "b", "");
        check("s3://b/camera", "b", "camera");
        check("s3://b/camera/2026/", "b", "camera/2026/");
        check("s3://b//x + %", "b", "/x + %");
        for text in ["", "b", "events", "/tmp/x", "s3:", "s3://", "s3:///x", "S3://b/x"] {
            assert!(text.parse::<BucketPrefix>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_must_be_restored_first_is_archived() {
        let check = |class: &str, restored: Option<RestoreStatus>, expected: bool| {
            let object = Object::builder().storage_class(class.into());
            let object = object.set_restore_status(restored).build();
            assert_eq!(is_archived(&object), expected, "{object:?}");
        };
        for class in ["STANDARD", "STANDARD_IA", "GLACIER_IR", "INTELLIGENT_TIERING", "NEWER"] {
            check(class, None, false);
        }
        for class in ["GLACIER", "DEEP_ARCHIVE"] {
            check(class, None, true);
            let status = RestoreStatus::builder().is_restore_in_progress(true);
            check(class, Some(status.clone().build()), true);
            let status = status.is_restore_in_progress(false);
            let status = status.restore_expiry_date(DateTime::from_secs(1_800_000_000));
            check(class, Some(status.build()), false);
        }
        assert!(!is_archived(&Object::builder().build()));
    }
}
