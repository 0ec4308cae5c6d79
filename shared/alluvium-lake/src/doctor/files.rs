//! Files that the ledger does not name.

use alluvium_model::{
    LedgerState, PlanId, SourceId, TableName,
    layout::{Location, ObjectKey, ledger_key, source_of_file},
    ports::{ListObjects, ObjectEntry, ReadObjects},
};

use super::{Diagnosis, Doctor, Inconsistency, LeftBy, Scope, sources::Sources};
use crate::{LakeError, pointers::at_once};

/// What a file is that no committed entry was seen to name.
enum Judged {
    /// One that counts: its source is loaded by now, or nobody can tell.
    Fine,
    /// One of a source that somebody may be loading.
    InProgress,
    /// One of a source that the ledger does not know.
    NoEntry(ObjectKey),
    Wrong(Inconsistency),
}

impl<C, O: ListObjects + ReadObjects> Doctor<C, O> {
    /// Looks at the files in one location of a table that readers see, or will.
    pub(super) async fn examine_files(
        &self,
        (table, location): (&TableName, &Location),
        listed: &[ObjectEntry],
        (sources, scope): (&Sources, &Scope<'_>),
        diagnosis: &mut Diagnosis,
    ) -> Result<(), LakeError> {
        let named =
            listed.iter().filter_map(|entry| Some((&entry.key, source_of_file(&entry.key)?)));
        let unnamed = named.filter(|(_, (source, plan))| {
            sources.is_understood(*source) && !sources.is_loaded_by(*source, *plan)
        });
        let judge = |(key, (source, plan)): (&ObjectKey, _)| {
            self.judge(table, key.clone(), (source, plan), (sources, scope))
        };
        let mut without_entry = Vec::new();
        for judged in at_once(unnamed.map(judge)).await? {
            match judged {
                Judged::Fine => {}
                Judged::InProgress => diagnosis.in_progress.files += 1,
                Judged::NoEntry(key) => without_entry.push(key),
                Judged::Wrong(finding) => diagnosis.add(finding),
            }
        }
        if let Some(first) = without_entry.first() {
            let (table, location, first) = (table.clone(), location.clone(), first.clone());
            diagnosis.add(Inconsistency::NoEntry {
                table,
                location,
                files: without_entry.len(),
                first,
            });
        }
        diagnosis.looked_at.files += listed.len();
        Ok(())
    }

    /// Asks the ledger once more: a file that is listed was claimed before it was written.
    async fn judge(
        &self,
        table: &TableName,
        file: ObjectKey,
        (source_id, plan): (SourceId, PlanId),
        (sources, scope): (&Sources, &Scope<'_>),
    ) -> Result<Judged, LakeError> {
        let Some(entry) = self.entry_now(&ledger_key(&self.database, source_id)).await? else {
            return Ok(Judged::NoEntry(file));
        };
        let (table, source) = (table.clone(), entry.source);
        let left_by = match entry.state {
            LedgerState::Committed(committed) if committed.plan == plan => return Ok(Judged::Fine),
            LedgerState::Committed(_) => LeftBy::OtherLoad,
            LedgerState::Superseded { .. } => LeftBy::Superseded,
            LedgerState::Writing(claim) => {
                let settled = sources.heard_of(source_id, &claim);
                let settled = settled.filter(|since| self.is_settled(*since, scope.now));
                let Some(since) = settled else { return Ok(Judged::InProgress) };
                match claim.plan {
                    None => LeftBy::GoneSource,
                    Some(claimed) if claimed.id == plan => {
                        return Ok(Judged::Wrong(Inconsistency::Uncommitted {
                            table,
                            file,
                            source,
                            plan,
                            since,
                        }));
                    }
                    Some(_) if claim.fenced_at.is_some() => LeftBy::TakeOver,
                    Some(_) => LeftBy::OtherClaim,
                }
            }
        };
        Ok(Judged::Wrong(Inconsistency::LeftOver { table, file, source, source_id, plan, left_by }))
    }
}
