//! Where in S3 a lake is.

use std::{fmt, str::FromStr};

use alluvium_model::layout::{self, Location};

/// `s3://bucket` or `s3://bucket/folder`: what the keys of a lake are relative to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LakeRoot {
    bucket: String,
    /// Empty, or ends with `/`.
    folder: String,
}

/// A text that is no place for a lake.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is not of the form s3://BUCKET or s3://BUCKET/FOLDER")]
pub struct ParseLakeRootError {
    text: String,
}

/// A bucket and a key or the beginning of keys in it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) bucket: String,
    pub(crate) key: String,
}

impl Place {
    pub(crate) fn uri(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }
}

impl LakeRoot {
    /// The place of a key or location of the lake; others than Alluvium may have registered
    /// locations in other buckets.
    pub(crate) fn place(&self, text: &str) -> Place {
        match text.strip_prefix("s3://").and_then(|rest| rest.split_once('/')) {
            Some((bucket, key)) => Place { bucket: bucket.to_owned(), key: key.to_owned() },
            None => Place { bucket: self.bucket.clone(), key: format!("{}{text}", self.folder) },
        }
    }

    /// The URI of a key or location of the lake.
    #[must_use]
    pub fn uri(&self, text: &str) -> String {
        if text.contains("://") { text.to_owned() } else { format!("{self}{text}") }
    }

    /// Where Lambda leaves what mappings gave up: in the bucket of the lake, whatever its folder.
    #[must_use]
    pub fn given_up(&self, mapping: Option<&str>) -> Location {
        Location::from_catalog(&format!("s3://{}/{}", self.bucket, layout::given_up(mapping)))
    }

    /// The location of a URI in the catalog.
    pub(crate) fn location(&self, uri: &str) -> Location {
        Location::from_catalog(uri.strip_prefix(&self.to_string()).unwrap_or(uri))
    }
}

impl fmt::Display for LakeRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.folder)
    }
}

impl FromStr for LakeRoot {
    type Err = ParseLakeRootError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseLakeRootError { text: text.to_owned() };
        let rest = text.strip_prefix("s3://").ok_or_else(error)?;
        let (bucket, folder) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() || folder.starts_with('/') || folder.contains("//") {
            return Err(error());
        }
        let folder = folder.strip_suffix('/').unwrap_or(folder);
        let folder = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        Ok(Self { bucket: bucket.to_owned(), folder })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lake_is_a_bucket_or_a_folder_of_it() {
        let check = |text: &str, uri: &str| {
            let root: LakeRoot = text.parse().unwrap();
            assert_eq!(root.uri("lake/camera/"), uri);
            assert_eq!(root.location(uri).as_str(), "lake/camera/");
        };
        check("s3://b", "s3://b/lake/camera/");
        check("s3://b/", "s3://b/lake/camera/");
        check("s3://b/x/y", "s3://b/x/y/lake/camera/");
        check("s3://b/x/", "s3://b/x/lake/camera/");
        for text in ["", "b", "s3://", "s3:///x", "s3://b//", "s3://b/x//y", "S3://b", "/tmp"] {
            assert!(text.parse::<LakeRoot>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_lies_elsewhere_stays_there() {
        let root: LakeRoot = "s3://b/x".parse().unwrap();
        let elsewhere = root.location("s3://other/camera/dt=1/");
        assert_eq!(elsewhere.as_str(), "s3://other/camera/dt=1/");
        assert_eq!(root.uri(elsewhere.as_str()), "s3://other/camera/dt=1/");
        let place = root.place(elsewhere.object("1.parquet").as_str());
        assert_eq!((&*place.bucket, &*place.key), ("other", "camera/dt=1/1.parquet"));
        let place = root.place("lake/camera/");
        assert_eq!((&*place.bucket, &*place.key), ("b", "x/lake/camera/"));
    }
}
