//! Which calls a small object takes, and how many of them one after the other.
//!
//! Every call takes one round trip of a clock that moves only when nobody can go on without it. So
//! a line is a round trip, with the calls that are under way together, and the number of lines is
//! the critical path. It is what a small object takes, for computing takes next to nothing of it.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
    time::Duration,
};

use alluvium_lake::{ContractStore, Deadline, Ingest, IngestReport, IngestSettings, Landing};
use alluvium_model::{
    AnnouncedObject, LandingPrefix, Limits, UtcInstant, layout::contracts, ports::WriteObjects as _,
};
use alluvium_testkit::{
    Fault, MemoryCatalog, MemoryClock, MemoryEvents, MemoryLanding, MemoryObjects, Unreliable,
};
use alluvium_tests::{Lake, settings};
use bytes::Bytes;

const CONTRACT: &str = "table = \"camera\"\n[partition]\nby = [\"identity($.p)\"]\n";
const ROUND_TRIP: Duration = Duration::from_millis(20);
/// Turns after which whoever has not ended waits for an answer.
const TURNS: usize = 100;

/// A network on which calls are answered a round trip after they were made.
#[derive(Clone, Default)]
struct Network {
    clock: MemoryClock,
    calls: Arc<Mutex<Calls>>,
}

#[derive(Default)]
struct Calls {
    answered_at: BTreeMap<u64, UtcInstant>,
    /// Those that were begun in each round trip.
    rounds: Vec<Vec<&'static str>>,
}

impl Network {
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap()
    }

    fn fate(&self, call: u64, method: &'static str) -> Option<Fault> {
        let Calls { answered_at, rounds } = &mut *self.calls();
        let answered_at = answered_at.entry(call).or_insert_with(|| {
            rounds.last_mut().unwrap().push(method);
            self.clock.after(ROUND_TRIP)
        });
        (self.clock.now() < *answered_at).then_some(Fault::Held)
    }

    /// Lets something go on to its end; what it gives, and the calls of each round trip.
    fn run<T>(&self, task: impl Future<Output = T>) -> (T, String) {
        let mut task = pin!(task);
        let given = loop {
            self.calls().rounds.push(Vec::new());
            let mut context = Context::from_waker(Waker::noop());
            let mut turns = (0..TURNS).map(|_| task.as_mut().poll(&mut context));
            match turns.find(Poll::is_ready) {
                Some(Poll::Ready(given)) => break given,
                Some(Poll::Pending) | None => self.clock.advance(ROUND_TRIP),
            }
        };
        let mut rounds = std::mem::take(&mut self.calls().rounds);
        assert_eq!(rounds.pop(), Some(Vec::new()), "a call was not waited for");
        let lines: Vec<_> = rounds.into_iter().map(|calls| calls.join(" + ")).collect();
        (given, lines.join("\n"))
    }
}

/// A lake with a contract.
#[derive(Default)]
struct World {
    lake: Lake,
    bucket: MemoryLanding,
}

type Port<P> = Unreliable<P>;

/// A sandbox that knows nothing yet, and its network.
struct Sandbox {
    landing:
        Landing<Port<MemoryCatalog>, Port<MemoryObjects>, Port<MemoryLanding>, Port<MemoryEvents>>,
    network: Network,
}

impl World {
    fn new() -> Self {
        let world = Self::default();
        let contract = contracts().object("camera.toml");
        let put = world.lake.objects.put_object(&contract, Bytes::from_static(CONTRACT.as_bytes()));
        Network::default().run(put).0.unwrap();
        world
    }

    fn sandbox(&self) -> Sandbox {
        self.sandbox_with(settings())
    }

    fn sandbox_with(&self, settings: IngestSettings) -> Sandbox {
        let network = Network::default();
        let fate = network.clone();
        let fate = move |call, method| fate.fate(call, method);
        let catalog = Unreliable::new(self.lake.catalog.clone(), fate);
        let objects = catalog.beside(self.lake.objects.clone());
        let sources = catalog.beside(self.bucket.clone());
        let events = catalog.beside(MemoryEvents::default());
        let ingest = Ingest::new(catalog, objects.clone(), settings).telling(events);
        let contracts = ContractStore::new(objects, Duration::from_mins(1));
        let landing = Landing::new(ingest, contracts, sources, LandingPrefix::default());
        Sandbox { landing, network }
    }

    /// The calls that a sandbox makes for a new object that says this.
    fn calls(&self, sandbox: &Sandbox, key: &str, text: &str) -> String {
        let (report, calls) = sandbox.land(&self.bucket.drop_object(key, text.to_owned()));
        assert_eq!(report.counts.records, 1, "{text}");
        calls
    }
}

impl Sandbox {
    fn land(&self, object: &AnnouncedObject) -> (IngestReport, String) {
        let (report, calls) = self.network.run(self.landing.land(object, Deadline::NEVER));
        (report.unwrap(), calls)
    }
}

#[test]
fn a_sandbox_that_knows_the_table_asks_for_nothing_twice() {
    let world = World::new();
    let sandbox = world.sandbox();
    let first = world.calls(&sandbox, "camera/1.json", "{\"p\":\"a\",\"n\":1}");
    insta::assert_snapshot!(first, @"
    list_objects + object
    object
    open_object
    create_object
    table
    create_table
    publish
    put_object
    unified_view
    object
    create_partitions
    create_object
    object
    put_object
    object_since
    replace_object
    ");
    let next = world.calls(&sandbox, "camera/2.json", "{\"p\":\"a\",\"n\":2}");
    insta::assert_snapshot!(next, @"
    object
    open_object
    create_object
    object
    put_object
    object_since
    replace_object
    ");
    let new_partition = world.calls(&sandbox, "camera/3.json", "{\"p\":\"b\",\"n\":3}");
    insta::assert_snapshot!(new_partition, @"
    object
    open_object
    create_object
    object
    create_partitions
    create_object
    object
    put_object
    object_since
    replace_object
    ");
    let new_column = world.calls(&sandbox, "camera/4.json", "{\"p\":\"a\",\"m\":4}");
    insta::assert_snapshot!(new_column, @"
    object
    open_object
    create_object
    table
    replace_table
    publish
    put_object
    object
    put_object
    object_since
    replace_object
    ");
    let new_sibling = world.calls(&sandbox, "camera/5.json", "{\"p\":\"a\",\"n\":true}");
    insta::assert_snapshot!(new_sibling, @"
    object
    open_object
    create_object
    table
    replace_table
    publish
    put_object
    unified_view
    table
    create_view
    object
    put_object
    object_since
    replace_object
    ");
}

#[test]
fn a_new_sandbox_reads_what_others_made() {
    let world = World::new();
    world.calls(&world.sandbox(), "camera/1.json", "{\"p\":\"a\",\"n\":1}");
    let next = world.calls(&world.sandbox(), "camera/2.json", "{\"p\":\"a\",\"n\":2}");
    insta::assert_snapshot!(next, @"
    list_objects + object
    object
    open_object
    create_object
    table
    object
    create_partitions
    put_object
    object_since
    replace_object
    ");
}

#[test]
fn files_of_a_part_are_written_beside_what_the_next_part_takes() {
    let world = World::new();
    let limits = Limits { part_records: 1, ..Limits::default() };
    let sandbox = world.sandbox_with(IngestSettings { limits, ..settings() });
    world.calls(&sandbox, "camera/1.json", "{\"p\":\"a\",\"n\":1}");
    let two_parts = "{\"p\":\"a\",\"n\":2}{\"p\":\"a\",\"m\":3}";
    let (report, calls) = sandbox.land(&world.bucket.drop_object("camera/2.json", two_parts));
    assert_eq!((report.counts.loaded, report.counts.files), (2, 2));
    insta::assert_snapshot!(calls, @"
    object
    open_object
    create_object
    object
    put_object + table
    object_since + replace_table
    publish
    put_object
    object
    put_object
    object_since
    replace_object
    ");
}

#[test]
fn a_bad_record_takes_its_own_way() {
    let world = World::new();
    let sandbox = world.sandbox();
    world.calls(&sandbox, "camera/1.json", "bad");
    let next = world.calls(&sandbox, "camera/2.json", "bad, too");
    insta::assert_snapshot!(next, @"
    object
    open_object
    create_object
    object
    put_object
    object_since
    replace_object
    ");
}

#[test]
fn what_is_loaded_or_gone_takes_little() {
    let world = World::new();
    let sandbox = world.sandbox();
    let object = world.bucket.drop_object("camera/1.json", "{\"p\":\"a\",\"n\":1}");
    sandbox.land(&object);
    let (report, again) = sandbox.land(&object);
    assert_eq!(report.counts.duplicates, 1);
    insta::assert_snapshot!(again, @"object");
    let object = world.bucket.drop_object("camera/2.json", "{\"p\":\"a\",\"n\":2}");
    world.bucket.delete_object("camera/2.json");
    let (report, gone) = sandbox.land(&object);
    assert_eq!(report.counts.superseded, 1);
    insta::assert_snapshot!(gone, @"
    object
    open_object
    now
    create_object
    ");
}
