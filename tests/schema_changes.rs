//! What follows a change of a table's schema: its unified view, events, its history; and that all
//! of it is made good whatever failed on the way.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex},
};

use alluvium_lake::{Histories, Ingest, Warning};
use alluvium_model::{
    Digest, ErrorKind, SchemaChange, TableEntry, ViewEntry,
    layout::ObjectKey,
    ports::{Commit, CommitTables as _, ReadTables as _, WriteObjects as _},
};
use alluvium_testkit::{Fault, MemoryCatalog, MemoryEvents, MemoryObjects, Unreliable, interleave};
use alluvium_tests::{Lake, drop_file, settings};
use bytes::Bytes;

type Told = Ingest<MemoryCatalog, MemoryObjects, MemoryEvents>;

/// An integer, a number that does not fit it, and more.
const FILES: [(&str, &str); 4] = [
    ("quakes/1.json", "{\"mag\":6}"),
    ("quakes/2.json", "{\"mag\":4.5,\"place\":\"Alaska\"}"),
    ("quakes/3.json", "{\"mag\":5}"),
    ("quakes/4.json", "{\"felt\":true,\"tags\":[\"a\"]}\n{\"tags\":[[1]]}"),
];

/// An ingest as cold as a new sandbox, which tells `events`.
fn telling(lake: &Lake, events: &MemoryEvents) -> Told {
    lake.ingest().telling(events.clone())
}

async fn quakes(lake: &Lake) -> TableEntry {
    lake.catalog.table(&"quakes".parse().unwrap()).await.unwrap().unwrap().value
}

/// The view that the table needs now.
async fn needed_view(lake: &Lake) -> Option<ViewEntry> {
    quakes(lake).await.unified_view(&"lake".parse().unwrap()).unwrap()
}

fn told(events: &MemoryEvents) -> Vec<String> {
    let line = |change: &SchemaChange| {
        let names = change
            .added_columns
            .iter()
            .map(|column| format!("{}{}", column.name, if column.conflict { "!" } else { "" }));
        let names = names.collect::<Vec<_>>().join(" ");
        let file = change.source.rsplit('/').next().unwrap();
        format!("{file} {}{}: {names}", change.version, if change.conflict { "!" } else { "" })
    };
    events.all().iter().map(line).collect()
}

async fn history(lake: &Lake) -> String {
    let histories =
        Histories::new(lake.catalog.clone(), lake.objects.clone(), "lake".parse().unwrap());
    let history = histories.of(&"quakes".parse().unwrap()).await.unwrap();
    let line = |c: &alluvium_lake::HistoryColumn| {
        let file = c.source.rsplit('/').next().unwrap();
        let gone = if c.in_table { "" } else { " gone" };
        let conflict = c.column.sibling_of.as_ref().map(|base| format!(" beside {base}"));
        let conflict = conflict.unwrap_or_default();
        format!(
            "{} {} {}{conflict} by {file}{gone}",
            c.column.version, c.column.name, c.column.kind
        )
    };
    history.columns.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn the_view_is_there_from_the_first_sibling_on_and_follows_its_table() {
    let lake = Lake::default();
    let ingest = lake.ingest();
    for (file, (key, text)) in FILES.into_iter().enumerate() {
        drop_file(&ingest, key, text).await.unwrap();
        let view = lake.catalog.view("quakes_unified");
        assert_eq!(view, needed_view(&lake).await);
        assert_eq!(view.is_some(), file > 0);
    }
    let sql = lake.catalog.view("quakes_unified").unwrap().sql;
    insta::assert_snapshot!(sql, @r#"
    SELECT
      "_source",
      "_record",
      "_arrived_at",
      json_format(CAST("_rescued" AS json)) AS "_rescued",
      COALESCE(CAST("mag" AS double), "mag__double") AS "mag",
      "place",
      "felt",
      "tags",
      "dt"
    FROM "lake"."quakes"
    "#);
}

/// The lines of history.
fn lines(lake: &Lake) -> BTreeMap<ObjectKey, Bytes> {
    let mut lines = lake.objects.all();
    lines.retain(|key, _| key.as_str().contains("/history/"));
    lines
}

#[tokio::test]
async fn changes_are_told_once_and_again_by_a_process_that_cannot_know() {
    let (lake, events) = (Lake::default(), MemoryEvents::default());
    let ingest = telling(&lake, &events);
    for (key, text) in [FILES, FILES].concat() {
        drop_file(&ingest, key, text).await.unwrap();
    }
    insta::assert_snapshot!(told(&events).join("\n"), @"
    1.json 1: mag
    2.json 3!: mag__double! place
    4.json 5: felt tags
    ");
    let (first, lines) = (events.all(), lines(&lake));
    // A new sandbox cannot tell whether one that died before it was done had told.
    lake.forget_sources();
    let events = MemoryEvents::default();
    let ingest = telling(&lake, &events);
    for (key, text) in [FILES, FILES].concat() {
        drop_file(&ingest, key, text).await.unwrap();
    }
    assert_eq!(events.all(), first);
    assert_eq!(self::lines(&lake), lines, "history repeats its bytes");
}

#[tokio::test]
async fn the_sample_event_is_what_subscribers_are_sent() {
    let (lake, events) = (Lake::default(), MemoryEvents::default());
    for (key, text) in [
        ("camera/1-first.json", include_str!("../events/landing/camera/1-first.json")),
        ("camera/2-new-fields.json", include_str!("../events/landing/camera/2-new-fields.json")),
        (
            "camera/3-conflicting-type.json",
            include_str!("../events/landing/camera/3-conflicting-type.json"),
        ),
    ] {
        drop_file(&telling(&lake, &events), key, text).await.unwrap();
    }
    let sample = include_str!("../events/subscribers/table-schema-changed.json");
    let sample: serde_json::Value = serde_json::from_str(sample).unwrap();
    let mut told = events.all().pop().unwrap();
    told.database = "alluvium".parse().unwrap();
    assert_eq!(sample["detail"], serde_json::to_value(&told).unwrap());
}

#[tokio::test]
async fn parts_of_a_source_are_told_one_by_one_and_written_as_one_line() {
    let (lake, events) = (Lake::default(), MemoryEvents::default());
    let mut settings = settings();
    settings.limits.part_records = 1;
    let (catalog, objects) = (lake.catalog.clone(), lake.objects.clone());
    let ingest = Ingest::new(catalog, objects, settings).telling(events.clone());
    drop_file(&ingest, "quakes/1.json", "{\"a\":1}{\"a\":1}{\"b\":1}{\"a\":\"x\"}").await.unwrap();
    assert_eq!(told(&events), ["1.json 1: a", "1.json 2: b", "1.json 3!: a__string!"]);
    let lines = lake.objects.all().into_keys().filter(|key| key.as_str().contains("history"));
    assert_eq!(lines.count(), 1);
    insta::assert_snapshot!(history(&lake).await, @"
    1 a bigint by 1.json
    2 b bigint by 1.json
    3 a__string string beside a by 1.json
    ");
    // Whoever finds all of it there tells all of it.
    lake.forget_sources();
    let again = MemoryEvents::default();
    drop_file(&telling(&lake, &again), "quakes/1.json", "{\"a\":1}{\"a\":1}{\"b\":1}{\"a\":\"x\"}")
        .await
        .unwrap();
    assert_eq!(told(&again), ["1.json 3!: a b a__string!"]);
}

#[tokio::test]
async fn objects_that_are_kept_whole_are_told() {
    let (lake, events) = (Lake::default(), MemoryEvents::default());
    let keys: Vec<_> = (0..300).map(|n| format!("\"{n}\":1")).collect();
    let wide = format!("{{\"by_id\":{{{}}}}}", keys.join(","));
    let files = [("quakes/1.json", "{\"by_id\":[[1]]}"), ("quakes/2.json", wide.as_str())];
    for (key, text) in files {
        drop_file(&telling(&lake, &events), key, text).await.unwrap();
    }
    // The column was there for arrays before.
    assert_eq!(told(&events), ["1.json 1: by_id", "2.json 1: "]);
    let change = events.all().pop().unwrap();
    assert_eq!(change.kept_whole[0].path, "$.by_id");
    // The catalog tells who decided it, so that it can be told again.
    lake.forget_sources();
    let again = MemoryEvents::default();
    drop_file(&telling(&lake, &again), "quakes/2.json", &wide).await.unwrap();
    assert_eq!(again.all(), [change]);
}

#[tokio::test]
async fn the_history_also_tells_what_is_gone() {
    let lake = Lake::default();
    for (key, text) in FILES {
        drop_file(&lake.ingest(), key, text).await.unwrap();
    }
    let before = history(&lake).await;
    insta::assert_snapshot!(before, @"
    1 mag bigint by 1.json
    2 mag__double double beside mag by 2.json
    3 place string by 2.json
    4 felt boolean by 4.json
    5 tags json by 4.json
    ");
    lake.catalog.drop_table(&"quakes".parse().unwrap());
    assert_eq!(history(&lake).await, before.replace('\n', " gone\n") + " gone");
    drop_file(&lake.ingest(), "quakes/5.json", "{\"mag\":\"strong\"}").await.unwrap();
    insta::assert_snapshot!(history(&lake).await, @"
    1 mag bigint by 1.json gone
    1 mag string by 5.json
    2 mag__double double beside mag by 2.json gone
    3 place string by 2.json gone
    4 felt boolean by 4.json gone
    5 tags json by 4.json gone
    ");
}

#[tokio::test]
async fn columns_older_than_the_history_are_in_it() {
    let lake = Lake::default();
    drop_file(&lake.ingest(), "quakes/1.json", "{\"mag\":6}").await.unwrap();
    let without = Lake { catalog: lake.catalog.clone(), objects: MemoryObjects::default() };
    assert_eq!(history(&without).await, "1 mag bigint by 1.json");
}

#[tokio::test]
async fn a_damaged_line_of_history_is_named() {
    let lake = Lake::default();
    drop_file(&lake.ingest(), "quakes/1.json", "{\"mag\":6}").await.unwrap();
    let key = lake.objects.all().into_keys().find(|key| key.as_str().contains("history")).unwrap();
    lake.objects.put_object(&key, "{\"table\":".into()).await.unwrap();
    let histories =
        Histories::new(lake.catalog.clone(), lake.objects.clone(), "lake".parse().unwrap());
    let error = histories.of(&"quakes".parse().unwrap()).await.unwrap_err();
    insta::assert_snapshot!(error, @"cannot understand _alluvium/history/quakes/57355dd8495c05ed9dcc608e380cdf67.json");
    let error = histories.of(&"nothing".parse().unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Absent);
}

/// Everything is as if nothing had failed, and every column was told at least once.
async fn check_made_good(lake: &Lake, events: &MemoryEvents, expected: &Lake) {
    assert_eq!(lake.catalog.view("quakes_unified"), needed_view(lake).await);
    assert_eq!(needed_view(lake).await, needed_view(expected).await);
    // A row that is written late may find the complete double there.
    let rows = lake.rows("quakes").await.replace("mag=6 mag__double=6.0", "mag=6");
    assert_eq!(rows, expected.rows("quakes").await);
    let (objects, expected) = (lake.objects.all(), expected.objects.all());
    assert!(objects.keys().eq(expected.keys()));
    let history = |(key, _): &(&ObjectKey, &Bytes)| key.as_str().contains("history");
    assert!(objects.iter().filter(history).eq(expected.iter().filter(history)));
    let told: Vec<_> = events.all().iter().flat_map(|c| c.added_columns.clone()).collect();
    for column in quakes(lake).await.schema().unwrap().columns() {
        assert!(told.iter().any(|told| told.name == column.name), "{} is not told", column.name);
    }
}

#[tokio::test]
async fn whatever_fails_at_any_point_is_made_good_by_the_next_attempt() {
    let expected = Lake::default();
    for (key, text) in FILES {
        drop_file(&expected.ingest(), key, text).await.unwrap();
    }
    let mut failures = 0;
    for failing in 0..60 {
        let (lake, events) = (Lake::default(), MemoryEvents::default());
        for fault in [Fault::Refused(ErrorKind::Denied), Fault::AnswerLost(ErrorKind::Denied)] {
            // Every call from here on fails, as if the process had died.
            let calls = Arc::new(Mutex::new(0));
            let script = move |_, _: &str| {
                let mut calls = calls.lock().unwrap();
                *calls += 1;
                (*calls > failing).then_some(fault)
            };
            let catalog = Unreliable::new(lake.catalog.clone(), script.clone());
            let objects = Unreliable::new(lake.objects.clone(), script.clone());
            let bus = Unreliable::new(events.clone(), script);
            let ingest = Ingest::new(catalog, objects, settings()).telling(bus);
            for (key, text) in FILES {
                failures += u32::from(drop_file(&ingest, key, text).await.is_err());
            }
        }
        // A sandbox that was warm before the others died.
        let ingest = telling(&lake, &events);
        for (key, text) in FILES {
            drop_file(&ingest, key, text).await.unwrap();
        }
        check_made_good(&lake, &events, &expected).await;
    }
    assert!(failures > 100, "only {failures} attempts failed");
}

#[tokio::test]
async fn whatever_may_pass_is_tried_again_within_the_attempt() {
    let expected = Lake::default();
    for (key, text) in FILES {
        drop_file(&expected.ingest(), key, text).await.unwrap();
    }
    for fault in [Fault::Refused(ErrorKind::Retry), Fault::AnswerLost(ErrorKind::Retry)] {
        for every in [5, 7, 11] {
            let (lake, events) = (Lake::default(), MemoryEvents::default());
            let script = move |call, _: &str| (call % every == 0).then_some(fault);
            let catalog = Unreliable::new(lake.catalog.clone(), script);
            let objects = Unreliable::new(lake.objects.clone(), script);
            let bus = Unreliable::new(events.clone(), script);
            let ingest = Ingest::new(catalog, objects, settings()).telling(bus);
            for (key, text) in FILES {
                drop_file(&ingest, key, text).await.unwrap();
            }
            check_made_good(&lake, &events, &expected).await;
        }
    }
}

#[tokio::test]
async fn what_could_not_be_told_is_told_although_others_have_taught_the_sandbox_the_columns() {
    let (lake, events) = (Lake::default(), MemoryEvents::default());
    let failing = Arc::new(Mutex::new(true));
    let switch = Arc::clone(&failing);
    let script =
        move |_, _: &str| switch.lock().unwrap().then_some(Fault::Refused(ErrorKind::Retry));
    let bus = Unreliable::new(events.clone(), script);
    let ingest = lake.ingest().telling(bus);
    let error = drop_file(&ingest, "quakes/1.json", "{\"mag\":6}").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Retry);
    assert!(lake.files().is_empty(), "no row before its columns are told");
    *failing.lock().unwrap() = false;
    drop_file(&ingest, "quakes/2.json", "{\"mag\":7}").await.unwrap();
    assert!(events.all().is_empty(), "the second brought nothing");
    drop_file(&ingest, "quakes/1.json", "{\"mag\":6}").await.unwrap();
    assert_eq!(told(&events), ["1.json 1: mag"]);
    assert_eq!(lake.rows("quakes").await, "mag=6\nmag=7");
}

#[tokio::test]
async fn a_bus_that_refuses_events_does_not_stop_loading() {
    for kind in [ErrorKind::Denied, ErrorKind::Absent, ErrorKind::Invalid] {
        let lake = Lake::default();
        let script = move |_, _: &str| Some(Fault::Refused(kind));
        let bus = Unreliable::new(MemoryEvents::default(), script);
        let ingest = lake.ingest().telling(bus);
        let mut warnings = Vec::new();
        for (key, text) in [FILES, FILES].concat() {
            warnings.extend(drop_file(&ingest, key, text).await.unwrap().warnings);
        }
        let warnings: Vec<_> = warnings.iter().map(ToString::to_string).collect();
        let untold =
            |call| format!("nobody was told that table quakes changed: cannot publish call {call}");
        assert_eq!(warnings, [0, 1, 2].map(untold));
        assert_eq!(lake.rows("quakes").await.lines().count(), 5);
        assert_eq!(history(&lake).await.lines().count(), 5);
        assert_eq!(lake.catalog.view("quakes_unified"), needed_view(&lake).await);
        // Whoever may tell does so when it finds the change.
        lake.forget_sources();
        let events = MemoryEvents::default();
        drop_file(&telling(&lake, &events), FILES[0].0, FILES[0].1).await.unwrap();
        assert_eq!(told(&events), ["1.json 1: mag"]);
    }
}

#[tokio::test]
async fn a_view_that_is_missing_or_was_altered_is_put_right_by_the_next_sandbox() {
    let lake = Lake::default();
    for (key, text) in FILES {
        drop_file(&lake.ingest(), key, text).await.unwrap();
    }
    let view = lake.catalog.view("quakes_unified");
    lake.catalog.drop_view(&"quakes_unified".parse().unwrap());
    drop_file(&lake.ingest(), "quakes/5.json", "{\"mag\":1}").await.unwrap();
    assert_eq!(lake.catalog.view("quakes_unified"), view);
}

#[tokio::test]
async fn a_table_that_is_made_again_has_a_view_of_its_own_columns() {
    let lake = Lake::default();
    let ingest = lake.ingest();
    for (key, text) in FILES {
        drop_file(&ingest, key, text).await.unwrap();
    }
    lake.catalog.drop_table(&"quakes".parse().unwrap());
    let key = "quakes/6.json";
    // The warm sandbox meets a new column, finds the table gone and makes it again.
    drop_file(&ingest, key, "{\"mag\":1,\"new\":1}\n{\"mag\":0.5}\n{\"mag\":\"x\"}").await.unwrap();
    drop_file(&ingest, "quakes/7.json", "{\"new\":\"x\"}").await.unwrap();
    let view = lake.catalog.view("quakes_unified").unwrap();
    assert_eq!(Some(&view), needed_view(&lake).await.as_ref());
    assert!(!view.sql.contains("place"), "{}", view.sql);
}

#[tokio::test]
async fn the_view_of_a_table_that_was_dropped_becomes_that_of_the_new_one() {
    let lake = Lake::default();
    let warm = lake.ingest();
    for (key, text) in FILES {
        drop_file(&warm, key, text).await.unwrap();
    }
    for ingest in [warm, lake.ingest()] {
        lake.forget_sources();
        lake.catalog.drop_table(&"quakes".parse().unwrap());
        drop_file(&ingest, "quakes/5.json", "{\"new\":1}").await.unwrap();
        assert_eq!(needed_view(&lake).await, None);
        let expected = async || Some(quakes(&lake).await.view(&"lake".parse().unwrap()).unwrap());
        assert_eq!(lake.catalog.view("quakes_unified"), expected().await);
        // The process that made the table goes on with it.
        drop_file(&ingest, "quakes/6.json", "{\"newer\":1}").await.unwrap();
        assert_eq!(lake.catalog.view("quakes_unified"), expected().await);
        drop_file(&lake.ingest(), "quakes/7.json", "{\"new\":\"x\"}").await.unwrap();
        assert_eq!(lake.catalog.view("quakes_unified"), needed_view(&lake).await);
    }
}

#[tokio::test]
async fn a_table_that_was_made_by_nobody_of_us_has_no_history() {
    let lake = Lake::default();
    drop_file(&lake.ingest(), "quakes/1.json", "bad").await.unwrap();
    let histories =
        Histories::new(lake.catalog.clone(), lake.objects.clone(), "lake".parse().unwrap());
    let error = histories.of(&"quarantine".parse().unwrap()).await.unwrap_err();
    insta::assert_snapshot!(error, @"table quarantine has no history: its columns do not come from records");
}

#[tokio::test]
async fn what_has_the_name_of_the_view_is_left_alone_and_named() {
    let lake = Lake::default();
    let name = "quakes_unified".parse().unwrap();
    drop_file(&lake.ingest(), "other/1.json", "{\"a\":1}").await.unwrap();
    let other = lake.catalog.table(&"other".parse().unwrap()).await.unwrap().unwrap().value;
    let foreign = TableEntry { name, ..other };
    assert_eq!(lake.catalog.create_table(&foreign).await.unwrap(), Commit::Done);
    let ingest = lake.ingest();
    let mut warnings = Vec::new();
    for (key, text) in [FILES, FILES].concat() {
        warnings.push(drop_file(&ingest, key, text).await.unwrap().warnings);
    }
    let [warning, of_a_new_column] = &warnings.concat()[..] else { panic!("{warnings:?}") };
    assert_eq!(warning, of_a_new_column);
    insta::assert_snapshot!(warning, @"quakes_unified is not a view of ours and was left as it is");
    let found = lake.catalog.table(&foreign.name).await.unwrap().unwrap();
    assert_eq!(found.value, foreign);
    assert_eq!(lake.rows("quakes").await.lines().count(), 5);
}

#[tokio::test]
async fn rows_do_not_wait_for_a_view_that_may_not_be_written() {
    let lake = Lake::default();
    let script =
        |_, method: &str| method.ends_with("_view").then_some(Fault::Refused(ErrorKind::Denied));
    let catalog = Unreliable::new(lake.catalog.clone(), script);
    let ingest = Ingest::new(catalog, lake.objects.clone(), settings());
    let mut warnings = Vec::new();
    for (key, text) in [FILES, FILES].concat() {
        warnings.extend(drop_file(&ingest, key, text).await.unwrap().warnings);
    }
    let warnings: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(warnings.join("\n"), @"
    the view quakes_unified is not up to date: cannot unified_view call 2
    the view quakes_unified is not up to date: cannot unified_view call 6
    the view quakes_unified is not up to date: cannot unified_view call 9
    ");
    assert_eq!(lake.rows("quakes").await.lines().count(), 5);
    // Who may write it does so, at the next opportunity.
    drop_file(&lake.ingest(), "quakes/5.json", "{\"mag\":1}").await.unwrap();
    assert_eq!(lake.catalog.view("quakes_unified"), needed_view(&lake).await);
}

#[tokio::test]
async fn a_view_that_no_catalog_takes_is_named_and_rows_are_loaded() {
    let lake = Lake::default();
    let ingest = lake.ingest();
    let object = |value: &str| {
        let members = (0..497).map(|n| format!("\"{n:0>117}\":{value}").replacen('0', "k", 1));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    };
    drop_file(&ingest, "quakes/1.json", &object("[\"2026-01-01T00:00:00Z\"]")).await.unwrap();
    let report = drop_file(&ingest, "quakes/2.json", &object("[[1]]")).await.unwrap();
    let [Warning::ViewTooLarge { view, bytes }] = &report.warnings[..] else {
        panic!("{:?}", report.warnings)
    };
    assert_eq!(view.as_str(), "quakes_unified");
    assert!((409_601..420_000).contains(bytes), "{bytes}");
    assert_eq!(report.counts.loaded, 1);
    assert_eq!(lake.catalog.view("quakes_unified"), None);
}

#[tokio::test]
async fn nothing_is_asked_while_nothing_changes_and_little_when_something_does() {
    let lake = Lake::default();
    let log = Arc::new(Mutex::new(Vec::new()));
    let ingest = || {
        let log = Arc::clone(&log);
        let note = move |_, method: &'static str| {
            log.lock().unwrap().push(method);
            None
        };
        let catalog = Unreliable::new(lake.catalog.clone(), note.clone());
        let objects = Unreliable::new(lake.objects.clone(), note.clone());
        let bus = Unreliable::new(MemoryEvents::default(), note);
        Ingest::new(catalog, objects, settings()).telling(bus)
    };
    let warm = ingest();
    let calls = async |ingest: &_, key: &str, text: &str| {
        drop_file(ingest, key, text).await.unwrap();
        std::mem::take(&mut *log.lock().unwrap()).join(" ")
    };
    // The view is read before the table: so it is never replaced by that of an older table.
    insta::assert_snapshot!(calls(&warm, "quakes/1", "{\"mag\":6}").await, @"object create_object table create_table publish put_object unified_view object create_partitions create_object object put_object object_since replace_object");
    insta::assert_snapshot!(calls(&warm, "quakes/2", "{\"mag\":4.5}").await, @"object create_object table replace_table publish put_object unified_view table create_view object put_object object_since replace_object");
    insta::assert_snapshot!(calls(&warm, "quakes/3", "{\"place\":\"x\"}").await, @"object create_object table replace_table publish put_object unified_view table replace_view object put_object object_since replace_object");
    for file in 4..1_000 {
        let key = format!("quakes/{file}");
        // Claim, pointer, file, pointer again, commit: nothing of the catalog.
        let expected = "object create_object object put_object object_since replace_object";
        assert_eq!(calls(&warm, &key, "{\"mag\":6}{\"mag\":0.5}").await, expected);
    }
    assert_eq!(calls(&warm, "quakes/4", "{\"mag\":6}{\"mag\":0.5}").await, "object", "twice");
    insta::assert_snapshot!(calls(&ingest(), "quakes/9", "{\"mag\":6}").await, @"object create_object table unified_view table object create_partitions put_object object_since replace_object");
}

/// Writers take turns call by call; which of them is slow where depends on the seed.
#[test]
fn a_slow_writer_never_replaces_a_newer_view() {
    for seed in 0..200 {
        let lake = Lake::default();
        let writers = ["1", "0.5", "true", "\"x\"", "[1]"].into_iter().enumerate();
        let writers = writers.map(|(writer, value)| {
            let fault = [Fault::Refused, Fault::AnswerLost][usize::from(seed % 2 == 0)];
            let script = move |call: u64, _: &str| {
                let digest = Digest::of_text(&format!("{seed} {writer} {call}")).to_string();
                digest.starts_with(['0', '1']).then_some(fault(ErrorKind::Retry))
            };
            let catalog = Unreliable::new(lake.catalog.clone(), script);
            let ingest = Ingest::new(catalog, lake.objects.clone(), settings());
            let text = format!("{{\"shared\":{value},\"own_{writer}\":1}}");
            Box::pin(async move {
                drop_file(&ingest, &format!("quakes/{writer}.json"), &text).await.unwrap();
            }) as Pin<Box<dyn Future<Output = ()>>>
        });
        assert_eq!(interleave(seed, writers.collect()).len(), 5);
        let view = lake.catalog.view("quakes_unified");
        let needed = interleave(seed, vec![Box::pin(needed_view(&lake))]);
        assert_eq!(vec![view], needed, "seed {seed}");
    }
}
