//! A table as the catalog keeps it, and how the schema is read from it and written to it.
//!
//! The catalog is the only place where a schema lives. Whatever else stands there, columns and
//! parameters of other people included, is carried over as it was read.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    ColumnName, DataColumn, Extension, Origin, PartitionKey, PartitionSpec, QuarantineColumn,
    SystemColumn, TableName, TableSchema, TableSource, comment::comment, layout::Location,
    registry,
};

const PATH: &str = "alluvium.path";
const KIND: &str = "alluvium.kind";
const SIBLING_OF: &str = "alluvium.sibling_of";
const SINCE: &str = "alluvium.since";
const SOURCE: &str = "alluvium.source";
/// On the quarantine table, which has no source: its name.
const TABLE: &str = "alluvium.table";
/// On a table: how it is partitioned, unless as tables without a contract are.
const PARTITIONS: &str = "alluvium.partitions";
/// On a `json` column that also takes the objects of its path as they are: `whole`.
const OBJECTS: &str = "alluvium.objects";
const WHOLE: &str = "whole";
/// On such a column: when it began to take objects, and with which source.
const OBJECTS_SINCE: &str = "alluvium.objects_since";
const OBJECTS_SOURCE: &str = "alluvium.objects_source";
/// What Alluvium says about a column of data.
pub(crate) const COLUMN_PARAMETERS: [&str; 8] =
    [PATH, KIND, SIBLING_OF, SINCE, SOURCE, OBJECTS, OBJECTS_SINCE, OBJECTS_SOURCE];

/// A column as the catalog keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnEntry {
    /// The name.
    pub name: String,
    /// The Glue type.
    pub glue_type: String,
    /// For people.
    #[serde(default)]
    pub comment: String,
    /// For programs.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
}

/// A table as the catalog keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableEntry {
    /// The name.
    pub name: TableName,
    /// Where its partitions lie.
    pub location: Location,
    /// The columns that stand in the files, in order.
    pub columns: Vec<ColumnEntry>,
    /// The columns that stand in the paths, outermost first.
    pub partition_columns: Vec<ColumnEntry>,
    /// For programs.
    pub parameters: BTreeMap<String, String>,
}

/// A partition as the catalog keeps it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PartitionEntry {
    /// The values of its partition columns.
    pub key: PartitionKey,
    /// Where its files lie.
    pub location: Location,
}

/// What a compare-and-set compares; only the catalog that gave it knows what it means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version(pub String);

/// A value with the version at which it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<T> {
    /// What was read.
    pub value: T,
    /// The version at which it was read.
    pub version: Version,
}

/// A table in the catalog that is not as Alluvium left it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SchemaError {
    /// A parameter that Alluvium wrote has become unreadable.
    #[error("column {column} of table {table}: parameter {parameter} is `{value}`")]
    Parameter {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
        /// The parameter.
        parameter: &'static str,
        /// What it holds.
        value: String,
    },
    /// A table has the name of the quarantine table, but is another one.
    #[error("table {table} is not Alluvium's: it has no column {column} of type {needed}")]
    NotQuarantine {
        /// The table.
        table: TableName,
        /// The column that is missing.
        column: &'static str,
        /// Its type.
        needed: &'static str,
    },
    /// A contract wants other partitions than the table has.
    #[error("table {table} is partitioned by {found}, not by {wanted}; it must be repartitioned")]
    Repartitioned {
        /// The table.
        table: TableName,
        /// How it is partitioned.
        found: String,
        /// How it should be.
        wanted: PartitionSpec,
    },
}

impl TableEntry {
    /// A new table for `source` without data columns.
    #[must_use]
    pub fn new(
        name: TableName,
        source: &TableSource,
        location: Location,
        partitions: &PartitionSpec,
    ) -> Self {
        let mut parameters = parameters(&[(SOURCE, source.as_str())]);
        if *partitions != PartitionSpec::default() {
            parameters.insert(PARTITIONS.to_owned(), partitions.to_string());
        }
        Self {
            name,
            location,
            columns: system_columns(),
            partition_columns: partition_columns(&partitions.columns()),
            parameters,
        }
    }

    /// Checks that the table is partitioned like this. Names alone would not tell: `dt` may be the
    /// day of either moment.
    ///
    /// # Errors
    /// When it is partitioned in another way.
    pub fn is_partitioned_by(&self, wanted: &PartitionSpec) -> Result<(), SchemaError> {
        let kept = self.parameters.get(PARTITIONS).cloned();
        let kept = kept.unwrap_or_else(|| PartitionSpec::default().to_string());
        let columns: Vec<_> = self.partition_columns.iter().map(|c| c.name.as_str()).collect();
        let names = wanted.columns();
        let found = if kept != wanted.to_string() {
            kept
        } else if names.iter().map(ColumnName::as_str).ne(columns.iter().copied()) {
            format!("the columns {}", columns.join(", "))
        } else {
            return Ok(());
        };
        let (table, wanted) = (self.name.clone(), wanted.clone());
        Err(SchemaError::Repartitioned { table, found, wanted })
    }

    /// The quarantine table.
    #[must_use]
    pub fn quarantine(location: Location) -> Self {
        let name = TableName::quarantine();
        Self {
            location,
            columns: quarantine_columns(),
            partition_columns: partition_columns(&PartitionKey::quarantine_columns()),
            parameters: parameters(&[(TABLE, name.as_str())]),
            name,
        }
    }

    /// The columns that such a table begins with, whatever its data; none for a table that
    /// Alluvium did not make.
    pub(crate) fn fixed_columns(&self) -> Vec<ColumnEntry> {
        if self.source().is_some() {
            system_columns()
        } else if self.parameters.get(TABLE).is_some_and(|table| *table == self.name.as_str()) {
            quarantine_columns()
        } else {
            Vec::new()
        }
    }

    /// Checks that this is the quarantine table and not somebody else's of that name.
    ///
    /// # Errors
    /// Names the first column that is missing or has another type.
    pub fn is_quarantine(&self) -> Result<(), SchemaError> {
        let has = |wanted: &QuarantineColumn| {
            let same =
                |c: &ColumnEntry| c.name == wanted.name() && c.glue_type == wanted.glue_type();
            self.columns.iter().any(same)
        };
        match QuarantineColumn::ALL.iter().find(|wanted| !has(wanted)) {
            None => Ok(()),
            Some(wanted) => Err(SchemaError::NotQuarantine {
                table: self.name.clone(),
                column: wanted.name(),
                needed: wanted.glue_type(),
            }),
        }
    }

    /// What the table is made of; none for a table that Alluvium did not make.
    #[must_use]
    pub fn source(&self) -> Option<&str> {
        self.parameters.get(SOURCE).map(String::as_str)
    }

    /// The schema of every column that the table was ever given, those included that somebody
    /// dropped or changed by hand.
    ///
    /// # Errors
    /// When nothing tells what a column of Alluvium's holds.
    pub fn schema(&self) -> Result<TableSchema, SchemaError> {
        let columns = self.columns.iter().chain(&self.partition_columns);
        let mut schema = TableSchema::with_names_taken(columns.map(|column| column.name.as_str()));
        for registered in self.registered()? {
            if let Some(origin) = registered.whole_since {
                schema.keep_whole(&registered.column.path, origin);
            }
            schema.push(registered.column);
        }
        Ok(schema)
    }

    /// The same table with the columns of an extension of `before`, its schema, at its end.
    /// Everything else is carried over; a column whose comment is still ours has its new siblings
    /// named there.
    #[must_use]
    pub(crate) fn extended(&self, before: &TableSchema, extension: &Extension) -> Self {
        let mut table = self.clone();
        let after = &extension.schema;
        let added = extension.added_columns();
        let paths = added.iter().map(|column| &column.path).chain(&extension.kept_whole);
        for path in paths.collect::<BTreeSet<_>>() {
            for column in before.columns_of(path) {
                let entry = table.columns.iter_mut().find(|e| e.name == column.name.as_str());
                let Some(entry) = entry else { continue };
                if entry.comment == comment(before, column) {
                    entry.comment = comment(after, column);
                }
                entry.parameters.extend(parameters_of(after, column));
            }
        }
        table.columns.extend(added.iter().map(|column| data_entry(after, column)));
        registry::write(&mut table.parameters, after);
        table
    }
}

impl ColumnEntry {
    /// What the parameters say that the column holds; nothing for one that is somebody else's.
    ///
    /// # Errors
    /// When a parameter is missing or unreadable.
    pub(crate) fn data_column(&self, table: &TableName) -> Result<Option<DataColumn>, SchemaError> {
        let Some(path) = self.parameters.get(PATH) else { return Ok(None) };
        let error = |parameter| SchemaError::Parameter {
            table: table.clone(),
            column: self.name.clone(),
            parameter,
            value: self.parameters.get(parameter).cloned().unwrap_or_default(),
        };
        let read = |parameter| self.parameters.get(parameter).ok_or_else(|| error(parameter));
        Ok(Some(DataColumn {
            name: self.name.parse().map_err(|_| error(PATH))?,
            path: path.parse().map_err(|_| error(PATH))?,
            kind: read(KIND)?.parse().map_err(|_| error(KIND))?,
            sibling_of: match self.parameters.get(SIBLING_OF) {
                Some(base) => Some(base.parse().map_err(|_| error(SIBLING_OF))?),
                None => None,
            },
            since: read(SINCE)?.parse().map_err(|_| error(SINCE))?,
            source: read(SOURCE)?.clone(),
        }))
    }

    /// Whether the parameters say that the column takes the objects of its path as they are.
    pub(crate) fn is_marked_whole(&self) -> bool {
        self.parameters.get(OBJECTS).is_some_and(|how| how == WHOLE)
    }

    /// What made this column take the objects of its path as they are, if its parameters say so;
    /// the origin of the `column` itself where they do not tell which.
    pub(crate) fn whole_since(&self, column: &DataColumn) -> Option<Origin> {
        if !self.is_marked_whole() {
            return None;
        }
        let since = self.parameters.get(OBJECTS_SINCE).and_then(|since| since.parse().ok());
        let source = self.parameters.get(OBJECTS_SOURCE).unwrap_or(&column.source).clone();
        Some(Origin { source, arrived_at: since.unwrap_or(column.since) })
    }
}

impl TableName {
    /// The table of quarantined records.
    #[must_use]
    pub fn quarantine() -> Self {
        crate::name::known_table("quarantine")
    }
}

/// Parameters of a table of ours: others than Alluvium learn what its files are.
fn parameters(ours: &[(&str, &str)]) -> BTreeMap<String, String> {
    let known = [("classification", "parquet"), ("EXTERNAL", "TRUE")];
    known
        .iter()
        .chain(ours)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

pub(crate) fn plain_column(name: &str, glue_type: &str, comment: &str) -> ColumnEntry {
    ColumnEntry {
        name: name.to_owned(),
        glue_type: glue_type.to_owned(),
        comment: comment.to_owned(),
        parameters: BTreeMap::new(),
    }
}

fn system_columns() -> Vec<ColumnEntry> {
    SystemColumn::ALL.map(|c| plain_column(c.name(), c.glue_type(), c.comment())).into()
}

fn quarantine_columns() -> Vec<ColumnEntry> {
    QuarantineColumn::ALL.map(|c| plain_column(c.name(), c.glue_type(), "")).into()
}

fn partition_columns(names: &[ColumnName]) -> Vec<ColumnEntry> {
    names.iter().map(|name| plain_column(name.as_str(), "string", "")).collect()
}

pub(crate) fn data_entry(schema: &TableSchema, column: &DataColumn) -> ColumnEntry {
    ColumnEntry {
        parameters: parameters_of(schema, column),
        ..plain_column(column.name.as_str(), &column.kind.glue_type(), &comment(schema, column))
    }
}

fn parameters_of(schema: &TableSchema, column: &DataColumn) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::from([
        (PATH.to_owned(), column.path.to_string()),
        (KIND.to_owned(), column.kind.to_string()),
        (SINCE.to_owned(), column.since.to_string()),
        (SOURCE.to_owned(), column.source.clone()),
    ]);
    if let Some(base) = &column.sibling_of {
        parameters.insert(SIBLING_OF.to_owned(), base.to_string());
    }
    if let Some(origin) = schema.whole_since(&column.path).filter(|_| schema.takes_objects(column))
    {
        parameters.insert(OBJECTS.to_owned(), WHOLE.to_owned());
        parameters.insert(OBJECTS_SINCE.to_owned(), origin.arrived_at.to_string());
        parameters.insert(OBJECTS_SOURCE.to_owned(), origin.source.clone());
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClassSet, Discovery, Origin, TableRules, ValueClass, layout::table_location};

    fn table() -> TableEntry {
        let location = table_location(&"lake".parse().unwrap(), &"camera".parse().unwrap());
        let source = TableSource::new("camera");
        TableEntry::new("camera".parse().unwrap(), &source, location, &PartitionSpec::default())
    }

    fn extended(table: &TableEntry, paths: &[(&str, ValueClass)]) -> TableEntry {
        let found: Discovery =
            paths.iter().map(|(path, c)| (path.parse().unwrap(), ClassSet::of(&[*c]))).collect();
        let arrived_at = "2026-11-22T00:00:00Z".parse().unwrap();
        let origin = Origin { source: "s3://landing/camera/1.json".to_owned(), arrived_at };
        table.extend(&found, &origin, &TableRules::default()).unwrap().entry
    }

    #[test]
    fn the_schema_survives_the_catalog() {
        let first = extended(&table(), &[("$.mag", ValueClass::Bigint), ("$.a", ValueClass::Json)]);
        let second = extended(&first, &[("$.mag", ValueClass::Double)]);
        let lines: Vec<_> = second
            .columns
            .iter()
            .map(|c| format!("{} {} | {} | {:?}", c.name, c.glue_type, c.comment, c.parameters))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        _source string | where the row came from | {}
        _record bigint | index of the record in its source, from 0 | {}
        _arrived_at timestamp | when the source arrived | {}
        _rescued map<string,string> | values without a column: path to JSON text | {}
        a string | $.a | {"alluvium.kind": "json", "alluvium.path": "$.a", "alluvium.since": "2026-11-22T00:00:00Z", "alluvium.source": "s3://landing/camera/1.json"}
        mag bigint | $.mag; what it cannot take: mag__double | {"alluvium.kind": "bigint", "alluvium.path": "$.mag", "alluvium.since": "2026-11-22T00:00:00Z", "alluvium.source": "s3://landing/camera/1.json"}
        mag__double double | $.mag; what mag cannot take | {"alluvium.kind": "double", "alluvium.path": "$.mag", "alluvium.sibling_of": "mag", "alluvium.since": "2026-11-22T00:00:00Z", "alluvium.source": "s3://landing/camera/1.json"}
        "#);
        assert_eq!(second.schema().unwrap().columns().len(), 3);
        assert_eq!(second.source(), Some("camera"));
    }

    #[test]
    fn what_others_put_there_is_carried_over() {
        let mut before = extended(&table(), &[("$.mag", ValueClass::Bigint)]);
        before.parameters.insert("owner".to_owned(), "data team".to_owned());
        before.columns.push(plain_column("geo", "struct<x:double>", "by hand"));
        before.columns[4].comment = "magnitude".to_owned();
        let after =
            extended(&before, &[("$.geo", ValueClass::Bigint), ("$.mag", ValueClass::Double)]);
        assert_eq!(after.columns[..before.columns.len()], before.columns);
        assert_eq!(after.parameters["owner"], "data team");
        let names: Vec<_> = after.columns.iter().map(|column| column.name.as_str()).collect();
        insta::assert_snapshot!(names.join(" "), @"_source _record _arrived_at _rescued mag geo geo_1f5924 mag__double");
    }

    #[test]
    fn a_column_that_nothing_tells_about_is_named() {
        let mut table = extended(&table(), &[("$.mag", ValueClass::Bigint)]);
        table.parameters.retain(|name, _| !name.starts_with("alluvium.columns."));
        table.columns[4].parameters.insert(KIND.to_owned(), "integer".to_owned());
        insta::assert_snapshot!(table.schema().unwrap_err(), @"column mag of table camera: parameter alluvium.kind is `integer`");
    }

    #[test]
    fn other_partitions_than_those_of_the_table_are_refused() {
        let by_event: PartitionSpec = "day(event_time), identity($.st) as st".parse().unwrap();
        let zero_configuration = table();
        assert_eq!(zero_configuration.is_partitioned_by(&PartitionSpec::default()), Ok(()));
        let error = zero_configuration.is_partitioned_by(&"day(event_time)".parse().unwrap());
        insta::assert_snapshot!(error.unwrap_err(), @"table camera is partitioned by day(arrived_at), not by day(event_time); it must be repartitioned");
        let ours = zero_configuration;
        let source = TableSource::new("camera");
        let mut ours = TableEntry::new(ours.name, &source, ours.location, &by_event);
        assert_eq!(ours.is_partitioned_by(&by_event), Ok(()));
        ours.partition_columns.pop();
        insta::assert_snapshot!(ours.is_partitioned_by(&by_event).unwrap_err(), @"table camera is partitioned by the columns dt, not by day(event_time), identity($.st) as st; it must be repartitioned");
    }

    #[test]
    fn a_table_that_is_called_quarantine_is_not_taken_for_it() {
        let ours = TableEntry::quarantine(table().location);
        assert_eq!(ours.is_quarantine(), Ok(()));
        let other = TableEntry { name: TableName::quarantine(), ..table() };
        insta::assert_snapshot!(other.is_quarantine().unwrap_err(), @"table quarantine is not Alluvium's: it has no column reason of type string");
    }
}
