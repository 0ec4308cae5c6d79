//! One source, from its bytes to rows that the catalog names.
//!
//! The steps of an attempt, in this order: shred a part, commit the schema that it needs and do
//! what follows from it, open the partitions it belongs to, write one file a partition. Names of
//! files are functions of source and plan, so an attempt that is repeated writes the same files
//! again.

use std::sync::Arc;

use alluvium_columnar::{
    BadRecord, BadRecords, EncodedFile, Part, PlacedPart, Position, QUARANTINE_BYTES_MAX, Shredder,
    Step,
};
use alluvium_model::{
    Counts, DatabaseName, Destination, ErrorKind, Injury, Limits, Mode, Origin, PartitionKey, Plan,
    PlanId, Reason, SourceId, Stages, TableName, TableRules, TableSchema, UtcInstant,
    layout::{Location, file_name},
    ports::{
        CommitTables, PublishEvents, ReadSource, ReadTables, RegisterPartitions, ReplaceViews,
        Source, WriteObjects,
    },
};
use bytes::Bytes;
use serde::Serialize;

use crate::{
    AddedColumn, Backoff, KeptWhole, LakeError, NoSubscribers, Warning,
    commit::{Committed, SchemaCommitter, SchemaRules},
    follow::Followers,
    partitions::Partitions,
    timed::{timed, timed_wait},
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
    /// How sources are read and cut; what contracts say comes with their destinations.
    pub limits: Limits,
    /// How a contended catalog is asked again.
    pub backoff: Backoff,
}

impl IngestSettings {
    /// The defaults, for this database.
    #[must_use]
    pub fn new(database: DatabaseName) -> Self {
        Self { database, limits: Limits::default(), backoff: Backoff::default() }
    }
}

/// What became of a source.
#[derive(Clone, Debug, Default, Serialize)]
pub struct IngestReport {
    /// The counts.
    pub counts: Counts,
    /// The columns that it brought.
    pub added_columns: Vec<AddedColumn>,
    /// The objects that are kept whole since.
    pub kept_whole: Vec<KeptWhole>,
    /// What somebody had done to tables by hand, and is undone.
    pub healed: Vec<Injury>,
    /// What was left undone, for a reason that somebody should know.
    pub warnings: Vec<Warning>,
    /// Its first bad records.
    pub bad_records: Vec<BadRecordReport>,
    /// When the source arrived; none for one that was not read.
    #[serde(skip)]
    pub arrived_at: Option<UtcInstant>,
    /// When the latest of its events happened that say so and are believed.
    #[serde(skip)]
    pub latest_event: Option<UtcInstant>,
    /// Where the time went.
    pub stages: Stages,
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
    /// The line that it begins in, from 1.
    pub line: u64,
    /// Where in that line, from 1, in bytes (in UTF-16 in units of two bytes).
    pub column: u64,
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
        let text = bad.excerpt(REPORTED_BYTES_MAX);
        Self {
            source: source.to_owned(),
            record,
            offset: bad.position.offset,
            line: bad.position.line,
            column: bad.position.column,
            reason: bad.reason,
            message: bad.message.clone(),
            excerpt: text.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'"),
        }
    }
}

/// Ingests sources into one lake. Made once and used for many sources, it knows ever more tables
/// and partitions and asks the catalog ever less.
#[derive(Debug)]
pub struct Ingest<C, O, E = NoSubscribers> {
    schemas: SchemaCommitter<C>,
    followers: Followers<C, E>,
    partitions: Partitions<C>,
    objects: O,
    settings: IngestSettings,
}

impl<C, O> Ingest<C, O>
where
    C: ReadTables + CommitTables + RegisterPartitions + ReplaceViews + Clone,
    O: WriteObjects,
{
    /// An ingest into the lake of these ports, which tells nobody what it changes of tables.
    pub fn new(catalog: C, objects: O, settings: IngestSettings) -> Self {
        let rules = SchemaRules { database: settings.database.clone(), backoff: settings.backoff };
        Self {
            schemas: SchemaCommitter::new(catalog.clone(), rules),
            followers: Followers::new(&catalog, &settings, NoSubscribers),
            partitions: Partitions::new(catalog, settings.database.clone(), settings.backoff),
            objects,
            settings,
        }
    }

    /// The same, but whatever changes of tables is told to `events`.
    pub fn telling<E>(self, events: E) -> Ingest<C, O, E> {
        let Self { schemas, followers, partitions, objects, settings } = self;
        let followers = followers.telling(events);
        Ingest { schemas, followers, partitions, objects, settings }
    }
}

impl<C, O, E> Ingest<C, O, E>
where
    C: ReadTables + CommitTables + RegisterPartitions + ReplaceViews + Clone,
    O: WriteObjects,
    E: PublishEvents,
{
    /// Takes a source to its table.
    ///
    /// # Errors
    /// When a port fails; the source may then be visible in part, and is whole after any attempt
    /// that succeeds.
    pub async fn ingest<R: ReadSource>(
        &self,
        destination: impl Into<Destination>,
        mut source: Source<R>,
    ) -> Result<IngestReport, LakeError> {
        let destination = destination.into();
        let (limits, rules) = (self.settings.limits, Arc::clone(&destination.rules));
        let plan = Plan { limits, contract: rules.digest() };
        let mut attempt = Attempt::new(self, &source, plan);
        let mut shredder = Shredder::new(source.origin.clone(), rules, limits);
        loop {
            let step = timed(&mut attempt.report.stages.shred, || shredder.step());
            match step {
                Step::NeedInput => match attempt.read(&mut source.reader).await? {
                    Some(chunk) => shredder.feed(chunk),
                    None => shredder.finish(),
                },
                Step::Part(part) => {
                    let destination = destination.routed(part.route());
                    attempt.load(&destination, *part).await?;
                }
                Step::Done => return attempt.finish(),
            }
        }
    }

    /// Takes a source whole to the quarantine table, as one record; of a long one its beginning,
    /// and nothing where the rules of tables without a contract drop something. An empty source
    /// holds no record.
    ///
    /// # Errors
    /// When a port fails.
    pub async fn quarantine<R: ReadSource>(
        &self,
        mut source: Source<R>,
        reason: Reason,
        message: String,
        rules: &TableRules,
    ) -> Result<IngestReport, LakeError> {
        let plan = Plan { limits: self.settings.limits, contract: None };
        let mut attempt = Attempt::new(self, &source, plan);
        let mut bad = BadRecord::new(Position::BEGIN, reason, message);
        while bad.bytes.len() < QUARANTINE_BYTES_MAX
            && let Some(chunk) = attempt.read(&mut source.reader).await?
        {
            bad.extend(&chunk);
        }
        bad.length = bad.length.max(source.bytes);
        if rules.dropped().next().is_some() {
            bad.withhold();
        }
        if bad.length > 0 {
            attempt.report.counts.records += 1;
            attempt.load_bad_records(0, BadRecords::of(&[(0, bad)]), None).await?;
        }
        attempt.finish()
    }
}

/// One try to ingest one source.
struct Attempt<'a, C, O, E> {
    ingest: &'a Ingest<C, O, E>,
    id: SourceId,
    plan: PlanId,
    origin: Origin,
    report: IngestReport,
}

impl<'a, C, O, E> Attempt<'a, C, O, E>
where
    C: ReadTables + CommitTables + RegisterPartitions + ReplaceViews,
    O: WriteObjects,
    E: PublishEvents,
{
    fn new<R>(ingest: &'a Ingest<C, O, E>, source: &Source<R>, plan: Plan) -> Self {
        let mut report =
            IngestReport { arrived_at: Some(source.origin.arrived_at), ..IngestReport::default() };
        report.counts.bytes_in = source.bytes;
        Self { ingest, id: source.id, plan: plan.id(), origin: source.origin.clone(), report }
    }

    async fn read<R: ReadSource>(&mut self, reader: &mut R) -> Result<Option<Bytes>, LakeError> {
        Ok(timed_wait(&mut self.report.stages.read, reader.next_chunk()).await?)
    }

    async fn load(&mut self, destination: &Destination, part: Part) -> Result<(), LakeError> {
        let Destination { table: source, rules } = destination;
        let index = part.index();
        self.report.counts.records += part.records();
        self.report.latest_event = self.report.latest_event.max(part.latest_event());
        if part.rows() == 0 {
            // No table is made; its first name says where these were bound.
            let bound_for = source.table_names().next().ok_or_else(|| LakeError::NoTableName {
                table_source: source.as_str().to_owned(),
            })?;
            return self.load_bad_records(index, part.bad_records_alone(), Some(&bound_for)).await;
        }
        let (table, schema) = self.commit(destination, &part).await?;
        self.report.counts.rows_beyond_partitions += part.overflowed();
        let placed = timed(&mut self.report.stages.encode, || part.placed(&schema));
        self.load_rows(&table, index, &placed).await?;
        // Which records a contract refuses depends on the table, which may have gained columns
        // since an earlier attempt: even a file without rows replaces what that has written.
        let bad_records = placed.bad_records();
        if bad_records.is_empty() && rules.mode != Mode::Quarantine {
            return Ok(());
        }
        self.load_bad_records(index, bad_records, Some(&table)).await
    }

    /// Commits the schema that a part needs, and does what follows from it.
    async fn commit(
        &mut self,
        destination: &Destination,
        part: &Part,
    ) -> Result<(TableName, Arc<TableSchema>), LakeError> {
        let Self { ingest, origin, report, .. } = self;
        let discovery = part.discovery();
        let commit = ingest.schemas.commit(destination, &discovery, origin);
        let committed = timed_wait(&mut report.stages.commit, commit).await?;
        let Committed { table, schema, added, kept_whole, refused, healed, conflicts, created } =
            committed;
        if created {
            ingest.partitions.forget(&table);
            ingest.followers.forget(&table);
        }
        let follow = ingest.followers.follow(&table, &schema, origin, &ingest.objects);
        report.warnings.extend(timed_wait(&mut report.stages.commit, follow).await?);
        let counts = &mut report.counts;
        counts.columns_added += added.len() as u64;
        counts.siblings_added += added.iter().filter(|c| c.sibling_of.is_some()).count() as u64;
        counts.columns_refused += refused;
        counts.columns_healed += healed.len() as u64;
        counts.commit_conflicts += conflicts;
        report.healed.extend(healed);
        report.added_columns.extend(added);
        report.kept_whole.extend(kept_whole);
        Ok((table, schema))
    }

    /// Writes the good records, one file a partition.
    async fn load_rows(
        &mut self,
        table: &TableName,
        part: u32,
        placed: &PlacedPart<'_>,
    ) -> Result<(), LakeError> {
        let keys: Vec<_> = placed.partitions().cloned().collect();
        let locations = self.open(table, &keys).await?;
        let mut files = placed.files();
        for location in &locations {
            let file = timed(&mut self.report.stages.encode, || files.next()).transpose()?;
            let Some(file) = file else { break };
            self.report.counts.loaded += file.rows;
            self.report.counts.rescued_values += file.rescued;
            self.write(location, part, &file).await?;
        }
        Ok(())
    }

    /// Writes bad records that were bound for a table, if they were bound for any.
    async fn load_bad_records(
        &mut self,
        part: u32,
        records: BadRecords<'_>,
        bound_for: Option<&TableName>,
    ) -> Result<(), LakeError> {
        let Self { ingest, origin, report, .. } = self;
        let file = timed(&mut report.stages.encode, || records.encode(origin))?;
        // Counted by reason here, but only if as many were written: else the sum is off.
        let written = file.rows == records.len() as u64;
        for (record, bad) in records.iter().filter(|_| written) {
            *report.counts.quarantined.entry(bad.reason).or_default() += 1;
            if report.bad_records.len() < REPORTED_BAD_RECORDS_MAX {
                report.bad_records.push(BadRecordReport::new(&origin.source, record, &bad));
            }
        }
        let commit = ingest.schemas.commit_quarantine();
        let (quarantine, healed) = timed_wait(&mut report.stages.commit, commit).await?;
        report.counts.columns_healed += healed.len() as u64;
        report.healed.extend(healed);
        let partition = PartitionKey::of_quarantine(bound_for, origin.arrived_at);
        for location in self.open(&quarantine, &[partition]).await? {
            self.write(&location, part, &file).await?;
        }
        Ok(())
    }

    /// Opens partitions for writing; says where the files of each go.
    async fn open(
        &mut self,
        table: &TableName,
        partitions: &[PartitionKey],
    ) -> Result<Vec<Location>, LakeError> {
        let Self { ingest, report, .. } = self;
        let open = ingest.partitions.open(table, partitions);
        match timed_wait(&mut report.stages.write, open).await {
            Ok((locations, new)) => {
                report.counts.partitions_added += new;
                Ok(locations)
            }
            // Somebody dropped the table since it was committed or remembered: the next attempt
            // must not remember it.
            Err(error) if error.kind() == ErrorKind::Absent => {
                ingest.schemas.forget(table);
                ingest.partitions.forget(table);
                ingest.followers.forget(table);
                Err(LakeError::Dropped { table: table.clone() })
            }
            Err(error) => Err(error),
        }
    }

    async fn write(
        &mut self,
        location: &Location,
        part: u32,
        file: &EncodedFile,
    ) -> Result<(), LakeError> {
        let Self { ingest, report, .. } = self;
        let name = file_name(self.id, self.plan, part);
        let counts = &mut report.counts;
        counts.files += 1;
        counts.bytes_out += file.bytes.len() as u64;
        let key = location.object(&name);
        let put = || ingest.objects.put_object(&key, file.bytes.clone());
        Ok(timed_wait(&mut report.stages.write, ingest.settings.backoff.retry(put)).await?)
    }

    fn finish(self) -> Result<IngestReport, LakeError> {
        if self.report.counts.add_up() {
            return Ok(self.report);
        }
        let counts = Box::new(self.report.counts);
        Err(LakeError::Miscounted { source_uri: self.origin.source, counts })
    }
}
