//! What a lake holds, as its catalog tells.

use std::collections::{BTreeMap, BTreeSet};

use alluvium_model::{
    HealedTable, PartitionEntry, PartitionKey, TableEntry, TableName,
    layout::ObjectKey,
    ports::{ListObjects, ObjectEntry, ReadPartitions, ReadTables},
};
use serde::Serialize;

use crate::LakeError;

/// A table in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableSummary {
    /// Its name.
    pub table: TableName,
    /// Its columns, those in the paths left out.
    pub columns: usize,
    /// Its partitions.
    pub partitions: usize,
    /// Its files.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// Looks at a lake the way a reader does: tables, then partitions, then what lies there.
#[derive(Clone, Debug)]
pub struct Browse<C, O> {
    catalog: C,
    objects: O,
}

impl<C: ReadTables + ReadPartitions, O: ListObjects> Browse<C, O> {
    /// A look at the lake of these ports.
    pub const fn new(catalog: C, objects: O) -> Self {
        Self { catalog, objects }
    }

    /// All tables.
    ///
    /// # Errors
    /// When the catalog or a listing fails.
    pub async fn tables(&self) -> Result<Vec<TableSummary>, LakeError> {
        let mut summaries = Vec::new();
        for name in self.catalog.table_names().await? {
            let columns = self.table(&name).await?.columns.len();
            let partitions = self.catalog.partitions(&name).await?;
            let files = self.files_of(&partitions).await?;
            summaries.push(TableSummary {
                table: name,
                columns,
                partitions: partitions.len(),
                files: files.len(),
                bytes: files.iter().map(|file| file.bytes).sum(),
            });
        }
        Ok(summaries)
    }

    /// A table as the catalog keeps it, but healed.
    ///
    /// # Errors
    /// When there is none, nothing tells what a column of it held, or the catalog fails.
    pub async fn table(&self, name: &TableName) -> Result<TableEntry, LakeError> {
        Ok(self.healed_table(name).await?.entry)
    }

    /// The same with what somebody did to it by hand.
    ///
    /// # Errors
    /// Like [`Browse::table`].
    pub async fn healed_table(&self, name: &TableName) -> Result<HealedTable, LakeError> {
        let found = self.catalog.table(name).await?;
        let found = found.ok_or_else(|| LakeError::NoTable { table: name.clone() })?;
        Ok(found.value.heal()?)
    }

    /// The files that readers of a table see.
    ///
    /// # Errors
    /// When there is no such table, or the catalog or a listing fails.
    pub async fn files(&self, name: &TableName) -> Result<Vec<ObjectEntry>, LakeError> {
        self.table(name).await?;
        self.files_of(&self.catalog.partitions(name).await?).await
    }

    /// The files of the partitions of a table that `keep` names, each with its partition.
    pub(crate) async fn files_where(
        &self,
        name: &TableName,
        keep: impl Fn(&PartitionKey) -> bool,
    ) -> Result<BTreeMap<ObjectKey, PartitionKey>, LakeError> {
        let mut files = BTreeMap::new();
        for PartitionEntry { key, location } in self.catalog.partitions(name).await? {
            if keep(&key) {
                let listed = self.objects.list_objects(&location).await?;
                files.extend(listed.into_iter().map(|entry| (entry.key, key.clone())));
            }
        }
        Ok(files)
    }

    async fn files_of(&self, partitions: &[PartitionEntry]) -> Result<Vec<ObjectEntry>, LakeError> {
        let mut files = BTreeSet::new();
        for partition in partitions {
            files.extend(self.objects.list_objects(&partition.location).await?);
        }
        Ok(files.into_iter().collect())
    }
}
