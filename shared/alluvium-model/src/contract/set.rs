//! The contracts of a lake: which of them is for what.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Contract, ContractError, ContractErrors, ContractProblem, Place, Scope, ScopeStream,
    StreamRoute,
};
use crate::{Assignment, Destination, StreamName, TableSource, Topic};

/// Contracts that go together: at most one a table, a prefix, and for all tables without one.
#[derive(Clone, Debug, Default)]
pub struct Contracts {
    by_table: BTreeMap<String, Contract>,
    /// The table of each prefix.
    tables: BTreeMap<String, String>,
    streams: BTreeMap<StreamName, String>,
    others: Option<Contract>,
}

impl Contracts {
    /// The set of these contracts.
    ///
    /// # Errors
    /// When two are for the same table, have the same prefix, or are for all tables without one,
    /// or when one is for a table whose name the route of another one could make.
    pub fn new(contracts: Vec<Contract>) -> Result<Self, ContractErrors> {
        let (mut set, mut errors) = (Self::default(), Vec::new());
        for contract in contracts {
            errors.extend(set.insert(contract));
        }
        errors.extend(set.by_table.values().filter_map(|contract| set.routed(contract)));
        if errors.is_empty() { Ok(set) } else { Err(ContractErrors(errors)) }
    }

    fn insert(&mut self, contract: Contract) -> Option<ContractError> {
        let Scope::Table { table, prefix, stream, table_place, prefix_place } = &contract.scope
        else {
            let place = Place { line: 1, column: 1 };
            let same = |before: Contract| {
                let other = before.file().to_owned();
                contract.error(place, ContractProblem::SameDefault { other })
            };
            let error = self.others.take().map(same);
            self.others = Some(contract);
            return error;
        };
        if let Some(before) = self.by_table.get(table.as_str()) {
            let (table, other) = (table.to_string(), before.file().to_owned());
            return Some(contract.error(*table_place, ContractProblem::SameTable { table, other }));
        }
        let before = self.tables.get(prefix).and_then(|table| self.by_table.get(table));
        if let Some(before) = before {
            let (prefix, other) = (prefix.clone(), before.file().to_owned());
            let problem = ContractProblem::SamePrefix { prefix, other };
            return Some(contract.error(*prefix_place, problem));
        }
        if let Some(ScopeStream { name, place, .. }) = stream {
            if let Some(before) = self.of_this_stream(name) {
                let (stream, other) = (name.to_string(), before.file().to_owned());
                return Some(contract.error(*place, ContractProblem::SameStream { stream, other }));
            }
            self.streams.insert(name.clone(), table.to_string());
        }
        self.tables.insert(prefix.clone(), table.to_string());
        self.by_table.insert(table.to_string(), contract);
        None
    }

    /// What is wrong if the route of another contract makes tables that are called like this one's.
    fn routed(&self, contract: &Contract) -> Option<ContractError> {
        let Scope::Table { table, table_place, .. } = &contract.scope else { return None };
        let (_, other) = self.by_table.iter().find(|(routed, other)| {
            let rest = table.as_str().strip_prefix(routed.as_str());
            other.rules.route.is_some() && rest.is_some_and(|rest| rest.starts_with('_'))
        })?;
        let (table, routed) = (table.to_string(), other.table()?.to_string());
        let problem = ContractProblem::Routed { table, routed, other: other.file().to_owned() };
        Some(contract.error(*table_place, problem))
    }

    /// Where the records of the object with this key below the landing prefix go: to the table
    /// whose prefix it begins with (the longest, if there are several), else to that of its first
    /// folder. None if it lies in no folder.
    #[must_use]
    pub fn of_key(&self, key: &str) -> Option<Destination> {
        let matching = self.tables.iter().filter(|(prefix, _)| key.starts_with(prefix.as_str()));
        let longest = matching.max_by_key(|(prefix, _)| prefix.len());
        if let Some((_, table)) = longest {
            return Some(self.of_table(&TableSource::new(table)));
        }
        let (folder, _) = key.split_once('/')?;
        (!folder.is_empty()).then(|| self.of_table(&TableSource::new(folder)))
    }

    /// Where the records go that belong to the table made of `table`.
    #[must_use]
    pub fn of_table(&self, table: &TableSource) -> Destination {
        let contract = self.by_table.get(table.as_str()).or(self.others.as_ref());
        match contract {
            Some(contract) => contract.destination_of(table.clone()),
            None => table.into(),
        }
    }

    /// Where the object with this key below the landing prefix goes: like [`Contracts::of_key`], or
    /// to quarantine by the rules of tables without a contract.
    #[must_use]
    pub fn assignment(&self, key: &str) -> Assignment {
        match (self.of_key(key), &self.others) {
            (Some(destination), _) => destination.into(),
            (None, None) => Assignment::default(),
            (None, Some(Contract { rules, text, .. })) => {
                let (rules, contract) = (Arc::clone(rules), Some(Arc::clone(text)));
                Assignment { table: None, rules, contract }
            }
        }
    }

    /// Where the records of a stream belong that have no topic or one that does not count: as the
    /// contract of the stream says, else to the table that is called like the stream.
    #[must_use]
    pub fn of_stream(&self, stream: &StreamName) -> Destination {
        match self.of_this_stream(stream).and_then(Contract::destination) {
            Some(destination) => destination,
            None => self.of_table(&TableSource::new(stream.as_str())),
        }
    }

    /// Whether topics of a stream count; none if no contract is for that stream.
    #[must_use]
    pub fn route_of_stream(&self, stream: &StreamName) -> Option<StreamRoute> {
        match &self.of_this_stream(stream)?.scope {
            Scope::Table { stream, .. } => stream.as_ref().map(|stream| stream.route),
            Scope::Others => None,
        }
    }

    /// Where the records of a topic belong: to where a file in a folder of that name would go.
    #[must_use]
    pub fn of_topic(&self, topic: &Topic) -> Destination {
        let folder = format!("{topic}/");
        self.of_key(&folder).unwrap_or_else(|| self.of_table(&TableSource::new(topic.as_str())))
    }

    fn of_this_stream(&self, stream: &StreamName) -> Option<&Contract> {
        self.streams.get(stream).and_then(|table| self.by_table.get(table))
    }

    /// All of them, in the order of their tables, that of the others last.
    pub fn iter(&self) -> impl Iterator<Item = &Contract> {
        self.by_table.values().chain(&self.others)
    }
}

impl Contract {
    fn error(&self, place: Place, problem: ContractProblem) -> ContractError {
        let Place { line, column } = place;
        ContractError { file: self.file().to_owned(), line, column, problem }
    }
}
