//! What the tries of one commit saw and did.

use std::{collections::BTreeSet, sync::Arc};

use alluvium_model::{DataColumn, ExtendedTable, Injury, JsonPath, TableName, TableSchema};

use super::{AddedColumn, Committed, KeptWhole};
use crate::LakeError;

/// What the tries of one commit saw and did, as far as it may be true of the table that results:
/// one that failed may have been made nevertheless, for answers get lost, and so may be one that
/// was called a conflict, for the SDK repeats calls by itself.
#[derive(Debug, Default)]
pub(super) struct Seen {
    added: Vec<DataColumn>,
    kept_whole: Vec<JsonPath>,
    pub(super) injuries: BTreeSet<Injury>,
    /// Whether the table was not there.
    pub(super) absent: bool,
    pub(super) conflicts: u64,
}

impl Seen {
    /// Nothing yet of this table, after so many conflicts over others.
    pub(super) fn after(conflicts: u64) -> Self {
        Self { conflicts, ..Self::default() }
    }

    /// Notes what a try is about to write.
    pub(super) fn add(&mut self, extended: &ExtendedTable) {
        let extension = &extended.extension;
        self.added.extend(extension.added_columns().iter().cloned());
        self.kept_whole.extend(extension.kept_whole.iter().cloned());
        self.injuries.extend(extended.injuries.iter().cloned());
    }

    /// What of it is true of the schema that resulted.
    pub(super) fn committed(
        self,
        table: TableName,
        schema: Arc<TableSchema>,
        refused: u64,
    ) -> Committed {
        let Self { added, kept_whole, injuries, absent, conflicts } = self;
        // Equal to the last: also brought by this source, and not by another one meanwhile.
        let is_ours = |column: &&DataColumn| added.contains(column);
        let added = schema.columns().iter().filter(is_ours).map(|column| AddedColumn {
            table: table.clone(),
            name: column.name.clone(),
            path: column.path.to_string(),
            kind: column.kind,
            sibling_of: column.sibling_of.clone(),
        });
        let kept_whole: BTreeSet<_> =
            kept_whole.into_iter().filter(|path| schema.keeps_whole(path)).collect();
        let kept_whole = kept_whole
            .into_iter()
            .map(|path| KeptWhole { table: table.clone(), path: path.to_string() });
        Committed {
            added: added.collect(),
            kept_whole: kept_whole.collect(),
            refused,
            healed: injuries.into_iter().collect(),
            conflicts,
            created: absent,
            table,
            schema,
        }
    }

    /// Says once what was done by hand and is undone.
    pub(super) fn log_injuries(&self) {
        for Injury { table, column, damage } in &self.injuries {
            tracing::warn!(
                %table,
                column,
                damage = damage.name(),
                found = damage.found(),
                needed = damage.needed(),
                "a column was changed by hand and is healed"
            );
        }
    }

    /// The error that kept the table from being healed, if there was anything to heal.
    pub(super) fn name_injuries(self, error: LakeError) -> LakeError {
        if self.injuries.is_empty() {
            return error;
        }
        let injuries = self.injuries.into_iter().collect();
        LakeError::NotHealed { injuries, source: Box::new(error) }
    }
}
