//! What only swaps of partitions need of a lake of either kind.

use std::ops::Range;

use alluvium_model::{
    PartitionEntry, PartitionKey, TableName,
    layout::ObjectKey,
    ports::{
        Copied, CopyObjects, Dated, DropPartitions, FindPartitions, MovePartitions, Moved,
        PortResult, ReadDated, ReadRanges,
    },
};
use bytes::Bytes;

use super::{Catalog, Objects};

impl CopyObjects for Objects {
    async fn copy_object(&self, from: &ObjectKey, to: &ObjectKey) -> PortResult<Copied> {
        match self {
            Self::Local(objects) => objects.copy_object(from, to).await,
            Self::S3(objects) => objects.copy_object(from, to).await,
        }
    }
}

impl ReadRanges for Objects {
    async fn object_range(&self, key: &ObjectKey, range: Range<u64>) -> PortResult<Option<Bytes>> {
        match self {
            Self::Local(objects) => objects.object_range(key, range).await,
            Self::S3(objects) => objects.object_range(key, range).await,
        }
    }
}

impl ReadDated for Objects {
    async fn dated_object(&self, key: &ObjectKey) -> PortResult<Option<Dated<Bytes>>> {
        match self {
            Self::Local(objects) => objects.dated_object(key).await,
            Self::S3(objects) => objects.dated_object(key).await,
        }
    }
}

impl FindPartitions for Catalog {
    async fn find_partitions(
        &self,
        table: &TableName,
        keys: &[PartitionKey],
    ) -> PortResult<Vec<Option<PartitionEntry>>> {
        match self {
            Self::Local(catalog) => catalog.find_partitions(table, keys).await,
            Self::Glue(catalog) => catalog.find_partitions(table, keys).await,
        }
    }
}

impl MovePartitions for Catalog {
    async fn move_partitions(
        &self,
        table: &TableName,
        partitions: &[PartitionEntry],
    ) -> PortResult<Vec<Moved>> {
        match self {
            Self::Local(catalog) => catalog.move_partitions(table, partitions).await,
            Self::Glue(catalog) => catalog.move_partitions(table, partitions).await,
        }
    }
}

impl DropPartitions for Catalog {
    async fn drop_partitions(&self, table: &TableName, keys: &[PartitionKey]) -> PortResult<()> {
        match self {
            Self::Local(catalog) => catalog.drop_partitions(table, keys).await,
            Self::Glue(catalog) => catalog.drop_partitions(table, keys).await,
        }
    }
}
