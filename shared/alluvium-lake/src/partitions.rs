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

    /// Registers a partition if need be; says where its files go, and whether it is new.
    pub(crate) async fn open(
        &self,
        table: &TableName,
        key: &PartitionKey,
    ) -> Result<(Location, Registered), LakeError> {
        let location = first_generation(&self.database, table, key);
        let id = (table.clone(), key.clone());
        if self.registered.lock().unwrap_or_else(PoisonError::into_inner).contains(&id) {
            return Ok((location, Registered::Before));
        }
        let partition = PartitionEntry { key: key.clone(), location: location.clone() };
        let create = || self.catalog.create_partition(table, &partition);
        let registered = self.backoff.retry(create).await?;
        self.registered.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        Ok((location, registered))
    }
}
