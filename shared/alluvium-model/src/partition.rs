//! Which partition a row belongs to, and how a partition is written in paths.

mod notation;

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

use crate::{ColumnName, JsonPath, TableName, UtcInstant, ValueClass, name::known_name};

pub use notation::ParsePartitionError;

/// What Hive calls the partition of rows without a value.
const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";
/// Columns of a partition at most.
const COLUMNS_MAX: usize = 3;
/// Bytes of `name=value` in a path at most. A longer value counts as none: three of them, the
/// names of database and table and that of a file stay within the 1,024 bytes of an S3 key.
const SEGMENT_BYTES_MAX: usize = 200;
const MICROS_A_DAY: i64 = 24 * MICROS_AN_HOUR;
const MICROS_AN_HOUR: i64 = 3_600_000_000;

/// A moment in the life of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// When its source arrived.
    Arrival,
    /// When its record says that it happened.
    EventTime,
}

/// How partition columns are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transform {
    /// `dt`: the day in UTC.
    Day(Moment),
    /// `dt` and `hr`: the day and the hour in UTC.
    Hour(Moment),
    /// The scalar at a path as text.
    Identity {
        /// Where it stands.
        path: JsonPath,
        /// The name of the column.
        name: ColumnName,
    },
    /// The scalar at a path, spread over as many buckets: [`bucket`](Transform::Bucket) number
    /// `hash % buckets` by Apache Iceberg's hash of it, of an integer as `long`, of a date-time as
    /// `timestamp`, of any other scalar as its text (Iceberg specification, appendix B).
    Bucket {
        /// Where it stands.
        path: JsonPath,
        /// The name of the column.
        name: ColumnName,
        /// How many buckets there are.
        buckets: u32,
    },
}

/// How a table is partitioned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionSpec {
    transforms: Vec<Transform>,
}

/// Transforms that make no partitions.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum PartitionSpecError {
    /// There are none.
    #[error("a table has at least one partition column")]
    None,
    /// They make too many columns.
    #[error("there are {0} partition columns; {COLUMNS_MAX} are the most")]
    TooMany(usize),
    /// Two make the same column.
    #[error("there are two partition columns {0}")]
    Twice(ColumnName),
}

/// A scalar that a row has at some path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionScalar<'a> {
    /// What it is.
    pub class: ValueClass,
    /// A string without its quotes, any other scalar as it is written.
    pub text: Cow<'a, str>,
}

/// What a row has that decides on its partition.
#[derive(Clone, Debug)]
pub struct RowTraits<'a> {
    /// When its source arrived.
    pub arrived_at: UtcInstant,
    /// When it happened; none if its record says nothing that is believed.
    pub event_time: Option<UtcInstant>,
    /// The scalars at the paths of [`PartitionSpec::paths`], in that order.
    pub scalars: Vec<Option<PartitionScalar<'a>>>,
}

impl Default for PartitionSpec {
    /// By the day of arrival, for tables without a contract.
    fn default() -> Self {
        Self { transforms: vec![Transform::Day(Moment::Arrival)] }
    }
}

impl PartitionSpec {
    /// The partitions that these transforms make, the outermost first.
    ///
    /// # Errors
    /// When they make no column, too many, or one twice.
    pub fn new(transforms: Vec<Transform>) -> Result<Self, PartitionSpecError> {
        let spec = Self { transforms };
        let columns = spec.columns();
        if columns.is_empty() {
            return Err(PartitionSpecError::None);
        }
        if columns.len() > COLUMNS_MAX {
            return Err(PartitionSpecError::TooMany(columns.len()));
        }
        let twice = |(index, name): &(usize, &ColumnName)| {
            columns.iter().take(*index).any(|earlier| earlier == *name)
        };
        if let Some((_, name)) = columns.iter().enumerate().find(twice) {
            return Err(PartitionSpecError::Twice(name.clone()));
        }
        Ok(spec)
    }

    /// How its columns are made.
    #[must_use]
    pub fn transforms(&self) -> &[Transform] {
        &self.transforms
    }

    /// The partition columns, the outermost first; all are strings.
    #[must_use]
    pub fn columns(&self) -> Vec<ColumnName> {
        let names = |transform: &Transform| match transform {
            Transform::Day(_) => vec![known_name("dt")],
            Transform::Hour(_) => vec![known_name("dt"), known_name("hr")],
            Transform::Identity { name, .. } | Transform::Bucket { name, .. } => vec![name.clone()],
        };
        self.transforms.iter().flat_map(names).collect()
    }

    /// Whether the time of a record matters.
    #[must_use]
    pub fn needs_event_time(&self) -> bool {
        self.transforms.iter().any(|transform| match transform {
            Transform::Day(moment) | Transform::Hour(moment) => *moment == Moment::EventTime,
            Transform::Identity { .. } | Transform::Bucket { .. } => false,
        })
    }

    /// Whether rows of one source may belong to different partitions.
    #[must_use]
    pub fn depends_on_rows(&self) -> bool {
        self.needs_event_time() || self.paths().next().is_some()
    }

    /// The paths whose scalars matter.
    pub fn paths(&self) -> impl Iterator<Item = &JsonPath> {
        self.transforms.iter().filter_map(Transform::path)
    }

    /// The partition of a row.
    #[must_use]
    pub fn key(&self, row: &RowTraits<'_>) -> PartitionKey {
        let mut values = Vec::new();
        self.each(row, |transform, scalar| transform.values(row, scalar, &mut values));
        let shown = |(name, value): (ColumnName, String)| {
            let fits = escaped(name.as_str(), &value).len() <= SEGMENT_BYTES_MAX;
            (name, if fits && value != NO_VALUE { value } else { String::new() })
        };
        PartitionKey(self.columns().into_iter().zip(values).map(shown).collect())
    }

    /// Appends bytes to `out` that are the same for rows of the same partition alone. They cost
    /// less than its key.
    pub fn fingerprint(&self, row: &RowTraits<'_>, out: &mut Vec<u8>) {
        self.each(row, |transform, scalar| transform.fingerprint(row, scalar, out));
    }

    /// The partition of rows without any value.
    #[must_use]
    pub fn default_key(&self) -> PartitionKey {
        PartitionKey(self.columns().into_iter().map(|name| (name, String::new())).collect())
    }

    /// Each transform with the scalar at its path.
    fn each<'a>(
        &self,
        row: &'a RowTraits<'_>,
        mut visit: impl FnMut(&Transform, Option<&'a PartitionScalar<'a>>),
    ) {
        let mut scalars = row.scalars.iter();
        for transform in &self.transforms {
            let scalar = transform.path().and_then(|_| scalars.next()?.as_ref());
            visit(transform, scalar);
        }
    }
}

impl Transform {
    fn path(&self) -> Option<&JsonPath> {
        match self {
            Self::Day(_) | Self::Hour(_) => None,
            Self::Identity { path, .. } | Self::Bucket { path, .. } => Some(path),
        }
    }

    fn values(
        &self,
        row: &RowTraits<'_>,
        scalar: Option<&PartitionScalar<'_>>,
        out: &mut Vec<String>,
    ) {
        match self {
            Self::Day(moment) => {
                out.push(row.moment(*moment).map(UtcInstant::day).unwrap_or_default());
            }
            Self::Hour(moment) => {
                let moment = row.moment(*moment);
                out.push(moment.map(UtcInstant::day).unwrap_or_default());
                let hour = |at: UtcInstant| {
                    format!("{:02}", at.micros().rem_euclid(MICROS_A_DAY) / MICROS_AN_HOUR)
                };
                out.push(moment.map(hour).unwrap_or_default());
            }
            Self::Identity { .. } => {
                out.push(scalar.map(|scalar| scalar.text.clone().into_owned()).unwrap_or_default());
            }
            Self::Bucket { buckets, .. } => {
                let bucket = |scalar: &PartitionScalar<'_>| scalar.bucket(*buckets).to_string();
                out.push(scalar.map(bucket).unwrap_or_default());
            }
        }
    }

    fn fingerprint(
        &self,
        row: &RowTraits<'_>,
        scalar: Option<&PartitionScalar<'_>>,
        out: &mut Vec<u8>,
    ) {
        let unit = |moment: &Moment, micros: i64| {
            row.moment(*moment).map_or(i64::MIN, |at| at.micros().div_euclid(micros))
        };
        match self {
            Self::Day(moment) => out.extend(unit(moment, MICROS_A_DAY).to_be_bytes()),
            Self::Hour(moment) => out.extend(unit(moment, MICROS_AN_HOUR).to_be_bytes()),
            Self::Identity { .. } => {
                // A missing value and an empty one are the same partition.
                let text = scalar.map_or("", |scalar| &scalar.text);
                out.extend((text.len() as u64).to_be_bytes());
                out.extend(text.as_bytes());
            }
            Self::Bucket { buckets, .. } => {
                let bucket = scalar.map(|scalar| scalar.bucket(*buckets));
                out.extend(bucket.unwrap_or(u32::MAX).to_be_bytes());
            }
        }
    }
}

impl RowTraits<'_> {
    const fn moment(&self, moment: Moment) -> Option<UtcInstant> {
        match moment {
            Moment::Arrival => Some(self.arrived_at),
            Moment::EventTime => self.event_time,
        }
    }
}

impl PartitionScalar<'_> {
    /// The number of its bucket.
    fn bucket(&self, buckets: u32) -> u32 {
        let long = match self.class {
            ValueClass::Bigint | ValueClass::WideBigint => self.text.parse::<i64>().ok(),
            ValueClass::Timestamp => self.text.parse().ok().map(|at: UtcInstant| at.micros()),
            ValueClass::Boolean
            | ValueClass::Double
            | ValueClass::String
            | ValueClass::NullArray
            | ValueClass::BooleanArray
            | ValueClass::BigintArray
            | ValueClass::WideBigintArray
            | ValueClass::DoubleArray
            | ValueClass::TimestampArray
            | ValueClass::StringArray
            | ValueClass::MixedArray
            | ValueClass::Json
            | ValueClass::Object => None,
        };
        let hash = match long {
            Some(long) => murmur3_32(&long.to_le_bytes()),
            None => murmur3_32(self.text.as_bytes()),
        };
        (hash & 0x7fff_ffff) % buckets.max(1)
    }
}

/// The 32 bits of Murmur3 (x86) with seed 0, as Iceberg's specification wants them.
fn murmur3_32(bytes: &[u8]) -> u32 {
    let mut rest = bytes;
    // Reading from a slice cannot fail.
    murmur3::murmur3_32(&mut rest, 0).unwrap_or_default()
}

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
fn escaped(name: &str, value: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_without_a_contract_go_to_the_day_they_arrived() {
        let arrived_at = "2026-11-22T23:59:59.999999Z".parse().unwrap();
        let row = RowTraits { arrived_at, event_time: None, scalars: Vec::new() };
        assert_eq!(PartitionSpec::default().key(&row).to_string(), "dt=2026-11-22");
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
        };
        check("CA", "CA");
        check("", "__HIVE_DEFAULT_PARTITION__");
        check("a/b c=d%", "a%2Fb c%3Dd%25");
        check("..\\x\n", "..%5Cx%0A");
        check("Zürich", "Zürich");
        check("\u{85}", "%C2%85");
    }

    fn spec(transforms: Vec<Transform>) -> PartitionSpec {
        PartitionSpec::new(transforms).unwrap()
    }

    fn identity(name: &str) -> Transform {
        let path = JsonPath::root().child(name);
        Transform::Identity { path, name: name.parse().unwrap() }
    }

    fn scalar(class: ValueClass, text: &str) -> PartitionScalar<'_> {
        PartitionScalar { class, text: text.into() }
    }

    fn row<'a>(event_time: Option<&str>, texts: &[&'a str]) -> RowTraits<'a> {
        RowTraits {
            arrived_at: "2026-11-22T23:59:59Z".parse().unwrap(),
            event_time: event_time.map(|time| time.parse().unwrap()),
            scalars: texts.iter().map(|text| Some(scalar(ValueClass::String, text))).collect(),
        }
    }

    #[test]
    fn rows_go_where_their_values_say() {
        let check = |transforms: Vec<Transform>, row: RowTraits<'_>, expected: &str| {
            assert_eq!(spec(transforms).key(&row).to_string(), expected);
        };
        let hour = || Transform::Hour(Moment::EventTime);
        let time = Some("1969-12-31T23:30:00Z");
        check(vec![hour()], row(time, &[]), "dt=1969-12-31/hr=23");
        check(
            vec![hour()],
            row(None, &[]),
            "dt=__HIVE_DEFAULT_PARTITION__/hr=__HIVE_DEFAULT_PARTITION__",
        );
        let by_state = || vec![Transform::Day(Moment::Arrival), identity("state")];
        check(by_state(), row(time, &["CA"]), "dt=2026-11-22/state=CA");
        for none in ["", "__HIVE_DEFAULT_PARTITION__", &"x".repeat(195), &"/".repeat(65)] {
            let expected = "dt=2026-11-22/state=__HIVE_DEFAULT_PARTITION__";
            check(by_state(), row(time, &[none]), expected);
        }
        check(vec![identity("a"), identity("b")], row(None, &["1", "2"]), "a=1/b=2");
    }

    #[test]
    fn equal_fingerprints_are_equal_partitions() {
        let spec = spec(vec![Transform::Day(Moment::EventTime), identity("a"), identity("b")]);
        let fingerprint = |row: &RowTraits<'_>| {
            let mut bytes = Vec::new();
            spec.fingerprint(row, &mut bytes);
            bytes
        };
        let rows = [
            row(Some("2026-11-22T00:00:00Z"), &["a", "bc"]),
            row(Some("2026-11-22T23:59:59Z"), &["a", "bc"]),
            row(Some("2026-11-22T00:00:00Z"), &["ab", "c"]),
            row(Some("2026-11-21T23:59:59Z"), &["a", "bc"]),
            row(None, &["a", "bc"]),
        ];
        for (one, other) in rows.iter().flat_map(|one| rows.iter().map(move |other| (one, other))) {
            let same = spec.key(one) == spec.key(other);
            assert_eq!(fingerprint(one) == fingerprint(other), same, "{one:?} {other:?}");
        }
    }

    /// The examples of the Iceberg specification, appendix B.
    #[test]
    fn buckets_are_those_of_iceberg() {
        let check = |class, text: &str, hash: u32| {
            for buckets in [1, 7, 1_000_000] {
                let expected = (hash & 0x7fff_ffff) % buckets;
                assert_eq!(scalar(class, text).bucket(buckets), expected, "{text}");
            }
        };
        check(ValueClass::Bigint, "34", 2_017_239_379);
        check(ValueClass::String, "iceberg", 1_210_000_089);
        check(ValueClass::Timestamp, "2017-11-16T22:31:08Z", 0_u32.wrapping_sub(2_047_944_441));
        check(
            ValueClass::Timestamp,
            "2017-11-16T14:31:08-08:00",
            0_u32.wrapping_sub(2_047_944_441),
        );
    }

    #[test]
    fn a_spec_has_one_to_three_columns_of_different_names() {
        let error = |transforms| PartitionSpec::new(transforms).unwrap_err().to_string();
        insta::assert_snapshot!(error(vec![]), @"a table has at least one partition column");
        let hour = || Transform::Hour(Moment::Arrival);
        let four = vec![hour(), identity("a"), identity("b")];
        insta::assert_snapshot!(error(four), @"there are 4 partition columns; 3 are the most");
        let twice = vec![hour(), Transform::Day(Moment::EventTime)];
        insta::assert_snapshot!(error(twice), @"there are two partition columns dt");
    }
}
