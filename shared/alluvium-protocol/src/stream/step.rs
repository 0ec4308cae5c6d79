//! The calls that an attempt at a shard makes, by name.

use std::fmt;

use super::words::Range;

/// One call of an attempt, to S3; for what §1 does with a range those that matter to streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// GET the watermark.
    ReadWatermark,
    /// LIST the raw objects of the shard (a replay).
    ListRaw,
    /// GET the ledger entry of a range that a listed name tells (a replay).
    LookUp(Range),
    /// PUT the raw object of a range.
    WriteRaw(Range),
    /// Replace the watermark by one that names the ranges that were written.
    SetWatermark,
    /// GET the ledger entry of a pending range.
    ReadEntry(Range),
    /// GET its raw object.
    OpenRaw(Range),
    /// PUT its entry `{writing}`, if there is none.
    Claim(Range),
    /// PUT its file into the table.
    WriteFile(Range),
    /// Replace its entry by `{committed}`.
    CommitEntry(Range),
    /// Replace the watermark by one without the ranges that are committed.
    Release,
    /// Replace the watermark by one that calls a pending range failed (the schedule).
    MoveToFailed(Range),
    /// Replace the watermark by one that calls failed ranges pending again.
    MoveBack,
    /// Delete the object of what the mapping gave up (a replay).
    DeleteGivenUp,
    /// Delete a raw object; only without a protection.
    DeleteRaw(Range),
    /// Delete a file of the table; only without a protection.
    DeleteFile(Range),
}

impl Step {
    /// What the step is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadWatermark => "read watermark",
            Self::ListRaw => "list raw",
            Self::LookUp(_) => "look up",
            Self::WriteRaw(_) => "write raw",
            Self::SetWatermark => "set watermark",
            Self::ReadEntry(_) => "read entry",
            Self::OpenRaw(_) => "open raw",
            Self::Claim(_) => "claim",
            Self::WriteFile(_) => "write file",
            Self::CommitEntry(_) => "commit entry",
            Self::Release => "release",
            Self::MoveToFailed(_) => "move to failed",
            Self::MoveBack => "move back",
            Self::DeleteGivenUp => "delete given up",
            Self::DeleteRaw(_) => "delete raw",
            Self::DeleteFile(_) => "delete file",
        }
    }
}

/// The name, then the range it is about by its first and last record, as in `write raw: 1-2`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match *self {
            Self::LookUp(range)
            | Self::WriteRaw(range)
            | Self::ReadEntry(range)
            | Self::OpenRaw(range)
            | Self::Claim(range)
            | Self::WriteFile(range)
            | Self::CommitEntry(range)
            | Self::MoveToFailed(range)
            | Self::DeleteRaw(range)
            | Self::DeleteFile(range) => {
                write!(f, ": {}-{}", range.first() as u8 + 1, range.last() as u8 + 1)
            }
            Self::ReadWatermark
            | Self::ListRaw
            | Self::SetWatermark
            | Self::Release
            | Self::MoveBack
            | Self::DeleteGivenUp => Ok(()),
        }
    }
}
