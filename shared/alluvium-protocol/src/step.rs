//! The calls that an attempt makes, by name.

use std::fmt;

use crate::words::{Part, Partition, Plan};

/// Which of the locations that a pointer names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// Where files lie: what readers are sent to, or are about to be.
    Current,
    /// Where a swap is bringing them.
    Next,
}

/// One call of an attempt to load a source: to S3, unless it says the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// GET the source's ledger entry.
    ReadEntry,
    /// GET the source, if it is still the one that was announced.
    OpenSource,
    /// PUT the entry `{writing, my plan}`, if there is none.
    Claim,
    /// PUT the entry `{committed, superseded}`, if there is none: nobody claimed the source, so
    /// nobody wrote a file.
    Supersede,
    /// Replace the entry `{committed, superseded}` by `{writing, my plan}`: the source came back.
    Reopen,
    /// Commit what the part adds to the schema (the catalog).
    CommitSchema(Part),
    /// GET the pointer of a partition.
    ReadPointer(Partition),
    /// Create the partition in the catalog, at its first location; fine if it exists.
    RegisterPartition(Partition),
    /// PUT the pointer to the first location, if there is none.
    CreatePointer(Partition),
    /// PUT the file of a part in a partition, whether or not it is there.
    WriteFile(Part, Partition, Place),
    /// GET the pointer of a partition, if it is not the one read last.
    ReadPointerAgain(Partition),
    /// Replace the entry by `{committed, plan}`; without files, it says superseded.
    CommitEntry(Plan),
    /// Replace the entry by `{writing, plan, fenced now}`: a plan is taken over, here is where.
    Fence(Plan),
    /// LIST the pointers of the source's tables, for a sweep.
    ListPointers,
    /// GET a pointer, for a sweep.
    ReadPointerToSweep(Partition),
    /// LIST the files of the source in a location of a partition.
    ListLeftovers(Partition, Place),
    /// Delete those of other plans among them; is left out where there are none.
    DeleteLeftovers(Partition, Place),
}

impl Step {
    /// What the step is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadEntry => "read entry",
            Self::OpenSource => "open source",
            Self::Claim => "claim",
            Self::Supersede => "supersede",
            Self::Reopen => "reopen",
            Self::CommitSchema(_) => "commit schema",
            Self::ReadPointer(_) => "read pointer",
            Self::RegisterPartition(_) => "register partition",
            Self::CreatePointer(_) => "create pointer",
            Self::WriteFile(..) => "write file",
            Self::ReadPointerAgain(_) => "read pointer again",
            Self::CommitEntry(_) => "commit entry",
            Self::Fence(_) => "fence",
            Self::ListPointers => "list pointers",
            Self::ReadPointerToSweep(_) => "read pointer to sweep",
            Self::ListLeftovers(..) => "list leftovers",
            Self::DeleteLeftovers(..) => "delete leftovers",
        }
    }
}

/// The name, then what it is about, as in `write file: first part, second partition, next`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match *self {
            Self::CommitSchema(part) => write!(f, ": {} part", part_name(part)),
            Self::ReadPointer(partition)
            | Self::RegisterPartition(partition)
            | Self::CreatePointer(partition)
            | Self::ReadPointerAgain(partition)
            | Self::ReadPointerToSweep(partition) => {
                write!(f, ": {} partition", partition_name(partition))
            }
            Self::WriteFile(part, partition, place) => write!(
                f,
                ": {} part, {} partition, {}",
                part_name(part),
                partition_name(partition),
                place_name(place)
            ),
            Self::ListLeftovers(partition, place) | Self::DeleteLeftovers(partition, place) => {
                write!(f, ": {} partition, {}", partition_name(partition), place_name(place))
            }
            Self::CommitEntry(plan) | Self::Fence(plan) => match plan {
                Plan::Superseded => f.write_str(": superseded"),
                Plan::Files(_) => f.write_str(": files"),
            },
            Self::ReadEntry
            | Self::OpenSource
            | Self::Claim
            | Self::Supersede
            | Self::Reopen
            | Self::ListPointers => Ok(()),
        }
    }
}

const fn part_name(part: Part) -> &'static str {
    match part {
        Part::First => "first",
        Part::Second => "second",
    }
}

const fn partition_name(partition: Partition) -> &'static str {
    match partition {
        Partition::First => "first",
        Partition::Second => "second",
    }
}

const fn place_name(place: Place) -> &'static str {
    match place {
        Place::Current => "current",
        Place::Next => "next",
    }
}
