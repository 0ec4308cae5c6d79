//! A plan as it is written to the lake.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Digest, InvalidId, PartitionKey, TableName, UtcInstant, layout::Location};

/// Hex digits that tell one plan from another.
const DIGITS: usize = 16;

/// The name of a plan: a function of when it was made and what it says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CompactionId(String);

impl CompactionId {
    /// The name of the plan that was made at this moment, by the time of the store, and says this.
    #[must_use]
    pub fn new(made_at: UtcInstant, partitions: &[PartitionPlan]) -> Self {
        let mut fields = vec![made_at.to_string()];
        for plan in partitions {
            fields.extend([plan.table.to_string(), plan.location.to_string()]);
            for bin in &plan.bins {
                fields.push(bin.index.to_string());
                fields.extend(bin.inputs.iter().map(|input| input.name.clone()));
            }
        }
        let fields: Vec<_> = fields.iter().map(String::as_bytes).collect();
        let digest = Digest::of_fields(&fields).to_string();
        Self(digest.get(..DIGITS).unwrap_or(&digest).to_owned())
    }
}

impl fmt::Display for CompactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for CompactionId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        InvalidId::unless_hex(text, DIGITS).map(|()| Self(text.to_owned()))
    }
}

impl TryFrom<String> for CompactionId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<CompactionId> for String {
    fn from(id: CompactionId) -> Self {
        id.0
    }
}

/// What is to be done with one partition: an object of its own, for it may name ten thousand files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionPlan {
    /// The table.
    pub table: TableName,
    /// The partition.
    pub partition: PartitionKey,
    /// The location that was listed. If the partition lies elsewhere by now, the plan is void.
    pub location: Location,
    /// Why it is to be swapped.
    pub reason: Qualification,
    /// What is to be merged; empty if only leftovers are to go. Each file is in one bin at most.
    pub bins: Vec<PlannedBin>,
    /// Files that are copied as they are, as far as they were listed, and their bytes.
    pub copied_files: usize,
    /// Their bytes.
    pub copied_bytes: u64,
    /// Files that a settled ledger does not name: neither merged nor copied.
    pub leftover_files: usize,
}

/// Why a partition is to be swapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Qualification {
    /// Enough small files came to be.
    SmallFiles,
    /// Nothing arrived for long, and it is not packed yet.
    Quiet,
    /// It holds files that a settled ledger does not name.
    Leftovers,
    /// A swap of it was begun and not finished: until somebody does, everything is written twice.
    Unfinished,
}

/// Files that are to become one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedBin {
    /// Its number in its partition, from 0 on: part of the name of its file.
    pub index: u32,
    /// Its files: at least two.
    pub inputs: Vec<PlannedFile>,
}

/// A file that is to be merged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFile {
    /// Its name in the location of its plan.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
}

/// One of the partitions that a Map of a state machine runs over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionItem {
    /// The plan.
    pub compaction: CompactionId,
    /// The number of the partition in the plan, which leads to its [`PartitionPlan`].
    pub index: u32,
    /// The table.
    pub table: TableName,
    /// The partition.
    pub partition: PartitionKey,
}

/// What lay in the location of a partition when its swap had begun: complete for every writer that
/// does not write to the next location, too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwapListing {
    /// The files.
    pub files: Vec<ListedFile>,
}

/// A file as it was listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedFile {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
    /// When it was written last, by the time of the store.
    pub modified: UtcInstant,
}

impl PartitionPlan {
    /// The files of all bins.
    pub fn inputs(&self) -> impl Iterator<Item = &PlannedFile> {
        self.bins.iter().flat_map(|bin| &bin.inputs)
    }

    /// The bin of this number, if there is one.
    #[must_use]
    pub fn bin(&self, index: u32) -> Option<&PlannedBin> {
        self.bins.iter().find(|bin| bin.index == index)
    }

    /// Bytes that are read and written again in order to be merged.
    #[must_use]
    pub fn merged_bytes(&self) -> u64 {
        self.inputs().map(|input| input.bytes).sum()
    }
}

impl PlannedBin {
    /// The bytes of its files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.inputs.iter().map(|input| input.bytes).sum()
    }
}
