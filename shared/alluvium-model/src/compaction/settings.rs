//! What a plan is made by.

use std::time::Duration;

/// What decides which partitions are compacted, and into how large files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompactionSettings {
    /// Bytes of inputs that become one file. Files from half of it on stay as they are.
    pub target_bytes: u64,
    /// Small files that are worth a swap.
    pub files_min: usize,
    /// How old the commit of a source must be before its files are merged.
    pub settle: Duration,
    /// How long nothing must have arrived before what is left is packed, too.
    pub quiet: Duration,
    /// Partitions in a plan.
    pub partitions_max: usize,
    /// Files that become one: whoever merges them holds something of each in memory.
    pub inputs_max: usize,
    /// Bins in a plan for one partition. What each of them answers travels in the state of a state
    /// machine.
    pub bins_max: usize,
}

impl Default for CompactionSettings {
    fn default() -> Self {
        Self {
            target_bytes: 256 << 20,
            files_min: 8,
            settle: Duration::from_mins(20),
            quiet: Duration::from_hours(24),
            partitions_max: 1_000,
            inputs_max: 4_000,
            bins_max: 200,
        }
    }
}

impl CompactionSettings {
    /// Whether a file of this size is to become part of a larger one.
    #[must_use]
    pub const fn is_small(&self, bytes: u64) -> bool {
        bytes < self.target_bytes / 2
    }
}
