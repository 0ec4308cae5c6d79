//! One partition: its pointer, its place in the catalog, and what lies where they say.

use std::{collections::BTreeSet, slice};

use alluvium_model::{
    Generation, LedgerState, PartitionKey, Phase, Pointer, TableName, Version, Versioned,
    layout::{Location, ObjectKey, first_generation, ledger_key, pointer_key, source_of_file},
    ports::{ListObjects, ObjectEntry, ReadObjects},
};

use super::{
    Diagnosis, Doctor, Inconsistency, Scope,
    sources::{Sources, reason},
};
use crate::{LakeError, state};

/// A partition that is looked at.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) key: PartitionKey,
    /// Where the catalog has it, if it does.
    pub(super) in_catalog: Option<Location>,
    /// Whether a pointer of it was listed.
    pub(super) listed: bool,
    /// Whether its columns are those of its table.
    pub(super) fits: bool,
    /// The files of it that the ledger names.
    pub(super) named: Vec<String>,
}

/// What was found of a partition.
#[derive(Debug, Default)]
pub(super) struct Examined {
    pub(super) diagnosis: Diagnosis,
    pub(super) doubt: Option<Doubt>,
}

/// A partition whose pointer and place in the catalog were seen to differ. Somebody may have
/// swapped it in between.
#[derive(Debug)]
pub(super) struct Doubt {
    key: PartitionKey,
    version: Version,
}

/// The pointer of a partition as it was read.
enum Found {
    Nothing,
    Pointer(Versioned<Pointer>),
    NotUnderstood(Inconsistency),
}

/// What lies in one location.
struct Listed {
    location: Location,
    entries: Vec<ObjectEntry>,
}

impl<C, O: ListObjects + ReadObjects> Doctor<C, O> {
    /// Looks at a partition of a table of ours.
    pub(super) async fn examine_partition(
        &self,
        table: &TableName,
        partition: Partition,
        (sources, scope): (&Sources, &Scope<'_>),
    ) -> Result<Examined, LakeError> {
        let mut examined = Examined::default();
        let object = pointer_key(&self.database, table, &partition.key);
        let pointer = match self.pointer(&object).await? {
            Found::Nothing => None,
            Found::Pointer(_) if partition.in_catalog.is_none() && !partition.listed => {
                // It came to be after the catalog was read.
                return Ok(examined);
            }
            Found::Pointer(found) => {
                self.compare(table, &partition, &found, &mut examined);
                Some(found.value)
            }
            Found::NotUnderstood(finding) => {
                examined.diagnosis.add(finding);
                let locations = partition.in_catalog.iter();
                for Listed { location, entries } in self.list(locations).await? {
                    let (place, diagnosis) = ((table, &location), &mut examined.diagnosis);
                    self.examine_files(place, &entries, (sources, scope), diagnosis).await?;
                }
                return Ok(examined);
            }
        };
        let first = first_generation(&self.database, table, &partition.key);
        let of_pointer = pointer.iter().flat_map(Pointer::locations);
        let mut locations: BTreeSet<_> = partition.in_catalog.iter().chain(of_pointer).collect();
        if locations.is_empty() {
            locations.insert(&first);
        }
        let listed = self.list(locations.into_iter()).await?;
        match &pointer {
            None => self.without_pointer(table, &partition, &listed, &mut examined).await?,
            Some(pointer) if pointer.generation == Generation::first() => {
                let lost = self.lost(table, &partition, &pointer.location, &listed).await?;
                examined.diagnosis.add_all(lost);
            }
            // Its files were merged, and no ledger entry tells into which.
            Some(_) => {}
        }
        for Listed { location, entries } in &listed {
            let (place, diagnosis) = ((table, location), &mut examined.diagnosis);
            self.examine_files(place, entries, (sources, scope), diagnosis).await?;
        }
        Ok(examined)
    }

    /// Compares a pointer with the catalog.
    fn compare(
        &self,
        table: &TableName,
        partition: &Partition,
        found: &Versioned<Pointer>,
        examined: &mut Examined,
    ) {
        let (table, pointer) = (table.clone(), pointer_key(&self.database, table, &partition.key));
        let location = found.value.location.clone();
        match &partition.in_catalog {
            None if !partition.fits => {
                examined.diagnosis.add(Inconsistency::OtherPartitioning {
                    table,
                    pointer,
                    location,
                });
            }
            None if found.value.retired_at.is_some() => {}
            None => {
                let partition = partition.key.clone();
                let finding = Inconsistency::NotRegistered { table, partition, pointer, location };
                examined.diagnosis.add(finding);
            }
            Some(in_catalog) if !agree(&found.value, in_catalog) => {
                let (key, version) = (partition.key.clone(), found.version.clone());
                examined.doubt = Some(Doubt { key, version });
            }
            Some(_) => {}
        }
    }

    /// Judges a partition that has no pointer. Whoever writes a file makes one before.
    async fn without_pointer(
        &self,
        table: &TableName,
        partition: &Partition,
        listed: &[Listed],
        examined: &mut Examined,
    ) -> Result<(), LakeError> {
        let object = pointer_key(&self.database, table, &partition.key);
        let entries = || listed.iter().flat_map(|listed| &listed.entries);
        let files = entries().filter(|entry| source_of_file(&entry.key).is_some()).count();
        let (table, key) = (table.clone(), partition.key.clone());
        let first_generation = first_generation(&self.database, &table, &key);
        match &partition.in_catalog {
            None if files == 0 => examined.diagnosis.partitions_dropped += 1,
            // It was made meanwhile.
            _ if matches!(self.pointer(&object).await?, Found::Pointer(_)) => {}
            None => {
                let (partition, location) = (key, first_generation);
                let finding = Inconsistency::Unreachable { table, partition, location, files };
                examined.diagnosis.add(finding);
            }
            Some(location) => {
                if *location == first_generation {
                    let lost = self.missing(&table, partition, location, listed).await?;
                    examined.diagnosis.add_all(lost);
                }
                if files > 0 {
                    let (partition, location) = (key, location.clone());
                    examined.diagnosis.add(Inconsistency::NoPointer {
                        table,
                        partition,
                        location,
                        first_generation,
                        files,
                    });
                }
            }
        }
        Ok(())
    }

    /// The files that should be in the first generation of a partition, and are not.
    async fn lost(
        &self,
        table: &TableName,
        partition: &Partition,
        location: &Location,
        listed: &[Listed],
    ) -> Result<Vec<Inconsistency>, LakeError> {
        let lost = self.missing(table, partition, location, listed).await?;
        if lost.is_empty() {
            return Ok(lost);
        }
        // Somebody may have merged them since, and deleted them.
        let object = pointer_key(&self.database, table, &partition.key);
        match self.pointer(&object).await? {
            Found::Pointer(now) if now.value.generation == Generation::first() => Ok(lost),
            Found::Pointer(_) | Found::Nothing | Found::NotUnderstood(_) => Ok(Vec::new()),
        }
    }

    /// The files that the ledger names and a location does not have.
    async fn missing(
        &self,
        table: &TableName,
        partition: &Partition,
        location: &Location,
        listed: &[Listed],
    ) -> Result<Vec<Inconsistency>, LakeError> {
        let here = listed.iter().filter(|listed| listed.location == *location);
        let there: BTreeSet<_> = here.flat_map(|listed| &listed.entries).map(|e| &e.key).collect();
        let mut lost = Vec::new();
        for name in &partition.named {
            let file = location.object(name);
            let Some((source, _)) = source_of_file(&file).filter(|_| !there.contains(&file)) else {
                continue;
            };
            let entry = self.entry_now(&ledger_key(&self.database, source)).await?;
            let Some(entry) = entry else { continue };
            let LedgerState::Committed(committed) = entry.state else { continue };
            let is_it = |f: &&alluvium_model::LedgerFile| {
                f.table == *table && f.partition == partition.key && f.name == *name
            };
            if let Some(named) = committed.files.iter().find(is_it) {
                let (table, source, rows) = (table.clone(), entry.source, named.rows);
                lost.push(Inconsistency::LostFile { table, file, source, rows });
            }
        }
        Ok(lost)
    }

    /// Looks again at a partition whose pointer did not agree with the catalog, by the catalog as
    /// it was read after that pointer: if the pointer is still the same, they differ indeed.
    pub(super) async fn confirm(
        &self,
        table: &TableName,
        doubt: Doubt,
        in_catalog: Option<&Location>,
    ) -> Result<Option<Inconsistency>, LakeError> {
        let pointer = pointer_key(&self.database, table, &doubt.key);
        let (Found::Pointer(now), Some(in_catalog)) = (self.pointer(&pointer).await?, in_catalog)
        else {
            return Ok(None);
        };
        if now.version != doubt.version || agree(&now.value, in_catalog) {
            return Ok(None);
        }
        let (table, partition) = (table.clone(), doubt.key);
        let (location, in_catalog) = (now.value.location, in_catalog.clone());
        Ok(Some(Inconsistency::OtherLocation { table, partition, pointer, location, in_catalog }))
    }

    async fn pointer(&self, object: &ObjectKey) -> Result<Found, LakeError> {
        let found = self.backoff.retry(|| self.objects.object(object)).await?;
        let Some(found) = found else { return Ok(Found::Nothing) };
        Ok(state::understand(object, found).map_or_else(
            |error| {
                let (pointer, message) = (object.clone(), reason(&error));
                Found::NotUnderstood(Inconsistency::PointerNotUnderstood { pointer, message })
            },
            Found::Pointer,
        ))
    }

    async fn list(
        &self,
        locations: impl Iterator<Item = &Location>,
    ) -> Result<Vec<Listed>, LakeError> {
        let mut listed = Vec::new();
        for location in locations {
            let entries = self.backoff.retry(|| self.objects.list_objects(location)).await?;
            listed.push(Listed { location: location.clone(), entries });
        }
        Ok(listed)
    }
}

impl Doubt {
    pub(super) const fn key(&self) -> &PartitionKey {
        &self.key
    }
}

/// Whether the catalog names what a pointer lets it name.
fn agree(pointer: &Pointer, in_catalog: &Location) -> bool {
    let committing = pointer.next.iter().filter(|next| next.phase == Phase::Committing);
    let coming = committing.map(|next| &next.location);
    slice::from_ref(&pointer.location).iter().chain(coming).any(|location| location == in_catalog)
}
