//! Environment variables: read here, once, and passed on as values.

mod collecting;
mod maintenance;
mod streaming;

use std::{str::FromStr, time::Duration};

use alluvium_model::{DatabaseName, LandingPrefix, Limits};

pub use self::{
    collecting::CollectEnvironment, maintenance::MaintenanceEnvironment,
    streaming::StreamEnvironment,
};
use crate::{EventBusName, LakeRoot, Patience};

/// How a function is set up.
#[derive(Clone, Debug)]
pub struct Environment {
    /// `ALLUVIUM_LAKE`: the lake, `s3://bucket` or `s3://bucket/folder`.
    pub lake: LakeRoot,
    /// `ALLUVIUM_DATABASE`: the Glue database of its tables.
    pub database: DatabaseName,
    /// `ALLUVIUM_LANDING_PREFIX`: the folder of the landing bucket that is read, such as
    /// `incoming/`; all of it by default.
    pub landing_prefix: LandingPrefix,
    /// `ALLUVIUM_PART_BYTES`: bytes of JSON text a part, 128 MiB by default; memory grows with it.
    /// `ALLUVIUM_LIMITS`: other limits than the defaults, such as `parse_depth=64,path_depth=8`.
    pub limits: Limits,
    /// `ALLUVIUM_CALL_TIMEOUT_SECONDS`: a try of a call to S3 or Glue that takes longer is made
    /// again; 50 by default.
    pub patience: Patience,
    /// `ALLUVIUM_CONTRACT_REFRESH_SECONDS`: how long contracts are believed before the lake is
    /// looked at again, 60 by default; 0 for every object.
    pub contract_refresh: Duration,
    /// `ALLUVIUM_SETTLE_SECONDS`: the settle time of the lake, 1,200 by default. Longer than any
    /// attempt at a source lives; attempts end after three quarters of it. All who write to a lake
    /// must have the same.
    pub settle: Duration,
    /// `ALLUVIUM_EVENT_BUS`: the event bus that is told what changes of tables; none by default.
    pub event_bus: Option<EventBusName>,
}

const CONTRACT_REFRESH: Duration = Duration::from_mins(1);
const SETTLE: Duration = Duration::from_mins(20);

/// A variable that is missing or not understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EnvironmentError {
    /// It must be set.
    #[error("the environment variable {name} is not set")]
    Missing {
        /// Its name.
        name: &'static str,
    },
    /// It is set to something else than it must be.
    #[error("the environment variable {name} is `{value}`: {reason}")]
    Invalid {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: String,
        /// What is wrong.
        reason: String,
    },
}

impl Environment {
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
        let mut limits = Limits::default();
        if let Some(value) = set("ALLUVIUM_PART_BYTES") {
            limits.part_text_bytes = parsed("ALLUVIUM_PART_BYTES", &value)?;
        }
        if let Some(value) = set("ALLUVIUM_LIMITS") {
            let settings = value.split(',').try_for_each(|setting| limits.set(setting));
            settings.map_err(invalid("ALLUVIUM_LIMITS", &value))?;
        }
        let mut patience = Patience::default();
        if let Some(value) = set("ALLUVIUM_CALL_TIMEOUT_SECONDS") {
            let seconds = parsed("ALLUVIUM_CALL_TIMEOUT_SECONDS", &value)?;
            patience.try_timeout = Duration::from_secs(seconds);
        }
        let contract_refresh = match set("ALLUVIUM_CONTRACT_REFRESH_SECONDS") {
            Some(value) => {
                Duration::from_secs(parsed("ALLUVIUM_CONTRACT_REFRESH_SECONDS", &value)?)
            }
            None => CONTRACT_REFRESH,
        };
        let settle = match set("ALLUVIUM_SETTLE_SECONDS") {
            Some(value) => Duration::from_secs(parsed("ALLUVIUM_SETTLE_SECONDS", &value)?),
            None => SETTLE,
        };
        let prefix = set("ALLUVIUM_LANDING_PREFIX").unwrap_or_default();
        Ok(Self {
            lake: parsed("ALLUVIUM_LAKE", &needed("ALLUVIUM_LAKE")?)?,
            database: parsed("ALLUVIUM_DATABASE", &needed("ALLUVIUM_DATABASE")?)?,
            landing_prefix: parsed("ALLUVIUM_LANDING_PREFIX", &prefix)?,
            limits,
            patience,
            contract_refresh,
            settle,
            event_bus: match set("ALLUVIUM_EVENT_BUS") {
                Some(name) => Some(parsed("ALLUVIUM_EVENT_BUS", &name)?),
                None => None,
            },
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads settings")]
fn of_process(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn parsed<T: FromStr<Err: ToString>>(
    name: &'static str,
    value: &str,
) -> Result<T, EnvironmentError> {
    value.parse().map_err(invalid(name, value))
}

fn invalid<E: ToString>(name: &'static str, value: &str) -> impl Fn(E) -> EnvironmentError {
    move |error| EnvironmentError::Invalid {
        name,
        value: value.to_owned(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Environment, EnvironmentError> {
        let value = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Environment::read(value)
    }

    #[test]
    fn variables_are_read_or_named() {
        let mut variables = vec![("ALLUVIUM_LAKE", "s3://lake"), ("ALLUVIUM_DATABASE", "events")];
        let environment = read(&variables).unwrap();
        assert_eq!(environment.lake.to_string(), "s3://lake/");
        assert_eq!(environment.limits, Limits::default());
        variables.push(("ALLUVIUM_PART_BYTES", "1048576"));
        variables.push(("ALLUVIUM_LIMITS", "parse_depth=64,path_depth=8"));
        assert_eq!(environment.contract_refresh, Duration::from_mins(1));
        variables.push(("ALLUVIUM_CONTRACT_REFRESH_SECONDS", "0"));
        assert_eq!(read(&variables).unwrap().contract_refresh, Duration::ZERO);
        assert_eq!(environment.settle, Duration::from_mins(20));
        variables.push(("ALLUVIUM_SETTLE_SECONDS", "30"));
        assert_eq!(read(&variables).unwrap().settle, Duration::from_secs(30));
        let limits = read(&variables).unwrap().limits;
        assert_eq!(
            (limits.part_text_bytes, limits.parse_depth, limits.path_depth),
            (1 << 20, 64, 8)
        );

        let error = |variables: &[_]| read(variables).unwrap_err().to_string();
        insta::assert_snapshot!(error(&variables[..1]), @"the environment variable ALLUVIUM_DATABASE is not set");
        insta::assert_snapshot!(error(&[("ALLUVIUM_LAKE", "lake"), variables[1]]), @"the environment variable ALLUVIUM_LAKE is `lake`: `lake` is not of the form s3://BUCKET or s3://BUCKET/FOLDER");
        insta::assert_snapshot!(error(&[variables[0], variables[1], ("ALLUVIUM_PART_BYTES", "1k")]), @"the environment variable ALLUVIUM_PART_BYTES is `1k`: invalid digit found in string");
        let limits = ("ALLUVIUM_LIMITS", "parse_depth=64;");
        insta::assert_snapshot!(error(&[variables[0], variables[1], limits]), @"the environment variable ALLUVIUM_LIMITS is `parse_depth=64;`: `parse_depth=64;` is not of the form NAME=NUMBER with a number from 1 to 128");
        let prefix = ("ALLUVIUM_LANDING_PREFIX", "incoming");
        insta::assert_snapshot!(error(&[variables[0], variables[1], prefix]), @"the environment variable ALLUVIUM_LANDING_PREFIX is `incoming`: it is neither empty nor ends with `/`");
    }
}
