use std::{collections::BTreeSet, fmt::Write as _};

use proptest::prelude::*;

use super::*;
use crate::PartitionKey;

const MIB: u64 = 1 << 20;

fn now() -> UtcInstant {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// What is planned for these partitions.
fn plan_of<'a>(
    settings: &CompactionSettings,
    partitions: impl IntoIterator<Item = &'a PartitionFiles>,
    now: UtcInstant,
) -> Planned {
    let mut planner = Planner::new(*settings, now);
    for files in partitions {
        planner.add(files);
    }
    planner.finish()
}

fn settings() -> CompactionSettings {
    CompactionSettings::default()
}

fn ago(minutes: i64) -> UtcInstant {
    now().plus(SignedDuration::from_mins(-minutes)).unwrap()
}

/// Files as `<number> x <MiB> <standing> <minutes ago>`, with commas between them.
fn files(text: &str) -> Vec<StandingFile> {
    let mut files = Vec::new();
    for (group, text) in text.split(", ").filter(|text| !text.is_empty()).enumerate() {
        let words: Vec<&str> = text.split(' ').collect();
        let standing = match words[3] {
            "committed" => Standing::Committed,
            "merged" => Standing::Merged,
            "leftover" => Standing::Leftover,
            "open" => Standing::Open,
            other => panic!("{other}"),
        };
        for number in 0..words[0].parse().unwrap() {
            files.push(StandingFile {
                name: format!("{group}-{number:03}"),
                bytes: words[2].parse::<u64>().unwrap() * MIB,
                since: ago(words[4].parse().unwrap()),
                first_event: None,
                standing,
            });
        }
    }
    files
}

fn partition(files: Vec<StandingFile>) -> PartitionFiles {
    let day = PartitionKey::new(vec![("dt".parse().unwrap(), "2026-11-22".to_owned())]);
    let (database, table) = ("lake".parse().unwrap(), "camera".parse().unwrap());
    let location = crate::layout::first_generation(&database, &table, &day);
    PartitionFiles { table, partition: day, location, has_unfinished_swap: false, files }
}

fn said(planned: &Planned) -> String {
    let mut text = String::new();
    for plan in &planned.partitions {
        write!(text, "{:?}:", plan.reason).unwrap();
        for bin in &plan.bins {
            write!(text, " {} of {} MiB,", bin.inputs.len(), bin.bytes() / MIB).unwrap();
        }
        let copied = plan.copied_bytes / MIB;
        write!(text, " {} copied of {copied} MiB", plan.copied_files).unwrap();
        if plan.leftover_files > 0 {
            write!(text, ", {} left over", plan.leftover_files).unwrap();
        }
    }
    text
}

#[test]
fn a_partition_is_planned_by_what_lies_there() {
    let check = |text: &str| said(&plan_of(&settings(), [&partition(files(text))], now()));
    // Many small files, and too few.
    insta::assert_snapshot!(check("8 x 1 committed 60"), @"SmallFiles: 8 of 8 MiB, 0 copied of 0 MiB");
    insta::assert_snapshot!(check("7 x 1 committed 60"), @"");
    insta::assert_snapshot!(check(""), @"");
    // The age of the commit counts; what is too young is copied.
    insta::assert_snapshot!(check("8 x 1 committed 20"), @"");
    insta::assert_snapshot!(check("8 x 1 committed 21, 1 x 3 committed 5, 1 x 2 open 90"), @"SmallFiles: 8 of 8 MiB, 2 copied of 5 MiB");
    // Bins are as large as the target at most; large files are copied.
    insta::assert_snapshot!(check("30 x 20 committed 60, 1 x 200 committed 60"), @"SmallFiles: 12 of 240 MiB, 12 of 240 MiB, 6 of 120 MiB, 1 copied of 200 MiB");
    // A third of the whole, in files that no swap made yet.
    insta::assert_snapshot!(check("20 x 1 committed 60, 1 x 40 merged 90"), @"SmallFiles: 21 of 60 MiB, 0 copied of 0 MiB");
    insta::assert_snapshot!(check("20 x 1 committed 60, 1 x 41 merged 90"), @"");
    insta::assert_snapshot!(check("20 x 1 committed 60, 1 x 41 merged 90, 1 x 200 merged 90"), @"");
    // Nothing arrives any more.
    insta::assert_snapshot!(check("2 x 1 committed 1441"), @"Quiet: 2 of 2 MiB, 0 copied of 0 MiB");
    insta::assert_snapshot!(check("2 x 1 committed 1440"), @"");
    insta::assert_snapshot!(check("9 x 1 committed 1500, 1 x 41 merged 1500"), @"Quiet: 10 of 50 MiB, 0 copied of 0 MiB");
    insta::assert_snapshot!(check("2 x 1 committed 1500, 1 x 41 merged 1500"), @"");
    insta::assert_snapshot!(check("2 x 1 committed 1500, 9 x 200 committed 1500"), @"");
    // What nothing names goes, whatever it costs, but not while somebody may be at it.
    insta::assert_snapshot!(check("1 x 1 leftover 60, 1 x 200 merged 60"), @"Leftovers: 1 copied of 200 MiB, 1 left over");
    insta::assert_snapshot!(check("1 x 1 leftover 20, 1 x 200 merged 60"), @"");
}

#[test]
fn a_swap_that_was_left_unfinished_is_given_up_and_nothing_copied_for_it() {
    let mut files = partition(files("1 x 1 merged 60"));
    files.has_unfinished_swap = true;
    insta::assert_snapshot!(said(&plan_of(&settings(), [&files], now())), @"Unfinished: 0 copied of 0 MiB");
}

#[test]
fn whoever_waits_longest_finds_room_first() {
    let mut partitions = Vec::new();
    for (day, minutes) in [("20", 30), ("21", 60), ("22", 40), ("23", 31), ("24", 32)] {
        let mut files = partition(files(&format!("8 x 1 committed {minutes}")));
        let value = format!("2026-11-{day}");
        files.partition = PartitionKey::new(vec![("dt".parse().unwrap(), value)]);
        partitions.push(files);
    }
    let settings = CompactionSettings { partitions_max: 2, ..settings() };
    let planned = plan_of(&settings, &partitions, now());
    let keys: Vec<_> = planned.partitions.iter().map(|plan| plan.partition.to_string()).collect();
    assert_eq!(keys, ["dt=2026-11-21", "dt=2026-11-22"]);
    assert_eq!(planned.partitions_left, 3);
}

#[test]
fn bins_have_events_of_times_of_their_own() {
    let mut files = files("12 x 60 committed 60, 1 x 10 merged 60");
    for (at, file) in files.iter_mut().take(12).enumerate() {
        // In an order of their own: 0 5 10 3 8 1 6 11 4 9 2 7.
        file.first_event = Some(ago(i64::try_from(at * 5 % 12).unwrap()));
    }
    let planned = plan_of(&settings(), [&partition(files)], now());
    let bins = planned.partitions[0].bins.iter();
    let names: Vec<Vec<_>> =
        bins.map(|bin| bin.inputs.iter().map(|input| input.name.as_str()).collect()).collect();
    insta::assert_debug_snapshot!(names, @r#"
    [
        [
            "1-000",
            "0-007",
            "0-002",
            "0-009",
            "0-004",
        ],
        [
            "0-011",
            "0-006",
            "0-001",
            "0-008",
        ],
        [
            "0-003",
            "0-010",
            "0-005",
            "0-000",
        ],
    ]
    "#);
}

#[test]
fn a_bin_has_as_many_files_as_a_worker_takes_and_a_plan_as_many_bins() {
    let settings = CompactionSettings { inputs_max: 3, bins_max: 2, ..settings() };
    let planned = plan_of(&settings, [&partition(files("11 x 1 committed 60"))], now());
    insta::assert_snapshot!(said(&planned), @"SmallFiles: 3 of 3 MiB, 3 of 3 MiB, 5 copied of 5 MiB");
}

fn standing() -> impl Strategy<Value = Standing> {
    prop_oneof![
        8 => Just(Standing::Committed),
        2 => Just(Standing::Merged),
        1 => Just(Standing::Leftover),
        1 => Just(Standing::Open),
    ]
}

fn any_files() -> impl Strategy<Value = Vec<StandingFile>> {
    let event = proptest::option::of(0..3_000_i64);
    let file = (standing(), 0..300_u64, 0..3_000_i64, event);
    proptest::collection::vec(file, 0..60).prop_map(|files| {
        let file = |(at, (standing, mib, minutes, event)): (usize, (_, u64, _, Option<i64>))| {
            let (since, first_event) = (ago(minutes), event.map(ago));
            StandingFile { name: at.to_string(), bytes: mib * MIB, since, first_event, standing }
        };
        files.into_iter().enumerate().map(file).collect()
    })
}

/// The partition as a swap by this plan leaves it.
fn swapped(files: &PartitionFiles, plan: &PartitionPlan) -> PartitionFiles {
    let gone: BTreeSet<_> = plan.inputs().map(|input| &input.name).collect();
    let stays =
        |file: &&StandingFile| !gone.contains(&file.name) && file.standing != Standing::Leftover;
    let mut after: Vec<_> = files.files.iter().filter(stays).cloned().collect();
    after.extend(plan.bins.iter().map(|bin| StandingFile {
        name: format!("merged-{}", bin.index),
        bytes: bin.bytes(),
        since: now(),
        first_event: None,
        standing: Standing::Merged,
    }));
    PartitionFiles { files: after, ..files.clone() }
}

proptest! {
    #[test]
    fn what_may_be_merged_is_merged_once_and_nothing_else(files in any_files()) {
        let (settings, files) = (settings(), partition(files));
        for plan in plan_of(&settings, [&files], now()).partitions {
            let mut seen = BTreeSet::new();
            for input in plan.inputs() {
                prop_assert!(seen.insert(&input.name), "{} twice", input.name);
                let file = files.files.iter().find(|file| file.name == input.name).unwrap();
                prop_assert_eq!(file.bytes, input.bytes);
                prop_assert!(settings.is_small(file.bytes));
                let may_be_merged = match file.standing {
                    Standing::Merged => true,
                    Standing::Committed => is_older(file.since, settings.settle, now()),
                    Standing::Leftover | Standing::Open => false,
                };
                prop_assert!(may_be_merged, "{:?}", file);
            }
            for bin in &plan.bins {
                prop_assert!(bin.inputs.len() > 1);
                prop_assert!(bin.bytes() <= settings.target_bytes);
            }
            let files_seen = seen.len() + plan.copied_files + plan.leftover_files;
            prop_assert_eq!(files_seen, files.files.len());
        }
    }

    /// Until more arrives, or what was too young is settled.
    #[test]
    fn a_packed_partition_gives_no_plan(files in any_files(), hours in 0..100_i64) {
        let settings = settings();
        let is_old = |file: &StandingFile| is_older(file.since, settings.settle, now());
        let settled: Vec<_> = files.into_iter().filter(is_old).collect();
        let files = partition(settled);
        for plan in plan_of(&settings, [&files], now()).partitions {
            let after = swapped(&files, &plan);
            let later = now().plus(SignedDuration::from_hours(hours)).unwrap();
            prop_assert_eq!(plan_of(&settings, [&after], later), Planned::default());
        }
    }

    #[test]
    fn a_swap_while_more_arrives_writes_at_most_three_times_what_is_fresh(files in any_files()) {
        let (settings, files) = (settings(), partition(files));
        for plan in plan_of(&settings, [&files], now()).partitions {
            let is_fresh = |file: &&StandingFile| {
                settings.is_small(file.bytes) && file.standing == Standing::Committed
            };
            let fresh: u64 = files.files.iter().filter(is_fresh).map(|file| file.bytes).sum();
            if plan.reason == Qualification::SmallFiles {
                prop_assert!(plan.merged_bytes() + plan.copied_bytes <= 3 * fresh);
            }
        }
    }
}
