//! Which partition a row belongs to.

mod key;
mod notation;
mod scalar;

use crate::{ColumnName, JsonPath, UtcInstant, name::known_name};
use key::{NO_VALUE, escaped};

pub use key::PartitionKey;
pub use notation::ParsePartitionError;
pub use scalar::PartitionScalar;

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

    /// Whether each partition is of a day, which `dt` tells.
    #[must_use]
    pub fn has_day(&self) -> bool {
        self.transforms.iter().any(|transform| match transform {
            Transform::Day(_) | Transform::Hour(_) => true,
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
        PartitionKey::new(self.columns().into_iter().zip(values).map(shown).collect())
    }

    /// Appends bytes to `out` that are the same for rows of the same partition alone. They cost
    /// less than its key.
    pub fn fingerprint(&self, row: &RowTraits<'_>, out: &mut Vec<u8>) {
        self.each(row, |transform, scalar| transform.fingerprint(row, scalar, out));
    }

    /// The partition of rows without any value.
    #[must_use]
    pub fn default_key(&self) -> PartitionKey {
        PartitionKey::new(self.columns().into_iter().map(|name| (name, String::new())).collect())
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
                // A missing value, an empty one and one that is too long are the same partition.
                let text = scalar.map_or("", |scalar| &scalar.text);
                let text = if text.len() > SEGMENT_BYTES_MAX { "" } else { text };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ValueClass;

    #[test]
    fn rows_without_a_contract_go_to_the_day_they_arrived() {
        let arrived_at = "2026-11-22T23:59:59.999999Z".parse().unwrap();
        let row = RowTraits { arrived_at, event_time: None, scalars: Vec::new() };
        assert_eq!(PartitionSpec::default().key(&row).to_string(), "dt=2026-11-22");
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
