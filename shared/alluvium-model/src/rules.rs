//! What the contract of a table means, built once and followed by everything that reads, types,
//! cuts and places its records.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use crate::{
    Budget, ClassSet, ContractText, Digest, EventTime, JsonPath, Kind, Limits, PartitionSpec,
    Scalar, TableSource, ValueClass,
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
        let Budget { max_columns, max_keys, max_table_bytes } = budget;
        // Only what differs, so that a rule that is added later changes no plan; and in words that
        // are written here, so that no other change of the code changes one.
        let said = [
            (*wrappers != default.wrappers).then(|| format!("wrappers {}", json(wrappers))),
            route.as_ref().map(|route| format!("route {route}")),
            event_time.as_ref().map(event_time_text),
            (*partitions != default.partitions).then(|| format!("partitions {partitions}")),
            (*mode != default.mode).then(|| format!("mode {}", mode.word())),
            (*budget != default.budget)
                .then(|| format!("budget {max_columns} {max_keys} {max_table_bytes}")),
            max_depth.map(|depth| format!("max_depth {depth}")),
            (*names != default.names).then(|| format!("names {}", names.word())),
            (*numbers != default.numbers).then(|| format!("numbers {}", numbers.word())),
            (*timestamps != default.timestamps)
                .then(|| format!("timestamps {}", timestamps.word())),
        ];
        let columns = columns.iter().map(|(path, rule)| match rule {
            ColumnRule::Typed(kind) => format!("column {path} {kind}"),
            ColumnRule::Drop => format!("column {path} drop"),
        });
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

/// As part of a plan: the format last, which may be any text.
fn event_time_text(EventTime { path, format, window }: &EventTime) -> String {
    let (past, future) = (window.past.as_micros(), window.future.as_micros());
    format!("event_time {path} {past} {future} {format}")
}

/// Keys may be any text: as JSON one cannot be taken for two.
fn json(keys: &[String]) -> String {
    keys.iter().map(|key| serde_json::Value::from(key.as_str()).to_string()).collect()
}

impl Mode {
    /// As a contract says it.
    const fn word(self) -> &'static str {
        match self {
            Self::Evolve => "evolve",
            Self::Freeze => "freeze",
            Self::Quarantine => "quarantine",
        }
    }
}

impl NameStyle {
    /// As a contract says it.
    const fn word(self) -> &'static str {
        match self {
            Self::Snake => "snake",
            Self::Lower => "lower",
        }
    }
}

impl Timestamps {
    /// As a contract says it.
    const fn word(self) -> &'static str {
        match self {
            Self::Infer => "infer",
            Self::String => "string",
        }
    }
}

impl Numbers {
    /// As a contract says it.
    const fn word(self) -> &'static str {
        match self {
            Self::Infer => "infer",
            Self::Double => "double",
        }
    }

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
    /// The contract that they were read from, if they were.
    pub contract: Option<Arc<ContractText>>,
}

/// Where a source goes, and by which rules: what its ledger entry settles for all attempts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignment {
    /// The table, or that which others are routed from; none if the source lies in no folder that
    /// names one, and goes to quarantine as a whole.
    pub table: Option<TableSource>,
    /// The rules.
    pub rules: Arc<TableRules>,
    /// The contract that they were read from, if they were.
    pub contract: Option<Arc<ContractText>>,
}

impl Assignment {
    /// Where the records go, if they go to a table.
    #[must_use]
    pub fn destination(&self) -> Option<Destination> {
        let Self { table, rules, contract } = self.clone();
        Some(Destination { table: table?, rules, contract })
    }
}

impl<D: Into<Destination>> From<D> for Assignment {
    fn from(destination: D) -> Self {
        let Destination { table, rules, contract } = destination.into();
        Self { table: Some(table), rules, contract }
    }
}

impl Destination {
    /// Where the records go that say this about which table of several they belong to.
    #[must_use]
    pub fn routed(&self, route: Option<&str>) -> Cow<'_, Self> {
        let Some(route) = route else { return Cow::Borrowed(self) };
        // No folder can be called like this, and `--table` refuses it, so such a table is no other
        // one.
        let table = TableSource::new(format!("{}/{route}", self.table.as_str()));
        Cow::Owned(Self { table, ..self.clone() })
    }
}

/// A table without a contract.
impl From<TableSource> for Destination {
    fn from(table: TableSource) -> Self {
        Self { table, rules: Arc::default(), contract: None }
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
    use jiff::SignedDuration;

    use super::*;
    use crate::{TimeFormat, TimePattern, Window};

    /// Digests are in the names of files that exist: a change here loads every source again.
    #[test]
    fn digests_never_change() {
        assert_eq!(TableRules::default().digest(), None);
        let every = TableRules {
            wrappers: vec!["events".to_owned(), "a\" b".to_owned()],
            route: Some("$.type".parse().unwrap()),
            event_time: Some(EventTime {
                path: "$[\"logged at\"]".parse().unwrap(),
                format: TimeFormat::Pattern(TimePattern::new("%d/%b/%Y:%H:%M:%S %z").unwrap()),
                window: Window {
                    past: SignedDuration::from_hours(36),
                    future: SignedDuration::from_mins(90),
                },
            }),
            partitions: "day(event_time), identity($.a.b) as state, bucket(16, $.id) as id_bucket"
                .parse()
                .unwrap(),
            mode: Mode::Freeze,
            budget: Budget { max_columns: 10, max_keys: 20, ..Budget::default() },
            max_depth: Some(3),
            names: NameStyle::Lower,
            numbers: Numbers::Double,
            timestamps: Timestamps::String,
            columns: [
                ("$.a".parse().unwrap(), ColumnRule::Drop),
                ("$.b".parse().unwrap(), ColumnRule::Typed(Kind::Json)),
                ("$.c".parse().unwrap(), ColumnRule::Typed(Kind::Array(Scalar::Timestamp))),
            ]
            .into(),
        };
        insta::assert_snapshot!(every.digest().unwrap(), @"84b3767d8eae4519581ef4d7776dc2dfcabf6d8b1874b0e70db1e53b3a703933");
        let event_time = Some(EventTime::at("$.at".parse().unwrap()));
        let few = TableRules { mode: Mode::Quarantine, event_time, ..TableRules::default() };
        insta::assert_snapshot!(few.digest().unwrap(), @"e3f6af8433026c81466e6776a1733f084c8d826d5d485b9975d0046f9a3576f8");
    }

    #[test]
    fn rules_that_differ_have_digests_that_differ() {
        let wrappers = |keys: &[&str]| TableRules {
            wrappers: keys.iter().map(|key| (*key).to_owned()).collect(),
            ..TableRules::default()
        };
        let at = |past, format| {
            let window = Window { past: SignedDuration::from_secs(past), ..Window::default() };
            let time = EventTime { format, window, ..EventTime::at("$.at".parse().unwrap()) };
            TableRules { event_time: Some(time), ..TableRules::default() }
        };
        let by = |partitions: &str| {
            let partitions = partitions.parse().unwrap();
            TableRules { partitions, ..TableRules::default() }
        };
        let rules = [
            wrappers(&["a", "b"]),
            wrappers(&["ab"]),
            wrappers(&["a\"\"b"]),
            at(60, TimeFormat::Seconds),
            at(61, TimeFormat::Seconds),
            at(60, TimeFormat::Milliseconds),
            by("identity($.a) as x"),
            by("identity($.a) as y"),
            by("bucket(2, $.a) as x"),
        ];
        let digests: std::collections::BTreeSet<_> =
            rules.iter().map(|rules| rules.digest().unwrap().to_string()).collect();
        assert_eq!(digests.len(), rules.len());
    }
}
