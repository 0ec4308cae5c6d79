//! `alluvium tables`

use alluvium_lake::{Browse, TableSummary};
use serde::Serialize;

use crate::{
    args::Lake,
    output::{self, Outcome, aligned, bytes},
};

#[derive(Serialize)]
struct TablesJson<'a> {
    tables: &'a [TableSummary],
}

pub(crate) async fn run(lake: &Lake, json: bool) -> anyhow::Result<Outcome> {
    let (catalog, objects) = lake.open().await?;
    let tables = Browse::new(catalog, objects).tables().await?;
    if json {
        output::print_json(&TablesJson { tables: &tables })?;
        return Ok(Outcome::Done);
    }
    let heading = ["table", "columns", "partitions", "files", "bytes"].map(str::to_owned);
    let row = |table: &TableSummary| {
        [
            table.table.to_string(),
            table.columns.to_string(),
            table.partitions.to_string(),
            table.files.to_string(),
            bytes(table.bytes),
        ]
    };
    let rows: Vec<_> = [heading].into_iter().chain(tables.iter().map(row)).collect();
    output::print(&aligned(&rows))?;
    Ok(Outcome::Done)
}
