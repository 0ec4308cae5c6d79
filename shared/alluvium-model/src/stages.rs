//! Where the time of an attempt goes.

use std::{ops::AddAssign, time::Duration};

use serde::Serialize;

/// The time that each stage of an ingest took, in milliseconds when serialised.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Stages {
    /// Waiting for bytes of the source.
    #[serde(rename = "read_ms", serialize_with = "milliseconds")]
    pub read: Duration,
    /// From JSON text to cells.
    #[serde(rename = "shred_ms", serialize_with = "milliseconds")]
    pub shred: Duration,
    /// Committing schemas.
    #[serde(rename = "commit_ms", serialize_with = "milliseconds")]
    pub commit: Duration,
    /// From cells to Parquet.
    #[serde(rename = "encode_ms", serialize_with = "milliseconds")]
    pub encode: Duration,
    /// Opening partitions, and waiting for files: they are written while other stages go on.
    #[serde(rename = "write_ms", serialize_with = "milliseconds")]
    pub write: Duration,
}

impl AddAssign for Stages {
    fn add_assign(&mut self, other: Self) {
        let Self { read, shred, commit, encode, write } = other;
        self.read += read;
        self.shred += shred;
        self.commit += commit;
        self.encode += encode;
        self.write += write;
    }
}

fn milliseconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
