//! `alluvium contract suggest`

use alluvium_lake::Preview;
use serde::Serialize;

use crate::{
    args::{DEFAULT_DATABASE, Inputs, Rules},
    destinations::Destinations,
    inputs::{Input, expand},
    output::{self, Outcome, UsageError},
    progress::{Watched, bar},
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
    let limits = inputs.limits()?;
    let destinations = Destinations::of(inputs, &Rules::default(), None).await?;
    let inputs = expand(&inputs.files, &destinations)?;
    let bar = bar(inputs.iter().filter_map(Input::size).sum());
    let mut preview = Preview::new(DEFAULT_DATABASE.parse()?, limits);
    for input in inputs {
        let opened = input.open().await?;
        let reader = Watched { reader: opened.reader, bar: bar.clone() };
        preview.read(input.destination, opened.origin, reader).await?;
    }
    bar.finish_and_clear();
    let tables = preview.finish();
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
