//! The two functions as Lambda invokes them.

use std::{sync::Arc, time::Duration};

use alluvium_aws::telemetry::Invocation;
use alluvium_model::{ErrorKind, layout};
use alluvium_testkit::{Fault, Unreliable};
use ingest_stream::{FinishStreams, IngestStream, TimeLimit};
use serde_json::json;

use crate::{
    rows::names,
    world::{Settings, World, event, leave, named, streams},
};

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_batch_that_must_come_again_is_named_by_its_first_record() {
    let world = World::new(Settings {
        backoff: alluvium_lake::Backoff::without_pauses(1),
        ..Settings::default()
    });
    // No file can be written, once.
    let objects = Unreliable::new(world.lake.objects.clone(), {
        let left = std::sync::atomic::AtomicU32::new(2);
        move |_, method| {
            let is_refused = method == "create_object"
                && left.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) == 1;
            is_refused.then_some(Fault::Refused(ErrorKind::Retry))
        }
    });
    let streams = Arc::new(streams(world.lake.catalog.clone(), &objects, world.settings));
    let (ingest, mut invocation) = (IngestStream::new(streams), Invocation::default());
    let event = event(&[named(9, "camera/1", "a"), named(10, "camera/1", "b")]);
    let limit = TimeLimit::of(MINUTE);
    let first = ingest.answer(&event, limit, &mut invocation).await.unwrap();
    assert_eq!(first, json!({ "batchItemFailures": [{ "itemIdentifier": "9" }] }));
    let second = ingest.answer(&event, limit, &mut invocation).await.unwrap();
    assert_eq!(second, json!({ "batchItemFailures": [] }));
    assert_eq!(names(&world.lake, "camera"), ["a", "b"]);
    assert_eq!(invocation.counts().loaded, 2);
}

#[tokio::test]
async fn what_is_no_event_of_a_stream_fails_for_good() {
    let world = World::new(Settings::default());
    let streams =
        Arc::new(streams(world.lake.catalog.clone(), &world.lake.objects, world.settings));
    let ingest = IngestStream::new(streams);
    let event = json!({ "Records": [{ "eventSource": "aws:sqs" }] });
    let failure =
        ingest.answer(&event, TimeLimit::of(MINUTE), &mut Invocation::default()).await.unwrap_err();
    assert!(!failure.is_retryable());
}

#[tokio::test]
async fn the_schedule_ends_what_was_left_and_says_what_waits() {
    let world = World::new(Settings::default());
    world.deliver(&[named(9, "camera/1", "a")]).await;
    let given_up = layout::given_up(None);
    let records = [named(7, "camera/1", "x"), named(8, "door/1", "y"), named(9, "camera/1", "a")];
    leave(&world.lake, &given_up, "1", &event(&records));
    leave(&world.lake, &given_up, "2", &json!({ "Records": [{}] }));
    let streams =
        Arc::new(streams(world.lake.catalog.clone(), &world.lake.objects, world.settings));
    let (finish, mut invocation) = (FinishStreams::new(streams), Invocation::default());
    let limit = TimeLimit::of(MINUTE);
    let answer = finish.answer(&json!({}), limit, &mut invocation).await.unwrap();
    let expected = json!({
        "taken": 2, "loaded": 2, "retried": 0, "pending": 0, "failed": 0, "given_up": 1,
    });
    assert_eq!(answer, expected);
    assert_eq!(names(&world.lake, "camera"), ["x", "a"]);
    assert_eq!(names(&world.lake, "door"), ["y"]);
    // Nothing is begun when there is no time.
    let no_time = TimeLimit::of(Duration::ZERO);
    let answer = finish.answer(&json!({ "retry_failed": true }), no_time, &mut invocation).await;
    assert!(answer.unwrap_err().is_retryable());
}
