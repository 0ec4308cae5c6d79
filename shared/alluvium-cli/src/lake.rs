//! A lake in a directory or in S3, behind the same ports.

mod swap_ports;

use std::path;

use alluvium_aws::{Aws, EventBus, GlueCatalog, LakeRoot, S3Objects};
use alluvium_lake::NoSubscribers;
use alluvium_local::{LocalCatalog, LocalObjects};
use alluvium_model::{
    PartitionEntry, SchemaChange, TableEntry, TableName, UtcInstant, Version, Versioned, ViewEntry,
    layout::{Location, ObjectKey},
    ports::{
        Commit, CommitObjects, CommitTables, DeleteObjects, FoundView, ListObjects, ObjectEntry,
        PortResult, PublishEvents, Put, ReadObjects, ReadPartitions, ReadTables,
        RegisterPartitions, Registered, ReplaceViews, Reread, TellTime, WriteObjects,
    },
};
use anyhow::{Context as _, bail};
use bytes::Bytes;

use crate::{args::Lake, output::UsageError};

/// A catalog of either kind.
#[derive(Clone, Debug)]
pub(crate) enum Catalog {
    Local(LocalCatalog),
    Glue(GlueCatalog),
}

/// The objects of a lake of either kind.
#[derive(Clone, Debug)]
pub(crate) enum Objects {
    Local(LocalObjects),
    S3(S3Objects),
}

/// Whoever is told what changes of the tables of a lake.
#[derive(Clone, Debug)]
pub(crate) enum Subscribers {
    None(NoSubscribers),
    Bus(EventBus),
}

impl Lake {
    /// The event bus of that name for a lake in S3; an empty name, or a directory, tells nobody.
    pub(crate) async fn subscribers(&self, bus: &str) -> Result<Subscribers, UsageError> {
        if bus.is_empty() || !self.place.contains("://") {
            return Ok(Subscribers::None(NoSubscribers));
        }
        let name = bus.parse().map_err(UsageError::NotABus)?;
        Ok(Subscribers::Bus(EventBus::new(&Aws::from_environment().await, Some(name))))
    }

    /// Opens a lake that must be there.
    pub(crate) async fn open(&self) -> anyhow::Result<(Catalog, Objects)> {
        let lake = self.open_or_create().await?;
        if matches!(lake.0, Catalog::Local(_)) && !path::Path::new(&self.place).is_dir() {
            bail!("there is no lake in {}", self.place);
        }
        Ok(lake)
    }

    /// Opens a lake; a directory comes to be when something is written. Bucket and database must
    /// be there.
    pub(crate) async fn open_or_create(&self) -> Result<(Catalog, Objects), UsageError> {
        if !self.place.contains("://") {
            let catalog = LocalCatalog::new(&self.place, &self.database);
            let objects = LocalObjects::new(&self.place);
            return Ok((Catalog::Local(catalog), Objects::Local(objects)));
        }
        let root: LakeRoot = self.place.parse().map_err(UsageError::NotALake)?;
        let aws = Aws::from_environment().await;
        let catalog = GlueCatalog::new(&aws, self.database.clone(), root.clone());
        Ok((Catalog::Glue(catalog), Objects::S3(S3Objects::new(&aws, root))))
    }
}

impl Objects {
    /// Where others find an object: an absolute path or a URI.
    pub(crate) fn place(&self, key: &ObjectKey) -> anyhow::Result<String> {
        match self {
            Self::S3(objects) => Ok(objects.uri(key)),
            Self::Local(objects) => {
                let path = path::absolute(objects.path(key))?;
                let text = path.to_str();
                Ok(text.with_context(|| format!("{} is not UTF-8", path.display()))?.to_owned())
            }
        }
    }
}

impl ReadTables for Catalog {
    async fn table(&self, name: &TableName) -> PortResult<Option<Versioned<TableEntry>>> {
        match self {
            Self::Local(catalog) => catalog.table(name).await,
            Self::Glue(catalog) => catalog.table(name).await,
        }
    }

    async fn table_names(&self) -> PortResult<Vec<TableName>> {
        match self {
            Self::Local(catalog) => catalog.table_names().await,
            Self::Glue(catalog) => catalog.table_names().await,
        }
    }
}

impl CommitTables for Catalog {
    async fn create_table(&self, table: &TableEntry) -> PortResult<Commit> {
        match self {
            Self::Local(catalog) => catalog.create_table(table).await,
            Self::Glue(catalog) => catalog.create_table(table).await,
        }
    }

    async fn replace_table(&self, table: &TableEntry, version: &Version) -> PortResult<Commit> {
        match self {
            Self::Local(catalog) => catalog.replace_table(table, version).await,
            Self::Glue(catalog) => catalog.replace_table(table, version).await,
        }
    }
}

impl ReplaceViews for Catalog {
    async fn unified_view(&self, table: &TableName) -> PortResult<FoundView> {
        match self {
            Self::Local(catalog) => catalog.unified_view(table).await,
            Self::Glue(catalog) => catalog.unified_view(table).await,
        }
    }

    async fn create_view(&self, view: &ViewEntry) -> PortResult<Commit> {
        match self {
            Self::Local(catalog) => catalog.create_view(view).await,
            Self::Glue(catalog) => catalog.create_view(view).await,
        }
    }

    async fn replace_view(&self, view: &ViewEntry, version: &Version) -> PortResult<Commit> {
        match self {
            Self::Local(catalog) => catalog.replace_view(view, version).await,
            Self::Glue(catalog) => catalog.replace_view(view, version).await,
        }
    }
}

impl PublishEvents for Subscribers {
    async fn publish(&self, change: &SchemaChange) -> PortResult<()> {
        match self {
            Self::None(nobody) => nobody.publish(change).await,
            Self::Bus(bus) => bus.publish(change).await,
        }
    }
}

impl ReadPartitions for Catalog {
    async fn partitions(&self, table: &TableName) -> PortResult<Vec<PartitionEntry>> {
        match self {
            Self::Local(catalog) => catalog.partitions(table).await,
            Self::Glue(catalog) => catalog.partitions(table).await,
        }
    }
}

impl RegisterPartitions for Catalog {
    async fn create_partitions(
        &self,
        table: &TableName,
        partitions: &[PartitionEntry],
    ) -> PortResult<Vec<Registered>> {
        match self {
            Self::Local(catalog) => catalog.create_partitions(table, partitions).await,
            Self::Glue(catalog) => catalog.create_partitions(table, partitions).await,
        }
    }
}

impl WriteObjects for Objects {
    async fn put_object(&self, key: &ObjectKey, bytes: Bytes) -> PortResult<()> {
        match self {
            Self::Local(objects) => objects.put_object(key, bytes).await,
            Self::S3(objects) => objects.put_object(key, bytes).await,
        }
    }
}

impl ReadObjects for Objects {
    async fn object(&self, key: &ObjectKey) -> PortResult<Option<Versioned<Bytes>>> {
        match self {
            Self::Local(objects) => objects.object(key).await,
            Self::S3(objects) => objects.object(key).await,
        }
    }

    async fn object_since(&self, key: &ObjectKey, known: &Version) -> PortResult<Reread> {
        match self {
            Self::Local(objects) => objects.object_since(key, known).await,
            Self::S3(objects) => objects.object_since(key, known).await,
        }
    }
}

impl CommitObjects for Objects {
    async fn create_object(&self, key: &ObjectKey, bytes: Bytes) -> PortResult<Put> {
        match self {
            Self::Local(objects) => objects.create_object(key, bytes).await,
            Self::S3(objects) => objects.create_object(key, bytes).await,
        }
    }

    async fn replace_object(
        &self,
        key: &ObjectKey,
        bytes: Bytes,
        version: &Version,
    ) -> PortResult<Put> {
        match self {
            Self::Local(objects) => objects.replace_object(key, bytes, version).await,
            Self::S3(objects) => objects.replace_object(key, bytes, version).await,
        }
    }
}

impl DeleteObjects for Objects {
    async fn delete_objects(&self, keys: &[ObjectKey]) -> PortResult<()> {
        match self {
            Self::Local(objects) => objects.delete_objects(keys).await,
            Self::S3(objects) => objects.delete_objects(keys).await,
        }
    }
}

impl TellTime for Objects {
    async fn now(&self) -> PortResult<UtcInstant> {
        match self {
            Self::Local(objects) => objects.now().await,
            Self::S3(objects) => objects.now().await,
        }
    }
}

impl ListObjects for Objects {
    async fn list_objects(&self, location: &Location) -> PortResult<Vec<ObjectEntry>> {
        match self {
            Self::Local(objects) => objects.list_objects(location).await,
            Self::S3(objects) => objects.list_objects(location).await,
        }
    }
}
