//! `alluvium schema`

use alluvium_lake::Browse;
use alluvium_model::{HealedTable, Injury, TableEntry, TableName};
use serde::Serialize;

use crate::{
    args::Lake,
    output::{self, Outcome, aligned, by_hand},
};

#[derive(Serialize)]
struct SchemaJson {
    #[serde(flatten)]
    table: TableEntry,
    /// What somebody did to it by hand; it is shown as it was.
    injuries: Vec<Injury>,
}

pub(crate) async fn run(table: &TableName, lake: &Lake, json: bool) -> anyhow::Result<Outcome> {
    let (catalog, objects) = lake.open().await?;
    let healed = Browse::new(catalog, objects).healed_table(table).await?;
    let HealedTable { entry: table, injuries, .. } = healed;
    if json {
        output::print_json(&SchemaJson { table, injuries })?;
    } else {
        output::print(&(text(&table) + &by_hand(&injuries, "heals with the next file")))?;
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
