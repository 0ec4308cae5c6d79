//! What a source changed of a table, as it is told to others: an event, and a line of history.
//!
//! All of it is read from the schema, where every column keeps the source that brought it, so
//! that it can be told again after a crash, and comes out the same.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    ColumnName, DataColumn, DatabaseName, Kind, Origin, TableName, TableSchema, UtcInstant,
};

/// What one source changed of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaChange {
    /// The database of the table.
    pub database: DatabaseName,
    /// The table.
    pub table: TableName,
    /// The number of data columns that the table had with the last of these. It only grows.
    pub version: usize,
    /// The URI of the source.
    pub source: String,
    /// When the source arrived.
    pub since: String,
    /// Whether some value did not fit the column of its path.
    pub conflict: bool,
    /// The columns that are new, in the order of the table.
    pub added_columns: Vec<NewColumn>,
    /// The paths whose objects are kept whole since then, as JSON text.
    pub kept_whole: Vec<KeptObject>,
}

/// A column that a source brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewColumn {
    /// The number of data columns that the table had with it.
    pub version: usize,
    /// Its name.
    pub name: ColumnName,
    /// The path of its values.
    pub path: String,
    /// Its kind.
    pub kind: Kind,
    /// The column that could not take its values.
    pub sibling_of: Option<ColumnName>,
    /// Whether there is such a column.
    pub conflict: bool,
}

/// An object that is kept whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptObject {
    /// The number of data columns that the table had with the one that takes the object.
    pub version: usize,
    /// Its path.
    pub path: String,
}

impl SchemaChange {
    /// All that `origin` changed of a table so far; none if that is nothing.
    #[must_use]
    pub fn of(
        database: &DatabaseName,
        table: &TableName,
        schema: &TableSchema,
        origin: &Origin,
    ) -> Option<Self> {
        let numbered = || (1..).zip(schema.columns());
        let brought = |column: &DataColumn| {
            column.since == origin.arrived_at && column.source == origin.source
        };
        let added = numbered().filter(|(_, column)| brought(column)).map(NewColumn::of).collect();
        let kept = schema.kept_whole().filter(|(_, decided_by)| *decided_by == origin);
        let kept = kept.filter_map(|(path, _)| {
            let column = schema.json_column(path)?;
            let (version, _) = numbered().find(|(_, other)| other.name == column.name)?;
            Some(KeptObject { version, path: path.to_string() })
        });
        Self {
            database: database.clone(),
            table: table.clone(),
            version: 0,
            source: origin.source.clone(),
            since: origin.arrived_at.to_string(),
            conflict: false,
            added_columns: Vec::new(),
            kept_whole: Vec::new(),
        }
        .with(added, kept.collect())
    }

    /// What each source changed of a table so far, in the order of their names.
    #[must_use]
    pub fn all(database: &DatabaseName, table: &TableName, schema: &TableSchema) -> Vec<Self> {
        let of_columns = schema.columns().iter().map(|c| (c.source.as_str(), c.since));
        let of_objects = schema.kept_whole().map(|(_, by)| (by.source.as_str(), by.arrived_at));
        let origins: BTreeSet<_> = of_columns.chain(of_objects).collect();
        let origin = |(source, arrived_at): (&str, UtcInstant)| Origin {
            source: source.to_owned(),
            arrived_at,
        };
        let changes = origins.into_iter().map(origin);
        changes.filter_map(|origin| Self::of(database, table, schema, &origin)).collect()
    }

    /// Whether both are about the same source and table.
    #[must_use]
    pub fn is_of_source(&self, other: &Self) -> bool {
        (&self.database, &self.table, &self.source, &self.since)
            == (&other.database, &other.table, &other.source, &other.since)
    }

    /// The change as a line of JSON.
    #[must_use]
    pub fn line(&self) -> Bytes {
        // Text, numbers and lists are always JSON.
        let json = serde_json::to_string(self).unwrap_or_default();
        Bytes::from(json + "\n")
    }

    /// The change in a line of JSON.
    ///
    /// # Errors
    /// When it is none.
    pub fn of_line(line: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(line)
    }

    /// What of this change is not in an earlier one of the same source; none if that is nothing.
    #[must_use]
    pub fn beyond(&self, earlier: &Self) -> Option<Self> {
        let new = |column: &&NewColumn| !earlier.added_columns.contains(column);
        let also_new = |object: &&KeptObject| !earlier.kept_whole.contains(object);
        let added = self.added_columns.iter().filter(new).cloned().collect();
        self.with(added, self.kept_whole.iter().filter(also_new).cloned().collect())
    }

    /// The same in pieces whose JSON takes about `bytes_max` at most; one column is never cut.
    #[must_use]
    pub fn in_pieces(&self, bytes_max: usize) -> Vec<Self> {
        let items = self.added_columns.len() + self.kept_whole.len();
        if self.line().len() <= bytes_max || items < 2 {
            return vec![self.clone()];
        }
        let columns = self.added_columns.split_at(self.added_columns.len().div_ceil(2));
        let objects = self.kept_whole.split_at(self.kept_whole.len() / 2);
        let halves = [(columns.0, objects.0), (columns.1, objects.1)];
        let halves = halves
            .into_iter()
            .filter_map(|(columns, objects)| self.with(columns.to_vec(), objects.to_vec()));
        halves.flat_map(|half| half.in_pieces(bytes_max)).collect()
    }

    /// The change of just these columns and objects; none if there are none.
    fn with(&self, added_columns: Vec<NewColumn>, kept_whole: Vec<KeptObject>) -> Option<Self> {
        let columns = added_columns.iter().map(|column| column.version);
        let version = columns.chain(kept_whole.iter().map(|object| object.version)).max()?;
        let conflict = added_columns.iter().any(|column| column.conflict);
        Some(Self { version, conflict, added_columns, kept_whole, ..self.clone() })
    }
}

impl NewColumn {
    fn of((version, column): (usize, &DataColumn)) -> Self {
        Self {
            version,
            name: column.name.clone(),
            path: column.path.to_string(),
            kind: column.kind,
            sibling_of: column.sibling_of.clone(),
            conflict: column.sibling_of.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Budget, ClassSet, Discovery, JsonPath, TableRules, ValueClass};

    fn origin(key: &str) -> Origin {
        let arrived_at = "2026-11-24T00:00:00Z".parse().unwrap();
        Origin { source: format!("s3://landing/camera/{key}"), arrived_at }
    }

    fn extended(schema: &TableSchema, key: &str, found: &[(&str, ValueClass)]) -> TableSchema {
        let found: Discovery = found
            .iter()
            .map(|(path, class)| (path.parse::<JsonPath>().unwrap(), ClassSet::of(&[*class])))
            .collect();
        let budget = Budget { max_keys: 1, ..Budget::default() };
        let rules = TableRules { budget, ..TableRules::default() };
        schema.extend(&found, &origin(key), &rules).schema
    }

    fn change(schema: &TableSchema, key: &str) -> Option<SchemaChange> {
        let (database, table) = ("lake".parse().unwrap(), "camera".parse().unwrap());
        SchemaChange::of(&database, &table, schema, &origin(key))
    }

    #[test]
    fn what_each_source_changed_is_read_from_the_schema() {
        use ValueClass::{Bigint, Double, Object};
        let first = extended(&TableSchema::default(), "1.json", &[("$.mag", Bigint)]);
        let wide = [("$.ids", Object), ("$.ids.a", Bigint), ("$.ids.b", Bigint)];
        let second = extended(&first, "2.json", &[&[("$.mag", Double)][..], &wide].concat());
        assert_eq!(change(&second, "1.json"), change(&first, "1.json"));
        assert_eq!(change(&second, "3.json"), None);
        let change = change(&second, "2.json").unwrap();
        assert_eq!(SchemaChange::of_line(&change.line()).unwrap(), change);
        insta::assert_snapshot!(String::from_utf8(change.line().to_vec()).unwrap(), @r#"{"database":"lake","table":"camera","version":3,"source":"s3://landing/camera/2.json","since":"2026-11-24T00:00:00Z","conflict":true,"added_columns":[{"version":2,"name":"ids","path":"$.ids","kind":"json","sibling_of":null,"conflict":false},{"version":3,"name":"mag__double","path":"$.mag","kind":"double","sibling_of":"mag","conflict":true}],"kept_whole":[{"version":2,"path":"$.ids"}]}"#);
    }

    #[test]
    fn what_was_told_is_not_told_again() {
        use ValueClass::Bigint;
        let first = extended(&TableSchema::default(), "1.json", &[("$.a", Bigint)]);
        let second = extended(&first, "1.json", &[("$.b", Bigint)]);
        let (first, second) =
            (change(&first, "1.json").unwrap(), change(&second, "1.json").unwrap());
        assert_eq!(second.beyond(&second), None);
        let beyond = second.beyond(&first).unwrap();
        assert_eq!((beyond.version, beyond.added_columns.len()), (2, 1));
    }

    #[test]
    fn a_large_change_is_told_in_pieces() {
        let paths: Vec<_> = (0..100).map(|n| format!("$.key_{n:03}")).collect();
        let found: Vec<_> = paths.iter().map(|p| (p.as_str(), ValueClass::Bigint)).collect();
        let schema = extended(&TableSchema::default(), "1.json", &found);
        let whole = change(&schema, "1.json").unwrap();
        assert_eq!(whole.in_pieces(1 << 20), [whole.clone()].to_vec());
        let pieces = whole.in_pieces(2_000);
        assert!(pieces.len() > 4);
        assert!(pieces.iter().all(|p| p.line().len() <= 2_000));
        let told: Vec<_> = pieces.iter().flat_map(|p| p.added_columns.clone()).collect();
        assert_eq!(told, whole.added_columns);
        assert_eq!(pieces.last().unwrap().version, 100);
        // A single column is told whatever it takes.
        assert_eq!(whole.in_pieces(1).len(), 100);
    }
}
