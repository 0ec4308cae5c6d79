//! Objects that are deleted and put back, with the same bytes, while attempts are under way that
//! saw them otherwise.
#![expect(clippy::unwrap_used, reason = "a broken expectation must stop the test")]

use std::{
    pin::Pin,
    task::{Context, Waker},
    time::Duration,
};

use alluvium_lake::{Deadline, Ingest, IngestReport, LakeError, Landing};
use alluvium_model::{
    AnnouncedObject, ErrorKind, LandingPrefix, LedgerEntry, LedgerState,
    layout::ledger_key,
    ports::{LakeObjects, ReadObjects as _},
};
use alluvium_testkit::{MemoryLanding, Unreliable, interleave};
use alluvium_tests::{Lake, contracts, settings};

const KEY: &str = "camera/1.json";
const TEXT: &str = "{\"n\":1}\n{\"n\":2}\n";
/// Longer than the settle time.
const SETTLED: Duration = Duration::from_mins(21);

type Landed = Result<IngestReport, LakeError>;

/// An attempt that stops when it is about to make a call, until it is told to go on.
struct Attempt {
    task: Pin<Box<dyn Future<Output = Landed>>>,
}

impl Attempt {
    /// Begins to load an object; stops before this call for an object of the lake, the one of
    /// that number from 0.
    fn until(call: u64, method: &'static str, lake: &Lake, bucket: &MemoryLanding) -> Self {
        let objects = Unreliable::new(lake.objects.clone(), move |number, called| {
            assert!(number != call || called == method, "call {call} is {called}");
            None
        });
        let (lake, bucket, calls) = (lake.clone(), bucket.clone(), objects.clone());
        let mut task: Pin<Box<dyn Future<Output = Landed>>> =
            Box::pin(async move { land_with(&lake, objects, &bucket, &announced()).await });
        while calls.calls() <= call {
            let turn = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(turn.is_pending(), "it makes no {call} calls");
        }
        Self { task }
    }

    fn go_on(self) -> Landed {
        alone(self.task)
    }
}

/// Runs one task without others.
fn alone<T>(task: impl Future<Output = T>) -> T {
    interleave(0, vec![Box::pin(task)]).remove(0)
}

fn announced() -> AnnouncedObject {
    MemoryLanding::default().drop_object(KEY, TEXT)
}

async fn land_with(
    lake: &Lake,
    objects: impl LakeObjects + Clone,
    bucket: &MemoryLanding,
    object: &AnnouncedObject,
) -> Landed {
    let ingest = Ingest::new(lake.catalog.clone(), objects.clone(), settings());
    let contracts = contracts(&objects);
    let landing = Landing::new(ingest, contracts, bucket.clone(), LandingPrefix::default());
    landing.land(object, Deadline::NEVER).await
}

fn land(lake: &Lake, bucket: &MemoryLanding) -> Landed {
    alone(land_with(lake, lake.objects.clone(), bucket, &announced()))
}

fn is_superseded(lake: &Lake) -> bool {
    let key = ledger_key(&"lake".parse().unwrap(), announced().source_id().unwrap());
    let found = alone(lake.objects.object(&key)).unwrap().unwrap();
    let entry: LedgerEntry = serde_json::from_slice(&found.value).unwrap();
    matches!(entry.state, LedgerState::Superseded { .. })
}

/// A lake with what an attempt wrote that died before it committed, and then its object was gone.
fn left_behind(bucket: &MemoryLanding) -> Lake {
    let lake = Lake::default();
    bucket.drop_object(KEY, TEXT);
    drop(Attempt::until(8, "replace_object", &lake, bucket));
    assert_eq!(lake.files().len(), 1);
    bucket.delete_object(KEY);
    assert_eq!(land(&lake, bucket).unwrap_err().kind(), ErrorKind::Retry);
    lake.objects.clock().advance(SETTLED);
    lake
}

/// The delivery that says that it is gone ends, and with it its message: nobody would come back.
#[test]
fn who_opened_an_object_before_it_was_found_to_be_gone_does_not_claim_it_afterwards() {
    let (lake, bucket) = (Lake::default(), MemoryLanding::default());
    bucket.drop_object(KEY, TEXT);
    let early = Attempt::until(2, "create_object", &lake, &bucket);
    bucket.delete_object(KEY);
    assert_eq!(land(&lake, &bucket).unwrap().counts.superseded, 1);
    assert_eq!(early.go_on().unwrap_err().kind(), ErrorKind::Retry);
    assert!(is_superseded(&lake));
}

#[test]
fn who_opened_an_object_that_was_back_does_not_claim_it_when_it_was_found_to_be_gone_again() {
    let (lake, bucket) = (Lake::default(), MemoryLanding::default());
    assert_eq!(land(&lake, &bucket).unwrap().counts.superseded, 1);
    lake.objects.clock().advance(SETTLED);
    bucket.drop_object(KEY, TEXT);
    let early = Attempt::until(3, "replace_object", &lake, &bucket);
    bucket.delete_object(KEY);
    assert_eq!(land(&lake, &bucket).unwrap().counts.duplicates, 1);
    assert_eq!(early.go_on().unwrap_err().kind(), ErrorKind::Retry);
    assert!(is_superseded(&lake));
    bucket.drop_object(KEY, TEXT);
    lake.objects.clock().advance(SETTLED);
    assert_eq!(land(&lake, &bucket).unwrap().counts.loaded, 2);
}

#[test]
fn a_sweep_that_goes_on_after_another_one_deletes_nothing_of_a_source_that_is_back() {
    let bucket = MemoryLanding::default();
    let lake = left_behind(&bucket);
    let sweeping = Attempt::until(6, "delete_objects", &lake, &bucket);
    assert_eq!(land(&lake, &bucket).unwrap().counts.superseded, 1);
    bucket.drop_object(KEY, TEXT);
    // It may be told to come back.
    land(&lake, &bucket).ok();
    sweeping.go_on().ok();
    lake.objects.clock().advance(SETTLED);
    land(&lake, &bucket).unwrap();
    assert_eq!(alone(lake.rows("camera")), "n=1\nn=2");
}

#[test]
fn a_sweep_that_was_begun_deletes_nothing_of_a_source_that_came_back_meanwhile() {
    let bucket = MemoryLanding::default();
    let lake = left_behind(&bucket);
    let sweeping = Attempt::until(6, "delete_objects", &lake, &bucket);
    bucket.drop_object(KEY, TEXT);
    land(&lake, &bucket).ok();
    sweeping.go_on().ok();
    lake.objects.clock().advance(SETTLED);
    land(&lake, &bucket).unwrap();
    assert_eq!(alone(lake.rows("camera")), "n=1\nn=2");
}
