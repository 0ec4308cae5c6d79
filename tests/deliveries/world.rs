//! A queue, a function in two versions and a lake, in one virtual time.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    convert::Infallible,
    sync::Mutex,
    time::Duration,
};

use alluvium_lake::{
    Backoff, ContractStore, Deadline, Ingest, IngestSettings, Landing, SwapSettings, Swaps,
};
use alluvium_model::{
    AnnouncedObject, DatabaseName, ErrorKind, LandingPrefix, PartitionEntry, TableName,
    compaction::{CommitAnswer, CompactionId, PartitionItem, PartitionPlan, Qualification},
    layout::partition_plan_key,
    ports::WriteObjects as _,
};
use alluvium_testkit::{
    BatchAnswer, Delivery, Fault, MemoryCatalog, MemoryClock, MemoryObjects, MemoryQueue,
    QueueFaults, QueueSettings, Unreliable,
};
use alluvium_tests::{
    Lake,
    late::{LateCatalog, LateObjects, at_once},
    settings,
};
use fastrand::Rng;

use crate::{
    Storm,
    bucket::Bucket,
    scene::{Act, Content, POISON, Scene},
};

pub(crate) const FUNCTION_TIMEOUT: Duration = Duration::from_secs(35);
/// Longer than an invocation and what it sent last can last.
pub(crate) const SETTLE: Duration = Duration::from_mins(1);
/// How long nobody else may swap.
const LEASE: Duration = Duration::from_mins(3);
/// Calls of a hundred that are not made, and that are made but not answered.
const REFUSED: u32 = 4;
const UNANSWERED: u32 = 4;

type Sandbox = Landing<Unreliable<MemoryCatalog>, Unreliable<LateObjects>, Bucket>;

/// What a message asks for.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    Load(AnnouncedObject),
    Swap(usize),
}

/// Everything that there is in one storm.
pub(crate) struct World {
    pub(crate) scene: Scene,
    pub(crate) clock: MemoryClock,
    pub(crate) queue: MemoryQueue<Work>,
    pub(crate) bucket: Bucket,
    pub(crate) lake: Lake,
    pub(crate) objects: LateObjects,
    pub(crate) swaps: Cell<u64>,
    begun: Cell<u64>,
    /// Nothing is done any more.
    pub(crate) is_over: Cell<bool>,
    /// What is left to be done to the bucket and to partitions.
    acts: RefCell<VecDeque<Act>>,
    random: RefCell<Rng>,
    settle: Duration,
    ports: (Unreliable<MemoryCatalog>, Unreliable<LateObjects>),
    /// Sandboxes of each version that wait for work.
    warm: [RefCell<Vec<Sandbox>>; 2],
}

impl World {
    pub(crate) fn new(storm: Storm) -> Self {
        let mut random = Rng::with_seed(storm.seed);
        let scene = Scene::new(&mut random, storm.settle != SETTLE);
        let clock = MemoryClock::default();
        let objects = MemoryObjects::dated_by(clock.clone());
        let lake = Lake { catalog: MemoryCatalog::default(), objects };
        let objects = LateObjects::new(lake.objects.clone(), clock.clone(), random.fork());
        let faults = Mutex::new(random.fork());
        let catalog = Unreliable::new(lake.catalog.clone(), move |_, _| fault(&faults));
        let unreliable = catalog.beside(objects.without(storm.without));
        let faults =
            QueueFaults { stays_visible: 0.15, lost_delivery: 0.05, survives_deletion: 0.05 };
        let visibility_timeout = 6 * FUNCTION_TIMEOUT;
        let queue_settings = QueueSettings { visibility_timeout, max_receive_count: 4, faults };
        Self {
            acts: RefCell::new(scene.acts.clone().into()),
            scene,
            queue: MemoryQueue::new(storm.seed, clock.clone(), queue_settings),
            clock,
            bucket: Bucket::default(),
            lake,
            objects,
            swaps: Cell::new(0),
            begun: Cell::new(0),
            is_over: Cell::new(false),
            random: RefCell::new(random),
            settle: storm.settle,
            ports: (catalog, unreliable),
            warm: Default::default(),
        }
    }

    /// Does what is next to be done to the bucket or to a partition; false if nothing is.
    pub(crate) fn act(&self) -> bool {
        let Some(act) = self.acts.borrow_mut().pop_front() else { return false };
        match act {
            Act::Put(content) => {
                let object = self.bucket.put(&self.scene.contents[content], self.clock.now());
                // S3 announces at least once.
                if self.chance(10) {
                    self.queue.send(Work::Load(object.clone()));
                }
                self.queue.send(Work::Load(object));
            }
            Act::Delete(content) => self.bucket.delete(&self.scene.contents[content]),
            Act::Swap(partition) => drop(self.queue.send(Work::Swap(partition))),
        }
        true
    }

    /// Whether nothing is left to be done but what can never be.
    pub(crate) fn is_done(&self) -> bool {
        let is_hopeless = |work: &Work| match work {
            Work::Load(object) => object.key.ends_with(POISON),
            Work::Swap(_) => false,
        };
        self.acts.borrow().is_empty()
            && self.queue.is_empty()
            && self.queue.dead_letters().iter().all(|letter| is_hopeless(&letter.body))
    }

    /// How each content was announced, and whether it is in the bucket.
    pub(crate) fn announced(&self) -> Vec<(AnnouncedObject, bool)> {
        let announced = self.scene.contents.iter().map(Content::announced);
        announced
            .map(|object| (self.bucket.holds(&object), object))
            .map(|(is, of)| (of, is))
            .collect()
    }

    /// Whether something of which one in so many happens does now.
    pub(crate) fn chance(&self, one_in: u32) -> bool {
        self.random.borrow_mut().u32(..one_in) == 0
    }

    /// One invocation of the function, in one of its versions.
    pub(crate) async fn invoke(
        &self,
        batch: Vec<Delivery<Work>>,
    ) -> Result<BatchAnswer, Infallible> {
        let version = usize::from(self.chance(2));
        let warm = self.warm[version].borrow_mut().pop();
        let sandbox = warm.unwrap_or_else(|| self.start(version));
        let mut failed = Vec::new();
        for Delivery { message_id, body, .. } in batch {
            match body {
                _ if self.is_over.get() => {}
                Work::Load(object) => {
                    if sandbox.land(&object, Deadline::NEVER).await.is_err() {
                        failed.push(message_id);
                    }
                }
                Work::Swap(number) => self.swap(number).await,
            }
        }
        self.warm[version].borrow_mut().push(sandbox);
        Ok(BatchAnswer::failed(failed))
    }

    /// A cold sandbox of a version.
    fn start(&self, version: usize) -> Sandbox {
        let deployment = self.scene.deployments[version];
        let (limits, layout, settle) = (deployment.limits(), deployment.layout, self.settle);
        let backoff = Backoff::without_pauses(6);
        let settings = IngestSettings { limits, layout, settle, backoff, ..settings() };
        let (catalog, objects) = self.ports.clone();
        let ingest = Ingest::new(catalog, objects, settings);
        let contracts = deployment.contracts();
        let contracts =
            LateObjects::new(contracts, self.clock.clone(), self.random.borrow_mut().fork());
        let contracts = Unreliable::new(contracts, |_, _| None);
        let contracts = ContractStore::new(contracts, Duration::from_hours(1));
        Landing::new(ingest, contracts, self.bucket.clone(), LandingPrefix::default())
    }

    /// Swaps one of the partitions that there are. Its files are copied only, so that what the
    /// ledger names can be looked for at every moment.
    async fn swap(&self, number: usize) {
        let partitions = self.lake.catalog.all_partitions();
        let Some((table, partition)) = partitions.get(number % partitions.len().max(1)) else {
            return;
        };
        let item = self.plan(table, partition);
        // Calls that fail or yield too often would have nobody swap anything in his time.
        let objects = self.objects.clone();
        let catalog = LateCatalog { catalog: self.lake.catalog.clone(), network: objects.clone() };
        let settings = SwapSettings {
            database: database(),
            backoff: Backoff::without_pauses(6),
            settle: SETTLE,
            lease: LEASE,
            grace: SETTLE,
            step_max: None,
        };
        let swaps = Swaps::new(catalog, objects, settings);
        self.begun.set(self.begun.get() + 1);
        let owner = format!("o{}", self.begun.get()).parse().unwrap();
        let ended = swaps.swap(&item, owner, || Deadline::NEVER).await;
        if matches!(ended, Ok(CommitAnswer::Committed { .. })) {
            self.swaps.set(self.swaps.get() + 1);
        }
    }

    fn plan(&self, table: &TableName, partition: &PartitionEntry) -> PartitionItem {
        let plan = PartitionPlan {
            table: table.clone(),
            partition: partition.key.clone(),
            location: partition.location.clone(),
            reason: Qualification::Leftovers,
            bins: Vec::new(),
            copied_files: 0,
            copied_bytes: 0,
            leftover_files: 0,
        };
        let compaction = CompactionId::new(self.clock.now(), std::slice::from_ref(&plan));
        let key = partition_plan_key(&database(), &compaction, 0);
        let plan = serde_json::to_vec(&plan).unwrap();
        at_once(self.lake.objects.put_object(&key, plan.into())).unwrap();
        let (table, partition) = (table.clone(), partition.key.clone());
        PartitionItem { compaction, index: 0, table, partition }
    }
}

pub(crate) fn database() -> DatabaseName {
    "lake".parse().unwrap()
}

/// Calls fail by chance, with effect or without.
fn fault(random: &Mutex<Rng>) -> Option<Fault> {
    match random.lock().unwrap().u32(..100) {
        n if n < REFUSED => Some(Fault::Refused(ErrorKind::Retry)),
        n if n < REFUSED + UNANSWERED => Some(Fault::AnswerLost(ErrorKind::Retry)),
        _ => None,
    }
}
