//! What the ledger says of all sources, as far as the rest of an examination needs it.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error as _,
    pin::pin,
};

use alluvium_model::{
    Claim, Committed, LedgerEntry, LedgerState, PartitionKey, PlanId, PortError, SourceId,
    TableName, UtcInstant,
    layout::{ObjectKey, ledger, source_of_entry},
    ports::{ListObjects, ObjectEntry, ReadObjects},
};
use futures_util::TryStreamExt as _;

use super::{Diagnosis, Doctor, Inconsistency, Scope};
use crate::{LakeError, ledger::Sweep, pointers::in_turn, state};

/// The sources of a lake. Of a source it keeps a few dozen bytes, of a file its name: less than
/// the listings that tell of them.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// Plans of those that are loaded.
    loaded: BTreeMap<SourceId, PlanId>,
    /// When something was heard last of those that are not.
    begun: BTreeMap<SourceId, UtcInstant>,
    not_understood: BTreeSet<SourceId>,
    /// Names of the files of those that are loaded.
    pub(super) files: BTreeMap<TableName, BTreeMap<PartitionKey, Vec<String>>>,
}

impl Sources {
    /// Whether files of this plan are those that count, as far as it was seen.
    pub(super) fn is_loaded_by(&self, source: SourceId, plan: PlanId) -> bool {
        self.loaded.get(&source) == Some(&plan)
    }

    pub(super) fn is_understood(&self, source: SourceId) -> bool {
        !self.not_understood.contains(&source)
    }

    /// When something was heard last of a source that is being loaded; none of one that was begun
    /// during this examination.
    pub(super) fn heard_of(&self, source: SourceId, claim: &Claim) -> Option<UtcInstant> {
        self.begun
            .get(&source)
            .copied()
            .map(|since| claim.fenced_at.map_or(since, |at| at.max(since)))
    }
}

/// An entry of the ledger as it was read.
enum Read {
    Entry(SourceId, ObjectEntry, Box<LedgerEntry>),
    NotUnderstood(Option<SourceId>, Inconsistency),
    /// It is gone since it was listed.
    Gone,
}

impl<C, O: ListObjects + ReadObjects> Doctor<C, O> {
    /// Reads the whole ledger: which tables a source feeds stands in its entry alone.
    pub(super) async fn read_ledger(
        &self,
        scope: &Scope<'_>,
        diagnosis: &mut Diagnosis,
    ) -> Result<Sources, LakeError> {
        let mut sources = Sources::default();
        let location = ledger(&self.database);
        let listed = self.backoff.retry(|| self.objects.list_objects(&location)).await?;
        let mut entries = pin!(in_turn(listed.into_iter().map(|entry| self.read_entry(entry))));
        while let Some(read) = entries.try_next().await? {
            diagnosis.looked_at.sources += 1;
            match read {
                Read::Gone => {}
                Read::NotUnderstood(id, finding) => {
                    sources.not_understood.extend(id);
                    diagnosis.add(finding);
                }
                Read::Entry(id, listed, entry) => match entry.state {
                    LedgerState::Superseded { .. } => {}
                    LedgerState::Committed(committed) => sources.add_loaded(id, committed, scope),
                    LedgerState::Writing(claim) => {
                        let modified = listed.modified;
                        let since = claim.fenced_at.map_or(modified, |at| at.max(modified));
                        sources.begun.insert(id, since);
                        if !scope.concerns(id, &claim) {
                            continue;
                        }
                        if self.is_settled(since, scope.now) {
                            diagnosis.add(unended(id, listed.key, (entry.source, since), &claim));
                        } else {
                            diagnosis.in_progress.sources += 1;
                        }
                    }
                },
            }
        }
        Ok(sources)
    }

    async fn read_entry(&self, listed: ObjectEntry) -> Result<Read, LakeError> {
        let not_understood = |id, message| {
            let entry = listed.key.clone();
            Read::NotUnderstood(id, Inconsistency::EntryNotUnderstood { entry, message })
        };
        let Some(id) = source_of_entry(&self.database, &listed.key) else {
            return Ok(not_understood(None, "its name is that of no source".to_owned()));
        };
        let found = self.backoff.retry(|| self.objects.object(&listed.key)).await?;
        let Some(found) = found else { return Ok(Read::Gone) };
        Ok(match state::understand(&listed.key, found) {
            Ok(entry) => Read::Entry(id, listed, Box::new(entry.value)),
            Err(error) => not_understood(Some(id), reason(&error)),
        })
    }

    /// What the ledger says of a source by now; none if nothing, or nothing that is understood.
    pub(super) async fn entry_now(
        &self,
        key: &ObjectKey,
    ) -> Result<Option<LedgerEntry>, LakeError> {
        let found = self.backoff.retry(|| self.objects.object(key)).await?;
        Ok(found.map(|found| state::understand(key, found)).transpose()?.map(|entry| entry.value))
    }
}

impl Sources {
    fn add_loaded(&mut self, id: SourceId, committed: Committed, scope: &Scope<'_>) {
        self.loaded.insert(id, committed.plan);
        for file in committed.files.into_iter().filter(|file| scope.has(&file.table)) {
            let partitions = self.files.entry(file.table).or_default();
            partitions.entry(file.partition).or_default().push(file.name);
        }
    }
}

impl Scope<'_> {
    /// Whether files of a claim may lie in a table that is looked at.
    fn concerns(&self, id: SourceId, claim: &Claim) -> bool {
        let tables = claim.tables().into_iter().collect();
        let sweep = Sweep { id, keep: None, tables };
        self.tables.is_empty() || self.tables.iter().any(|table| sweep.concerns(table))
    }
}

fn unended(
    source_id: SourceId,
    entry: ObjectKey,
    (source, since): (String, UtcInstant),
    claim: &Claim,
) -> Inconsistency {
    match &claim.plan {
        Some(plan) => Inconsistency::UnendedClaim { entry, source, since, plan: plan.id },
        None => Inconsistency::GoneSource { entry, source, source_id, since },
    }
}

/// Why an object is not understood.
pub(super) fn reason(error: &PortError) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}
