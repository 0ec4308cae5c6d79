//! Contracts in files, and what is wrong with them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use alluvium_lake::{ContractFlaw, ContractWarning, Deployable, Findings};
use alluvium_model::{Contract, ContractErrors, Contracts};
use anyhow::Context as _;
use serde::Serialize;

use crate::output;

/// The contracts that are right, all that is wrong with the others or between them, and what they
/// say in vain.
#[derive(Debug, Default)]
pub(super) struct ContractFiles {
    pub(super) contracts: Vec<Deployable>,
    pub(super) flaws: Vec<ContractFlaw>,
    warnings: Vec<ContractWarning>,
}

/// What is wrong, or said in vain, for programs.
#[derive(Serialize)]
pub(super) struct FlawJson {
    file: String,
    line: Option<usize>,
    column: Option<usize>,
    message: String,
}

#[derive(Serialize)]
struct FlawsJson {
    contracts: usize,
    errors: Vec<FlawJson>,
    warnings: Vec<FlawJson>,
}

impl ContractFiles {
    /// Reads files, and of folders all that end with `.toml`.
    pub(super) fn read(named: &[PathBuf]) -> anyhow::Result<Self> {
        let mut files = Self::default();
        for path in named {
            for path in paths(path)? {
                let name = path.display().to_string();
                let bytes = fs::read(&path).with_context(|| format!("cannot read {name}"))?;
                match Contract::read(&name, &bytes) {
                    Ok(contract) => {
                        files.contracts.push(Deployable { contract, bytes: bytes.into() });
                    }
                    Err(errors) => files.note(errors),
                }
            }
        }
        let all = files.contracts.iter().map(|deployable| deployable.contract.clone());
        if let Err(errors) = Contracts::new(all.collect()) {
            files.note(errors);
        }
        Ok(files)
    }

    fn note(&mut self, ContractErrors(errors): ContractErrors) {
        self.flaws.extend(errors.into_iter().map(ContractFlaw::from));
    }

    /// Takes what a lake says of them.
    pub(super) fn take(&mut self, found: Findings) {
        self.flaws.extend(found.flaws);
        self.warnings.extend(found.warnings);
    }

    /// What is said in vain, for programs.
    pub(super) fn warnings(&self) -> Vec<FlawJson> {
        self.warnings.iter().map(FlawJson::of_warning).collect()
    }

    /// Says what is said in vain.
    pub(super) fn warn(&self) -> anyhow::Result<()> {
        let lines = self.warnings.iter().map(|warning| format!("! {warning}\n"));
        Ok(output::print(&lines.collect::<String>())?)
    }

    /// Says what is wrong.
    pub(super) fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            let errors = self.flaws.iter().map(FlawJson::of).collect();
            let (contracts, warnings) = (self.contracts.len(), self.warnings());
            return output::print_json(&FlawsJson { contracts, errors, warnings });
        }
        self.warn()?;
        let lines: Vec<_> = self.flaws.iter().map(ToString::to_string).collect();
        Ok(output::print(&lines.join("\n"))?)
    }
}

impl FlawJson {
    fn of_warning(ContractWarning { file, contradiction }: &ContractWarning) -> Self {
        let message = contradiction.to_string();
        Self { file: file.clone(), line: None, column: None, message }
    }

    fn of(flaw: &ContractFlaw) -> Self {
        let (file, place, message) = match flaw {
            ContractFlaw::Contract(error) => {
                let place = Some((error.line, error.column));
                (&error.file, place, error.problem.to_string())
            }
            ContractFlaw::Table { file, flaw } => (file, None, flaw.to_string()),
        };
        let (line, column) = place.unzip();
        Self { file: file.clone(), line, column, message }
    }
}

fn paths(named: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !named.is_dir() {
        return Ok(vec![named.to_owned()]);
    }
    let unreadable = || format!("cannot read {}", named.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(named).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
