//! A catalog that conflicts, throttles and loses answers, and what is left of the table.
#![expect(clippy::unwrap_used, reason = "a broken expectation must stop the test")]

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use alluvium_lake::{Backoff, ContractStore, Deadline, Ingest, LakeError, Landing};
use alluvium_model::{ErrorKind, LandingPrefix, TableSource};
use alluvium_testkit::{Fault, MemoryLanding, Unreliable};
use alluvium_tests::{Lake, drop_file, memory_source, settings};

/// A good record, a bad one, and a second generation with a conflict.
const FILES: [(&str, &str); 2] =
    [("camera/1.json", "{\"a\":1}\nbad\n"), ("camera/2.json", "{\"a\":\"x\",\"b\":[1]}")];

async fn ingested_without_faults() -> Lake {
    let lake = Lake::default();
    for (key, text) in FILES {
        drop_file(&lake.ingest(), key, text).await.unwrap();
    }
    lake
}

#[tokio::test]
async fn a_call_that_fails_at_any_point_is_made_again() {
    let expected = ingested_without_faults().await;
    let mut points = 0;
    for fault in [Fault::Refused(ErrorKind::Retry), Fault::AnswerLost(ErrorKind::Retry)] {
        for failing in 0.. {
            let lake = Lake::default();
            let script = move |call, _: &str| (call == failing).then_some(fault);
            let catalog = Unreliable::new(lake.catalog.clone(), script);
            let script = move |call, _: &str| (call == failing).then_some(fault);
            let objects = Unreliable::new(lake.objects.clone(), script);
            let (watched, written) = (catalog.clone(), objects.clone());
            let ingest = Ingest::new(catalog, objects, settings());
            for (key, text) in FILES {
                drop_file(&ingest, key, text).await.unwrap();
            }
            for table in ["camera", "quarantine"] {
                assert_eq!(lake.columns(table).await, expected.columns(table).await);
                assert_eq!(lake.rows(table).await, expected.rows(table).await);
            }
            assert_eq!(lake.objects.all(), expected.objects.all());
            if watched.calls().max(written.calls()) <= failing {
                break;
            }
            points += 1;
        }
    }
    assert!(points > 10, "only {points} calls were made to fail");
}

#[tokio::test]
async fn an_attempt_that_dies_at_any_point_is_made_good_by_the_next() {
    let expected = ingested_without_faults().await;
    for failing in 0..20 {
        let lake = Lake::default();
        for fault in [Fault::Refused(ErrorKind::Denied), Fault::AnswerLost(ErrorKind::Denied)] {
            // Every call from here on fails, as if the process had died.
            let script = move |call, _: &str| (call >= failing).then_some(fault);
            let catalog = Unreliable::new(lake.catalog.clone(), script);
            let objects = Unreliable::new(lake.objects.clone(), script);
            let ingest = Ingest::new(catalog, objects, settings());
            for (key, text) in FILES {
                // It may fail or not; what counts is what is there after the next attempt.
                drop_file(&ingest, key, text).await.ok();
            }
        }
        for (key, text) in FILES {
            drop_file(&lake.ingest(), key, text).await.unwrap();
        }
        for table in ["camera", "quarantine"] {
            assert_eq!(lake.columns(table).await, expected.columns(table).await);
            assert_eq!(lake.rows(table).await, expected.rows(table).await);
        }
        assert_eq!(lake.objects.all(), expected.objects.all());
    }
}

#[tokio::test]
async fn throttling_is_not_absence() {
    let lake = ingested_without_faults().await;
    let before = lake.columns("camera").await;
    let script = |_, method: &str| (method == "table").then_some(Fault::Refused(ErrorKind::Retry));
    let mut settings = settings();
    settings.backoff = Backoff::without_pauses(3);
    let catalog = Unreliable::new(lake.catalog.clone(), script);
    let ingest = Ingest::new(catalog, lake.objects.clone(), settings);
    let error = drop_file(&ingest, "camera/3.json", "{\"c\":1}").await.unwrap_err();
    assert!(matches!(error, LakeError::Contended { tries: 3, .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Retry);
    assert_eq!(lake.columns("camera").await, before);
}

#[tokio::test]
async fn what_may_not_be_touched_fails_at_once() {
    let lake = Lake::default();
    let catalog =
        Unreliable::new(lake.catalog.clone(), |_, _| Some(Fault::Refused(ErrorKind::Denied)));
    let ingest = Ingest::new(catalog.clone(), lake.objects.clone(), settings());
    let error = drop_file(&ingest, "camera/1.json", "{\"a\":1}").await.unwrap_err();
    assert_eq!((error.kind(), catalog.calls()), (ErrorKind::Denied, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_writer_loses_a_column_to_another() {
    const WRITERS: usize = 32;
    let lake = Arc::new(Lake::default());
    let writers = (0..WRITERS).map(|writer| {
        let lake = Arc::clone(&lake);
        tokio::spawn(async move {
            let text = format!("{{\"shared\":{writer},\"own_{writer}\":\"x\"}}");
            let key = format!("storm/{writer}.json");
            drop_file(&lake.ingest(), &key, &text).await.unwrap()
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let (columns, rows) = (lake.columns("storm").await, lake.rows("storm").await);
    for writer in 0..WRITERS {
        let column = format!("own_{writer} string | $.own_{writer}");
        assert_eq!(columns.lines().filter(|line| *line == column).count(), 1);
        let row = format!("own_{writer}=x shared={writer}");
        assert_eq!(rows.lines().filter(|line| *line == row).count(), 1);
    }
    assert_eq!((columns.lines().count(), rows.lines().count()), (WRITERS + 1, WRITERS));
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_still_says_which_columns_it_brought() {
    for lost in ["create_table", "replace_table"] {
        let lake = Lake::default();
        let first = AtomicBool::new(true);
        let script = move |_, method: &str| {
            let lose = method == lost && first.swap(false, Ordering::SeqCst);
            lose.then_some(Fault::AnswerLost(ErrorKind::Retry))
        };
        let catalog = Unreliable::new(lake.catalog.clone(), script);
        let ingest = Ingest::new(catalog, lake.objects.clone(), settings());
        let mut added = Vec::new();
        for (key, text) in FILES {
            let report = drop_file(&ingest, key, text).await.unwrap();
            assert_eq!(report.counts.columns_added, report.added_columns.len() as u64);
            added.extend(report.added_columns.into_iter().map(|column| column.name.to_string()));
        }
        assert_eq!(added, ["a", "a__string", "b"], "the answer of {lost} was lost");
    }
}

#[tokio::test]
async fn a_table_that_is_made_again_without_an_answer_gets_its_partitions_back() {
    let lake = Lake::default();
    let lose = Arc::new(AtomicBool::new(false));
    let losing = Arc::clone(&lose);
    let script = move |_, method: &str| {
        let lose = method == "create_table" && losing.swap(false, Ordering::SeqCst);
        lose.then_some(Fault::AnswerLost(ErrorKind::Retry))
    };
    let catalog = Unreliable::new(lake.catalog.clone(), script);
    let ingest = Ingest::new(catalog, lake.objects.clone(), settings());
    drop_file(&ingest, "camera/1.json", "{\"n\":1}").await.unwrap();
    lake.catalog.drop_table(&"camera".parse().unwrap());
    lose.store(true, Ordering::SeqCst);
    drop_file(&ingest, "camera/2.json", "{\"n\":2,\"new\":true}").await.unwrap();
    assert_eq!(lake.rows("camera").await, "n=1\nn=2 new=true");
}

#[tokio::test]
async fn a_table_that_others_made_again_is_not_written_by_what_is_remembered() {
    let lake = Lake::default();
    let warm = lake.ingest();
    drop_file(&warm, "camera/1.json", "{\"a\":1,\"b\":1,\"c\":1}").await.unwrap();
    lake.catalog.drop_table(&"camera".parse().unwrap());
    drop_file(&lake.ingest(), "camera/2.json", "{\"a\":\"x\"}").await.unwrap();
    // Something new makes the warm writer look, and from then on it knows the new table.
    drop_file(&warm, "camera/3.json", "{\"d\":1}").await.unwrap();
    drop_file(&warm, "camera/4.json", "{\"a\":4,\"b\":4}").await.unwrap();
    let rows = lake.rows("camera").await;
    assert!(rows.contains("a=4 b=4"), "{rows}");
    let a = lake.kinds("camera").await;
    // What it remembers comes back, but for what the new table calls by the same name.
    assert_eq!(a, ["a:string", "b:bigint", "c:bigint", "d:bigint"]);
}

#[tokio::test]
async fn a_thousand_deliveries_without_new_columns_cost_no_call_but_for_new_partitions() {
    let lake = Lake::default();
    let calls: Arc<Mutex<BTreeMap<&str, u32>>> = Arc::default();
    let counted = Arc::clone(&calls);
    let catalog = Unreliable::new(lake.catalog.clone(), move |_, method| {
        *counted.lock().unwrap().entry(method).or_default() += 1;
        None
    });
    let bucket = MemoryLanding::default();
    let ingest = Ingest::new(catalog.clone(), lake.objects.clone(), settings());
    let contracts = ContractStore::new(lake.objects.clone(), Duration::from_mins(1));
    let prefix = LandingPrefix::default();
    let landing = Landing::new(ingest, contracts, bucket.clone(), prefix);
    for file in 0..=1_000 {
        // Different values, `null` and what belongs to `_rescued` are nothing new.
        let text = format!("{{\"n\":{file},\"s\":\"{file}\",\"s\":\"x\"}}\n{{\"n\":null}}\nbad\n");
        let object = bucket.drop_object(&format!("camera/{file}.json"), text);
        let report = landing.land(&object, Deadline::NEVER).await.unwrap();
        assert_eq!(report.counts.loaded, 2);
    }
    let expected =
        [("create_partitions", 2), ("create_table", 2), ("table", 2), ("unified_view", 1)];
    assert_eq!(*calls.lock().unwrap(), expected.into());

    // Another day is a call for its partition, and nothing else.
    let ingest = Ingest::new(catalog, lake.objects.clone(), settings());
    drop_file(&ingest, "camera/before.json", "{\"n\":1}").await.unwrap();
    calls.lock().unwrap().clear();
    for (file, day) in ["2026-11-23", "2026-11-24", "2026-11-23"].iter().enumerate() {
        let mut source = memory_source(&format!("camera/{file}.json"), "{\"n\":1}");
        source.origin.arrived_at = format!("{day}T10:00:00Z").parse().unwrap();
        ingest.ingest(&TableSource::new("camera"), source).await.unwrap();
    }
    assert_eq!(*calls.lock().unwrap(), [("create_partitions", 2)].into());
}
