//! What is to be compacted in a lake: the listings and the ledger go in, a plan comes out.
//!
//! Where a partition lies is what its pointer says, never what the catalog does. The pointers are
//! read before the files are listed: a partition that is swapped in between is planned in vain, and
//! its swap stops at once. An entry of the ledger is read with its own date, so what looks settled
//! is. Nothing is decided here: what qualifies, and what becomes one, is the planner's work
//! (`alluvium_model::compaction`).

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
};

use alluvium_model::{
    DatabaseName, LedgerEntry, PartitionKey, Pointer, SourceId, TableName, UtcInstant,
    compaction::{
        CompactionId, CompactionSettings, Cost, DatedEntry, PartitionFiles, PartitionItem,
        PartitionPlan, PlanAnswer, Planned, Planner, Requests, StandingFile,
    },
    layout::{
        Location, ObjectKey, all_pointers, compaction_items_key, ledger_key, partition_of_pointer,
        partition_plan_key, pointer_key, pointers, source_of_file, table_location,
    },
    ports::{
        Dated, ListObjects, ObjectEntry, ReadDated, ReadObjects, ReadTables, TellTime, WriteObjects,
    },
};
use futures_util::TryStreamExt as _;
use serde::Serialize;

use super::pointer::is_leased;
use crate::{
    Backoff, LakeError,
    doctor::is_ours,
    pointers::{at_once, in_turn},
    state,
};

/// Plans the compactions of one database of a lake.
#[derive(Debug)]
pub struct CompactionPlanner<C, O> {
    catalog: C,
    objects: O,
    settings: PlanSettings,
}

/// How compactions are planned.
#[derive(Clone, Debug)]
pub struct PlanSettings {
    /// The database of the tables.
    pub database: DatabaseName,
    /// How a contended store is asked again.
    pub backoff: Backoff,
    /// Which partitions qualify. Its settle time is that of everybody who writes to the lake.
    pub compaction: CompactionSettings,
}

/// What is looked at.
#[derive(Clone, Debug, Default)]
pub struct PlanScope {
    /// These tables; all if none is named.
    pub tables: Vec<TableName>,
    /// These of their partitions; all if none is named.
    pub partitions: Vec<PartitionKey>,
}

/// A plan, and what it takes.
#[derive(Clone, Debug)]
pub struct CompactionPlan {
    /// When it was made, by the time of the store.
    pub made_at: UtcInstant,
    /// What it does and what it leaves.
    pub planned: Planned,
    /// What was looked at for it.
    pub surveyed: Surveyed,
    /// What it costs on AWS, the looking included.
    pub cost: Cost,
}

/// What was looked at for a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Surveyed {
    /// Tables.
    pub tables: usize,
    /// Their partitions.
    pub partitions: usize,
    /// Partitions that nobody may swap yet: they are being swapped, or were just now.
    pub leased: usize,
    /// Files in the locations of the others.
    pub files: usize,
    /// Sources of these files in the ledger.
    pub sources: usize,
    /// Pointers and entries that nobody understands. What they are about stays as it is.
    pub not_understood: usize,
}

/// A plan as it lies in the lake.
#[derive(Clone, Debug)]
pub struct WrittenPlan {
    /// What the next step must know.
    pub answer: PlanAnswer,
    /// What its object of items says.
    pub items: Vec<PartitionItem>,
}

/// What is known so far.
struct Survey {
    planner: Planner,
    now: UtcInstant,
    surveyed: Surveyed,
    requests: Requests,
    /// A source may have files in several tables, and is read once. Each of them is the source of a
    /// file that no swap has made yet.
    sources: BTreeMap<SourceId, Option<DatedEntry>>,
}

/// A partition that may be swapped.
struct Candidate {
    partition: PartitionKey,
    pointer: Pointer,
}

/// A small object as it was read.
enum Found<T> {
    It(Box<T>),
    NotUnderstood,
    Gone,
}

impl<C, O> CompactionPlanner<C, O> {
    /// A planner for the lake of these ports.
    pub const fn new(catalog: C, objects: O, settings: PlanSettings) -> Self {
        Self { catalog, objects, settings }
    }
}

impl<C: ReadTables, O> CompactionPlanner<C, O>
where
    O: ReadObjects + ReadDated + ListObjects + TellTime,
{
    /// Makes a plan, and writes nothing. In memory it holds the listing of one table, the entries
    /// of sources whose files were not merged yet, and the plan.
    ///
    /// # Errors
    /// When a port fails, or a table that was named is not there or lies in another lake.
    pub async fn plan(&self, scope: &PlanScope) -> Result<CompactionPlan, LakeError> {
        let now = self.settings.backoff.retry(|| self.objects.now()).await?;
        let mut survey = Survey {
            planner: Planner::new(self.settings.compaction, now),
            now,
            surveyed: Surveyed::default(),
            requests: Requests { s3_writes: 1, ..Requests::default() },
            sources: BTreeMap::new(),
        };
        for table in self.tables(scope, &mut survey).await? {
            self.survey_table(&table, scope, &mut survey).await?;
        }
        let Survey { planner, surveyed, requests, .. } = survey;
        let planned = planner.finish();
        let cost = Cost::of_plan(&planned.partitions, requests);
        Ok(CompactionPlan { made_at: now, planned, surveyed, cost })
    }

    /// The tables that were named, or all of ours that have a pointer.
    async fn tables(
        &self,
        scope: &PlanScope,
        survey: &mut Survey,
    ) -> Result<Vec<TableName>, LakeError> {
        let mut tables: BTreeSet<TableName> = scope.tables.iter().cloned().collect();
        if tables.is_empty() {
            let listed = self.list(&all_pointers(&self.settings.database), survey).await?;
            let of_pointer = |entry: ObjectEntry| {
                Some(partition_of_pointer(&self.settings.database, &entry.key)?.0)
            };
            tables = listed.into_iter().filter_map(of_pointer).collect();
        }
        let mut ours = Vec::new();
        for table in tables {
            let is_named = !scope.tables.is_empty();
            survey.requests += Requests { glue: 1, ..Requests::default() };
            let found = self.settings.backoff.retry(|| self.catalog.table(&table)).await?;
            let expected = table_location(&self.settings.database, &table);
            match found.map(|found| found.value).filter(is_ours) {
                Some(entry) if entry.location == expected => ours.push(table),
                Some(entry) if is_named => {
                    let found = entry.location;
                    return Err(LakeError::Elsewhere { table, found, expected });
                }
                None if is_named => return Err(LakeError::NoTable { table }),
                // Its pointers and files are the doctor's.
                Some(_) | None => {}
            }
        }
        Ok(ours)
    }

    async fn survey_table(
        &self,
        table: &TableName,
        scope: &PlanScope,
        survey: &mut Survey,
    ) -> Result<(), LakeError> {
        survey.surveyed.tables += 1;
        let candidates = self.candidates(table, scope, survey).await?;
        if candidates.is_empty() {
            return Ok(());
        }
        let mut files: BTreeMap<Location, Vec<ObjectEntry>> = BTreeMap::new();
        for Candidate { pointer, .. } in &candidates {
            files.insert(pointer.location.clone(), Vec::new());
        }
        // All of the table at once: hardly a partition has so many files that it needs a call of
        // its own.
        let listed = self.list(&table_location(&self.settings.database, table), survey).await?;
        for entry in listed {
            let folder = entry.key.as_str().rsplit_once('/').map(|(folder, _)| folder);
            let location = Location::from_catalog(folder.unwrap_or_default());
            if let Some(files) = files.get_mut(&location) {
                files.push(entry);
            }
        }
        self.read_sources(files.values().flatten(), survey).await?;
        for Candidate { partition, pointer } in candidates {
            let listed = files.remove(&pointer.location).unwrap_or_default();
            survey.surveyed.files += listed.len();
            let place = (table, &partition);
            let stands = |entry| StandingFile::new(entry, place, survey.entry_of(entry));
            let files = PartitionFiles {
                table: table.clone(),
                files: listed.iter().map(stands).collect(),
                partition: partition.clone(),
                location: pointer.location,
                has_unfinished_swap: pointer.next.is_some(),
            };
            survey.planner.add(&files);
        }
        Ok(())
    }

    /// The partitions of a table that may be swapped now.
    async fn candidates(
        &self,
        table: &TableName,
        scope: &PlanScope,
        survey: &mut Survey,
    ) -> Result<Vec<Candidate>, LakeError> {
        let database = &self.settings.database;
        let listed = self.list(&pointers(database, table), survey).await?;
        let mut partitions: Vec<PartitionKey> = Vec::new();
        for entry in listed {
            match partition_of_pointer(database, &entry.key) {
                Some((_, key)) if scope.has(&key) => partitions.push(key),
                Some(_) => {}
                None => survey.surveyed.not_understood += 1,
            }
        }
        survey.surveyed.partitions += partitions.len();
        survey.requests += reads(partitions.len());
        let mut candidates = Vec::new();
        let read = partitions.into_iter().map(|partition| self.pointer(table, partition));
        let mut read = pin!(in_turn(read));
        while let Some((partition, found)) = read.try_next().await? {
            match found {
                Found::It(pointer) if is_leased(&pointer, survey.now) => {
                    survey.surveyed.leased += 1;
                }
                Found::It(pointer) => candidates.push(Candidate { partition, pointer: *pointer }),
                Found::NotUnderstood => survey.surveyed.not_understood += 1,
                Found::Gone => {}
            }
        }
        Ok(candidates)
    }

    async fn pointer(
        &self,
        table: &TableName,
        partition: PartitionKey,
    ) -> Result<(PartitionKey, Found<Pointer>), LakeError> {
        let key = pointer_key(&self.settings.database, table, &partition);
        let found = self.settings.backoff.retry(|| self.objects.object(&key)).await?;
        let Some(found) = found else { return Ok((partition, Found::Gone)) };
        let pointer = state::understand_bytes(&key, &found.value).map(Box::new);
        Ok((partition, pointer.map_or(Found::NotUnderstood, Found::It)))
    }

    /// Reads the ledger entry of each source that has a file there, once.
    async fn read_sources(
        &self,
        files: impl Iterator<Item = &ObjectEntry>,
        survey: &mut Survey,
    ) -> Result<(), LakeError> {
        let ids = files.filter_map(|entry| Some(source_of_file(&entry.key)?.0));
        let ids: BTreeSet<_> = ids.filter(|id| !survey.sources.contains_key(id)).collect();
        survey.surveyed.sources += ids.len();
        survey.requests += reads(ids.len());
        let read = ids.into_iter().map(|id| self.entry(id));
        let mut read = pin!(in_turn(read));
        while let Some((id, found)) = read.try_next().await? {
            let entry = match found {
                Found::It(entry) => Some(*entry),
                Found::NotUnderstood => {
                    survey.surveyed.not_understood += 1;
                    None
                }
                Found::Gone => None,
            };
            survey.sources.insert(id, entry);
        }
        Ok(())
    }

    async fn entry(&self, id: SourceId) -> Result<(SourceId, Found<DatedEntry>), LakeError> {
        let key = ledger_key(&self.settings.database, id);
        let found = self.settings.backoff.retry(|| self.objects.dated_object(&key)).await?;
        let Some(Dated { value, modified }) = found else { return Ok((id, Found::Gone)) };
        let entry = state::understand_bytes::<LedgerEntry>(&key, &value);
        let dated = |entry| Found::It(Box::new(DatedEntry { entry, modified }));
        Ok((id, entry.map_or(Found::NotUnderstood, dated)))
    }

    async fn list(
        &self,
        location: &Location,
        survey: &mut Survey,
    ) -> Result<Vec<ObjectEntry>, LakeError> {
        let listed = self.settings.backoff.retry(|| self.objects.list_objects(location)).await?;
        survey.requests += Requests::listing(listed.len());
        Ok(listed)
    }
}

impl<C, O: WriteObjects> CompactionPlanner<C, O> {
    /// Writes a plan to the lake, where the steps of its swaps find it: the list of its partitions
    /// last, so that whoever finds that finds all of it.
    ///
    /// # Errors
    /// When a port fails.
    pub async fn write(&self, plan: &CompactionPlan) -> Result<WrittenPlan, LakeError> {
        let (database, partitions) = (&self.settings.database, &plan.planned.partitions);
        let id = &CompactionId::new(plan.made_at, partitions);
        let numbered = || partitions.iter().zip(0_u32..);
        let put = |(partition, index)| async move {
            self.put(&partition_plan_key(database, id, index), partition).await
        };
        at_once(numbered().map(put)).await?;
        let item = |(plan, index): (&PartitionPlan, u32)| PartitionItem {
            compaction: id.clone(),
            index,
            table: plan.table.clone(),
            partition: plan.partition.clone(),
        };
        let items: Vec<PartitionItem> = numbered().map(item).collect();
        let items_key = compaction_items_key(database, id);
        self.put(&items_key, &items).await?;
        let answer = PlanAnswer {
            compaction: id.clone(),
            items_key: items_key.to_string(),
            partitions: partitions.len(),
            bins: partitions.iter().map(|plan| plan.bins.len()).sum(),
            merged_files: partitions.iter().map(|plan| plan.inputs().count()).sum(),
            merged_bytes: partitions.iter().map(PartitionPlan::merged_bytes).sum(),
            copied_bytes: partitions.iter().map(|plan| plan.copied_bytes).sum(),
            partitions_left: plan.planned.partitions_left,
        };
        Ok(WrittenPlan { answer, items })
    }

    async fn put(&self, key: &ObjectKey, value: &impl Serialize) -> Result<(), LakeError> {
        let bytes = state::bytes(key, value)?;
        let put = || self.objects.put_object(key, bytes.clone());
        Ok(self.settings.backoff.retry(put).await?)
    }
}

impl PlanScope {
    fn has(&self, partition: &PartitionKey) -> bool {
        self.partitions.is_empty() || self.partitions.contains(partition)
    }
}

impl Survey {
    fn entry_of(&self, file: &ObjectEntry) -> Option<&DatedEntry> {
        let (source, _) = source_of_file(&file.key)?;
        self.sources.get(&source)?.as_ref()
    }
}

fn reads(objects: usize) -> Requests {
    Requests { s3_reads: objects as u64, ..Requests::default() }
}
