//! What follows a change of a table's schema: its unified view, an event, a line of its history.
//!
//! All of it follows from what the catalog holds, so it can be made good after a crash, and is, by
//! whoever comes next: the view by the first that reads the table in a new process, event and
//! history by the next attempt of the source that changed the table, which finds its own columns
//! there. What fails in a way that may pass fails the attempt, before its rows are written; the next
//! attempt finds the columns there and does what was left. A view that may not be written and a bus
//! that takes no event are named in warnings instead: what they say follows from the table, so rows
//! need not wait for it. Nothing is asked or written while nothing changes.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error as _,
    fmt,
    sync::{Mutex, PoisonError},
};

use alluvium_model::{
    DatabaseName, ErrorKind, Origin, PortError, SchemaChange, TableName, TableSchema,
    VIEW_TEXT_BYTES_MAX,
    layout::history_key,
    ports::{Commit, FoundView, PortResult, PublishEvents, ReadTables, ReplaceViews, WriteObjects},
};
use serde::Serialize;

use crate::{Backoff, IngestSettings, LakeError};

/// Bytes of JSON of one event at most: EventBridge takes 256 KB with all that belongs to an event
/// (AWS documentation, `PutEvents`).
const EVENT_BYTES_MAX: usize = 240_000;

/// Tables of which is remembered what was told, at most: a process may see any number. Of one that
/// is forgotten a change may be told again.
const TABLES_TOLD_MAX: usize = 64;

/// Tables whose old views are remembered, at most. One that is forgotten has a view that shows it as
/// it was, until a column of it gets siblings.
const TABLES_ANEW_MAX: usize = 1_000;

/// Something that was left undone, and does no harm to data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "warning")]
pub enum Warning {
    /// A table or somebody's view has the name of the unified view.
    ViewNameTaken {
        /// The name.
        view: TableName,
    },
    /// The catalog does not take a view with so many columns and so long names.
    ViewTooLarge {
        /// The name of the view.
        view: TableName,
        /// What its text takes, in bytes.
        bytes: usize,
    },
    /// The catalog refuses to read or write the view.
    ViewFailed {
        /// The name of the view.
        view: TableName,
        /// What it says.
        message: String,
    },
    /// The event bus refuses to be told of a change.
    EventFailed {
        /// The table that changed.
        table: TableName,
        /// What it says.
        message: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ViewNameTaken { view } => {
                write!(f, "{view} is not a view of ours and was left as it is")
            }
            Self::ViewTooLarge { view, bytes } => write!(
                f,
                "the text of the view {view} takes {bytes} bytes, more than the {VIEW_TEXT_BYTES_MAX} of the catalog; it was left as it is"
            ),
            Self::ViewFailed { view, message } => {
                write!(f, "the view {view} is not up to date: {message}")
            }
            Self::EventFailed { table, message } => {
                write!(f, "nobody was told that table {table} changed: {message}")
            }
        }
    }
}

/// Nobody is told: who works on a directory looks into the history.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSubscribers;

impl PublishEvents for NoSubscribers {
    async fn publish(&self, _: &SchemaChange) -> PortResult<()> {
        Ok(())
    }
}

/// Follows the schemas of one lake's tables, and remembers how far it did.
#[derive(Debug)]
pub(crate) struct Followers<C, E> {
    catalog: C,
    events: E,
    database: DatabaseName,
    backoff: Backoff,
    /// How many data columns a table had when its view was seen to be right.
    viewed: Mutex<BTreeMap<TableName, usize>>,
    /// Tables that may have the view of an earlier table of their name, or had it when they were
    /// made: it goes with them although they do not need it.
    anew: Mutex<BTreeSet<TableName>>,
    /// What each source that changed a table is known to have been told of.
    told: Mutex<BTreeMap<TableName, Vec<SchemaChange>>>,
}

impl<C: Clone, E> Followers<C, E> {
    pub(crate) fn new(catalog: &C, settings: &IngestSettings, events: E) -> Self {
        Self {
            catalog: catalog.clone(),
            events,
            database: settings.database.clone(),
            backoff: settings.backoff,
            viewed: Mutex::default(),
            anew: Mutex::default(),
            told: Mutex::default(),
        }
    }
}

impl<C, E> Followers<C, E> {
    pub(crate) fn telling<F>(self, events: F) -> Followers<C, F> {
        let Self { catalog, database, backoff, viewed, anew, told, .. } = self;
        Followers { catalog, events, database, backoff, viewed, anew, told }
    }

    /// Forgets a table that was dropped; one of its name has to look for the view it left behind.
    pub(crate) fn forget(&self, table: &TableName) {
        let mut anew = self.anew.lock().unwrap_or_else(PoisonError::into_inner);
        if anew.len() >= TABLES_ANEW_MAX {
            anew.clear();
        }
        anew.insert(table.clone());
        drop(anew);
        self.viewed.lock().unwrap_or_else(PoisonError::into_inner).remove(table);
        self.told.lock().unwrap_or_else(PoisonError::into_inner).remove(table);
    }
}

impl<C: ReadTables + ReplaceViews, E: PublishEvents> Followers<C, E> {
    /// Does what is left to do for a table with this schema, seen with a source from `origin`.
    pub(crate) async fn follow(
        &self,
        table: &TableName,
        schema: &TableSchema,
        origin: &Origin,
        objects: &impl WriteObjects,
    ) -> Result<Vec<Warning>, LakeError> {
        let untold = self.tell(table, schema, origin, objects).await?;
        let columns = schema.columns().len();
        let needs_view = schema.has_siblings() || self.is_anew(table);
        if !needs_view || self.viewed_columns(table) >= Some(columns) {
            return Ok(untold.into_iter().collect());
        }
        let unviewed = match self.renew_view(table, schema.has_siblings()).await {
            Err(LakeError::Port(error)) if error.kind() != ErrorKind::Retry => {
                let (view, message) = (table.unified(), said(&error));
                Some(Warning::ViewFailed { view, message })
            }
            outcome => outcome?,
        };
        let mut viewed = self.viewed.lock().unwrap_or_else(PoisonError::into_inner);
        let known = viewed.entry(table.clone()).or_default();
        *known = columns.max(*known);
        Ok(untold.into_iter().chain(unviewed).collect())
    }

    fn is_anew(&self, table: &TableName) -> bool {
        self.anew.lock().unwrap_or_else(PoisonError::into_inner).contains(table)
    }

    fn viewed_columns(&self, table: &TableName) -> Option<usize> {
        self.viewed.lock().unwrap_or_else(PoisonError::into_inner).get(table).copied()
    }

    /// Makes the view that of the table as it is now.
    ///
    /// First the view is read, then the table. So the table is at least as new as the one that the
    /// view was made for, and a slow writer cannot replace a newer view: that has another version.
    /// Of a table without siblings it is only replaced if it is there.
    async fn renew_view(
        &self,
        table: &TableName,
        needed: bool,
    ) -> Result<Option<Warning>, LakeError> {
        let mut tries = self.backoff.begin();
        loop {
            let found = self.backoff.retry(|| self.catalog.unified_view(table)).await?;
            if !needed && !matches!(found, FoundView::Ours(_)) {
                self.anew.lock().unwrap_or_else(PoisonError::into_inner).remove(table);
                return Ok(None);
            }
            let current = self.backoff.retry(|| self.catalog.table(table)).await?;
            // Dropped since; whoever makes it again begins anew.
            let Some(current) = current else { return Ok(None) };
            let view = current.value.view(&self.database)?;
            let bytes = view.presto_text().len();
            if bytes > VIEW_TEXT_BYTES_MAX {
                return Ok(Some(Warning::ViewTooLarge { view: view.name, bytes }));
            }
            let commit = match found {
                FoundView::Foreign => {
                    return Ok(Some(Warning::ViewNameTaken { view: view.name }));
                }
                FoundView::Ours(found) if found.value == view => return Ok(None),
                FoundView::Ours(found) => self.catalog.replace_view(&view, &found.version).await,
                FoundView::Nothing => self.catalog.create_view(&view).await,
            };
            let source = match commit {
                Ok(Commit::Done) => return Ok(None),
                Ok(Commit::Conflict) => None,
                // The next look tells whether it was done.
                Err(error) if error.kind() == ErrorKind::Retry => Some(error),
                Err(error) => return Err(error.into()),
            };
            if !tries.pause().await {
                let (table, tries) = (view.name, tries.failed());
                return Err(LakeError::Contended { table, tries, source });
            }
        }
    }

    /// Tells what the source changed of the table, if that was not told before. A bus that refuses
    /// refuses the next attempt as well; the history is written all the same.
    async fn tell(
        &self,
        table: &TableName,
        schema: &TableSchema,
        origin: &Origin,
        objects: &impl WriteObjects,
    ) -> Result<Option<Warning>, LakeError> {
        let Some(change) = SchemaChange::of(&self.database, table, schema, origin) else {
            return Ok(None);
        };
        let new = match self.told_of(&change) {
            Some(told) => change.beyond(&told),
            None => Some(change.clone()),
        };
        let Some(new) = new else { return Ok(None) };
        let warning = self.publish(&new).await?;
        let key = history_key(&self.database, table, origin);
        self.backoff.retry(|| objects.put_object(&key, change.line())).await?;
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= TABLES_TOLD_MAX && !told.contains_key(table) {
            told.clear();
        }
        let of_table = told.entry(table.clone()).or_default();
        of_table.retain(|other| !other.is_of_source(&change));
        of_table.push(change);
        Ok(warning)
    }

    async fn publish(&self, change: &SchemaChange) -> Result<Option<Warning>, LakeError> {
        for event in change.in_pieces(EVENT_BYTES_MAX) {
            match self.backoff.retry(|| self.events.publish(&event)).await {
                Err(error) if error.kind() != ErrorKind::Retry => {
                    let (table, message) = (change.table.clone(), said(&error));
                    return Ok(Some(Warning::EventFailed { table, message }));
                }
                outcome => outcome?,
            }
        }
        Ok(None)
    }

    fn told_of(&self, change: &SchemaChange) -> Option<SchemaChange> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.get(&change.table)?.iter().find(|other| other.is_of_source(change)).cloned()
    }
}

/// What a port says, with its cause.
fn said(error: &PortError) -> String {
    let because = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{because}")
}
