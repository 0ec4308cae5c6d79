//! The contracts that lie in a lake, read again now and then.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use alluvium_model::{
    Contract, ContractErrors, Contracts, Version,
    layout::{self, ObjectKey},
    ports::{ListObjects, ReadObjects, Reread},
};
use tokio::{sync::Mutex, time::Instant};

use crate::LakeError;

/// The contracts of one lake. Whoever asks while another reads them waits and reads nothing.
#[derive(Debug)]
pub struct ContractStore<O> {
    objects: O,
    refresh: Duration,
    known: Mutex<Option<Known>>,
}

/// The contract in each object, at its version.
type ReadContracts = BTreeMap<ObjectKey, (Version, Contract)>;

/// What was read last.
#[derive(Debug)]
struct Known {
    read: ReadContracts,
    contracts: Arc<Contracts>,
    at: Instant,
}

impl<O: ReadObjects + ListObjects> ContractStore<O> {
    /// Contracts are believed for as long as `refresh`, then looked at again; zero for every time.
    pub fn new(objects: O, refresh: Duration) -> Self {
        Self { objects, refresh, known: Mutex::new(None) }
    }

    /// The contracts that lie in the lake.
    ///
    /// A listing tells which there are; one that was read before is asked for by its version.
    ///
    /// # Errors
    /// When a port fails, or a contract is wrong: to load by other rules than are meant would be
    /// worse.
    pub async fn contracts(&self) -> Result<Arc<Contracts>, LakeError> {
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_ref().filter(|known| known.at.elapsed() < self.refresh) {
            return Ok(Arc::clone(&known.contracts));
        }
        let at = Instant::now();
        let read = self.read(known.as_ref().map(|known| &known.read)).await?;
        let all = read.values().map(|(_, contract)| contract.clone()).collect();
        let contracts = Arc::new(Contracts::new(all)?);
        *known = Some(Known { read, contracts: Arc::clone(&contracts), at });
        Ok(contracts)
    }

    async fn read(&self, before: Option<&ReadContracts>) -> Result<ReadContracts, LakeError> {
        let (mut read, mut errors) = (ReadContracts::new(), Vec::new());
        for key in contract_keys(&self.objects).await? {
            let found = match before.and_then(|before| before.get(&key)) {
                Some((version, contract)) => {
                    match self.objects.object_since(&key, version).await? {
                        Reread::Unchanged => {
                            read.insert(key, (version.clone(), contract.clone()));
                            continue;
                        }
                        Reread::Changed(found) => Some(found),
                        Reread::Gone => None,
                    }
                }
                None => self.objects.object(&key).await?,
            };
            // One that was removed since it was listed is none.
            let Some(found) = found else { continue };
            match Contract::read(key.as_str(), &found.value) {
                Ok(contract) => {
                    read.insert(key, (found.version, contract));
                }
                Err(ContractErrors(found)) => errors.extend(found),
            }
        }
        if errors.is_empty() { Ok(read) } else { Err(ContractErrors(errors).into()) }
    }
}

/// What lies beside contracts and is none is left alone.
pub(crate) async fn contract_keys(objects: &impl ListObjects) -> Result<Vec<ObjectKey>, LakeError> {
    let listed = objects.list_objects(&layout::contracts()).await?.into_iter();
    let is_contract =
        |key: &ObjectKey| key.as_str().rsplit_once('.').is_some_and(|(_, end)| end == "toml");
    Ok(listed.map(|entry| entry.key).filter(is_contract).collect())
}
