//! The pointer of a partition that is swapped.

use alluvium_model::{
    DatabaseName, PartitionKey, Phase, Pointer, TableName, UtcInstant, Versioned,
    layout::{ObjectKey, pointer_key},
    ports::{CommitObjects, Put, ReadObjects, TellTime},
};

use super::Swaps;
use crate::{Deadline, LakeError, state};

/// A partition.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) table: TableName,
    pub(super) partition: PartitionKey,
    /// Where its pointer is.
    pub(super) object: ObjectKey,
}

/// A pointer as it was read or written last.
pub(super) type Known = Versioned<Pointer>;

impl Place {
    pub(super) fn new(
        database: &DatabaseName,
        table: &TableName,
        partition: &PartitionKey,
    ) -> Self {
        let object = pointer_key(database, table, partition);
        Self { table: table.clone(), partition: partition.clone(), object }
    }
}

/// Whether nobody may swap a partition but its owner.
pub(super) fn is_leased(pointer: &Pointer, now: UtcInstant) -> bool {
    pointer.lease_until.is_some_and(|until| now <= until)
}

/// Whether a swap of it can only go forward.
pub(super) fn is_committing(pointer: &Pointer) -> bool {
    pointer.next.as_ref().is_some_and(|next| next.phase == Phase::Committing)
}

impl<C, O: ReadObjects + CommitObjects + TellTime> Swaps<C, O> {
    /// Replaces a pointer; none if somebody else has done so first. A conflict may be one with
    /// ourselves, if an answer got lost: no two pointers are alike, so what is there tells. One
    /// with somebody who did not come through leaves what was there, and is tried again.
    pub(super) async fn replace(
        &self,
        place: &Place,
        (known, pointer): (&Known, Pointer),
        deadline: Deadline,
    ) -> Result<Option<Known>, LakeError> {
        let (key, backoff) = (&place.object, self.settings.backoff);
        let bytes = state::bytes(key, &pointer)?;
        let mut tries = backoff.begin();
        loop {
            let put = || self.objects.replace_object(key, bytes.clone(), &known.version);
            if let Put::Done(version) = deadline.call(backoff.retry(put)).await? {
                return Ok(Some(Versioned { value: pointer, version }));
            }
            let found = self.read::<Pointer>(key, deadline).await?;
            match found {
                Some(found) if found.value == pointer => return Ok(Some(found)),
                Some(found) if found.version == known.version => {
                    if !tries.pause().await {
                        return Ok(None);
                    }
                }
                Some(_) | None => return Ok(None),
            }
        }
    }
}
