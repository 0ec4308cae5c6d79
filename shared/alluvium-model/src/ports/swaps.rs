//! What swapping partitions takes: copies and ranges of objects, and partitions that are found, moved
//! and dropped.

use std::ops::Range;

use bytes::Bytes;

use super::{LakeObjects, PortResult, ReadTables, RegisterPartitions};
use crate::{PartitionEntry, PartitionKey, TableName, UtcInstant, layout::ObjectKey};

/// Something with when it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dated<T> {
    /// It.
    pub value: T,
    /// When just this was written, by the time of the store.
    pub modified: UtcInstant,
}

/// Reads small objects of the lake whole, each with when it was written: a listing could tell the
/// date of other bytes than those that are read.
pub trait ReadDated {
    /// The object of that key.
    fn dated_object(
        &self,
        key: &ObjectKey,
    ) -> impl Future<Output = PortResult<Option<Dated<Bytes>>>> + Send;
}

/// How the copy of an object ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Copied {
    /// It is there.
    Done,
    /// Something was there already, and is as it was.
    Exists,
    /// There was nothing to copy.
    Gone,
}

/// Copies objects within the lake, without reading them.
pub trait CopyObjects {
    /// Copies an object, whole or not at all, unless something is there already.
    fn copy_object(
        &self,
        from: &ObjectKey,
        to: &ObjectKey,
    ) -> impl Future<Output = PortResult<Copied>> + Send;
}

/// Reads large objects of the lake piece by piece.
pub trait ReadRanges {
    /// These bytes of an object, or as many of them as it has; none when it is gone.
    fn object_range(
        &self,
        key: &ObjectKey,
        range: Range<u64>,
    ) -> impl Future<Output = PortResult<Option<Bytes>>> + Send;
}

/// Finds single partitions in the catalog.
pub trait FindPartitions {
    /// The partitions of these keys as they are, in order; none for one that is not registered.
    fn find_partitions(
        &self,
        table: &TableName,
        keys: &[PartitionKey],
    ) -> impl Future<Output = PortResult<Vec<Option<PartitionEntry>>>> + Send;
}

/// How the move of a partition ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Moved {
    /// Readers look there, unless somebody else has moved it since.
    Done,
    /// It is not registered; nothing was done.
    Absent,
}

/// Changes where partitions lie. The last writer wins: whoever moves one must know that nobody
/// else does.
pub trait MovePartitions {
    /// Moves each partition to its location, and leaves everything else of it; says how each
    /// ended, in order. Some may be moved when this fails.
    fn move_partitions(
        &self,
        table: &TableName,
        partitions: &[PartitionEntry],
    ) -> impl Future<Output = PortResult<Vec<Moved>>> + Send;
}

/// Takes partitions out of the catalog.
pub trait DropPartitions {
    /// Drops these partitions, those that are gone already too. Some may be gone when this fails.
    fn drop_partitions(
        &self,
        table: &TableName,
        keys: &[PartitionKey],
    ) -> impl Future<Output = PortResult<()>> + Send;
}

/// Everything that swapping partitions takes of objects.
pub trait SwapObjects: LakeObjects + CopyObjects + ReadRanges {}

impl<T: LakeObjects + CopyObjects + ReadRanges> SwapObjects for T {}

/// Everything that swapping partitions takes of the catalog.
pub trait SwapCatalog: ReadTables + RegisterPartitions + FindPartitions + MovePartitions {}

impl<T: ReadTables + RegisterPartitions + FindPartitions + MovePartitions> SwapCatalog for T {}
