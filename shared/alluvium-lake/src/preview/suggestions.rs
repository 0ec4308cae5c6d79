//! What a contract could settle beforehand, so that it does not depend on what comes first.

use std::collections::BTreeMap;

use alluvium_model::{JsonPath, Kind, Refusal, Scalar};
use serde::Serialize;

use super::{Conflict, PreviewColumn, budgets::Refusals};

/// Candidates for the time of the event that are shown.
const EVENT_TIMES_MAX: usize = 3;
/// Objects that are suggested to be kept whole for want of room.
const LARGEST_OBJECTS_MAX: usize = 5;

/// A line of a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Suggestion {
    /// Each record has an instant under this path.
    EventTime {
        /// The path.
        path: String,
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

pub(super) fn suggest(
    columns: &[PreviewColumn],
    conflicts: &[Conflict],
    refusals: &Refusals,
) -> Vec<Suggestion> {
    let always_an_instant = |column: &&PreviewColumn| {
        column.kind == Kind::Scalar(Scalar::Timestamp) && column.nulls == 0 && column.values > 0
    };
    let event_times = columns.iter().filter(always_an_instant).take(EVENT_TIMES_MAX);
    let event_times = event_times.map(|column| Suggestion::EventTime { path: column.path.clone() });
    let kinds = conflicts.iter().filter_map(|conflict| {
        let seen: Vec<_> = conflict.seen.iter().map(|seen| seen.kind).collect();
        Some(Suggestion::Kind {
            path: conflict.path.clone(),
            kind: Kind::Scalar(conflict.common?),
            why: seen.join(", "),
        })
    });
    let whole = refusals.kept_whole.iter().map(|object| Suggestion::Kind {
        path: object.path.clone(),
        kind: Kind::Json,
        why: format!("{} keys", object.keys),
    });
    let largest = largest_objects(refusals).into_iter().map(|(path, count)| Suggestion::Kind {
        path,
        kind: Kind::Json,
        why: format!("{count} paths in it have no column"),
    });
    event_times.chain(kinds).chain(whole).chain(largest).collect()
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
