//! An object as its bucket announces it.

use std::{fmt, str::FromStr};

use crate::TableSource;

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

    /// Where the object lies in a landing bucket of which `prefix` is read.
    #[must_use]
    pub fn place(&self, prefix: &LandingPrefix) -> LandingPlace {
        let Some(key) = self.key.strip_prefix(&prefix.0) else { return LandingPlace::Outside };
        match key.split_once('/') {
            Some((folder, _)) if !folder.is_empty() => {
                LandingPlace::Folder(TableSource::new(folder))
            }
            Some(_) | None => LandingPlace::NoFolder,
        }
    }
}

/// Where an object lies in a landing bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LandingPlace {
    /// In the folder that names its table.
    Folder(TableSource),
    /// In no folder that could name a table.
    NoFolder,
    /// Not in what is read: somebody else's.
    Outside,
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
    fn the_first_folder_below_the_landing_prefix_names_the_table() {
        let check = |prefix: &str, key: &str, expected: LandingPlace| {
            let (bucket, etag, version_id) = ("landing".to_owned(), None, None);
            let object = AnnouncedObject { bucket, key: key.to_owned(), etag, version_id };
            assert_eq!(object.place(&prefix.parse().unwrap()), expected, "{key}");
        };
        let folder = |name: &str| LandingPlace::Folder(TableSource::new(name));
        check("", "camera/1.json", folder("camera"));
        check("", "camera/2026/11/1.json.gz", folder("camera"));
        check("", "Überwachung/1.json", folder("Überwachung"));
        check("in/", "in/camera/1.json", folder("camera"));
        check("", "1.json", LandingPlace::NoFolder);
        check("", "/1.json", LandingPlace::NoFolder);
        check("in/", "in/1.json", LandingPlace::NoFolder);
        check("in/", "out/camera/1.json", LandingPlace::Outside);
        check("in/", "inside/camera/1.json", LandingPlace::Outside);
        assert_eq!("in".parse::<LandingPrefix>(), Err(ParseLandingPrefixError));
    }
}
