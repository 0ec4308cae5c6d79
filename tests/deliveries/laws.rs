//! What must hold at every moment, and what when everything is done.

use std::collections::{BTreeMap, BTreeSet};

use alluvium_lake::Verify;
use alluvium_model::{
    AnnouncedObject, Committed, LedgerEntry, LedgerFile, LedgerState, Origin, Plan, SourceId,
    layout::{self, ObjectKey, ledger_key, source_of_file},
    ports::{ReadObjects as _, Source, SourceFormat},
};
use alluvium_testkit::MemorySource;
use alluvium_tests::{Lake, contracts as contracts_of, late::at_once};

use crate::{
    rows::Rows,
    scene::{Content, Deployment},
    world::database,
};

type Files = BTreeSet<ObjectKey>;

/// Watches a lake: what the ledger calls committed is where readers look, once, and nothing else
/// of these sources is.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    committed: BTreeMap<SourceId, Committed>,
}

impl Watch {
    /// Says which law is broken now, if one is. What is committed is asked for only if that may
    /// have changed.
    pub(crate) fn look(&mut self, lake: &Lake, learns: bool) -> Result<(), String> {
        let keys: BTreeSet<ObjectKey> = lake.objects.keys().into_iter().collect();
        if learns {
            self.learn(lake, &keys);
        }
        let mut seen: BTreeMap<SourceId, Files> = BTreeMap::new();
        let mut named = BTreeMap::new();
        for (table, partition) in lake.catalog.all_partitions() {
            let location = partition.location;
            let below = keys.range(location.object("")..);
            for key in below.take_while(|key| key.as_str().starts_with(location.as_str())) {
                let (source, _) = source_of_file(key).ok_or_else(|| format!("{key}: whose?"))?;
                seen.entry(source).or_default().insert(key.clone());
            }
            named.insert((table, partition.key), location);
        }
        for (source, committed) in &self.committed {
            let place = |file: &LedgerFile| {
                let location = named.get(&(file.table.clone(), file.partition.clone()));
                location.map(|location| location.object(&file.name))
            };
            let expected: Files = committed.files.iter().filter_map(place).collect();
            let found = seen.remove(source).unwrap_or_default();
            if found != expected || expected.len() != committed.files.len() {
                return Err(format!("{source}: {found:?} is seen, {committed:?} is committed"));
            }
        }
        Ok(())
    }

    /// What was committed once is so for ever.
    pub(crate) fn nothing_was_taken_back(&self, lake: &Lake) -> Result<(), String> {
        for (source, committed) in &self.committed {
            match state(lake, *source) {
                Some(LedgerState::Committed(now)) if now == *committed => {}
                now => return Err(format!("{source} was {committed:?} and is {now:?}")),
            }
        }
        Ok(())
    }

    /// Reads ledger entries until they are committed: then they stay as they are.
    fn learn(&mut self, lake: &Lake, keys: &BTreeSet<ObjectKey>) {
        let ledger = layout::ledger(&database());
        for key in keys {
            let Some(name) = key.as_str().strip_prefix(ledger.as_str()) else { continue };
            let source: SourceId = name.strip_suffix(".json").unwrap().parse().unwrap();
            if self.committed.contains_key(&source) {
                continue;
            }
            if let Some(LedgerState::Committed(committed)) = state(lake, source) {
                self.committed.insert(source, committed);
            }
        }
    }
}

fn state(lake: &Lake, source: SourceId) -> Option<LedgerState> {
    entry(lake, source).map(|entry| entry.state)
}

fn entry(lake: &Lake, source: SourceId) -> Option<LedgerEntry> {
    let found = at_once(lake.objects.object(&ledger_key(&database(), source))).unwrap()?;
    Some(serde_json::from_slice(&found.value).unwrap())
}

/// Checks what must hold when everything is done. `announced` says of each content how it was
/// announced, and whether it is in the bucket in the end.
pub(crate) fn all_is_done(
    lake: &Lake,
    contents: &[Content],
    announced: &[(AnnouncedObject, bool)],
) -> Result<u64, String> {
    let mut rows = Rows::of(lake);
    let mut superseded = 0;
    for (content, (object, exists)) in contents.iter().zip(announced) {
        let id = object.source_id().unwrap();
        if content.is_poison() {
            continue;
        }
        match state(lake, id) {
            Some(LedgerState::Committed(committed)) => {
                counts_are(&committed, content).map_err(|error| format!("{id}: {error}"))?;
                rows.take(content)?;
            }
            Some(LedgerState::Superseded { .. }) if !exists => superseded += 1,
            other => return Err(format!("{content:?}, in the bucket: {exists}, is {other:?}")),
        }
    }
    rows.nothing_is_left()?;
    Ok(superseded)
}

fn counts_are(committed: &Committed, content: &Content) -> Result<(), String> {
    let (counts, files) = (&committed.counts, &committed.files);
    let written: u64 = files.iter().map(|file| file.rows).sum();
    let quarantined: u64 = counts.quarantined.values().sum();
    let (good, bad) = (content.good.len() as u64, content.bad.len() as u64);
    if (counts.records, counts.loaded, quarantined) != (good + bad, good, bad)
        || written != counts.records
    {
        return Err(format!("{committed:?} does not add up to {good} and {bad} records"));
    }
    Ok(())
}

/// Compares what is in the bucket with its rows, value by value.
pub(crate) async fn verify(
    lake: &Lake,
    deployments: &[Deployment],
    contents: &[Content],
    announced: &[(AnnouncedObject, bool)],
) -> Result<(), String> {
    for (content, (object, _)) in contents.iter().zip(announced).filter(|(_, (_, exists))| *exists)
    {
        let id = object.source_id().unwrap();
        let Some(LedgerEntry { source, arrived_at, state }) = entry(lake, id) else { continue };
        let LedgerState::Committed(committed) = state else { continue };
        for deployment in deployments {
            let contracts = deployment.contracts();
            let assignment = contracts_of(&contracts).contracts().await.unwrap();
            let assignment = assignment.assignment(&content.key);
            let (layout, limits) = (deployment.layout, deployment.limits());
            let plan = Plan { layout, limits, contract: assignment.rules.digest() };
            if plan.id() != committed.plan {
                continue;
            }
            let mut verify = Verify::new(lake.catalog.clone(), lake.objects.clone(), limits);
            let bytes = content.text.len() as u64;
            let reader = MemorySource::new(content.text.clone(), 1_000);
            let origin = Origin { source, arrived_at: arrived_at.unwrap() };
            let format = SourceFormat::Documents;
            let source = Source { id, origin, bytes, format, reader };
            let report = verify.verify(assignment.destination().unwrap(), source).await.unwrap();
            if !report.is_clean() {
                return Err(format!("{content:?}: {report:?}"));
            }
            break;
        }
    }
    Ok(())
}
