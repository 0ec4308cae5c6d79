//! From contracts in files to contracts in a lake.
//!
//! Everything is checked before anything is written: a contract that does not suit the others or
//! the tables would stop loading, or make it start over in another table.

mod contradiction;

use std::{collections::BTreeMap, sync::Arc};

use alluvium_model::{
    Contract, ContractError, ContractErrors, Contracts, SchemaError, TableEntry, TableName,
    TableSource,
    layout::{self, ObjectKey},
    ports::{ListObjects, ReadObjects, ReadTables, WriteObjects},
};
use bytes::Bytes;

use crate::{LakeError, contracts::contract_keys};

pub use contradiction::{ContractWarning, Contradiction};

/// A contract and the bytes that it was read from.
#[derive(Clone, Debug)]
pub struct Deployable {
    /// What it says.
    pub contract: Contract,
    /// How it says it.
    pub bytes: Bytes,
}

impl Deployable {
    fn key(&self) -> ObjectKey {
        layout::contracts().object(&self.contract.file_name())
    }
}

/// Why a contract cannot be deployed. Its text begins with the place.
#[derive(Debug, thiserror::Error)]
pub enum ContractFlaw {
    /// Something is wrong in a contract, or with two of them.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// Its table is not as the contract wants it.
    #[error("{file}: {flaw}")]
    Table {
        /// The file of the contract.
        file: String,
        /// What is wrong.
        flaw: TableFlaw,
    },
}

/// Why a table of the lake cannot follow a contract.
#[derive(Debug, thiserror::Error)]
pub enum TableFlaw {
    /// It is not as the contract wants it.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// It is made of something else.
    #[error("there is a table {table} already, which is made of `{found}`")]
    Taken {
        /// The table.
        table: TableName,
        /// What it is made of.
        found: String,
    },
}

/// What a check of contracts found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Why they cannot be deployed.
    pub flaws: Vec<ContractFlaw>,
    /// What they say in vain of tables that are there.
    pub warnings: Vec<ContractWarning>,
}

/// What a deployment did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deployed {
    /// What was written.
    pub written: Vec<ObjectKey>,
    /// What was there already, byte by byte.
    pub unchanged: Vec<ObjectKey>,
    /// Contracts in the lake that were not deployed now; they stay.
    pub others: Vec<ObjectKey>,
}

/// Takes contracts to one lake.
#[derive(Debug)]
pub struct Deployment<C, O> {
    catalog: C,
    objects: O,
}

impl<C: ReadTables, O: ReadObjects + ListObjects> Deployment<C, O> {
    /// To the lake of these ports.
    pub const fn new(catalog: C, objects: O) -> Self {
        Self { catalog, objects }
    }

    /// Whether the lake could have these contracts beside those that it has; each takes the place
    /// of the one that is for the same.
    ///
    /// # Errors
    /// When a port fails.
    pub async fn check(&self, contracts: &[Deployable]) -> Result<Findings, LakeError> {
        let (mut all, mut flaws) = (Vec::new(), Vec::new());
        let mut warnings = Vec::new();
        let mut note = |ContractErrors(errors)| {
            flaws.extend(errors.into_iter().map(ContractFlaw::from));
        };
        for (key, bytes) in self.others(contracts).await? {
            match Contract::read(key.as_str(), &bytes) {
                Ok(contract) => all.push(contract),
                Err(errors) => note(errors),
            }
        }
        all.extend(contracts.iter().map(|deployable| deployable.contract.clone()));
        let all = Contracts::new(all).inspect_err(|errors| note(errors.clone()));
        let Ok(all) = all else { return Ok(Findings { flaws, warnings }) };
        for Deployable { contract, .. } in contracts {
            if let Some(table) = contract.table() {
                flaws.extend(self.taken(contract, table).await?);
            }
        }
        for table in self.tables().await? {
            let Some(source) = table.source() else { continue };
            // What a `route` splits off follows the contract that has it.
            let (of_contract, _) = source.split_once('/').unwrap_or((source, ""));
            let rules = all.of_table(&TableSource::new(of_contract)).rules;
            let follows = contracts.iter().find(|new| Arc::ptr_eq(new.contract.rules(), &rules));
            let Some(Deployable { contract, .. }) = follows else { continue };
            flaws.extend(differs(contract, &table));
            match contradiction::contradictions(contract, &table) {
                Ok(found) => warnings.extend(found),
                Err(error) => flaws.push(flaw(contract, error)),
            }
        }
        Ok(Findings { flaws, warnings })
    }

    /// Whether a table has the name already that is not the contract's.
    async fn taken(
        &self,
        contract: &Contract,
        table: &TableName,
    ) -> Result<Option<ContractFlaw>, LakeError> {
        let Some(found) = self.catalog.table(table).await? else { return Ok(None) };
        let source = found.value.source();
        Ok((source != Some(table.as_str())).then(|| ContractFlaw::Table {
            file: contract.file().to_owned(),
            flaw: TableFlaw::Taken {
                table: table.clone(),
                found: source.unwrap_or("something of others").to_owned(),
            },
        }))
    }

    async fn tables(&self) -> Result<Vec<TableEntry>, LakeError> {
        let mut tables = Vec::new();
        for name in self.catalog.table_names().await? {
            // One that was dropped since it was listed is none.
            tables.extend(self.catalog.table(&name).await?.map(|found| found.value));
        }
        Ok(tables)
    }

    /// The contracts of the lake that these do not replace, as they are written there.
    async fn others(
        &self,
        contracts: &[Deployable],
    ) -> Result<BTreeMap<ObjectKey, Bytes>, LakeError> {
        let mut others = BTreeMap::new();
        for key in contract_keys(&self.objects).await? {
            if contracts.iter().all(|deployable| deployable.key() != key)
                && let Some(found) = self.objects.object(&key).await?
            {
                others.insert(key, found.value);
            }
        }
        Ok(others)
    }
}

impl<C: ReadTables, O: ReadObjects + ListObjects + WriteObjects> Deployment<C, O> {
    /// Writes contracts that were checked into the lake.
    ///
    /// # Errors
    /// When a port fails; some may be there then.
    pub async fn deploy(&self, contracts: &[Deployable]) -> Result<Deployed, LakeError> {
        let others = self.others(contracts).await?.into_keys().collect();
        let mut deployed = Deployed { others, ..Deployed::default() };
        for deployable in contracts {
            let key = deployable.key();
            let before = self.objects.object(&key).await?;
            if before.is_some_and(|before| before.value == deployable.bytes) {
                deployed.unchanged.push(key);
                continue;
            }
            self.objects.put_object(&key, deployable.bytes.clone()).await?;
            deployed.written.push(key);
        }
        Ok(deployed)
    }
}

fn differs(contract: &Contract, table: &TableEntry) -> Option<ContractFlaw> {
    let error = table.is_partitioned_by(&contract.rules().partitions).err()?;
    Some(flaw(contract, error))
}

fn flaw(contract: &Contract, error: SchemaError) -> ContractFlaw {
    ContractFlaw::Table { file: contract.file().to_owned(), flaw: error.into() }
}
