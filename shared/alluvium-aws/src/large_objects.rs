//! Objects of a lake that are copied without being read, or read piece by piece.

use std::ops::Range;

use alluvium_model::{
    layout::ObjectKey,
    ports::{Copied, CopyObjects, PortResult, ReadRanges},
};
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    S3Objects,
    error::{has_code, port_error},
    lake_root::Place,
    source::{EMPTY, body, http_range},
};

/// What stands for itself in the header that names what is copied (AWS documentation, S3
/// `CopyObject`: the value must be URL-encoded).
const COPY_SOURCE: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

const THERE: &[&str] = &["PreconditionFailed"];
const ABSENT: &[&str] = &["NoSuchKey"];

impl CopyObjects for S3Objects {
    async fn copy_object(&self, from: &ObjectKey, to: &ObjectKey) -> PortResult<Copied> {
        let (Place { bucket, key }, source) = (self.place(to), self.place(from));
        let source = format!("{}/{}", source.bucket, source.key);
        let source = utf8_percent_encode(&source, COPY_SOURCE).to_string();
        let request = self.client().copy_object().bucket(bucket).key(key);
        match request.copy_source(source).if_none_match("*").send().await {
            Ok(_) => Ok(Copied::Done),
            Err(error) if has_code(&error, THERE) => Ok(Copied::Exists),
            Err(error) if has_code(&error, ABSENT) => Ok(Copied::Gone),
            Err(error) => Err(port_error("copy", self.uri(from), error)),
        }
    }
}

impl ReadRanges for S3Objects {
    async fn object_range(&self, key: &ObjectKey, range: Range<u64>) -> PortResult<Option<Bytes>> {
        let Place { bucket, key: at } = self.place(key);
        let request = self.client().get_object().bucket(bucket).key(at).range(http_range(&range));
        match request.send().await {
            Ok(got) => body(got.body, &self.uri(key)).await.map(Some),
            Err(error) if has_code(&error, ABSENT) => Ok(None),
            // It has no bytes there.
            Err(error) if has_code(&error, EMPTY) => Ok(Some(Bytes::new())),
            Err(error) => Err(port_error("read", self.uri(key), error)),
        }
    }
}
