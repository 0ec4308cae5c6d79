//! A catalog in memory.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::{Arc, Mutex},
};

use alluvium_model::{
    ColumnEntry, ErrorKind, PartitionEntry, PartitionKey, PortError, TableEntry, TableName,
    VIEW_TEXT_BYTES_MAX, Version, Versioned, ViewEntry,
    layout::Location,
    ports::{
        Commit, CommitTables, DropPartitions, FindPartitions, FoundView, MovePartitions, Moved,
        PortResult, ReadPartitions, ReadTables, RegisterPartitions, Registered, ReplaceViews,
    },
};

#[derive(Debug, Default)]
struct State {
    tables: BTreeMap<TableName, (u64, TableEntry)>,
    views: BTreeMap<TableName, (u64, ViewEntry)>,
    partitions: BTreeMap<TableName, BTreeMap<PartitionKey, PartitionEntry>>,
    careless: bool,
}

/// A catalog in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryCatalog(Arc<Mutex<State>>);

impl MemoryCatalog {
    /// A catalog that replaces tables whatever their version is, so that the last writer wins: to
    /// see that a test would notice.
    #[must_use]
    pub fn without_version_check() -> Self {
        Self(Arc::new(Mutex::new(State { careless: true, ..State::default() })))
    }

    /// Changes a table, as somebody may do behind our back; false if there is none.
    pub fn edit_table(&self, name: &TableName, edit: impl FnOnce(&mut TableEntry)) -> bool {
        let mut state = self.0.lock().unwrap();
        let Some((version, table)) = state.tables.get_mut(name) else { return false };
        *version += 1;
        edit(table);
        true
    }

    /// Drops a table with its partitions, as somebody may do behind our back.
    pub fn drop_table(&self, name: &TableName) {
        let mut state = self.0.lock().unwrap();
        state.tables.remove(name);
        state.partitions.remove(name);
    }

    /// Moves a partition, as who swaps it does (Glue `BatchUpdatePartition`); false if there is
    /// none.
    #[must_use]
    pub fn move_partition(
        &self,
        table: &TableName,
        key: &PartitionKey,
        location: Location,
    ) -> bool {
        let mut state = self.0.lock().unwrap();
        let partition = state.partitions.get_mut(table).and_then(|known| known.get_mut(key));
        let Some(partition) = partition else { return false };
        partition.location = location;
        true
    }

    /// All partitions of all tables.
    #[must_use]
    pub fn all_partitions(&self) -> Vec<(TableName, PartitionEntry)> {
        let state = self.0.lock().unwrap();
        let of_table = |(table, known): (&TableName, &BTreeMap<PartitionKey, PartitionEntry>)| {
            known.values().map(|partition| (table.clone(), partition.clone())).collect::<Vec<_>>()
        };
        state.partitions.iter().flat_map(of_table).collect()
    }

    /// Drops a view, as somebody may do behind our back.
    pub fn drop_view(&self, name: &TableName) {
        self.0.lock().unwrap().views.remove(name);
    }

    /// The view of that name.
    #[must_use]
    pub fn view(&self, name: &str) -> Option<ViewEntry> {
        let name = name.parse().unwrap();
        self.0.lock().unwrap().views.get(&name).map(|(_, view)| view.clone())
    }
}

/// Refuses what the Glue catalog would (AWS documentation, Glue API `Column` and
/// `SingleLineString`, Glue quotas).
fn check_limits(table: &TableEntry) -> PortResult<()> {
    let refused = |column: &ColumnEntry| {
        let printable = |c: char| c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}');
        !(1..=255).contains(&column.name.len())
            || column.comment.len() > 255
            || !column.comment.chars().all(printable)
            || column.glue_type.len() > 131_072
            || column.parameters.values().any(|value| value.len() > 512_000)
    };
    if table.parameters.values().any(|value| value.len() > 512_000) {
        let error = PortError::new(ErrorKind::Invalid, "write table", table.name.as_str());
        return Err(error.because("a parameter is longer than Glue takes"));
    }
    match table.columns.iter().chain(&table.partition_columns).find(|column| refused(column)) {
        None => Ok(()),
        Some(column) => {
            let error = PortError::new(ErrorKind::Invalid, "write table", table.name.as_str());
            Err(error.because(format!("column {} breaks a limit of Glue", column.name)))
        }
    }
}

impl ReadTables for MemoryCatalog {
    async fn table(&self, name: &TableName) -> PortResult<Option<Versioned<TableEntry>>> {
        let state = self.0.lock().unwrap();
        let versioned = |(version, table): &(u64, TableEntry)| Versioned {
            value: table.clone(),
            version: Version(version.to_string()),
        };
        Ok(state.tables.get(name).map(versioned))
    }

    async fn table_names(&self) -> PortResult<Vec<TableName>> {
        Ok(self.0.lock().unwrap().tables.keys().cloned().collect())
    }
}

impl CommitTables for MemoryCatalog {
    async fn create_table(&self, table: &TableEntry) -> PortResult<Commit> {
        check_limits(table)?;
        let mut state = self.0.lock().unwrap();
        if state.tables.contains_key(&table.name) {
            return Ok(Commit::Conflict);
        }
        state.tables.insert(table.name.clone(), (0, table.clone()));
        Ok(Commit::Done)
    }

    async fn replace_table(&self, table: &TableEntry, version: &Version) -> PortResult<Commit> {
        check_limits(table)?;
        let mut state = self.0.lock().unwrap();
        let careless = state.careless;
        match state.tables.get_mut(&table.name) {
            Some((current, entry)) if careless || current.to_string() == version.0 => {
                *current += 1;
                *entry = table.clone();
                Ok(Commit::Done)
            }
            Some(_) | None => Ok(Commit::Conflict),
        }
    }
}

impl ReplaceViews for MemoryCatalog {
    async fn unified_view(&self, table: &TableName) -> PortResult<FoundView> {
        let (state, name) = (self.0.lock().unwrap(), table.unified());
        if state.tables.contains_key(&name) {
            return Ok(FoundView::Foreign);
        }
        Ok(match state.views.get(&name) {
            None => FoundView::Nothing,
            Some((_, view)) if view.table != *table => FoundView::Foreign,
            Some((version, view)) => FoundView::Ours(Versioned {
                value: view.clone(),
                version: Version(version.to_string()),
            }),
        })
    }

    async fn create_view(&self, view: &ViewEntry) -> PortResult<Commit> {
        check_view(view)?;
        let mut state = self.0.lock().unwrap();
        if state.tables.contains_key(&view.name) || state.views.contains_key(&view.name) {
            return Ok(Commit::Conflict);
        }
        state.views.insert(view.name.clone(), (0, view.clone()));
        Ok(Commit::Done)
    }

    async fn replace_view(&self, view: &ViewEntry, version: &Version) -> PortResult<Commit> {
        check_view(view)?;
        let mut state = self.0.lock().unwrap();
        match state.views.get_mut(&view.name) {
            Some((current, entry)) if current.to_string() == version.0 => {
                *current += 1;
                *entry = view.clone();
                Ok(Commit::Done)
            }
            Some(_) | None => Ok(Commit::Conflict),
        }
    }
}

/// Refuses a text that Glue would (AWS documentation, Glue `TableInput`).
fn check_view(view: &ViewEntry) -> PortResult<()> {
    if view.presto_text().len() <= VIEW_TEXT_BYTES_MAX {
        return Ok(());
    }
    Err(PortError::new(ErrorKind::Invalid, "write the view", view.name.as_str()))
}

impl ReadPartitions for MemoryCatalog {
    async fn partitions(&self, table: &TableName) -> PortResult<Vec<PartitionEntry>> {
        let state = self.0.lock().unwrap();
        Ok(state.partitions.get(table).into_iter().flat_map(BTreeMap::values).cloned().collect())
    }
}

impl RegisterPartitions for MemoryCatalog {
    async fn create_partitions(
        &self,
        table: &TableName,
        partitions: &[PartitionEntry],
    ) -> PortResult<Vec<Registered>> {
        let mut state = self.0.lock().unwrap();
        if !state.tables.contains_key(table) {
            let action = "register partitions of";
            return Err(PortError::new(ErrorKind::Absent, action, table.as_str()));
        }
        let known = state.partitions.entry(table.clone()).or_default();
        let register = |partition: &PartitionEntry| match known.entry(partition.key.clone()) {
            Entry::Occupied(_) => Registered::Before,
            Entry::Vacant(new) => {
                new.insert(partition.clone());
                Registered::New
            }
        };
        Ok(partitions.iter().map(register).collect())
    }
}

impl FindPartitions for MemoryCatalog {
    async fn find_partitions(
        &self,
        table: &TableName,
        keys: &[PartitionKey],
    ) -> PortResult<Vec<Option<PartitionEntry>>> {
        let state = self.0.lock().unwrap();
        let known = state.partitions.get(table);
        Ok(keys.iter().map(|key| known.and_then(|known| known.get(key)).cloned()).collect())
    }
}

impl MovePartitions for MemoryCatalog {
    async fn move_partitions(
        &self,
        table: &TableName,
        partitions: &[PartitionEntry],
    ) -> PortResult<Vec<Moved>> {
        let moved = |PartitionEntry { key, location }: &PartitionEntry| {
            let is_moved = self.move_partition(table, key, location.clone());
            if is_moved { Moved::Done } else { Moved::Absent }
        };
        Ok(partitions.iter().map(moved).collect())
    }
}

impl DropPartitions for MemoryCatalog {
    async fn drop_partitions(&self, table: &TableName, keys: &[PartitionKey]) -> PortResult<()> {
        let mut state = self.0.lock().unwrap();
        if let Some(known) = state.partitions.get_mut(table) {
            known.retain(|key, _| !keys.contains(key));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn is_a_catalog() {
        crate::suites::catalog(super::MemoryCatalog::default()).await;
    }

    #[tokio::test]
    async fn keeps_views() {
        let database = "lake".parse().unwrap();
        crate::suites::views(super::MemoryCatalog::default(), database).await;
    }
}
