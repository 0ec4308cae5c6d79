//! `alluvium files`

use alluvium_lake::Browse;
use alluvium_model::{TableName, ports::ObjectEntry};
use anyhow::bail;
use serde::Serialize;

use crate::{
    args::{Dialect, Lake},
    lake::Objects,
    output::{self, Outcome},
};

#[derive(Serialize)]
struct FilesJson<'a> {
    table: &'a TableName,
    files: Vec<FileJson>,
}

#[derive(Serialize)]
struct FileJson {
    path: String,
    bytes: u64,
}

pub(crate) async fn run(
    table: &TableName,
    lake: &Lake,
    sql: Option<Dialect>,
    json: bool,
) -> anyhow::Result<Outcome> {
    let (catalog, objects) = lake.open().await?;
    let found = Browse::new(catalog, objects.clone()).files(table).await?;
    let files = placed(&objects, &found)?;
    match sql {
        _ if json => output::print_json(&FilesJson { table, files })?,
        None => output::print(&paths(&files).join("\n"))?,
        Some(Dialect::Duckdb) if files.is_empty() => bail!("table {table} has no files"),
        Some(Dialect::Duckdb) => output::print(&duckdb(&files))?,
    }
    Ok(Outcome::Done)
}

fn placed(objects: &Objects, files: &[ObjectEntry]) -> anyhow::Result<Vec<FileJson>> {
    let file = |object: &ObjectEntry| {
        Ok(FileJson { path: objects.place(&object.key)?, bytes: object.bytes })
    };
    files.iter().map(file).collect()
}

fn paths(files: &[FileJson]) -> Vec<&str> {
    files.iter().map(|file| file.path.as_str()).collect()
}

/// The files of a table as [`duckdb`] has `DuckDB` read them; none if there are no files.
pub(crate) fn duckdb_files(
    objects: &Objects,
    files: &[ObjectEntry],
) -> anyhow::Result<Option<String>> {
    let files = placed(objects, files)?;
    Ok((!files.is_empty()).then(|| duckdb(&files)))
}

/// The table as `DuckDB` reads it: columns by name, partition columns from the paths and text as in
/// the catalog, instead of whatever type their values look like.
fn duckdb(files: &[FileJson]) -> String {
    let quote = |path: &str| format!("'{}'", path.replace('\'', "''"));
    let list: Vec<_> = paths(files).into_iter().map(quote).collect();
    let list = list.join(", ");
    format!(
        "read_parquet([{list}], union_by_name = true, hive_partitioning = true, \
         hive_types_autocast = false)"
    )
}
