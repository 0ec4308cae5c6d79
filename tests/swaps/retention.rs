//! Partitions leave the catalog when they are old, and come back with rows that arrive late.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use alluvium_lake::{Deadline, LakeError, Repair, Retired, VacuumReport};
use alluvium_model::{
    Contract, ErrorKind, compaction::StopReason, layout::contracts, ports::WriteObjects as _,
};
use alluvium_tests::{drop_file, drop_under};

use crate::world::{World, alone, partition, source, table};

const DAY: Duration = Duration::from_hours(24);

fn retire_older(world: &World, days: u32) -> (usize, usize) {
    let (table, swaps) = (table(), world.swaps());
    let retired = swaps.retire_older((&table, days), || world.owner(), Deadline::NEVER);
    let Retired { retired, leased, left } = alone(retired).unwrap();
    assert_eq!(left, 0);
    (retired, leased)
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

fn deploy(world: &World, name: &str, text: &str) {
    let (key, bytes) = (contracts().object(name), text.to_owned().into_bytes());
    alone(world.lake.objects.put_object(&key, bytes.into())).unwrap();
}

fn vacuum(world: &World) -> Result<VacuumReport, LakeError> {
    alone(world.swaps().vacuum_by_contracts(|| world.owner(), Deadline::NEVER))
}

/// The tables that readers find something in.
fn tables(world: &World) -> Vec<String> {
    let all = world.lake.catalog.all_partitions().into_iter();
    all.map(|(table, _)| table.to_string()).collect()
}

const TWO_DAYS: &str = "[retention]\ndays = 2\n";

#[test]
fn a_vacuum_retires_what_contracts_let_age() {
    let world = World::new();
    world.load(1);
    alone(drop_file(&world.lake.ingest(), "door/1.json", r#"{"n":1}"#)).unwrap();
    deploy(&world, "camera.toml", &format!("table = 'camera'\n{TWO_DAYS}"));
    world.pass(2 * DAY);
    assert_eq!(vacuum(&world).unwrap(), VacuumReport::default());
    world.pass(DAY);
    let report = vacuum(&world).unwrap();
    assert_eq!(report, VacuumReport { retired: 1, ..VacuumReport::default() });
    assert_eq!((tables(&world), world.findings()), (vec!["door".to_owned()], String::new()));
    // Its files have their grace, and a row that is late is seen until the lease has passed.
    world.load(2);
    let report = vacuum(&world).unwrap();
    assert_eq!(report, VacuumReport { waiting: 1, leased: 1, ..VacuumReport::default() });
    assert_eq!(world.rows(), [2]);
    world.pass(World::settings().lease.max(World::settings().grace));
    let report = vacuum(&world).unwrap();
    assert_eq!((report.locations, report.files, report.retired), (1, 1, 1));
    assert_eq!((tables(&world), world.findings()), (vec!["door".to_owned()], String::new()));
}

#[test]
fn tables_of_a_route_age_with_theirs_and_quarantine_never() {
    let world = World::new();
    let text = format!("table = 'camera'\n[source]\nroute = '$.type'\n{TWO_DAYS}");
    deploy(&world, "camera.toml", &text);
    let rules = Contract::read("camera.toml", text.as_bytes()).unwrap();
    let load = |key: &str, text: &str| {
        alone(drop_under(&world.lake.ingest(), rules.rules(), key, text)).unwrap()
    };
    load("camera/1.json", "{\"type\":\"night\"}\n{\"n\":1}\nbad\n");
    world.pass(3 * DAY);
    assert_eq!(tables(&world), ["camera", "camera_night", "quarantine"]);
    assert_eq!(vacuum(&world).unwrap().retired, 2);
    assert_eq!(tables(&world), ["quarantine"]);
}

#[test]
fn tables_without_a_contract_age_by_that_of_all_others() {
    let world = World::new();
    world.load(1);
    alone(drop_file(&world.lake.ingest(), "door/1.json", r#"{"n":1}"#)).unwrap();
    deploy(&world, "_default.toml", TWO_DAYS);
    deploy(&world, "door.toml", "table = 'door'");
    world.pass(3 * DAY);
    assert_eq!(vacuum(&world).unwrap().retired, 1);
    assert_eq!(tables(&world), ["door"]);
}

#[test]
fn a_wrong_contract_keeps_partitions_and_no_garbage() {
    let world = World::new();
    world.load(1);
    world.pass(3 * DAY);
    assert_eq!(retire_older(&world, 2), (1, 0));
    world.load(2);
    world.pass(World::settings().grace.max(World::settings().lease));
    deploy(&world, "_default.toml", "[retention]\ndays = 0");
    assert!(matches!(vacuum(&world), Err(LakeError::Contracts(_))));
    assert_eq!((world.rows(), world.lake.files().len()), (vec![2], 1));
}

/// Vacuums, but time is over when a call of this name is made.
fn vacuum_until(world: &World, method: &'static str) -> VacuumReport {
    let is_past: &'static AtomicBool = Box::leak(Box::default());
    let (swaps, _) = world.watched(move |_, called| {
        is_past.fetch_or(called == method, Ordering::SeqCst);
        None
    });
    let deadline = Deadline::told_by(is_past);
    alone(swaps.vacuum_by_contracts(|| world.owner(), deadline)).unwrap()
}

/// What there was no time for is said, so that the state machine goes on; what was begun is ended
/// when its lease has passed.
#[test]
fn a_vacuum_out_of_time_leaves_partitions_to_the_next() {
    let world = World::new();
    world.load(1);
    alone(drop_file(&world.lake.ingest(), "door/1.json", r#"{"n":1}"#)).unwrap();
    deploy(&world, "_default.toml", TWO_DAYS);
    world.pass(3 * DAY);
    for (method, left) in [("table_names", 1), ("replace_object", 2)] {
        let report = vacuum_until(&world, method);
        assert_eq!((report.retired, report.left), (0, left), "at {method}");
        assert_eq!(tables(&world), ["camera", "door"], "at {method}");
    }
    let report = vacuum(&world).unwrap();
    assert_eq!((report.retired, report.leased, report.left), (1, 1, 0));
    world.pass(World::settings().lease);
    assert_eq!((vacuum(&world).unwrap().retired, tables(&world)), (1, vec![]));
    assert_eq!(world.findings(), "");
}

/// The catalog does not have it, and its pointer does not say why: the doctor finds it, and a swap
/// ends what was begun.
#[test]
fn a_retirement_that_died_halfway_is_found_and_done_again() {
    let world = World::new();
    world.load(1);
    deploy(&world, "_default.toml", TWO_DAYS);
    world.pass(3 * DAY);
    assert_eq!(vacuum_until(&world, "drop_partitions").left, 1);
    assert_eq!(tables(&world), Vec::<String>::new());
    assert_ne!(world.findings(), "");
    world.pass(World::settings().lease);
    world.swap();
    assert_eq!((world.rows(), world.findings()), (vec![1], String::new()));
    world.pass(World::settings().lease);
    assert_eq!((vacuum(&world).unwrap().retired, tables(&world)), (1, vec![]));
    assert_eq!(world.findings(), "");
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
        // One that was registered at its old location is put in its place first.
        if !world.rows().is_empty() {
            world.pass(World::settings().lease);
            assert_eq!(retire_older(&world, 2), (1, 0), "at {call}");
        }
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
