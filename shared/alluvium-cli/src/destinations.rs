//! Which table an input belongs to, and by which rules it is read.

use std::{
    path::{Component, Path},
    sync::Arc,
    time::Duration,
};

use alluvium_lake::ContractStore;
use alluvium_model::{Contract, Contracts, Destination, TableSource};
use anyhow::Context as _;

use crate::{
    args::{Inputs, Rules},
    lake::Objects,
    output::UsageError,
};

/// Where inputs go.
#[derive(Clone, Debug, Default)]
pub(crate) struct Destinations {
    contracts: Arc<Contracts>,
    /// Where all go, wherever they lie.
    all: Option<Destination>,
}

impl Destinations {
    /// By the contract that was named, else by those of the lake, if there is one.
    pub(crate) async fn of(
        inputs: &Inputs,
        rules: &Rules,
        lake: Option<&Objects>,
    ) -> anyhow::Result<Self> {
        let mut named = None;
        let contracts = match (&rules.contract, lake) {
            (Some(path), _) => {
                let contract = read(path)?;
                named = contract.destination();
                Arc::new(Contracts::new(vec![contract])?)
            }
            (None, Some(objects)) => {
                ContractStore::new(objects.clone(), Duration::ZERO).contracts().await?
            }
            (None, None) => Arc::default(),
        };
        let all = match (inputs.table.as_deref(), named) {
            (Some(_), Some(_)) => return Err(UsageError::TwoTables.into()),
            (Some(""), None) => return Err(UsageError::EmptyTable.into()),
            // What a route splits off a table is called like this.
            (Some(table), None) if table.contains('/') => {
                return Err(UsageError::SlashInTable(table.to_owned()).into());
            }
            (Some(table), None) => Some(contracts.of_table(&TableSource::new(table))),
            (None, named) => named,
        };
        Ok(Self { contracts, all })
    }

    /// Where standard input goes.
    pub(crate) fn of_stream(&self) -> Option<Destination> {
        self.all.clone()
    }

    /// Where a file goes by its path, as it is written or below a folder.
    pub(crate) fn of_path(&self, path: &Path) -> Option<Destination> {
        self.all.clone().or_else(|| self.contracts.of_key(&key(path)?))
    }
}

fn read(path: &Path) -> anyhow::Result<Contract> {
    let file = path.display().to_string();
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {file}"))?;
    Ok(Contract::read(&file, &bytes)?)
}

/// A relative path as the key that it would have in a bucket. Only of the folder that names its
/// table must it be known exactly.
fn key(path: &Path) -> Option<String> {
    let components = path.components().filter(|part| *part != Component::CurDir);
    let mut segments = Vec::new();
    for component in components {
        let Component::Normal(segment) = component else { return None };
        segments.push(segment);
    }
    segments.first()?.to_str()?;
    let segments = segments.iter().map(|segment| segment.to_string_lossy());
    Some(segments.collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_segment_names_the_table() {
        let check = |path: &str, expected: Option<&str>| {
            let found = Destinations::default().of_path(Path::new(path));
            let found = found.map(|found| found.table);
            assert_eq!(found, expected.map(TableSource::new), "{path}");
        };
        check("camera/1.json", Some("camera"));
        check("./camera/2026/11/1.json", Some("camera"));
        check("1.json", None);
        check("/data/camera/1.json", None);
        check("../camera/1.json", None);
    }
}
