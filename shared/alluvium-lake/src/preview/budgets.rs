//! What would find no room in a table, and what becomes of it.

use std::collections::BTreeSet;

use alluvium_columnar::Part;
use alluvium_model::{Discovery, Extension, JsonPath, Limits, Mode, Refusal, TableSchema};
use serde::Serialize;

use super::conflicts::cut;

/// Paths, and values, that are kept to be shown.
const SHOWN_MAX: usize = 1_000;

/// An object that would be kept whole, as JSON text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WholeObject {
    /// Its path.
    pub path: String,
    /// The keys that it was seen with when that was decided.
    pub keys: usize,
}

/// A path that would get no column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefusedPath {
    /// The path.
    pub path: String,
    /// The budget that has no room for it.
    pub budget: Refusal,
}

/// A value that would have no column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Homeless {
    /// Its key in `_rescued`, cut.
    pub path: String,
    /// Why it has none.
    pub why: NoColumn,
    /// The JSON text of the first such value, cut.
    pub example: String,
}

/// Why a value has no column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoColumn {
    /// Its key stands again later in the same object.
    EqualKey,
    /// It is an array of nothing but nulls.
    NullArray,
    /// Its path is too long.
    LongPath,
    /// The contract adds no columns.
    Frozen,
    /// A budget has no room for it.
    NoRoom,
}

impl NoColumn {
    fn of(path: &str, text: &str, mode: Mode) -> Self {
        let is_path = path.parse::<JsonPath>().is_ok();
        if !is_path {
            Self::EqualKey
        } else if path.len() > Limits::default().path_bytes as usize {
            Self::LongPath
        } else if is_null_array(text) {
            Self::NullArray
        } else if mode == Mode::Evolve {
            Self::NoRoom
        } else {
            Self::Frozen
        }
    }
}

fn is_null_array(text: &str) -> bool {
    let elements = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    elements.is_some_and(|elements| elements.split(',').all(|element| element == "null"))
}

/// What found no room so far; no more of it than can be shown.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    pub(super) kept_whole: Vec<WholeObject>,
    pub(super) refused: Vec<RefusedPath>,
    pub(super) rescued: Vec<Homeless>,
    refused_paths: BTreeSet<JsonPath>,
    rescued_paths: BTreeSet<String>,
}

impl Refusals {
    pub(super) fn note(&mut self, extension: &Extension, discovery: &Discovery) {
        let keys = discovery.keys();
        let whole = |path: &JsonPath| WholeObject {
            path: path.to_string(),
            keys: keys.get(path.as_str()).copied().unwrap_or_default(),
        };
        self.kept_whole.extend(extension.kept_whole.iter().map(whole));
        for (path, budget) in &extension.refused {
            if self.refused.len() < SHOWN_MAX && self.refused_paths.insert(path.clone()) {
                self.refused.push(RefusedPath { path: path.to_string(), budget: *budget });
            }
        }
    }

    /// Notes the values of a part that have no column; says how many there are.
    pub(super) fn note_rescued(&mut self, schema: &TableSchema, part: &Part, mode: Mode) -> u64 {
        let mut values = 0;
        part.rescued(schema, &mut |path, text| {
            values += 1;
            // Keys may be of any length, so none is kept as it is.
            let shown = cut(path);
            if self.rescued.len() < SHOWN_MAX && self.rescued_paths.insert(shown.clone()) {
                let why = NoColumn::of(path, text, mode);
                self.rescued.push(Homeless { path: shown, why, example: cut(text) });
            }
        });
        values
    }
}
