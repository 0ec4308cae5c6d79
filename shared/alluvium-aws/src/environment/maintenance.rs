//! The variables of the functions that maintain a lake.

use std::time::Duration;

use alluvium_model::{DatabaseName, compaction::CompactionSettings};

use super::{EnvironmentError, SETTLE, parsed};
use crate::{LakeRoot, Patience};

/// How a function that maintains a lake is set up.
#[derive(Clone, Debug)]
pub struct MaintenanceEnvironment {
    /// `ALLUVIUM_STEP`: which function this is, such as `merge-files`.
    pub step: String,
    /// `ALLUVIUM_LAKE`: the lake, `s3://bucket` or `s3://bucket/folder`.
    pub lake: LakeRoot,
    /// `ALLUVIUM_DATABASE`: the Glue database of its tables.
    pub database: DatabaseName,
    /// `ALLUVIUM_CALL_TIMEOUT_SECONDS`: a try of a call to S3 or Glue that takes longer is made
    /// again; 50 by default.
    pub patience: Patience,
    /// `ALLUVIUM_TARGET_BYTES`: bytes of small files that become one, 256 MiB by default.
    /// `ALLUVIUM_MIN_FILES`: small files that are worth a swap, 8 by default.
    /// `ALLUVIUM_QUIET_SECONDS`: how long nothing must have arrived before what is left is packed,
    /// a day by default.
    /// `ALLUVIUM_MAX_PARTITIONS`: partitions in a plan, 1,000 by default.
    /// `ALLUVIUM_SETTLE_SECONDS`: the settle time of the lake, 1,200 by default; that of everybody
    /// who writes to it.
    pub compaction: CompactionSettings,
    /// `ALLUVIUM_GRACE_SECONDS`: how long what was replaced is kept, a day by default; longer than
    /// any query takes.
    pub grace: Duration,
}

const GRACE: Duration = Duration::from_hours(24);

impl MaintenanceEnvironment {
    /// Reads the variables of this process.
    ///
    /// # Errors
    /// Names the first variable that is missing or invalid.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads settings")]
    pub fn of_process() -> Result<Self, EnvironmentError> {
        Self::read(|name| std::env::var(name).ok())
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, EnvironmentError> {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let needed = |name| set(name).ok_or(EnvironmentError::Missing { name });
        let number = |name| set(name).map(|value| parsed::<u64>(name, &value)).transpose();
        let seconds = |name| Ok(number(name)?.map(Duration::from_secs));
        let count = |name| set(name).map(|value| parsed::<usize>(name, &value)).transpose();
        let default = CompactionSettings::default();
        let mut patience = Patience::default();
        if let Some(timeout) = seconds("ALLUVIUM_CALL_TIMEOUT_SECONDS")? {
            patience.try_timeout = timeout;
        }
        let compaction = CompactionSettings {
            target_bytes: number("ALLUVIUM_TARGET_BYTES")?.unwrap_or(default.target_bytes),
            files_min: count("ALLUVIUM_MIN_FILES")?.unwrap_or(default.files_min),
            quiet: seconds("ALLUVIUM_QUIET_SECONDS")?.unwrap_or(default.quiet),
            partitions_max: count("ALLUVIUM_MAX_PARTITIONS")?.unwrap_or(default.partitions_max),
            settle: seconds("ALLUVIUM_SETTLE_SECONDS")?.unwrap_or(SETTLE),
            ..default
        };
        Ok(Self {
            step: needed("ALLUVIUM_STEP")?,
            lake: parsed("ALLUVIUM_LAKE", &needed("ALLUVIUM_LAKE")?)?,
            database: parsed("ALLUVIUM_DATABASE", &needed("ALLUVIUM_DATABASE")?)?,
            patience,
            compaction,
            grace: seconds("ALLUVIUM_GRACE_SECONDS")?.unwrap_or(GRACE),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<MaintenanceEnvironment, EnvironmentError> {
        MaintenanceEnvironment::read(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn variables_are_read_or_named() {
        let lake = [("ALLUVIUM_LAKE", "s3://lake"), ("ALLUVIUM_DATABASE", "events")];
        let needed = [lake[0], lake[1], ("ALLUVIUM_STEP", "merge-files")];
        let environment = read(&needed).unwrap();
        assert_eq!(environment.step, "merge-files");
        assert_eq!(environment.compaction, CompactionSettings::default());
        assert_eq!(environment.grace, Duration::from_hours(24));
        let all = [
            ("ALLUVIUM_TARGET_BYTES", "1000"),
            ("ALLUVIUM_MIN_FILES", "2"),
            ("ALLUVIUM_QUIET_SECONDS", "3"),
            ("ALLUVIUM_MAX_PARTITIONS", "4"),
            ("ALLUVIUM_SETTLE_SECONDS", "5"),
            ("ALLUVIUM_GRACE_SECONDS", "6"),
            ("ALLUVIUM_CALL_TIMEOUT_SECONDS", "7"),
        ];
        let environment = read(&[&needed[..], &all].concat()).unwrap();
        let expected = CompactionSettings {
            target_bytes: 1_000,
            files_min: 2,
            quiet: Duration::from_secs(3),
            partitions_max: 4,
            settle: Duration::from_secs(5),
            ..CompactionSettings::default()
        };
        assert_eq!(environment.compaction, expected);
        assert_eq!(environment.grace, Duration::from_secs(6));
        assert_eq!(environment.patience.try_timeout, Duration::from_secs(7));
        let error = |variables: &[_]| read(variables).unwrap_err().to_string();
        insta::assert_snapshot!(error(&needed[1..]), @"the environment variable ALLUVIUM_LAKE is not set");
        insta::assert_snapshot!(error(&lake), @"the environment variable ALLUVIUM_STEP is not set");
        let wrong = [&needed[..], &[("ALLUVIUM_MIN_FILES", "few")]].concat();
        insta::assert_snapshot!(error(&wrong), @"the environment variable ALLUVIUM_MIN_FILES is `few`: invalid digit found in string");
    }
}
