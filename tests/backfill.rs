//! Objects that lie in a landing bucket already, a queue that refuses some of them, and whoever
//! stops in between: everything is announced at least once, nothing is left out.

use std::collections::BTreeSet;

use alluvium_lake::{Backfill, BackfillReport, BackfillSettings, Backoff, LakeError, NoQueue};
use alluvium_model::{ErrorKind, ports::AnnounceObjects};
use alluvium_testkit::{Fault, MemoryBucket, MemoryLetters, Unreliable};

const NOON: &str = "2026-11-01T12:00:00Z";

fn settings() -> BackfillSettings {
    BackfillSettings { backoff: Backoff::without_pauses(5), ..BackfillSettings::default() }
}

fn bucket(objects: usize, page: usize) -> MemoryBucket {
    let mut bucket = MemoryBucket::with_pages_of(page);
    for number in 0..objects {
        bucket.put(&key(number), 3, NOON);
    }
    bucket
}

fn key(number: usize) -> String {
    format!("camera/{number:03}.json")
}

fn keys(objects: usize) -> Vec<String> {
    (0..objects).map(key).collect()
}

async fn run(
    bucket: &MemoryBucket,
    queue: impl AnnounceObjects,
    settings: BackfillSettings,
) -> (BackfillReport, Result<(), LakeError>) {
    let mut report = BackfillReport::default();
    let ended = Backfill::new(bucket.clone(), queue, settings).run(&mut report, |_| {}).await;
    (report, ended)
}

#[tokio::test]
async fn everything_is_announced_once_and_in_order() {
    for objects in [0, 1, 9, 10, 11, 64, 70] {
        for page in [1, 7, 10, 64, 1_000] {
            let queue = MemoryLetters::default();
            let (report, ended) = run(&bucket(objects, page), queue.clone(), settings()).await;
            ended.unwrap();
            assert_eq!(queue.waiting(), keys(objects), "{objects} in pages of {page}");
            assert_eq!((report.objects, report.bytes), (objects as u64, 3 * objects as u64));
            let last = objects.checked_sub(1).map(key);
            assert_eq!((&report.last_key, &report.done_up_to), (&last, &last));
            assert_eq!(report.first_key, last.map(|_| key(0)));
        }
    }
}

#[tokio::test]
async fn what_a_queue_refuses_for_now_is_sent_again_alone() {
    let queue = MemoryLetters::refusing(|number| (number % 3 == 1).then_some(ErrorKind::Retry));
    let (report, ended) = run(&bucket(40, 15), queue.clone(), settings()).await;
    ended.unwrap();
    assert_eq!(report.objects, 40);
    let announced = queue.waiting();
    assert_eq!(announced.len(), 40, "what was accepted is not sent again");
    assert_eq!(announced.into_iter().collect::<BTreeSet<_>>(), keys(40).into_iter().collect());
}

#[tokio::test]
async fn a_call_that_fails_at_any_point_is_made_again() {
    for fault in [Fault::Refused(ErrorKind::Retry), Fault::AnswerLost(ErrorKind::Retry)] {
        for failing in 0.. {
            let script = move |call, _: &str| (call == failing).then_some(fault);
            let queue = MemoryLetters::default();
            let sends = Unreliable::new(queue.clone(), script);
            let landing = Unreliable::new(bucket(40, 15), script);
            let mut report = BackfillReport::default();
            let backfill = Backfill::new(landing.clone(), sends.clone(), settings());
            backfill.run(&mut report, |_| {}).await.unwrap();
            let announced: BTreeSet<_> = queue.waiting().into_iter().collect();
            assert_eq!(announced, keys(40).into_iter().collect(), "call {failing}");
            assert_eq!(report.objects, 40);
            if sends.calls().max(landing.calls()) <= failing {
                assert!(failing > 3, "only {failing} calls were made to fail");
                break;
            }
        }
    }
}

/// Whatever makes it stop, going on from where the report says leaves nothing out.
#[tokio::test]
async fn whoever_was_stopped_goes_on_where_the_report_says() {
    for kind in [ErrorKind::Denied, ErrorKind::Retry] {
        for broken in 0..40 {
            let bucket = bucket(40, 15);
            let queue = MemoryLetters::refusing(move |number| (number >= broken).then_some(kind));
            let (report, ended) = run(&bucket, queue.clone(), settings()).await;
            assert_eq!(ended.unwrap_err().kind(), kind);
            assert_eq!(report.objects, broken);
            let mut announced = queue.waiting();

            let queue = MemoryLetters::default();
            let rest = BackfillSettings { start_after: report.done_up_to, ..settings() };
            let (rest, ended) = run(&bucket, queue.clone(), rest).await;
            ended.unwrap();
            let again = report.objects + rest.objects - 40;
            assert!(again < 10, "{again} objects were announced again");
            announced.extend(queue.waiting());
            let announced: BTreeSet<_> = announced.into_iter().collect();
            assert_eq!(announced, keys(40).into_iter().collect(), "stopped after {broken}");
        }
    }
}

#[tokio::test]
async fn a_backfill_that_is_dropped_leaves_a_report_to_go_on_from() {
    let bucket = bucket(100, 30);
    let queue = MemoryLetters::default();
    let mut report = BackfillReport::default();
    let slow = BackfillSettings { a_second: std::num::NonZeroU32::new(100), ..settings() };
    let backfill = Backfill::new(bucket.clone(), queue.clone(), slow);
    let patience = std::time::Duration::from_millis(250);
    tokio::time::timeout(patience, backfill.run(&mut report, |_| {})).await.unwrap_err();
    assert!((10..=40).contains(&report.objects), "{} in a quarter of a second", report.objects);
    let rest = BackfillSettings { start_after: report.done_up_to, ..settings() };
    run(&bucket, queue.clone(), rest).await.1.unwrap();
    assert_eq!(
        queue.waiting().into_iter().collect::<BTreeSet<_>>(),
        keys(100).into_iter().collect()
    );
}

#[tokio::test]
async fn days_folders_and_archives_choose() {
    let mut bucket = MemoryBucket::with_pages_of(2);
    bucket.put("camera/", 0, NOON);
    bucket.put("camera/1.json", 1, "2026-10-31T23:59:59Z");
    bucket.put("camera/2.json", 2, "2026-11-01T00:00:00Z");
    bucket.put("camera/3.json", 4, "2026-11-01T23:59:59Z");
    bucket.put("camera/4.json", 8, "2026-11-02T00:00:00Z");
    bucket.put("camera/empty", 0, NOON);
    bucket.put("camera/not-empty/", 16, NOON);
    bucket.put("doors/1.json", 32, NOON);
    bucket.put("old/1.json", 64, NOON).is_archived = true;
    let (since, until) = ("2026-11-01T00:00:00Z".parse(), "2026-11-02T00:00:00Z".parse());
    let day = BackfillSettings { since: since.ok(), until: until.ok(), ..settings() };
    let queue = MemoryLetters::default();
    let (report, ended) = run(&bucket, queue.clone(), day.clone()).await;
    ended.unwrap();
    let expected =
        ["camera/2.json", "camera/3.json", "camera/empty", "camera/not-empty/", "doors/1.json"];
    assert_eq!(queue.waiting(), expected);
    assert_eq!((report.objects, report.bytes), (5, 2 + 4 + 16 + 32));
    assert_eq!((report.at_other_times, report.folder_markers, report.archived), (2, 1, 1));
    assert_eq!(report.archived_keys, ["old/1.json"]);
    assert_eq!(report.done_up_to.as_deref(), Some("old/1.json"));
    let folders: Vec<_> = report.folders.iter().map(|(name, f)| (&**name, f.objects)).collect();
    assert_eq!(folders, [("camera/", 4), ("doors/", 1)]);

    // A look at it finds the same.
    let (look, ended) = run(&bucket, NoQueue, day).await;
    ended.unwrap();
    assert_eq!(look, report);
}
