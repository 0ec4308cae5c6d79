//! The functions that maintain a lake: what they are asked for, what they answer, how they fail.
#![expect(clippy::unwrap_used, reason = "a broken expectation must stop the test")]

use std::{fs, path::Path, time::Duration};

use alluvium_aws::failure::{PERMANENT, RETRYABLE};
use alluvium_lake::{Backoff, Deadline, LakeError, PlanSettings, SwapSettings, VacuumReport};
use alluvium_model::{
    ErrorKind,
    compaction::{
        BeginAnswer, CommitAnswer, CommitRequest, CompactionSettings, MergeAnswer, MergeOutcome,
        MergeRequest, PartitionItem, PlanAnswer, StopReason,
    },
    layout,
    ports::ReadObjects as _,
};
use alluvium_testkit::{Fault, MemoryCatalog, MemoryClock, MemoryObjects, Unreliable};
use alluvium_tests::{Lake, drop_file, settings};
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use maintain_lake::{
    CompactionSummary, Failure, Maintenance, Outcome, PlanRequest, Step, SummaryRequest,
    SwapOutcome, VacuumRequest, summarize, take,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_mins(1);

fn events(folder: &str) -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events").join(folder);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, serde_json::from_slice(&fs::read(path).unwrap()).unwrap())
    };
    files.map(read).collect()
}

/// Every event of a function is one that it understands.
fn understands<Q: DeserializeOwned>(function: &str) {
    let events = events(function);
    assert!(!events.is_empty());
    for (name, event) in events {
        let read = serde_json::from_value::<Q>(event);
        assert!(read.is_ok(), "{function}/{name}: {:?}", read.err());
    }
}

#[test]
fn functions_understand_their_events() {
    understands::<PlanRequest>("plan-compaction");
    understands::<PartitionItem>("begin-swap");
    understands::<MergeRequest>("merge-files");
    understands::<CommitRequest>("commit-swap");
    understands::<SummaryRequest>("summarize-compaction");
    understands::<VacuumRequest>("vacuum-lake");
}

#[test]
fn each_function_has_a_name_and_events() {
    for step in Step::ALL {
        assert_eq!(step.to_string().parse(), Ok(step));
        assert!(!events(&step.to_string()).is_empty(), "{step}");
    }
    assert_eq!("x".parse::<Step>().unwrap_err().to_string(), "there is no function `x`");
}

/// An answer is written just like that.
fn answers<A: DeserializeOwned + Serialize>(answer: Value) -> Value {
    serde_json::to_value(serde_json::from_value::<A>(answer).unwrap()).unwrap()
}

#[test]
fn functions_answer_as_the_state_machines_are_tested_with() {
    for (name, expected) in events("answers") {
        let answer = expected.clone();
        let written = match name.as_str() {
            "plan-compaction" | "plan-compaction-nothing" => answers::<PlanAnswer>(answer),
            "begin-swap-begun" | "begin-swap-forward" | "begin-swap-stopped" => {
                answers::<BeginAnswer>(answer)
            }
            "merge-files-verified" | "merge-files-failed" => answers::<MergeAnswer>(answer),
            "commit-swap-committed" | "commit-swap-stopped" => answers::<CommitAnswer>(answer),
            "summarize-compaction" => json!(CompactionSummary {
                compaction: "0123456789abcdef".parse().unwrap(),
                partitions: 2,
                committed: 1,
                stopped: 1,
                left: 0,
                merged_files: 900,
                merged_bytes: 18_432_000,
            }),
            "vacuum-lake" => json!(VacuumReport {
                locations: 1,
                files: 417,
                bytes: 8_540_160,
                waiting: 2,
                plans: 3,
                retired: 4,
                leased: 1,
                ..VacuumReport::default()
            }),
            // tests/streams/functions.rs
            "finish-streams" => continue,
            other => panic!("{other} is the answer of no function"),
        };
        assert_eq!(written, expected, "{name}");
    }
}

/// A lake with so many small files, all of them settled.
async fn lake(files: u32) -> (Lake, MemoryClock) {
    let clock = MemoryClock::default();
    let lake = Lake { objects: MemoryObjects::dated_by(clock.clone()), ..Lake::default() };
    for n in 0..files {
        let key = format!("camera/{n}.json");
        drop_file(&lake.ingest(), &key, &format!("{{\"n\":{n}}}")).await.unwrap();
    }
    clock.advance(21 * MINUTE);
    (lake, clock)
}

fn plan_settings() -> PlanSettings {
    PlanSettings {
        database: "lake".parse().unwrap(),
        backoff: Backoff::without_pauses(3),
        compaction: CompactionSettings::default(),
    }
}

type Functions = Maintenance<MemoryCatalog, MemoryObjects>;

fn functions(lake: &Lake) -> Functions {
    let settings = (plan_settings(), SwapSettings::of(settings()));
    Maintenance::new(lake.catalog.clone(), lake.objects.clone(), settings)
}

/// The items of a plan as the state machine reads them.
async fn items(lake: &Lake, plan: &PlanAnswer) -> Vec<PartitionItem> {
    let key = layout::compaction_items_key(&"lake".parse().unwrap(), &plan.compaction);
    assert_eq!(plan.items_key, key.to_string());
    let found = lake.objects.object(&key).await.unwrap().unwrap();
    serde_json::from_slice(&found.value).unwrap()
}

#[tokio::test]
async fn one_function_after_the_other_compacts_a_partition() {
    let (lake, clock) = lake(9).await;
    let before = lake.rows("camera").await;
    let functions = functions(&lake);
    let plan = functions.plan(PlanRequest::default(), Deadline::NEVER).await.unwrap();
    let [item] = items(&lake, &plan).await.try_into().unwrap();
    let begun = functions.begin(item, Deadline::NEVER).await.unwrap();
    let BeginAnswer::Begun { swap, bins } = begun else { panic!("{begun:?}") };
    let mut merged = Vec::new();
    for bin in bins {
        let request = MergeRequest { swap: swap.clone(), bin: bin.bin };
        merged.push(functions.merge(request, Deadline::NEVER).await.unwrap());
    }
    let request = CommitRequest { swap, merged };
    let committed = functions.commit(request, Deadline::NEVER).await.unwrap();
    let CommitAnswer::Committed { report } = committed else { panic!("{committed:?}") };
    assert_eq!((report.merged_files, report.new_files), (9, 1));
    assert_eq!(lake.rows("camera").await, before);

    clock.advance(24 * 60 * MINUTE + MINUTE);
    let vacuumed = functions.vacuum(VacuumRequest {}, Deadline::NEVER).await.unwrap();
    assert_eq!((vacuumed.locations, vacuumed.files), (1, 9));
    assert_eq!(lake.rows("camera").await, before);
    let again = functions.plan(PlanRequest::default(), Deadline::NEVER).await.unwrap();
    assert_eq!(again.partitions, 0);
}

#[tokio::test]
async fn a_bin_that_failed_gives_the_generation_up() {
    let (lake, _) = lake(9).await;
    let functions = functions(&lake);
    let plan = functions.plan(PlanRequest::default(), Deadline::NEVER).await.unwrap();
    let [item] = items(&lake, &plan).await.try_into().unwrap();
    let begun = functions.begin(item, Deadline::NEVER).await.unwrap();
    let BeginAnswer::Begun { swap, .. } = begun else { panic!("{begun:?}") };
    // As the state machine writes it when merge-files fails.
    let message = RETRYABLE.to_owned();
    let merged = vec![MergeAnswer { bin: 0, outcome: MergeOutcome::Failed { message } }];
    let stopped = functions.commit(CommitRequest { swap, merged }, Deadline::NEVER).await.unwrap();
    assert_eq!(stopped, CommitAnswer::Stopped { reason: StopReason::BinFailed });
}

fn summary_request(outcomes: &[Outcome]) -> SummaryRequest {
    let (_, plan) =
        events("answers").into_iter().find(|(name, _)| name == "plan-compaction").unwrap();
    let mut plan: PlanAnswer = serde_json::from_value(plan).unwrap();
    plan.partitions = 3;
    let swaps =
        outcomes.iter().map(|outcome| Some(SwapOutcome { outcome: Some(*outcome) })).collect();
    SummaryRequest { plan, swaps }
}

#[tokio::test]
async fn a_summary_fails_with_the_swaps_that_did() {
    let all = [Outcome::Committed, Outcome::Stopped, Outcome::Committed];
    let summary = summarize(summary_request(&all), Deadline::NEVER).await.unwrap();
    assert_eq!((summary.committed, summary.stopped), (2, 1));
    // One failed, and one ended without a word.
    let some = [Outcome::Committed, Outcome::Failed];
    let failed = summarize(summary_request(&some), Deadline::NEVER).await.unwrap_err();
    insta::assert_snapshot!(failed, @"compaction 0123456789abcdef: 2 of 3 partitions failed, 1 were swapped and 0 left as they were");
    let diagnostic = Diagnostic::from(Failure::from(failed));
    assert_eq!(diagnostic.error_type, PERMANENT);
}

#[tokio::test]
async fn failures_say_whether_to_try_again() {
    let (lake, _) = lake(1).await;
    let check = async |kind| {
        let script = move |_, _: &str| Some(Fault::Refused(kind));
        let catalog = Unreliable::new(lake.catalog.clone(), script);
        let objects = catalog.beside(lake.objects.clone());
        let settings = (plan_settings(), SwapSettings::of(settings()));
        let functions = Maintenance::new(catalog, objects, settings);
        let request = VacuumRequest {};
        let failed: LakeError = functions.vacuum(request, Deadline::NEVER).await.unwrap_err();
        Diagnostic::from(Failure::from(failed)).error_type
    };
    assert_eq!(check(ErrorKind::Retry).await, RETRYABLE);
    assert_eq!(check(ErrorKind::Denied).await, PERMANENT);
    assert_eq!(check(ErrorKind::Bug).await, PERMANENT);
}

#[tokio::test]
async fn an_invocation_decodes_asks_and_encodes() {
    let in_a_minute = {
        let mut context = Context::default();
        context.deadline = u64::MAX;
        context
    };
    let event = |payload| LambdaEvent::new(payload, in_a_minute.clone());
    let wrong = take(event(json!({ "table": ["camera"] })), async |_: PlanRequest, _| {
        Ok::<_, LakeError>(())
    });
    let wrong = Diagnostic::from(wrong.await.unwrap_err());
    assert_eq!(wrong.error_type, PERMANENT);
    insta::assert_snapshot!(wrong.error_message, @"cannot understand what was asked for: unknown field `table`, expected `tables`");
    let (lake, _) = lake(9).await;
    let functions = functions(&lake);
    let answer = take(event(json!({})), |request, end| functions.plan(request, end)).await;
    assert_eq!(answer.unwrap()["partitions"], json!(1));
    // No time is left.
    let over = LambdaEvent::new(json!({}), Context::default());
    let over = take(over, |request, end| functions.plan(request, end)).await.unwrap_err();
    assert_eq!(Diagnostic::from(over).error_type, RETRYABLE);
}
