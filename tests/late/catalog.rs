//! A catalog over the same network: a partition may be moved by somebody who is gone.

use alluvium_model::{
    PartitionEntry, PartitionKey, TableEntry, TableName, Version, Versioned, ViewEntry,
    ports::{
        Commit, CommitTables, FindPartitions, FoundView, MovePartitions, Moved, PortResult,
        ReadPartitions, ReadTables, RegisterPartitions, Registered, ReplaceViews,
    },
};
use alluvium_testkit::MemoryCatalog;

use super::{Effect, LateObjects};

/// A catalog over a network. Clones share both.
#[derive(Clone, Debug)]
pub struct LateCatalog {
    /// The catalog.
    pub catalog: MemoryCatalog,
    /// The network.
    pub network: LateObjects,
}

impl MovePartitions for LateCatalog {
    async fn move_partitions(
        &self,
        table: &TableName,
        partitions: &[PartitionEntry],
    ) -> PortResult<Vec<Moved>> {
        let keys: Vec<_> = partitions.iter().map(|partition| partition.key.clone()).collect();
        let found = self.catalog.find_partitions(table, &keys).await?;
        let mut moved = Vec::new();
        for (partition, found) in partitions.iter().zip(found) {
            if found.is_none() {
                moved.push(Moved::Absent);
                continue;
            }
            let to = Effect::Move(self.catalog.clone(), table.clone(), partition.clone());
            self.network.send(to).await;
            moved.push(Moved::Done);
        }
        Ok(moved)
    }
}

impl FindPartitions for LateCatalog {
    async fn find_partitions(
        &self,
        table: &TableName,
        keys: &[PartitionKey],
    ) -> PortResult<Vec<Option<PartitionEntry>>> {
        self.catalog.find_partitions(table, keys).await
    }
}

impl ReadPartitions for LateCatalog {
    async fn partitions(&self, table: &TableName) -> PortResult<Vec<PartitionEntry>> {
        self.catalog.partitions(table).await
    }
}

impl RegisterPartitions for LateCatalog {
    async fn create_partitions(
        &self,
        table: &TableName,
        partitions: &[PartitionEntry],
    ) -> PortResult<Vec<Registered>> {
        self.catalog.create_partitions(table, partitions).await
    }
}

impl ReadTables for LateCatalog {
    async fn table(&self, name: &TableName) -> PortResult<Option<Versioned<TableEntry>>> {
        self.catalog.table(name).await
    }

    async fn table_names(&self) -> PortResult<Vec<TableName>> {
        self.catalog.table_names().await
    }
}

impl CommitTables for LateCatalog {
    async fn create_table(&self, table: &TableEntry) -> PortResult<Commit> {
        self.catalog.create_table(table).await
    }

    async fn replace_table(&self, table: &TableEntry, version: &Version) -> PortResult<Commit> {
        self.catalog.replace_table(table, version).await
    }
}

impl ReplaceViews for LateCatalog {
    async fn unified_view(&self, table: &TableName) -> PortResult<FoundView> {
        self.catalog.unified_view(table).await
    }

    async fn create_view(&self, view: &ViewEntry) -> PortResult<Commit> {
        self.catalog.create_view(view).await
    }

    async fn replace_view(&self, view: &ViewEntry, version: &Version) -> PortResult<Commit> {
        self.catalog.replace_view(view, version).await
    }
}
