//! The variables of the function that takes requests.

use std::time::Duration;

use alluvium_model::{LandingPrefix, Limits, StreamName};

use super::{EnvironmentError, invalid, of_process, parsed};
use crate::{BucketPrefix, Patience};

/// A record of a stream has no more bytes unless the stream is told otherwise (AWS documentation,
/// Kinesis quotas).
const STREAM_RECORD_KIB: u16 = 1_024;
/// A call that takes longer is made again: a request waits for its answer.
const CALL_TIMEOUT: Duration = Duration::from_secs(8);

/// How the function that takes requests is set up.
#[derive(Clone, Debug)]
pub struct CollectEnvironment {
    /// `ALLUVIUM_STREAM`: the name of the stream that events are sent to.
    pub stream: StreamName,
    /// `ALLUVIUM_LANDING`: where events go that are too large for it, `s3://bucket` or
    /// `s3://bucket/folder/`, the folder being that of `ALLUVIUM_LANDING_PREFIX`.
    pub landing: BucketPrefix,
    /// `ALLUVIUM_STREAM_RECORD_KIB`: what a record of the stream has at most, its partition key
    /// included, in units of 1,024 bytes as streams are told it; 1,024 by default. Here in bytes.
    pub stream_record_bytes: usize,
    /// `ALLUVIUM_LIMITS`: like that of the functions that load events, so that none is taken that
    /// they would put into quarantine.
    pub limits: Limits,
    /// `ALLUVIUM_CALL_TIMEOUT_SECONDS`: a try of a call to Kinesis or S3 that takes longer is made
    /// again; 8 by default.
    pub patience: Patience,
}

impl CollectEnvironment {
    /// Reads the variables of this process.
    ///
    /// # Errors
    /// Names the first variable that is missing or invalid.
    pub fn of_process() -> Result<Self, EnvironmentError> {
        Self::read(of_process)
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, EnvironmentError> {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let needed = |name| set(name).ok_or(EnvironmentError::Missing { name });
        let landing = needed("ALLUVIUM_LANDING")?;
        let place: BucketPrefix = parsed("ALLUVIUM_LANDING", &landing)?;
        // Else a topic would not be the first folder of what is dropped.
        let folder = place.prefix().parse::<LandingPrefix>();
        folder.map_err(invalid("ALLUVIUM_LANDING", &landing))?;
        let mut limits = Limits::default();
        if let Some(value) = set("ALLUVIUM_LIMITS") {
            let settings = value.split(',').try_for_each(|setting| limits.set(setting));
            settings.map_err(invalid("ALLUVIUM_LIMITS", &value))?;
        }
        let try_timeout = match set("ALLUVIUM_CALL_TIMEOUT_SECONDS") {
            Some(value) => Duration::from_secs(parsed("ALLUVIUM_CALL_TIMEOUT_SECONDS", &value)?),
            None => CALL_TIMEOUT,
        };
        let stream_record_kib = match set("ALLUVIUM_STREAM_RECORD_KIB") {
            Some(value) => parsed("ALLUVIUM_STREAM_RECORD_KIB", &value)?,
            None => STREAM_RECORD_KIB,
        };
        Ok(Self {
            stream: parsed("ALLUVIUM_STREAM", &needed("ALLUVIUM_STREAM")?)?,
            landing: place,
            stream_record_bytes: usize::from(stream_record_kib) << 10,
            limits,
            patience: Patience { try_timeout, ..Patience::default() },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<CollectEnvironment, EnvironmentError> {
        let value = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        CollectEnvironment::read(value)
    }

    #[test]
    fn variables_are_read_or_named() {
        let (stream, landing) = (("ALLUVIUM_STREAM", "events"), ("ALLUVIUM_LANDING", "s3://l/in/"));
        let found = read(&[stream, landing]).unwrap();
        assert_eq!((found.stream.to_string(), found.landing.prefix()), ("events".into(), "in/"));
        assert_eq!((found.stream_record_bytes, found.limits), (1 << 20, Limits::default()));
        assert_eq!(found.patience.try_timeout, Duration::from_secs(8));
        let found = read(&[
            stream,
            ("ALLUVIUM_LANDING", "s3://l"),
            ("ALLUVIUM_STREAM_RECORD_KIB", "10240"),
            ("ALLUVIUM_LIMITS", "parse_depth=64"),
            ("ALLUVIUM_CALL_TIMEOUT_SECONDS", "2"),
        ]);
        let found = found.unwrap();
        assert_eq!((found.stream_record_bytes, found.limits.parse_depth), (10 << 20, 64));
        assert_eq!(found.patience.try_timeout, Duration::from_secs(2));

        let error = |variables: &[_]| read(variables).unwrap_err().to_string();
        insta::assert_snapshot!(error(&[landing]), @"the environment variable ALLUVIUM_STREAM is not set");
        insta::assert_snapshot!(error(&[stream]), @"the environment variable ALLUVIUM_LANDING is not set");
        insta::assert_snapshot!(error(&[stream, ("ALLUVIUM_LANDING", "s3://l/in")]), @"the environment variable ALLUVIUM_LANDING is `s3://l/in`: it is neither empty nor ends with `/`");
        insta::assert_snapshot!(error(&[landing, ("ALLUVIUM_STREAM", "a b")]), @"the environment variable ALLUVIUM_STREAM is `a b`: `a b` is not the name of a stream: up to 128 letters, digits, `_`, `.` and `-`");
        insta::assert_snapshot!(error(&[stream, landing, ("ALLUVIUM_STREAM_RECORD_KIB", "1M")]), @"the environment variable ALLUVIUM_STREAM_RECORD_KIB is `1M`: invalid digit found in string");
    }
}
