//! What a record holds that has no column: found again by reading the record a second time.
//!
//! A value without a place is rescued whole, at the outermost path that has none: what lies under
//! a path that was not told apart, a leaf whose path has no column for its class, and each value
//! of a key that stands again later in its object (`path#1`, `path#2`, …). What lies in an object
//! that a column keeps whole has its place there.

use std::{borrow::Cow, collections::HashMap, convert::Infallible, ops::Range};

use alluvium_model::{ClassSet, JsonPath, TableSchema, ValueClass};

use crate::{
    Part,
    flatten::last_of_each_key,
    paths::{NodeId, Paths},
    scalar::classify,
    text::{byte, end_of_value, is_null, value_text, walk_object},
};

/// Bytes that a rescued value takes in memory besides its path and its text.
const VALUE_BYTES: usize = 32;
/// Bytes of rescued values of a record at most, in lengths of the longest record.
const RECORD_FACTOR: usize = 2;

/// Which values have no column, path by path in the order of the paths.
pub(crate) struct Homes {
    /// The classes that no column takes.
    homeless: Vec<ClassSet>,
    /// Whether a column keeps the objects of the path whole.
    whole: Vec<bool>,
}

impl Homes {
    pub(crate) fn new(paths: &Paths, schema: &TableSchema) -> Self {
        let (mut homeless, mut whole) = (Vec::new(), Vec::new());
        let mut in_whole: Vec<bool> = Vec::new();
        for node in paths.iter() {
            // An object stands before its members.
            let above = node.parent.index();
            let lies_in = [&whole, &in_whole].iter().any(|known| known.get(above) == Some(&true));
            let mut without_column = ClassSet::default();
            for class in node.classes.iter().filter(|class| *class != ValueClass::Object) {
                if !lies_in && schema.carriers(&node.path, class).is_empty() {
                    without_column.insert(class);
                }
            }
            homeless.push(without_column);
            whole.push(schema.keeps_whole(&node.path));
            in_whole.push(lies_in);
        }
        Self { homeless, whole }
    }

    fn is_homeless(&self, id: NodeId, class: ValueClass) -> bool {
        self.homeless.get(id.index()).is_some_and(|classes| classes.contains(class))
    }

    fn is_whole(&self, id: NodeId) -> bool {
        self.whole.get(id.index()) == Some(&true)
    }
}

impl Part {
    /// What finds the values of this part that have no column.
    pub(crate) fn rescue<'a>(&'a self, homes: &'a Homes) -> Rescue<'a> {
        Rescue { part: self, homes, seeks: Cow::Owned(self.rows_with_homeless(homes)) }
    }

    /// Whether each row may have values without a column.
    pub(crate) fn rows_with_homeless(&self, homes: &Homes) -> Vec<bool> {
        let mut seeks: Vec<_> = self.rows.iter().map(|row| row.loses).collect();
        let paths = self.flattener.paths.iter().zip(&homes.homeless);
        for (node, classes) in paths.filter(|(_, classes)| !classes.is_empty()) {
            for cell in node.cells.iter().filter(|cell| classes.contains(cell.class())) {
                if let Some(row) = seeks.get_mut(cell.row() as usize) {
                    *row = true;
                }
            }
        }
        seeks
    }
}

/// Finds the values of rows that have no column.
pub(crate) struct Rescue<'a> {
    pub(crate) part: &'a Part,
    pub(crate) homes: &'a Homes,
    /// The rows that may have such values.
    pub(crate) seeks: Cow<'a, [bool]>,
}

impl<'a> Rescue<'a> {
    /// Whether any value of these rows has no column.
    pub(crate) fn finds_any(&self, mut rows: Range<u32>) -> bool {
        // What was lost may lie in objects that are kept whole, so that nothing is left to do.
        rows.any(|row| self.first(row).is_some())
    }

    /// Whether a row may have such values.
    pub(crate) fn seeks_in(&self, row: u32) -> bool {
        self.seeks.get(row as usize) == Some(&true)
    }

    /// The path of the first value of a row that has no column.
    pub(crate) fn first(&self, row: u32) -> Option<String> {
        let mut first = None;
        self.row(row, &mut |path, _| {
            first.get_or_insert_with(|| path.to_owned());
        });
        first
    }

    /// Gives path and JSON text of each such value of a row to `take`. If they would take too
    /// much memory, the record itself is rescued instead, so that a long path with many keys
    /// below it cannot blow a record up.
    pub(crate) fn row(&self, row: u32, take: &mut dyn FnMut(&str, &'a str)) {
        if !self.seeks_in(row) {
            return;
        }
        let Some(row) = self.part.rows.get(row as usize) else { return };
        let (at, loses) = (row.at as usize, row.loses);
        let mut bytes = 0;
        let mut count = |path: &str, text: &str| bytes += path.len() + text.len() + VALUE_BYTES;
        Record { rescue: self, loses, take: &mut count }.object(NodeId::ROOT, at);
        if bytes > RECORD_FACTOR * self.part.facts.limits.record_bytes as usize {
            take(JsonPath::root().as_str(), value_text(&self.part.text, at));
        } else if bytes > 0 {
            Record { rescue: self, loses, take }.object(NodeId::ROOT, at);
        }
    }
}

struct Record<'a, 't> {
    rescue: &'a Rescue<'t>,
    loses: bool,
    take: &'a mut dyn FnMut(&str, &'t str),
}

impl Record<'_, '_> {
    /// Goes through the object at `at` and says where it ends.
    fn object(&mut self, id: NodeId, at: usize) -> usize {
        let part = self.rescue.part;
        let (text, paths) = (part.text.as_str(), &part.flattener.paths);
        let Some(node) = paths.node(id) else { return at };
        let last = self.loses.then(|| last_of_each_key(text, at));
        let mut earlier: HashMap<String, u32> = HashMap::new();
        let Ok(end) = walk_object::<Infallible>(text, at, |key, value| {
            if last.as_ref().is_some_and(|last| last.get(&key) != Some(&value)) {
                let path = node.path.child(&key);
                let count = earlier.entry(key.into_owned()).or_default();
                *count += 1;
                (self.take)(&format!("{path}#{count}"), value_text(text, value));
                return Ok(end_of_value(text, value));
            }
            if is_null(text, value) {
                return Ok(end_of_value(text, value));
            }
            let Some(child) = paths.find(id, &key) else {
                let value_text = value_text(text, value);
                (self.take)(node.path.child(&key).as_str(), value_text);
                return Ok(value + value_text.len());
            };
            Ok(self.member(child, value))
        });
        end
    }

    /// Looks at the value at `at`, whose path is told apart, and says where it ends.
    fn member(&mut self, id: NodeId, at: usize) -> usize {
        let Rescue { part, homes, .. } = *self.rescue;
        let text = part.text.as_str();
        let Some(node) = part.flattener.paths.node(id) else { return at };
        let flattened = byte(text, at) == b'{' && node.flattens;
        if flattened && !homes.is_whole(id) {
            return self.object(id, at);
        }
        let value = value_text(text, at);
        let class = || part.flattener.paths.class_at(node, classify(text, at).0, value);
        // An object that is kept whole has a column, whatever has none at its path.
        if !flattened && homes.is_homeless(id, class()) {
            (self.take)(node.path.as_str(), value);
        }
        at + value.len()
    }
}
