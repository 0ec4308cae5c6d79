//! Dynamic DDL: the schema follows the data, by compare-and-set against the catalog.
//!
//! Read the table, extend its schema, write it back with the version that was read; when somebody
//! was faster, or the catalog was busy, again, until the patience of [`Backoff`] ends. Because
//! `extend` is idempotent, a commit whose answer was lost is simply found done. A table that
//! somebody changed by hand is written back healed, even when there is nothing else to write; what
//! this process remembers of its columns and the table does not is part of that.

mod seen;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use alluvium_model::{
    ColumnName, DatabaseName, Destination, Discovery, ErrorKind, Extension, HealedTable, Injury,
    Kind, Origin, PortError, TableEntry, TableName, TableRules, TableSchema, TableSource,
    layout::table_location,
    ports::{Commit, CommitTables, ReadTables},
};
use serde::Serialize;

use self::seen::Seen;
use crate::{Backoff, LakeError, backoff::Tries};

/// Columns that are remembered, more or less: a process may see any number of tables. One that is
/// forgotten is read again.
const COLUMNS_KNOWN_MAX: usize = 50_000;

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
    /// What somebody did to the table by hand, and is undone.
    pub(crate) healed: Vec<Injury>,
    /// Tries that lost against another writer.
    pub(crate) conflicts: u64,
    /// Whether the table is new: whatever is remembered of one of that name is void.
    pub(crate) created: bool,
}

/// What is to be committed.
#[derive(Clone, Copy)]
struct Change<'a> {
    destination: &'a Destination,
    discovery: &'a Discovery,
    origin: &'a Origin,
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
    Committed(Box<Extension>),
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
    ///
    /// # Errors
    /// As `Retry` when others were faster or the catalog was busy until patience ended. What was
    /// done to the table by hand is named in whatever fails before it is healed.
    pub(crate) async fn commit(
        &self,
        destination: &Destination,
        discovery: &Discovery,
        origin: &Origin,
    ) -> Result<Committed, LakeError> {
        let Destination { table: source, rules, .. } = destination;
        if let Some(KnownTable { name: table, schema, .. }) = self.known(destination)
            && let extension = schema.extend(discovery, origin, rules)
            && !extension.changes_schema()
        {
            let refused = extension.refused.len() as u64;
            return Ok(Seen::default().committed(table, schema, refused));
        }
        let change = Change { destination, discovery, origin };
        let mut tries = self.rules.backoff.begin();
        let mut conflicts = 0;
        for table in source.table_names() {
            let mut seen = Seen::after(conflicts);
            match self.commit_to(&table, change, &mut tries, &mut seen).await {
                Ok(Some(extension)) => {
                    let refused = extension.refused.len() as u64;
                    let schema = Arc::new(extension.schema);
                    self.remember(destination, &table, &schema, seen.absent);
                    seen.log_injuries();
                    return Ok(seen.committed(table, schema, refused));
                }
                Ok(None) => conflicts = seen.conflicts,
                Err(error) => return Err(seen.name_injuries(error)),
            }
        }
        Err(LakeError::NoTableName { table_source: source.as_str().to_owned() })
    }

    /// Tries until the change is in this table; none if the table is another's.
    async fn commit_to(
        &self,
        table: &TableName,
        change: Change<'_>,
        tries: &mut Tries,
        seen: &mut Seen,
    ) -> Result<Option<Box<Extension>>, LakeError> {
        loop {
            let source = match self.try_commit(table, change, seen).await? {
                Try::Committed(extension) => return Ok(Some(extension)),
                Try::Taken => return Ok(None),
                Try::Again(source) => source,
            };
            seen.conflicts += u64::from(source.is_none());
            if !tries.pause().await {
                return Err(LakeError::Contended {
                    table: table.clone(),
                    tries: tries.failed(),
                    source,
                });
            }
        }
    }

    async fn try_commit(
        &self,
        table: &TableName,
        change: Change<'_>,
        seen: &mut Seen,
    ) -> Result<Try, LakeError> {
        let Change { destination, discovery, origin } = change;
        let Destination { table: source, rules, .. } = destination;
        let found = match unless_busy(self.catalog.table(table).await)? {
            Ok(found) => found,
            Err(busy) => return Ok(Try::Again(Some(busy))),
        };
        let current = match &found {
            Some(found) if found.value.source() != Some(source.as_str()) => return Ok(Try::Taken),
            Some(found) => {
                self.lies_here(&found.value)?;
                found.value.is_partitioned_by(&rules.partitions)?;
                found.value.clone()
            }
            None => {
                let location = table_location(&self.rules.database, table);
                TableEntry::new(table.clone(), source, location, &rules.partitions)
            }
        };
        let mut healed = current.heal()?;
        // One that was gone a moment ago is another table, made by us or others.
        if found.is_some()
            && !seen.absent
            && let Some(remembered) = self.remembered(source, table)
        {
            healed = healed.with_remembered(&remembered);
        }
        let extended = healed.extend(discovery, origin, rules);
        seen.absent |= found.is_none();
        seen.add(&extended);
        let commit = match found {
            Some(_) if !extended.is_changed() => Ok(Commit::Done),
            Some(found) => self.catalog.replace_table(&extended.entry, &found.version).await,
            None => self.catalog.create_table(&extended.entry).await,
        };
        Ok(match unless_busy(commit)? {
            Ok(Commit::Done) => Try::Committed(Box::new(extended.extension)),
            Ok(Commit::Conflict) => Try::Again(None),
            Err(busy) => Try::Again(Some(busy)),
        })
    }

    /// Makes sure that the quarantine table is there, and whole; says what had to be healed.
    pub(crate) async fn commit_quarantine(&self) -> Result<(TableName, Vec<Injury>), LakeError> {
        let name = TableName::quarantine();
        let mut seen = Seen::default();
        if self.quarantine_known.load(Ordering::Relaxed) {
            return Ok((name, Vec::new()));
        }
        let mut tries = self.rules.backoff.begin();
        loop {
            let source = match self.try_quarantine(&name, &mut seen).await {
                Ok(Ok(Commit::Done)) => {
                    self.quarantine_known.store(true, Ordering::Relaxed);
                    seen.log_injuries();
                    return Ok((name, seen.injuries.into_iter().collect()));
                }
                Ok(Ok(Commit::Conflict)) => None,
                Ok(Err(busy)) => Some(busy),
                Err(error) => return Err(seen.name_injuries(error)),
            };
            if !tries.pause().await {
                let contended = LakeError::Contended { table: name, tries: tries.failed(), source };
                return Err(seen.name_injuries(contended));
            }
        }
    }

    async fn try_quarantine(
        &self,
        name: &TableName,
        seen: &mut Seen,
    ) -> Result<Result<Commit, PortError>, LakeError> {
        let commit = match self.catalog.table(name).await {
            Ok(Some(found)) => {
                let HealedTable { entry, injuries, .. } = found.value.heal()?;
                entry.is_quarantine()?;
                self.lies_here(&entry)?;
                if injuries.is_empty() {
                    return Ok(Ok(Commit::Done));
                }
                seen.injuries.extend(injuries);
                self.catalog.replace_table(&entry, &found.version).await
            }
            Ok(None) => {
                let table = TableEntry::quarantine(table_location(&self.rules.database, name));
                self.catalog.create_table(&table).await
            }
            Err(error) => Err(error),
        };
        Ok(unless_busy(commit)?)
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

    /// What is remembered of this table, by whatever rules it was seen.
    fn remembered(&self, source: &TableSource, table: &TableName) -> Option<Arc<TableSchema>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(source).filter(|known| known.name == *table)?;
        Some(Arc::clone(&known.schema))
    }

    fn remember(
        &self,
        destination: &Destination,
        table: &TableName,
        schema: &Arc<TableSchema>,
        created: bool,
    ) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Destination { table: source, rules, .. } = destination;
        // A slower task must not forget what a faster one learned of the same table. One that was
        // dropped and made again is another table.
        let is_ahead = |old: &KnownTable| {
            let (before, now) = (old.schema.columns(), schema.columns());
            before.len() > now.len() && before.starts_with(now) && old.rules == *rules && !created
        };
        if !known.get(source).is_some_and(is_ahead) {
            let columns = |known: &KnownTable| known.schema.columns().len();
            if known.values().map(columns).sum::<usize>() >= COLUMNS_KNOWN_MAX {
                known.clear();
            }
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
