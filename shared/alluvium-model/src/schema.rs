//! The schema of a table as Alluvium understands it, and where each value belongs in it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::{ColumnName, JsonPath, Kind, NameStyle, Origin, Scalar, UtcInstant, ValueClass};

/// The columns that every table begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SystemColumn {
    /// The URI of the source that the row came from.
    Source,
    /// The index of the record in that source, from 0.
    Record,
    /// When the source arrived.
    ArrivedAt,
    /// Values without a column of their own: path to JSON text.
    Rescued,
}

impl SystemColumn {
    /// Every system column in the order of the table.
    pub const ALL: [Self; 4] = [Self::Source, Self::Record, Self::ArrivedAt, Self::Rescued];

    /// The name in tables and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Source => "_source",
            Self::Record => "_record",
            Self::ArrivedAt => "_arrived_at",
            Self::Rescued => "_rescued",
        }
    }

    /// The type in the Glue catalog.
    #[must_use]
    pub const fn glue_type(self) -> &'static str {
        match self {
            Self::Source => "string",
            Self::Record => "bigint",
            Self::ArrivedAt => "timestamp",
            Self::Rescued => "map<string,string>",
        }
    }

    /// What the column holds, in words.
    #[must_use]
    pub const fn comment(self) -> &'static str {
        match self {
            Self::Source => "where the row came from",
            Self::Record => "index of the record in its source, from 0",
            Self::ArrivedAt => "when the source arrived",
            Self::Rescued => "values without a column: path to JSON text",
        }
    }
}

/// A column that carries values of one path. Once registered it never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataColumn {
    /// The name in tables and files.
    pub name: ColumnName,
    /// Where its values stand in the records.
    pub path: JsonPath,
    /// What it holds.
    pub kind: Kind,
    /// The column of the same path that was there first, for values that it cannot take.
    pub sibling_of: Option<ColumnName>,
    /// When the source that brought the column arrived.
    pub since: UtcInstant,
    /// The URI of the source that brought the column.
    pub source: String,
}

/// Why the name of a column is not just the keys of its path joined by `_`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum NameChange {
    /// A key is no name as it is written: words, letters or other characters were changed.
    Spelling,
    /// The name would have been too long.
    Length,
    /// Something else has the name.
    Taken {
        /// The path of the column that has it; none if it is no column of Alluvium's data.
        by: Option<String>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct PathColumns {
    base: usize,
    siblings: Vec<usize>,
}

/// The data columns of a table, found by path, and the names that are taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableSchema {
    columns: Vec<DataColumn>,
    by_path: BTreeMap<JsonPath, PathColumns>,
    names: BTreeSet<String>,
    /// How many keys of the object at a path have columns at or below them.
    keys: BTreeMap<String, usize>,
    /// The paths whose objects are not flattened, each with what decided it: their `json` column
    /// takes them as they are.
    whole: BTreeMap<JsonPath, Origin>,
    /// Columns at most, once the table's definition has become as large as it may.
    width_max: Option<usize>,
}

impl TableSchema {
    /// A schema without data columns in which these names are taken.
    pub fn with_names_taken<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let names = names.into_iter().map(str::to_ascii_lowercase).collect();
        Self { names, ..Self::default() }
    }

    /// The data columns in the order of the table.
    #[must_use]
    pub fn columns(&self) -> &[DataColumn] {
        &self.columns
    }

    /// How many columns the table has, those that Alluvium did not make included.
    #[must_use]
    pub fn width(&self) -> usize {
        self.names.len()
    }

    /// The column of `path` that was there first.
    #[must_use]
    pub fn base(&self, path: &JsonPath) -> Option<&DataColumn> {
        self.columns.get(self.by_path.get(path)?.base)
    }

    /// Whether a column is the first one of its path.
    #[must_use]
    pub fn is_base(&self, column: &DataColumn) -> bool {
        self.base(&column.path).is_some_and(|base| base.name == column.name)
    }

    /// Whether some path has several columns.
    #[must_use]
    pub fn has_siblings(&self) -> bool {
        self.by_path.values().any(|columns| !columns.siblings.is_empty())
    }

    /// The columns beside the first one of `path`, oldest first.
    pub fn siblings(&self, path: &JsonPath) -> impl Iterator<Item = &DataColumn> {
        let siblings = self.by_path.get(path).map_or(&[][..], |columns| &columns.siblings);
        siblings.iter().filter_map(|index| self.columns.get(*index))
    }

    /// Why a column is called otherwise than its keys; none for a sibling, which is called like
    /// its column.
    #[must_use]
    pub fn name_change(&self, column: &DataColumn, style: NameStyle) -> Option<NameChange> {
        if column.sibling_of.is_some() || column.path.keys().join("_") == column.name.as_str() {
            return None;
        }
        let wanted = ColumnName::candidates(&column.path, style).next()?;
        if wanted == column.name {
            let whole = ColumnName::is_whole(&column.path, style);
            return Some(if whole { NameChange::Spelling } else { NameChange::Length });
        }
        let holder = self.columns.iter().find(|other| other.name == wanted);
        Some(NameChange::Taken { by: holder.map(|holder| holder.path.to_string()) })
    }

    /// Whether objects at `path` are kept whole, as JSON text.
    #[must_use]
    pub fn keeps_whole(&self, path: &JsonPath) -> bool {
        self.whole.contains_key(path)
    }

    /// Whether the value at `path` lies in an object that is kept whole, so that it needs no
    /// place of its own.
    #[must_use]
    pub fn lies_in_whole(&self, path: &JsonPath) -> bool {
        !self.whole.is_empty() && path.ancestors().any(|object| self.whole.contains_key(object))
    }

    /// Whether a column takes the objects of its path as they are.
    #[must_use]
    pub fn takes_objects(&self, column: &DataColumn) -> bool {
        column.kind == Kind::Json && self.keeps_whole(&column.path)
    }

    /// The columns that carry a value of `class` under `path`; none means `_rescued`, or for an
    /// object that each of its members has a place of its own.
    ///
    /// Two carry it where a `__double` stands beside a `bigint`: that sibling is complete, so
    /// that a sum over it alone is right.
    #[must_use]
    pub fn carriers(&self, path: &JsonPath, class: ValueClass) -> Vec<&DataColumn> {
        let Some(base) = self.base(path) else { return Vec::new() };
        if class == ValueClass::Object {
            return self.json_column(path).filter(|_| self.keeps_whole(path)).into_iter().collect();
        }
        if class.fits(base.kind) {
            let complete = base.kind == Kind::Scalar(Scalar::Bigint)
                && class.fits(Kind::Scalar(Scalar::Double));
            let double = self.sibling(path, Kind::Scalar(Scalar::Double)).filter(|_| complete);
            return [base].into_iter().chain(double).collect();
        }
        // An array of nulls never makes a sibling, but goes where arrays go.
        let kind = class.sibling_kind().unwrap_or(Kind::Json);
        self.sibling(path, kind).into_iter().collect()
    }

    /// The column of kind `json` under `path`, be it the first one or a sibling.
    pub(crate) fn json_column(&self, path: &JsonPath) -> Option<&DataColumn> {
        let base = self.base(path).filter(|base| base.kind == Kind::Json);
        base.or_else(|| self.sibling(path, Kind::Json))
    }

    /// Says that objects at `path` are kept whole since `origin`. Nothing below it has a column.
    pub(crate) fn keep_whole(&mut self, path: &JsonPath, origin: Origin) {
        self.whole.insert(path.clone(), origin);
    }

    pub(crate) fn whole_since(&self, path: &JsonPath) -> Option<&Origin> {
        self.whole.get(path)
    }

    /// The paths whose objects are kept whole, each with the first source that had them so.
    pub(crate) fn kept_whole(&self) -> impl Iterator<Item = (&JsonPath, &Origin)> {
        self.whole.iter()
    }

    /// The same schema, to which no columns beyond this many are added any more.
    pub(crate) fn narrowed(&self, width_max: usize) -> Self {
        Self { width_max: Some(width_max), ..self.clone() }
    }

    /// Whether it was narrowed and is as wide as it may become.
    pub(crate) fn is_at_its_width(&self) -> bool {
        self.width_max.is_some_and(|max| self.width() >= max)
    }

    /// How many keys of the object at `object` have columns at or below them.
    #[must_use]
    pub fn keys(&self, object: &str) -> usize {
        self.keys.get(object).copied().unwrap_or_default()
    }

    /// The objects that would have a key more with columns if `path` had one, innermost first.
    pub(crate) fn objects_that_gain<'a>(
        &self,
        path: &'a JsonPath,
    ) -> impl Iterator<Item = &'a str> {
        let mut has_columns = self.by_path.contains_key(path) || self.keys(path.as_str()) > 0;
        path.ancestors().rev().map_while(move |object| {
            let gains = !has_columns;
            has_columns = self.by_path.contains_key(object) || self.keys(object) > 0;
            gains.then_some(object)
        })
    }

    /// All columns of `path`, oldest first.
    pub(crate) fn columns_of(&self, path: &JsonPath) -> impl Iterator<Item = &DataColumn> {
        self.base(path).into_iter().chain(self.siblings(path))
    }

    pub(crate) fn sibling(&self, path: &JsonPath, kind: Kind) -> Option<&DataColumn> {
        self.siblings(path).find(|column| column.kind == kind)
    }

    pub(crate) fn is_taken(&self, name: &ColumnName) -> bool {
        self.names.contains(name.as_str())
    }

    /// Whether there is a column for what `column` holds, under whatever name.
    pub(crate) fn has_place_of(&self, column: &DataColumn) -> bool {
        self.columns_of(&column.path).any(|other| other.kind == column.kind)
    }

    /// The same schema with what `remembered`, an earlier one of the table, has beyond it, as far
    /// as there is a place for it.
    pub(crate) fn with_lost(&self, remembered: &Self) -> Self {
        let mut schema = self.clone();
        for column in remembered.columns.iter().filter(|column| !self.has_place_of(column)) {
            if schema.is_taken(&column.name) || schema.lies_in_whole(&column.path) {
                continue;
            }
            if let Some(origin) = remembered.whole_since(&column.path)
                && remembered.takes_objects(column)
                && schema.keys(column.path.as_str()) == 0
            {
                schema.keep_whole(&column.path, origin.clone());
            }
            // The first column of its path may be another one by now.
            let sibling_of = schema.base(&column.path).map(|base| base.name.clone());
            schema.push(DataColumn { sibling_of, ..column.clone() });
        }
        schema
    }

    /// Adds a column. The first of its path is the base, later ones are its siblings.
    pub(crate) fn push(&mut self, column: DataColumn) {
        let index = self.columns.len();
        let objects: Vec<_> = self.objects_that_gain(&column.path).map(str::to_owned).collect();
        for object in objects {
            *self.keys.entry(object).or_default() += 1;
        }
        self.names.insert(column.name.as_str().to_owned());
        self.by_path
            .entry(column.path.clone())
            .and_modify(|columns| columns.siblings.push(index))
            .or_insert(PathColumns { base: index, siblings: Vec::new() });
        self.columns.push(column);
    }
}
