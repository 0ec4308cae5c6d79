//! Dynamic DDL: the schema follows the data, by compare-and-set against the catalog.
//!
//! Read the table, extend its schema, write it back with the version that was read; when somebody
//! was faster, again. Because `extend` is idempotent, a commit whose answer was lost is simply
//! found done.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use alluvium_model::{
    ColumnName, DatabaseName, Destination, Discovery, ErrorKind, ExtendedTable, Extension, Kind,
    Origin, PortError, TableEntry, TableName, TableRules, TableSchema, TableSource,
    layout::table_location,
    ports::{Commit, CommitTables, ReadTables},
};
use serde::Serialize;

use crate::{Backoff, LakeError};

/// A column that a commit brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AddedColumn {
    /// Its table.
    pub table: TableName,
    /// Its name.
    pub name: ColumnName,
    /// The path of its values.
    pub path: String,
    /// Its kind.
    pub kind: Kind,
    /// The column that could not take its values.
    pub sibling_of: Option<ColumnName>,
}

/// An object that a commit decided to keep whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeptWhole {
    /// Its table.
    pub table: TableName,
    /// Its path.
    pub path: String,
}

/// The schema that values are placed by.
#[derive(Debug)]
pub(crate) struct Committed {
    pub(crate) table: TableName,
    pub(crate) schema: Arc<TableSchema>,
    pub(crate) added: Vec<AddedColumn>,
    pub(crate) kept_whole: Vec<KeptWhole>,
    /// Columns that a budget refused.
    pub(crate) refused: u64,
    /// Tries that lost against another writer.
    pub(crate) conflicts: u64,
    /// Whether the table is new: whatever is remembered of one of that name is void.
    pub(crate) created: bool,
}

/// What a committer needs to know of its lake.
#[derive(Clone, Debug)]
pub(crate) struct SchemaRules {
    pub(crate) database: DatabaseName,
    pub(crate) backoff: Backoff,
}

/// Commits schemas, and remembers them: the catalog is asked only for what is not known.
#[derive(Debug)]
pub(crate) struct SchemaCommitter<C> {
    catalog: C,
    rules: SchemaRules,
    known: Mutex<BTreeMap<TableSource, KnownTable>>,
    quarantine_known: AtomicBool,
}

/// A table as it was seen last, by these rules.
#[derive(Clone, Debug)]
struct KnownTable {
    name: TableName,
    schema: Arc<TableSchema>,
    rules: Arc<TableRules>,
}

/// How one try ended.
enum Try {
    Committed {
        extension: Extension,
        created: bool,
    },
    /// Somebody else was faster, or the catalog was busy and said so.
    Again(Option<PortError>),
    /// The name belongs to another table.
    Taken,
}

impl<C: ReadTables + CommitTables> SchemaCommitter<C> {
    pub(crate) fn new(catalog: C, rules: SchemaRules) -> Self {
        Self { catalog, rules, known: Mutex::default(), quarantine_known: AtomicBool::new(false) }
    }

    /// Commits what `discovery` brings to the table of `destination`.
    pub(crate) async fn commit(
        &self,
        destination: &Destination,
        discovery: &Discovery,
        origin: &Origin,
    ) -> Result<Committed, LakeError> {
        let Destination { table: source, rules } = destination;
        if let Some(KnownTable { name: table, schema, .. }) = self.known(destination)
            && let extension = schema.extend(discovery, origin, rules)
            && !extension.changes_schema()
        {
            let refused = extension.refused.len() as u64;
            let (added, kept_whole) = (Vec::new(), Vec::new());
            let (conflicts, created) = (0, false);
            return Ok(Committed { table, schema, added, kept_whole, refused, conflicts, created });
        }
        let (mut failed, mut conflicts) = (0, 0);
        for table in source.table_names() {
            loop {
                match self.try_commit(&table, destination, discovery, origin).await? {
                    Try::Committed { extension, created } => {
                        let added = added_columns(&table, &extension);
                        let kept_whole = kept_whole(&table, &extension);
                        let refused = extension.refused.len() as u64;
                        let schema = Arc::new(extension.schema);
                        self.remember(destination, &table, &schema);
                        return Ok(Committed {
                            table,
                            schema,
                            added,
                            kept_whole,
                            refused,
                            conflicts,
                            created,
                        });
                    }
                    Try::Taken => break,
                    Try::Again(source) => {
                        failed += 1;
                        conflicts += u64::from(source.is_none());
                        if !self.rules.backoff.pause(failed).await {
                            return Err(LakeError::Contended { table, tries: failed, source });
                        }
                    }
                }
            }
        }
        Err(LakeError::NoTableName { table_source: source.as_str().to_owned() })
    }

    /// Makes sure that the quarantine table is there.
    pub(crate) async fn commit_quarantine(&self) -> Result<TableName, LakeError> {
        let name = TableName::quarantine();
        if self.quarantine_known.load(Ordering::Relaxed) {
            return Ok(name);
        }
        let table = TableEntry::quarantine(table_location(&self.rules.database, &name));
        let mut failed = 0;
        loop {
            let created = match self.catalog.table(&name).await {
                Ok(Some(found)) => {
                    found.value.is_quarantine()?;
                    self.lies_here(&found.value)?;
                    Ok(Commit::Done)
                }
                Ok(None) => self.catalog.create_table(&table).await,
                Err(error) => Err(error),
            };
            let source = match unless_busy(created)? {
                Ok(Commit::Done) => {
                    self.quarantine_known.store(true, Ordering::Relaxed);
                    return Ok(name);
                }
                Ok(Commit::Conflict) => None,
                Err(busy) => Some(busy),
            };
            failed += 1;
            if !self.rules.backoff.pause(failed).await {
                return Err(LakeError::Contended { table: name, tries: failed, source });
            }
        }
    }

    async fn try_commit(
        &self,
        table: &TableName,
        destination: &Destination,
        discovery: &Discovery,
        origin: &Origin,
    ) -> Result<Try, LakeError> {
        let Destination { table: source, rules } = destination;
        let found = match unless_busy(self.catalog.table(table).await)? {
            Ok(found) => found,
            Err(busy) => return Ok(Try::Again(Some(busy))),
        };
        let current = match &found {
            Some(found) if found.value.source() != Some(source.as_str()) => return Ok(Try::Taken),
            Some(found) => {
                self.lies_here(&found.value)?;
                found.value.clone()
            }
            None => {
                let location = table_location(&self.rules.database, table);
                TableEntry::new(table.clone(), source, location, &rules.partitions)
            }
        };
        let ExtendedTable { entry, extension } = current.extend(discovery, origin, rules)?;
        let created = found.is_none();
        let commit = match found {
            Some(_) if !extension.changes_schema() => Ok(Commit::Done),
            Some(found) => self.catalog.replace_table(&entry, &found.version).await,
            None => self.catalog.create_table(&entry).await,
        };
        Ok(match unless_busy(commit)? {
            Ok(Commit::Done) => Try::Committed { extension, created },
            Ok(Commit::Conflict) => Try::Again(None),
            Err(busy) => Try::Again(Some(busy)),
        })
    }

    /// Somebody may use one database for two lakes; a partition would be registered in one of them
    /// and its files written to the other.
    fn lies_here(&self, table: &TableEntry) -> Result<(), LakeError> {
        let expected = table_location(&self.rules.database, &table.name);
        if table.location == expected {
            return Ok(());
        }
        let (table, found) = (table.name.clone(), table.location.clone());
        Err(LakeError::Elsewhere { table, found, expected })
    }

    /// Forgets a table, so that it is looked for again.
    pub(crate) fn forget(&self, table: &TableName) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, known| known.name != *table);
        if *table == TableName::quarantine() {
            self.quarantine_known.store(false, Ordering::Relaxed);
        }
    }

    /// The table, if it was seen by the same rules: under other ones it must be asked whether
    /// they suit it.
    fn known(&self, destination: &Destination) -> Option<KnownTable> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&destination.table).filter(|known| known.rules == destination.rules).cloned()
    }

    fn remember(&self, destination: &Destination, table: &TableName, schema: &Arc<TableSchema>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Destination { table: source, rules } = destination;
        // A slower task must not forget what a faster one learned: schemas only grow.
        let wider = |old: &KnownTable| {
            old.rules == *rules && old.schema.columns().len() > schema.columns().len()
        };
        if !known.get(source).is_some_and(wider) {
            let (name, schema, rules) = (table.clone(), Arc::clone(schema), Arc::clone(rules));
            known.insert(source.clone(), KnownTable { name, schema, rules });
        }
    }
}

/// The result, or the error inside when the port may simply be asked again.
fn unless_busy<T>(result: Result<T, PortError>) -> Result<Result<T, PortError>, PortError> {
    match result {
        Err(error) if error.kind() != ErrorKind::Retry => Err(error),
        result => Ok(result),
    }
}

fn added_columns(table: &TableName, extension: &Extension) -> Vec<AddedColumn> {
    let added = extension.added_columns().iter().map(|column| AddedColumn {
        table: table.clone(),
        name: column.name.clone(),
        path: column.path.to_string(),
        kind: column.kind,
        sibling_of: column.sibling_of.clone(),
    });
    added.collect()
}

fn kept_whole(table: &TableName, extension: &Extension) -> Vec<KeptWhole> {
    let kept = extension.kept_whole.iter();
    kept.map(|path| KeptWhole { table: table.clone(), path: path.to_string() }).collect()
}
