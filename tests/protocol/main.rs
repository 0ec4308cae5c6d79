//! The code makes the calls that the model of the protocol makes, in the same order.
//!
//! What the model explores is worth as much as the code does the same. So each scenario of the
//! model is played with the real code, over ports that note the steps, and compared. Two things are
//! told otherwise by the code, both of them without another effect: the source is always opened
//! right after the first look into the ledger; and one that is there again after it was taken over
//! as superseded is swept once, by whom the new fence leads to.
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a broken expectation must stop the test; few scenarios are special"
)]

mod recorded;
mod swaps;

use std::time::Duration;

use alluvium_lake::{
    ContractStore, Deadline, Ingest, IngestReport, IngestSettings, LakeError, Landing,
};
use alluvium_model::{
    AnnouncedObject, ErrorKind, LAYOUT_VERSION, LandingPrefix,
    layout::contracts,
    ports::{LakeCatalog, LakeObjects, OpenObjects, WriteObjects as _},
};
use alluvium_protocol::{Ending, Scenario, Step, ending_of, steps_of};
use alluvium_testkit::{Fault, MemoryLanding, Unreliable};
use alluvium_tests::{Lake, settings};
use bytes::Bytes;

use crate::recorded::{Disturbance, Recorded, begin_swap};

const KEY: &str = "camera/1.json";
const CONTRACT: &str = "table = \"camera\"\n[partition]\nby = [\"identity($.p)\"]\n";
/// A little longer than the settle time.
const SETTLED: Duration = Duration::from_secs(20 * 60 + 1);

/// What there is before the watched attempt begins.
struct World {
    lake: Lake,
    bucket: MemoryLanding,
    object: AnnouncedObject,
}

type Landed = Result<IngestReport, LakeError>;

fn landing<C: LakeCatalog + Clone, O: LakeObjects + Clone, S: OpenObjects>(
    catalog: C,
    objects: &O,
    sources: S,
    settings: IngestSettings,
) -> Landing<C, O, S> {
    let ingest = Ingest::new(catalog, objects.clone(), settings);
    let contracts = ContractStore::new(objects.clone(), Duration::from_mins(1));
    Landing::new(ingest, contracts, sources, LandingPrefix::default())
}

fn of_layout(layout: u32) -> IngestSettings {
    IngestSettings { layout, ..settings() }
}

impl World {
    async fn new(text: &str) -> Self {
        let (lake, bucket) = (Lake::default(), MemoryLanding::default());
        let contract = contracts().object("camera.toml");
        lake.objects.put_object(&contract, Bytes::from_static(CONTRACT.as_bytes())).await.unwrap();
        let object = bucket.drop_object(KEY, text.to_owned());
        Self { lake, bucket, object }
    }

    /// Another attempt, of this layout, to which a call fails for good.
    async fn attempt(&self, layout: u32, fails: &'static str) -> Landed {
        let script =
            move |_, method: &str| (method == fails).then_some(Fault::Refused(ErrorKind::Denied));
        let catalog = Unreliable::new(self.lake.catalog.clone(), script);
        let objects = Unreliable::new(self.lake.objects.clone(), script);
        let landing = landing(catalog, &objects, self.bucket.clone(), of_layout(layout));
        landing.land(&self.object, Deadline::NEVER).await
    }

    fn come_back(&self, text: &str) {
        assert_eq!(self.bucket.drop_object(KEY, text.to_owned()), self.object);
    }

    fn settle(&self) {
        self.lake.objects.clock().advance(SETTLED);
    }

    /// Makes of the world what the scenario is about.
    async fn prepare(&self, scenario: Scenario, text: &str) {
        const OURS: u32 = LAYOUT_VERSION;
        let gone = || self.bucket.delete_object(KEY);
        match scenario {
            Scenario::NewPartition
            | Scenario::KnownPartition
            | Scenario::TwoPartsInTwoPartitions
            | Scenario::OnePartInTwoPartitions
            | Scenario::SwapBegins
            | Scenario::CommittedMeanwhile
            | Scenario::CommitAnswerLost
            | Scenario::ClaimedMeanwhile
            | Scenario::ClaimAnswerLost => {}
            Scenario::SwapUnderWay => begin_swap(&self.lake).await,
            Scenario::Committed => drop(self.attempt(OURS, "nothing").await.unwrap()),
            Scenario::Claimed => self.fail(OURS, "table").await,
            Scenario::ClaimedByOlder => self.fail(OURS - 1, "table").await,
            Scenario::ClaimedByNewer => self.fail(OURS + 1, "table").await,
            Scenario::GoneUnclaimed => gone(),
            Scenario::GoneClaimed => {
                self.fail(OURS, "replace_object").await;
                gone();
            }
            Scenario::GoneTakenOver | Scenario::CameBackTakenOver => {
                self.fail(OURS, "replace_object").await;
                gone();
                self.fail(OURS, "nothing").await;
                self.settle();
                if scenario == Scenario::CameBackTakenOver {
                    self.come_back(text);
                }
            }
            Scenario::CameBack | Scenario::CameBackTooSoon => {
                gone();
                assert_eq!(self.attempt(OURS, "nothing").await.unwrap().counts.superseded, 1);
                self.come_back(text);
                if scenario == Scenario::CameBack {
                    self.settle();
                }
            }
            Scenario::TakenOverJustNow | Scenario::TakenOver => {
                self.fail(OURS - 1, "replace_object").await;
                self.fail(OURS, "nothing").await;
                if scenario == Scenario::TakenOver {
                    self.settle();
                }
            }
        }
    }

    async fn fail(&self, layout: u32, fails: &'static str) {
        self.attempt(layout, fails).await.unwrap_err();
    }
}

/// What the source says: a new column a part, and rows of as many partitions as the scenario has.
const fn text(scenario: Scenario) -> &'static str {
    match scenario {
        Scenario::TwoPartsInTwoPartitions => "{\"p\":\"a\",\"n\":1}\n{\"p\":\"b\",\"m\":1}",
        Scenario::OnePartInTwoPartitions => "{\"p\":\"a\",\"n\":1}\n{\"p\":\"b\",\"n\":2}",
        _ => "{\"p\":\"a\",\"n\":1}",
    }
}

const fn disturbance(scenario: Scenario) -> Option<Disturbance> {
    match scenario {
        Scenario::SwapBegins => Some(Disturbance::SwapBegins),
        Scenario::ClaimedMeanwhile => Some(Disturbance::ClaimedMeanwhile),
        Scenario::ClaimAnswerLost => Some(Disturbance::ClaimAnswerLost),
        Scenario::CommittedMeanwhile => Some(Disturbance::CommittedMeanwhile),
        Scenario::CommitAnswerLost => Some(Disturbance::CommitAnswerLost),
        _ => None,
    }
}

/// Plays a scenario; the steps of the watched attempt, and how it ended.
async fn play(scenario: Scenario) -> (Vec<Step>, Ending) {
    let text = text(scenario);
    let world = World::new(text).await;
    let recorded = Recorded::new(&world.lake, &world.bucket);
    let mut settings = settings();
    if scenario == Scenario::TwoPartsInTwoPartitions {
        settings.limits.part_records = 1;
    }
    let landing = landing(recorded.clone(), &recorded, recorded.clone(), settings);
    if scenario != Scenario::NewPartition {
        // A warm process that knows the table and its partitions.
        let second = if text.contains("\"b\"") { "{\"p\":\"b\"}" } else { "" };
        let known = format!("{{\"p\":\"a\"}}\n{second}");
        let known = world.bucket.drop_object("camera/0.json", known);
        landing.land(&known, Deadline::NEVER).await.unwrap();
    }
    world.prepare(scenario, text).await;
    recorded.begin(disturbance(scenario));
    let ending = match landing.land(&world.object, Deadline::NEVER).await {
        Ok(_) => Ending::Done,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Retry, "{scenario:?}: {error}");
            Ending::Retry
        }
    };
    (recorded.steps(), ending)
}

/// The steps but for what is told otherwise, as is said above.
fn comparable(scenario: Scenario, steps: &[Step]) -> Vec<String> {
    let told_alike = |step: &&Step| match step {
        Step::OpenSource => false,
        Step::ListPointers
        | Step::ReadPointerToSweep(_)
        | Step::ListLeftovers(..)
        | Step::DeleteLeftovers(..) => scenario != Scenario::CameBackTakenOver,
        _ => true,
    };
    steps.iter().filter(told_alike).map(ToString::to_string).collect()
}

#[tokio::test]
async fn the_code_makes_the_calls_of_the_model() {
    for &scenario in Scenario::ALL {
        let (made, ending) = Box::pin(play(scenario)).await;
        let told = steps_of(scenario);
        let (made_, told) = (comparable(scenario, &made), comparable(scenario, &told));
        assert_eq!(made_, told, "{scenario:?}");
        assert_eq!(ending, ending_of(scenario), "{scenario:?}");
        let opened: Vec<_> = (0..).zip(&made).filter(|(_, s)| **s == Step::OpenSource).collect();
        let once = usize::from(scenario != Scenario::Committed);
        assert_eq!(opened.len(), once, "{scenario:?}");
        assert!(opened.iter().all(|(at, _)| *at == 1), "{scenario:?}: {made:?}");
    }
}
