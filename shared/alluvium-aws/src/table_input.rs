//! Tables and partitions between the model and Glue.

use std::collections::HashMap;

use alluvium_model::{
    ColumnEntry, ColumnName, ErrorKind, PartitionEntry, PartitionKey, PortError, TableEntry,
    ports::PortResult,
};
use aws_sdk_glue::types::{
    Column, Partition, PartitionInput, SerDeInfo, StorageDescriptor, Table, TableInput,
};

use crate::LakeRoot;

const INPUT_FORMAT: &str = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat";
const OUTPUT_FORMAT: &str = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat";
const SERDE: &str = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe";

/// A table of the model as Glue has it.
pub(crate) fn table_entry(table: &Table, root: &LakeRoot) -> PortResult<TableEntry> {
    let storage = table.storage_descriptor();
    let columns = storage.map(StorageDescriptor::columns).unwrap_or_default();
    Ok(TableEntry {
        name: table.name().parse().map_err(|error| invalid(table.name()).because(error))?,
        location: root.location(storage.and_then(StorageDescriptor::location).unwrap_or_default()),
        columns: columns.iter().map(column_entry).collect(),
        partition_columns: table.partition_keys().iter().map(column_entry).collect(),
        parameters: table.parameters().into_iter().flatten().map(owned).collect(),
    })
}

/// What to send to Glue for `entry`. `UpdateTable` replaces everything, so all that others put
/// into the table as it was `read` is carried over.
pub(crate) fn table_input(
    entry: &TableEntry,
    read: Option<&Table>,
    root: &LakeRoot,
) -> PortResult<TableInput> {
    let columns = entry.columns.iter().map(column).collect::<PortResult<Vec<_>>>()?;
    let partition_keys = entry.partition_columns.iter().map(column).collect::<PortResult<Vec<_>>>();
    let mut storage = read.and_then(Table::storage_descriptor).cloned();
    let storage = storage.get_or_insert_with(parquet_storage);
    storage.location = Some(root.uri(entry.location.as_str()));
    storage.columns = Some(columns);
    let mut input = TableInput::builder().table_type("EXTERNAL_TABLE");
    if let Some(read) = read {
        if read.view_definition().is_some() {
            return Err(invalid(&read.name).because("it is a view"));
        }
        input = input
            .set_description(read.description.clone())
            // None may be told as an empty one, which is refused (AWS documentation, Glue API).
            .set_owner(read.owner.clone().filter(|owner| !owner.is_empty()))
            .set_last_access_time(read.last_access_time)
            .set_last_analyzed_time(read.last_analyzed_time)
            .retention(read.retention)
            .set_view_original_text(read.view_original_text.clone())
            .set_view_expanded_text(read.view_expanded_text.clone())
            .set_table_type(read.table_type.clone())
            .set_target_table(read.target_table.clone())
            .set_federated_table(read.federated_table.clone());
    }
    input
        .name(entry.name.as_str())
        .storage_descriptor(storage.clone())
        .set_partition_keys(Some(partition_keys?))
        .set_parameters(Some(entry.parameters.iter().map(owned).collect()))
        .build()
        .map_err(|error| {
            PortError::new(ErrorKind::Bug, "describe", entry.name.as_str()).because(error)
        })
}

/// The columns that partitions of a table are registered with. Readers want them there too, as
/// they were when the partition came to be; columns that are added to the table later need no
/// change.
pub(crate) fn columns_for_partitions(table: &TableEntry) -> PortResult<Vec<Column>> {
    let plain = |column: &ColumnEntry| {
        let plain = Column::builder().name(&column.name).r#type(&column.glue_type);
        plain.build().map_err(|error| invalid(table.name.as_str()).because(error))
    };
    table.columns.iter().map(plain).collect()
}

/// What to send to Glue for a partition of a table with these columns.
pub(crate) fn partition_input(
    partition: &PartitionEntry,
    columns: &[Column],
    root: &LakeRoot,
) -> PartitionInput {
    let mut storage = parquet_storage();
    storage.location = Some(root.uri(partition.location.as_str()));
    storage.columns = Some(columns.to_vec());
    let values = partition.key.catalog_values();
    PartitionInput::builder().set_values(Some(values)).storage_descriptor(storage).build()
}

/// A partition of the model as Glue has it.
pub(crate) fn partition_entry(
    partition: &Partition,
    columns: &[ColumnName],
    root: &LakeRoot,
) -> PortResult<PartitionEntry> {
    let key = PartitionKey::from_catalog(columns, partition.values());
    let location = partition.storage_descriptor().and_then(StorageDescriptor::location);
    let location = location.filter(|location| !location.is_empty()).ok_or_else(|| {
        let error = PortError::new(ErrorKind::Invalid, "understand the partition", key.to_string());
        error.because("it has no location")
    })?;
    Ok(PartitionEntry { key, location: root.location(location) })
}

/// The partition columns of a table.
pub(crate) fn partition_columns(table: &Table) -> PortResult<Vec<ColumnName>> {
    let name = |column: &Column| {
        column.name().parse().map_err(|error| invalid(table.name()).because(error))
    };
    table.partition_keys().iter().map(name).collect()
}

fn parquet_storage() -> StorageDescriptor {
    let serde = SerDeInfo::builder()
        .serialization_library(SERDE)
        .parameters("serialization.format", "1")
        .build();
    StorageDescriptor::builder()
        .input_format(INPUT_FORMAT)
        .output_format(OUTPUT_FORMAT)
        .serde_info(serde)
        .build()
}

pub(crate) fn column(entry: &ColumnEntry) -> PortResult<Column> {
    let parameters: HashMap<_, _> = entry.parameters.iter().map(owned).collect();
    let column = Column::builder()
        .name(&entry.name)
        // Somebody else's may have none.
        .set_type((!entry.glue_type.is_empty()).then(|| entry.glue_type.clone()))
        .set_comment((!entry.comment.is_empty()).then(|| entry.comment.clone()))
        .set_parameters((!parameters.is_empty()).then_some(parameters));
    column.build().map_err(|error| invalid(&entry.name).because(error))
}

pub(crate) fn column_entry(column: &Column) -> ColumnEntry {
    ColumnEntry {
        name: column.name().to_owned(),
        glue_type: column.r#type().unwrap_or_default().to_owned(),
        comment: column.comment().unwrap_or_default().to_owned(),
        parameters: column.parameters().into_iter().flatten().map(owned).collect(),
    }
}

fn owned((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), value.clone())
}

fn invalid(name: &str) -> PortError {
    PortError::new(ErrorKind::Invalid, "understand the table", name)
}
