//! `alluvium contract suggest`

use serde::Serialize;

use crate::{
    args::{Inputs, Rules},
    output::{self, Outcome, UsageError},
    preview,
};

/// A contract that was suggested, for programs.
#[derive(Serialize)]
struct SuggestedJson {
    table: String,
    contract: String,
    suggestions: Vec<alluvium_lake::Suggestion>,
}

#[derive(Serialize)]
struct AllJson {
    tables: Vec<SuggestedJson>,
}

pub(super) async fn run(inputs: &Inputs, json: bool) -> anyhow::Result<Outcome> {
    let tables = preview::tables(inputs, &Rules::default()).await?;
    if json {
        let tables = tables.into_iter().map(|table| SuggestedJson {
            contract: table.contract(),
            table: table.table.to_string(),
            suggestions: table.suggestions,
        });
        output::print_json(&AllJson { tables: tables.collect() })?;
        return Ok(Outcome::Done);
    }
    match &tables[..] {
        [] => output::print("# no records\n")?,
        [table] => output::print(&table.contract())?,
        [..] => {
            let names: Vec<_> = tables.iter().map(|table| table.table.to_string()).collect();
            return Err(UsageError::ManyTables(names.join(", ")).into());
        }
    }
    Ok(Outcome::Done)
}
