//! How a table came to be as it is: which column came when, from which source, with which conflict.

use std::collections::BTreeSet;

use alluvium_model::{
    ColumnName, DatabaseName, ErrorKind, KeptObject, NewColumn, PortError, SchemaChange, TableName,
    layout::history_location,
    ports::{ListObjects, ReadObjects, ReadTables},
};
use serde::Serialize;

use crate::LakeError;

/// A column, and what brought it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HistoryColumn {
    /// The column.
    #[serde(flatten)]
    pub column: NewColumn,
    /// The URI of the source that brought it.
    pub source: String,
    /// When that source arrived.
    pub since: String,
    /// Whether the table has it today; somebody may have dropped it, or the table.
    pub in_table: bool,
}

/// An object that is kept whole, and what decided it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HistoryObject {
    /// The object.
    #[serde(flatten)]
    pub object: KeptObject,
    /// The URI of the source that had too many keys in it.
    pub source: String,
    /// When that source arrived.
    pub since: String,
    /// Whether the table keeps it whole today.
    pub in_table: bool,
}

/// The history of a table, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct History {
    /// The table.
    pub table: TableName,
    /// Its columns.
    pub columns: Vec<HistoryColumn>,
    /// Its objects that are kept whole.
    pub kept_whole: Vec<HistoryObject>,
}

/// Reads the histories of a lake's tables: what their columns tell, and lines about columns that
/// are there no more.
#[derive(Clone, Debug)]
pub struct Histories<C, O> {
    catalog: C,
    objects: O,
    database: DatabaseName,
}

impl<C: ReadTables, O: ListObjects + ReadObjects> Histories<C, O> {
    /// The histories of the tables of a database in the lake of these ports.
    pub const fn new(catalog: C, objects: O, database: DatabaseName) -> Self {
        Self { catalog, objects, database }
    }

    /// The history of a table.
    ///
    /// # Errors
    /// When there is no such table and never was, or it is none that follows its records, or a port fails, or the table or a line of its
    /// history is not as Alluvium left it.
    pub async fn of(&self, table: &TableName) -> Result<History, LakeError> {
        let found = self.catalog.table(table).await?;
        let today = match &found {
            Some(found) => SchemaChange::all(&self.database, table, &found.value.schema()?),
            None => Vec::new(),
        };
        let lines = self.lines(table).await?;
        if found.is_none() && lines.is_empty() {
            return Err(LakeError::NoTable { table: table.clone() });
        }
        let is_ours = found.is_none_or(|found| found.value.source().is_some());
        if !is_ours && lines.is_empty() {
            return Err(LakeError::NoHistory { table: table.clone() });
        }
        let mut history =
            History { table: table.clone(), columns: Vec::new(), kept_whole: Vec::new() };
        let mut seen = Seen::default();
        for change in today {
            history.add(change, true, &mut seen);
        }
        for change in lines {
            history.add(change, false, &mut seen);
        }
        // What is gone comes before what has its place now.
        history.columns.sort_by_key(|c| (c.column.version, c.in_table, c.since.clone()));
        history.kept_whole.sort_by_key(|o| (o.object.version, o.in_table, o.since.clone()));
        Ok(history)
    }

    async fn lines(&self, table: &TableName) -> Result<Vec<SchemaChange>, LakeError> {
        let mut changes = Vec::new();
        for entry in self.objects.list_objects(&history_location(table)).await? {
            // One that is gone since it was listed was removed by somebody, with what it told.
            let Some(line) = self.objects.object(&entry.key).await? else { continue };
            let change = SchemaChange::of_line(&line.value).map_err(|error| {
                let failed = PortError::new(ErrorKind::Invalid, "understand", entry.key.as_str());
                failed.because(error)
            })?;
            if change.database == self.database {
                changes.push(change);
            }
        }
        Ok(changes)
    }
}

/// What a history holds already. A line repeats what the table tells.
#[derive(Default)]
struct Seen {
    columns: BTreeSet<(ColumnName, String, String)>,
    objects: BTreeSet<(String, String, String)>,
}

impl History {
    fn add(&mut self, change: SchemaChange, in_table: bool, seen: &mut Seen) {
        let SchemaChange { source, since, added_columns, kept_whole, .. } = change;
        for column in added_columns {
            if seen.columns.insert((column.name.clone(), source.clone(), since.clone())) {
                let (source, since) = (source.clone(), since.clone());
                self.columns.push(HistoryColumn { column, source, since, in_table });
            }
        }
        for object in kept_whole {
            if seen.objects.insert((object.path.clone(), source.clone(), since.clone())) {
                let (source, since) = (source.clone(), since.clone());
                self.kept_whole.push(HistoryObject { object, source, since, in_table });
            }
        }
    }
}
