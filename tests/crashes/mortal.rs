//! Processes that die, and what is left when all their work is done.

use std::{collections::BTreeMap, time::Duration};

use alluvium_lake::{Deadline, Ingest, IngestSettings, Landing};
use alluvium_model::{
    ErrorKind, LandingPrefix, LedgerEntry, LedgerState, PartitionEntry, TableEntry, TableName,
    ViewEntry,
    layout::{self, ObjectKey},
    ports::{ReadTables as _, WriteObjects as _},
};
use alluvium_testkit::{Fault, MemoryCatalog, MemoryClock, MemoryObjects, Unreliable};
use alluvium_tests::{
    Lake, contracts,
    death::{alone, mortal},
    settings,
};
use bytes::Bytes;

use crate::{fading::FadingLanding, scenarios::Scenario};

/// Deliveries of a source before it would be in a dead-letter queue.
const DELIVERIES_MAX: u32 = 10;

/// What there is in the end, and how many calls it took.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) objects: BTreeMap<ObjectKey, Bytes>,
    pub(crate) tables: Vec<TableEntry>,
    pub(crate) partitions: Vec<(TableName, PartitionEntry)>,
    pub(crate) views: Vec<Option<ViewEntry>>,
    pub(crate) calls: u64,
}

impl End {
    fn of(lake: &Lake, calls: u64) -> Self {
        let names = alone(lake.catalog.table_names()).unwrap();
        let table = |name| alone(lake.catalog.table(name)).unwrap().unwrap().value;
        let view = |name: &TableName| lake.catalog.view(name.unified().as_str());
        Self {
            objects: lake.objects.all().into_iter().map(without_time).collect(),
            tables: names.iter().map(table).collect(),
            partitions: lake.catalog.all_partitions(),
            views: names.iter().map(view).collect(),
            calls,
        }
    }

    /// Whether the lake is the same, however many calls it took.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.objects == other.objects
            && self.tables == other.tables
            && self.partitions == other.partitions
            && self.views == other.views
    }
}

type Process = Landing<Unreliable<MemoryCatalog>, Unreliable<MemoryObjects>, FadingLanding>;

/// Delivers the sources of a scenario until each is done. Calls are counted over all ports and all
/// processes; those that are named fail. After a death there is a new process, later than the
/// settle time.
pub(crate) fn run(scenario: &Scenario, faults: &BTreeMap<u64, Fault>) -> End {
    let clock = MemoryClock::default();
    let objects = MemoryObjects::dated_by(clock.clone());
    let lake = Lake { catalog: MemoryCatalog::default(), objects };
    if let Some(contract) = scenario.contract {
        let table = contract.split('"').nth(1).unwrap();
        let key = layout::contracts().object(&format!("{table}.toml"));
        alone(lake.objects.put_object(&key, contract.into())).unwrap();
    }
    let (catalog, death) = mortal(lake.catalog.clone(), faults);
    let objects = catalog.beside(lake.objects.clone());
    let landing = FadingLanding::default();
    let mut layouts = scenario.layouts.into_iter().chain([scenario.layouts[1]].repeat(20));
    let mut start = || {
        let (limits, layout) = (scenario.limits(), layouts.next().unwrap());
        let settings = IngestSettings { limits, layout, ..settings() };
        let ingest = Ingest::new(catalog.clone(), objects.clone(), settings);
        Landing::new(ingest, contracts(&objects), landing.clone(), LandingPrefix::default())
    };
    let mut process: Process = start();
    for (key, text) in scenario.sources {
        let announced = landing.0.drop_object(key, *text);
        let mut deliveries = 0;
        loop {
            deliveries += 1;
            assert!(deliveries <= DELIVERIES_MAX, "{key} is never done");
            match death.unless_it_comes(process.land(&announced, Deadline::NEVER)) {
                Some(Ok(_)) => break,
                Some(Err(error)) => assert_eq!(error.kind(), ErrorKind::Retry, "{key}: {error}"),
                None => process = start(),
            }
            clock.advance(settings().settle + Duration::from_secs(1));
        }
    }
    End::of(&lake, catalog.calls())
}

/// When a source was said to be gone depends on how often it was delivered.
fn without_time((key, bytes): (ObjectKey, Bytes)) -> (ObjectKey, Bytes) {
    match serde_json::from_slice::<LedgerEntry>(&bytes) {
        Ok(LedgerEntry { source, state: LedgerState::Superseded { .. }, .. }) => {
            (key, Bytes::from(format!("{source} is gone")))
        }
        Ok(_) | Err(_) => (key, bytes),
    }
}
