//! The contract of a table: from a file that people write to the rules that records are read by.
//!
//! Three types, one after the other: [`ContractFile`] is what the file says, [`Terms`] are its
//! values, each lawful by itself, and a [`Contract`] is what is built of terms that go together.
//! All that is wrong with a file is told at once, each with its place.

mod build;
mod error;
mod file;
mod places;
mod set;
mod terms;

use std::sync::Arc;

use crate::{ContractText, Destination, StreamName, TableName, TableRules, TableSource};
use file::ContractFile;
use places::{Place, Problems};
use terms::Terms;

pub use error::{ContractError, ContractErrors, ContractProblem, Obstacle, ValueError};
pub use set::Contracts;

/// The file of the contract of all tables that have none of their own.
pub const DEFAULT_CONTRACT: &str = "_default.toml";

/// The contract of a table, or of all tables without one.
#[derive(Clone, Debug)]
pub struct Contract {
    text: Arc<ContractText>,
    scope: Scope,
    rules: Arc<TableRules>,
}

/// What a contract is for.
#[derive(Clone, Debug)]
enum Scope {
    /// One table.
    Table {
        table: TableName,
        /// What the keys of its sources begin with, below the landing prefix.
        prefix: String,
        /// The stream whose records are for it, too.
        stream: Option<ScopeStream>,
        table_place: Place,
        prefix_place: Place,
    },
    /// Every table that has no contract.
    Others,
}

/// A stream that a contract is for.
#[derive(Clone, Debug)]
struct ScopeStream {
    name: StreamName,
    route: StreamRoute,
    place: Place,
}

/// Which tables the records of a stream belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamRoute {
    /// All of them to one.
    Name,
    /// Those with a topic to where a file in a folder of that name would go, the others to one.
    Topic,
}

impl Contract {
    /// The contract in a file. What `file` ends with decides what it is for: `_default.toml`, or
    /// `<table>.toml`.
    ///
    /// # Errors
    /// Tells everything that is wrong with it.
    pub fn read(file: &str, bytes: &[u8]) -> Result<Self, ContractErrors> {
        let text = std::str::from_utf8(bytes).unwrap_or_else(|error| {
            std::str::from_utf8(bytes.get(..error.valid_up_to()).unwrap_or_default())
                .unwrap_or_default()
        });
        let mut problems = Problems::new(file, text);
        if text.len() < bytes.len() {
            problems.add(text.len(), ContractProblem::NotUtf8);
            return Err(ContractErrors(problems.into_errors()));
        }
        let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
        let said = ContractFile::read(text, &mut problems);
        if said.broken {
            return Err(ContractErrors(problems.into_errors()));
        }
        let terms = Terms::of(&said, &mut problems);
        let contract = build::build(name, &said, terms, &mut problems);
        match contract.filter(|_| problems.count() == 0) {
            Some(contract) => Ok(contract),
            None => Err(ContractErrors(problems.into_errors())),
        }
    }

    /// What its reader calls its file.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.text.file
    }

    /// What its file must be called.
    #[must_use]
    pub fn file_name(&self) -> String {
        self.table().map_or_else(|| DEFAULT_CONTRACT.to_owned(), |table| format!("{table}.toml"))
    }

    /// The table that it is for; none if it is for all without one.
    #[must_use]
    pub const fn table(&self) -> Option<&TableName> {
        match &self.scope {
            Scope::Table { table, .. } => Some(table),
            Scope::Others => None,
        }
    }

    /// How records are read, typed, partitioned and placed.
    #[must_use]
    pub fn rules(&self) -> &Arc<TableRules> {
        &self.rules
    }

    /// Where the records of a table go by this contract.
    fn destination_of(&self, table: TableSource) -> Destination {
        let (rules, contract) = (Arc::clone(&self.rules), Some(Arc::clone(&self.text)));
        Destination { table, rules, contract }
    }

    /// Where the records of its sources go; none if it is for no single table.
    #[must_use]
    pub fn destination(&self) -> Option<Destination> {
        let table = TableSource::new(self.table()?.as_str());
        Some(self.destination_of(table))
    }
}

#[cfg(test)]
mod tests;
