//! A table as the catalog keeps it, and how the schema is read from it and written to it.
//!
//! The catalog is the only place where a schema lives. Whatever else stands there, columns and
//! parameters of other people included, is carried over as it was read.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    ColumnName, DataColumn, Extension, Kind, Origin, PartitionKey, PartitionSpec, QuarantineColumn,
    SystemColumn, TableName, TableSchema, TableSource, comment::comment, layout::Location,
};

const PATH: &str = "alluvium.path";
const KIND: &str = "alluvium.kind";
const SIBLING_OF: &str = "alluvium.sibling_of";
const SINCE: &str = "alluvium.since";
const SOURCE: &str = "alluvium.source";
/// On a `json` column that also takes the objects of its path as they are: `whole`.
const OBJECTS: &str = "alluvium.objects";
const WHOLE: &str = "whole";
/// On such a column: when it began to take objects, and with which source.
const OBJECTS_SINCE: &str = "alluvium.objects_since";
const OBJECTS_SOURCE: &str = "alluvium.objects_source";

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
    /// Somebody changed the type of a column.
    #[error(
        "column {column} of table {table} has type {found}, but its kind {kind} needs {needed}"
    )]
    Retyped {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
        /// The type in the catalog.
        found: String,
        /// The kind in the column's parameters.
        kind: Kind,
        /// The type of that kind.
        needed: String,
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
        let system = SystemColumn::ALL;
        Self {
            name,
            location,
            columns: system.map(|c| plain_column(c.name(), c.glue_type(), c.comment())).into(),
            partition_columns: partition_columns(&partitions.columns()),
            parameters: parameters(&[(SOURCE, source.as_str())]),
        }
    }

    /// The quarantine table.
    #[must_use]
    pub fn quarantine(location: Location) -> Self {
        let column = |c: QuarantineColumn| plain_column(c.name(), c.glue_type(), "");
        Self {
            name: TableName::quarantine(),
            location,
            columns: QuarantineColumn::ALL.map(column).into(),
            partition_columns: partition_columns(&PartitionKey::quarantine_columns()),
            parameters: parameters(&[]),
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

    /// The schema that the columns' parameters tell.
    ///
    /// # Errors
    /// When a column's parameters are unreadable or its type is not that of its kind.
    pub fn schema(&self) -> Result<TableSchema, SchemaError> {
        let columns = self.columns.iter().chain(&self.partition_columns);
        let mut schema = TableSchema::with_names_taken(columns.map(|column| column.name.as_str()));
        for entry in &self.columns {
            if let Some(column) = self.data_column(entry)? {
                if entry.parameters.get(OBJECTS).is_some_and(|how| how == WHOLE) {
                    schema.keep_whole(&column.path, objects_origin(entry, &column));
                }
                schema.push(column);
            }
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
        table
    }

    fn data_column(&self, entry: &ColumnEntry) -> Result<Option<DataColumn>, SchemaError> {
        let Some(path) = entry.parameters.get(PATH) else { return Ok(None) };
        let error = |parameter| SchemaError::Parameter {
            table: self.name.clone(),
            column: entry.name.clone(),
            parameter,
            value: entry.parameters.get(parameter).cloned().unwrap_or_default(),
        };
        let read = |parameter| entry.parameters.get(parameter).ok_or_else(|| error(parameter));
        let column = DataColumn {
            name: entry.name.parse().map_err(|_| error(PATH))?,
            path: path.parse().map_err(|_| error(PATH))?,
            kind: read(KIND)?.parse().map_err(|_| error(KIND))?,
            sibling_of: match entry.parameters.get(SIBLING_OF) {
                Some(base) => Some(base.parse().map_err(|_| error(SIBLING_OF))?),
                None => None,
            },
            since: read(SINCE)?.parse().map_err(|_| error(SINCE))?,
            source: read(SOURCE)?.clone(),
        };
        let needed = column.kind.glue_type();
        if entry.glue_type == needed {
            return Ok(Some(column));
        }
        let (column, found, kind) = (entry.name.clone(), entry.glue_type.clone(), column.kind);
        Err(SchemaError::Retyped { table: self.name.clone(), column, found, kind, needed })
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

fn plain_column(name: &str, glue_type: &str, comment: &str) -> ColumnEntry {
    ColumnEntry {
        name: name.to_owned(),
        glue_type: glue_type.to_owned(),
        comment: comment.to_owned(),
        parameters: BTreeMap::new(),
    }
}

fn partition_columns(names: &[ColumnName]) -> Vec<ColumnEntry> {
    names.iter().map(|name| plain_column(name.as_str(), "string", "")).collect()
}

fn data_entry(schema: &TableSchema, column: &DataColumn) -> ColumnEntry {
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

/// What made a column take objects; the column's own origin where the parameters do not tell.
fn objects_origin(entry: &ColumnEntry, column: &DataColumn) -> Origin {
    let since = entry.parameters.get(OBJECTS_SINCE).and_then(|since| since.parse().ok());
    let source = entry.parameters.get(OBJECTS_SOURCE);
    Origin {
        source: source.unwrap_or(&column.source).clone(),
        arrived_at: since.unwrap_or(column.since),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Budget, ClassSet, Discovery, Origin, ValueClass, layout::table_location};

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
        table.extend(&found, &origin, Budget::default()).unwrap().entry
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
        assert_eq!(after.parameters, before.parameters);
        let names: Vec<_> = after.columns.iter().map(|column| column.name.as_str()).collect();
        insta::assert_snapshot!(names.join(" "), @"_source _record _arrived_at _rescued mag geo geo_1f5924 mag__double");
    }

    #[test]
    fn a_column_changed_by_hand_is_named() {
        let mut retyped = extended(&table(), &[("$.mag", ValueClass::Bigint)]);
        retyped.columns[4].glue_type = "int".to_owned();
        insta::assert_snapshot!(retyped.schema().unwrap_err(), @"column mag of table camera has type int, but its kind bigint needs bigint");
        retyped.columns[4].parameters.insert(KIND.to_owned(), "integer".to_owned());
        insta::assert_snapshot!(retyped.schema().unwrap_err(), @"column mag of table camera: parameter alluvium.kind is `integer`");
    }

    #[test]
    fn a_table_that_is_called_quarantine_is_not_taken_for_it() {
        let ours = TableEntry::quarantine(table().location);
        assert_eq!(ours.is_quarantine(), Ok(()));
        let other = TableEntry { name: TableName::quarantine(), ..table() };
        insta::assert_snapshot!(other.is_quarantine().unwrap_err(), @"table quarantine is not Alluvium's: it has no column reason of type string");
    }
}
