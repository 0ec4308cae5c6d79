//! `alluvium schema --view`

use alluvium_lake::Browse;
use alluvium_model::{SqlDialect, TableName};
use serde::Serialize;

use crate::{
    args::{Dialect, Lake},
    files::duckdb_files,
    output::{self, Outcome},
};

#[derive(Serialize)]
struct ViewJson {
    view: TableName,
    sql: String,
}

pub(crate) async fn run(
    table: &TableName,
    lake: &Lake,
    sql: Option<Dialect>,
    json: bool,
) -> anyhow::Result<Outcome> {
    let (catalog, objects) = lake.open().await?;
    let browse = Browse::new(catalog, objects.clone());
    let entry = browse.table(table).await?;
    if entry.source().is_none() {
        anyhow::bail!("table {table} has no unified view: it is not made of the paths of records");
    }
    let sql = match sql {
        None => entry.unified_query(&lake.database)?,
        Some(Dialect::Duckdb) => {
            let files = duckdb_files(&objects, &browse.files(table).await?)?;
            let relation = entry.duckdb_relation(files.as_deref())?;
            entry.unified_select(SqlDialect::DuckDb, &relation)?
        }
    };
    if json {
        output::print_json(&ViewJson { view: table.unified(), sql })?;
    } else {
        output::print(&sql)?;
    }
    Ok(Outcome::Done)
}
