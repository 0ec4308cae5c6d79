//! What is inconsistent in a lake, where, and how it heals.
//!
//! Writing, swapping and sweeping leave a lake consistent whatever happens in between, as long as
//! nobody else reaches into it and every delivery that failed comes again. An examination finds
//! what somebody did by hand, and what waits for a delivery that never came. It reads while others
//! write, so it looks at things in the order that is opposite to theirs, and looks again before it
//! says that something is wrong. What is younger than the settle time is counted, not reported.
//!
//! Healing does what is safe whoever else is at work: it registers partitions that the catalog
//! lacks, which changes none that it has, and sweeps sources that are gone, as a delivery would.
//! Locations in the catalog it changes under the partition's lease alone, where it is told who takes
//! that. It deletes nothing else.

mod files;
mod inconsistency;
mod locations;
mod partitions;
mod sources;
mod tables;

use std::{collections::BTreeMap, time::Duration};

use alluvium_model::{
    Claim, DatabaseName, LedgerState, PartitionEntry, SourceId, TableName, UtcInstant,
    ports::{
        CommitObjects, DeleteObjects, ListObjects, ReadObjects, ReadPartitions, ReadTables,
        RegisterPartitions, TellTime,
    },
};
use jiff::SignedDuration;
use serde::Serialize;

pub use inconsistency::{Inconsistency, LeftBy};
pub(crate) use tables::is_ours;

use crate::{
    Backoff, Deadline, IngestSettings, LakeError,
    ledger::{Gone, Ledger},
    sweep::Sweeper,
};

/// Examines and heals one database of a lake.
#[derive(Debug)]
pub struct Doctor<C, O> {
    catalog: C,
    objects: O,
    database: DatabaseName,
    backoff: Backoff,
    settle: Duration,
    attempt_max: Option<Duration>,
    ledger: Ledger<O>,
    sweeper: Sweeper<C, O>,
}

/// What an examination found.
#[derive(Debug, Default, Serialize)]
pub struct Diagnosis {
    /// What is inconsistent.
    pub findings: Vec<Reported>,
    /// What was looked at.
    pub looked_at: LookedAt,
    /// What is under way.
    pub in_progress: InProgress,
    /// Partitions of which the ledger names files, and nothing is left: no file, no pointer, no
    /// place in the catalog. Somebody dropped them on purpose.
    pub partitions_dropped: usize,
}

/// Something that is inconsistent, and what was done about it.
#[derive(Debug, Serialize)]
pub struct Reported {
    /// What it is.
    #[serde(flatten)]
    pub finding: Inconsistency,
    /// What was done about it, if it was to be healed and can be.
    pub treatment: Option<Treatment>,
}

/// What was done about a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Treatment {
    /// The partition is in the catalog now.
    Registered,
    /// The files of the source are swept, and its entry is closed.
    Swept,
    /// The catalog has the partition where its pointer says.
    Moved,
    /// Nothing: somebody else is at it, or has been.
    Left,
    /// It was tried in vain, for this reason.
    Failed(String),
}

/// What an examination looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LookedAt {
    /// Tables of ours.
    pub tables: usize,
    /// Their partitions.
    pub partitions: usize,
    /// Files in the locations of these that readers see, or will.
    pub files: usize,
    /// Sources in the ledger.
    pub sources: usize,
}

/// What is too young to be judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InProgress {
    /// Sources that may be being loaded, or swept.
    pub sources: usize,
    /// Files of such sources.
    pub files: usize,
}

/// What is examined, and when.
#[derive(Clone, Copy, Debug)]
struct Scope<'a> {
    /// Tables that were named; all if none was.
    tables: &'a [TableName],
    /// The time of the store when it began.
    now: UtcInstant,
}

impl<C: Clone, O> Doctor<C, O>
where
    O: ReadObjects + CommitObjects + TellTime + Clone,
{
    /// A doctor for the lake of these ports, which is written with these settings.
    pub fn new(catalog: C, objects: O, settings: IngestSettings) -> Self {
        let IngestSettings { database, backoff, settle, attempt_max, .. } = settings;
        let ledger = Ledger::new(objects.clone(), database.clone(), settle, backoff);
        let sweeper = Sweeper {
            catalog: catalog.clone(),
            objects: objects.clone(),
            database: database.clone(),
            backoff,
        };
        Self { catalog, objects, database, backoff, settle, attempt_max, ledger, sweeper }
    }
}

impl<C, O> Doctor<C, O>
where
    C: ReadTables + ReadPartitions,
    O: ListObjects + ReadObjects + TellTime,
{
    /// Looks at these tables, or at all if none is named, and at the sources that feed them. What
    /// it holds in memory is less than the listings of the ledger and of the files together, and
    /// what it finds.
    ///
    /// # Errors
    /// When a port fails, or a table that was named is not there or lies in another lake.
    pub async fn examine(&self, tables: &[TableName]) -> Result<Diagnosis, LakeError> {
        let now = self.backoff.retry(|| self.objects.now()).await?;
        let scope = Scope { tables, now };
        let mut diagnosis = Diagnosis::default();
        // Before the files: what the ledger names was written before.
        let mut sources = self.read_ledger(&scope, &mut diagnosis).await?;
        for table in self.tables(&scope, &sources, &mut diagnosis).await? {
            self.examine_table(&table, (&mut sources, &scope), &mut diagnosis).await?;
        }
        Ok(diagnosis)
    }
}

impl<C, O> Doctor<C, O>
where
    C: ReadTables + RegisterPartitions,
    O: ListObjects + ReadObjects + CommitObjects + DeleteObjects + TellTime,
{
    /// Heals of what was found what can be healed safely, and notes what it did.
    pub async fn heal(&self, diagnosis: &mut Diagnosis) {
        let mut to_register: BTreeMap<TableName, Vec<PartitionEntry>> = BTreeMap::new();
        let mut gone: BTreeMap<SourceId, Treatment> = BTreeMap::new();
        for Reported { finding, .. } in &diagnosis.findings {
            if let Inconsistency::NotRegistered { table, partition, location, .. } = finding {
                let (key, location) = (partition.clone(), location.clone());
                to_register
                    .entry(table.clone())
                    .or_default()
                    .push(PartitionEntry { key, location });
            } else if let Inconsistency::GoneSource { source, source_id, .. } = finding {
                let swept = Box::pin(self.sweep(*source_id, source)).await;
                gone.insert(*source_id, swept.unwrap_or_else(|error| failed(&error)));
            }
        }
        let mut registered = BTreeMap::new();
        for (table, partitions) in to_register {
            let create = || self.catalog.create_partitions(&table, &partitions);
            let treatment = match self.backoff.retry(create).await {
                Ok(_) => Treatment::Registered,
                Err(error) => failed(&error.into()),
            };
            registered.insert(table, treatment);
        }
        for Reported { finding, treatment } in &mut diagnosis.findings {
            *treatment = match finding {
                Inconsistency::NotRegistered { table, .. } => registered.get(table).cloned(),
                Inconsistency::GoneSource { source_id, .. }
                | Inconsistency::LeftOver { source_id, left_by: LeftBy::GoneSource, .. } => {
                    gone.get(source_id).cloned()
                }
                Inconsistency::OtherLocation { .. }
                | Inconsistency::NoPointer { .. }
                | Inconsistency::Unreachable { .. }
                | Inconsistency::PointerNotUnderstood { .. }
                | Inconsistency::OtherPartitioning { .. }
                | Inconsistency::TableGone { .. }
                | Inconsistency::NoEntry { .. }
                | Inconsistency::Uncommitted { .. }
                | Inconsistency::LeftOver { .. }
                | Inconsistency::LostFile { .. }
                | Inconsistency::UnendedClaim { .. }
                | Inconsistency::EntryNotUnderstood { .. } => None,
            };
        }
    }

    /// Does what the next delivery of a source would do that is gone: no more than an attempt, and
    /// no longer.
    async fn sweep(&self, id: SourceId, source: &str) -> Result<Treatment, LakeError> {
        let deadline = self.attempt_max.map_or(Deadline::NEVER, Deadline::after);
        let found = deadline.call(self.ledger.find(id)).await?;
        let state = found.entry.as_ref().map(|entry| &entry.value.state);
        let Some(LedgerState::Writing(Claim { plan: None, .. })) = state else {
            return Ok(Treatment::Left);
        };
        Ok(match self.sweeper.supersede(&self.ledger, (found, source), deadline).await? {
            Gone::Superseded => Treatment::Swept,
            Gone::Before | Gone::After(..) => Treatment::Left,
        })
    }
}

impl<C, O> Doctor<C, O> {
    /// Whether everybody must have ended who was at work at that moment.
    fn is_settled(&self, moment: UtcInstant, now: UtcInstant) -> bool {
        let settle = SignedDuration::try_from(self.settle).unwrap_or(SignedDuration::MAX);
        moment.plus(settle).is_some_and(|until| now > until)
    }
}

impl Diagnosis {
    /// Whether nothing was found, or all of it was healed.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.findings.iter().all(Reported::is_healed)
    }

    fn add(&mut self, finding: Inconsistency) {
        self.findings.push(finding.into());
    }

    fn add_all(&mut self, findings: Vec<Inconsistency>) {
        self.findings.extend(findings.into_iter().map(Reported::from));
    }

    fn append(&mut self, other: Self) {
        let Self { findings, looked_at, in_progress, partitions_dropped } = other;
        self.findings.extend(findings);
        self.looked_at.tables += looked_at.tables;
        self.looked_at.partitions += looked_at.partitions;
        self.looked_at.files += looked_at.files;
        self.looked_at.sources += looked_at.sources;
        self.in_progress.sources += in_progress.sources;
        self.in_progress.files += in_progress.files;
        self.partitions_dropped += partitions_dropped;
    }
}

impl From<Inconsistency> for Reported {
    fn from(finding: Inconsistency) -> Self {
        Self { finding, treatment: None }
    }
}

impl Reported {
    /// Whether it is no more.
    #[must_use]
    pub const fn is_healed(&self) -> bool {
        match &self.treatment {
            Some(Treatment::Registered | Treatment::Swept | Treatment::Moved) => true,
            Some(Treatment::Left | Treatment::Failed(_)) | None => false,
        }
    }
}

impl Scope<'_> {
    fn has(&self, table: &TableName) -> bool {
        self.tables.is_empty() || self.has_named(table)
    }

    fn has_named(&self, table: &TableName) -> bool {
        self.tables.contains(table)
    }
}

fn failed(error: &LakeError) -> Treatment {
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    Treatment::Failed(message)
}
