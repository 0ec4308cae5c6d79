//! From terms that are lawful by themselves to rules that go together.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Contract, ContractFile, ContractProblem, DEFAULT_CONTRACT, Obstacle, Scope, ValueError,
    places::{Problems, Said},
    terms::Terms,
};
use crate::{ColumnRule, EventTime, JsonPath, Kind, PartitionSpec, TableRules};

/// The contract that `terms` make, unless something is wrong with them.
pub(super) fn build(
    name: &str,
    file: &ContractFile,
    terms: Terms,
    problems: &mut Problems<'_>,
) -> Option<Contract> {
    let columns = columns(&terms.columns, problems);
    check_event_time(file, &terms, problems);
    let used = [&terms.route, &terms.event_time].into_iter().flatten();
    let used = used.map(|said| (said.key.as_str(), said.at, &said.value));
    let partitions = terms
        .partitions
        .iter()
        .flat_map(|said| said.value.paths().map(|path| (said.key.as_str(), said.at, path)));
    for (key, at, path) in used.chain(partitions) {
        if let Some(rule) = obstacle(&columns, path) {
            let (key, path) = (key.to_owned(), path.to_string());
            problems.add(at, ContractProblem::Unusable { key, path, rule });
        }
    }
    let scope = scope(name, file, &terms, problems)?;
    let event_time = terms.event_time.map(|said| EventTime {
        path: said.value,
        format: terms.format,
        window: terms.window,
    });
    let rules = TableRules {
        wrappers: terms.wrappers,
        route: terms.route.map(|said| said.value),
        event_time,
        partitions: terms.partitions.map_or_else(PartitionSpec::default, |said| said.value),
        mode: terms.mode,
        budget: terms.budget,
        max_depth: terms.max_depth,
        names: terms.names,
        numbers: terms.numbers,
        timestamps: terms.timestamps,
        columns,
    };
    Some(Contract { file: problems.file().to_owned(), scope, rules: Arc::new(rules) })
}

/// What the contract is for; none if it does not say, or says it wrongly.
fn scope(
    name: &str,
    file: &ContractFile,
    terms: &Terms,
    problems: &mut Problems<'_>,
) -> Option<Scope> {
    if name == DEFAULT_CONTRACT {
        for said in [&file.table, &file.prefix, &file.route].into_iter().flatten() {
            let key = said.key.clone();
            problems.add(said.at, ContractProblem::OfOneTable { key });
        }
        return Some(Scope::Others);
    }
    if file.table.is_none() {
        problems.add(0, ContractProblem::Missing { key: "table" });
    }
    let table = terms.table.as_ref()?;
    if name.strip_suffix(".toml") != Some(table.value.as_str()) {
        let problem = ContractProblem::FileName { table: table.value.to_string() };
        problems.add(table.at, problem);
    }
    // Without a prefix, the folder that is called like the table.
    let prefix = match &file.prefix {
        Some(_) => terms.prefix.clone()?,
        None => Said { key: table.key.clone(), at: table.at, value: format!("{}/", table.value) },
    };
    let (table_place, prefix_place) = (problems.place(table.at), problems.place(prefix.at));
    let (table, prefix) = (table.value.clone(), prefix.value);
    Some(Scope::Table { table, prefix, table_place, prefix_place })
}

/// The rules by path, each path once and none within a subtree that is dropped or kept as JSON.
fn columns(
    said: &[(Said<JsonPath>, ColumnRule)],
    problems: &mut Problems<'_>,
) -> BTreeMap<JsonPath, ColumnRule> {
    let mut columns: BTreeMap<JsonPath, ColumnRule> = BTreeMap::new();
    let mut places: BTreeMap<&JsonPath, usize> = BTreeMap::new();
    for (path, rule) in said {
        if let Some(first) = places.get(&path.value) {
            let line = problems.place(*first).line;
            problems.add(path.at, ContractProblem::SamePath { key: path.key.clone(), line });
        } else {
            places.insert(&path.value, path.at);
            columns.insert(path.value.clone(), *rule);
        }
    }
    for (path, _) in said {
        if let Some(rule) = obstacle_above(&columns, &path.value) {
            let (key, path_text) = (path.key.clone(), path.value.to_string());
            problems.add(path.at, ContractProblem::Unusable { key, path: path_text, rule });
        }
    }
    columns
}

/// Why a record has no single value at `path` after these rules.
fn obstacle(columns: &BTreeMap<JsonPath, ColumnRule>, path: &JsonPath) -> Option<Obstacle> {
    match columns.get(path) {
        Some(ColumnRule::Drop) => Some(Obstacle::Dropped),
        Some(ColumnRule::Typed(kind @ (Kind::Array(_) | Kind::Json))) => {
            Some(Obstacle::NoScalar(*kind))
        }
        Some(ColumnRule::Typed(Kind::Scalar(_))) | None => obstacle_above(columns, path),
    }
}

fn obstacle_above(columns: &BTreeMap<JsonPath, ColumnRule>, path: &JsonPath) -> Option<Obstacle> {
    path.ancestors().find_map(|above| match columns.get(above)? {
        ColumnRule::Drop => Some(Obstacle::InDropped(above.to_owned())),
        ColumnRule::Typed(Kind::Json) => Some(Obstacle::InJson(above.to_owned())),
        ColumnRule::Typed(Kind::Scalar(_) | Kind::Array(_)) => None,
    })
}

/// Format and window are those of an event time, and partitions may need one.
fn check_event_time(file: &ContractFile, terms: &Terms, problems: &mut Problems<'_>) {
    if file.event_time.is_some() {
        return;
    }
    if let Some(time) = &file.time {
        problems.add_value(&time.key, time.at, ValueError::NoEventTime("what it says"));
    }
    if let Some(by) = terms.partitions.as_ref().filter(|by| by.value.needs_event_time()) {
        problems.add_value(&by.key, by.at, ValueError::NoEventTime("the event_time in it"));
    }
}
