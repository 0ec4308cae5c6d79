//! Whether a lake holds all of a source, and nothing twice.
//!
//! The source is read again and compared with the files that the catalog names, value by value.
//! Memory is that of one part of the source and one file of the lake.

use std::{
    collections::{BTreeMap, HashMap, btree_map::Entry},
    error::Error as _,
    ops::Range,
    sync::Arc,
};

use alluvium_columnar::{Part, Shredder, Step, StoredError, StoredFile, Verification, Verifier};
use alluvium_model::{
    DatabaseName, Destination, Injury, LedgerEntry, Limits, PartitionKey, SourceId, TableName,
    TableSchema, TableSource, UtcInstant,
    layout::{ObjectKey, ledger_key, source_of_file},
    ports::{Chunk, ListObjects, ReadObjects, ReadPartitions, ReadSource, ReadTables, Source},
};
use bytes::Bytes;

use crate::{Browse, LakeError, state};

/// What became of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Its records, bad ones included.
    pub records: u64,
    /// What its records and values were found to be.
    pub found: Verification,
    /// What is wrong with files as such.
    pub damaged_files: Vec<DamagedFile>,
    /// What somebody did by hand to the table that it is loaded into: readers that go through the
    /// catalog may not see all of its values before the next commit heals it.
    pub injuries: Vec<Injury>,
}

/// A file of a lake that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedFile {
    /// Its key.
    pub key: ObjectKey,
    /// What is wrong with it.
    pub message: String,
}

impl VerifyReport {
    /// Whether everything is where it should be, once.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.found.flaws.is_empty()
            && self.damaged_files.is_empty()
            && self.injuries.is_empty()
            && self.records == self.found.rows + self.found.quarantined
    }
}

/// Verifies sources against one lake.
#[derive(Debug)]
pub struct Verify<C, O> {
    browse: Browse<C, O>,
    catalog: C,
    objects: O,
    limits: Limits,
    /// Whose ledger tells when sources arrived.
    database: Option<DatabaseName>,
    /// The schemas of tables that were asked for, healed.
    schemas: BTreeMap<TableName, TableSchema>,
    /// Files, as they were when they were first asked for.
    files: BTreeMap<Holds, TableFiles>,
    /// The records that a file was found to have rows of; none for one that cannot be read.
    records: HashMap<ObjectKey, Range<u64>>,
}

/// The files of a table, each with its partition, by the source that they are named for.
#[derive(Debug, Default)]
struct TableFiles {
    by_source: BTreeMap<SourceId, Vec<(ObjectKey, PartitionKey)>>,
    /// Files of later generations, which may hold rows of any source.
    of_many: Vec<(ObjectKey, PartitionKey)>,
}

/// Where the records of a source are.
#[derive(Debug)]
struct Holding {
    /// The rows of its table, if there is one.
    rows: Option<Holds>,
    /// The bad records of parts that have rows as well: bound for that table.
    bad_records: Holds,
    /// Those of parts without rows, which do not ask what their table is called: bound for the
    /// one that it would be called first.
    bad_records_alone: Holds,
}

impl Holding {
    fn of_part(&self, part: &Part) -> impl Iterator<Item = &Holds> {
        let alone = part.rows() == 0;
        let bad = if alone { &self.bad_records_alone } else { &self.bad_records };
        self.rows.iter().chain([bad])
    }

    fn all(&self) -> impl Iterator<Item = &Holds> {
        let alone = Some(&self.bad_records_alone).filter(|alone| **alone != self.bad_records);
        self.rows.iter().chain([&self.bad_records]).chain(alone)
    }
}

/// What files hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Holds {
    /// Rows of a table.
    Rows(TableName),
    /// Records that could not become rows of it.
    BadRecords(TableName),
}

impl<C, O> Verify<C, O>
where
    C: ReadTables + ReadPartitions + Clone,
    O: ListObjects + ReadObjects + Clone,
{
    /// A verification against the lake of these ports. `limits` are those that sources were
    /// loaded with.
    pub fn new(catalog: C, objects: O, limits: Limits) -> Self {
        Self {
            browse: Browse::new(catalog.clone(), objects.clone()),
            catalog,
            objects,
            limits,
            database: None,
            schemas: BTreeMap::new(),
            files: BTreeMap::new(),
            records: HashMap::new(),
        }
    }

    /// The same, but a source that the ledger of this database knows arrived when that says: files
    /// may be touched after they were loaded.
    #[must_use]
    pub fn by_ledger_of(self, database: DatabaseName) -> Self {
        Self { database: Some(database), ..self }
    }

    async fn arrived_at(&self, source: SourceId) -> Result<Option<UtcInstant>, LakeError> {
        let Some(database) = &self.database else { return Ok(None) };
        let key = ledger_key(database, source);
        let Some(found) = self.objects.object(&key).await? else { return Ok(None) };
        Ok(state::understand::<LedgerEntry>(&key, found)?.value.arrived_at)
    }

    /// Compares a source that belongs to the table made of `table` with what the lake holds.
    ///
    /// # Errors
    /// When a port fails, or the table is not as Alluvium left it.
    pub async fn verify<R: ReadSource>(
        &mut self,
        destination: impl Into<Destination>,
        mut source: Source<R>,
    ) -> Result<VerifyReport, LakeError> {
        let destination = destination.into();
        if let Some(arrived_at) = self.arrived_at(source.id).await? {
            source.origin.arrived_at = arrived_at;
        }
        let mut held: BTreeMap<TableSource, Holding> = BTreeMap::new();
        let mut report = VerifyReport::default();
        let rules = Arc::clone(&destination.rules);
        let mut shredder = Shredder::new(source.origin.clone(), rules, self.limits);
        loop {
            match shredder.step() {
                Step::NeedInput => match source.reader.next_chunk().await? {
                    Chunk::Bytes(chunk) => shredder.feed(chunk),
                    Chunk::End => shredder.finish(),
                    Chunk::Superseded => {
                        let source_uri = source.origin.source;
                        return Err(LakeError::Changed { source_uri });
                    }
                },
                Step::Part(part) => {
                    let table = destination.routed(part.route()).table.clone();
                    let holding = match held.entry(table) {
                        Entry::Occupied(known) => known.into_mut(),
                        Entry::Vacant(new) => {
                            let holding = self.holding(new.key(), &mut report.injuries).await?;
                            new.insert(holding)
                        }
                    };
                    let mut verifier = Verifier::new(&part);
                    for holds in holding.of_part(&part) {
                        let damaged = self.check(&mut verifier, &part, holds, source.id).await?;
                        report.damaged_files.extend(damaged);
                    }
                    report.records += part.records();
                    report.found.add(verifier.finish());
                }
                Step::Done => break,
                Step::Failed(error) => return Err(error.into()),
            }
        }
        for holds in held.values().flat_map(Holding::all) {
            let beyond = self.rows_beyond(holds, source.id, shredder.records()).await?;
            report.damaged_files.extend(beyond);
        }
        Ok(report)
    }

    /// Compares the part with the files that may hold its records; says what is wrong with these.
    async fn check(
        &mut self,
        verifier: &mut Verifier<'_>,
        part: &Part,
        holds: &Holds,
        source: SourceId,
    ) -> Result<Vec<DamagedFile>, LakeError> {
        let wanted = part.span();
        let mut damaged = Vec::new();
        for (key, partition) in self.files_for(holds, source).await? {
            let overlaps =
                |known: &Range<u64>| known.start < wanted.end && wanted.start < known.end;
            if !self.records.get(&key).is_none_or(overlaps) {
                continue;
            }
            // One that vanished since it was listed was replaced by others: only an error is true.
            let found = self.objects.object(&key).await?;
            let found = found.ok_or_else(|| LakeError::Vanished { key: key.clone() })?;
            let messages = self
                .compare(verifier, holds, (&key, &partition), found.value)
                .unwrap_or_else(|e| {
                    // There is nothing in it to be found by a later part either.
                    self.records.insert(key.clone(), 0..0);
                    vec![
                        e.source().map_or_else(|| e.to_string(), |source| format!("{e}: {source}")),
                    ]
                });
            let of_key = |message| DamagedFile { key: key.clone(), message };
            damaged.extend(messages.into_iter().map(of_key));
        }
        Ok(damaged)
    }

    /// Compares a file; the first time it is looked at itself, too.
    fn compare(
        &mut self,
        verifier: &mut Verifier<'_>,
        holds: &Holds,
        (key, partition): (&ObjectKey, &PartitionKey),
        bytes: Bytes,
    ) -> Result<Vec<String>, StoredError> {
        let file = StoredFile::open(bytes)?;
        let mut messages = Vec::new();
        if !self.records.contains_key(key) {
            self.records.insert(key.clone(), file.records()?);
            let others = file.rows_of_others(verifier.source())?;
            if others > 0 && source_of_file(key).is_some() {
                messages.push(format!("{others} rows are of other sources than its name says"));
            }
            if let Holds::Rows(table) = holds
                && let Some(schema) = self.schemas.get(table)
            {
                messages.extend(file.unlisted_columns(schema));
            }
        }
        match holds {
            Holds::Rows(_) => verifier.check_rows(&file, partition)?,
            Holds::BadRecords(_) => verifier.check_quarantine(&file)?,
        }
        Ok(messages)
    }

    /// The files of a source that have rows of more records than the source has.
    async fn rows_beyond(
        &mut self,
        holds: &Holds,
        source: SourceId,
        records: u64,
    ) -> Result<Vec<DamagedFile>, LakeError> {
        let mut beyond = Vec::new();
        for (key, _) in self.files_for(holds, source).await? {
            let last = self.records.get(&key).map(|known| known.end).unwrap_or_default();
            if last > records && source_of_file(&key).is_some() {
                let message = format!("it has rows beyond the {records} records of its source");
                beyond.push(DamagedFile { key, message });
            }
        }
        Ok(beyond)
    }

    /// Where records of a table's source are; says what is wrong with its table.
    async fn holding(
        &mut self,
        source: &TableSource,
        injuries: &mut Vec<Injury>,
    ) -> Result<Holding, LakeError> {
        let first = source.table_names().next();
        let first = first
            .ok_or_else(|| LakeError::NoTableName { table_source: source.as_str().to_owned() })?;
        let bad_records_alone = Holds::BadRecords(first);
        for name in source.table_names() {
            match self.catalog.table(&name).await? {
                None => break,
                Some(found) if found.value.source() == Some(source.as_str()) => {
                    let healed = found.value.heal()?;
                    injuries.extend(healed.injuries);
                    self.schemas.insert(name.clone(), healed.schema);
                    let rows = Some(Holds::Rows(name.clone()));
                    let bad_records = Holds::BadRecords(name);
                    return Ok(Holding { rows, bad_records, bad_records_alone });
                }
                Some(_) => {}
            }
        }
        let bad_records = bad_records_alone.clone();
        Ok(Holding { rows: None, bad_records, bad_records_alone })
    }

    /// The files that may hold rows of a source, in the order of their keys.
    async fn files_for(
        &mut self,
        holds: &Holds,
        source: SourceId,
    ) -> Result<Vec<(ObjectKey, PartitionKey)>, LakeError> {
        if !self.files.contains_key(holds) {
            let listed = match holds {
                Holds::Rows(table) => self.browse.files_where(table, |_| true).await?,
                Holds::BadRecords(table) => {
                    let bound_for =
                        |key: &PartitionKey| key.values().any(|(_, value)| value == table.as_str());
                    self.browse.files_where(&TableName::quarantine(), bound_for).await?
                }
            };
            let mut files = TableFiles::default();
            for file in listed {
                match source_of_file(&file.0) {
                    Some((id, _)) => files.by_source.entry(id).or_default().push(file),
                    None => files.of_many.push(file),
                }
            }
            self.files.insert(holds.clone(), files);
        }
        let Some(files) = self.files.get(holds) else { return Ok(Vec::new()) };
        let own = files.by_source.get(&source).into_iter().flatten();
        Ok(own.chain(&files.of_many).cloned().collect())
    }
}
