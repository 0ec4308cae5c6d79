//! `alluvium history`

use alluvium_lake::{Histories, History, HistoryColumn, HistoryObject};
use alluvium_model::TableName;

use crate::{
    args::Lake,
    output::{self, Outcome, aligned, printable},
};

pub(crate) async fn run(table: &TableName, lake: &Lake, json: bool) -> anyhow::Result<Outcome> {
    let (catalog, objects) = lake.open().await?;
    let history = Histories::new(catalog, objects, lake.database.clone()).of(table).await?;
    if json {
        output::print_json(&history)?;
    } else {
        output::print(&text(&history))?;
    }
    Ok(Outcome::Done)
}

fn text(history: &History) -> String {
    let heading = ["since", "column", "kind", "path", "source", ""].map(str::to_owned);
    let columns = history.columns.iter().map(|c| ((c.column.version, 0), column(c)));
    let objects = history.kept_whole.iter().map(|o| ((o.object.version, 1), object(o)));
    let mut rows: Vec<_> = columns.chain(objects).collect();
    rows.sort_by_key(|(place, _)| *place);
    aligned(&[heading].into_iter().chain(rows.into_iter().map(|(_, row)| row)).collect::<Vec<_>>())
}

fn column(entry: &HistoryColumn) -> [String; 6] {
    let column = &entry.column;
    let conflict = column.sibling_of.as_ref();
    let note = conflict.map(|base| format!("conflict: what {base} cannot take"));
    [
        entry.since.clone(),
        column.name.to_string(),
        column.kind.to_string(),
        column.path.clone(),
        printable(&entry.source),
        noted(note, entry.in_table),
    ]
}

fn object(entry: &HistoryObject) -> [String; 6] {
    let note = Some("objects have too many keys, and are kept whole".to_owned());
    [
        entry.since.clone(),
        String::new(),
        String::new(),
        entry.object.path.clone(),
        printable(&entry.source),
        noted(note, entry.in_table),
    ]
}

fn noted(note: Option<String>, in_table: bool) -> String {
    let gone = (!in_table).then(|| "not in the table any more".to_owned());
    note.into_iter().chain(gone).collect::<Vec<_>>().join("; ")
}
