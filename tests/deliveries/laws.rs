//! What must hold at every moment, and what when everything is done.

use std::collections::{BTreeMap, BTreeSet};

use alluvium_lake::Verify;
use alluvium_model::{
    AnnouncedObject, Committed, LedgerEntry, LedgerState, Origin, Plan, SourceId,
    layout::{self, ledger_key, source_of_file},
    ports::{ReadObjects as _, Source},
};
use alluvium_testkit::MemorySource;
use alluvium_tests::{Lake, contracts};

use crate::{
    late::at_once,
    rows::Rows,
    scene::{Content, Deployment},
    swapper::database,
};

/// Files by what makes them one of a kind: location and name.
type Files = BTreeSet<(String, String)>;

/// Watches a lake: what the ledger calls committed is where readers look, once, and nothing else
/// of these sources is.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    committed: BTreeMap<SourceId, Committed>,
}

impl Watch {
    pub(crate) fn look(&mut self, lake: &Lake) -> Result<(), String> {
        self.learn(lake);
        let keys: BTreeSet<String> =
            lake.objects.keys().iter().map(|key| key.as_str().to_owned()).collect();
        let mut seen: BTreeMap<SourceId, Files> = BTreeMap::new();
        let mut named = BTreeMap::new();
        for (table, partition) in lake.catalog.all_partitions() {
            let location = partition.location.as_str().to_owned();
            let below = keys.range(location.clone()..);
            for key in below.take_while(|key| key.starts_with(&location)) {
                let file = partition.location.object(&key[location.len()..]);
                let (source, _) = source_of_file(&file).ok_or_else(|| format!("{key}: whose?"))?;
                let name = key[location.len()..].to_owned();
                seen.entry(source).or_default().insert((location.clone(), name));
            }
            named.insert((table, partition.key), location);
        }
        for (source, committed) in &self.committed {
            let place = |file: &alluvium_model::LedgerFile| {
                let location = named.get(&(file.table.clone(), file.partition.clone()));
                (location.cloned().unwrap_or_default(), file.name.clone())
            };
            let expected: Files = committed.files.iter().map(place).collect();
            let found = seen.remove(source).unwrap_or_default();
            if found != expected || expected.len() != committed.files.len() {
                return Err(format!("{source}: {found:?} is seen, {expected:?} is committed"));
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
    fn learn(&mut self, lake: &Lake) {
        let ledger = layout::ledger(&database());
        for key in lake.objects.keys() {
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
    let found = at_once(lake.objects.object(&ledger_key(&database(), source))).unwrap()?;
    Some(serde_json::from_slice::<LedgerEntry>(&found.value).unwrap().state)
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
    for (content, (object, exists)) in contents.iter().zip(announced) {
        let id = object.source_id().unwrap();
        let Some(LedgerState::Committed(committed)) = state(lake, id) else { continue };
        if !exists {
            continue;
        }
        for deployment in deployments {
            let assignment = contracts(&deployment.contracts())
                .contracts()
                .await
                .unwrap()
                .assignment(&content.key);
            let (layout, limits) = (deployment.layout, deployment.limits());
            let plan = Plan { layout, limits, contract: assignment.rules.digest() };
            if plan.id() != committed.plan {
                continue;
            }
            let mut verify = Verify::new(lake.catalog.clone(), lake.objects.clone(), limits);
            let entry = at_once(lake.objects.object(&ledger_key(&database(), id))).unwrap();
            let entry: LedgerEntry = serde_json::from_slice(&entry.unwrap().value).unwrap();
            let source = Source {
                id,
                origin: Origin { source: entry.source, arrived_at: entry.arrived_at.unwrap() },
                bytes: content.text.len() as u64,
                reader: MemorySource::new(content.text.clone(), 1_000),
            };
            let report = verify.verify(assignment.destination().unwrap(), source).await.unwrap();
            if !report.is_clean() {
                return Err(format!("{content:?}: {report:?}"));
            }
            break;
        }
    }
    Ok(())
}
