//! From the announcement of an object to rows of its table.

use alluvium_model::{
    AnnouncedObject, Counts, LandingPrefix,
    ports::{LakeCatalog, LakeObjects, OpenObjects, PublishEvents},
};
use futures_util::future::try_join;

use crate::{
    ContractStore, Deadline, Ingest, IngestReport, LakeError, NoSubscribers, ledger::Found,
};

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
    C: LakeCatalog + Clone,
    O: LakeObjects + Clone,
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

    /// Takes one object to its table, and begins nothing after the deadline.
    ///
    /// One that was loaded before is not read, only counted, and so is one outside of the prefix.
    /// One that was deleted or overwritten since it was announced is counted as superseded: what
    /// overwrote it has an announcement of its own. One that no contract is for and that lies in no
    /// folder goes whole to the quarantine table.
    ///
    /// # Errors
    /// When a port fails, or a contract in the lake is wrong; then the object must be announced
    /// again.
    pub async fn land(
        &self,
        object: &AnnouncedObject,
        deadline: Deadline,
    ) -> Result<IngestReport, LakeError> {
        let Some(key) = object.key_below(&self.prefix) else {
            return Ok(IngestReport::unread(Counts { outside: 1, ..Counts::default() }));
        };
        let deadline = deadline.min(self.ingest.deadline());
        let (contracts, announced) =
            try_join(self.contracts.contracts(), self.announced(object, deadline)).await?;
        if let Some(report) = announced.as_ref().and_then(Found::duplicate) {
            return Ok(report);
        }
        let opened = deadline.call(self.sources.open_object(object)).await?;
        let (found, source) = match (announced, opened) {
            (Some(found), Some(source)) if found.id == source.id => (found, source),
            (_, Some(source)) => (self.ingest.find(source.id, deadline).await?, source),
            (Some(found), None) => {
                return self.ingest.supersede(found, &object.uri(), deadline).await;
            }
            // Nobody can tell which content was meant, so nobody began to load it.
            (None, None) => {
                return Ok(IngestReport::unread(Counts { superseded: 1, ..Counts::default() }));
            }
        };
        self.ingest.ingest_found(found, contracts.assignment(key), source, deadline).await
    }

    /// What the ledger says of the content that was announced, if the announcement tells which.
    async fn announced(
        &self,
        object: &AnnouncedObject,
        deadline: Deadline,
    ) -> Result<Option<Found>, LakeError> {
        Ok(match object.source_id() {
            Some(id) => Some(self.ingest.find(id, deadline).await?),
            None => None,
        })
    }
}
