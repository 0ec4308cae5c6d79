//! An object as its bucket announces it.

use std::{fmt, str::FromStr};

use crate::SourceId;

/// An object that a bucket says was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnouncedObject {
    /// The bucket.
    pub bucket: String,
    /// The key, as it is and not as it is encoded in events.
    pub key: String,
    /// The tag of its content, without quotes, if the event names it.
    pub etag: Option<String>,
    /// The version, in a bucket that keeps versions.
    pub version_id: Option<String>,
}

impl AnnouncedObject {
    /// `s3://bucket/key`
    #[must_use]
    pub fn uri(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }

    /// The source that it is, if the event tells its content.
    #[must_use]
    pub fn source_id(&self) -> Option<SourceId> {
        self.etag.as_ref().map(|etag| SourceId::of_object(&self.bucket, &self.key, etag))
    }

    /// Its key below the part of a landing bucket that is read; none if it lies outside of it and
    /// so is somebody else's.
    #[must_use]
    pub fn key_below(&self, prefix: &LandingPrefix) -> Option<&str> {
        self.key.strip_prefix(&prefix.0)
    }
}

/// The folder of a landing bucket that is read; empty for all of it, else it ends with `/`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LandingPrefix(String);

/// A text that is no folder.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("it is neither empty nor ends with `/`")]
pub struct ParseLandingPrefixError;

impl FromStr for LandingPrefix {
    type Err = ParseLandingPrefixError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_folder = text.is_empty() || text.ends_with('/');
        is_folder.then(|| Self(text.to_owned())).ok_or(ParseLandingPrefixError)
    }
}

impl fmt::Display for LandingPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_outside_of_the_landing_prefix_is_somebody_elses() {
        let check = |prefix: &str, key: &str, expected: Option<&str>| {
            let (bucket, etag, version_id) = ("landing".to_owned(), None, None);
            let object = AnnouncedObject { bucket, key: key.to_owned(), etag, version_id };
            assert_eq!(object.key_below(&prefix.parse().unwrap()), expected, "{key}");
        };
        check("", "camera/1.json", Some("camera/1.json"));
        check("in/", "in/camera/1.json", Some("camera/1.json"));
        check("in/", "in/1.json", Some("1.json"));
        check("in/", "out/camera/1.json", None);
        check("in/", "inside/camera/1.json", None);
        assert_eq!("in".parse::<LandingPrefix>(), Err(ParseLandingPrefixError));
    }
}
