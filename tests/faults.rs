//! A catalog that conflicts, throttles and loses answers, and what is left of the table.
#![expect(clippy::unwrap_used, reason = "a broken expectation must stop the test")]

use std::sync::Arc;

use alluvium_lake::{Backoff, Ingest, LakeError};
use alluvium_model::ErrorKind;
use alluvium_testkit::{Fault, Unreliable};
use alluvium_tests::{Lake, drop_file, settings};

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

#[tokio::test]
async fn a_warm_ingest_asks_the_catalog_for_nothing_that_it_knows() {
    let lake = Lake::default();
    let catalog = Unreliable::new(lake.catalog.clone(), |_, _| None);
    let ingest = Ingest::new(catalog.clone(), lake.objects.clone(), settings());
    drop_file(&ingest, "camera/0.json", "{\"a\":1}\nbad\n").await.unwrap();
    let warm = catalog.calls();
    for file in 1..=100 {
        drop_file(&ingest, &format!("camera/{file}.json"), "{\"a\":1}\nbad\n").await.unwrap();
    }
    assert_eq!(catalog.calls(), warm);
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
