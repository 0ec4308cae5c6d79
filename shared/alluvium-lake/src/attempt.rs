//! One try to load one source: its parts, one after the other. The files of a part are written while
//! the next one is read; they are where readers will look before any other is begun.

use std::{mem, sync::Arc};

use alluvium_columnar::{
    BadRecord, BadRecords, EncodedFile, Part, PlacedPart, Position, QUARANTINE_BYTES_MAX, Shredder,
    Step,
};
use alluvium_model::{
    Assignment, Committed as CommittedSource, Destination, ErrorKind, LedgerFile, Mode, Origin,
    PartitionKey, Plan, PlanId, Reason, RecordCounts, SourceId, TableName, TableRules, TableSchema,
    layout::file_name,
    ports::{Chunk, LakeCatalog, LakeObjects, PublishEvents, ReadSource, Source, SourceFormat},
};

use crate::{
    BadRecordReport, Deadline, Ingest, IngestReport, LakeError,
    commit::Committed,
    pointers::{OpenPartition, at_once},
    timed::{timed, timed_wait},
    writing::Writing,
};

/// Bad records of a source that a report shows; the quarantine table has all of them.
const REPORTED_BAD_RECORDS_MAX: usize = 10;
/// Files of a part that are written at once, at most.
const FILES_AT_ONCE: usize = 16;
/// Bytes of them, but for the last one. As many more are in memory when the next ones are encoded.
const BYTES_AT_ONCE: usize = 8 << 20;

/// One try to load one source.
pub(crate) struct Attempt<'a, C, O, E> {
    ingest: &'a Ingest<C, O, E>,
    id: SourceId,
    plan: Plan,
    origin: Origin,
    bytes: u64,
    format: SourceFormat,
    deadline: Deadline,
    report: IngestReport,
    writing: Writing<'a>,
    files: Vec<LedgerFile>,
}

/// How a try ended.
pub(crate) enum Outcome {
    /// Every record of the source has its place.
    Loaded(Box<Loaded>),
    /// The source was overwritten or deleted meanwhile.
    Superseded,
}

/// What was written of a source.
pub(crate) struct Loaded {
    pub(crate) report: IngestReport,
    files: Vec<LedgerFile>,
}

impl Loaded {
    /// What the ledger says of it. Every attempt by the same plan says the same.
    pub(crate) fn committed(&self, plan: PlanId, table: Option<String>) -> CommittedSource {
        let mut files = self.files.clone();
        files.sort();
        CommittedSource { plan, table, files, counts: RecordCounts::from(&self.report.counts) }
    }
}

/// How reading a source ended.
enum Read {
    ToItsEnd,
    Superseded,
}

impl<'a, C, O, E> Attempt<'a, C, O, E>
where
    C: LakeCatalog + Clone,
    O: LakeObjects + Clone,
    E: PublishEvents,
{
    pub(crate) fn new<R>(
        ingest: &'a Ingest<C, O, E>,
        source: &Source<R>,
        plan: Plan,
        deadline: Deadline,
    ) -> Self {
        let mut report =
            IngestReport { arrived_at: Some(source.origin.arrived_at), ..IngestReport::default() };
        report.counts.bytes_in = source.bytes;
        let (id, origin, bytes) = (source.id, source.origin.clone(), source.bytes);
        let format = source.format.clone();
        let (writing, files) = (Writing::nothing(), Vec::new());
        Self { ingest, id, plan, origin, bytes, format, deadline, report, writing, files }
    }

    /// Loads the source.
    pub(crate) async fn run<R: ReadSource>(
        mut self,
        assignment: &Assignment,
        mut reader: R,
    ) -> Result<Outcome, LakeError> {
        let read = match assignment.destination() {
            Some(destination) => self.load_parts(&destination, &mut reader).await?,
            None => self.load_whole(&assignment.rules, &mut reader).await?,
        };
        self.written().await?;
        match read {
            Read::ToItsEnd => self.finish(),
            Read::Superseded => Ok(Outcome::Superseded),
        }
    }

    async fn load_parts<R: ReadSource>(
        &mut self,
        destination: &Destination,
        reader: &mut R,
    ) -> Result<Read, LakeError> {
        let rules = Arc::clone(&destination.rules);
        let (origin, limits) = (self.origin.clone(), self.plan.limits);
        let mut shredder = match &self.format {
            SourceFormat::Documents => Shredder::new(origin, rules, limits),
            SourceFormat::StreamRecords(selection) => {
                Shredder::of_stream(origin, rules, limits, selection.clone())
            }
        };
        loop {
            match timed(&mut self.report.stages.shred, || shredder.step()) {
                Step::NeedInput => match self.read(reader).await? {
                    Chunk::Bytes(chunk) => shredder.feed(chunk),
                    Chunk::End => shredder.finish(),
                    Chunk::Superseded => return Ok(Read::Superseded),
                },
                Step::Part(part) => self.load(&destination.routed(part.route()), *part).await?,
                Step::Done => {
                    self.check_records(&shredder)?;
                    return Ok(Read::ToItsEnd);
                }
                Step::Failed(error) => return Err(error.into()),
            }
        }
    }

    /// Takes the source whole to the quarantine table, as one record; of a long one its beginning,
    /// and nothing where the rules drop something. An empty source holds no record.
    async fn load_whole<R: ReadSource>(
        &mut self,
        rules: &TableRules,
        reader: &mut R,
    ) -> Result<Read, LakeError> {
        let message = "its key has no folder that could name a table".to_owned();
        let mut bad = BadRecord::new(Position::BEGIN, Reason::NoTable, message);
        while bad.bytes.len() < QUARANTINE_BYTES_MAX {
            match self.read(reader).await? {
                Chunk::Bytes(chunk) => bad.extend(&chunk),
                Chunk::End => break,
                Chunk::Superseded => return Ok(Read::Superseded),
            }
        }
        bad.length = bad.length.max(self.bytes);
        if rules.dropped().next().is_some() {
            bad.withhold();
        }
        if bad.length > 0 {
            self.report.counts.records += 1;
            self.load_bad_records(0, BadRecords::of(&[(0, bad)]), None).await?;
        }
        Ok(Read::ToItsEnd)
    }

    /// Every record that was read must have come in a part. Of a stream's some belong elsewhere.
    fn check_records(&self, shredder: &Shredder) -> Result<(), LakeError> {
        let all = matches!(self.format, SourceFormat::StreamRecords(_))
            || shredder.records() == self.report.counts.records;
        if all {
            return Ok(());
        }
        let (source_uri, counts) = (self.origin.source.clone(), self.report.counts.clone());
        Err(LakeError::Miscounted { source_uri, counts: Box::new(counts) })
    }

    async fn read<R: ReadSource>(&mut self, reader: &mut R) -> Result<Chunk, LakeError> {
        let Self { deadline, report, writing, .. } = self;
        let read = deadline.call(reader.next_chunk());
        timed_wait(&mut report.stages.read, writing.beside(read)).await
    }

    async fn load(&mut self, destination: &Destination, part: Part) -> Result<(), LakeError> {
        let Destination { table: source, rules, .. } = destination;
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
        // Encoding is when most is in memory: the files of the part before are not to be there, too.
        self.written().await?;
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
        let Self { ingest, origin, report, writing, deadline, .. } = self;
        let discovery = part.discovery();
        let commit = deadline.call(ingest.schemas.commit(destination, &discovery, origin));
        let commit = writing.beside(commit);
        let committed = timed_wait(&mut report.stages.commit, commit).await?;
        let Committed { table, schema, added, kept_whole, refused, healed, conflicts, created } =
            committed;
        if created {
            ingest.pointers.forget(&table);
            ingest.followers.forget(&table);
        }
        let follow = ingest.followers.follow(&table, &schema, origin, &ingest.objects);
        let follow = writing.beside(deadline.call(follow));
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
        let mut files = placed.files();
        let (mut encoded, mut bytes) = (Vec::new(), 0);
        for partition in self.open(table, &keys).await? {
            let file = timed(&mut self.report.stages.encode, || files.next()).transpose()?;
            let Some(file) = file else { break };
            self.report.counts.loaded += file.rows;
            self.report.counts.rescued_values += file.rescued;
            bytes += file.bytes.len();
            encoded.push((partition, file));
            if encoded.len() >= FILES_AT_ONCE || bytes >= BYTES_AT_ONCE {
                self.write(table, part, mem::take(&mut encoded)).await?;
                bytes = 0;
            }
        }
        self.write(table, part, encoded).await
    }

    /// Writes bad records that were bound for a table, if they were bound for any.
    async fn load_bad_records(
        &mut self,
        part: u32,
        records: BadRecords<'_>,
        bound_for: Option<&TableName>,
    ) -> Result<(), LakeError> {
        let Self { ingest, origin, report, writing, deadline, .. } = self;
        let file = timed(&mut report.stages.encode, || records.encode(origin))?;
        // Counted by reason here, but only if as many were written: else the sum is off.
        let written = file.rows == records.len() as u64;
        for (record, bad) in records.iter().filter(|_| written) {
            *report.counts.quarantined.entry(bad.reason).or_default() += 1;
            if report.bad_records.len() < REPORTED_BAD_RECORDS_MAX {
                report.bad_records.push(BadRecordReport::new(&origin.source, record, &bad));
            }
        }
        let commit = writing.beside(deadline.call(ingest.schemas.commit_quarantine()));
        let (quarantine, healed) = timed_wait(&mut report.stages.commit, commit).await?;
        report.counts.columns_healed += healed.len() as u64;
        report.healed.extend(healed);
        let partition = PartitionKey::of_quarantine(bound_for, origin.arrived_at);
        let opened = self.open(&quarantine, &[partition]).await?.into_iter();
        self.write(&quarantine, part, opened.map(|partition| (partition, file.clone())).collect())
            .await
    }

    /// Opens partitions for writing.
    async fn open(
        &mut self,
        table: &TableName,
        partitions: &[PartitionKey],
    ) -> Result<Vec<OpenPartition>, LakeError> {
        let Self { ingest, report, writing, deadline, .. } = self;
        let open = writing.beside(deadline.call(ingest.pointers.open(table, partitions)));
        match timed_wait(&mut report.stages.write, open).await {
            Ok((opened, new)) => {
                report.counts.partitions_added += new;
                Ok(opened)
            }
            // Somebody dropped the table since it was committed or remembered: the next attempt
            // must not remember it.
            Err(error) if error.kind() == ErrorKind::Absent => {
                ingest.schemas.forget(table);
                ingest.pointers.forget(table);
                ingest.followers.forget(table);
                Err(LakeError::Dropped { table: table.clone() })
            }
            Err(error) => Err(error),
        }
    }

    /// Begins to write files of a part, each to its partition, when those before are written. They
    /// are in memory until they are where readers will look.
    async fn write(
        &mut self,
        table: &TableName,
        part: u32,
        files: Vec<(OpenPartition, EncodedFile)>,
    ) -> Result<(), LakeError> {
        if files.is_empty() {
            return Ok(());
        }
        let (name, table) = (file_name(self.id, self.plan.id(), part), table.clone());
        let (pointers, deadline) = (&self.ingest.pointers, self.deadline);
        let write = Box::pin(async move {
            let (name, table) = (&name, &table);
            let write = |(mut partition, file): (OpenPartition, EncodedFile)| async move {
                let write = pointers.write(&mut partition, name, &file.bytes);
                deadline.call(write).await?;
                let (first_event, last_event) =
                    file.events.map(|events| (events.first, events.last)).unzip();
                Ok(LedgerFile {
                    table: table.clone(),
                    partition: partition.key,
                    name: name.clone(),
                    rows: file.rows,
                    bytes: file.bytes.len() as u64,
                    first_event,
                    last_event,
                })
            };
            at_once(files.into_iter().map(write)).await
        });
        let before = self.writing.begin(write);
        let before = timed_wait(&mut self.report.stages.write, before).await?;
        self.note(before);
        Ok(())
    }

    /// Waits until the files that are being written are where readers will look.
    async fn written(&mut self) -> Result<(), LakeError> {
        let written = timed_wait(&mut self.report.stages.write, self.writing.end()).await?;
        self.note(written);
        Ok(())
    }

    /// Takes note of files that are where readers will look.
    fn note(&mut self, written: Vec<LedgerFile>) {
        let counts = &mut self.report.counts;
        counts.files += written.len() as u64;
        counts.bytes_out += written.iter().map(|file| file.bytes).sum::<u64>();
        self.files.extend(written);
    }

    fn finish(self) -> Result<Outcome, LakeError> {
        let Self { report, files, origin, .. } = self;
        if report.counts.add_up() {
            return Ok(Outcome::Loaded(Box::new(Loaded { report, files })));
        }
        let counts = Box::new(report.counts);
        Err(LakeError::Miscounted { source_uri: origin.source, counts })
    }
}
