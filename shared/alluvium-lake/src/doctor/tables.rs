//! One table: the partitions that its pointers, the catalog and the ledger know.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
};

use alluvium_model::{
    PartitionKey, TableEntry, TableName,
    layout::{
        ObjectKey, all_pointers, partition_of_pointer, pointers, source_of_file, table_location,
    },
    ports::{ListObjects, ReadObjects, ReadPartitions, ReadTables},
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{
    Diagnosis, Doctor, Inconsistency, Scope,
    partitions::{Examined, Partition},
    sources::Sources,
};
use crate::LakeError;

/// Partitions that are looked at at once; each makes several calls at once.
const PARTITIONS_AT_ONCE: usize = 4;

/// The pointers of a table as they were listed.
#[derive(Default)]
struct Pointers {
    of: BTreeSet<PartitionKey>,
    not_understood: Vec<ObjectKey>,
}

impl<C, O> Doctor<C, O>
where
    C: ReadTables + ReadPartitions,
    O: ListObjects + ReadObjects,
{
    /// The tables to look at: those in the catalog, and those that were.
    pub(super) async fn tables(
        &self,
        scope: &Scope<'_>,
        sources: &Sources,
        diagnosis: &mut Diagnosis,
    ) -> Result<BTreeSet<TableName>, LakeError> {
        if !scope.tables.is_empty() {
            return Ok(scope.tables.iter().cloned().collect());
        }
        let mut tables: BTreeSet<_> = sources.files.keys().cloned().collect();
        let location = all_pointers(&self.database);
        for entry in self.backoff.retry(|| self.objects.list_objects(&location)).await? {
            match table_of_pointer(&entry.key, location.as_str()) {
                Some(table) => {
                    tables.insert(table);
                }
                None => diagnosis.add(no_pointer(entry.key)),
            }
        }
        tables.extend(self.backoff.retry(|| self.catalog.table_names()).await?);
        Ok(tables)
    }

    /// Looks at a table. Its pointers are listed before the catalog is asked: a partition is
    /// registered before it has a pointer.
    pub(super) async fn examine_table(
        &self,
        table: &TableName,
        (sources, scope): (&mut Sources, &Scope<'_>),
        diagnosis: &mut Diagnosis,
    ) -> Result<(), LakeError> {
        let pointers = self.pointers(table).await?;
        let named = sources.files.remove(table).unwrap_or_default();
        let here = table_location(&self.database, table);
        let found = self.backoff.retry(|| self.catalog.table(table)).await?.map(|f| f.value);
        let entry = match found {
            Some(entry) if is_ours(&entry) => entry,
            None if scope.has_named(table) && pointers.is_empty() && named.is_empty() => {
                return Err(LakeError::NoTable { table: table.clone() });
            }
            None | Some(_) => {
                return self.without_table(table, &pointers, named.len(), diagnosis).await;
            }
        };
        if entry.location != here {
            if !scope.has_named(table) {
                return Ok(());
            }
            let (table, found, expected) = (table.clone(), entry.location, here);
            return Err(LakeError::Elsewhere { table, found, expected });
        }
        diagnosis.looked_at.tables += 1;
        let partitions = self.partitions(&entry, pointers, named, diagnosis).await?;
        diagnosis.looked_at.partitions += partitions.len();
        let examine = |partition| self.examine_partition(table, partition, (&*sources, scope));
        let examined = stream::iter(partitions.into_iter().map(examine));
        let mut examined = pin!(examined.buffered(PARTITIONS_AT_ONCE));
        let mut doubts = Vec::new();
        while let Some(Examined { diagnosis: of_partition, doubt }) = examined.try_next().await? {
            diagnosis.append(of_partition);
            doubts.extend(doubt);
        }
        if doubts.is_empty() {
            return Ok(());
        }
        let partitions = self.backoff.retry(|| self.catalog.partitions(table)).await?;
        let partitions: BTreeMap<_, _> =
            partitions.into_iter().map(|partition| (partition.key, partition.location)).collect();
        for doubt in doubts {
            let in_catalog = partitions.get(doubt.key());
            if let Some(finding) = self.confirm(table, doubt, in_catalog).await? {
                diagnosis.add(finding);
            }
        }
        Ok(())
    }

    async fn pointers(&self, table: &TableName) -> Result<Pointers, LakeError> {
        let location = pointers(&self.database, table);
        let mut found = Pointers::default();
        for entry in self.backoff.retry(|| self.objects.list_objects(&location)).await? {
            match partition_of_pointer(&self.database, &entry.key) {
                Some((_, partition)) => {
                    found.of.insert(partition);
                }
                None => found.not_understood.push(entry.key),
            }
        }
        Ok(found)
    }

    /// Judges a table that the catalog does not have, or not as one of ours.
    async fn without_table(
        &self,
        table: &TableName,
        pointers: &Pointers,
        named: usize,
        diagnosis: &mut Diagnosis,
    ) -> Result<(), LakeError> {
        if pointers.is_empty() && named == 0 {
            return Ok(());
        }
        let location = table_location(&self.database, table);
        let listed = self.backoff.retry(|| self.objects.list_objects(&location)).await?;
        let files = listed.iter().filter(|entry| source_of_file(&entry.key).is_some()).count();
        if pointers.is_empty() && files == 0 {
            diagnosis.partitions_dropped += named;
            return Ok(());
        }
        diagnosis.add(Inconsistency::TableGone {
            table: table.clone(),
            location,
            files,
            pointers_at: alluvium_model::layout::pointers(&self.database, table),
            pointers: pointers.of.len() + pointers.not_understood.len(),
        });
        Ok(())
    }

    /// All partitions of a table that anything knows of.
    async fn partitions(
        &self,
        table: &TableEntry,
        pointers: Pointers,
        mut named: BTreeMap<PartitionKey, Vec<String>>,
        diagnosis: &mut Diagnosis,
    ) -> Result<Vec<Partition>, LakeError> {
        for key in pointers.not_understood {
            diagnosis.add(no_pointer(key));
        }
        let columns: Vec<_> = table.partition_columns.iter().map(|c| c.name.as_str()).collect();
        let listed = self.backoff.retry(|| self.catalog.partitions(&table.name)).await?;
        let mut in_catalog: BTreeMap<_, _> =
            listed.into_iter().map(|partition| (partition.key, partition.location)).collect();
        let known = in_catalog.keys().chain(&pointers.of).chain(named.keys());
        let keys: BTreeSet<_> = known.cloned().collect();
        let partition = |key: PartitionKey| Partition {
            in_catalog: in_catalog.remove(&key),
            listed: pointers.of.contains(&key),
            fits: key.values().map(|(name, _)| name.as_str()).eq(columns.iter().copied()),
            named: named.remove(&key).unwrap_or_default(),
            key,
        };
        Ok(keys.into_iter().map(partition).collect())
    }
}

impl Pointers {
    fn is_empty(&self) -> bool {
        self.of.is_empty() && self.not_understood.is_empty()
    }
}

/// Whether a table of the catalog is one that Alluvium made.
pub(crate) fn is_ours(table: &TableEntry) -> bool {
    let is_quarantine = table.name == TableName::quarantine() && table.is_quarantine().is_ok();
    table.source().is_some() || is_quarantine
}

fn table_of_pointer(key: &ObjectKey, location: &str) -> Option<TableName> {
    key.as_str().strip_prefix(location)?.split_once('/')?.0.parse().ok()
}

fn no_pointer(pointer: ObjectKey) -> Inconsistency {
    let message = "its name is that of no partition".to_owned();
    Inconsistency::PointerNotUnderstood { pointer, message }
}
