//! The leaves of one record, each looked for in one row.

use std::{borrow::Cow, cmp::Ordering, collections::HashMap};

use alluvium_model::{ColumnRule, JsonPath, Kind, Scalar, TableRules};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    Finding, Flaw, Verification, excerpt,
    same::{converted, shown, tells},
    stored::StoredRow,
};

/// The members of an object in their order, equal keys included.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

/// One row, and what of it was accounted for.
pub(super) struct RowCheck<'a, 'f> {
    record: u64,
    row: &'a StoredRow<'a>,
    rules: &'a TableRules,
    /// Whether the value of each column of the file was looked at.
    columns_seen: Vec<bool>,
    /// What was rescued, and whether it was looked at.
    rescued: HashMap<String, (String, bool)>,
    /// Whether the record itself was rescued, so that its values may stand in columns or not.
    rescued_whole: bool,
    found: &'f mut Verification,
}

impl<'a, 'f> RowCheck<'a, 'f> {
    pub(super) fn new(
        record: u64,
        row: &'a StoredRow<'a>,
        rules: &'a TableRules,
        found: &'f mut Verification,
    ) -> Self {
        let mut check = Self {
            record,
            rules,
            row,
            columns_seen: vec![false; row.file.columns.len()],
            rescued: HashMap::new(),
            rescued_whole: false,
            found,
        };
        for (path, text) in row.rescued() {
            if let Some((first, _)) = check.rescued.insert(path.clone(), (text, false)) {
                check.note(&path, Flaw::Doubled, &first, "twice in _rescued");
            }
        }
        check
    }

    /// Looks for every leaf of the record with this text, and for what is none of them.
    pub(super) fn record(mut self, text: &str) {
        let root = JsonPath::root();
        self.rescued_whole = self.rescued.contains_key(root.as_str());
        if self.rescued_whole {
            self.rescued_value(&root, text);
        }
        self.object(&root, text);
        for (index, column) in self.row.file.columns.iter().enumerate() {
            if self.row.has(index) && self.columns_seen.get(index) == Some(&false) {
                let held = self.held(&[index]);
                self.note(&column.path, Flaw::Different, "no value", &held);
            }
        }
        let rescued = std::mem::take(&mut self.rescued);
        for (path, (text, _)) in rescued.into_iter().filter(|(_, (_, seen))| !seen) {
            self.note(&path, Flaw::Different, "no value", &format!("_rescued {text}"));
        }
    }

    fn object(&mut self, path: &JsonPath, text: &str) {
        let Ok(Members(members)) = serde_json::from_str(text) else {
            self.note(path.as_str(), Flaw::Different, text, "what the parsers disagree on");
            return;
        };
        let mut last = HashMap::new();
        for (index, (key, _)) in members.iter().enumerate() {
            last.insert(key.clone(), index);
        }
        let mut earlier: HashMap<&str, u32> = HashMap::new();
        for (index, (key, value)) in members.iter().enumerate() {
            let child = path.child(key);
            if last.get(key) == Some(&index) {
                self.value(&child, value.get());
                continue;
            }
            let count = earlier.entry(key).or_default();
            *count += 1;
            let path = format!("{child}#{count}");
            if self.rescued.contains_key(&path) {
                self.found.values += 1;
                self.rescued_text(&path, value.get());
            } else if !is_null(value.get()) && !self.rescued_whole {
                self.found.values += 1;
                self.note(&path, Flaw::Missing, value.get(), "nothing");
            }
        }
    }

    fn value(&mut self, path: &JsonPath, text: &str) {
        if is_null(text) {
            return;
        }
        let row = self.row;
        let holders: Vec<_> =
            row.file.columns_of(path.as_str()).filter(|index| row.has(*index)).collect();
        if self.rescued.contains_key(path.as_str()) {
            self.rescued_value(path, text);
            if !holders.is_empty() {
                self.see(&holders);
                let held = self.held(&holders);
                self.note(path.as_str(), Flaw::Doubled, text, &format!("_rescued, {held}"));
            }
            return;
        }
        if holders.is_empty() && (self.rescued_whole || text.starts_with('{')) {
            if text.starts_with('{') {
                self.object(path, text);
            }
            return;
        }
        self.found.values += 1;
        self.see(&holders);
        let text = &*self.as_taken(path, text, &holders);
        let flaw = if holders.is_empty() {
            Flaw::Missing
        } else if !holders.iter().all(|index| tells(row, *index, text)) {
            Flaw::Different
        } else {
            match holders.len().cmp(&self.places(path, text, &holders)) {
                Ordering::Less => Flaw::Missing,
                Ordering::Equal => return,
                Ordering::Greater => Flaw::Doubled,
            }
        };
        let held = if holders.is_empty() { "nothing".to_owned() } else { self.held(&holders) };
        self.note(path.as_str(), flaw, text, &held);
    }

    /// The text of a value as the columns that hold it tell it: where the contract declares a
    /// kind, it may be converted.
    fn as_taken<'t>(&self, path: &JsonPath, text: &'t str, holders: &[usize]) -> Cow<'t, str> {
        let held = holders.iter().find_map(|index| self.row.file.columns.get(*index));
        match (self.rules.column(path.as_str()), held) {
            (Some(ColumnRule::Typed(_)), Some(column)) => Cow::Owned(converted(column.kind, text)),
            (Some(ColumnRule::Typed(_) | ColumnRule::Drop) | None, _) => Cow::Borrowed(text),
        }
    }

    /// In how many columns of the file a value is to stand: in two where a `__double` stands
    /// beside its `bigint`, which then carries every number that it holds exactly.
    fn places(&self, path: &JsonPath, text: &str, holders: &[usize]) -> usize {
        let columns = &self.row.file.columns;
        let is = |index: &usize, scalar, sibling: bool| {
            columns.get(*index).is_some_and(|column| {
                column.kind == Kind::Scalar(scalar) && column.sibling_of.is_some() == sibling
            })
        };
        let in_base = holders.iter().any(|index| is(index, Scalar::Bigint, false));
        let mut of_path = self.row.file.columns_of(path.as_str());
        let healed = of_path.any(|index| is(&index, Scalar::Double, true));
        if in_base && healed && is_exact_in_double(text) { 2 } else { 1 }
    }

    fn rescued_value(&mut self, path: &JsonPath, text: &str) {
        self.found.values += 1;
        self.rescued_text(path.as_str(), text);
    }

    fn rescued_text(&mut self, path: &str, text: &str) {
        if let Some((found, seen)) = self.rescued.get_mut(path) {
            *seen = true;
            if found != text {
                let found = format!("_rescued {found}");
                self.note(path, Flaw::Different, text, &found);
            }
        }
    }

    fn see(&mut self, columns: &[usize]) {
        for column in columns {
            if let Some(seen) = self.columns_seen.get_mut(*column) {
                *seen = true;
            }
        }
    }

    fn held(&self, columns: &[usize]) -> String {
        let shown = columns.iter().map(|index| shown(self.row, *index));
        shown.collect::<Vec<_>>().join(", ")
    }

    fn note(&mut self, path: &str, flaw: Flaw, expected: &str, found: &str) {
        self.found.note(Finding {
            record: self.record,
            path: path.to_owned(),
            flaw,
            expected: excerpt(expected),
            found: excerpt(found),
        });
    }
}

/// Whether a value with this text is SQL NULL.
fn is_null(text: &str) -> bool {
    matches!(text, "null" | "{}" | "[]")
}

/// Whether a double holds the integer with this lexeme as it is.
fn is_exact_in_double(lexeme: &str) -> bool {
    let (Ok(integer), Ok(double)) = (lexeme.parse::<i64>(), lexeme.parse::<f64>()) else {
        return false;
    };
    // No integer of 64 bits has more than 20 digits, so none is rounded here.
    format!("{double:.0}") == integer.to_string() || integer == 0
}
