//! Ports that note which steps of the protocol are called, and disturb one of them.

use std::sync::{Arc, Mutex};

use alluvium_model::{
    AnnouncedObject, LedgerEntry, LedgerState, PartitionEntry, TableEntry, TableName, UtcInstant,
    Version, Versioned, ViewEntry,
    layout::{Location, ObjectKey},
    ports::{
        Commit, CommitObjects, CommitTables, DeleteObjects, FoundView, ListObjects, ObjectEntry,
        OpenObjects, PortResult, Put, ReadObjects, ReadTables, RegisterPartitions, Registered,
        ReplaceViews, Reread, Source, TellTime, WriteObjects,
    },
};
use alluvium_protocol::{Layout, Part, Partition, Place, Plan, Step};
use alluvium_testkit::{LandedReader, MemoryLanding};
use alluvium_tests::Lake;
use bytes::Bytes;
use serde_json::{Value, json};

/// What happens to the watched attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disturbance {
    /// A swap begins just before the first file is written.
    SwapBegins,
    /// Somebody else claims the source first.
    ClaimedMeanwhile,
    /// The claim is made, and seems to be somebody else's.
    ClaimAnswerLost,
    /// Somebody else commits the source first.
    CommittedMeanwhile,
    /// The source is committed, and somebody else seems to have done it.
    CommitAnswerLost,
}

/// A lake and a landing bucket that are watched. Clones share what they note.
#[derive(Clone)]
pub(crate) struct Recorded {
    pub(crate) lake: Lake,
    pub(crate) bucket: MemoryLanding,
    steps: Arc<Mutex<Vec<Step>>>,
    disturbance: Arc<Mutex<Option<Disturbance>>>,
}

impl Recorded {
    pub(crate) fn new(lake: &Lake, bucket: &MemoryLanding) -> Self {
        let (lake, bucket) = (lake.clone(), bucket.clone());
        Self { lake, bucket, steps: Arc::default(), disturbance: Arc::default() }
    }

    /// From here on it counts.
    pub(crate) fn begin(&self, disturbance: Option<Disturbance>) {
        self.steps.lock().unwrap().clear();
        *self.disturbance.lock().unwrap() = disturbance;
    }

    pub(crate) fn steps(&self) -> Vec<Step> {
        self.steps.lock().unwrap().clone()
    }

    fn note(&self, step: Step) {
        self.steps.lock().unwrap().push(step);
    }

    /// Whether this is what happens here; it happens once.
    fn happens(&self, disturbance: Disturbance) -> bool {
        self.disturbance.lock().unwrap().take_if(|next| *next == disturbance).is_some()
    }

    /// Whether what was called last belongs to a sweep.
    fn sweeps(&self) -> bool {
        let steps = self.steps.lock().unwrap();
        steps.last().is_some_and(|step| {
            matches!(
                step,
                Step::ListPointers
                    | Step::ReadPointerToSweep(_)
                    | Step::ListLeftovers(..)
                    | Step::DeleteLeftovers(..)
            )
        })
    }

    fn next_part(&self) -> Part {
        let steps = self.steps.lock().unwrap();
        let before = steps.iter().filter(|step| matches!(step, Step::CommitSchema(_))).count();
        if before == 0 { Part::First } else { Part::Second }
    }
}

fn is_ledger(key: &ObjectKey) -> bool {
    key.as_str().starts_with("_alluvium/ledger/")
}

fn is_pointer(key: &ObjectKey) -> bool {
    key.as_str().starts_with("_alluvium/pointers/")
}

/// Rows say themselves where they belong.
fn partition(path: &str) -> Partition {
    if path.contains("p=a") { Partition::First } else { Partition::Second }
}

/// Where the swaps of these worlds go.
fn place(path: &str) -> Place {
    if path.contains("/generations/") { Place::Next } else { Place::Current }
}

/// The step that puts this entry in the place of another one.
fn replacing(entry: &LedgerEntry) -> Step {
    let files = Plan::Files(Layout::Higher);
    match &entry.state {
        LedgerState::Writing(claim) if claim.fenced_at.is_none() => Step::Reopen,
        LedgerState::Writing(claim) => {
            Step::Fence(claim.plan.as_ref().map_or(Plan::Superseded, |_| files))
        }
        LedgerState::Committed(_) => Step::CommitEntry(files),
        LedgerState::Superseded { .. } => Step::CommitEntry(Plan::Superseded),
    }
}

impl ReadTables for Recorded {
    async fn table(&self, name: &TableName) -> PortResult<Option<Versioned<TableEntry>>> {
        self.note(Step::CommitSchema(self.next_part()));
        self.lake.catalog.table(name).await
    }

    async fn table_names(&self) -> PortResult<Vec<TableName>> {
        self.lake.catalog.table_names().await
    }
}

impl CommitTables for Recorded {
    async fn create_table(&self, table: &TableEntry) -> PortResult<Commit> {
        self.lake.catalog.create_table(table).await
    }

    async fn replace_table(&self, table: &TableEntry, version: &Version) -> PortResult<Commit> {
        self.lake.catalog.replace_table(table, version).await
    }
}

impl ReplaceViews for Recorded {
    async fn unified_view(&self, table: &TableName) -> PortResult<FoundView> {
        self.lake.catalog.unified_view(table).await
    }

    async fn create_view(&self, view: &ViewEntry) -> PortResult<Commit> {
        self.lake.catalog.create_view(view).await
    }

    async fn replace_view(&self, view: &ViewEntry, version: &Version) -> PortResult<Commit> {
        self.lake.catalog.replace_view(view, version).await
    }
}

impl RegisterPartitions for Recorded {
    async fn create_partitions(
        &self,
        table: &TableName,
        partitions: &[PartitionEntry],
    ) -> PortResult<Vec<Registered>> {
        for new in partitions {
            self.note(Step::RegisterPartition(partition(new.location.as_str())));
        }
        self.lake.catalog.create_partitions(table, partitions).await
    }
}

impl WriteObjects for Recorded {
    async fn put_object(&self, key: &ObjectKey, bytes: Bytes) -> PortResult<()> {
        if let Some((rest, _)) = key.as_str().rsplit_once(".parquet") {
            if self.happens(Disturbance::SwapBegins) {
                begin_swap(&self.lake).await;
            }
            let part = if rest.ends_with("-0") { Part::First } else { Part::Second };
            self.note(Step::WriteFile(part, partition(key.as_str()), place(key.as_str())));
        }
        self.lake.objects.put_object(key, bytes).await
    }
}

/// Says in the pointer of the first partition that its files are going elsewhere.
pub(crate) async fn begin_swap(lake: &Lake) {
    let pointers = lake.objects.all().into_iter().filter(|(key, _)| is_pointer(key));
    let (key, bytes) = pointers.filter(|(key, _)| key.as_str().contains("p=a")).last().unwrap();
    let mut pointer: serde_json::Map<String, Value> = serde_json::from_slice(&bytes).unwrap();
    let next = "lake/camera/generations/1-x/p=a/";
    let next = json!({ "generation": "1-x", "location": next, "phase": "filling" });
    pointer.insert("next".to_owned(), next);
    let begun = serde_json::to_vec(&pointer).unwrap();
    lake.objects.put_object(&key, Bytes::from(begun)).await.unwrap();
}

impl ReadObjects for Recorded {
    async fn object(&self, key: &ObjectKey) -> PortResult<Option<Versioned<Bytes>>> {
        if is_ledger(key) {
            self.note(Step::ReadEntry);
        } else if is_pointer(key) {
            let partition = partition(key.as_str());
            let sweeps = self.sweeps();
            self.note(if sweeps {
                Step::ReadPointerToSweep(partition)
            } else {
                Step::ReadPointer(partition)
            });
        }
        self.lake.objects.object(key).await
    }

    async fn object_since(&self, key: &ObjectKey, known: &Version) -> PortResult<Reread> {
        if is_pointer(key) {
            self.note(Step::ReadPointerAgain(partition(key.as_str())));
        }
        self.lake.objects.object_since(key, known).await
    }
}

impl CommitObjects for Recorded {
    async fn create_object(&self, key: &ObjectKey, bytes: Bytes) -> PortResult<Put> {
        if is_pointer(key) {
            self.note(Step::CreatePointer(partition(key.as_str())));
            return self.lake.objects.create_object(key, bytes).await;
        }
        let entry: LedgerEntry = serde_json::from_slice(&bytes).unwrap();
        let supersedes = matches!(entry.state, LedgerState::Superseded { .. });
        self.note(if supersedes { Step::Supersede } else { Step::Claim });
        if self.happens(Disturbance::ClaimedMeanwhile) {
            // Who claims by the same plan writes the same.
            let claimed = self.lake.objects.create_object(key, bytes.clone()).await?;
            assert!(matches!(claimed, Put::Done(_)));
        }
        let put = self.lake.objects.create_object(key, bytes).await?;
        Ok(if self.happens(Disturbance::ClaimAnswerLost) { Put::Conflict } else { put })
    }

    async fn replace_object(
        &self,
        key: &ObjectKey,
        bytes: Bytes,
        version: &Version,
    ) -> PortResult<Put> {
        let mut entry: LedgerEntry = serde_json::from_slice(&bytes).unwrap();
        self.note(replacing(&entry));
        let commits = matches!(entry.state, LedgerState::Committed(_));
        if commits && self.happens(Disturbance::CommittedMeanwhile) {
            "by somebody else".clone_into(&mut entry.source);
            let other = Bytes::from(serde_json::to_vec(&entry).unwrap());
            let committed = self.lake.objects.replace_object(key, other, version).await?;
            assert!(matches!(committed, Put::Done(_)));
        }
        let put = self.lake.objects.replace_object(key, bytes, version).await?;
        let lost = commits && self.happens(Disturbance::CommitAnswerLost);
        Ok(if lost { Put::Conflict } else { put })
    }
}

impl ListObjects for Recorded {
    async fn list_objects(&self, location: &Location) -> PortResult<Vec<ObjectEntry>> {
        if location.as_str().starts_with("_alluvium/pointers/") {
            self.note(Step::ListPointers);
        } else if !location.as_str().starts_with("_alluvium/") {
            self.note(Step::ListLeftovers(partition(location.as_str()), place(location.as_str())));
        }
        self.lake.objects.list_objects(location).await
    }
}

impl DeleteObjects for Recorded {
    async fn delete_objects(&self, keys: &[ObjectKey]) -> PortResult<()> {
        let key = keys.first().map(ObjectKey::as_str).unwrap_or_default();
        self.note(Step::DeleteLeftovers(partition(key), place(key)));
        self.lake.objects.delete_objects(keys).await
    }
}

impl TellTime for Recorded {
    async fn now(&self) -> PortResult<UtcInstant> {
        self.lake.objects.now().await
    }
}

impl OpenObjects for Recorded {
    type Reader = LandedReader;

    async fn open_object(
        &self,
        object: &AnnouncedObject,
    ) -> PortResult<Option<Source<LandedReader>>> {
        self.note(Step::OpenSource);
        self.bucket.open_object(object).await
    }
}
