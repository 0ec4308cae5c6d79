//! One source, from its bytes to rows that the catalog names.
//!
//! The steps of an attempt, in this order: shred a part, commit the schema that it needs, open
//! the partitions it belongs to, write one file a partition. Names of files are functions of
//! source and plan, so an attempt that is repeated writes the same files again.

use alluvium_columnar::{BadRecord, EncodedFile, Part, Shredder, Step};
use alluvium_model::{
    Budget, Counts, DatabaseName, Origin, PartitionKey, PartitionSpec, Plan, Reason, SourceId,
    TableName, TableSource,
    layout::file_name,
    ports::{CommitTables, ReadSource, ReadTables, RegisterPartitions, Registered, WriteObjects},
};
use serde::Serialize;

use crate::{
    AddedColumn, Backoff, LakeError,
    commit::{Committed, SchemaCommitter, SchemaRules},
    partitions::Partitions,
};

/// Bad records of a source that a report shows; the quarantine table has all of them.
const REPORTED_BAD_RECORDS_MAX: usize = 10;
/// Bytes of a bad record that a report shows.
const REPORTED_BYTES_MAX: usize = 200;

/// How a lake is written.
#[derive(Clone, Debug)]
pub struct IngestSettings {
    /// The database of its tables.
    pub database: DatabaseName,
    /// How sources are read and cut.
    pub plan: Plan,
    /// How wide tables may become.
    pub budget: Budget,
    /// How a contended catalog is asked again.
    pub backoff: Backoff,
}

impl IngestSettings {
    /// The defaults, for this database.
    #[must_use]
    pub fn new(database: DatabaseName) -> Self {
        Self {
            database,
            plan: Plan::default(),
            budget: Budget::default(),
            backoff: Backoff::default(),
        }
    }
}

/// A source to ingest.
#[derive(Debug)]
pub struct Source<R> {
    /// Its identity.
    pub id: SourceId,
    /// Where it is and when it arrived.
    pub origin: Origin,
    /// Its size as it is stored, in bytes.
    pub bytes: u64,
    /// Its bytes.
    pub reader: R,
}

/// What became of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IngestReport {
    /// The counts.
    pub counts: Counts,
    /// The columns that it brought.
    pub added_columns: Vec<AddedColumn>,
    /// Its first bad records.
    pub bad_records: Vec<BadRecordReport>,
}

/// A bad record, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BadRecordReport {
    /// The URI of its source.
    pub source: String,
    /// Its index there.
    pub record: u64,
    /// Where it begins in the decompressed source, in bytes.
    pub offset: u64,
    /// Why it could not be loaded.
    pub reason: Reason,
    /// What is wrong.
    pub message: String,
    /// Its first bytes; what is no text is escaped.
    pub excerpt: String,
}

impl BadRecordReport {
    /// The report of the bad record with this index in `source`.
    #[must_use]
    pub fn new(source: &str, record: u64, bad: &BadRecord) -> Self {
        let shown = bad.bytes.get(..REPORTED_BYTES_MAX).unwrap_or(&bad.bytes);
        let text = String::from_utf8_lossy(shown);
        Self {
            source: source.to_owned(),
            record,
            offset: bad.offset,
            reason: bad.reason,
            message: bad.message.clone(),
            excerpt: text.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'"),
        }
    }
}

/// Ingests sources into one lake. Made once and used for many sources, it knows ever more tables
/// and partitions and asks the catalog ever less.
#[derive(Debug)]
pub struct Ingest<C, O> {
    schemas: SchemaCommitter<C>,
    partitions: Partitions<C>,
    objects: O,
    settings: IngestSettings,
    partition_spec: PartitionSpec,
}

impl<C, O> Ingest<C, O>
where
    C: ReadTables + CommitTables + RegisterPartitions + Clone,
    O: WriteObjects,
{
    /// An ingest into the lake of these ports.
    pub fn new(catalog: C, objects: O, settings: IngestSettings) -> Self {
        let partition_spec = PartitionSpec::default();
        let rules = SchemaRules {
            database: settings.database.clone(),
            partitions: partition_spec.clone(),
            budget: settings.budget,
            backoff: settings.backoff,
        };
        Self {
            schemas: SchemaCommitter::new(catalog.clone(), rules),
            partitions: Partitions::new(catalog, settings.database.clone(), settings.backoff),
            objects,
            settings,
            partition_spec,
        }
    }

    /// Takes a source to its table.
    ///
    /// # Errors
    /// When a port fails; the source may then be visible in part, and is whole after any attempt
    /// that succeeds.
    pub async fn ingest<R: ReadSource>(
        &self,
        table: &TableSource,
        mut source: Source<R>,
    ) -> Result<IngestReport, LakeError> {
        let limits = self.settings.plan.limits;
        let mut attempt = Attempt {
            ingest: self,
            table,
            id: source.id,
            origin: source.origin.clone(),
            report: IngestReport::default(),
        };
        attempt.report.counts.bytes_in = source.bytes;
        let mut shredder = Shredder::new(source.origin, self.partition_spec.clone(), limits);
        loop {
            match shredder.step() {
                Step::NeedInput => match source.reader.next_chunk().await? {
                    Some(chunk) => shredder.feed(chunk),
                    None => shredder.finish(),
                },
                Step::Part(part) => attempt.load(&part).await?,
                Step::Done => break,
            }
        }
        if attempt.report.counts.add_up() {
            return Ok(attempt.report);
        }
        let counts = Box::new(attempt.report.counts);
        Err(LakeError::Miscounted { source_uri: attempt.origin.source, counts })
    }
}

/// One try to ingest one source.
struct Attempt<'a, C, O> {
    ingest: &'a Ingest<C, O>,
    table: &'a TableSource,
    id: SourceId,
    origin: Origin,
    report: IngestReport,
}

impl<C, O> Attempt<'_, C, O>
where
    C: ReadTables + CommitTables + RegisterPartitions,
    O: WriteObjects,
{
    async fn load(&mut self, part: &Part) -> Result<(), LakeError> {
        self.report.counts.records += u64::from(part.records());
        let table = self.load_rows(part).await?;
        self.load_bad_records(part, table).await
    }

    /// Writes the good records; says what their table is called, if there are any.
    async fn load_rows(&mut self, part: &Part) -> Result<Option<TableName>, LakeError> {
        if part.rows() == 0 {
            return Ok(None);
        }
        let schemas = &self.ingest.schemas;
        let committed = schemas.commit(self.table, &part.discovery(), &self.origin).await?;
        let Committed { table, schema, added, conflicts } = committed;
        let counts = &mut self.report.counts;
        counts.columns_added += added.len() as u64;
        counts.siblings_added += added.iter().filter(|c| c.sibling_of.is_some()).count() as u64;
        counts.commit_conflicts += conflicts;
        self.report.added_columns.extend(added);
        for partition in part.partitions() {
            let file = part.encode(partition, &schema)?;
            self.report.counts.loaded += file.rows;
            self.report.counts.rescued_values += file.rescued;
            self.write(&table, partition, part, file).await?;
        }
        Ok(Some(table))
    }

    async fn load_bad_records(
        &mut self,
        part: &Part,
        table: Option<TableName>,
    ) -> Result<(), LakeError> {
        if part.bad_records().is_empty() {
            return Ok(());
        }
        let file = part.encode_bad_records()?;
        // Counted by reason here, but only if as many were written: else the sum is off.
        let written = file.rows == part.bad_records().len() as u64;
        for (record, bad) in part.bad_records().iter().filter(|_| written) {
            *self.report.counts.quarantined.entry(bad.reason).or_default() += 1;
            if self.report.bad_records.len() < REPORTED_BAD_RECORDS_MAX {
                let report = BadRecordReport::new(&self.origin.source, *record, bad);
                self.report.bad_records.push(report);
            }
        }
        // Where nothing was good no table was made; its first name says where it was bound.
        let bound_for = table.or_else(|| self.table.table_names().next());
        let Some(bound_for) = bound_for else {
            let table_source = self.table.as_str().to_owned();
            return Err(LakeError::NoTableName { table_source });
        };
        let quarantine = self.ingest.schemas.commit_quarantine().await?;
        let partition = PartitionKey::of_quarantine(&bound_for, self.origin.arrived_at);
        self.write(&quarantine, &partition, part, file).await
    }

    async fn write(
        &mut self,
        table: &TableName,
        partition: &PartitionKey,
        part: &Part,
        file: EncodedFile,
    ) -> Result<(), LakeError> {
        let (location, registered) = self.ingest.partitions.open(table, partition).await?;
        let name = file_name(self.id, self.ingest.settings.plan.id(), part.index());
        let counts = &mut self.report.counts;
        counts.files += 1;
        counts.partitions_added += u64::from(registered == Registered::New);
        counts.bytes_out += file.bytes.len() as u64;
        let key = location.object(&name);
        let put = || self.ingest.objects.put_object(&key, file.bytes.clone());
        Ok(self.ingest.settings.backoff.retry(put).await?)
    }
}
