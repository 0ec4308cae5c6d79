//! An object as its bucket announces it.

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

    /// What names the table: the first folder of the key below `landing_prefix`. None when the
    /// object lies in no folder there.
    #[must_use]
    pub fn table_source(&self, landing_prefix: &str) -> Option<TableSource> {
        let (folder, _) = self.key.strip_prefix(landing_prefix)?.split_once('/')?;
        (!folder.is_empty()).then(|| TableSource::new(folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_folder_below_the_landing_prefix_names_the_table() {
        let check = |prefix: &str, key: &str, expected: Option<&str>| {
            let (bucket, etag, version_id) = ("landing".to_owned(), None, None);
            let object = AnnouncedObject { bucket, key: key.to_owned(), etag, version_id };
            assert_eq!(object.table_source(prefix), expected.map(TableSource::new), "{key}");
        };
        check("", "camera/1.json", Some("camera"));
        check("", "camera/2026/11/1.json.gz", Some("camera"));
        check("", "Überwachung/1.json", Some("Überwachung"));
        check("in/", "in/camera/1.json", Some("camera"));
        check("", "1.json", None);
        check("", "/1.json", None);
        check("in/", "in/1.json", None);
        check("in/", "out/camera/1.json", None);
    }
}
