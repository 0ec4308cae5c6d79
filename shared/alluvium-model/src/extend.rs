//! Dynamic DDL: the columns that a table gains from a discovery.
//!
//! `extend` is idempotent, monotone (nothing that is in the table is renamed, retyped, moved or
//! removed) and total (every discovered value has a column, a sibling or `_rescued` afterwards).
//! What a contract declares comes first, and under one that does not evolve nothing comes after it.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{
    ClassSet, ColumnName, DataColumn, Discovery, JsonPath, Kind, Mode, TableRules, TableSchema,
    UtcInstant, ValueClass,
};

/// Where a discovery comes from; kept with every column that it brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The URI of the source.
    pub source: String,
    /// When the source arrived.
    pub arrived_at: UtcInstant,
}

/// How wide a table may become. What is refused goes to `_rescued`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Columns of a table, system and foreign ones included.
    pub max_columns: usize,
    /// Keys with columns of one object, the record itself excepted. An object that is seen with
    /// more before any of them has a column is kept whole, as JSON text.
    pub max_keys: usize,
    /// Bytes of the table's definition, compressed: the Glue catalog takes about 1 MB (AWS
    /// documentation, Glue quotas).
    pub max_table_bytes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { max_columns: 1_000, max_keys: 200, max_table_bytes: 768 << 10 }
    }
}

/// The budget for which a path got no column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The table has as many columns as it may.
    Columns,
    /// An object that the path lies in has columns for as many keys as it may.
    Keys,
    /// The definition of the table is as large as it may be.
    TableBytes,
}

/// A schema after a discovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// The schema with the columns that the discovery brought.
    pub schema: TableSchema,
    /// How many columns at the end of `schema` are new.
    pub added: usize,
    /// The paths whose objects are kept whole from now on.
    pub kept_whole: Vec<JsonPath>,
    /// The paths that got no column, or no sibling, although they need one.
    pub refused: Vec<(JsonPath, Refusal)>,
}

impl Extension {
    /// The new columns.
    #[must_use]
    pub fn added_columns(&self) -> &[DataColumn] {
        let columns = self.schema.columns();
        columns.get(columns.len() - self.added..).unwrap_or_default()
    }

    /// Whether the schema is another one than before.
    #[must_use]
    pub const fn changes_schema(&self) -> bool {
        self.added > 0 || !self.kept_whole.is_empty()
    }
}

/// What a discovery wants of a schema, in the order in which it is to have it.
pub(crate) struct Wanted<'a> {
    /// What the contract declares.
    declared: Vec<(&'a JsonPath, Kind)>,
    paths: Vec<(&'a JsonPath, ClassSet)>,
    /// The objects that are to be kept whole.
    wide: BTreeSet<&'a str>,
}

impl TableSchema {
    /// The schema after `discovery`, by `rules`; their bound on the bytes of the table's
    /// definition is kept by [`crate::TableEntry::extend`], which knows them.
    #[must_use]
    pub fn extend(&self, discovery: &Discovery, origin: &Origin, rules: &TableRules) -> Extension {
        self.grow(&self.wanted(discovery, rules), origin, rules)
    }

    pub(crate) fn wanted<'a>(&self, discovery: &'a Discovery, rules: &'a TableRules) -> Wanted<'a> {
        let lacks =
            |(path, _): &(&JsonPath, Kind)| self.base(path).is_none() && !self.lies_in_whole(path);
        // A path whose keys are names already shall keep them, whoever else wants them.
        let keeps_its_keys = |path: &JsonPath| ColumnName::needs_no_change(path, rules.names);
        let (mut declared, changed): (Vec<_>, Vec<_>) =
            rules.typed().filter(lacks).partition(|(path, _)| keeps_its_keys(path));
        declared.extend(changed);
        if rules.mode != Mode::Evolve {
            return Wanted { declared, paths: Vec::new(), wide: BTreeSet::new() };
        }
        let wide = self.wide_objects(discovery, rules);
        let wants = |(path, classes): &(&JsonPath, ClassSet)| {
            wide.contains(path.as_str()) || self.lacks_a_column(path, *classes)
        };
        let (mut plain, changed): (Vec<_>, Vec<_>) =
            discovery.iter().filter(wants).partition(|(path, _)| keeps_its_keys(path));
        plain.extend(changed);
        Wanted { declared, paths: plain, wide }
    }

    pub(crate) fn grow(
        &self,
        wanted: &Wanted<'_>,
        origin: &Origin,
        rules: &TableRules,
    ) -> Extension {
        let mut growth = Growth::new(self, origin, rules);
        for (path, kind) in &wanted.declared {
            growth.add_column(path, *kind);
        }
        for (path, classes) in &wanted.paths {
            if growth.schema.lies_in_whole(path) {
                continue;
            }
            if wanted.wide.contains(path.as_str()) {
                growth.add_classes(path, classes.with(ValueClass::Json));
                growth.keep_whole(path);
            } else {
                growth.add_classes(path, *classes);
            }
        }
        growth.finish(self.columns().len())
    }

    /// Whether a value of these classes would have no column, and be worth one.
    fn lacks_a_column(&self, path: &JsonPath, classes: ClassSet) -> bool {
        let lacks = |class: ValueClass| {
            class.sibling_kind().is_some() && self.carriers(path, class).is_empty()
        };
        classes.iter().any(lacks) && !self.lies_in_whole(path)
    }

    /// The objects of a discovery that are to be kept whole: none of their keys has a column, and
    /// they were seen with more keys than may have one.
    fn wide_objects<'a>(&self, discovery: &'a Discovery, rules: &TableRules) -> BTreeSet<&'a str> {
        let keys_max = rules.budget.max_keys;
        let keys = discovery.keys();
        let with_declared: BTreeSet<_> = rules.typed().flat_map(|(p, _)| p.ancestors()).collect();
        let mut wide = BTreeSet::new();
        // Objects come before what lies in them.
        for (path, classes) in discovery.iter() {
            if classes.contains(ValueClass::Object)
                && !path.is_root()
                && keys.get(path.as_str()).is_some_and(|keys| *keys > keys_max)
                && self.keys(path.as_str()) == 0
                && !with_declared.contains(path.as_str())
                && !self.keeps_whole(path)
                && !path.ancestors().any(|object| wide.contains(object))
            {
                wide.insert(path.as_str());
            }
        }
        wide
    }
}

struct Growth<'a> {
    schema: TableSchema,
    origin: &'a Origin,
    rules: &'a TableRules,
    kept_whole: Vec<JsonPath>,
    refused: Vec<(JsonPath, Refusal)>,
}

impl<'a> Growth<'a> {
    fn new(schema: &TableSchema, origin: &'a Origin, rules: &'a TableRules) -> Self {
        let schema = schema.clone();
        Self { schema, origin, rules, kept_whole: Vec::new(), refused: Vec::new() }
    }

    fn finish(self, columns_before: usize) -> Extension {
        let added = self.schema.columns().len() - columns_before;
        let Self { schema, kept_whole, refused, .. } = self;
        Extension { schema, added, kept_whole, refused }
    }

    /// Makes the columns that values of these classes need.
    fn add_classes(&mut self, path: &JsonPath, classes: ClassSet) {
        match self.schema.base(path).cloned() {
            Some(base) => self.add_missing_siblings(&base, classes),
            None => self.add_path(path, classes),
        }
    }

    /// Makes the column of a new path and, for what that cannot take, its siblings.
    fn add_path(&mut self, path: &JsonPath, classes: ClassSet) {
        let scalar = self.rules.numbers.scalar_kind(classes);
        let Some(kind) = scalar.map(Kind::Scalar).or_else(|| classes.container_kind()) else {
            return;
        };
        let max_keys = self.rules.budget.max_keys;
        let crowded = |object: &str| object != "$" && self.schema.keys(object) >= max_keys;
        if self.schema.objects_that_gain(path).any(crowded) {
            self.refused.push((path.clone(), Refusal::Keys));
            return;
        }
        if self.add_column(path, kind)
            && let Some(base) = self.schema.base(path).cloned()
        {
            self.add_missing_siblings(&base, classes);
        }
    }

    fn add_column(&mut self, path: &JsonPath, kind: Kind) -> bool {
        let mut names = ColumnName::candidates(path, self.rules.names);
        let free = names.find(|name| !self.schema.is_taken(name));
        free.is_some_and(|name| self.push(name, path, kind, None))
    }

    fn add_missing_siblings(&mut self, base: &DataColumn, classes: ClassSet) {
        for class in classes.iter().filter(|class| !class.fits(base.kind)) {
            if let Some(kind) = class.sibling_kind()
                && self.schema.sibling(&base.path, kind).is_none()
            {
                self.push_sibling(&base.name, &base.path, kind);
            }
        }
    }

    fn push_sibling(&mut self, base: &ColumnName, path: &JsonPath, kind: Kind) {
        let name = base.with_suffix(kind.sibling_suffix());
        // Base names never hold `__`, so only somebody else's column can be in the way.
        if !self.schema.is_taken(&name) {
            self.push(name, path, kind, Some(base.clone()));
        }
    }

    fn push(
        &mut self,
        name: ColumnName,
        path: &JsonPath,
        kind: Kind,
        sibling_of: Option<ColumnName>,
    ) -> bool {
        let refusal = if self.schema.width() >= self.rules.budget.max_columns {
            Some(Refusal::Columns)
        } else if self.schema.is_at_its_width() {
            Some(Refusal::TableBytes)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.refused.push((path.clone(), refusal));
            return false;
        }
        self.schema.push(DataColumn {
            name,
            path: path.clone(),
            kind,
            sibling_of,
            since: self.origin.arrived_at,
            source: self.origin.source.clone(),
        });
        true
    }

    /// Keeps the objects at `path` whole, provided that there is a column for them.
    fn keep_whole(&mut self, path: &JsonPath) {
        if self.schema.json_column(path).is_some() {
            self.schema.keep_whole(path, self.origin.clone());
            self.kept_whole.push(path.clone());
        }
    }
}

#[cfg(test)]
mod tests;
