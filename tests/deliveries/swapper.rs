//! A swap of a partition that merges nothing: every step of a compaction but the merging.
//!
//! The steps and their order are those of the protocol: begin under a lease with a generation that
//! nobody else ever uses, list, copy what the ledger says belongs there, commit, move the
//! partition in the catalog, flip the pointer.

use std::time::Duration;

use alluvium_model::{
    DatabaseName, LedgerEntry, LedgerState, NextGeneration, PartitionKey, Phase, Pointer,
    TableName, UtcInstant, Version, Versioned,
    layout::{Location, ObjectKey, ledger_key, pointer_key, source_of_file},
    ports::{CommitObjects as _, ListObjects as _, ObjectEntry, Put, ReadObjects as _},
};
use alluvium_testkit::{MemoryCatalog, MemoryClock};
use jiff::SignedDuration;
use serde::de::DeserializeOwned;
use serde_json::{from_value, json};
use tokio::task::yield_now;

use crate::late::LateObjects;

/// How long nobody else may swap.
const LEASE: Duration = Duration::from_mins(3);

/// Swaps partitions.
#[derive(Clone, Debug)]
pub(crate) struct Swapper {
    pub(crate) catalog: MemoryCatalog,
    pub(crate) objects: LateObjects,
    pub(crate) clock: MemoryClock,
    pub(crate) settle: Duration,
    /// What must be left of the lease when the point of no return is passed.
    pub(crate) left_min: Duration,
}

/// A partition and who swaps it.
struct Swap<'a> {
    swapper: &'a Swapper,
    table: &'a TableName,
    partition: &'a PartitionKey,
    object: ObjectKey,
    owner: String,
}

/// A pointer as it was read or written last.
type Known = Versioned<Pointer>;

impl Swapper {
    /// Swaps a partition, or ends what somebody else began; none if it had to stop. `owner` is
    /// nobody else.
    pub(crate) async fn swap(
        &self,
        table: &TableName,
        partition: &PartitionKey,
        owner: String,
    ) -> Option<()> {
        let object = pointer_key(&database(), table, partition);
        let swap = Swap { swapper: self, table, partition, object, owner };
        let begun = swap.begin().await?;
        let committing = match begun.value.next.as_ref()?.phase {
            Phase::Committing => begun,
            Phase::Filling => swap.fill(begun).await?,
        };
        swap.finish(committing).await
    }

    async fn read<T: DeserializeOwned>(&self, key: &ObjectKey) -> Option<Versioned<T>> {
        yield_now().await;
        let Versioned { value, version } = self.objects.object(key).await.unwrap()?;
        Some(Versioned { value: serde_json::from_slice(&value).unwrap(), version })
    }

    fn is_past(&self, instant: UtcInstant) -> bool {
        instant < self.clock.now()
    }
}

impl Swap<'_> {
    /// Takes the lease.
    async fn begin(&self) -> Option<Known> {
        let Self { swapper, table, partition, owner, .. } = self;
        let Versioned { value: mut pointer, version }: Known = swapper.read(&self.object).await?;
        if pointer.lease_until.is_some_and(|until| !swapper.is_past(until)) {
            return None;
        }
        let is_whole = |next: &NextGeneration| next.phase == Phase::Committing;
        if !pointer.next.as_ref().is_some_and(is_whole) {
            let generation = format!("1-{owner}");
            let location = format!("lake/{table}/generations/{generation}/{partition}/");
            pointer.next = Some(NextGeneration {
                generation: from_value(json!(generation)).unwrap(),
                location: Location::from_catalog(&location),
                phase: Phase::Filling,
            });
        }
        pointer.owner = Some(owner.parse().unwrap());
        pointer.lease_until = Some(swapper.clock.after(LEASE));
        self.replace(pointer, &version).await
    }

    /// Copies what belongs to the next generation.
    async fn fill(&self, begun: Known) -> Option<Known> {
        let swapper = self.swapper;
        let Versioned { value: mut pointer, version } = begun;
        self.move_to(&pointer.location).await;
        let listed = swapper.objects.list_objects(&pointer.location).await.unwrap();
        for entry in listed {
            let name = entry.key.as_str().strip_prefix(pointer.location.as_str())?;
            let to = pointer.next.as_ref()?.location.object(name);
            if self.belongs(&entry).await {
                swapper.objects.copy_object(&entry.key, &to).await;
            }
        }
        let left = i64::try_from(swapper.left_min.as_micros()).unwrap();
        if pointer.lease_until?.micros() - swapper.clock.now().micros() < left {
            return None;
        }
        pointer.next.as_mut()?.phase = Phase::Committing;
        self.replace(pointer, &version).await
    }

    /// Whether a file is of a source that is loaded or being loaded by the plan in its name. One
    /// that nobody can be about to commit any more is not; of sources without entry all are.
    async fn belongs(&self, file: &ObjectEntry) -> bool {
        let Some((source, plan)) = source_of_file(&file.key) else { return true };
        let settle = SignedDuration::try_from(self.swapper.settle).unwrap();
        let is_old = file.modified.plus(settle).is_some_and(|until| self.swapper.is_past(until));
        let entry = self.swapper.read::<LedgerEntry>(&ledger_key(&database(), source)).await;
        match entry.map(|entry| entry.value.state) {
            None => true,
            Some(LedgerState::Committed(committed)) => committed.plan == plan,
            Some(LedgerState::Writing(claim)) => {
                !is_old && claim.plan.is_some_and(|claimed| claimed.id == plan)
            }
            Some(LedgerState::Superseded { .. }) => false,
        }
    }

    /// Moves the partition, then its pointer.
    async fn finish(&self, committing: Known) -> Option<()> {
        let Versioned { value: pointer, version } = committing;
        let next = pointer.next.clone()?;
        self.move_to(&next.location).await;
        let NextGeneration { generation, location, .. } = next;
        let flipped = Pointer { generation, location, next: None, ..pointer };
        self.replace(flipped, &version).await.map(drop)
    }

    async fn move_to(&self, location: &Location) {
        yield_now().await;
        let Self { swapper, table, partition, .. } = self;
        assert!(swapper.catalog.move_partition(table, partition, location.clone()));
        swapper.objects.changed();
        yield_now().await;
    }

    /// Replaces the pointer; none if it is another one by now.
    async fn replace(&self, pointer: Pointer, version: &Version) -> Option<Known> {
        let bytes = serde_json::to_vec(&pointer).unwrap();
        let put = self.swapper.objects.replace_object(&self.object, bytes.into(), version).await;
        match put.unwrap() {
            Put::Done(version) => Some(Versioned { value: pointer, version }),
            Put::Conflict => {
                let found = self.swapper.read(&self.object).await?;
                (found.value == pointer).then_some(found)
            }
        }
    }
}

pub(crate) fn database() -> DatabaseName {
    "lake".parse().unwrap()
}
