//! Objects in S3 as sources.
//!
//! An object is read in ranges, some of them ahead, all of them of the content that was opened:
//! each names its ETag. A range whose body breaks off is read again.

use std::{collections::VecDeque, ops::Range};

use alluvium_model::{
    AnnouncedObject, ErrorKind, Origin, PortError, SourceId, UtcInstant,
    ports::{Chunk, OpenObjects, PortResult, ReadSource, Source, SourceFormat},
};
use aws_sdk_s3::{
    Client,
    error::SdkError,
    operation::get_object::{GetObjectError, GetObjectOutput, builders::GetObjectFluentBuilder},
    primitives::{ByteStream, DateTime},
};
use bytes::Bytes;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    Aws,
    error::{has_code, port_error},
};

/// Bytes read at a time; smaller objects take one request.
const RANGE_BYTES: u64 = 4 << 20;
/// Ranges under way at once.
const RANGES_AT_ONCE: usize = 2;
/// Tries of a range whose body broke off.
const TRIES: u32 = 3;

/// The object was deleted or overwritten since.
const SUPERSEDED: &[&str] = &["NoSuchKey", "NoSuchVersion", "PreconditionFailed"];
/// A range of an object that has no bytes.
pub(crate) const EMPTY: &[&str] = &["InvalidRange"];

/// Opens objects as sources.
#[derive(Clone, Debug)]
pub struct S3Sources {
    client: Client,
}

/// Reads an object from its beginning to its end.
#[derive(Debug)]
pub struct S3Source {
    content: Content,
    bytes: u64,
    /// What was read when it was opened.
    first: Option<Bytes>,
    /// Where the next range begins that is not under way yet.
    offset: u64,
    ahead: VecDeque<AbortOnDropHandle<PortResult<Chunk>>>,
}

/// An object with the content that was opened.
#[derive(Clone, Debug)]
struct Content {
    client: Client,
    object: AnnouncedObject,
}

impl S3Sources {
    /// Sources in any bucket that the caller may read.
    #[must_use]
    pub fn new(aws: &Aws) -> Self {
        Self { client: aws.s3.clone() }
    }
}

impl OpenObjects for S3Sources {
    type Reader = S3Source;

    async fn open_object(&self, object: &AnnouncedObject) -> PortResult<Option<Source<S3Source>>> {
        let mut content = Content { client: self.client.clone(), object: object.clone() };
        let mut got = content.open().await;
        // The same bytes may have been put again as another version, which is the same source.
        if content.object.version_id.is_some()
            && content.object.etag.is_some()
            && got.as_ref().is_err_and(|error| has_code(error, SUPERSEDED))
        {
            content.object.version_id = None;
            got = content.open().await;
        }
        let got = match got {
            Ok(got) => got,
            Err(error) if has_code(&error, SUPERSEDED) => return Ok(None),
            Err(error) => return Err(port_error("read", object.uri(), error)),
        };
        let etag = got.e_tag().map(|etag| etag.trim_matches('"').to_owned());
        let etag = etag.ok_or_else(|| content.unclear("it has no ETag"))?;
        let arrived_at = got.last_modified().and_then(instant);
        let arrived_at =
            arrived_at.ok_or_else(|| content.unclear("it has no modification time"))?;
        let bytes = size(&got).ok_or_else(|| content.unclear("it has no length"))?;
        content.object.etag = Some(etag.clone());
        let range = 0..bytes.min(RANGE_BYTES);
        let first = match body(got.body, &object.uri()).await {
            Ok(first) if first.len() as u64 == range.end => first,
            // No range is so short that it has no bytes.
            Ok(_) | Err(_) if range.is_empty() => Bytes::new(),
            Ok(_) | Err(_) => match content.read(range.clone()).await? {
                Chunk::Bytes(first) => first,
                Chunk::End | Chunk::Superseded => return Ok(None),
            },
        };
        let id = SourceId::of_object(&object.bucket, &object.key, &etag);
        let origin = Origin { source: object.uri(), arrived_at };
        let (first, offset, ahead) = (Some(first), range.end, VecDeque::new());
        let reader = S3Source { content, bytes, first, offset, ahead };
        let format = SourceFormat::Documents;
        Ok(Some(Source { id, origin, bytes, format, reader }))
    }
}

impl ReadSource for S3Source {
    async fn next_chunk(&mut self) -> PortResult<Chunk> {
        while self.offset < self.bytes && self.ahead.len() < RANGES_AT_ONCE {
            let range = self.offset..self.bytes.min(self.offset + RANGE_BYTES);
            self.offset = range.end;
            let content = self.content.clone();
            let read = tokio::spawn(async move { content.read(range).await });
            self.ahead.push_back(AbortOnDropHandle::new(read));
        }
        if let Some(first) = self.first.take().filter(|first| !first.is_empty()) {
            return Ok(Chunk::Bytes(first));
        }
        let Some(read) = self.ahead.pop_front() else { return Ok(Chunk::End) };
        match read.await {
            Ok(chunk) => chunk,
            Err(stopped) => {
                let uri = self.content.object.uri();
                Err(PortError::new(ErrorKind::Bug, "read", uri).because(stopped))
            }
        }
    }
}

impl Content {
    /// A request for this content and no other: the ETag must be the same even of a version,
    /// because the version `null` of a bucket that no longer keeps versions can be overwritten.
    fn get(&self) -> GetObjectFluentBuilder {
        let AnnouncedObject { bucket, key, etag, version_id } = self.object.clone();
        let request = self.client.get_object().bucket(bucket).key(key);
        request.set_version_id(version_id).set_if_match(etag.map(|etag| format!("\"{etag}\"")))
    }

    /// Its first range; all of it, if it has no bytes.
    async fn open(&self) -> Result<GetObjectOutput, SdkError<GetObjectError>> {
        let request = self.get();
        match request.clone().range(http_range(&(0..RANGE_BYTES))).send().await {
            Err(error) if has_code(&error, EMPTY) => request.send().await,
            got => got,
        }
    }

    /// A range of it, unless it is gone.
    async fn read(&self, range: Range<u64>) -> PortResult<Chunk> {
        let mut tried = 0;
        loop {
            let got = self.get().range(http_range(&range)).send().await;
            let got = match got {
                Ok(got) => got,
                Err(error) if has_code(&error, SUPERSEDED) => return Ok(Chunk::Superseded),
                Err(error) => return Err(port_error("read", self.object.uri(), error)),
            };
            tried += 1;
            match body(got.body, &self.object.uri()).await {
                Ok(bytes) if bytes.len() as u64 == range.end - range.start => {
                    return Ok(Chunk::Bytes(bytes));
                }
                Err(error) if tried == TRIES => return Err(error),
                Ok(_) if tried == TRIES => {
                    let error = PortError::new(ErrorKind::Retry, "read", self.object.uri());
                    return Err(error.because("its body broke off"));
                }
                Ok(_) | Err(_) => {}
            }
        }
    }

    fn unclear(&self, cause: &'static str) -> PortError {
        PortError::new(ErrorKind::Invalid, "read", self.object.uri()).because(cause)
    }
}

/// A whole body.
pub(crate) async fn body(body: ByteStream, uri: &str) -> PortResult<Bytes> {
    let failed = |error| PortError::new(ErrorKind::Retry, "read", uri).because(error);
    Ok(body.collect().await.map_err(failed)?.into_bytes())
}

pub(crate) fn http_range(range: &Range<u64>) -> String {
    format!("bytes={}-{}", range.start, range.end - 1)
}

/// The size of the whole object, whatever range of it was asked for.
fn size(got: &GetObjectOutput) -> Option<u64> {
    match got.content_range() {
        Some(range) => range.rsplit_once('/')?.1.parse().ok(),
        None => u64::try_from(got.content_length()?).ok(),
    }
}

/// An instant of the SDK; none beyond those that can be told.
pub(crate) fn instant(time: &DateTime) -> Option<UtcInstant> {
    i64::try_from(time.as_nanos() / 1_000).ok().and_then(UtcInstant::from_micros)
}
