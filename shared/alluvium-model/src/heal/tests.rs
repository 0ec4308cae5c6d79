//! Injuries by example, and the law that nothing done by hand takes a column away.

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::{
    Budget, ClassSet, Discovery, JsonPath, Kind, Origin, PartitionSpec, TableRules, TableSource,
    ValueClass, layout::table_location, table::plain_column,
};

fn origin() -> Origin {
    let arrived_at = "2026-11-24T00:00:00Z".parse().unwrap();
    Origin { source: "s3://landing/camera/1.json".to_owned(), arrived_at }
}

fn extended(table: &TableEntry, paths: &[(&str, ValueClass)]) -> TableEntry {
    let found: Discovery =
        paths.iter().map(|(path, c)| (path.parse().unwrap(), ClassSet::of(&[*c]))).collect();
    table.extend(&found, &origin(), &TableRules::default()).unwrap().entry
}

/// A table with siblings, a name that was changed, and something of other people's.
fn camera() -> TableEntry {
    use ValueClass::{Bigint, Boolean, Double, Json, String};
    let name: TableName = "camera".parse().unwrap();
    let location = table_location(&"lake".parse().unwrap(), &name);
    let table =
        TableEntry::new(name, &TableSource::new("camera"), location, &PartitionSpec::default());
    let table = extended(&table, &[("$.mag", Bigint), ("$.Mag", String), ("$.tags", Json)]);
    let mut table = extended(&table, &[("$.mag", Double), ("$.mag", Json), ("$.ok", Boolean)]);
    table.columns.push(plain_column("geo", "struct<x:double>", "by hand"));
    table
}

fn column<'a>(table: &'a mut TableEntry, name: &str) -> &'a mut ColumnEntry {
    table.columns.iter_mut().find(|column| column.name == name).unwrap()
}

fn places(table: &TableEntry) -> BTreeSet<(String, Kind, JsonPath)> {
    let schema = table.schema().unwrap();
    let place = |c: &crate::DataColumn| (c.name.to_string(), c.kind, c.path.clone());
    schema.columns().iter().map(place).collect()
}

#[test]
fn what_was_done_by_hand_is_named_and_undone() {
    let mut table = camera();
    table.columns.retain(|column| !["mag", "_record"].contains(&column.name.as_str()));
    column(&mut table, "mag__json").glue_type = "array<int>".to_owned();
    column(&mut table, "tags").parameters = [("p".to_owned(), "q".to_owned())].into();
    let healed = table.heal().unwrap();
    let injuries: Vec<_> = healed.injuries.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(injuries.join("\n"), @"
    column _record of table camera is gone, but has files with type bigint
    column mag of table camera is gone, but has files with type bigint
    column tags of table camera lost parameters that say what it holds
    column mag__json of table camera has type array<int>, but its files need string
    ");
    insta::assert_snapshot!(serde_json::to_string(&healed.injuries[3]).unwrap(), @r#"{"table":"camera","column":"mag__json","damage":"retyped","found":"array<int>","needed":"string"}"#);
    let columns: Vec<_> =
        healed.entry.columns.iter().map(|c| format!("{} {}", c.name, c.glue_type)).collect();
    insta::assert_snapshot!(columns.join("\n"), @"
    _source string
    _arrived_at timestamp
    _rescued map<string,string>
    tags string
    mag_665046 string
    mag__double double
    mag__json string
    ok boolean
    geo struct<x:double>
    _record bigint
    mag bigint
    ");
    assert_eq!(
        healed.entry.columns.iter().find(|c| c.name == "tags").unwrap().parameters["p"],
        "q"
    );
    // The first column of a path is the first one still, wherever it stands.
    let mag = "$.mag".parse().unwrap();
    assert_eq!(healed.entry.schema().unwrap().base(&mag).unwrap().name.as_str(), "mag");
}

#[test]
fn a_dropped_column_comes_back_as_what_it_was_whatever_comes_next() {
    let mut table = camera();
    table.columns.retain(|column| column.name != "ok");
    let grown = extended(&table, &[("$.ok", ValueClass::String)]);
    let ok = |column: &&ColumnEntry| column.name.starts_with("ok");
    let columns: Vec<_> =
        grown.columns.iter().filter(ok).map(|c| (&*c.name, &*c.glue_type)).collect();
    assert_eq!(columns, [("ok", "boolean"), ("ok__string", "string")]);
}

#[test]
fn a_renamed_column_is_somebody_elses_and_the_path_keeps_its_own() {
    let mut table = camera();
    column(&mut table, "ok").name = "fine".to_owned();
    let healed = table.heal().unwrap();
    assert_eq!(healed.injuries.len(), 1);
    assert_eq!(places(&healed.entry), places(&camera()));
    assert!(healed.entry.columns.iter().any(|column| column.name == "fine"));
    assert!(
        extended(&table, &[("$.fine", ValueClass::Bigint)])
            .columns
            .iter()
            .all(|column| { column.name != "fine" || column.glue_type == "boolean" })
    );
}

#[test]
fn the_quarantine_table_is_healed_too_but_not_one_that_is_only_called_so() {
    let mut table = TableEntry::quarantine(camera().location);
    table.columns.retain(|column| column.name != "reason");
    column(&mut table, "record").glue_type = "string".to_owned();
    let healed = table.heal().unwrap();
    assert_eq!((healed.injuries.len(), healed.entry.is_quarantine()), (2, Ok(())));
    table.parameters.remove("alluvium.table");
    let left = table.heal().unwrap();
    assert_eq!(left.injuries, []);
    assert!(left.entry.is_quarantine().is_err());
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let quarantine = TableEntry::quarantine(camera().location);
    let mut other = camera();
    other.parameters.clear();
    other.columns.retain(|column| column.parameters.is_empty());
    other.columns.remove(0);
    for table in [quarantine, other] {
        let healed = table.heal().unwrap();
        assert_eq!((healed.entry, healed.injuries), (table, Vec::new()));
    }
}

#[test]
fn a_full_table_is_healed_all_the_same() {
    let budget = Budget { max_columns: camera().columns.len() + 1, ..Budget::default() };
    let rules = TableRules { budget, ..TableRules::default() };
    let mut table = camera();
    table.columns.retain(|column| column.name != "mag");
    table.columns.extend(["x", "y"].map(|name| plain_column(name, "int", "by hand")));
    let found: Discovery =
        [("$.new".parse().unwrap(), ClassSet::of(&[ValueClass::Bigint]))].into_iter().collect();
    let grown = table.extend(&found, &origin(), &rules).unwrap();
    assert_eq!(
        (grown.injuries.len(), grown.extension.added, grown.extension.refused.len()),
        (1, 0, 1)
    );
    assert!(grown.entry.columns.iter().any(|column| column.name == "mag"));
    // A table that is whole again is not written again.
    assert!(!grown.entry.extend(&found, &origin(), &rules).unwrap().is_changed());
}

#[test]
fn without_a_registry_a_column_still_tells_its_type() {
    let mut table = camera();
    table.parameters.retain(|name, _| !name.starts_with("alluvium.columns."));
    assert_eq!(table.heal().unwrap().injuries, []);
    column(&mut table, "ok").glue_type = "int".to_owned();
    let healed = table.heal().unwrap();
    assert_eq!(healed.injuries.len(), 1);
    assert_eq!(places(&healed.entry), places(&camera()));
}

/// The table after a definition was written back that was read before these columns came, and what
/// a writer that knew the table before makes of it.
fn written_back_without(table: &TableEntry, lost: &[&str]) -> HealedTable {
    let remembered = table.schema().unwrap();
    let before = TableEntry {
        columns: table
            .columns
            .iter()
            .filter(|column| !lost.contains(&column.name.as_str()))
            .cloned()
            .collect(),
        parameters: BTreeMap::from([("alluvium.source".to_owned(), "camera".to_owned())]),
        ..table.clone()
    };
    before.heal().unwrap().with_remembered(&remembered)
}

#[test]
fn who_remembers_columns_that_the_table_forgot_puts_them_back() {
    let healed = written_back_without(&camera(), &["mag__double", "ok"]);
    let lines: Vec<_> = healed.injuries.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    column mag__double of table camera is gone, but has files with type double
    column ok of table camera is gone, but has files with type boolean
    ");
    assert_eq!(places(&healed.entry), places(&camera()));
    assert_eq!(healed.schema.columns().len(), camera().schema().unwrap().columns().len());
    let again = healed.entry.heal().unwrap().with_remembered(&healed.schema);
    assert_eq!((again.injuries, &again.entry), (Vec::new(), &healed.entry));
    // Both columns name each other again.
    let mag = healed.entry.columns.iter().find(|column| column.name == "mag").unwrap();
    assert!(mag.comment.contains("mag__double"), "{}", mag.comment);
}

#[test]
fn a_place_that_was_given_away_meanwhile_is_not_taken_back() {
    let remembered = camera().schema().unwrap();
    let mut table = camera();
    table.columns.retain(|column| !["mag__double", "ok"].contains(&column.name.as_str()));
    table.parameters.retain(|name, _| !name.starts_with("alluvium.columns."));
    // Another path has the name of one, and the path of the other has its kind elsewhere.
    let table = extended(&table, &[("$.OK", ValueClass::String), ("$.mag", ValueClass::Double)]);
    let healed = table.heal().unwrap().with_remembered(&remembered);
    assert_eq!((healed.injuries, healed.entry), (Vec::new(), table));
}

#[test]
fn a_path_has_one_first_column_whatever_is_put_back() {
    let remembered = camera().schema().unwrap();
    let mut table = camera();
    table.columns.retain(|column| !column.name.starts_with("mag"));
    table.parameters.retain(|name, _| !name.starts_with("alluvium.columns."));
    // `$.Mag` has the name that `$.mag` had, whose siblings come back without it.
    let table = extended(&table, &[("$.Mag", ValueClass::String)]);
    let healed = table.heal().unwrap().with_remembered(&remembered);
    let mag: Vec<_> = healed
        .schema
        .columns_of(&"$.mag".parse().unwrap())
        .map(|column| (column.name.as_str(), column.sibling_of.as_ref().map(ToString::to_string)))
        .collect();
    assert_eq!(mag, [("mag__double", None), ("mag__json", Some("mag__double".to_owned()))]);
    assert_eq!(places(&healed.entry).len(), healed.schema.columns().len());
}

#[test]
fn objects_that_are_kept_whole_are_remembered_unless_they_were_flattened_meanwhile() {
    let rules = TableRules::default();
    let wide: Discovery = (0..300)
        .map(|n| (format!("$.by_id.k{n}").parse().unwrap(), ClassSet::of(&[ValueClass::Bigint])))
        .chain([("$.by_id".parse().unwrap(), ClassSet::of(&[ValueClass::Object]))])
        .collect();
    let whole = camera().extend(&wide, &origin(), &rules).unwrap();
    let (by_id, remembered) = ("$.by_id".parse().unwrap(), whole.extension.schema);
    assert!(remembered.keeps_whole(&by_id));
    let restored = camera().heal().unwrap().with_remembered(&remembered).entry;
    assert!(restored.schema().unwrap().keeps_whole(&by_id));

    let flattened = extended(&camera(), &[("$.by_id.k1", ValueClass::Bigint)]);
    let restored = flattened.heal().unwrap().with_remembered(&remembered);
    assert_eq!(restored.injuries.len(), 1);
    assert!(!restored.entry.schema().unwrap().keeps_whole(&by_id));
    // Nor is a column put back below what is kept whole by now.
    let remembered = flattened.schema().unwrap();
    let left = whole.entry.heal().unwrap().with_remembered(&remembered);
    assert_eq!(left.injuries, []);
}

/// What somebody may do to a table by hand. Numbers choose a column.
#[derive(Clone, Debug)]
enum Edit {
    Drop(usize),
    Retype(usize, &'static str),
    Strip(usize),
    Mark(usize, &'static str, &'static str),
    Move(usize, usize),
    Rename(usize),
    Describe(usize),
    Add(&'static str),
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = || 0..32_usize;
    prop_oneof![
        at().prop_map(Edit::Drop),
        (at(), select(vec!["int", "string", "array<bigint>"]))
            .prop_map(|(n, t)| Edit::Retype(n, t)),
        at().prop_map(Edit::Strip),
        (at(), select(COLUMN_PARAMETERS.to_vec()), select(vec!["", "double", "$.x", "whole"]))
            .prop_map(|(n, name, value)| Edit::Mark(n, name, value)),
        (at(), at()).prop_map(|(from, to)| Edit::Move(from, to)),
        at().prop_map(Edit::Rename),
        at().prop_map(Edit::Describe),
        select(vec!["mag", "mag__string", "new"]).prop_map(Edit::Add),
    ]
}

fn apply(table: &mut TableEntry, edit: &Edit, number: usize) {
    let count = table.columns.len();
    if count == 0 {
        return;
    }
    match *edit {
        Edit::Drop(at) => drop(table.columns.remove(at % count)),
        Edit::Retype(at, to) => table.columns[at % count].glue_type = to.to_owned(),
        Edit::Strip(at) => table.columns[at % count].parameters.clear(),
        Edit::Mark(at, name, value) => {
            table.columns[at % count].parameters.insert(name.to_owned(), value.to_owned());
        }
        Edit::Move(from, to) => table.columns.swap(from % count, to % count),
        Edit::Rename(at) => table.columns[at % count].name = format!("renamed_{number}"),
        Edit::Describe(at) => table.columns[at % count].comment = "by hand".to_owned(),
        Edit::Add(name) => {
            if table.columns.iter().all(|column| column.name != name) {
                table.columns.push(plain_column(name, "int", ""));
            }
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_done_by_hand_every_column_is_there_after_healing(edits in vec(edit(), 0..12)) {
        let before = camera();
        let mut table = before.clone();
        for (number, edit) in edits.iter().enumerate() {
            apply(&mut table, edit, number);
        }
        let healed = table.heal().unwrap();
        // A mark that says `whole` is believed where it can be true; nothing else changes, but that
        // a column that was renamed and given another place by hand is believed to be there.
        let after = places(&healed.entry);
        prop_assert!(after.is_superset(&places(&before)), "{:?}", after);
        for (name, _, _) in after.difference(&places(&before)) {
            prop_assert!(name.starts_with("renamed_"), "{name}");
        }
        for column in healed.schema.columns() {
            let found: Vec<_> =
                healed.entry.columns.iter().filter(|c| c.name == column.name.as_str()).collect();
            prop_assert_eq!(found.len(), 1);
            prop_assert_eq!(&found[0].glue_type, &column.kind.glue_type());
        }
        // What others made is still there.
        for column in &table.columns {
            prop_assert!(healed.entry.columns.iter().any(|c| c.name == column.name));
        }
        let again = healed.entry.heal().unwrap();
        prop_assert_eq!(again.injuries, []);
        prop_assert_eq!(&again.entry, &healed.entry);
        prop_assert_eq!(again.schema.columns(), healed.schema.columns());
        // An injured table grows like a whole one.
        let grown = extended(&table, &[("$.later", ValueClass::Bigint)]);
        prop_assert_eq!(places(&grown).len(), after.len() + 1);
    }

    #[test]
    fn healing_leaves_a_table_alone_that_nobody_touched(
        classes in vec(select(ValueClass::ALL.to_vec()), 1..8),
    ) {
        let mut table = camera();
        for class in classes {
            table = extended(&table, &[("$.mag", class), ("$.deep.er", class)]);
            let healed = table.heal().unwrap();
            prop_assert_eq!(&healed.entry, &table);
            prop_assert_eq!(healed.injuries, []);
        }
    }
}
