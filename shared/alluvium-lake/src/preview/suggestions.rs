//! What a contract could settle beforehand, so that it does not depend on what comes first.

use std::collections::BTreeMap;

use alluvium_model::{JsonPath, Kind, Refusal};
use serde::Serialize;

use super::{Conflict, budgets::Refusals, candidates::Candidates};

/// Candidates for the time of the event, and for partitions, that are shown.
const CANDIDATES_MAX: usize = 3;
/// Objects that are suggested to be kept whole for want of room.
const LARGEST_OBJECTS_MAX: usize = 5;
/// What is believed without a word, in days.
const DEFAULT_PAST_DAYS: i64 = 3_650;

/// A line of a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Suggestion {
    /// The value under this path says when a record happened. The best comes first.
    EventTime {
        /// The path.
        path: String,
        /// How it is written, as a contract says it.
        format: String,
        /// Rows without it.
        missing: u64,
        /// The days before the arrival of their sources that must be believed, if they are more
        /// than are believed without a word.
        past_days: Option<i64>,
    },
    /// There are few values under this path, which could be partitions.
    Partition {
        /// The path.
        path: String,
        /// Different values that were seen.
        distinct: usize,
    },
    /// A path could be declared to hold one kind.
    Kind {
        /// The path.
        path: String,
        /// The kind.
        kind: Kind,
        /// What it would settle.
        why: String,
    },
}

/// Suggestions that go together: of what is in an object that is kept whole nothing else is said.
pub(super) fn suggest(
    conflicts: &[Conflict],
    refusals: &Refusals,
    candidates: &Candidates,
    rows: u64,
) -> Vec<Suggestion> {
    let kinds = kinds(conflicts, refusals);
    let is_apart = |path: &JsonPath| {
        let mut at_or_above = path.ancestors().chain([path.as_str()]);
        !at_or_above.any(|above| kinds.get(above).is_some_and(|(kind, _)| *kind == Kind::Json))
    };
    let times = candidates.times(rows);
    let times: Vec<_> =
        times.into_iter().filter(|time| is_apart(&time.path)).take(CANDIDATES_MAX).collect();
    let partitions = candidates.partitions(rows).into_iter();
    let partitions = partitions
        .filter(|few| is_apart(&few.path) && times.iter().all(|time| time.path != few.path))
        .take(CANDIDATES_MAX);
    let times = times.iter().map(|time| Suggestion::EventTime {
        path: time.path.to_string(),
        format: time.format.to_string(),
        missing: time.missing,
        past_days: (time.past_days > DEFAULT_PAST_DAYS)
            .then(|| (time.past_days / DEFAULT_PAST_DAYS + 1) * DEFAULT_PAST_DAYS),
    });
    let partitions = partitions
        .map(|few| Suggestion::Partition { path: few.path.to_string(), distinct: few.distinct });
    let declared = kinds.iter().filter(|(path, _)| {
        !path.ancestors().any(|above| kinds.get(above).is_some_and(|(k, _)| *k == Kind::Json))
    });
    let declared = declared.map(|(path, (kind, why))| Suggestion::Kind {
        path: path.to_string(),
        kind: *kind,
        why: why.clone(),
    });
    times.chain(partitions).chain(declared).collect()
}

/// The kind of each path that could be declared, and why. The record itself has none.
fn kinds(conflicts: &[Conflict], refusals: &Refusals) -> BTreeMap<JsonPath, (Kind, String)> {
    let common = conflicts.iter().filter_map(|conflict| {
        let seen: Vec<_> = conflict.seen.iter().map(|seen| seen.kind).collect();
        Some((conflict.path.clone(), Kind::Scalar(conflict.common?), seen.join(", ")))
    });
    let whole = refusals.kept_whole.iter();
    let whole =
        whole.map(|object| (object.path.clone(), Kind::Json, format!("{} keys", object.keys)));
    let largest = largest_objects(refusals)
        .into_iter()
        .map(|(path, count)| (path, Kind::Json, format!("{count} paths in it have no column")));
    // What is kept whole leaves nothing to be settled, so it comes last.
    let all = common.chain(largest).chain(whole);
    let parsed = all.filter_map(|(path, kind, why)| {
        let path: JsonPath = path.parse().ok()?;
        (!path.is_root()).then_some((path, (kind, why)))
    });
    parsed.collect()
}

/// The objects that hold most of the paths that were refused, each with how many.
fn largest_objects(refusals: &Refusals) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for refused in &refusals.refused {
        let Ok(path) = refused.path.parse::<JsonPath>() else { continue };
        let object = match refused.budget {
            // The object that is full is the one that the key belongs to.
            Refusal::Keys => path.ancestors().last(),
            Refusal::Columns | Refusal::TableBytes => path.ancestors().nth(1),
        };
        if let Some(object) = object {
            *counts.entry(object.to_owned()).or_default() += 1;
        }
    }
    let mut largest: Vec<_> = counts.into_iter().filter(|(_, count)| *count > 1).collect();
    largest.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    largest.truncate(LARGEST_OBJECTS_MAX);
    largest
}
