//! A preview as text: a section for each thing that people should know beforehand.

use alluvium_lake::{
    NoColumn, PreviewColumn, RefusedPath, SeenValues, Suggestion, TablePreview, WholeObject,
};
use alluvium_model::{NameChange, Refusal};

use crate::{
    bad_records,
    output::{aligned, count, printable},
};

/// Lines of a section that are shown.
const SHOWN_MAX: usize = 20;

pub(super) fn text(preview: &TablePreview) -> String {
    let sections = [
        heading(preview),
        columns(preview),
        conflicts(preview),
        names(&preview.columns),
        budgets(preview),
        rescued(preview),
        suggestions(&preview.suggestions),
        bad_records(preview),
        format!("{};\n", preview.ddl),
    ];
    let sections: Vec<_> = sections.into_iter().filter(|section| !section.is_empty()).collect();
    sections.join("\n")
}

fn heading(preview: &TablePreview) -> String {
    let counts = &preview.counts;
    format!(
        "table {}: {}, {}, {} quarantined\n",
        preview.table,
        count(counts.records, "record", "records"),
        count(preview.columns.len() as u64, "data column", "data columns"),
        counts.quarantined_total(),
    )
}

fn columns(preview: &TablePreview) -> String {
    let heading = ["column", "kind", "nulls", "path", ""].map(str::to_owned);
    let row = |column: &PreviewColumn| {
        let note = match &column.sibling_of {
            Some(base) => format!("conflict: what {base} cannot take"),
            None => String::new(),
        };
        let nulls = percent(column.nulls, preview.counts.loaded);
        [column.name.to_string(), column.kind.to_string(), nulls, column.path.clone(), note]
    };
    aligned(&[heading].into_iter().chain(preview.columns.iter().map(row)).collect::<Vec<_>>())
}

/// A share for people: a whole percentage, but some is never shown as none or as all.
fn percent(some: u64, all: u64) -> String {
    match (some * 100).checked_div(all).unwrap_or_default() {
        0 if some > 0 => "<1%".to_owned(),
        99 if some < all => ">98%".to_owned(),
        percent => format!("{percent}%"),
    }
}

fn conflicts(preview: &TablePreview) -> String {
    let conflicts = &preview.conflicts;
    if conflicts.is_empty() {
        return String::new();
    }
    let paths = count(conflicts.len() as u64, "path holds", "paths hold");
    let mut text = format!("conflicts: {paths} values of several kinds; nothing of them is lost\n");
    if preview.columns.iter().any(|column| column.sibling_of.is_some()) {
        let view = preview.table.unified();
        text += &format!(
            "  query {view}, which has one column for each path, unless you know that a column has no siblings\n"
        );
    }
    for conflict in conflicts.iter().take(SHOWN_MAX) {
        text += &format!("  {}\n", conflict.path);
        let rows: Vec<_> = conflict.seen.iter().map(seen).collect();
        text += &indented(&aligned(&rows), 4);
    }
    text + &more(conflicts.len())
}

fn seen(seen: &SeenValues) -> [String; 4] {
    let columns: Vec<_> = seen.columns.iter().map(ToString::to_string).collect();
    let place = match (columns.is_empty(), seen.kind) {
        (false, _) => format!("-> {}", columns.join(", ")),
        (true, "object") => "-> columns of its members".to_owned(),
        (true, _) => "-> _rescued".to_owned(),
    };
    [
        seen.kind.to_owned(),
        count(seen.values, "value", "values"),
        place,
        format!("e.g. {} in record {} of {}", printable(&seen.example), seen.record, seen.source),
    ]
}

fn names(columns: &[PreviewColumn]) -> String {
    let changed: Vec<_> =
        columns.iter().filter_map(|column| Some((column, column.name_change.as_ref()?))).collect();
    if changed.is_empty() {
        return String::new();
    }
    let row = |(column, change): &(&PreviewColumn, &NameChange)| {
        let why = match change {
            NameChange::Spelling => "a key is no name as it is written".to_owned(),
            NameChange::Length => "too long for a name".to_owned(),
            NameChange::Taken { by: Some(path) } => format!("{path} has the name already"),
            NameChange::Taken { by: None } => "the name is a partition or system column".to_owned(),
        };
        [column.path.clone(), format!("-> {}", column.name), why]
    };
    let rows: Vec<_> = changed.iter().take(SHOWN_MAX).map(row).collect();
    format!("names that were changed\n{}{}", indented(&aligned(&rows), 2), more(changed.len()))
}

fn budgets(preview: &TablePreview) -> String {
    let (whole, refused) = (&preview.kept_whole, &preview.refused);
    if whole.is_empty() && refused.is_empty() {
        return String::new();
    }
    let kept = |object: &WholeObject| {
        [object.path.clone(), format!("{} keys: kept whole, as JSON text", object.keys)]
    };
    let gone = |refused: &RefusedPath| {
        let why = match refused.budget {
            Refusal::Columns => "the table has as many columns as it may",
            Refusal::Keys => "its object has as many keys with columns as it may",
            Refusal::TableBytes => "the table's definition is as large as it may be",
        };
        [refused.path.clone(), format!("{why}: goes to _rescued")]
    };
    let rows = whole.iter().map(kept).chain(refused.iter().map(gone));
    let rows: Vec<_> = rows.take(SHOWN_MAX).collect();
    let shown = indented(&aligned(&rows), 2);
    format!("keys over budget\n{shown}{}", more(whole.len() + refused.len()))
}

fn rescued(preview: &TablePreview) -> String {
    if preview.counts.rescued_values == 0 {
        return String::new();
    }
    let values = count(preview.counts.rescued_values, "value", "values");
    let rows: Vec<_> = preview
        .rescued
        .iter()
        .take(SHOWN_MAX)
        .map(|homeless| {
            let why = match homeless.why {
                NoColumn::EqualKey => "its key stands again later",
                NoColumn::NullArray => "an array of nulls alone",
                NoColumn::LongPath => "its path is too long",
                NoColumn::Frozen => "its contract adds no columns",
                NoColumn::NoRoom => "over budget",
            };
            let example = format!("e.g. {}", printable(&homeless.example));
            [printable(&homeless.path), why.to_owned(), example]
        })
        .collect();
    let shown = indented(&aligned(&rows), 2);
    format!("{values} without a column, in _rescued\n{shown}{}", more(preview.rescued.len()))
}

/// The lines as they would stand in a contract.
fn suggestions(suggestions: &[Suggestion]) -> String {
    if suggestions.is_empty() {
        return String::new();
    }
    let quoted = |path: &str| serde_json::Value::from(path).to_string();
    let (mut times, mut partitions, mut columns) = (Vec::new(), Vec::new(), Vec::new());
    for suggestion in suggestions {
        match suggestion {
            Suggestion::EventTime { path, format, .. } => {
                let line = format!("event_time = {}", quoted(path));
                times.push([line, format!("format = {}", quoted(format))]);
            }
            Suggestion::Partition { path, distinct } => {
                let line = format!("by = [{}]", quoted(&format!("identity({path})")));
                partitions.push([line, format!("# {distinct} values")]);
            }
            Suggestion::Kind { path, kind, why } => {
                let line = format!("{} = {{ type = \"{kind}\" }}", quoted(path));
                columns.push([line, format!("# {why}")]);
            }
        }
    }
    let mut text =
        "what a contract could settle beforehand: see `alluvium contract suggest`\n".to_owned();
    for (section, lines) in [("[time]", times), ("[partition]", partitions), ("[columns]", columns)]
    {
        if !lines.is_empty() {
            let shown: Vec<_> = lines.iter().take(SHOWN_MAX).cloned().collect();
            text += &format!("  {section}\n{}{}", indented(&aligned(&shown), 2), more(lines.len()));
        }
    }
    text
}

fn bad_records(preview: &TablePreview) -> String {
    preview.bad_records.iter().map(bad_records::text).collect()
}

/// Says how much of a section is not shown.
fn more(count: usize) -> String {
    match count.checked_sub(SHOWN_MAX) {
        None | Some(0) => String::new(),
        Some(hidden) => format!("  and {hidden} more: see --json\n"),
    }
}

fn indented(text: &str, spaces: usize) -> String {
    let margin = " ".repeat(spaces);
    text.split_inclusive('\n').flat_map(|line| [margin.as_str(), line]).collect()
}
