//! `alluvium preview`

use alluvium_lake::{Preview, PreviewColumn, TablePreview};
use alluvium_model::Counts;
use serde::Serialize;

use crate::{
    args::{DEFAULT_DATABASE, Inputs},
    inputs::{Input, expand},
    output::{self, Outcome, aligned, count},
    progress::{Watched, bar},
};

#[derive(Serialize)]
struct PreviewJson<'a> {
    tables: &'a [TablePreview],
}

pub(crate) async fn run(inputs: &Inputs, json: bool) -> anyhow::Result<Outcome> {
    let inputs = expand(inputs)?;
    let bar = bar(inputs.iter().filter_map(Input::size).sum());
    let mut preview = Preview::new(DEFAULT_DATABASE.parse()?);
    for input in &inputs {
        let opened = input.open().await?;
        let reader = Watched { reader: opened.reader, bar: bar.clone() };
        preview.read(&input.table, opened.origin, reader).await?;
    }
    bar.finish_and_clear();
    let tables = preview.finish()?;
    if json {
        output::print_json(&PreviewJson { tables: &tables })?;
    } else if tables.is_empty() {
        output::print("no records")?;
    } else {
        let texts: Vec<_> = tables.iter().map(table_text).collect();
        output::print(&texts.join("\n"))?;
    }
    let mut counts = Counts::default();
    for table in &tables {
        counts.add(&table.counts);
    }
    Ok(if counts.quarantined_total() > 0 { Outcome::Quarantined } else { Outcome::Done })
}

fn table_text(preview: &TablePreview) -> String {
    let counts = &preview.counts;
    let mut text = format!(
        "table {}: {}, {}, {} quarantined\n\n",
        preview.table,
        count(counts.records, "record", "records"),
        count(preview.columns.len() as u64, "data column", "data columns"),
        counts.quarantined_total(),
    );
    let heading = ["column", "kind", "filled", "path", "note"].map(str::to_owned);
    let rows = preview.columns.iter().map(|column| row(column, counts.loaded));
    text += &aligned(&[heading].into_iter().chain(rows).collect::<Vec<_>>());
    for bad in &preview.bad_records {
        text += &format!(
            "\n! {}: record {} at byte {}\n  {}: {}\n  {}\n",
            bad.source, bad.record, bad.offset, bad.reason, bad.message, bad.excerpt
        );
    }
    format!("{text}\n{};\n", preview.ddl)
}

fn row(column: &PreviewColumn, rows: u64) -> [String; 5] {
    let note = match &column.sibling_of {
        Some(base) => format!("conflict: what {base} cannot take"),
        None if column.renamed => "name changed".to_owned(),
        None => String::new(),
    };
    // For people a whole percentage is enough, but a value is never shown as none.
    let percent = (column.values * 100).checked_div(rows).unwrap_or_default();
    let filled = if percent == 0 { "<1%".to_owned() } else { format!("{percent}%") };
    [column.name.to_string(), column.kind.to_string(), filled, column.path.clone(), note]
}
