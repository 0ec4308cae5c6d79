//! Ports that note which steps of a swap are called.

use std::{
    ops::Range,
    sync::{Arc, Mutex},
};

use alluvium_model::{
    Garbage, PartitionEntry, PartitionKey, Phase, Pointer, TableEntry, TableName, UtcInstant,
    Version, Versioned,
    layout::{Location, ObjectKey},
    ports::{
        CommitObjects, Copied, CopyObjects, DeleteObjects, FindPartitions, ListObjects,
        MovePartitions, Moved, ObjectEntry, PortResult, Put, ReadObjects, ReadRanges, ReadTables,
        RegisterPartitions, Registered, TellTime, WriteObjects,
    },
};
use alluvium_protocol::SwapStep;
use alluvium_tests::Lake;
use bytes::Bytes;

/// A lake that is watched. Clones share what they note.
#[derive(Clone)]
pub(crate) struct RecordedSwap {
    lake: Lake,
    steps: Arc<Mutex<Vec<SwapStep>>>,
}

impl RecordedSwap {
    pub(crate) fn new(lake: &Lake) -> Self {
        Self { lake: lake.clone(), steps: Arc::default() }
    }

    pub(crate) fn steps(&self) -> Vec<SwapStep> {
        self.steps.lock().unwrap().clone()
    }

    fn note(&self, step: SwapStep) {
        self.steps.lock().unwrap().push(step);
    }

    fn has(&self, step: SwapStep) -> bool {
        self.steps.lock().unwrap().contains(&step)
    }

    /// Whether there is no way back any more.
    fn is_committing(&self) -> bool {
        self.has(SwapStep::Commit) || self.has(SwapStep::TakeForward)
    }

    async fn pointer(&self, key: &ObjectKey) -> Pointer {
        let found = self.lake.objects.object(key).await.unwrap().unwrap();
        serde_json::from_slice(&found.value).unwrap()
    }
}

fn is_pointer(key: &ObjectKey) -> bool {
    key.as_str().starts_with("_alluvium/pointers/")
}

impl ReadObjects for RecordedSwap {
    async fn object(&self, key: &ObjectKey) -> PortResult<Option<Versioned<Bytes>>> {
        if is_pointer(key) {
            self.note(SwapStep::ReadPointer);
        } else if key.as_str().starts_with("_alluvium/ledger/") {
            self.note(SwapStep::LookUp);
        }
        self.lake.objects.object(key).await
    }
}

impl CommitObjects for RecordedSwap {
    async fn create_object(&self, key: &ObjectKey, bytes: Bytes) -> PortResult<Put> {
        self.note(SwapStep::Merge);
        self.lake.objects.create_object(key, bytes).await
    }

    async fn replace_object(
        &self,
        key: &ObjectKey,
        bytes: Bytes,
        version: &Version,
    ) -> PortResult<Put> {
        assert!(is_pointer(key), "{key}");
        let new: Pointer = serde_json::from_slice(&bytes).unwrap();
        let before = self.pointer(key).await.next.map(|next| next.phase);
        self.note(match (before, new.next.map(|next| next.phase)) {
            (_, None) => SwapStep::Flip,
            (_, Some(Phase::Filling)) => SwapStep::Begin,
            (Some(Phase::Committing), Some(Phase::Committing)) => SwapStep::TakeForward,
            (_, Some(Phase::Committing)) => SwapStep::Commit,
        });
        self.lake.objects.replace_object(key, bytes, version).await
    }
}

impl WriteObjects for RecordedSwap {
    async fn put_object(&self, key: &ObjectKey, bytes: Bytes) -> PortResult<()> {
        if key.as_str().starts_with("_alluvium/garbage/") {
            let garbage: Garbage = serde_json::from_slice(&bytes).unwrap();
            let in_catalog = self.lake.catalog.all_partitions().remove(0).1.location;
            let given_up = !self.is_committing() && garbage.location != in_catalog;
            self.note(if given_up { SwapStep::DiscardNext } else { SwapStep::DiscardOld });
        }
        self.lake.objects.put_object(key, bytes).await
    }
}

impl ListObjects for RecordedSwap {
    async fn list_objects(&self, location: &Location) -> PortResult<Vec<ObjectEntry>> {
        // A look at what was merged is none of the model's calls: nobody else writes there.
        if *location == self.lake.catalog.all_partitions().remove(0).1.location {
            self.note(SwapStep::List);
        }
        self.lake.objects.list_objects(location).await
    }
}

impl CopyObjects for RecordedSwap {
    async fn copy_object(&self, from: &ObjectKey, to: &ObjectKey) -> PortResult<Copied> {
        self.note(SwapStep::Copy);
        self.lake.objects.copy_object(from, to).await
    }
}

impl ReadRanges for RecordedSwap {
    async fn object_range(&self, key: &ObjectKey, range: Range<u64>) -> PortResult<Option<Bytes>> {
        self.lake.objects.object_range(key, range).await
    }
}

impl DeleteObjects for RecordedSwap {
    async fn delete_objects(&self, keys: &[ObjectKey]) -> PortResult<()> {
        self.lake.objects.delete_objects(keys).await
    }
}

impl TellTime for RecordedSwap {
    async fn now(&self) -> PortResult<UtcInstant> {
        self.lake.objects.now().await
    }
}

impl ReadTables for RecordedSwap {
    async fn table(&self, name: &TableName) -> PortResult<Option<Versioned<TableEntry>>> {
        self.lake.catalog.table(name).await
    }

    async fn table_names(&self) -> PortResult<Vec<TableName>> {
        self.lake.catalog.table_names().await
    }
}

impl RegisterPartitions for RecordedSwap {
    async fn create_partitions(
        &self,
        table: &TableName,
        partitions: &[PartitionEntry],
    ) -> PortResult<Vec<Registered>> {
        self.lake.catalog.create_partitions(table, partitions).await
    }
}

impl FindPartitions for RecordedSwap {
    async fn find_partitions(
        &self,
        table: &TableName,
        keys: &[PartitionKey],
    ) -> PortResult<Vec<Option<PartitionEntry>>> {
        let was_moved = self.has(SwapStep::RepairCatalog) || self.has(SwapStep::WriteCatalog);
        self.note(if was_moved { SwapStep::ReadCatalogBack } else { SwapStep::ReadCatalog });
        self.lake.catalog.find_partitions(table, keys).await
    }
}

impl MovePartitions for RecordedSwap {
    async fn move_partitions(
        &self,
        table: &TableName,
        partitions: &[PartitionEntry],
    ) -> PortResult<Vec<Moved>> {
        let commits = self.is_committing();
        self.note(if commits { SwapStep::WriteCatalog } else { SwapStep::RepairCatalog });
        self.lake.catalog.move_partitions(table, partitions).await
    }
}
