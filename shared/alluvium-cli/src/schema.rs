//! `alluvium schema`

use alluvium_lake::Browse;
use alluvium_model::{TableEntry, TableName};

use crate::{
    args::Lake,
    output::{self, Outcome, aligned},
};

pub(crate) async fn run(table: &TableName, lake: &Lake, json: bool) -> anyhow::Result<Outcome> {
    let (catalog, objects) = lake.open().await?;
    let table = Browse::new(catalog, objects).table(table).await?;
    if json {
        output::print_json(&table)?;
    } else {
        output::print(&text(&table))?;
    }
    Ok(Outcome::Done)
}

fn text(table: &TableEntry) -> String {
    let heading = ["column", "type", "comment"].map(str::to_owned);
    let columns = table
        .columns
        .iter()
        .map(|column| [column.name.clone(), column.glue_type.clone(), column.comment.clone()]);
    let partitions = table
        .partition_columns
        .iter()
        .map(|column| [column.name.clone(), column.glue_type.clone(), "partition".to_owned()]);
    aligned(&[heading].into_iter().chain(columns).chain(partitions).collect::<Vec<_>>())
}
