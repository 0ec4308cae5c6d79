//! Paths that hold values of several kinds, with an example of each.

use std::collections::{BTreeMap, BTreeSet};

use alluvium_columnar::{Part, Seen};
use alluvium_model::{ClassSet, ColumnName, JsonPath, Scalar, TableSchema, ValueClass};
use serde::Serialize;

/// Characters of an example that are shown.
const EXAMPLE_CHARS_MAX: usize = 80;

/// A path under which values of several kinds stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// The path.
    pub path: String,
    /// What stands there.
    pub seen: Vec<SeenValues>,
    /// The one kind that could take all of it, if there is one.
    #[serde(skip)]
    pub(super) common: Option<Scalar>,
}

/// Values of one kind under one path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeenValues {
    /// What they are.
    pub kind: &'static str,
    /// How many there are.
    pub values: u64,
    /// The columns that take them; none for an object whose members have their own.
    pub columns: Vec<ColumnName>,
    /// The JSON text of the first of them, cut.
    pub example: String,
    /// The source that it stands in.
    pub source: String,
    /// The index of its record there.
    pub record: u64,
}

/// What was seen under each path that has columns.
#[derive(Debug, Default)]
pub(super) struct SeenPaths {
    by_path: BTreeMap<JsonPath, BTreeMap<ValueClass, Example>>,
    /// The values that each column would take.
    pub(super) by_column: BTreeMap<ColumnName, u64>,
}

#[derive(Debug)]
struct Example {
    values: u64,
    text: String,
    source: String,
    record: u64,
}

impl SeenPaths {
    /// Notes what a part holds under the paths that have columns at or below them: their number
    /// is bounded, that of all paths is not.
    pub(super) fn note(&mut self, schema: &TableSchema, source: &str, part: &Part) {
        for Seen { path, class, values, record, text } in part.survey() {
            if schema.base(path).is_none() && schema.keys(path.as_str()) == 0 {
                continue;
            }
            for column in schema.carriers(path, class) {
                *self.by_column.entry(column.name.clone()).or_default() += values;
            }
            let of_path = self.by_path.entry(path.clone()).or_default();
            let example = of_path.entry(class).or_insert_with(|| Example {
                values: 0,
                text: cut(text),
                source: source.to_owned(),
                record,
            });
            example.values += values;
        }
    }

    /// The paths that hold several kinds, or that have siblings.
    pub(super) fn conflicts(&self, schema: &TableSchema) -> Vec<Conflict> {
        let conflict = |(path, by_class): (&JsonPath, &BTreeMap<ValueClass, Example>)| {
            let families: BTreeSet<_> =
                by_class.keys().filter_map(|class| family(*class)).collect();
            let conflicts = families.len() > 1 || schema.siblings(path).next().is_some();
            conflicts.then(|| Conflict {
                path: path.to_string(),
                seen: by_class.iter().map(|seen| seen_values(schema, path, seen)).collect(),
                common: common(by_class.keys().copied()),
            })
        };
        self.by_path.iter().filter_map(conflict).collect()
    }
}

fn seen_values(
    schema: &TableSchema,
    path: &JsonPath,
    (class, example): (&ValueClass, &Example),
) -> SeenValues {
    let carriers = schema.carriers(path, *class);
    SeenValues {
        kind: name(*class, &example.text),
        values: example.values,
        columns: carriers.into_iter().map(|column| column.name.clone()).collect(),
        example: example.text.clone(),
        source: example.source.clone(),
        record: example.record,
    }
}

/// The kind that takes all of these classes, if they are scalars alone.
fn common(classes: impl Iterator<Item = ValueClass> + Clone) -> Option<Scalar> {
    let is_scalar =
        |class: ValueClass| !matches!(family(class), None | Some(Family::Array | Family::Object));
    let all = classes.clone().fold(ClassSet::default(), ClassSet::with);
    classes.into_iter().all(is_scalar).then(|| all.scalar_kind()).flatten()
}

/// Classes that people take for one and the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    Boolean,
    Number,
    Instant,
    Text,
    Array,
    Object,
}

const fn family(class: ValueClass) -> Option<Family> {
    match class {
        ValueClass::Boolean => Some(Family::Boolean),
        ValueClass::Bigint | ValueClass::WideBigint | ValueClass::Double => Some(Family::Number),
        ValueClass::Timestamp => Some(Family::Instant),
        ValueClass::String => Some(Family::Text),
        ValueClass::NullArray => None,
        ValueClass::BooleanArray
        | ValueClass::BigintArray
        | ValueClass::WideBigintArray
        | ValueClass::DoubleArray
        | ValueClass::TimestampArray
        | ValueClass::StringArray
        | ValueClass::MixedArray
        | ValueClass::Json => Some(Family::Array),
        ValueClass::Object => Some(Family::Object),
    }
}

fn name(class: ValueClass, text: &str) -> &'static str {
    match class {
        ValueClass::Boolean => "boolean",
        ValueClass::Bigint => "bigint",
        ValueClass::WideBigint => "bigint beyond 2^53",
        ValueClass::Double => "double",
        ValueClass::Timestamp => "timestamp",
        ValueClass::String if text.starts_with('"') => "string",
        ValueClass::String => "number beyond double",
        ValueClass::NullArray => "array of nulls",
        ValueClass::BooleanArray => "array<boolean>",
        ValueClass::BigintArray => "array<bigint>",
        ValueClass::WideBigintArray => "array<bigint> beyond 2^53",
        ValueClass::DoubleArray => "array<double>",
        ValueClass::TimestampArray => "array<timestamp>",
        ValueClass::StringArray => "array<string>",
        ValueClass::MixedArray => "array of several kinds",
        ValueClass::Json if text.starts_with('{') => "deep object",
        ValueClass::Json => "array of containers",
        ValueClass::Object => "object",
    }
}

/// The beginning of a text, for people.
pub(super) fn cut(text: &str) -> String {
    let mut shown: String = text.chars().take(EXAMPLE_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
