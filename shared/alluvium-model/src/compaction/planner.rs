//! Which partitions are worth a swap, and which of their files become one.
//!
//! A swap writes every byte of its partition again, merged or copied, so it must be paid for. Files
//! that no swap made yet are *fresh*; each of them is fresh until it is merged and never again.
//! A partition is swapped when its fresh files hold a third of it: so all of these swaps together
//! write no more than three times what came in. What then is left when nothing arrives any more is
//! packed once. That merged files of earlier swaps are small does not count, or a partition that
//! fills slowly would be written again every time.

use jiff::SignedDuration;

use super::{
    packing::pack,
    plan::{PartitionPlan, Qualification},
    settings::CompactionSettings,
    standing::{PartitionFiles, Standing, StandingFile},
};
use crate::UtcInstant;

/// Files that are worth a swap hold the whole divided by this.
const SHARE: u64 = 3;

/// What a plan does, and what it leaves to the next one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planned {
    /// The partitions to swap, the one that waits longest first.
    pub partitions: Vec<PartitionPlan>,
    /// Partitions that qualify and did not find room.
    pub partitions_left: usize,
}

/// A partition to swap, with since when it waits for it.
type Waiting = (UtcInstant, PartitionPlan);

/// Plans one partition after the other and keeps those that wait longest, so that nobody waits for
/// ever.
#[derive(Debug)]
pub struct Planner {
    settings: CompactionSettings,
    now: UtcInstant,
    waiting: Vec<Waiting>,
    left: usize,
}

/// What counts in a partition.
struct Weighed<'a> {
    /// Files that may be merged, because they are small and settled.
    small: Vec<&'a StandingFile>,
    /// Those of them that no swap made, and their bytes.
    fresh_files: usize,
    fresh_bytes: u64,
    /// All files that stay, and their bytes.
    files: usize,
    bytes: u64,
    leftovers: usize,
    ever_merged: bool,
}

impl Planner {
    /// Plans at this moment of the time of the store.
    #[must_use]
    pub const fn new(settings: CompactionSettings, now: UtcInstant) -> Self {
        Self { settings, now, waiting: Vec::new(), left: 0 }
    }

    /// Plans a partition, if it qualifies.
    pub fn add(&mut self, files: &PartitionFiles) {
        self.waiting.extend(self.settings.plan_partition(files, self.now));
        if self.waiting.len() > 2 * self.settings.partitions_max {
            self.cut();
        }
    }

    /// The plan.
    #[must_use]
    pub fn finish(mut self) -> Planned {
        self.cut();
        let partitions = self.waiting.into_iter().map(|(_, plan)| plan).collect();
        Planned { partitions, partitions_left: self.left }
    }

    fn cut(&mut self) {
        self.waiting.sort_by(|(a, left), (b, right)| {
            let place = |plan: &PartitionPlan| (plan.table.clone(), plan.partition.clone());
            a.cmp(b).then_with(|| place(left).cmp(&place(right)))
        });
        self.left += self.waiting.len().saturating_sub(self.settings.partitions_max);
        self.waiting.truncate(self.settings.partitions_max);
    }
}

impl CompactionSettings {
    fn plan_partition(&self, files: &PartitionFiles, now: UtcInstant) -> Option<Waiting> {
        let weighed = self.weigh(&files.files, now);
        let bins = pack(weighed.small.clone(), self);
        let merged: usize = bins.iter().map(|bin| bin.inputs.len()).sum();
        let saved = merged - bins.len();
        let last = files.files.iter().map(|file| file.since).max();
        let reason = if files.has_unfinished_swap {
            Qualification::Unfinished
        } else if weighed.leftovers > 0 {
            Qualification::Leftovers
        } else if saved == 0 {
            return None;
        } else if self.is_worth_it(&weighed) {
            Qualification::SmallFiles
        } else if last.is_none_or(|last| is_older(last, self.quiet, now))
            && self.is_worth_packing(&weighed, saved)
        {
            Qualification::Quiet
        } else {
            return None;
        };
        let merged_bytes: u64 = bins.iter().map(super::PlannedBin::bytes).sum();
        let since = weighed.small.iter().map(|file| file.since).min().or(last).unwrap_or(now);
        let plan = PartitionPlan {
            table: files.table.clone(),
            partition: files.partition.clone(),
            location: files.location.clone(),
            reason,
            bins,
            copied_files: weighed.files - merged,
            copied_bytes: weighed.bytes - merged_bytes,
            leftover_files: weighed.leftovers,
        };
        Some((since, plan))
    }

    /// While more arrives: many fresh files that hold much.
    const fn is_worth_it(&self, weighed: &Weighed<'_>) -> bool {
        weighed.fresh_files >= self.files_min && weighed.fresh_bytes * SHARE >= weighed.bytes
    }

    /// When nothing arrives any more: one file in three is saved. A partition that was merged
    /// before needs many small files or much in fresh ones, or each straggler would cost it whole.
    const fn is_worth_packing(&self, weighed: &Weighed<'_>, saved: usize) -> bool {
        saved * 3 >= weighed.files
            && (!weighed.ever_merged
                || weighed.small.len() > self.files_min
                || weighed.fresh_bytes * SHARE >= weighed.bytes)
    }

    fn weigh<'a>(&self, files: &'a [StandingFile], now: UtcInstant) -> Weighed<'a> {
        let mut weighed = Weighed {
            small: Vec::new(),
            fresh_files: 0,
            fresh_bytes: 0,
            files: 0,
            bytes: 0,
            leftovers: 0,
            ever_merged: false,
        };
        for file in files {
            let is_settled = is_older(file.since, self.settle, now);
            let may_be_merged = match file.standing {
                Standing::Leftover if is_settled => {
                    weighed.leftovers += 1;
                    continue;
                }
                Standing::Merged => {
                    weighed.ever_merged = true;
                    true
                }
                Standing::Committed => is_settled,
                Standing::Leftover | Standing::Open => false,
            };
            weighed.files += 1;
            weighed.bytes += file.bytes;
            if may_be_merged && self.is_small(file.bytes) {
                weighed.small.push(file);
                if file.standing == Standing::Committed {
                    weighed.fresh_files += 1;
                    weighed.fresh_bytes += file.bytes;
                }
            }
        }
        weighed
    }
}

/// Whether that moment lies so far back.
fn is_older(moment: UtcInstant, age: std::time::Duration, now: UtcInstant) -> bool {
    let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
    moment.plus(age).is_some_and(|until| now > until)
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
