//! What compaction costs over a month, by the planner alone: arrivals are files with a size, a swap
//! replaces them by files as large as their inputs. Merged files are smaller than that in truth,
//! so what is written again is less.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{PartitionKey, TableName};

const MINUTES: i64 = 30 * 24 * 60;
/// How long a replaced location stays before a daily vacuum may delete it.
const GRACE_MINUTES: i64 = 24 * 60;
/// After the last arrival, until the last partition is quiet and vacuumed.
const MINUTES_AFTERWARDS: i64 = 3 * 24 * 60;

/// Files that arrive, one each minute and shard.
struct Arrivals {
    shards: i64,
    bytes: u64,
    /// Minutes that a partition spans.
    span: i64,
    /// One file in so many belongs to the partition before; none if zero.
    one_late_in: i64,
}

#[derive(Default)]
struct Simulation {
    partitions: BTreeMap<i64, PartitionFiles>,
    /// Bytes of replaced locations, by the minute from which they may go.
    garbage: BTreeMap<i64, u64>,
    names: u64,
    ingested: u64,
    merged: u64,
    copied: u64,
    swaps: u64,
    garbage_held_max: u64,
    garbage_held_sum: u64,
}

fn at(minute: i64) -> UtcInstant {
    UtcInstant::from_micros(minute * 60_000_000).unwrap()
}

impl Simulation {
    fn arrive(&mut self, arrivals: &Arrivals, minute: i64) {
        for shard in 0..arrivals.shards {
            let number = minute * arrivals.shards + shard;
            let is_late = arrivals.one_late_in > 0 && number % arrivals.one_late_in == 0;
            let partition = minute / arrivals.span - i64::from(is_late);
            // Between half and one and a half of what is usual, by a rule that repeats late.
            let spread = u64::try_from(number * 7_919 % 1_000).unwrap();
            let bytes = arrivals.bytes / 2 + arrivals.bytes * spread / 1_000;
            self.ingested += bytes;
            let files = self.partitions.entry(partition).or_insert_with(|| empty(partition));
            files.files.push(StandingFile {
                name: format!("{number}"),
                bytes,
                since: at(minute),
                first_event: Some(at(minute)),
                standing: Standing::Committed,
            });
        }
    }

    fn compact(&mut self, settings: &CompactionSettings, minute: i64) {
        let mut planner = Planner::new(*settings, at(minute));
        for files in self.partitions.values() {
            planner.add(files);
        }
        for plan in planner.finish().partitions {
            let key = plan.partition.values().next().unwrap().1.parse().unwrap();
            let files = &mut self.partitions.get_mut(&key).unwrap().files;
            let before: u64 = files.iter().map(|file| file.bytes).sum();
            let inputs: BTreeSet<_> = plan.inputs().map(|i| &i.name).collect();
            files.retain(|file| !inputs.contains(&file.name));
            for bin in &plan.bins {
                self.names += 1;
                files.push(StandingFile {
                    name: format!("merged-{}", self.names),
                    bytes: bin.bytes(),
                    since: at(minute),
                    first_event: None,
                    standing: Standing::Merged,
                });
            }
            self.swaps += 1;
            self.merged += plan.merged_bytes();
            self.copied += plan.copied_bytes;
            *self.garbage.entry(minute + GRACE_MINUTES).or_default() += before;
        }
        self.garbage = self.garbage.split_off(&minute);
        let held: u64 = self.garbage.values().sum();
        self.garbage_held_max = self.garbage_held_max.max(held);
        self.garbage_held_sum += held;
    }

    fn run(arrivals: &Arrivals) -> Self {
        let (mut simulation, settings) = (Self::default(), CompactionSettings::default());
        for minute in 0..MINUTES + MINUTES_AFTERWARDS {
            if minute < MINUTES {
                simulation.arrive(arrivals, minute);
            }
            if minute % 60 == 0 {
                simulation.compact(&settings, minute);
            }
        }
        simulation
    }

    fn rewritten(&self) -> f64 {
        ratio(self.merged + self.copied, self.ingested)
    }

    fn files(&self) -> usize {
        self.partitions.values().map(|partition| partition.files.len()).sum()
    }

    fn said(&self) -> String {
        let hours = u64::try_from((MINUTES + MINUTES_AFTERWARDS) / 60).unwrap();
        format!(
            "{} MiB in; merged {:.2}, copied {:.2} times that by {} swaps; {} files in {} partitions are left; garbage {:.0} MiB on average, {:.0} at most",
            self.ingested >> 20,
            ratio(self.merged, self.ingested),
            ratio(self.copied, self.ingested),
            self.swaps,
            self.files(),
            self.partitions.len(),
            ratio(self.garbage_held_sum, hours << 20),
            ratio(self.garbage_held_max, 1 << 20),
        )
    }
}

fn empty(partition: i64) -> PartitionFiles {
    let table: TableName = "camera".parse().unwrap();
    let key = PartitionKey::new(vec![("dt".parse().unwrap(), partition.to_string())]);
    let location = crate::layout::first_generation(&"lake".parse().unwrap(), &table, &key);
    let files = Vec::new();
    PartitionFiles { table, partition: key, location, has_unfinished_swap: false, files }
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn ratio(of: u64, to: u64) -> f64 {
    of as f64 / to as f64
}

/// The promise of the issue: what is merged and copied is at most four times what came in.
fn check(arrivals: &Arrivals) -> String {
    let simulation = Simulation::run(arrivals);
    assert!(simulation.rewritten() <= 4.0, "{}", simulation.said());
    for partition in simulation.partitions.values() {
        let small = partition
            .files
            .iter()
            .filter(|file| CompactionSettings::default().is_small(file.bytes));
        assert!(small.count() <= CompactionSettings::default().files_min, "{partition:?}");
    }
    simulation.said()
}

const KIB: u64 = 1 << 10;
const DAY: i64 = 24 * 60;
const USUAL: Arrivals = Arrivals { shards: 1, bytes: 20 * KIB, span: DAY, one_late_in: 0 };

#[test]
fn thirty_days_of_a_file_a_minute() {
    insta::assert_snapshot!(check(&USUAL), @"843 MiB in; merged 2.95, copied 0.09 times that by 221 swaps; 30 files in 30 partitions are left; garbage 81 MiB on average, 131 at most");
    insta::assert_snapshot!(check(&Arrivals { span: 60, ..USUAL }), @"843 MiB in; merged 1.67, copied 0.33 times that by 1440 swaps; 720 files in 720 partitions are left; garbage 53 MiB on average, 63 at most");
    insta::assert_snapshot!(check(&Arrivals { shards: 8, ..USUAL }), @"6746 MiB in; merged 1.97, copied 0.78 times that by 210 swaps; 60 files in 30 partitions are left; garbage 587 MiB on average, 844 at most");
    insta::assert_snapshot!(check(&Arrivals { bytes: 1_024 * KIB, ..USUAL }), @"43177 MiB in; merged 1.21, copied 1.83 times that by 221 swaps; 206 files in 30 partitions are left; garbage 4142 MiB on average, 6726 at most");
    insta::assert_snapshot!(check(&Arrivals { shards: 8, bytes: 1_024 * KIB, ..USUAL }), @"345427 MiB in; merged 1.01, copied 1.74 times that by 210 swaps; 1410 files in 30 partitions are left; garbage 30031 MiB on average, 43234 at most");
    // One partition for ever.
    insta::assert_snapshot!(check(&Arrivals { span: MINUTES, ..USUAL }), @"843 MiB in; merged 1.86, copied 1.67 times that by 16 swaps; 5 files in 1 partitions are left; garbage 94 MiB on average, 843 at most");
    // One file in ten, and one in a thousand, belongs to the day before.
    insta::assert_snapshot!(check(&Arrivals { one_late_in: 10, ..USUAL }), @"843 MiB in; merged 3.04, copied 0.09 times that by 246 swaps; 45 files in 31 partitions are left; garbage 83 MiB on average, 147 at most");
    insta::assert_snapshot!(check(&Arrivals { one_late_in: 1_000, ..USUAL }), @"843 MiB in; merged 2.93, copied 0.09 times that by 222 swaps; 34 files in 31 partitions are left; garbage 80 MiB on average, 149 at most");
}
