//! What sources would become, without writing anything.

mod budgets;
mod candidates;
mod conflicts;
mod contract;
mod suggestions;

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use alluvium_columnar::{Part, Shredder, Step};
use alluvium_model::{
    ColumnName, Counts, DatabaseName, Destination, ExtendedTable, Kind, Limits, NameChange, Origin,
    TableEntry, TableName, TableRules, TableSchema, TableSource,
    layout::table_location,
    ports::{Chunk, ReadSource},
};
use serde::Serialize;

use crate::{BadRecordReport, LakeError};
use budgets::Refusals;
pub use budgets::{Homeless, NoColumn, RefusedPath, WholeObject};
use candidates::Candidates;
use conflicts::SeenPaths;
pub use conflicts::{Conflict, SeenValues};
pub use suggestions::Suggestion;

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
    /// Why the name is not just the keys joined by `_`, if it is not.
    pub name_change: Option<NameChange>,
    /// The column that could not take its values.
    pub sibling_of: Option<ColumnName>,
    /// Rows with a value.
    pub values: u64,
    /// Rows without one.
    pub nulls: u64,
}

/// A table that sources would become.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TablePreview {
    /// Its name.
    pub table: TableName,
    /// What it is made of, as it is called where it comes from.
    pub source: String,
    /// What was read.
    pub counts: Counts,
    /// Its data columns.
    pub columns: Vec<PreviewColumn>,
    /// The paths that hold values of several kinds.
    pub conflicts: Vec<Conflict>,
    /// The objects that would be kept whole because of their many keys.
    pub kept_whole: Vec<WholeObject>,
    /// The first paths that would get no column, for want of room.
    pub refused: Vec<RefusedPath>,
    /// The first values that would have no column.
    pub rescued: Vec<Homeless>,
    /// What could be settled beforehand.
    pub suggestions: Vec<Suggestion>,
    /// The first bad records.
    pub bad_records: Vec<BadRecordReport>,
    /// The statement that would create it.
    pub ddl: String,
}

/// Reads sources and notes what tables they would become.
#[derive(Debug)]
pub struct Preview {
    database: DatabaseName,
    limits: Limits,
    tables: BTreeMap<TableSource, Draft>,
}

#[derive(Debug)]
struct Draft {
    table: TableEntry,
    rules: Arc<TableRules>,
    /// The schema of `table`.
    schema: TableSchema,
    counts: Counts,
    seen: SeenPaths,
    candidates: Candidates,
    refusals: Refusals,
    bad_records: Vec<BadRecordReport>,
}

impl Preview {
    /// A preview of tables in this database, of sources read within these limits.
    #[must_use]
    pub const fn new(database: DatabaseName, limits: Limits) -> Self {
        Self { database, limits, tables: BTreeMap::new() }
    }

    /// Reads a source that belongs to the table made of `table`.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub async fn read<R: ReadSource>(
        &mut self,
        destination: impl Into<Destination>,
        origin: Origin,
        mut reader: R,
    ) -> Result<(), LakeError> {
        let destination = destination.into();
        let rules = Arc::clone(&destination.rules);
        let mut shredder = Shredder::new(origin.clone(), rules, self.limits);
        loop {
            match shredder.step() {
                Step::NeedInput => match reader.next_chunk().await? {
                    Chunk::Bytes(chunk) => shredder.feed(chunk),
                    Chunk::End => shredder.finish(),
                    Chunk::Superseded => {
                        return Err(LakeError::Changed { source_uri: origin.source });
                    }
                },
                Step::Part(part) => {
                    self.note(&destination.routed(part.route()), &origin, *part)?;
                }
                Step::Done => return Ok(()),
                Step::Failed(error) => return Err(error.into()),
            }
        }
    }

    /// The tables, in the order of their names.
    #[must_use]
    pub fn finish(self) -> Vec<TablePreview> {
        self.tables.into_values().map(Draft::finish).collect()
    }

    fn note(
        &mut self,
        destination: &Destination,
        origin: &Origin,
        part: Part,
    ) -> Result<(), LakeError> {
        let draft = match self.tables.entry(destination.table.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Draft::new(destination, &self.database)?),
        };
        draft.note(origin, part)
    }
}

impl Draft {
    fn new(destination: &Destination, database: &DatabaseName) -> Result<Self, LakeError> {
        let Destination { table: source, rules, .. } = destination;
        let name = source.table_names().next();
        let name = name
            .ok_or_else(|| LakeError::NoTableName { table_source: source.as_str().to_owned() })?;
        let location = table_location(database, &name);
        let table = TableEntry::new(name, source, location, &rules.partitions);
        Ok(Self {
            schema: table.schema()?,
            table,
            rules: Arc::clone(rules),
            counts: Counts::default(),
            seen: SeenPaths::default(),
            candidates: Candidates::default(),
            refusals: Refusals::default(),
            bad_records: Vec::new(),
        })
    }

    fn note(&mut self, origin: &Origin, part: Part) -> Result<(), LakeError> {
        let counts = &mut self.counts;
        let discovery = part.discovery();
        let ExtendedTable { entry, extension, .. } =
            self.table.extend(&discovery, origin, &self.rules)?;
        counts.columns_added += extension.added as u64;
        counts.columns_refused += extension.refused.len() as u64;
        self.refusals.note(&extension, &discovery);
        (self.table, self.schema) = (entry, extension.schema);
        let placed = part.placed(&self.schema);
        // What a contract refuses is no value of the table.
        let part = placed.part();
        self.seen.note(&self.schema, &origin.source, part);
        self.candidates.note(&self.schema, origin.arrived_at, part);
        counts.rescued_values += self.refusals.note_rescued(&self.schema, part, self.rules.mode);
        let bad_records = placed.bad_records();
        counts.records += part.records();
        counts.loaded += part.records() - bad_records.len() as u64;
        for (record, bad) in bad_records.iter() {
            *counts.quarantined.entry(bad.reason).or_default() += 1;
            if self.bad_records.len() < SHOWN_BAD_RECORDS_MAX {
                self.bad_records.push(BadRecordReport::new(&origin.source, record, &bad));
            }
        }
        Ok(())
    }

    fn finish(self) -> TablePreview {
        let Self { table, schema, rules, counts, seen, candidates, refusals, bad_records } = self;
        let columns = schema.columns().iter().map(|column| {
            let values = seen.by_column.get(&column.name).copied().unwrap_or_default();
            PreviewColumn {
                name: column.name.clone(),
                kind: column.kind,
                glue_type: column.kind.glue_type(),
                path: column.path.to_string(),
                name_change: schema.name_change(column, rules.names),
                sibling_of: column.sibling_of.clone(),
                values,
                nulls: counts.loaded.saturating_sub(values),
            }
        });
        let columns: Vec<_> = columns.collect();
        let conflicts = seen.conflicts(&schema);
        let suggestions = suggestions::suggest(&conflicts, &refusals, &candidates, counts.loaded);
        TablePreview {
            columns,
            conflicts,
            suggestions,
            kept_whole: refusals.kept_whole,
            refused: refusals.refused,
            rescued: refusals.rescued,
            ddl: table.create_statement(),
            source: table.source().unwrap_or_default().to_owned(),
            table: table.name,
            counts,
            bad_records,
        }
    }
}
