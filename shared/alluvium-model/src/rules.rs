//! What the contract of a table means, built once and followed by everything that reads, types,
//! cuts and places its records.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use crate::{
    Budget, ClassSet, Digest, EventTime, JsonPath, Kind, Limits, PartitionSpec, Scalar,
    TableSource, ValueClass,
};

/// How the records of a table are read, typed, partitioned and placed. The default is that of
/// tables without a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRules {
    /// Keys besides `Records` that make a wrapper of the object they come first in.
    pub wrappers: Vec<String>,
    /// The value that says which table a record belongs to; without it all belong to one.
    pub route: Option<JsonPath>,
    /// Where in a record its time stands.
    pub event_time: Option<EventTime>,
    /// How the table is partitioned.
    pub partitions: PartitionSpec,
    /// What becomes of fields that the table does not have.
    pub mode: Mode,
    /// How wide the table may become.
    pub budget: Budget,
    /// Objects below this many keys of a path become JSON text; that of [`Limits`] if none is
    /// said.
    pub max_depth: Option<u32>,
    /// How keys become names.
    pub names: NameStyle,
    /// What columns new numbers get.
    pub numbers: Numbers,
    /// Whether date-times are told from other text.
    pub timestamps: Timestamps,
    /// What is said of single paths.
    pub columns: BTreeMap<JsonPath, ColumnRule>,
}

/// What becomes of fields that the table does not have, and of values that no column takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The table gains columns and siblings.
    Evolve,
    /// They go to `_rescued`.
    Freeze,
    /// Their record goes to quarantine.
    Quarantine,
}

/// How keys become names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameStyle {
    /// In snake case.
    Snake,
    /// In lower case.
    Lower,
}

/// What columns new numbers get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// Integers get `bigint`, others `double`.
    Infer,
    /// All get `double`, but for integers that it would round.
    Double,
}

/// Whether date-times are told from other text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timestamps {
    /// They are timestamps.
    Infer,
    /// They are text.
    String,
}

/// What a contract says of one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnRule {
    /// The kind of its column. `Kind::Json` keeps what is there as JSON text, objects too.
    Typed(Kind),
    /// Its values are nowhere.
    Drop,
}

impl Default for TableRules {
    fn default() -> Self {
        Self {
            wrappers: Vec::new(),
            route: None,
            event_time: None,
            partitions: PartitionSpec::default(),
            mode: Mode::Evolve,
            budget: Budget::default(),
            max_depth: None,
            names: NameStyle::Snake,
            numbers: Numbers::Infer,
            timestamps: Timestamps::Infer,
            columns: BTreeMap::new(),
        }
    }
}

impl TableRules {
    /// The rules as part of a plan: none for the default ones, so that a table without a contract
    /// and one whose contract says nothing new have the same plans.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        let default = Self::default();
        let Self {
            wrappers,
            route,
            event_time,
            partitions,
            mode,
            budget,
            max_depth,
            names,
            numbers,
            timestamps,
            columns,
        } = self;
        // Only what differs, so that a rule that is added later changes no plan.
        let said = [
            (*wrappers != default.wrappers).then(|| format!("wrappers {wrappers:?}")),
            route.as_ref().map(|route| format!("route {route}")),
            event_time.as_ref().map(|time| format!("event_time {time:?}")),
            (*partitions != default.partitions).then(|| format!("partitions {partitions:?}")),
            (*mode != default.mode).then(|| format!("mode {mode:?}")),
            (*budget != default.budget).then(|| format!("budget {budget:?}")),
            max_depth.map(|depth| format!("max_depth {depth}")),
            (*names != default.names).then(|| format!("names {names:?}")),
            (*numbers != default.numbers).then(|| format!("numbers {numbers:?}")),
            (*timestamps != default.timestamps).then(|| format!("timestamps {timestamps:?}")),
        ];
        let columns = columns.iter().map(|(path, rule)| format!("column {path} {rule:?}"));
        let said: Vec<_> = said.into_iter().flatten().chain(columns).collect();
        let fields: Vec<_> = said.iter().map(String::as_bytes).collect();
        (!fields.is_empty()).then(|| Digest::of_fields(&fields))
    }

    /// The limits under which its sources are read.
    #[must_use]
    pub fn limits(&self, limits: Limits) -> Limits {
        Limits { path_depth: self.max_depth.unwrap_or(limits.path_depth), ..limits }
    }

    /// What is said of `path`.
    #[must_use]
    pub fn column(&self, path: &str) -> Option<ColumnRule> {
        self.columns.get(path).copied()
    }

    /// The paths whose values are nowhere.
    pub fn dropped(&self) -> impl Iterator<Item = &JsonPath> {
        self.columns.iter().filter(|(_, rule)| **rule == ColumnRule::Drop).map(|(path, _)| path)
    }

    /// The paths with a kind of their own.
    pub fn typed(&self) -> impl Iterator<Item = (&JsonPath, Kind)> {
        self.columns.iter().filter_map(|(path, rule)| match rule {
            ColumnRule::Typed(kind) => Some((path, *kind)),
            ColumnRule::Drop => None,
        })
    }
}

impl Numbers {
    /// The kind that a new column takes for the scalars among `classes`.
    pub(crate) fn scalar_kind(self, classes: ClassSet) -> Option<Scalar> {
        let numbers = ClassSet::of(&[ValueClass::WideBigint, ValueClass::Double]);
        let scalars = classes.scalars();
        let rounded = self == Self::Double && scalars == numbers;
        // Integers that a double would round have their sibling instead of making text of all.
        if rounded { Some(Scalar::Double) } else { scalars.scalar_kind() }
    }
}

/// Where the records of a source go, and by which rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// What the table is made of.
    pub table: TableSource,
    /// Its rules.
    pub rules: Arc<TableRules>,
}

impl Destination {
    /// Where the records go that say this about which table of several they belong to.
    #[must_use]
    pub fn routed(&self, route: Option<&str>) -> Cow<'_, Self> {
        let Some(route) = route else { return Cow::Borrowed(self) };
        // No folder can be called like this, so such a table is no other one.
        let table = TableSource::new(format!("{}/{route}", self.table.as_str()));
        Cow::Owned(Self { table, rules: Arc::clone(&self.rules) })
    }
}

/// A table without a contract.
impl From<TableSource> for Destination {
    fn from(table: TableSource) -> Self {
        Self { table, rules: Arc::default() }
    }
}

/// A table without a contract.
impl From<&TableSource> for Destination {
    fn from(table: &TableSource) -> Self {
        table.clone().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digests are in the names of files that exist: a change here loads every source again.
    #[test]
    fn digests_never_change() {
        assert_eq!(TableRules::default().digest(), None);
        let rules = TableRules {
            wrappers: vec!["events".to_owned()],
            route: Some("$.type".parse().unwrap()),
            event_time: Some(EventTime::at("$.at".parse().unwrap())),
            mode: Mode::Freeze,
            budget: Budget { max_columns: 10, max_keys: 20, ..Budget::default() },
            max_depth: Some(3),
            names: NameStyle::Lower,
            numbers: Numbers::Double,
            timestamps: Timestamps::String,
            columns: [
                ("$.a".parse().unwrap(), ColumnRule::Drop),
                ("$.b".parse().unwrap(), ColumnRule::Typed(Kind::Json)),
            ]
            .into(),
            ..TableRules::default()
        };
        insta::assert_snapshot!(rules.digest().unwrap(), @"06e8869a9a5435cc62bc89eb3a2e7e009b41b00ba382508419b991b3407e9385");
    }
}
