//! What must hold when a storm is over.

use std::collections::{BTreeMap, BTreeSet};

use alluvium_lake::Verify;
use alluvium_model::{
    Budget, DataColumn, JsonPath, SchemaChange, TableEntry, TableSource,
    layout::{history_location, table_location},
    ports::{ListObjects as _, ReadPartitions as _, ReadTables as _},
};
use alluvium_tests::{Lake, memory_source};
use arrow::datatypes::{DataType, TimeUnit};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::{alone, files::File, limits};

/// Checks all laws; how many columns of data there are, or which law is broken.
pub(crate) fn hold(lake: &Lake, files: &[File], budget: Budget) -> Result<usize, String> {
    alone(all(lake, files, budget))
}

async fn all(lake: &Lake, files: &[File], budget: Budget) -> Result<usize, String> {
    let mut tables = BTreeMap::new();
    for name in lake.catalog.table_names().await.unwrap() {
        let table = lake.catalog.table(&name).await.unwrap().unwrap().value;
        columns_are_places(&table)?;
        files_agree(lake, &table).await?;
        what_follows_was_done(lake, &table)?;
        tables.insert(table.source().map(str::to_owned), table);
    }
    let mut verify = Verify::new(lake.catalog.clone(), lake.objects.clone(), limits());
    for file in files {
        let folder = file.key.split('/').next().unwrap();
        if let Some(table) = tables.get(&Some(folder.to_owned())) {
            every_path_has_a_place(table, file, budget)?;
        }
        let source = memory_source(&file.key, &file.text);
        let report = verify.verify(&TableSource::new(folder), source).await;
        let report = report.map_err(|error| format!("{}: {error}", file.key))?;
        if !report.is_clean() {
            return Err(format!("{}: {report:?}", file.key));
        }
    }
    Ok(tables.values().map(|table| table.columns.len()).sum())
}

/// No two columns share a name, or a path and a kind; every path has one first column, and what
/// the columns say themselves is what the table remembers of them.
fn columns_are_places(table: &TableEntry) -> Result<(), String> {
    let healed = table.heal().map_err(|error| error.to_string())?;
    if let Some(injury) = healed.injuries.first() {
        return Err(format!("not healed: {injury}"));
    }
    let names: BTreeSet<_> = table.columns.iter().map(|column| &column.name).collect();
    let schema = healed.schema;
    let places: BTreeSet<_> =
        schema.columns().iter().map(|column| (column.path.as_str(), column.kind)).collect();
    let paths: BTreeSet<_> = schema.columns().iter().map(|column| column.path.as_str()).collect();
    let firsts = schema.columns().iter().filter(|column| column.sibling_of.is_none());
    let count = schema.columns().len();
    if names.len() != table.columns.len() || places.len() != count || firsts.count() != paths.len()
    {
        return Err(format!("two columns share a place: {:?}", schema.columns()));
    }
    Ok(())
}

/// The catalog has the view of the table as it is, and the history tells every column.
fn what_follows_was_done(lake: &Lake, table: &TableEntry) -> Result<(), String> {
    let needed = table.unified_view(&"lake".parse().unwrap()).map_err(|e| e.to_string())?;
    if lake.catalog.view(table.name.unified().as_str()) != needed {
        return Err(format!("the view of {} is not that of its columns", table.name));
    }
    let location = history_location(&table.name);
    let objects = lake.objects.all();
    let lines = objects.iter().filter(|(key, _)| key.as_str().starts_with(location.as_str()));
    let told: BTreeSet<_> = lines
        .flat_map(|(_, line)| SchemaChange::of_line(line).unwrap().added_columns)
        .map(|column| (column.name, column.path, column.kind))
        .collect();
    let schema = table.schema().map_err(|e| e.to_string())?;
    let place = |c: &DataColumn| (c.name.clone(), c.path.to_string(), c.kind);
    match schema.columns().iter().find(|column| !told.contains(&place(column))) {
        Some(column) => Err(format!("no history tells of {} in {}", column.name, table.name)),
        None => Ok(()),
    }
}

/// Every file lies where the catalog looks, and its types are those of the table.
async fn files_agree(lake: &Lake, table: &TableEntry) -> Result<(), String> {
    let types: BTreeMap<_, _> =
        table.columns.iter().map(|column| (&*column.name, &*column.glue_type)).collect();
    let mut named = Vec::new();
    for partition in lake.catalog.partitions(&table.name).await.unwrap() {
        named.extend(lake.objects.list_objects(&partition.location).await.unwrap());
    }
    let location = table_location(&"lake".parse().unwrap(), &table.name);
    let there = lake.objects.list_objects(&location).await.unwrap();
    if named != there {
        return Err(format!("of {} files the catalog names {}", there.len(), named.len()));
    }
    let objects = lake.objects.all();
    for file in there {
        let reader = ParquetRecordBatchReaderBuilder::try_new(objects[&file.key].clone()).unwrap();
        for field in reader.schema().fields() {
            let (found, expected) = (glue_type(field.data_type()), types.get(&**field.name()));
            if expected != Some(&&*found) {
                let name = field.name();
                return Err(format!("{}: {name} is {found}, not {expected:?}", file.key));
            }
        }
    }
    Ok(())
}

fn glue_type(found: &DataType) -> String {
    match found {
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => "timestamp".to_owned(),
        DataType::Utf8 => "string".to_owned(),
        DataType::List(element) => format!("array<{}>", glue_type(element.data_type())),
        DataType::Map(..) => "map<string,string>".to_owned(),
        other => format!("{other}"),
    }
}

/// Every value of a file has a column to be in, unless the table is full.
fn every_path_has_a_place(table: &TableEntry, file: &File, budget: Budget) -> Result<(), String> {
    let schema = table.schema().map_err(|error| error.to_string())?;
    let mut leaves = BTreeSet::new();
    for line in file.text.lines() {
        if let Ok(record) = serde_json::from_str(line) {
            add_leaves(&JsonPath::root(), &record, &mut leaves);
        }
    }
    match leaves.iter().find(|path| schema.base(path).is_none()) {
        // How many bytes a definition takes is the model's secret: a small budget may be used up.
        Some(path)
            if schema.width() < budget.max_columns
                && budget.max_table_bytes == Budget::default().max_table_bytes =>
        {
            Err(format!("{path} of {} has no column", file.key))
        }
        Some(_) | None => Ok(()),
    }
}

fn add_leaves(path: &JsonPath, value: &Value, leaves: &mut BTreeSet<JsonPath>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(key, value)| add_leaves(&path.child(key), value, leaves));
        }
        Value::Null => {}
        Value::Array(elements) if elements.iter().all(Value::is_null) => {}
        Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            leaves.insert(path.clone());
        }
    }
}
