//! Where the files of a partition go.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use alluvium_model::{
    DatabaseName, PartitionEntry, PartitionKey, TableName,
    layout::{Location, first_generation},
    ports::{RegisterPartitions, Registered},
};

use crate::{Backoff, LakeError};

/// Partitions that are remembered, more or less: a process may see any number. Those that are
/// forgotten are registered again.
const KNOWN_MAX: usize = 50_000;

/// Opens partitions for writing, and remembers which are registered.
///
/// Until swaps exist a partition has one generation, so its location is known without asking.
/// With them the location comes from the partition's pointer, and this is the place to read it.
#[derive(Debug)]
pub(crate) struct Partitions<C> {
    catalog: C,
    database: DatabaseName,
    backoff: Backoff,
    registered: Mutex<BTreeSet<(TableName, PartitionKey)>>,
}

impl<C: RegisterPartitions> Partitions<C> {
    pub(crate) fn new(catalog: C, database: DatabaseName, backoff: Backoff) -> Self {
        Self { catalog, database, backoff, registered: Mutex::default() }
    }

    /// Registers partitions if need be; says where the files of each go, in order, and how many
    /// are new.
    pub(crate) async fn open(
        &self,
        table: &TableName,
        keys: &[PartitionKey],
    ) -> Result<(Vec<Location>, u64), LakeError> {
        let location = |key: &PartitionKey| first_generation(&self.database, table, key);
        let entry =
            |key: &PartitionKey| PartitionEntry { key: key.clone(), location: location(key) };
        let unknown: Vec<_> =
            keys.iter().filter(|key| !self.is_known(table, key)).map(entry).collect();
        let mut new = 0;
        if !unknown.is_empty() {
            let create = || self.catalog.create_partitions(table, &unknown);
            let registered = self.backoff.retry(create).await?;
            new = registered.iter().filter(|one| **one == Registered::New).count() as u64;
            let ids = unknown.into_iter().map(|partition| (table.clone(), partition.key));
            let mut known = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= KNOWN_MAX {
                known.clear();
            }
            known.extend(ids);
        }
        Ok((keys.iter().map(location).collect(), new))
    }

    /// Forgets the partitions of a table, so that they are registered again.
    pub(crate) fn forget(&self, table: &TableName) {
        let mut registered = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
        registered.retain(|(name, _)| name != table);
    }

    fn is_known(&self, table: &TableName, key: &PartitionKey) -> bool {
        let id = (table.clone(), key.clone());
        self.registered.lock().unwrap_or_else(PoisonError::into_inner).contains(&id)
    }
}
