//! What the steps of a compaction tell each other.

use serde::{Deserialize, Serialize};

use super::plan::{CompactionId, PartitionItem};
use crate::{Generation, SwapOwner, UtcInstant, layout::Location};

/// What plan-compaction answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanAnswer {
    /// The plan.
    pub compaction: CompactionId,
    /// The key of the object that holds its items, a JSON array of [`PartitionItem`]s.
    pub items_key: String,
    /// Its partitions.
    pub partitions: usize,
    /// Their bins.
    pub bins: usize,
    /// Files that are to be merged.
    pub merged_files: usize,
    /// Their bytes.
    pub merged_bytes: u64,
    /// Bytes that are to be copied.
    pub copied_bytes: u64,
    /// Partitions that qualify and are left for the next plan.
    pub partitions_left: usize,
}

/// A swap that somebody began: what every later step of it must know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swap {
    /// The partition, and the plan by which it is swapped.
    pub item: PartitionItem,
    /// Who swaps.
    pub owner: SwapOwner,
    /// The generation that is coming.
    pub generation: Generation,
    /// Where the partition lies.
    pub location: Location,
    /// Where the coming generation lies.
    pub next: Location,
    /// Until when nobody else may swap.
    pub lease_until: UtcInstant,
}

/// What begin-swap answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum BeginAnswer {
    /// The swap has begun: merge these bins, then commit.
    Begun {
        /// The swap.
        swap: Swap,
        /// Its bins; none if files are copied only.
        bins: Vec<BinItem>,
    },
    /// Somebody else's swap has passed the point of no return and is ours to end: commit.
    Forward {
        /// The swap, by its new owner.
        swap: Swap,
    },
    /// There is nothing to do, or not now.
    Stopped {
        /// Why.
        reason: StopReason,
    },
}

/// One of the bins that an inner Map runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BinItem {
    /// Its number.
    pub bin: u32,
}

/// Why a swap ends before it has done anything that counts. The next plan decides again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The partition lies elsewhere than its plan says.
    Moved,
    /// The lease of the last swap, finished or not, has not passed.
    Leased,
    /// Somebody else changed the pointer in between.
    Overtaken,
    /// An input of the plan is gone.
    InputMissing,
    /// A bin was not merged, or not verified.
    BinFailed,
    /// Too little of the lease is left.
    LeaseTooShort,
    /// The partition has no pointer.
    NoPointer,
}

/// What merge-files is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeRequest {
    /// The swap.
    pub swap: Swap,
    /// The bin.
    pub bin: u32,
}

/// What merge-files answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeAnswer {
    /// The bin.
    pub bin: u32,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: MergeOutcome,
}

/// What became of a bin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum MergeOutcome {
    /// Its file lies in the next location and holds what its inputs hold.
    Verified(MergedFile),
    /// There is none that counts: the generation must be given up.
    Failed {
        /// Why, for people.
        message: String,
    },
}

/// A file that was merged and verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergedFile {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Its bytes.
    pub bytes: u64,
}

/// What commit-swap is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitRequest {
    /// The swap.
    pub swap: Swap,
    /// What became of its bins; empty if there are none, and of a swap that only goes forward.
    #[serde(default)]
    pub merged: Vec<MergeAnswer>,
}

/// What commit-swap answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum CommitAnswer {
    /// Readers see the new generation.
    Committed {
        /// What it took.
        #[serde(flatten)]
        report: SwapReport,
    },
    /// Readers see the old generation; what was written of the new one is garbage.
    Stopped {
        /// Why.
        reason: StopReason,
    },
}

/// What a swap did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwapReport {
    /// Files that were merged.
    pub merged_files: usize,
    /// Their bytes.
    pub merged_bytes: u64,
    /// Files that they became.
    pub new_files: usize,
    /// Their bytes.
    pub new_bytes: u64,
    /// Files that were copied.
    pub copied_files: usize,
    /// Their bytes.
    pub copied_bytes: u64,
    /// Files that did not come along, because no committed source names them.
    pub dropped_files: usize,
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;

    use super::*;
    use crate::PartitionKey;

    /// What a state may hold, with room for what Step Functions puts beside it (`AWS_FACTS.md` §8).
    const STATE_BYTES_MAX: usize = 200 << 10;

    fn swap() -> Swap {
        let partition = PartitionKey::new(vec![("dt".parse().unwrap(), "2026-11-22".to_owned())]);
        let owner: SwapOwner = "8a".parse().unwrap();
        Swap {
            item: PartitionItem {
                compaction: "0123456789abcdef".parse().unwrap(),
                index: 7,
                table: "camera".parse().unwrap(),
                partition,
            },
            generation: Generation::first().after(&owner),
            owner,
            location: Location::from_catalog("lake/camera/dt=2026-11-22"),
            next: Location::from_catalog("lake/camera/generations/1-8a/dt=2026-11-22"),
            lease_until: "2026-11-22T10:00:00Z".parse().unwrap(),
        }
    }

    fn verified(bin: u32) -> MergeAnswer {
        let name = crate::layout::merged_file_name(&swap().generation, bin);
        MergeAnswer {
            bin,
            outcome: MergeOutcome::Verified(MergedFile { name, rows: 3, bytes: 800 }),
        }
    }

    fn check<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(message: &T) -> String {
        let text = serde_json::to_string(message).unwrap();
        assert_eq!(serde_json::from_str::<T>(&text).unwrap(), *message);
        text
    }

    #[test]
    fn messages_are_written_like_this() {
        let begun = BeginAnswer::Begun { swap: swap(), bins: vec![BinItem { bin: 0 }] };
        insta::assert_snapshot!(check(&begun), @r#"{"outcome":"begun","swap":{"item":{"compaction":"0123456789abcdef","index":7,"table":"camera","partition":[["dt","2026-11-22"]]},"owner":"8a","generation":"1-8a","location":"lake/camera/dt=2026-11-22/","next":"lake/camera/generations/1-8a/dt=2026-11-22/","lease_until":"2026-11-22T10:00:00Z"},"bins":[{"bin":0}]}"#);
        let stopped = BeginAnswer::Stopped { reason: StopReason::Leased };
        insta::assert_snapshot!(check(&stopped), @r#"{"outcome":"stopped","reason":"leased"}"#);
        insta::assert_snapshot!(check(&verified(1)), @r#"{"bin":1,"outcome":"verified","name":"merged-1-8a-1.parquet","rows":3,"bytes":800}"#);
        let message = "rows differ".to_owned();
        let failed = MergeAnswer { bin: 1, outcome: MergeOutcome::Failed { message } };
        insta::assert_snapshot!(check(&failed), @r#"{"bin":1,"outcome":"failed","message":"rows differ"}"#);
        let committed = CommitAnswer::Committed { report: SwapReport::default() };
        insta::assert_snapshot!(check(&committed), @r#"{"outcome":"committed","merged_files":0,"merged_bytes":0,"new_files":0,"new_bytes":0,"copied_files":0,"copied_bytes":0,"dropped_files":0}"#);
        let stopped = CommitAnswer::Stopped { reason: StopReason::BinFailed };
        insta::assert_snapshot!(check(&stopped), @r#"{"outcome":"stopped","reason":"bin_failed"}"#);
        check(&BeginAnswer::Forward { swap: swap() });
        check(&MergeRequest { swap: swap(), bin: 1 });
    }

    #[test]
    fn the_longest_request_fits_into_a_state() {
        let mut swap = swap();
        let value = "v".repeat(1_000);
        swap.item.partition = PartitionKey::new(vec![("state".parse().unwrap(), value.clone())]);
        swap.location = Location::from_catalog(&value);
        swap.next = Location::from_catalog(&value);
        let bins = u32::try_from(super::super::CompactionSettings::default().bins_max).unwrap();
        let merged = (0..bins).map(verified).collect();
        assert!(check(&CommitRequest { swap, merged }).len() < STATE_BYTES_MAX);
    }
}
