//! How keys become the names of columns and tables.
//!
//! Names are chosen once and kept for ever, so these rules may grow but never change. Field names
//! are hostile input: whatever comes in, only `[a-z0-9_]` goes out.

use std::fmt;

use deunicode::deunicode_char;
use serde::{Deserialize, Serialize};

use crate::{Digest, JsonPath, NameStyle};

/// Bytes of a base name at most: with the longest sibling suffix (`__timestamp`) it stays within
/// the 128 that Athena's API allows for a column (AWS documentation, `Column` of the Athena API).
const BASE_BYTES_MAX: usize = 117;
/// What follows the name of a table in the name of its unified view. The name of a table has no
/// more bytes than a base name, so that the view's is lawful.
const UNIFIED: &str = "_unified";
const HASH_DIGITS_MIN: usize = 6;
const HASH_DIGITS_MAX: usize = 64;

/// The name of a column: lower-case ASCII letters, digits and `_`, at most 128 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ColumnName(String);

/// The name of a table: like a column's, at most 128 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TableName(String);

/// The name of a database: like a column's, at most 128 bytes, but not beginning with `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DatabaseName(String);

/// A text that breaks the rules of a name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a name of 1 to 128 lower-case letters, digits and underscores")]
pub struct InvalidName(String);

macro_rules! name {
    ($name:ident, $first:expr) => {
        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
                let first: fn(u8) -> bool = $first;
                if (1..=128).contains(&text.len())
                    && text.bytes().all(legal)
                    && text.bytes().next().is_some_and(first)
                {
                    Ok(Self(text))
                } else {
                    Err(InvalidName(text))
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                text.to_owned().try_into()
            }
        }
    };
}

name!(ColumnName, |_| true);
name!(TableName, |_| true);
// Its folder stands beside `_alluvium`, and readers skip what begins with `_`.
name!(DatabaseName, |b| b != b'_');

impl ColumnName {
    /// The names that a path may take, the best first: its base name, then the same with ever
    /// more digits of the path's hash.
    pub fn candidates(path: &JsonPath, style: NameStyle) -> impl Iterator<Item = Self> + use<> {
        candidates(base_name(path, style), path.as_str()).map(Self)
    }

    /// The last key of `path` as a name in this style; none for the record itself.
    pub(crate) fn of_last_key(path: &JsonPath, names: NameStyle) -> Option<Self> {
        let key = path.keys().pop()?;
        Self::candidates(&JsonPath::from_keys([&*key]), names).next()
    }

    /// The name of the sibling with this suffix.
    pub(crate) fn with_suffix(&self, suffix: &str) -> Self {
        Self(format!("{self}{suffix}"))
    }

    /// Whether the base name of `path` is short enough to be a name.
    pub(crate) fn is_whole(path: &JsonPath, style: NameStyle) -> bool {
        base_name(path, style).len() <= BASE_BYTES_MAX
    }

    /// Whether the keys of `path` stand in its base name as they are.
    pub(crate) fn needs_no_change(path: &JsonPath, style: NameStyle) -> bool {
        let keys = path.keys();
        keys.iter().all(|key| segment(key, style) == **key)
            && base_name(path, style) == keys.join("_")
    }
}

/// What a table is made of, as it is called where it comes from: a prefix, a stream or a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableSource(String);

impl TableSource {
    /// The source called `text`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The source as it is called.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The source of the table that this one is routed from; itself if it is no route's.
    #[must_use]
    pub fn routed_from(&self) -> &str {
        self.0.split_once('/').map_or(self.0.as_str(), |(table, _)| table)
    }

    /// What the names of the table and of all that are routed from it begin with.
    #[must_use]
    pub fn stem(&self) -> String {
        let segment = snake(&self.0);
        // Then the route alone makes the name.
        if !segment.contains(|c: char| c.is_ascii_alphanumeric()) {
            return String::new();
        }
        let mut stem = base(&[segment]);
        // Longer ones are cut to make room for a hash.
        stem.truncate(BASE_BYTES_MAX - 1 - HASH_DIGITS_MAX);
        stem
    }

    /// The names that the table may take, the best first. Reserved names (`quarantine` and
    /// `*_unified`) are left out.
    pub fn table_names(&self) -> impl Iterator<Item = TableName> + use<> {
        // What a route leads to is never called like the table that it is routed from.
        let routed_from = self.0.split_once('/').map(|(table, _)| base(&[snake(table)]));
        let reserved = move |name: &String| {
            name == "quarantine" || name.ends_with(UNIFIED) || routed_from.as_ref() == Some(name)
        };
        candidates(base(&[snake(&self.0)]), &self.0)
            .filter(move |name| !reserved(name))
            .map(TableName)
    }
}

impl TableName {
    /// The name of the table's unified view, which no table of ours can have.
    #[must_use]
    pub fn unified(&self) -> Self {
        Self(format!("{self}{UNIFIED}"))
    }
}

/// A column name of ours that is known to be lawful.
pub(crate) fn known_name(name: &'static str) -> ColumnName {
    ColumnName(name.to_owned())
}

/// A table name of ours that is known to be lawful.
pub(crate) fn known_table(name: &'static str) -> TableName {
    TableName(name.to_owned())
}

fn candidates(base: String, hashed: &str) -> impl Iterator<Item = String> + use<> {
    let digest = Digest::of_text(hashed).to_string();
    let whole = (base.len() <= BASE_BYTES_MAX).then(|| base.clone());
    let hashed = (HASH_DIGITS_MIN..=HASH_DIGITS_MAX).filter_map(move |digits| {
        let kept = base.get(..base.len().min(BASE_BYTES_MAX - 1 - digits))?;
        Some(format!("{}_{}", kept.trim_end_matches('_'), digest.get(..digits)?))
    });
    whole.into_iter().chain(hashed)
}

/// The name of a path before it meets other names: all its keys.
fn base_name(path: &JsonPath, style: NameStyle) -> String {
    let segments: Vec<_> = path.keys().iter().map(|key| segment(key, style)).collect();
    base(&segments)
}

fn base(segments: &[String]) -> String {
    let named: Vec<_> = segments.iter().filter(|s| !s.is_empty()).map(String::as_str).collect();
    let joined = named.join("_");
    if joined.is_empty() {
        "c".to_owned()
    } else if joined.starts_with(|c: char| c.is_ascii_digit()) {
        format!("c_{joined}")
    } else {
        joined
    }
}

fn snake(key: &str) -> String {
    segment(key, NameStyle::Snake)
}

/// One key: lower-case ASCII, no `_` at either end, no two in a row.
fn segment(key: &str, style: NameStyle) -> String {
    let mut out = String::with_capacity(key.len() + 4);
    let mut push = |c: char| {
        if c != '_' || !(out.is_empty() || out.ends_with('_')) {
            out.push(c);
        }
    };
    let mut previous = None;
    let mut chars = key.chars().peekable();
    while let Some(c) = chars.next() {
        if style == NameStyle::Snake && begins_word(previous, c, chars.peek().copied()) {
            push('_');
        }
        // Control characters are ASCII already, but the transliteration would drop them.
        let transliterated =
            if c.is_ascii_control() { "_" } else { deunicode_char(c).unwrap_or("_") };
        for ascii in transliterated.chars() {
            push(if ascii.is_ascii_alphanumeric() { ascii.to_ascii_lowercase() } else { '_' });
        }
        previous = Some(c);
    }
    out.truncate(out.trim_end_matches('_').len());
    out
}

fn begins_word(previous: Option<char>, c: char, next: Option<char>) -> bool {
    let Some(previous) = previous else { return false };
    c.is_uppercase()
        && (previous.is_lowercase()
            || previous.is_numeric()
            || (previous.is_uppercase() && next.is_some_and(char::is_lowercase)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn first_name(keys: &[&str]) -> String {
        let path = JsonPath::from_keys(keys.iter().copied());
        ColumnName::candidates(&path, NameStyle::Snake).next().unwrap().0
    }

    #[test]
    fn keys_become_snake_case() {
        let check = |keys: &[&str], expected: &str| assert_eq!(first_name(keys), expected);
        check(&["_data", "record", "first_name"], "data_record_first_name");
        check(&["userId"], "user_id");
        check(&["HTTPStatus"], "http_status");
        check(&["userID2Name"], "user_id2_name");
        check(&["requestID"], "request_id");
        check(&["a.b", "c d"], "a_b_c_d");
        check(&["__typename__"], "typename");
        check(&["a__b"], "a_b");
        check(&["Größe"], "grosse");
        check(&["北京"], "bei_jing");
        check(&["1st"], "c_1st");
        check(&["a", "1"], "a_1");
        check(&[""], "c");
        check(&["_", "__"], "c");
        check(&["", "a", ""], "a");
        check(&["+1"], "c_1");
        check(&["-1"], "c_1");
        check(&["\u{ffff}"], "c");
        check(&["a\u{0}b\tc\u{7f}d"], "a_b_c_d");
        check(&["x__json"], "x_json");
        check(&["_source"], "source");
    }

    #[test]
    fn long_names_are_cut_and_get_a_hash() {
        let name = first_name(&["k".repeat(200).as_str()]);
        assert_eq!(name.len(), BASE_BYTES_MAX);
        assert!(name.starts_with("kkk"));
        assert_eq!(first_name(&["k".repeat(117).as_str()]), "k".repeat(117));
    }

    #[test]
    fn keys_that_stay_as_they_are_are_told_from_those_that_change() {
        let check = |keys: &[&str], expected| {
            let path = JsonPath::from_keys(keys.iter().copied());
            assert_eq!(ColumnName::needs_no_change(&path, NameStyle::Snake), expected, "{keys:?}");
        };
        check(&["tag", "a_1"], true);
        check(&["tag", "Tag"], false);
        check(&["_tag"], false);
        check(&["1"], false);
        check(&["a", "1"], true);
        check(&["a", ""], false);
        check(&[""], false);
    }

    #[test]
    fn reserved_table_names_get_a_hash() {
        let first = |text: &str| TableSource::new(text).table_names().next().unwrap().0;
        assert_eq!(first("Camera Events"), "camera_events");
        assert!(first("quarantine").starts_with("quarantine_"));
        assert!(first("camera_unified").starts_with("camera_unified_"));
        assert_eq!(first("camera/click"), "camera_click");
        for nothing in ["camera/", "camera/---", "camera/ "] {
            assert!(first(nothing).starts_with("camera_"), "{nothing}");
        }
    }

    #[test]
    fn the_names_of_a_table_and_of_those_routed_from_it_begin_with_its_stem() {
        let long = "x".repeat(200);
        for source in ["Camera Events", "quarantine", "camera_unified", "7", "---", &long] {
            let stem = TableSource::new(source).stem();
            for route in ["", "/click", "/Click", "/unified", &format!("/{long}")] {
                let table = TableSource::new(format!("{source}{route}"));
                for name in table.table_names().take(60) {
                    assert!(name.0.starts_with(&stem), "{name} of {source}{route}: {stem}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn every_path_gets_lawful_names(keys: Vec<String>) {
            let path = JsonPath::from_keys(keys.iter().map(String::as_str));
            for name in ColumnName::candidates(&path, NameStyle::Snake) {
                prop_assert!(name.0.len() <= BASE_BYTES_MAX);
                prop_assert!(!name.0.contains("__") && !name.0.starts_with('_'));
                prop_assert!(!name.0.starts_with(|c: char| c.is_ascii_digit()));
                prop_assert_eq!(name.0.parse::<ColumnName>(), Ok(name));
            }
        }
    }
}
