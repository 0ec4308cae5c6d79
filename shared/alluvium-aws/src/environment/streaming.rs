//! The variables of the functions that load streams.

use alluvium_model::{Raw, StreamRoute};

use super::{Environment, EnvironmentError, invalid, of_process};

/// What functions of streams are told besides.
#[derive(Clone, Debug)]
pub struct StreamEnvironment {
    /// What every function is told.
    pub environment: Environment,
    /// Whether topics count in streams that no contract is for.
    pub route: StreamRoute,
    /// What becomes of the archive of what streams delivered.
    pub raw: Raw,
    /// `ALLUVIUM_MAPPING`: the identity of the mapping whose given-up batches are taken back; those
    /// of others are somebody else's.
    pub mapping: Option<String>,
}

impl StreamEnvironment {
    /// Reads `ALLUVIUM_STREAM_ROUTE` (`topic` or `name`, which is the default) and `ALLUVIUM_RAW`
    /// (`drop` or `keep`, which is the default), and what [`Environment::of_process`] reads.
    ///
    /// # Errors
    /// Names the first variable that is missing or cannot be understood.
    pub fn of_process() -> Result<Self, EnvironmentError> {
        Self::read(of_process)
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, EnvironmentError> {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let (route, raw) = ("ALLUVIUM_STREAM_ROUTE", "ALLUVIUM_RAW");
        let route = set(route).map(|said| word(route, &said, &ROUTES)).transpose()?;
        let raw = set(raw).map(|said| word(raw, &said, &RAWS)).transpose()?;
        let (route, raw) = (route.unwrap_or(StreamRoute::Name), raw.unwrap_or(Raw::Keep));
        let mapping = set("ALLUVIUM_MAPPING");
        Ok(Self { environment: Environment::read(variable)?, route, raw, mapping })
    }
}

const ROUTES: [(&str, StreamRoute); 2] =
    [("name", StreamRoute::Name), ("topic", StreamRoute::Topic)];
const RAWS: [(&str, Raw); 2] = [("keep", Raw::Keep), ("drop", Raw::Drop)];

fn word<T: Copy>(
    name: &'static str,
    value: &str,
    words: &[(&'static str, T)],
) -> Result<T, EnvironmentError> {
    let found = words.iter().find(|(word, _)| *word == value).map(|(_, meaning)| *meaning);
    let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
    found.ok_or_else(|| invalid(name, value)(format!("it is none of {}", names.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(route: &str, raw: &str) -> Result<StreamEnvironment, EnvironmentError> {
        StreamEnvironment::read(|name| {
            let value = match name {
                "ALLUVIUM_LAKE" => "s3://lake",
                "ALLUVIUM_DATABASE" => "events",
                "ALLUVIUM_STREAM_ROUTE" => route,
                "ALLUVIUM_RAW" => raw,
                _ => return None,
            };
            Some(value.to_owned())
        })
    }

    #[test]
    fn variables_are_read_or_named() {
        let check = |route: &str, raw: &str, expected: (StreamRoute, Raw)| {
            let found = read(route, raw).unwrap();
            assert_eq!((found.route, found.raw), expected);
        };
        check("", "", (StreamRoute::Name, Raw::Keep));
        check("topic", "drop", (StreamRoute::Topic, Raw::Drop));
        check("name", "keep", (StreamRoute::Name, Raw::Keep));
        let error = read("topics", "").unwrap_err().to_string();
        assert_eq!(
            error,
            "the environment variable ALLUVIUM_STREAM_ROUTE is `topics`: it is none of name, topic"
        );
    }
}
