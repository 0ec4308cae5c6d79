//! From the announcement of an object to rows of its table.

use alluvium_model::{
    AnnouncedObject, Counts, LandingPrefix, Reason,
    ports::{
        CommitTables, ListObjects, OpenObjects, PublishEvents, ReadObjects, ReadTables,
        RegisterPartitions, ReplaceViews, WriteObjects,
    },
};

use crate::{ContractStore, Ingest, IngestReport, LakeError, NoSubscribers};

/// Takes announced objects to their tables. Made once and used for many, like its [`Ingest`].
#[derive(Debug)]
pub struct Landing<C, O, S, E = NoSubscribers> {
    ingest: Ingest<C, O, E>,
    contracts: ContractStore<O>,
    sources: S,
    prefix: LandingPrefix,
}

impl<C, O, S, E> Landing<C, O, S, E>
where
    C: ReadTables + CommitTables + RegisterPartitions + ReplaceViews + Clone,
    O: WriteObjects + ReadObjects + ListObjects,
    S: OpenObjects,
    E: PublishEvents,
{
    /// Objects come from `sources`; `contracts` say where they go by their keys below `prefix`.
    pub const fn new(
        ingest: Ingest<C, O, E>,
        contracts: ContractStore<O>,
        sources: S,
        prefix: LandingPrefix,
    ) -> Self {
        Self { ingest, contracts, sources, prefix }
    }

    /// Takes one object to its table.
    ///
    /// One that was deleted or overwritten since it was announced is counted as superseded: what
    /// overwrote it has an announcement of its own. One that no contract is for and that lies in
    /// no folder goes whole to the quarantine table. One outside of the prefix is not read, only
    /// counted.
    ///
    /// # Errors
    /// When a port fails, or a contract in the lake is wrong; then the object must be announced
    /// again.
    pub async fn land(&self, object: &AnnouncedObject) -> Result<IngestReport, LakeError> {
        let unread = |counts| IngestReport { counts, ..IngestReport::default() };
        let Some(key) = object.key_below(&self.prefix) else {
            return Ok(unread(Counts { outside: 1, ..Counts::default() }));
        };
        let contracts = self.contracts.contracts().await?;
        let destination = contracts.of_key(key);
        let Some(source) = self.sources.open_object(object).await? else {
            return Ok(unread(Counts { superseded: 1, ..Counts::default() }));
        };
        if let Some(destination) = destination {
            return self.ingest.ingest(destination, source).await;
        }
        let message = "its key has no folder that could name a table".to_owned();
        let rules = &contracts.default_rules();
        self.ingest.quarantine(source, Reason::NoTable, message, rules).await
    }
}
