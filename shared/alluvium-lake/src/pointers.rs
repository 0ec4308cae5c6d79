//! Where the files of a partition go.
//!
//! A partition is registered before its pointer is there, so a pointer proves a registered
//! partition. A file goes to every location that the pointer names, and the pointer is looked at
//! again afterwards: whoever swaps the partition meanwhile either finds the file or had its new
//! location written to.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use alluvium_model::{
    DatabaseName, PartitionEntry, PartitionKey, Pointer, TableName, Version, Versioned,
    layout::{ObjectKey, pointer_key},
    ports::{
        CommitObjects, Put, ReadObjects, RegisterPartitions, Registered, Reread, WriteObjects,
    },
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};

use crate::{Backoff, LakeError, state};

/// Partitions that are remembered, more or less: a process may see any number. Those that are
/// forgotten are registered again.
const KNOWN_MAX: usize = 50_000;
/// Pointers that are read or created at once.
const CALLS_AT_ONCE: usize = 16;
/// Times that a pointer may change under an attempt before that is given up.
const ROUNDS_MAX: u32 = 8;

/// Opens partitions for writing, and remembers which are registered.
#[derive(Debug)]
pub(crate) struct Pointers<C, O> {
    catalog: C,
    objects: O,
    database: DatabaseName,
    backoff: Backoff,
    registered: Mutex<BTreeSet<(TableName, PartitionKey)>>,
}

/// A partition that may be written to.
#[derive(Clone, Debug)]
pub(crate) struct OpenPartition {
    pub(crate) key: PartitionKey,
    object: ObjectKey,
    pointer: Pointer,
    version: Version,
}

/// A partition, and its pointer if it has one.
type Seen = (PartitionKey, Option<Versioned<Pointer>>);

impl<C, O> Pointers<C, O> {
    pub(crate) fn new(catalog: C, objects: O, database: DatabaseName, backoff: Backoff) -> Self {
        Self { catalog, objects, database, backoff, registered: Mutex::default() }
    }

    /// Forgets the partitions of a table, so that they are registered again.
    pub(crate) fn forget(&self, table: &TableName) {
        let mut registered = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
        registered.retain(|(name, _)| name != table);
    }

    fn is_known(&self, table: &TableName, key: &PartitionKey) -> bool {
        let id = (table.clone(), key.clone());
        self.registered.lock().unwrap_or_else(PoisonError::into_inner).contains(&id)
    }
}

impl<C, O> Pointers<C, O>
where
    C: RegisterPartitions,
    O: ReadObjects + CommitObjects + WriteObjects,
{
    /// Opens partitions, and makes those that are not there; they are in the order of the keys.
    /// Also says how many are new.
    pub(crate) async fn open(
        &self,
        table: &TableName,
        keys: &[PartitionKey],
    ) -> Result<(Vec<OpenPartition>, u64), LakeError> {
        let look = |key: PartitionKey| async {
            let found = self.read(&pointer_key(&self.database, table, &key)).await?;
            Ok::<Seen, LakeError>((key, found))
        };
        let seen: Vec<Seen> = at_once(keys.iter().cloned().map(look)).await?;
        let new = self.register(table, &seen).await?;
        let open = |(key, found): Seen| async {
            let object = pointer_key(&self.database, table, &key);
            let Versioned { value: pointer, version } = match found {
                Some(found) => found,
                None => self.create(&object, Pointer::first(&self.database, table, &key)).await?,
            };
            Ok(OpenPartition { key, object, pointer, version })
        };
        Ok((at_once(seen.into_iter().map(open)).await?, new))
    }

    /// Registers the partitions that this process does not know: somebody may have dropped their
    /// table, and their pointers are still there.
    async fn register(&self, table: &TableName, seen: &[Seen]) -> Result<u64, LakeError> {
        let entry = |(key, found): &Seen| {
            let pointer = found.as_ref().map(|found| found.value.clone());
            let pointer = pointer.unwrap_or_else(|| Pointer::first(&self.database, table, key));
            PartitionEntry { key: key.clone(), location: pointer.location }
        };
        let is_retired = |found: &Option<Versioned<Pointer>>| {
            found.as_ref().is_some_and(|found| found.value.retired_at.is_some())
        };
        let unknown =
            seen.iter().filter(|(key, found)| !self.is_known(table, key) || is_retired(found));
        let unknown: Vec<_> = unknown.map(entry).collect();
        if unknown.is_empty() {
            return Ok(0);
        }
        let create = || self.catalog.create_partitions(table, &unknown);
        let registered = self.backoff.retry(create).await?;
        let ids = unknown.into_iter().map(|partition| (table.clone(), partition.key));
        let mut known = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.extend(ids);
        Ok(registered.iter().filter(|one| **one == Registered::New).count() as u64)
    }

    /// Creates a pointer, and reads what is there then: somebody else may have been faster.
    async fn create(
        &self,
        object: &ObjectKey,
        pointer: Pointer,
    ) -> Result<Versioned<Pointer>, LakeError> {
        let bytes = state::bytes(object, &pointer)?;
        let create = || self.objects.create_object(object, bytes.clone());
        match self.backoff.retry(create).await? {
            Put::Done(_) | Put::Conflict => {}
        }
        let found = self.read(object).await?;
        found.ok_or_else(|| LakeError::PointerGone { pointer: object.clone() })
    }

    async fn read(&self, object: &ObjectKey) -> Result<Option<Versioned<Pointer>>, LakeError> {
        let found = self.backoff.retry(|| self.objects.object(object)).await?;
        Ok(found.map(|found| state::understand(object, found)).transpose()?)
    }

    /// Writes a file of a partition to every location that its pointer names, until it names no
    /// other ones: then it is where every reader will look, whatever is swapped meanwhile.
    pub(crate) async fn write(
        &self,
        partition: &mut OpenPartition,
        name: &str,
        bytes: &Bytes,
    ) -> Result<(), LakeError> {
        let mut written = BTreeSet::new();
        for _ in 0..ROUNDS_MAX {
            for location in partition.pointer.locations() {
                if written.insert(location.clone()) {
                    let key = location.object(name);
                    let put = || self.objects.put_object(&key, bytes.clone());
                    self.backoff.retry(put).await?;
                }
            }
            let OpenPartition { object, version, .. } = &*partition;
            match self.backoff.retry(|| self.objects.object_since(object, version)).await? {
                Reread::Unchanged => return Ok(()),
                Reread::Gone => {
                    return Err(LakeError::PointerGone { pointer: object.clone() });
                }
                Reread::Changed(found) => {
                    let found: Versioned<Pointer> = state::understand(object, found)?;
                    // It left the catalog since it was opened.
                    if found.value.retired_at > partition.pointer.retired_at {
                        return Err(LakeError::Retired { pointer: object.clone() });
                    }
                    (partition.pointer, partition.version) = (found.value, found.version);
                }
            }
            if partition.pointer.locations().all(|location| written.contains(location)) {
                return Ok(());
            }
        }
        Err(LakeError::Unstable { pointer: partition.object.clone(), rounds: ROUNDS_MAX })
    }
}

/// Awaits all, some of them at once; what they give is in their order.
pub(crate) async fn at_once<T, F>(calls: impl Iterator<Item = F>) -> Result<Vec<T>, LakeError>
where
    F: Future<Output = Result<T, LakeError>>,
{
    in_turn(calls).try_collect().await
}

/// The same, one after the other: what they give is held no longer than it takes to go on.
pub(crate) fn in_turn<T, F>(calls: impl Iterator<Item = F>) -> impl Stream<Item = F::Output>
where
    F: Future<Output = Result<T, LakeError>>,
{
    stream::iter(calls).buffered(CALLS_AT_ONCE)
}
