//! Batches one after the other, without faults.

use std::time::Duration;

use alluvium_model::{ErrorKind, Raw, StreamRecord, StreamRoute};
use insta::assert_snapshot;

use crate::{
    rows::{Row, names, rows},
    world::{Settings, World, named, record},
};

fn four() -> [StreamRecord; 4] {
    [
        named(9, "camera/1", "a"),
        named(10, "door/1", "b"),
        named(11, "17", "c"),
        named(12, "camera/2", "d"),
    ]
}

#[tokio::test]
async fn documents_go_to_the_tables_of_their_topics_and_the_others_to_that_of_the_stream() {
    let world = World::new(Settings::default());
    let report = world.deliver(&four()).await;
    assert!(report.failed.is_none() && report.left.is_empty());
    assert_eq!((report.taken, report.repeated, report.sources.len()), (4, 0, 3));
    assert_eq!(names(&world.lake, "camera"), ["a", "d"]);
    assert_eq!(names(&world.lake, "door"), ["b"]);
    assert_eq!(names(&world.lake, "device_events"), ["c"]);
    // Each points at its place in what the stream delivered, and has its own time of arrival.
    let last = rows(&world.lake).into_iter().next_back().unwrap();
    assert_snapshot!(last.source, @"s3://lake/_alluvium/raw/lake/device-events@20261101T000000Z/shardId-000000000000/000000000000000000000000000000000000000000000000000000000009-000000000000000000000000000000000000000000000000000000000012.ndjson.zst");
    assert_eq!((last.record, last.name), (3, "d".to_owned()));
    let arrivals: Vec<_> =
        rows(&world.lake).iter().map(|row| row.arrived_at % 100_000_000).collect();
    assert_eq!(arrivals, [9_000_000, 10_000_000, 11_000_000, 12_000_000]);
}

#[tokio::test]
async fn topics_do_not_count_unless_somebody_says_so() {
    let by_name = Settings { route: StreamRoute::Name, ..Settings::default() };
    let world = World::new(by_name);
    world.deliver(&four()).await;
    assert_eq!(names(&world.lake, "device_events"), ["a", "b", "c", "d"]);
    // A contract says where records belong that have no topic, and that topics count.
    let world = World::new(by_name);
    world.contract("table = \"device\"\n[source]\nstream = \"device-events\"\nroute = \"topic\"\n");
    // One of the topic says how its table is partitioned, as for files.
    world.contract("table = \"camera\"\n[partition]\nby = [\"identity($.name) as whose\"]\n");
    world.deliver(&four()).await;
    assert_eq!(names(&world.lake, "device"), ["c"]);
    assert_eq!(names(&world.lake, "camera"), ["a", "d"]);
    let partitions = world.lake.catalog.all_partitions();
    let camera = partitions.iter().filter(|(table, _)| table.as_str() == "camera");
    let camera: Vec<_> = camera.map(|(_, partition)| partition.key.to_string()).collect();
    assert_eq!(camera, ["whose=a", "whose=d"]);
}

#[tokio::test]
async fn records_are_taken_once_however_they_are_cut() {
    let world = World::new(Settings::default());
    let four = four();
    for (cut, taken) in [(&four[..2], 2), (&four[1..3], 1), (&four[..], 1), (&four[2..], 0)] {
        let report = world.deliver(cut).await;
        assert!(report.failed.is_none());
        assert_eq!((report.taken, report.repeated), (taken, cut.len() as u64 - taken));
    }
    let found: Vec<_> = rows(&world.lake).into_iter().map(|row| row.name).collect();
    assert_eq!(found, ["a", "b", "c", "d"]);
    assert!(world.watermark().pending.is_empty());
}

#[tokio::test]
async fn what_a_mapping_gave_up_is_taken_without_what_was_taken() {
    let world = World::new(Settings::default());
    let records: Vec<_> = ("abcdefghi")
        .chars()
        .zip(1..)
        .map(|(name, n)| named(n, "camera/1", &name.to_string()))
        .collect();
    // The mapping gave up the first six; two cuts of them had been taken, and the shard went on.
    world.deliver(&records[1..2]).await;
    world.deliver(&records[3..5]).await;
    world.deliver(&records[6..8]).await;
    world.give_up("1", &records[..6]);
    let report = world.finish().await;
    assert_eq!((report.taken, report.errors.len()), (3, 0));
    assert_eq!(names(&world.lake, "camera"), ["a", "b", "c", "d", "e", "f", "g", "h"]);
    // Again, all of it by now, and with one that was never delivered.
    world.give_up("2", &records);
    assert_eq!(world.finish().await.taken, 1);
    assert_eq!(world.deliver(&records).await.taken, 0);
    assert_eq!(names(&world.lake, "camera").concat(), "abcdefghi");
    assert_eq!(world.finish().await.given_up, 0);
}

#[tokio::test]
async fn what_is_no_delivery_is_told_and_left_where_it_is() {
    let world = World::new(Settings::default());
    world.deliver(&four()).await;
    crate::world::leave(
        &world.lake,
        &alluvium_model::layout::given_up(None),
        "1",
        &serde_json::json!({ "Records": [{}] }),
    );
    assert_eq!(world.finish().await.given_up, 1);
    let report = world.finish().await;
    assert_eq!((report.given_up, report.errors.len()), (1, 1));
    assert_snapshot!(report.errors[0], @"cannot understand aws/lambda/1");
}

#[tokio::test]
async fn a_range_whose_rules_do_not_suit_its_table_waits_beside_its_shard() {
    let world = World::new(Settings::default());
    world.deliver(&four()[..1]).await;
    world.contract("table = \"camera\"\n[partition]\nby = [\"identity($.name) as whose\"]\n");
    for number in (20..32).step_by(2) {
        let batch =
            [named(number, "camera/1", &format!("x{number}")), named(number + 1, "17", "y")];
        let report = world.deliver(&batch[..]).await;
        assert!(report.failed.is_none());
        assert_eq!(report.left[0].1.kind(), ErrorKind::Invalid);
    }
    let (pending, failed) = (world.watermark().pending.len(), world.watermark().failed.len());
    assert!(pending > 0 && failed > 0, "{pending} {failed}");
    // The schedule tries those a few times more that had no shard to try them.
    for _ in 0..5 {
        world.finish().await;
    }
    assert_eq!(world.finish().await.failed, 6);
    // Somebody mends the contract.
    world.contract("table = \"camera\"\n");
    assert_eq!(world.finish().await.sources, 0);
    assert_eq!(world.retry_failed().await, 6);
    // They were begun by the wrong contract: another one takes its place after the settle time.
    assert_eq!(world.finish().await.pending, 6);
    world.clock.advance(world.settings.settle + Duration::from_secs(1));
    let report = world.finish().await;
    assert_eq!((report.pending, report.failed), (0, 0));
    assert_eq!(names(&world.lake, "camera").len(), 7);
}

#[tokio::test]
async fn a_topic_whose_contract_is_wrong_does_not_hold_back_another() {
    let world = World::new(Settings::default());
    world.deliver(&four()[..1]).await;
    world.contract("table = \"camera\"\n[partition]\nby = [\"identity($.name) as whose\"]\n");
    let report = world.deliver(&[named(20, "camera/1", "x"), named(21, "door/1", "y")]).await;
    assert!(report.failed.is_none());
    assert_eq!((report.left.len(), report.sources.len()), (1, 1));
    assert_eq!(names(&world.lake, "camera"), ["a"]);
    assert_eq!(names(&world.lake, "door"), ["y"]);
}

#[tokio::test]
async fn an_archive_that_is_not_kept_leaves_its_names() {
    let world = World::new(Settings { raw: Raw::Drop, ..Settings::default() });
    world.deliver(&four()[..3]).await;
    assert_eq!(world.archived(), [0]);
    world.give_up("1", &four());
    assert_eq!(world.finish().await.taken, 1);
    assert_eq!(world.archived(), [0, 0]);
    let found: Vec<_> = rows(&world.lake).into_iter().map(|row| row.name).collect();
    assert_eq!(found, ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn poison_is_quarantined_and_its_neighbours_are_loaded() {
    let world = World::new(Settings::default());
    let batch =
        [named(1, "camera/1", "a"), record(2, "camera/1", "bad"), named(3, "camera/1", "b")];
    let report = world.deliver(&batch).await;
    assert!(report.failed.is_none() && report.left.is_empty());
    assert_eq!(names(&world.lake, "camera"), ["a", "b"]);
    let bad: Vec<Row> =
        rows(&world.lake).into_iter().filter(|row| row.table == "quarantine").collect();
    assert_eq!((bad.len(), bad[0].record, &*bad[0].name), (1, 1, "bad"));
}
