//! Who loads.

use std::time::Duration;

use alluvium_lake::{Backoff, Ingest, IngestSettings};
use alluvium_model::{Origin, SourceId, ports::Source};
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
            reader: MemorySource::new(text.clone(), 1_000),
        };
        // A process of its own for each delivery, so that nobody remembers anything.
        let mut deliveries = 1 + u32::from(scene.random(6) == 0);
        while deliveries > 0 {
            let (catalog, objects) = scene.ports_of_writer();
            let backoff = Backoff::without_pauses(6);
            let settings = IngestSettings { settle: SETTLE, backoff, ..settings() };
            let ingest = Ingest::new(catalog, objects, settings);
            let load = ingest.ingest(destination(&scene.rules, &key), source());
            if let Some(Ok(_)) = scene.unless_it_dies(load).await {
                scene.committed.borrow_mut().extend(names.iter().cloned());
                deliveries -= 1;
            }
            scene.sleep(PAUSE / 4).await;
        }
        scene.sleep(PAUSE).await;
    }
}
