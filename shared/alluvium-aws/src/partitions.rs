//! Single partitions of the Glue catalog: found, moved and dropped.

use std::collections::{BTreeMap, BTreeSet};

use alluvium_model::{
    ErrorKind, PartitionEntry, PartitionKey, PortError, TableName,
    ports::{DropPartitions, FindPartitions, MovePartitions, Moved, PortResult},
};
use aws_sdk_glue::types::{
    BatchUpdatePartitionRequestEntry, ErrorDetail, Partition, PartitionInput, PartitionValueList,
    StorageDescriptor,
};

use crate::{
    GlueCatalog, LakeRoot,
    catalog::ABSENT,
    error::{has_code, kind_of_code, port_error},
};

/// Partitions of one call at most (AWS documentation, Glue API; `AWS_FACTS.md` §1).
const FOUND_AT_ONCE_MAX: usize = 1_000;
const MOVED_AT_ONCE_MAX: usize = 100;
const DROPPED_AT_ONCE_MAX: usize = 25;

const FIND: &str = "find partitions of";

/// Partitions as they were read, by their values.
type Found = BTreeMap<Vec<String>, Partition>;

impl GlueCatalog {
    /// The partitions of these values that there are; none of a table that there is not.
    ///
    /// Values whose partitions "were not returned" (AWS documentation, Glue `BatchGetPartition`,
    /// `UnprocessedKeys`) may be absent or not: if a second call does not bring them either, they
    /// are asked for one by one, which tells.
    async fn get_partitions(
        &self,
        table: &TableName,
        mut wanted: Vec<PartitionValueList>,
    ) -> PortResult<Found> {
        let mut found = Found::new();
        while !wanted.is_empty() {
            let request = self
                .client()
                .batch_get_partition()
                .database_name(self.database().as_str())
                .table_name(table.as_str())
                .set_partitions_to_get(Some(wanted.clone()));
            let answer = match request.send().await {
                Ok(answer) => answer,
                Err(error) if has_code(&error, ABSENT) => return Ok(found),
                Err(error) => return Err(port_error(FIND, table.as_str(), error)),
            };
            let partitions = answer.partitions.unwrap_or_default();
            let is_stuck = partitions.is_empty();
            found.extend(partitions.into_iter().map(|found| (found.values().to_vec(), found)));
            wanted.retain(|values| !found.contains_key(values.values()));
            if is_stuck {
                break;
            }
        }
        for values in wanted {
            if let Some(partition) = self.get_partition(table, values.values()).await? {
                found.insert(values.values, partition);
            }
        }
        Ok(found)
    }

    async fn get_partition(
        &self,
        table: &TableName,
        values: &[String],
    ) -> PortResult<Option<Partition>> {
        let request = self
            .client()
            .get_partition()
            .database_name(self.database().as_str())
            .table_name(table.as_str())
            .set_partition_values(Some(values.to_vec()));
        match request.send().await {
            Ok(answer) => Ok(answer.partition),
            Err(error) if has_code(&error, ABSENT) => Ok(None),
            Err(error) => Err(port_error(FIND, table.as_str(), error)),
        }
    }
}

impl FindPartitions for GlueCatalog {
    async fn find_partitions(
        &self,
        table: &TableName,
        keys: &[PartitionKey],
    ) -> PortResult<Vec<Option<PartitionEntry>>> {
        let mut entries = Vec::with_capacity(keys.len());
        for keys in keys.chunks(FOUND_AT_ONCE_MAX) {
            let found = self.get_partitions(table, values(keys)?).await?;
            for key in keys {
                let found = found.get(&key.catalog_values());
                entries.push(found.map(|found| entry(key, found, self.root())).transpose()?);
            }
        }
        Ok(entries)
    }
}

impl MovePartitions for GlueCatalog {
    /// `BatchUpdatePartition` replaces everything, so all that others put into a partition is read
    /// and carried over.
    async fn move_partitions(
        &self,
        table: &TableName,
        partitions: &[PartitionEntry],
    ) -> PortResult<Vec<Moved>> {
        let action = "move partitions of";
        let mut outcomes = Vec::with_capacity(partitions.len());
        for partitions in partitions.chunks(MOVED_AT_ONCE_MAX) {
            let keys: Vec<_> = partitions.iter().map(|partition| partition.key.clone()).collect();
            let found = self.get_partitions(table, values(&keys)?).await?;
            let mut inputs = Vec::new();
            for partition in partitions {
                let values = partition.key.catalog_values();
                if let Some(found) = found.get(&values) {
                    inputs.push(moved(
                        found,
                        &values,
                        self.root().uri(partition.location.as_str()),
                    )?);
                }
            }
            let mut absent = BTreeSet::new();
            if !inputs.is_empty() {
                let request = self
                    .client()
                    .batch_update_partition()
                    .database_name(self.database().as_str())
                    .table_name(table.as_str())
                    .set_entries(Some(inputs));
                let answer = request.send().await;
                let answer = answer.map_err(|error| port_error(action, table.as_str(), error))?;
                for failed in answer.errors() {
                    unless_absent(failed.error_detail(), (action, table))?;
                    absent.insert(failed.partition_value_list().to_vec());
                }
            }
            outcomes.extend(partitions.iter().map(|partition| {
                let values = partition.key.catalog_values();
                let is_moved = found.contains_key(&values) && !absent.contains(&values);
                if is_moved { Moved::Done } else { Moved::Absent }
            }));
        }
        Ok(outcomes)
    }
}

impl DropPartitions for GlueCatalog {
    async fn drop_partitions(&self, table: &TableName, keys: &[PartitionKey]) -> PortResult<()> {
        let action = "drop partitions of";
        for keys in keys.chunks(DROPPED_AT_ONCE_MAX) {
            let request = self
                .client()
                .batch_delete_partition()
                .database_name(self.database().as_str())
                .table_name(table.as_str())
                .set_partitions_to_delete(Some(values(keys)?));
            let answer = match request.send().await {
                Ok(answer) => answer,
                Err(error) if has_code(&error, ABSENT) => return Ok(()),
                Err(error) => return Err(port_error(action, table.as_str(), error)),
            };
            for failed in answer.errors() {
                unless_absent(failed.error_detail(), (action, table))?;
            }
        }
        Ok(())
    }
}

fn values(keys: &[PartitionKey]) -> PortResult<Vec<PartitionValueList>> {
    let of_key = |key: &PartitionKey| {
        let values = PartitionValueList::builder().set_values(Some(key.catalog_values()));
        values.build().map_err(|error| invalid(key).because(error))
    };
    keys.iter().map(of_key).collect()
}

/// A partition of this key as Glue has it.
fn entry(key: &PartitionKey, found: &Partition, root: &LakeRoot) -> PortResult<PartitionEntry> {
    let location = found.storage_descriptor().and_then(StorageDescriptor::location);
    let location = location.filter(|location| !location.is_empty());
    let location = location.ok_or_else(|| invalid(key).because("it has no location"))?;
    Ok(PartitionEntry { key: key.clone(), location: root.location(location) })
}

/// What to send to Glue so that a partition is as it was `found`, but at `uri`.
fn moved(
    found: &Partition,
    values: &[String],
    uri: String,
) -> PortResult<BatchUpdatePartitionRequestEntry> {
    let mut storage = found.storage_descriptor().cloned();
    if let Some(storage) = &mut storage {
        storage.location = Some(uri);
    }
    let input = PartitionInput::builder()
        .set_values(Some(values.to_vec()))
        .set_storage_descriptor(storage)
        .set_parameters(found.parameters.clone())
        .set_last_access_time(found.last_access_time)
        .set_last_analyzed_time(found.last_analyzed_time)
        .build();
    let entry = BatchUpdatePartitionRequestEntry::builder()
        .set_partition_value_list(Some(values.to_vec()))
        .partition_input(input);
    entry.build().map_err(|error| {
        PortError::new(ErrorKind::Bug, "describe the partition", values.join("/")).because(error)
    })
}

/// Fails with what a batch says of one of its partitions, unless that it is not there.
fn unless_absent(
    detail: Option<&ErrorDetail>,
    (action, table): (&'static str, &TableName),
) -> PortResult<()> {
    let code = detail.and_then(ErrorDetail::error_code).unwrap_or_default();
    if ABSENT.contains(&code) {
        return Ok(());
    }
    let message = detail.and_then(ErrorDetail::error_message).unwrap_or("no message");
    let error = PortError::new(kind_of_code(Some(code), 400), action, table.as_str());
    Err(error.because(format!("{code}: {message}")))
}

fn invalid(key: &PartitionKey) -> PortError {
    PortError::new(ErrorKind::Invalid, "understand the partition", key.to_string())
}
