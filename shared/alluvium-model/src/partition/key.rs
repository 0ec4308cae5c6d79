//! The values that make a partition, and how they are written in paths and in the catalog.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ColumnName, TableName, UtcInstant, name::known_name};

/// What Hive calls the partition of rows without a value.
pub(super) const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// The values of the partition columns that all rows of a partition share.
///
/// Its text is a path in Hive's notation, `dt=2026-11-22/state=a%2Fb`: characters that have a
/// meaning in paths are escaped as Hive's `FileUtils.escapePathName` does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PartitionKey(Vec<(ColumnName, String)>);

impl PartitionKey {
    /// The partition columns of the quarantine table.
    #[must_use]
    pub fn quarantine_columns() -> Vec<ColumnName> {
        vec![known_name("table_name"), known_name("dt")]
    }

    /// The partition of the quarantine table for records that were bound for `table`, if they
    /// were bound for any.
    #[must_use]
    pub fn of_quarantine(table: Option<&TableName>, arrived_at: UtcInstant) -> Self {
        let table = table.map(ToString::to_string).unwrap_or_default();
        let values = [table, arrived_at.day()];
        Self(Self::quarantine_columns().into_iter().zip(values).collect())
    }

    /// The partition with these values.
    #[must_use]
    pub fn new(values: Vec<(ColumnName, String)>) -> Self {
        Self(values)
    }

    /// The values as the Glue catalog keeps them, outermost first: not escaped.
    #[must_use]
    pub fn catalog_values(&self) -> Vec<String> {
        let value =
            |(_, value): (_, &str)| if value.is_empty() { NO_VALUE } else { value }.to_owned();
        self.values().map(value).collect()
    }

    /// The partition of the values that the catalog keeps for these columns.
    #[must_use]
    pub fn from_catalog(columns: &[ColumnName], values: &[String]) -> Self {
        let value = |value: &String| if value == NO_VALUE { String::new() } else { value.clone() };
        Self(columns.iter().cloned().zip(values.iter().map(value)).collect())
    }

    /// The partition that is written as this path; none for a path that is no partition's.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        let value = |segment: &str| {
            let (name, value) = segment.split_once('=')?;
            let value = if value == NO_VALUE { String::new() } else { unescaped(value)? };
            Some((name.parse().ok()?, value))
        };
        let key = Self(path.split('/').map(value).collect::<Option<_>>()?);
        (key.to_string() == path).then_some(key)
    }

    /// Column and value, outermost first.
    pub fn values(&self) -> impl Iterator<Item = (&ColumnName, &str)> {
        self.0.iter().map(|(name, value)| (name, value.as_str()))
    }
}

impl fmt::Display for PartitionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.values().enumerate() {
            let separator = if index == 0 { "" } else { "/" };
            write!(f, "{separator}{}", escaped(name.as_str(), value))?;
        }
        Ok(())
    }
}

/// `name=value` as it stands in a path.
pub(super) fn escaped(name: &str, value: &str) -> String {
    let mut text = format!("{name}={}", if value.is_empty() { NO_VALUE } else { "" });
    for c in value.chars() {
        if c.is_control() || "\"#%'*/:=?\\{[]^".contains(c) {
            let mut utf8 = [0; 4];
            let bytes = c.encode_utf8(&mut utf8).bytes();
            bytes.for_each(|byte| text.push_str(&format!("%{byte:02X}")));
        } else {
            text.push(c);
        }
    }
    text
}

/// The value that [`escaped`] wrote.
fn unescaped(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_records_go_where_their_table_and_day_say() {
        let arrived_at = "2026-11-22T23:59:59.999999Z".parse().unwrap();
        let table = "camera".parse().unwrap();
        let key = PartitionKey::of_quarantine(Some(&table), arrived_at);
        assert_eq!(key.to_string(), "table_name=camera/dt=2026-11-22");
        let key = PartitionKey::of_quarantine(None, arrived_at);
        assert_eq!(key.to_string(), "table_name=__HIVE_DEFAULT_PARTITION__/dt=2026-11-22");
    }

    #[test]
    fn the_catalog_keeps_values_as_they_are() {
        let columns = PartitionKey::quarantine_columns();
        let values = ["__HIVE_DEFAULT_PARTITION__", "a/b"].map(str::to_owned);
        let key = PartitionKey::from_catalog(&columns, &values);
        assert_eq!(key.to_string(), "table_name=__HIVE_DEFAULT_PARTITION__/dt=a%2Fb");
        assert_eq!(key.catalog_values(), values);
    }

    #[test]
    fn values_are_escaped_like_hive_does() {
        let check = |value: &str, expected: &str| {
            let key = PartitionKey::new(vec![("state".parse().unwrap(), value.to_owned())]);
            assert_eq!(key.to_string(), format!("state={expected}"));
            assert_eq!(PartitionKey::of_path(&key.to_string()), Some(key));
        };
        check("CA", "CA");
        check("", "__HIVE_DEFAULT_PARTITION__");
        check("a/b c=d%", "a%2Fb c%3Dd%25");
        check("..\\x\n", "..%5Cx%0A");
        check("Zürich", "Zürich");
        check("\u{85}", "%C2%85");
    }
    #[test]
    fn what_no_partition_is_written_as_is_none() {
        let two = "table_name=camera/dt=2026-11-22";
        assert_eq!(PartitionKey::of_path(two).unwrap().to_string(), two);
        for path in
            ["", "dt", "dt=", "Dt=1", "dt=1/", "dt=%4", "dt=%zz", "dt=%41", "dt=%é", "dt=%FF"]
        {
            assert_eq!(PartitionKey::of_path(path), None, "{path}");
        }
    }
}
