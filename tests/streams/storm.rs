//! A storm over a stream: a mapping that cuts its batches otherwise each time, delivers twice and
//! at once, gives up and begins again at earlier checkpoints; a function that crashes and is
//! stopped; a network that loses answers and delivers late; an outage that is longer than all
//! retries; and a schedule that ends what is left, while all of this goes on.
//!
//! At every moment no document is there twice. In the end every one is there once, in the order of
//! its shard. A seed is a storm: one that fails fails again.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    convert::Infallible,
    ops::Range,
    sync::{Arc, Mutex},
    time::Duration,
};

use alluvium_aws::read_stream_event;
use alluvium_lake::{Backoff, Deadline, Streams};
use alluvium_model::{ErrorKind, Raw, UtcInstant, Watermark, layout, ports::WriteObjects as _};
use alluvium_testkit::{
    Beside, Fault, KinesisFaults, KinesisMapping, KinesisMappingSettings, KinesisReport,
    MemoryCatalog, MemoryShards, Unreliable,
};
use alluvium_tests::{
    death::alone,
    late::{LATE_MAX, LateObjects, Without, at_once},
    seeds::run_seeds,
};
use fastrand::Rng;
use serde_json::{Value, json};

use crate::{
    rows::{Seen, rows},
    world::{MadeAt, STREAM, Settings, World, finish, streams},
};

const FUNCTION_TIMEOUT: Duration = Duration::from_secs(40);
const SETTLE: Duration = Duration::from_mins(1);
const SHARDS: usize = 2;
const RECORDS: Range<u32> = 3..14;
/// Calls of a hundred that are not made, and that are made but not answered.
const REFUSED: u32 = 3;
const UNANSWERED: u32 = 3;
/// Turns for each record that is put, and for each coming of the schedule, on average.
const TURNS_A_RECORD: u32 = 12;
const TURNS_A_SCHEDULE: u32 = 150;
/// Changes of small objects between two looks at all rows.
const CHANGES_A_LOOK: u64 = 8;
/// Times that the schedule comes, in the end, before what is left is taken to be left for ever.
const FINISHES_MAX: u32 = 20;

type Objects = Unreliable<LateObjects>;
type Sandbox = Streams<Unreliable<MemoryCatalog>, Objects, MadeAt>;

/// A seed, and what is missing in its lake.
#[derive(Clone, Copy, Debug)]
struct Storm {
    seed: u64,
    without: Without,
}

/// What a storm came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Outcome {
    mapping: KinesisReport,
    documents: usize,
    late: u64,
    taken_back: u64,
    outage_calls: u64,
}

/// Everything that there is in one storm.
struct Scene {
    world: World,
    objects: LateObjects,
    shards: MemoryShards,
    ports: (Unreliable<MemoryCatalog>, Objects),
    warm: RefCell<Vec<Sandbox>>,
    random: RefCell<Rng>,
    left_to_put: RefCell<u32>,
    /// The documents of each shard, in their order.
    documents: RefCell<Vec<Vec<String>>>,
    taken_back: RefCell<u64>,
    seen: RefCell<Seen>,
    refused_in_outage: Arc<Mutex<u64>>,
}

impl Scene {
    fn new(storm: Storm) -> Self {
        let mut random = Rng::with_seed(storm.seed);
        let raw = if random.bool() { Raw::Keep } else { Raw::Drop };
        let backoff = Backoff::without_pauses(4);
        let world = World::new(Settings { raw, settle: SETTLE, backoff, ..Settings::default() });
        let (lake, clock) = (&world.lake, &world.clock);
        let objects = LateObjects::new(lake.objects.clone(), clock.clone(), random.fork());
        let faults = Mutex::new(random.fork());
        let begin = clock.after(Duration::from_secs(random.u64(..60)));
        let outage = Outage {
            from: begin,
            to: plus(begin, Duration::from_secs(random.u64(..300))),
            refused: Arc::default(),
        };
        let (refused_in_outage, now) = (Arc::clone(&outage.refused), clock.clone());
        let catalog = Unreliable::new(lake.catalog.clone(), move |_, _| {
            outage.refuses(now.now()).or_else(|| fault(&faults))
        });
        let unreliable = catalog.beside(objects.without(storm.without));
        Self {
            shards: MemoryShards::new(storm.seed, clock.clone(), STREAM, SHARDS),
            ports: (catalog, unreliable),
            warm: RefCell::default(),
            left_to_put: RefCell::new(random.u32(RECORDS)),
            documents: RefCell::new(vec![Vec::new(); SHARDS]),
            random: RefCell::new(random),
            taken_back: RefCell::default(),
            seen: RefCell::default(),
            refused_in_outage,
            objects,
            world,
        }
    }

    fn chance(&self, one_in: u32) -> bool {
        self.random.borrow_mut().u32(..one_in) == 0
    }

    /// Puts a record into the stream, of one or more documents, or of none that is good.
    fn put(&self) {
        let mut left = self.left_to_put.borrow_mut();
        if *left == 0 {
            return;
        }
        *left -= 1;
        let mut random = self.random.borrow_mut();
        let shard = random.usize(..SHARDS);
        let key = ["camera/1", "door/1", "17"][random.usize(..3)];
        let documents = &mut self.documents.borrow_mut()[shard];
        let mut name = || {
            documents.push(format!("{shard}-{}", documents.len()));
            documents[documents.len() - 1].clone()
        };
        let data = if random.u32(..10) == 0 {
            name()
        } else {
            let several = 1..=random.usize(1..4);
            several.map(|_| json!({ "name": name() }).to_string()).collect::<Vec<_>>().join("\n")
        };
        self.shards.put(shard, key, data);
    }

    fn sandbox(&self) -> Sandbox {
        let warm = self.warm.borrow_mut().pop();
        warm.unwrap_or_else(|| {
            let (catalog, objects) = self.ports.clone();
            streams(catalog, &objects, self.world.settings)
        })
    }

    /// One invocation of the function, with the event that the mapping sends.
    async fn invoke(&self, event: Value) -> Result<Value, Infallible> {
        let sandbox = self.sandbox();
        let mut failed = Vec::new();
        for batch in read_stream_event(&event).unwrap() {
            let first = batch.records[0].sequence.clone();
            if sandbox.ingest_batch(batch, Deadline::NEVER).await.failed.is_some() {
                failed.push(json!({ "itemIdentifier": first.as_str() }));
            }
        }
        self.warm.borrow_mut().push(sandbox);
        Ok(json!({ "batchItemFailures": failed }))
    }

    /// The schedule comes.
    async fn finish(&self) {
        let sandbox = self.sandbox();
        if let Ok(report) = finish(&sandbox).await {
            *self.taken_back.borrow_mut() += report.taken;
            self.warm.borrow_mut().push(sandbox);
        }
    }

    /// Whether no document is there twice now.
    fn names_once(&self) -> Result<(), String> {
        let mut seen = self.seen.borrow_mut();
        let mut times: BTreeMap<&str, u32> = BTreeMap::new();
        for row in seen.rows_of(&self.world.lake) {
            *times.entry(&row.name).or_default() += 1;
        }
        match times.iter().find(|(_, times)| **times > 1) {
            Some((name, times)) => Err(format!("`{name}` is there {times} times")),
            None => Ok(()),
        }
    }

    /// What must hold in the end.
    fn all_is_there(&self) -> Result<usize, String> {
        self.names_once()?;
        let found = rows(&self.world.lake);
        let documents = self.documents.borrow();
        for (number, expected) in documents.iter().enumerate() {
            let shard = MemoryShards::shard_id(number);
            let of_shard = found.iter().filter(|row| row.source.contains(&shard));
            let names: Vec<_> = of_shard.map(|row| row.name.clone()).collect();
            if names != *expected {
                return Err(format!("{shard}: {names:?} is there, {expected:?} was put"));
            }
        }
        Ok(documents.iter().map(Vec::len).sum())
    }

    fn watermarks(&self) -> Vec<Watermark> {
        let objects = self.world.lake.objects.all().into_iter();
        let watermarks = objects.filter(|(key, _)| key.as_str().contains("/streams/"));
        watermarks.map(|(_, bytes)| serde_json::from_slice(&bytes).unwrap()).collect()
    }
}

/// A time in which nothing works.
struct Outage {
    from: UtcInstant,
    to: UtcInstant,
    refused: Arc<Mutex<u64>>,
}

impl Outage {
    fn refuses(&self, now: UtcInstant) -> Option<Fault> {
        (self.from..self.to).contains(&now).then(|| {
            *self.refused.lock().unwrap() += 1;
            Fault::Refused(ErrorKind::Retry)
        })
    }
}

fn plus(instant: UtcInstant, time: Duration) -> UtcInstant {
    let micros = i64::try_from(time.as_micros()).unwrap();
    UtcInstant::from_micros(instant.micros() + micros).unwrap()
}

/// Calls fail by chance, with effect or without.
fn fault(random: &Mutex<Rng>) -> Option<Fault> {
    match random.lock().unwrap().u32(..100) {
        n if n < REFUSED => Some(Fault::Refused(ErrorKind::Retry)),
        n if n < REFUSED + UNANSWERED => Some(Fault::AnswerLost(ErrorKind::Retry)),
        _ => None,
    }
}

impl Storm {
    const fn of(seed: u64) -> Self {
        Self { seed, without: Without::Nothing }
    }

    fn settings() -> KinesisMappingSettings {
        KinesisMappingSettings {
            batch_size: 6,
            retries_max: Some(2),
            record_age_max: Some(Duration::from_mins(10)),
            bisect: true,
            retry_pause: Duration::from_secs(5),
            function_timeout: FUNCTION_TIMEOUT,
            step: Duration::from_millis(200),
            faults: KinesisFaults {
                crash: 0.004,
                zombie: 0.01,
                lost_answer: 0.05,
                duplicate: 0.1,
                restart: 0.05,
                takeover: 0.05,
            },
            ..KinesisMappingSettings::default()
        }
    }

    /// Runs the storm; says which law is broken, if one is.
    fn run(self) -> Result<Outcome, String> {
        let scene = Scene::new(self);
        let mut mapping = KinesisMapping::new(self.seed, Self::settings());
        let given_up = mapping.failure_objects();
        let leave = || {
            for object in given_up.take() {
                let key = layout::given_up(None).as_str().len();
                let name = object.key.get(key..).unwrap();
                let body = object.body.to_string();
                let key = layout::given_up(None).object(name);
                at_once(scene.world.lake.objects.put_object(&key, body.into())).unwrap();
            }
        };
        let (mut changes, mut broken, mut outcome) =
            (scene.objects.catch_up(), None, Outcome::default());
        scene.put();
        while broken.is_none() {
            let report = mapping.run(
                &scene.shards,
                |event| scene.invoke(event),
                |_, beside: &mut Beside<'_>| {
                    let now = scene.objects.catch_up();
                    let is_new = now.replaced / CHANGES_A_LOOK != changes.replaced / CHANGES_A_LOOK;
                    if broken.is_none() && is_new {
                        broken = scene.names_once().err();
                    }
                    changes = now;
                    leave();
                    if scene.chance(TURNS_A_RECORD) {
                        scene.put();
                    }
                    if scene.chance(TURNS_A_SCHEDULE) {
                        beside.begin(scene.finish());
                    }
                },
            );
            outcome.add(report);
            if *scene.left_to_put.borrow() == 0 {
                break;
            }
            scene.put();
        }
        leave();
        if let Some(broken) = broken {
            return Err(broken);
        }
        Self::end(&scene)?;
        let (late, taken_back) = (scene.objects.late(), *scene.taken_back.borrow());
        let outage_calls = *scene.refused_in_outage.lock().unwrap();
        Ok(Outcome { documents: scene.all_is_there()?, late, taken_back, outage_calls, ..outcome })
    }

    /// The storm is over, and the schedule ends what is left.
    fn end(scene: &Scene) -> Result<(), String> {
        let lake = &scene.world.lake;
        for _ in 0..FINISHES_MAX {
            scene.world.clock.advance(LATE_MAX.max(Duration::from_mins(5)));
            scene.objects.catch_up();
            let process = streams(lake.catalog.clone(), &lake.objects, scene.world.settings);
            let report = alone(finish(&process)).unwrap();
            *scene.taken_back.borrow_mut() += report.taken;
            // Nothing was wrong with any range, so none waits for somebody.
            if report.errors.is_empty() && report.pending + report.failed == 0 {
                return Ok(());
            }
        }
        Err(format!("never done: {:?}", scene.watermarks()))
    }
}

impl Outcome {
    fn add(&mut self, report: KinesisReport) {
        let sum = &mut self.mapping;
        sum.invocations += report.invocations;
        sum.duplicates += report.duplicates;
        sum.crashes += report.crashes;
        sum.timeouts += report.timeouts;
        sum.zombies += report.zombies;
        sum.splits += report.splits;
        sum.restarts += report.restarts;
        sum.takeovers += report.takeovers;
        sum.given_up += report.given_up;
    }
}

/// Runs many storms on all processors, or until a seed breaks a law; which one it is.
fn storms(seeds: Range<u64>) -> Result<Vec<Outcome>, String> {
    run_seeds(seeds, |seed| Storm::of(seed).run())
}

#[test]
fn every_document_is_there_once_after_a_storm_over_a_stream() {
    let outcomes = storms(0..10_000).unwrap();
    let total = |of: fn(&Outcome) -> u64| outcomes.iter().map(of).sum::<u64>();
    let totals = [
        ("documents", total(|o| o.documents as u64)),
        ("invocations", total(|o| o.mapping.invocations as u64)),
        ("duplicates", total(|o| o.mapping.duplicates as u64)),
        ("crashes", total(|o| o.mapping.crashes as u64)),
        ("zombies", total(|o| o.mapping.zombies as u64)),
        ("splits", total(|o| o.mapping.splits as u64)),
        ("restarts", total(|o| o.mapping.restarts as u64)),
        ("takeovers", total(|o| o.mapping.takeovers as u64)),
        ("batches given up", total(|o| o.mapping.given_up as u64)),
        ("late requests", total(|o| o.late)),
        ("records taken back", total(|o| o.taken_back)),
        ("calls refused in outages", total(|o| o.outage_calls)),
    ];
    println!("{} seeds: {totals:?}", outcomes.len());
    for (what, number) in totals {
        assert!(number > 30, "not much of a storm: {number} {what}");
    }
}

#[test]
fn compare_and_sets_that_do_not_compare_are_noticed() {
    const SEEDS: u64 = 200;
    let storm = |seed| Storm { without: Without::Compare, ..Storm::of(seed) };
    let broken = (0..SEEDS).find_map(|seed| storm(seed).run().err().map(|broken| (seed, broken)));
    let (seed, broken) = broken.unwrap();
    println!("noticed by seed {seed}: {broken}");
}

#[test]
fn a_seed_is_a_storm() {
    let run = |seed| Storm::of(seed).run().unwrap();
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}
