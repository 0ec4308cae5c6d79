//! From terms that are lawful by themselves to rules that go together.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Contract, ContractFile, ContractProblem, DEFAULT_CONTRACT, Obstacle, Scope, ScopeStream,
    ValueError,
    places::{Problems, Said},
    terms::Terms,
};
use crate::{
    ColumnRule, ContractText, EventTime, JsonPath, Kind, Limits, PartitionSpec, StreamRoute,
    SystemColumn, TableRules, comment::cut,
};

/// Bytes of a path that are shown of what is wrong with it.
const PATH_BYTES_SHOWN: usize = 200;

/// The contract that `terms` make, unless something is wrong with them.
pub(super) fn build(
    name: &str,
    file: &ContractFile,
    terms: Terms,
    problems: &mut Problems<'_>,
) -> Option<Contract> {
    let columns = columns(&terms.columns, problems);
    check_event_time(file, &terms, problems);
    check_width(file, &terms, problems);
    if let (None, Some(route), StreamRoute::Topic) = (&file.stream, &file.route, terms.stream_route)
    {
        problems.add_value(&route.key, route.at, ValueError::NoStream);
    }
    let reach = Reach::of(&terms);
    let used = [&terms.route, &terms.event_time].into_iter().flatten();
    let used = used.map(|said| (said.key.as_str(), said.at, &said.value));
    let partitions = terms
        .partitions
        .iter()
        .flat_map(|said| said.value.paths().map(|path| (said.key.as_str(), said.at, path)));
    for (key, at, path) in used.chain(partitions) {
        if let Some(rule) = obstacle(&columns, path).or_else(|| reach.obstacle(path)) {
            problems.add(at, unusable(key, path, rule));
        }
    }
    for (path, rule) in &terms.columns {
        // What is dropped is dropped however deep it lies.
        let is_typed = *rule != ColumnRule::Drop;
        if let Some(rule) = reach.obstacle(&path.value).filter(|_| is_typed) {
            problems.add(path.at, unusable(&path.key, &path.value, rule));
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
    let text = ContractText { file: problems.file().to_owned(), text: problems.text().to_owned() };
    Some(Contract { text: Arc::new(text), scope, rules: Arc::new(rules) })
}

/// What the contract is for; none if it does not say, or says it wrongly.
fn scope(
    name: &str,
    file: &ContractFile,
    terms: &Terms,
    problems: &mut Problems<'_>,
) -> Option<Scope> {
    if name == DEFAULT_CONTRACT {
        for said in [&file.table, &file.prefix, &file.stream, &file.route].into_iter().flatten() {
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
    let stream = terms.stream.as_ref().map(|stream| ScopeStream {
        name: stream.value.clone(),
        route: terms.stream_route,
        place: problems.place(stream.at),
    });
    let (table_place, prefix_place) = (problems.place(table.at), problems.place(prefix.at));
    let (table, prefix) = (table.value.clone(), prefix.value);
    Some(Scope::Table { table, prefix, stream, table_place, prefix_place })
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
            problems.add(path.at, unusable(&path.key, &path.value, rule));
        }
    }
    columns
}

fn unusable(key: &str, path: &JsonPath, rule: Obstacle) -> ContractProblem {
    ContractProblem::Unusable { key: key.to_owned(), path: cut(path, PATH_BYTES_SHOWN), rule }
}

/// How far records are taken apart.
struct Reach {
    depth: u32,
    path_bytes: u32,
}

impl Reach {
    fn of(terms: &Terms) -> Self {
        let Limits { path_depth, path_bytes, .. } = Limits::default();
        Self { depth: terms.max_depth.unwrap_or(path_depth), path_bytes }
    }

    /// Why no value is ever found at `path`.
    fn obstacle(&self, path: &JsonPath) -> Option<Obstacle> {
        let (depth, bytes) = (path.keys().len(), path.as_str().len());
        if depth > self.depth as usize {
            Some(Obstacle::TooDeep { depth, max: self.depth })
        } else if bytes > self.path_bytes as usize {
            Some(Obstacle::TooLong { bytes, max: self.path_bytes })
        } else {
            None
        }
    }
}

/// All that is declared must have room in the table.
fn check_width(file: &ContractFile, terms: &Terms, problems: &mut Problems<'_>) {
    let partitions = terms.partitions.as_ref().map(|said| said.value.columns().len());
    let partitions = partitions.unwrap_or_else(|| PartitionSpec::default().columns().len());
    let room = terms.budget.max_columns.saturating_sub(SystemColumn::ALL.len() + partitions);
    let is_typed = |(_, rule): &&(Said<JsonPath>, ColumnRule)| *rule != ColumnRule::Drop;
    let declared = terms.columns.iter().filter(is_typed);
    let Some((beyond, _)) = declared.clone().nth(room) else { return };
    let (key, at) = match &file.max_columns {
        Some(said) => (said.key.clone(), said.at),
        None => (beyond.key.clone(), beyond.at),
    };
    let declared = declared.count();
    problems.add(at, ContractProblem::TooManyColumns { key, declared, room });
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
