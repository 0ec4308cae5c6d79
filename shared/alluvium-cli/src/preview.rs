//! `alluvium preview`

mod sections;

use alluvium_lake::{Preview, TablePreview};
use alluvium_model::Counts;
use serde::Serialize;

use crate::{
    args::{DEFAULT_DATABASE, Inputs, Rules},
    destinations::Destinations,
    inputs::{Input, expand},
    output::{self, Outcome},
    progress::{Watched, bar},
};

#[derive(Serialize)]
struct PreviewJson<'a> {
    tables: &'a [TablePreview],
}

/// The tables that the inputs would become.
pub(crate) async fn tables(inputs: &Inputs, rules: &Rules) -> anyhow::Result<Vec<TablePreview>> {
    let limits = inputs.limits()?;
    let destinations = Destinations::of(inputs, rules, None).await?;
    let inputs = expand(&inputs.files, &destinations)?;
    let bar = bar(inputs.iter().filter_map(Input::size).sum());
    let mut preview = Preview::new(DEFAULT_DATABASE.parse()?, limits);
    for input in inputs {
        let opened = input.open().await?;
        let reader = Watched { reader: opened.reader, bar: bar.clone() };
        preview.read(input.destination, opened.origin, reader).await?;
    }
    bar.finish_and_clear();
    Ok(preview.finish())
}

pub(crate) async fn run(inputs: &Inputs, rules: &Rules, json: bool) -> anyhow::Result<Outcome> {
    let tables = tables(inputs, rules).await?;
    if json {
        output::print_json(&PreviewJson { tables: &tables })?;
    } else if tables.is_empty() {
        output::print("no records")?;
    } else {
        let texts: Vec<_> = tables.iter().map(sections::text).collect();
        output::print(&texts.join("\n"))?;
    }
    let mut counts = Counts::default();
    for table in &tables {
        counts.add(&table.counts);
    }
    Ok(if counts.quarantined_total() > 0 { Outcome::Quarantined } else { Outcome::Done })
}
