//! What a source would become, without writing anything.

use std::collections::BTreeMap;

use alluvium_columnar::{Part, Shredder, Step};
use alluvium_model::{
    Budget, ColumnName, Counts, DatabaseName, ExtendedTable, Kind, Limits, Origin, PartitionSpec,
    TableEntry, TableName, TableSource, layout::table_location, ports::ReadSource,
};
use serde::Serialize;

use crate::{BadRecordReport, LakeError};

/// Bad records of a table that a preview shows.
const SHOWN_BAD_RECORDS_MAX: usize = 10;

/// A column that a table would have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PreviewColumn {
    /// Its name.
    pub name: ColumnName,
    /// What it would hold.
    pub kind: Kind,
    /// Its type in the catalog.
    #[serde(rename = "type")]
    pub glue_type: String,
    /// Where its values stand in the records.
    pub path: String,
    /// Whether the name is not just the keys joined by `_`.
    pub renamed: bool,
    /// The column that could not take its values.
    pub sibling_of: Option<ColumnName>,
    /// Rows with a value.
    pub values: u64,
}

/// A table that sources would become.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TablePreview {
    /// Its name.
    pub table: TableName,
    /// What was read.
    pub counts: Counts,
    /// Its data columns.
    pub columns: Vec<PreviewColumn>,
    /// The first bad records.
    pub bad_records: Vec<BadRecordReport>,
    /// The statement that would create it.
    pub ddl: String,
}

/// Reads sources and notes what tables they would become.
#[derive(Debug)]
pub struct Preview {
    database: DatabaseName,
    tables: BTreeMap<TableSource, Draft>,
}

#[derive(Debug)]
struct Draft {
    table: TableEntry,
    counts: Counts,
    values: BTreeMap<ColumnName, u64>,
    bad_records: Vec<BadRecordReport>,
}

impl Preview {
    /// A preview of tables in this database.
    #[must_use]
    pub const fn new(database: DatabaseName) -> Self {
        Self { database, tables: BTreeMap::new() }
    }

    /// Reads a source that belongs to the table made of `table`.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub async fn read<R: ReadSource>(
        &mut self,
        table: &TableSource,
        origin: Origin,
        mut reader: R,
    ) -> Result<(), LakeError> {
        let partitions = PartitionSpec::default();
        let mut shredder = Shredder::new(origin.clone(), partitions, Limits::default());
        loop {
            match shredder.step() {
                Step::NeedInput => match reader.next_chunk().await? {
                    Some(chunk) => shredder.feed(chunk),
                    None => shredder.finish(),
                },
                Step::Part(part) => self.note(table, &origin, &part)?,
                Step::Done => return Ok(()),
            }
        }
    }

    /// The tables, in the order of their names.
    ///
    /// # Errors
    /// Only by a bug.
    pub fn finish(self) -> Result<Vec<TablePreview>, LakeError> {
        self.tables.into_values().map(Draft::finish).collect()
    }

    fn note(&mut self, table: &TableSource, origin: &Origin, part: &Part) -> Result<(), LakeError> {
        let draft = match self.tables.entry(table.clone()) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => {
                new.insert(Draft::new(table, &self.database)?)
            }
        };
        draft.note(origin, part)
    }
}

impl Draft {
    fn new(source: &TableSource, database: &DatabaseName) -> Result<Self, LakeError> {
        let name = source.table_names().next();
        let name = name
            .ok_or_else(|| LakeError::NoTableName { table_source: source.as_str().to_owned() })?;
        let location = table_location(database, &name);
        Ok(Self {
            table: TableEntry::new(name, source, location, &PartitionSpec::default()),
            counts: Counts::default(),
            values: BTreeMap::new(),
            bad_records: Vec::new(),
        })
    }

    fn note(&mut self, origin: &Origin, part: &Part) -> Result<(), LakeError> {
        self.counts.records += u64::from(part.records());
        self.counts.loaded += part.rows();
        for (record, bad) in part.bad_records() {
            *self.counts.quarantined.entry(bad.reason).or_default() += 1;
            if self.bad_records.len() < SHOWN_BAD_RECORDS_MAX {
                self.bad_records.push(BadRecordReport::new(&origin.source, *record, bad));
            }
        }
        let ExtendedTable { entry, extension } =
            self.table.extend(&part.discovery(), origin, Budget::default())?;
        self.table = entry;
        for (column, values) in part.values_by_column(&extension.schema) {
            *self.values.entry(column.name.clone()).or_default() += values;
        }
        Ok(())
    }

    fn finish(self) -> Result<TablePreview, LakeError> {
        let schema = self.table.schema()?;
        let columns = schema.columns().iter().map(|column| PreviewColumn {
            name: column.name.clone(),
            kind: column.kind,
            glue_type: column.kind.glue_type(),
            path: column.path.to_string(),
            renamed: column.is_renamed(),
            sibling_of: column.sibling_of.clone(),
            values: self.values.get(&column.name).copied().unwrap_or_default(),
        });
        Ok(TablePreview {
            columns: columns.collect(),
            ddl: self.table.create_statement(),
            table: self.table.name,
            counts: self.counts,
            bad_records: self.bad_records,
        })
    }
}
