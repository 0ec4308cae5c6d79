//! Deleting what attempts by other plans left of a source.
//!
//! This happens only after another plan took the place of theirs, or the source was gone, and the
//! settle time has passed: in normal life nothing is ever swept.

use alluvium_model::{
    DatabaseName, Pointer, TableName, TableSource, Versioned,
    layout::{ObjectKey, pointers, source_of_file},
    ports::{
        CommitObjects, DeleteObjects, ListObjects, ObjectEntry, ReadObjects, ReadTables, TellTime,
    },
};

use crate::{
    Backoff, Deadline, LakeError,
    ledger::{Found, Gone, Ledger, Sweep},
    pointers::at_once,
    state,
};

/// Deletes files of sources.
#[derive(Debug)]
pub(crate) struct Sweeper<C, O> {
    pub(crate) catalog: C,
    pub(crate) objects: O,
    pub(crate) database: DatabaseName,
    pub(crate) backoff: Backoff,
}

impl<C: ReadTables, O: ListObjects + ReadObjects + DeleteObjects> Sweeper<C, O> {
    /// Deletes the files of a source that are not of the plan to keep, wherever they lie in the
    /// tables that it may have gone to; how many there were.
    pub(crate) async fn sweep(&self, sweep: &Sweep) -> Result<usize, LakeError> {
        let mut swept = 0;
        for table in self.backoff.retry(|| self.catalog.table_names()).await? {
            if !sweep.concerns(&table) {
                continue;
            }
            let location = pointers(&self.database, &table);
            let listed = self.backoff.retry(|| self.objects.list_objects(&location)).await?;
            let partition = |pointer: ObjectEntry| self.sweep_partition(sweep, pointer.key);
            swept += at_once(listed.into_iter().map(partition)).await?.iter().sum::<usize>();
        }
        Ok(swept)
    }

    /// The same in the locations that a pointer names.
    async fn sweep_partition(&self, sweep: &Sweep, key: ObjectKey) -> Result<usize, LakeError> {
        let mut swept = 0;
        // One that was removed since it was listed names nothing.
        let Some(found) = self.backoff.retry(|| self.objects.object(&key)).await? else {
            return Ok(swept);
        };
        let pointer: Versioned<Pointer> = state::understand(&key, found)?;
        for location in pointer.value.locations() {
            let listed = self.backoff.retry(|| self.objects.list_objects(location)).await?;
            let keys = listed.into_iter().map(|entry| entry.key);
            let keys: Vec<_> = keys.filter(|key| sweep.hits(key)).collect();
            if !keys.is_empty() {
                self.backoff.retry(|| self.objects.delete_objects(&keys)).await?;
            }
            swept += keys.len();
        }
        Ok(swept)
    }
}

impl<C, O> Sweeper<C, O>
where
    C: ReadTables,
    O: ListObjects + DeleteObjects + ReadObjects + CommitObjects + TellTime,
{
    /// Says in the ledger that a source is gone, and sweeps what was written of it as soon as
    /// nobody can write any more.
    ///
    /// # Errors
    /// As `Retry` until then.
    pub(crate) async fn supersede(
        &self,
        ledger: &Ledger<O>,
        (found, source): (Found, &str),
        deadline: Deadline,
    ) -> Result<Gone, LakeError> {
        let gone = deadline.call(ledger.supersede(found, source)).await?;
        let Gone::After(sweep, found) = gone else { return Ok(gone) };
        let swept = deadline.call(self.sweep(&sweep)).await?;
        tracing::info!(source, swept, "files of a source that is gone are gone, too");
        deadline.call(ledger.superseded(*found)).await
    }
}

impl Sweep {
    /// Whether files may lie in this table: bad records go to quarantine, and a route leads to
    /// tables that are called like the one they are routed from, and more.
    pub(crate) fn concerns(&self, table: &TableName) -> bool {
        let mut stems = self.tables.iter().map(|source| TableSource::new(source.as_str()).stem());
        *table == TableName::quarantine() || stems.any(|stem| table.as_str().starts_with(&stem))
    }

    fn hits(&self, key: &ObjectKey) -> bool {
        source_of_file(key)
            .is_some_and(|(source, plan)| source == self.id && Some(plan) != self.keep)
    }
}
