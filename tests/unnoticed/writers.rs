//! Who loads.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use alluvium_lake::{Backoff, Ingest, IngestSettings};
use alluvium_model::{
    Origin, SourceId,
    ports::{Source, SourceFormat},
};
use alluvium_testkit::MemorySource;
use alluvium_tests::{destination, settings};
use serde_json::json;

use crate::scene::{PARTITIONS, SETTLE, Scene};

/// Between two sources, on average half of it.
const PAUSE: Duration = Duration::from_secs(40);

/// Loads one source after the other, for ever; each is delivered until it is loaded, and now and
/// then once more.
pub(crate) async fn write(scene: &Scene, writer: usize) {
    for number in 0_u64.. {
        let key = format!("camera/{writer}-{number}.json");
        let names: Vec<_> = (0..=scene.random(2)).map(|n| format!("{key}#{n}")).collect();
        let record = |name: &String| {
            let partition = format!("p{}", scene.random(u32::try_from(PARTITIONS).unwrap()));
            json!({ "name": name, "p": partition }).to_string()
        };
        let text = names.iter().map(record).collect::<Vec<_>>().join("\n");
        let arrived_at = scene.clock.now();
        let source = || Source {
            id: SourceId::of_object("landing", &key, "1"),
            origin: Origin { source: format!("s3://landing/{key}"), arrived_at },
            bytes: text.len() as u64,
            format: SourceFormat::Documents,
            reader: MemorySource::new(text.clone(), 1_000),
        };
        let is_twice = scene.random(6) == 0;
        loop {
            let delivery = || Box::pin(deliver(scene, &key, source()));
            let is_loaded =
                if is_twice { both(delivery(), delivery()).await } else { delivery().await };
            if is_loaded {
                break;
            }
            scene.sleep(PAUSE / 4).await;
        }
        scene.committed.borrow_mut().extend(names);
        scene.sleep(PAUSE).await;
    }
}

/// Delivers a source to a process of its own, so that nobody remembers anything; whether it was
/// loaded.
async fn deliver(scene: &Scene, key: &str, source: Source<MemorySource>) -> bool {
    let (catalog, objects) = scene.ports_of_writer();
    let backoff = Backoff::without_pauses(6);
    let settings = IngestSettings { settle: SETTLE, backoff, ..settings() };
    let ingest = Ingest::new(catalog, objects, settings);
    let load = Box::pin(ingest.ingest(destination(&scene.rules, key), source));
    matches!(scene.unless_it_dies(load).await, Some(Ok(_)))
}

/// Two deliveries at once; whether one of them has loaded the source when both have ended.
async fn both(one: impl Future<Output = bool>, other: impl Future<Output = bool>) -> bool {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let mut loaded = [None; 2];
    poll_fn(|context| {
        if loaded[0].is_none()
            && let Poll::Ready(is_loaded) = one.as_mut().poll(context)
        {
            loaded[0] = Some(is_loaded);
        }
        if loaded[1].is_none()
            && let Poll::Ready(is_loaded) = other.as_mut().poll(context)
        {
            loaded[1] = Some(is_loaded);
        }
        match loaded {
            [Some(one), Some(other)] => Poll::Ready(one || other),
            [Some(_) | None, _] => Poll::Pending,
        }
    })
    .await
}
