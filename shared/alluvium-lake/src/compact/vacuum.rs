//! What was left behind is deleted when its grace has passed.

use std::time::Duration;

use alluvium_model::{
    Garbage, Pointer, UtcInstant,
    layout::{ObjectKey, compactions, garbage, garbage_date},
    ports::{
        DeleteObjects, FindPartitions, ListObjects, MovePartitions, ReadObjects,
        RegisterPartitions, TellTime,
    },
};
use futures_util::StreamExt as _;
use serde::Serialize;

use super::{SwapSettings, Swaps, later, pointer::Place};
use crate::{Deadline, LakeError, pointers::in_turn};

/// How long plans are kept at least: a state machine may be redriven on the next day.
const PLAN_MIN: Duration = Duration::from_hours(48);

/// Locations that were kept of which a report tells more than their number.
const KEPT_TOLD_MAX: usize = 20;

/// What a vacuum did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VacuumReport {
    /// Locations whose files were deleted.
    pub locations: usize,
    /// Their files.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Locations whose grace has not passed.
    pub waiting: usize,
    /// Locations, and partitions past their age, whose turn did not come in the time that there
    /// was.
    pub left: usize,
    /// Objects of plans that were deleted: nobody can be following them any more.
    pub plans: usize,
    /// Partitions past the age that their contract allows, which left the catalog.
    pub retired: usize,
    /// Such partitions that stay until the next vacuum, for somebody swaps them or did just now.
    pub leased: usize,
    /// Locations that were kept; the first of them, if there are many.
    pub kept: Vec<KeptGarbage>,
    /// How many more there are.
    pub kept_besides: usize,
}

/// A location that was noted as garbage and is named nevertheless: what the doctor is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeptGarbage {
    /// The note, which is kept, too.
    pub note: ObjectKey,
    /// What it is about.
    pub garbage: Garbage,
    /// Who names it.
    pub named_by: NamedBy,
}

/// Who names a location.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NamedBy {
    /// The pointer of its partition.
    Pointer,
    /// The catalog.
    Catalog,
    /// Nobody, but there is no pointer: the next writer may make one that does.
    NoPointer,
}

/// How one note ended.
enum Vacuumed {
    Deleted {
        files: usize,
        bytes: u64,
    },
    Kept(KeptGarbage),
    /// Somebody else did it.
    Gone,
    OutOfTime,
}

impl<C, O> Swaps<C, O>
where
    C: FindPartitions + MovePartitions + RegisterPartitions,
    O: ReadObjects + ListObjects + DeleteObjects + TellTime,
{
    /// Deletes what was noted as garbage and whose grace has passed, unless something names it.
    /// It may be done by several at once, and what time does not suffice for is done by the next.
    ///
    /// # Errors
    /// When a port fails, or a note is not understood; then the others are worked off nevertheless.
    pub async fn vacuum(&self, deadline: Deadline) -> Result<VacuumReport, LakeError> {
        let deadline = self.step(deadline);
        let now = self.now(deadline).await?;
        let notes = garbage(&self.settings.database);
        let list = || self.objects.list_objects(&notes);
        let listed = deadline.call(self.settings.backoff.retry(list)).await?;
        let (mut report, mut failed) = (VacuumReport::default(), None);
        let (due, waiting): (Vec<_>, Vec<_>) =
            listed.into_iter().map(|entry| entry.key).partition(|note| self.is_due(note, now));
        report.waiting = waiting.len();
        let mut vacuumed = in_turn(due.into_iter().map(|note| self.vacuum_one(note, deadline)));
        while let Some(vacuumed) = vacuumed.next().await {
            match vacuumed {
                Err(error) => failed = failed.or(Some(error)),
                Ok(Vacuumed::Deleted { files, bytes }) => {
                    report.locations += 1;
                    report.files += files;
                    report.bytes += bytes;
                }
                Ok(Vacuumed::Kept(kept)) if report.kept.len() < KEPT_TOLD_MAX => {
                    report.kept.push(kept);
                }
                Ok(Vacuumed::Kept(_)) => report.kept_besides += 1,
                Ok(Vacuumed::Gone) => {}
                Ok(Vacuumed::OutOfTime) => report.left += 1,
            }
        }
        report.plans = match self.forget_plans(now, deadline).await {
            Err(LakeError::OutOfTime) => 0,
            forgotten => forgotten?,
        };
        failed.map_or(Ok(report), Err)
    }

    /// Deletes what belongs to plans that nobody can be following any more; how many objects.
    async fn forget_plans(&self, now: UtcInstant, deadline: Deadline) -> Result<usize, LakeError> {
        let SwapSettings { database, backoff, grace, lease, .. } = &self.settings;
        let plans = compactions(database);
        let listed = deadline.call(backoff.retry(|| self.objects.list_objects(&plans))).await?;
        let longest = (*grace).max(*lease).max(PLAN_MIN);
        let old = listed.into_iter().filter(|entry| later(entry.modified, longest) < now);
        let keys: Vec<_> = old.map(|entry| entry.key).collect();
        if !keys.is_empty() {
            deadline.call(backoff.retry(|| self.objects.delete_objects(&keys))).await?;
        }
        Ok(keys.len())
    }

    fn is_due(&self, note: &ObjectKey, now: UtcInstant) -> bool {
        garbage_date(&self.settings.database, note).is_some_and(|not_before| not_before < now)
    }

    async fn vacuum_one(&self, note: ObjectKey, deadline: Deadline) -> Result<Vacuumed, LakeError> {
        match self.delete(note, deadline).await {
            Err(LakeError::OutOfTime) => Ok(Vacuumed::OutOfTime),
            ended => ended,
        }
    }

    async fn delete(&self, note: ObjectKey, deadline: Deadline) -> Result<Vacuumed, LakeError> {
        let Some(found) = self.read::<Garbage>(&note, deadline).await? else {
            return Ok(Vacuumed::Gone);
        };
        let garbage = found.value;
        if let Some(named_by) = self.named_by(&garbage, deadline).await? {
            return Ok(Vacuumed::Kept(KeptGarbage { note, garbage, named_by }));
        }
        let backoff = self.settings.backoff;
        let list = || self.objects.list_objects(&garbage.location);
        let listed = deadline.call(backoff.retry(list)).await?;
        let bytes = listed.iter().map(|entry| entry.bytes).sum();
        let keys: Vec<_> = listed.into_iter().map(|entry| entry.key).collect();
        if !keys.is_empty() {
            deadline.call(backoff.retry(|| self.objects.delete_objects(&keys))).await?;
        }
        // The note last: whoever dies before leaves it to the next.
        let note = [note];
        deadline.call(backoff.retry(|| self.objects.delete_objects(&note))).await?;
        Ok(Vacuumed::Deleted { files: keys.len(), bytes })
    }

    /// Who still names a location. A generation is never made again, so once nobody does nobody
    /// ever will; but for the first one, which whoever finds no pointer makes.
    async fn named_by(
        &self,
        garbage: &Garbage,
        deadline: Deadline,
    ) -> Result<Option<NamedBy>, LakeError> {
        let Garbage { table, partition, location } = garbage;
        let place = Place::new(&self.settings.database, table, partition);
        match self.read::<Pointer>(&place.object, deadline).await? {
            Some(found) if found.value.locations().any(|named| named == location) => {
                return Ok(Some(NamedBy::Pointer));
            }
            None if Pointer::first(&self.settings.database, table, partition).location
                == *location =>
            {
                return Ok(Some(NamedBy::NoPointer));
            }
            Some(_) | None => {}
        }
        let in_catalog = self.in_catalog(&place, deadline).await?;
        Ok((in_catalog.as_ref() == Some(location)).then_some(NamedBy::Catalog))
    }
}
