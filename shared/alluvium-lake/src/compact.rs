//! Compaction: partitions are swapped for what they hold in fewer and larger files, and readers
//! never notice.
//!
//! A swap has three steps, each a call of its own so that each can be a function of its own:
//! [`Swaps::begin`] takes the partition's lease, says in its pointer where files are going and
//! lists what is there; [`Swaps::merge`] makes one file of the files of a bin; [`Swaps::commit`]
//! brings the rest over, passes the point of no return, and moves the partition in the catalog.
//! [`Swaps::vacuum`] deletes what was left behind, [`Swaps::repair`] puts a partition back to where
//! its pointer says. PROTOCOL.md says why each thing is done before the next.
//!
//! The catalog has no compare-and-set for partitions: it is written under the lease alone. A lease
//! is a fence of time, so whoever holds one makes no call that may land after it. And nothing is
//! deleted here but what no pointer and no catalog names.

mod begin;
mod catalog;
mod commit;
mod copy;
mod garbage;
mod merge;
mod owner;
mod pieces;
mod plan;
mod pointer;
mod repair;
mod retire;
mod vacuum;

use std::time::Duration;

use alluvium_model::{
    DatabaseName, SwapOwner, UtcInstant, Versioned,
    compaction::{
        BeginAnswer, CommitAnswer, CommitRequest, MergeRequest, PartitionItem, PartitionPlan,
        StopReason,
    },
    layout::{ObjectKey, partition_plan_key},
    ports::{CommitObjects, ReadObjects, SwapCatalog, SwapObjects, TellTime},
};
use jiff::SignedDuration;
use serde::de::DeserializeOwned;

pub use owner::random_owner;
pub use plan::{CompactionPlan, CompactionPlanner, PlanScope, PlanSettings, Surveyed, WrittenPlan};
pub use repair::Repair;
pub use vacuum::{KeptGarbage, NamedBy, VacuumReport};

use crate::{Backoff, Deadline, IngestSettings, LakeError, ledger::Ledger, state};

/// How long a lease is, in settle times: the swap must have passed the point of no return while
/// one of them is left, so this leaves one and a half for merging.
const LEASE_SETTLE_TIMES: f64 = 2.5;
/// How long what was left behind is kept for those who still read it.
const GRACE: Duration = Duration::from_hours(24);

/// How partitions are swapped.
#[derive(Clone, Debug)]
pub struct SwapSettings {
    /// The database of the tables.
    pub database: DatabaseName,
    /// How a contended store is asked again.
    pub backoff: Backoff,
    /// The settle time of everybody who writes to the lake.
    pub settle: Duration,
    /// How long nobody else may swap a partition from when a swap begins.
    pub lease: Duration,
    /// How long what was left behind is kept. Never less than the settle time, for so long somebody
    /// may still be writing to it.
    pub grace: Duration,
    /// How long a step may take; none if the caller sees to it that it ends in time.
    pub step_max: Option<Duration>,
}

impl SwapSettings {
    /// The defaults for a lake that is written like this.
    #[must_use]
    pub fn of(lake: IngestSettings) -> Self {
        let IngestSettings { database, backoff, settle, attempt_max: step_max, .. } = lake;
        let lease = settle.mul_f64(LEASE_SETTLE_TIMES);
        Self { database, backoff, settle, lease, grace: GRACE, step_max }
    }
}

/// Swaps the partitions of one lake.
#[derive(Debug)]
pub struct Swaps<C, O> {
    catalog: C,
    objects: O,
    settings: SwapSettings,
    ledger: Ledger<O>,
}

impl<C, O: ReadObjects + CommitObjects + TellTime + Clone> Swaps<C, O> {
    /// Swaps in the lake of these ports.
    pub fn new(catalog: C, objects: O, settings: SwapSettings) -> Self {
        let SwapSettings { database, backoff, settle, .. } = settings.clone();
        let ledger = Ledger::new(objects.clone(), database, settle, backoff);
        Self { catalog, objects, settings, ledger }
    }
}

impl<C, O> Swaps<C, O>
where
    C: SwapCatalog,
    O: SwapObjects + Clone + Send + Sync + 'static,
{
    /// All steps of a swap, one after the other; each must end by its own deadline, which
    /// `deadline` gives when it begins.
    ///
    /// # Errors
    /// When a port fails. Whatever was begun is given up or ended by the next swap of the
    /// partition, once the lease has passed.
    pub async fn swap(
        &self,
        item: &PartitionItem,
        owner: SwapOwner,
        deadline: impl Fn() -> Deadline,
    ) -> Result<CommitAnswer, LakeError> {
        let (swap, bins) = match self.begin(item, owner, deadline()).await? {
            BeginAnswer::Begun { swap, bins } => (swap, bins),
            BeginAnswer::Forward { swap } => (swap, Vec::new()),
            BeginAnswer::Stopped { reason } => return Ok(CommitAnswer::Stopped { reason }),
        };
        let mut merged = Vec::new();
        for bin in bins {
            let request = MergeRequest { swap: swap.clone(), bin: bin.bin };
            merged.push(self.merge(&request, deadline()).await?);
        }
        self.commit(&CommitRequest { swap, merged }, deadline()).await
    }
}

impl<C, O: ReadObjects + TellTime> Swaps<C, O> {
    /// Until when a step may make calls that begins now.
    fn step(&self, deadline: Deadline) -> Deadline {
        deadline.min(self.settings.step_max.map_or(Deadline::NEVER, Deadline::after))
    }

    /// A time of the store during this call.
    async fn now(&self, deadline: Deadline) -> Result<UtcInstant, LakeError> {
        deadline.call(self.settings.backoff.retry(|| self.objects.now())).await
    }

    async fn read<T: DeserializeOwned>(
        &self,
        key: &ObjectKey,
        deadline: Deadline,
    ) -> Result<Option<Versioned<T>>, LakeError> {
        let read = self.settings.backoff.retry(|| self.objects.object(key));
        let found = deadline.call(read).await?;
        Ok(found.map(|found| state::understand(key, found)).transpose()?)
    }

    /// What is to be done with a partition.
    async fn plan(
        &self,
        item: &PartitionItem,
        deadline: Deadline,
    ) -> Result<PartitionPlan, LakeError> {
        let key = partition_plan_key(&self.settings.database, &item.compaction, item.index);
        let found = self.read::<PartitionPlan>(&key, deadline).await?;
        Ok(found.ok_or(LakeError::Vanished { key })?.value)
    }
}

/// A moment this long after another one; the last one there is, if that is beyond.
fn later(moment: UtcInstant, time: Duration) -> UtcInstant {
    let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
    moment.plus(time).unwrap_or(UtcInstant::LAST_TIMESTAMP)
}

const fn stopped(reason: StopReason) -> CommitAnswer {
    CommitAnswer::Stopped { reason }
}
