//! The Glue catalog.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use alluvium_model::{
    DatabaseName, ErrorKind, PartitionEntry, PortError, TableEntry, TableName, Version, Versioned,
    ports::{
        Commit, CommitTables, PortResult, ReadPartitions, ReadTables, RegisterPartitions,
        Registered,
    },
};
use aws_sdk_glue::types::{Column, PartitionError, PartitionInput, Table};

use crate::{
    Aws, LakeRoot,
    error::{has_code, kind_of_code, port_error},
    table_input::{
        columns_for_partitions, partition_columns, partition_entry, partition_input, table_entry,
        table_input,
    },
    views::is_view,
};

/// Tables that are remembered at most: a process may see any number. One that is forgotten costs a
/// `GetTable`.
const TABLES_KNOWN_MAX: usize = 64;
/// Partitions of one `BatchCreatePartition` at most (AWS documentation, Glue API).
const PARTITIONS_A_BATCH: usize = 100;

pub(crate) const ABSENT: &[&str] = &["EntityNotFoundException"];
pub(crate) const THERE: &[&str] = &["AlreadyExistsException"];
pub(crate) const CHANGED: &[&str] = &["ConcurrentModificationException", "EntityNotFoundException"];

/// One database of the Glue catalog, for the lake at one root. Clones share what they read.
#[derive(Clone, Debug)]
pub struct GlueCatalog {
    client: aws_sdk_glue::Client,
    database: DatabaseName,
    root: LakeRoot,
    known: Arc<Mutex<BTreeMap<TableName, Known>>>,
}

/// What is known of a table.
#[derive(Clone, Debug)]
enum Known {
    /// As it was read: `UpdateTable` needs all of it, and partitions its columns.
    Read(Arc<Table>),
    /// It was written since it was read last, with these columns for its partitions.
    Written(Arc<[Column]>),
}

impl GlueCatalog {
    /// The catalog of `database`, which must be there, for the lake at `root`.
    #[must_use]
    pub fn new(aws: &Aws, database: DatabaseName, root: LakeRoot) -> Self {
        Self { client: aws.glue.clone(), database, root, known: Arc::default() }
    }

    /// Reads a table; only `EntityNotFoundException` means that it is absent.
    pub(crate) async fn get(&self, name: &TableName) -> PortResult<Option<Arc<Table>>> {
        let request = self.client.get_table().database_name(self.database.as_str());
        match request.name(name.as_str()).send().await {
            Ok(answer) => {
                let table = answer.table.ok_or_else(|| {
                    PortError::new(ErrorKind::Bug, "read the table", name.as_str())
                })?;
                let table = Arc::new(table);
                self.remember(name, Known::Read(Arc::clone(&table)));
                Ok(Some(table))
            }
            Err(error) if has_code(&error, ABSENT) => {
                self.known().remove(name);
                Ok(None)
            }
            Err(error) => Err(port_error("read the table", name.as_str(), error)),
        }
    }

    /// The table as it was read last, or as it is if it was not read or was written since.
    async fn remembered(&self, name: &TableName) -> PortResult<Option<Arc<Table>>> {
        let known = self.known().get(name).cloned();
        match known {
            Some(Known::Read(table)) => Ok(Some(table)),
            Some(Known::Written(_)) | None => self.get(name).await,
        }
    }

    /// The columns that partitions of a table are registered with: those of the table as it was
    /// read or written last, whatever somebody did to it by hand.
    async fn columns_for_partitions(&self, name: &TableName) -> PortResult<Option<Arc<[Column]>>> {
        let known = self.known().get(name).cloned();
        let table = match known {
            Some(Known::Written(columns)) => return Ok(Some(columns)),
            Some(Known::Read(table)) => table,
            None => match self.get(name).await? {
                Some(table) => table,
                None => return Ok(None),
            },
        };
        let healed = table_entry(&table, &self.root)?.heal().map_err(|error| {
            PortError::new(ErrorKind::Invalid, "understand the table", name.as_str()).because(error)
        })?;
        Ok(Some(columns_for_partitions(&healed.entry)?.into()))
    }

    fn remember_written(&self, table: &TableEntry) -> PortResult<()> {
        let columns = columns_for_partitions(table)?.into();
        self.remember(&table.name, Known::Written(columns));
        Ok(())
    }

    fn remember(&self, name: &TableName, table: Known) {
        let mut known = self.known();
        if known.len() >= TABLES_KNOWN_MAX && !known.contains_key(name) {
            known.clear();
        }
        known.insert(name.clone(), table);
    }

    pub(crate) const fn client(&self) -> &aws_sdk_glue::Client {
        &self.client
    }

    pub(crate) const fn root(&self) -> &LakeRoot {
        &self.root
    }

    pub(crate) const fn database(&self) -> &DatabaseName {
        &self.database
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<TableName, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReadTables for GlueCatalog {
    async fn table(&self, name: &TableName) -> PortResult<Option<Versioned<TableEntry>>> {
        let Some(table) = self.get(name).await? else { return Ok(None) };
        let value = table_entry(&table, &self.root)?;
        let version = version(&table).ok_or_else(|| {
            let error = PortError::new(ErrorKind::Invalid, "read the table", name.as_str());
            error.because("the catalog keeps no version of it")
        })?;
        Ok(Some(Versioned { value, version }))
    }

    /// Tables whose names Alluvium would never give are somebody else's, and left out, as views
    /// are.
    async fn table_names(&self) -> PortResult<Vec<TableName>> {
        let request = self.client.get_tables().database_name(self.database.as_str());
        let mut pages = request.into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let failed = |error| port_error("list the tables of", self.database.as_str(), error);
            let page = page.map_err(failed)?;
            let tables = page.table_list().iter().filter(|table| !is_view(table));
            names.extend(tables.filter_map(|table| table.name.parse().ok()));
        }
        names.sort();
        Ok(names)
    }
}

impl CommitTables for GlueCatalog {
    async fn create_table(&self, table: &TableEntry) -> PortResult<Commit> {
        let request = self
            .client
            .create_table()
            .database_name(self.database.as_str())
            .table_input(table_input(table, None, &self.root)?);
        match request.send().await {
            Ok(_) => {
                self.remember_written(table)?;
                Ok(Commit::Done)
            }
            Err(error) if has_code(&error, THERE) => Ok(Commit::Conflict),
            Err(error) => Err(port_error("create the table", table.name.as_str(), error)),
        }
    }

    async fn replace_table(&self, table: &TableEntry, expected: &Version) -> PortResult<Commit> {
        let is_expected = |table: &Arc<Table>| version(table).as_ref() == Some(expected);
        let current = match self.remembered(&table.name).await?.filter(is_expected) {
            Some(current) => Some(current),
            // Somebody else of this process read it since, or the version is not of this process.
            None => self.get(&table.name).await?.filter(is_expected),
        };
        let Some(current) = current else { return Ok(Commit::Conflict) };
        let request = self
            .client
            .update_table()
            .database_name(self.database.as_str())
            .table_input(table_input(table, Some(&current), &self.root)?)
            .version_id(&expected.0)
            .skip_archive(true);
        let answer = request.send().await;
        self.known().remove(&table.name);
        match answer {
            Ok(_) => {
                self.remember_written(table)?;
                Ok(Commit::Done)
            }
            Err(error) if has_code(&error, CHANGED) => Ok(Commit::Conflict),
            Err(error) => Err(port_error("replace the table", table.name.as_str(), error)),
        }
    }
}

impl ReadPartitions for GlueCatalog {
    async fn partitions(&self, table: &TableName) -> PortResult<Vec<PartitionEntry>> {
        let Some(found) = self.get(table).await? else { return Ok(Vec::new()) };
        let columns = partition_columns(&found)?;
        let request = self
            .client
            .get_partitions()
            .database_name(self.database.as_str())
            .table_name(table.as_str())
            .exclude_column_schema(true);
        let mut pages = request.into_paginator().send();
        let mut partitions = Vec::new();
        while let Some(page) = pages.next().await {
            let failed = |error| port_error("list the partitions of", table.as_str(), error);
            let page = page.map_err(failed)?;
            for partition in page.partitions() {
                partitions.push(partition_entry(partition, &columns, &self.root)?);
            }
        }
        partitions.sort();
        Ok(partitions)
    }
}

impl RegisterPartitions for GlueCatalog {
    async fn create_partitions(
        &self,
        table: &TableName,
        partitions: &[PartitionEntry],
    ) -> PortResult<Vec<Registered>> {
        let action = "register partitions of";
        let absent = || PortError::new(ErrorKind::Absent, action, table.as_str());
        let columns = self.columns_for_partitions(table).await?.ok_or_else(absent)?;
        let mut registered = Vec::new();
        for batch in partitions.chunks(PARTITIONS_A_BATCH) {
            let input =
                |partition: &PartitionEntry| partition_input(partition, &columns, &self.root);
            let inputs: Vec<_> = batch.iter().map(input).collect();
            let request = self
                .client
                .batch_create_partition()
                .database_name(self.database.as_str())
                .table_name(table.as_str())
                .set_partition_input_list(Some(inputs.clone()));
            let answer = request.send().await;
            let answer = answer.map_err(|error| port_error(action, table.as_str(), error))?;
            registered.extend(registrations(&inputs, answer.errors()).map_err(|detail| {
                let kind = kind_of_code(Some(&detail), 400);
                PortError::new(kind, action, table.as_str()).because(detail)
            })?);
        }
        Ok(registered)
    }
}

/// How each partition of a batch ended: a batch succeeds as a whole and tells of each that failed.
fn registrations(
    inputs: &[PartitionInput],
    errors: &[PartitionError],
) -> Result<Vec<Registered>, String> {
    let mut failed = BTreeMap::new();
    for error in errors {
        let code = error.error_detail().and_then(|detail| detail.error_code()).unwrap_or_default();
        if !THERE.contains(&code) {
            return Err(code.to_owned());
        }
        failed.insert(error.partition_values(), Registered::Before);
    }
    let outcome = |input: &PartitionInput| failed.get(input.values()).copied();
    Ok(inputs.iter().map(|input| outcome(input).unwrap_or(Registered::New)).collect())
}

pub(crate) fn version(table: &Table) -> Option<Version> {
    table.version_id().map(|version| Version(version.to_owned()))
}
