//! Partitions leave the catalog when they are old, and come back with rows that arrive late.

use std::time::Duration;

use alluvium_lake::{Deadline, Repair};
use alluvium_model::{ErrorKind, compaction::StopReason};
use alluvium_tests::drop_file;

use crate::world::{World, alone, partition, source, table};

const DAY: Duration = Duration::from_hours(24);

fn retire_older(world: &World, days: u32) -> (usize, usize) {
    let (table, swaps) = (table(), world.swaps());
    alone(swaps.retire_older((&table, days), || world.owner(), Deadline::NEVER)).unwrap()
}

#[test]
fn a_partition_is_retired_when_its_day_ended_so_many_days_ago() {
    let world = World::new();
    world.load(1);
    // The day ends fourteen hours later.
    world.pass(2 * DAY);
    assert_eq!(retire_older(&world, 2), (0, 0));
    world.pass(DAY);
    assert_eq!(retire_older(&world, 2), (1, 0));
    assert_eq!(world.lake.catalog.all_partitions(), []);
    assert_eq!((world.rows(), world.findings()), (vec![], String::new()));
    assert_eq!(retire_older(&world, 2), (0, 0));
    // Readers keep what they found until the grace has passed.
    assert_eq!(world.lake.files().len(), 1);
    world.pass(World::settings().grace);
    assert_eq!(world.vacuum().locations, 1);
    assert_eq!(world.lake.files().len(), 0);
    // What was loaded is not loaded again.
    world.load(1);
    assert_eq!(world.rows(), Vec::<u32>::new());
}

#[test]
fn what_arrives_late_is_seen_until_the_next_vacuum() {
    let world = World::new();
    let warm = world.lake.ingest();
    let late = |n| {
        let (key, text) = source(n);
        alone(drop_file(&warm, &key, &text))
    };
    late(1).unwrap();
    world.pass(3 * DAY);
    assert_eq!(retire_older(&world, 2), (1, 0));
    // A process that knows the partition registers it all the same.
    late(2).unwrap();
    assert_eq!((world.rows(), world.findings()), (vec![2], String::new()));
    assert_eq!(world.in_catalog(), world.pointer().location);
    assert_eq!(retire_older(&world, 2), (0, 1), "the lease");
    world.pass(World::settings().lease);
    assert_eq!(retire_older(&world, 2), (1, 0));
    assert_eq!((world.rows(), world.findings()), (vec![], String::new()));
}

/// Whoever loads beside a retirement stops at any of his calls, and goes on when it is done: what he
/// had written is retired with the rest, or he begins again, and his rows are seen. He may have
/// registered the old location once more; the next vacuum takes all of it out again.
#[test]
fn a_load_that_meets_a_retirement_ends_or_begins_again() {
    let (mut retired_too, mut begun_again) = (0, 0);
    for call in 1.. {
        let world = World::new();
        world.load(1);
        world.pass(3 * DAY);
        let mut load = world.tries_to_load(2);
        let stops = load.goes_to(None, call);
        let place = (&table(), &partition());
        let retired = alone(world.swaps().retire(place, world.owner(), Deadline::NEVER)).unwrap();
        assert_eq!(retired, Repair::Done);
        if let Err(error) = load.ends() {
            assert_eq!(error.kind(), ErrorKind::Retry, "at {call}: {error}");
            world.load(2);
            assert!(world.rows().contains(&2), "at {call}");
            begun_again += 1;
        }
        retired_too += u32::from(world.rows().is_empty());
        world.pass(World::settings().lease);
        let in_catalog = world.lake.catalog.all_partitions().len();
        assert_eq!(retire_older(&world, 2), (in_catalog, 0), "at {call}");
        assert_consistent(&world, &format!("load at {call}"));
        assert_eq!((world.rows(), world.lake.files().len()), (vec![], 0), "at {call}");
        if !stops {
            break;
        }
    }
    assert!(retired_too > 0 && begun_again > 0, "{retired_too} and {begun_again}");
}

/// And the other way round: the retirement stops.
#[test]
fn a_retirement_that_meets_a_load_retires_what_was_there() {
    for call in 1.. {
        let world = World::new();
        world.load(1);
        world.pass(3 * DAY);
        let owner = world.owner();
        let mut retires = world.at_work(|swaps, deadline| async move {
            swaps.retire((&table(), &partition()), owner, deadline).await
        });
        let stops = retires.goes_to(None, call);
        world.load(2);
        assert_eq!(retires.ends().unwrap(), Repair::Done);
        assert_consistent(&world, &format!("retirement at {call}"));
        if !stops {
            assert_eq!(world.rows(), [2]);
            break;
        }
    }
}

/// Nothing is seen but late rows, and where they are seen new ones will be, too.
fn assert_consistent(world: &World, point: &str) {
    let rows = world.rows();
    assert!(rows.is_empty() || rows == [2], "{point}: {rows:?}");
    assert_eq!(world.findings(), "", "{point}");
    for (_, found) in world.lake.catalog.all_partitions() {
        assert_eq!(found.location, world.pointer().location, "{point}");
    }
    world.pass(World::settings().grace);
    assert_eq!(world.vacuum().kept, [], "{point}");
    assert_eq!(world.rows(), rows, "{point}");
}

#[test]
fn a_partition_without_a_pointer_is_not_retired() {
    let (world, place) = (World::new(), (&table(), &partition()));
    let retired = alone(world.swaps().retire(place, world.owner(), Deadline::NEVER)).unwrap();
    assert_eq!(retired, Repair::Stopped(StopReason::NoPointer));
}
