//! A lake whose only partition is swapped, and everything that is done to it.

use std::{
    collections::BTreeSet,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use alluvium_lake::{Deadline, Doctor, Ingest, SwapSettings, Swaps, VacuumReport};
use alluvium_model::{
    ErrorKind, LedgerEntry, LedgerState, PartitionKey, Pointer, SwapOwner, TableName, UtcInstant,
    compaction::{
        CommitAnswer, CompactionId, PartitionItem, PartitionPlan, PlannedBin, PlannedFile,
        Qualification, StopReason,
    },
    layout::{self, Location},
    ports::{ListObjects as _, ReadObjects as _, WriteObjects as _},
};
use alluvium_testkit::{Fault, MemoryCatalog, MemoryClock, MemoryObjects, Unreliable, interleave};
use alluvium_tests::{Lake, drop_file, settings};

/// Turns after which a task is taken to wait for something that never comes.
const TURNS_MAX: u32 = 100_000;
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A lake in virtual time. Clones share it.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) lake: Lake,
    pub(crate) clock: MemoryClock,
    owners: Arc<std::sync::atomic::AtomicU64>,
}

/// Swaps of whose calls some fail.
pub(crate) type Watched = Swaps<Unreliable<MemoryCatalog>, Unreliable<MemoryObjects>>;

impl World {
    pub(crate) fn new() -> Self {
        let clock = MemoryClock::default();
        let objects = MemoryObjects::dated_by(clock.clone());
        let lake = Lake { objects, ..Lake::default() };
        Self { lake, clock, owners: Arc::default() }
    }

    /// Loads a source of one record; `n` is what it says.
    pub(crate) fn load(&self, n: u32) {
        let (key, text) = source(n);
        alone(drop_file(&self.lake.ingest(), &key, &text)).unwrap();
    }

    /// Loads a source until a call of this name is to be made for the first time.
    pub(crate) fn die_loading(&self, n: u32, method: &'static str) {
        let script =
            move |_, called: &str| (called == method).then_some(Fault::Refused(ErrorKind::Denied));
        let catalog = Unreliable::new(self.lake.catalog.clone(), script);
        let objects = catalog.beside(self.lake.objects.clone());
        let (key, text) = source(n);
        let died = alone(drop_file(&Ingest::new(catalog, objects, settings()), &key, &text));
        assert_eq!(died.unwrap_err().kind(), ErrorKind::Denied);
    }

    /// Lets time pass: a little more than this.
    pub(crate) fn pass(&self, time: Duration) {
        self.clock.advance(time + SECOND);
    }

    pub(crate) fn settings() -> SwapSettings {
        SwapSettings { grace: Duration::from_mins(30), ..SwapSettings::of(settings()) }
    }

    /// An owner that nobody else is.
    pub(crate) fn owner(&self) -> SwapOwner {
        format!("o{}", self.owners.fetch_add(1, Ordering::SeqCst)).parse().unwrap()
    }

    /// Swaps in this lake, by a process of its own.
    pub(crate) fn swaps(&self) -> Swaps<MemoryCatalog, MemoryObjects> {
        Swaps::new(self.lake.catalog.clone(), self.lake.objects.clone(), Self::settings())
    }

    /// The same, whose calls go by a script; and their count.
    pub(crate) fn watched(
        &self,
        script: impl Fn(u64, &'static str) -> Option<Fault> + Send + Sync + 'static,
    ) -> (Watched, Unreliable<MemoryCatalog>) {
        let catalog = Unreliable::new(self.lake.catalog.clone(), script);
        let objects = catalog.beside(self.lake.objects.clone());
        (Swaps::new(catalog.clone(), objects, Self::settings()), catalog)
    }

    /// Plans a swap of the partition as it is: what is settled is merged into one.
    pub(crate) fn plan(&self) -> PartitionItem {
        alone(plan(&self.lake, self.clock.now(), settings().settle))
    }

    /// The same, but whatever is committed is taken to be settled.
    pub(crate) fn plan_without_settling(&self) -> PartitionItem {
        self.clock.advance(SECOND);
        alone(plan(&self.lake, self.clock.now(), Duration::ZERO))
    }

    /// Swaps the partition as it is, by somebody new.
    pub(crate) fn swap(&self) -> CommitAnswer {
        let (item, swaps) = (self.plan(), self.swaps());
        alone(swaps.swap(&item, self.owner(), || Deadline::NEVER)).unwrap()
    }

    pub(crate) fn vacuum(&self) -> VacuumReport {
        alone(self.swaps().vacuum(Deadline::NEVER)).unwrap()
    }

    pub(crate) fn pointer(&self) -> Pointer {
        let key = layout::pointer_key(&database(), &table(), &partition());
        let found = alone(self.lake.objects.object(&key)).unwrap().unwrap();
        serde_json::from_slice(&found.value).unwrap()
    }

    /// Where readers look.
    pub(crate) fn in_catalog(&self) -> Location {
        self.lake.catalog.all_partitions().remove(0).1.location
    }

    /// What readers find, in order.
    pub(crate) fn rows(&self) -> Vec<u32> {
        let rows = alone(self.lake.rows("camera"));
        let mut rows: Vec<_> =
            rows.lines().map(|row| row.strip_prefix("n=").unwrap().parse().unwrap()).collect();
        rows.sort_unstable();
        rows
    }

    /// What is inconsistent.
    pub(crate) fn findings(&self) -> String {
        let doctor = Doctor::new(self.lake.catalog.clone(), self.lake.objects.clone(), settings());
        let found = alone(doctor.examine(&[])).unwrap();
        let line = |reported: &alluvium_lake::Reported| reported.finding.to_string();
        found.findings.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// What is left when everybody has done what there is to do: whatever was loaded is there
    /// once, in one place, and nothing else is.
    pub(crate) fn assert_healed(&self, rows: &[u32], point: &str) {
        let settings = Self::settings();
        for swap in 0..2 {
            self.pass(settings.lease);
            let answer = self.swap();
            let is_committed = matches!(answer, CommitAnswer::Committed { .. });
            // The first may only end what somebody else began.
            let moved = CommitAnswer::Stopped { reason: StopReason::Moved };
            assert!(is_committed || (swap == 0 && answer == moved), "{point}: {answer:?}");
            assert_eq!(self.rows(), rows, "{point}");
        }
        self.pass(settings.grace);
        let report = self.vacuum();
        assert_eq!((report.kept.len(), report.left), (0, 0), "{point}: {report:?}");
        assert_eq!(self.rows(), rows, "{point}");
        assert_eq!(self.findings(), "", "{point}");
        let location = self.in_catalog();
        assert_eq!(location, self.pointer().location, "{point}");
        let elsewhere: Vec<_> = self.lake.files().into_keys().collect();
        let elsewhere = elsewhere.iter().filter(|key| location.name_of(key).is_none());
        assert_eq!(elsewhere.collect::<Vec<_>>(), Vec::<&layout::ObjectKey>::new(), "{point}");
        let notes = alone(self.lake.objects.list_objects(&layout::garbage(&database()))).unwrap();
        assert_eq!(notes, [], "{point}");
    }
}

/// A source of one record.
pub(crate) fn source(n: u32) -> (String, String) {
    (format!("camera/{n}.json"), format!("{{\"n\":{n}}}"))
}

pub(crate) fn database() -> alluvium_model::DatabaseName {
    "lake".parse().unwrap()
}

pub(crate) fn table() -> TableName {
    "camera".parse().unwrap()
}

/// The day on which everything arrives.
pub(crate) fn partition() -> PartitionKey {
    PartitionKey::new(vec![("dt".parse().unwrap(), "2026-11-22".to_owned())])
}

/// Plans a swap of the partition and writes the plan to the lake.
async fn plan(lake: &Lake, now: UtcInstant, settle: Duration) -> PartitionItem {
    let key = layout::pointer_key(&database(), &table(), &partition());
    let pointer = lake.objects.object(&key).await.unwrap().unwrap();
    let location = serde_json::from_slice::<Pointer>(&pointer.value).unwrap().location;
    let settle = jiff::SignedDuration::try_from(settle).unwrap();
    let mut settled = BTreeSet::new();
    for entry in lake.objects.list_objects(&layout::ledger(&database())).await.unwrap() {
        let found = lake.objects.object(&entry.key).await.unwrap().unwrap();
        let LedgerEntry { state, .. } = serde_json::from_slice(&found.value).unwrap();
        if let LedgerState::Committed(committed) = state
            && entry.modified.plus(settle).unwrap() < now
        {
            settled.extend(committed.files.into_iter().map(|file| file.name));
        }
    }
    let listed = lake.objects.list_objects(&location).await.unwrap();
    let inputs = listed.into_iter().filter_map(|entry| {
        let name = location.name_of(&entry.key)?.to_owned();
        let is_settled = settled.contains(&name) || layout::is_merged_file(&name);
        is_settled.then_some(PlannedFile { name, bytes: entry.bytes })
    });
    let inputs: Vec<_> = inputs.collect();
    let plan = PartitionPlan {
        table: table(),
        partition: partition(),
        location,
        reason: Qualification::SmallFiles,
        bins: (inputs.len() > 1).then_some(PlannedBin { index: 0, inputs }).into_iter().collect(),
        copied_files: 0,
        copied_bytes: 0,
        leftover_files: 0,
    };
    let compaction = CompactionId::new(now, std::slice::from_ref(&plan));
    let key = layout::partition_plan_key(&database(), &compaction, 0);
    lake.objects.put_object(&key, serde_json::to_vec(&plan).unwrap().into()).await.unwrap();
    PartitionItem { compaction, index: 0, table: table(), partition: partition() }
}

/// Runs one task without others.
pub(crate) fn alone<T>(task: impl Future<Output = T>) -> T {
    interleave(0, vec![Box::pin(task)]).remove(0)
}

/// Runs a task to its end; none if its process died.
pub(crate) fn unless_it_dies<T>(task: impl Future<Output = T>, died: &AtomicBool) -> Option<T> {
    let (mut task, mut turns) = (pin!(task), 0);
    loop {
        turns += 1;
        assert!(turns < TURNS_MAX, "a task waits for something that never comes");
        let turn = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if died.swap(false, Ordering::SeqCst) {
            return None;
        }
        if let Poll::Ready(value) = turn {
            return Some(value);
        }
    }
}
