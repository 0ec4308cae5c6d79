//! How partitions are written: in the contract of a table, and in the catalog beside its columns.

use std::{fmt, str::FromStr};

use super::{Moment, PartitionSpec, PartitionSpecError, Transform};
use crate::{ColumnName, JsonPath, NameStyle, ParsePathError};

/// More buckets than a part has files would put rows of some of them beside those without a value.
const BUCKETS_MAX: u32 = 500;

/// A text that says no partitions.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParsePartitionError {
    /// It is no transform.
    #[error(
        "`{0}` is not like day(event_time), hour(arrived_at), identity($.a.b) or bucket(16, $.a.b); the last two may be followed by `as name`"
    )]
    Transform(String),
    /// What is said of time is not said of a moment.
    #[error("`{0}` is no moment: there are event_time and arrived_at")]
    Moment(String),
    /// The value is not told by a path.
    #[error(transparent)]
    Path(#[from] ParsePathError),
    /// The path is that of the record.
    #[error("`$` is the record itself and no value in it")]
    Record,
    /// The number of buckets is none.
    #[error("`{0}` is no number of buckets from 1 to {BUCKETS_MAX}")]
    Buckets(String),
    /// The name is none for a partition column.
    #[error(
        "`{0}` is no name for a partition column: lower-case letters, digits and single underscores, beginning with a letter"
    )]
    Name(String),
    /// The transforms do not go together.
    #[error(transparent)]
    Spec(#[from] PartitionSpecError),
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Arrival => "arrived_at",
            Self::EventTime => "event_time",
        })
    }
}

impl fmt::Display for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(moment) => write!(f, "day({moment})"),
            Self::Hour(moment) => write!(f, "hour({moment})"),
            Self::Identity { path, name } => write!(f, "identity({path}) as {name}"),
            Self::Bucket { path, name, buckets } => {
                write!(f, "bucket({buckets}, {path}) as {name}")
            }
        }
    }
}

/// Transforms with commas between them. Names are always written, so that the text means the same
/// whatever the rules of names are.
impl fmt::Display for PartitionSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<_> = self.transforms.iter().map(ToString::to_string).collect();
        f.write_str(&texts.join(", "))
    }
}

impl FromStr for PartitionSpec {
    type Err = ParsePartitionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let transforms = split_transforms(text).into_iter();
        let transforms = transforms.map(|text| Transform::parse(text, NameStyle::Snake));
        Ok(Self::new(transforms.collect::<Result<_, _>>()?)?)
    }
}

impl Transform {
    /// The transform that is written `day(event_time)`, `identity($.a.b) as name` and so on. A
    /// column without a name is called like the last key of its path, in this style; a bucket's
    /// with `_bucket` behind it.
    ///
    /// # Errors
    /// When it is no transform, or has no lawful path, name or number of buckets.
    pub fn parse(text: &str, names: NameStyle) -> Result<Self, ParsePartitionError> {
        let unknown = || ParsePartitionError::Transform(text.to_owned());
        let (function, rest) = text.split_once('(').ok_or_else(unknown)?;
        let end = outside_strings(rest).find(|(_, c)| *c == ')').ok_or_else(unknown)?.0;
        let (argument, rest) = rest.split_at_checked(end).ok_or_else(unknown)?;
        let (argument, rest) = (argument.trim(), rest.trim_start_matches(')').trim());
        let name = match rest.strip_prefix("as ") {
            Some(name) => Some(column_name(name.trim())?),
            None if rest.is_empty() => None,
            None => return Err(unknown()),
        };
        match (function.trim(), name) {
            ("day", None) => Ok(Self::Day(argument.parse()?)),
            ("hour", None) => Ok(Self::Hour(argument.parse()?)),
            ("identity", name) => {
                let path = path(argument)?;
                let name = name.map_or_else(|| default_name(&path, names, ""), Ok)?;
                Ok(Self::Identity { path, name })
            }
            ("bucket", name) => {
                let (buckets, argument) = argument.split_once(',').ok_or_else(unknown)?;
                let (buckets, path) = (number_of_buckets(buckets.trim())?, path(argument.trim())?);
                let name = name.map_or_else(|| default_name(&path, names, "_bucket"), Ok)?;
                Ok(Self::Bucket { path, name, buckets })
            }
            _ => Err(unknown()),
        }
    }
}

impl FromStr for Moment {
    type Err = ParsePartitionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Arrival, Self::EventTime]
            .into_iter()
            .find(|moment| moment.to_string() == text)
            .ok_or_else(|| ParsePartitionError::Moment(text.to_owned()))
    }
}

fn path(text: &str) -> Result<JsonPath, ParsePartitionError> {
    let path: JsonPath = text.parse()?;
    if path.is_root() { Err(ParsePartitionError::Record) } else { Ok(path) }
}

fn number_of_buckets(text: &str) -> Result<u32, ParsePartitionError> {
    let number = text.parse().ok().filter(|number| (1..=BUCKETS_MAX).contains(number));
    number.ok_or_else(|| ParsePartitionError::Buckets(text.to_owned()))
}

/// Like the names of data columns, so that it meets none of siblings and system columns.
fn column_name(text: &str) -> Result<ColumnName, ParsePartitionError> {
    let lawful = text.starts_with(|c: char| c.is_ascii_lowercase()) && !text.contains("__");
    let name = text.parse().ok().filter(|_| lawful);
    name.ok_or_else(|| ParsePartitionError::Name(text.to_owned()))
}

fn default_name(
    path: &JsonPath,
    names: NameStyle,
    suffix: &str,
) -> Result<ColumnName, ParsePartitionError> {
    let name = ColumnName::of_last_key(path, names).ok_or(ParsePartitionError::Record)?;
    Ok(name.with_suffix(suffix))
}

/// The texts between commas that stand neither in parentheses nor in strings.
fn split_transforms(text: &str) -> Vec<&str> {
    let (mut depth, mut begin, mut found) = (0_i32, 0, Vec::new());
    for (at, c) in outside_strings(text) {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                found.extend(text.get(begin..at));
                begin = at + 1;
            }
            _ => {}
        }
    }
    found.extend(text.get(begin..));
    found.into_iter().map(str::trim).collect()
}

/// The characters that do not stand in JSON strings, each with where it stands.
fn outside_strings(text: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut quoted, mut escaped) = (false, false);
    text.char_indices().filter(move |(_, c)| {
        let inside = quoted;
        match c {
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = inside && *c == '\\' && !escaped;
        !inside && !quoted
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn transforms_are_read_as_they_are_written() {
        let check = |text: &str, expected: &str| {
            let transform = Transform::parse(text, NameStyle::Snake).unwrap();
            assert_eq!(transform.to_string(), expected);
        };
        check("day(event_time)", "day(event_time)");
        check(" hour ( arrived_at ) ", "hour(arrived_at)");
        check("identity($.a.userId)", "identity($.a.userId) as user_id");
        check("identity($.state) as st", "identity($.state) as st");
        check("bucket(16,$.user)", "bucket(16, $.user) as user_bucket");
        check(r#"identity($["a)\", b"].c)"#, r#"identity($["a)\", b"].c) as c"#);
        let lower = Transform::parse("identity($.userId)", NameStyle::Lower).unwrap();
        assert_eq!(lower.to_string(), "identity($.userId) as userid");
    }

    #[test]
    fn what_is_no_transform_is_named() {
        let error = |text: &str| Transform::parse(text, NameStyle::Snake).unwrap_err().to_string();
        insta::assert_snapshot!(error("month(event_time)"), @"`month(event_time)` is not like day(event_time), hour(arrived_at), identity($.a.b) or bucket(16, $.a.b); the last two may be followed by `as name`");
        insta::assert_snapshot!(error("day(created_at)"), @"`created_at` is no moment: there are event_time and arrived_at");
        insta::assert_snapshot!(error("identity(state)"), @r#"`state` is not a JSON path like `$.a.b` or `$["a b"].c`"#);
        insta::assert_snapshot!(error("identity($)"), @"`$` is the record itself and no value in it");
        insta::assert_snapshot!(error("bucket(0, $.a)"), @"`0` is no number of buckets from 1 to 500");
        for name in ["_a", "a__b", "1a", "A", ""] {
            let text = format!("identity($.a) as {name}");
            let error = Transform::parse(&text, NameStyle::Snake).unwrap_err().to_string();
            assert!(error.contains("no name for a partition column") || name.is_empty(), "{error}");
        }
        for text in ["", "day", "day(event_time", "day(event_time) as dt", "identity($.a) b"] {
            assert!(error(text).contains("is not like day"), "{text}");
        }
    }

    fn transforms() -> impl Strategy<Value = Transform> {
        let keys = proptest::collection::vec(".*", 1..3);
        let path = keys.prop_map(|keys| JsonPath::from_keys(keys.iter().map(String::as_str)));
        let name = "[a-z](_?[a-z0-9]){0,20}".prop_map(|name| name.parse().unwrap());
        let moment = prop_oneof![Just(Moment::Arrival), Just(Moment::EventTime)];
        prop_oneof![
            moment.clone().prop_map(Transform::Day),
            moment.prop_map(Transform::Hour),
            (path.clone(), name.clone())
                .prop_map(|(path, name)| Transform::Identity { path, name }),
            (path, name, 1..=BUCKETS_MAX).prop_map(|(path, name, buckets)| Transform::Bucket {
                path,
                name,
                buckets
            }),
        ]
    }

    proptest! {
        #[test]
        fn partitions_survive_writing_and_parsing(
            transforms in proptest::collection::vec(transforms(), 1..4)
        ) {
            if let Ok(spec) = PartitionSpec::new(transforms) {
                prop_assert_eq!(spec.to_string().parse(), Ok(spec));
            }
        }
    }
}
