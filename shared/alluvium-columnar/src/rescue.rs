//! What a record holds that has no column: found again by reading the record a second time.
//!
//! A value without a place is rescued whole, at the outermost path that has none: what lies under
//! a path that was not told apart, a leaf whose path has no column for its class, and each value
//! of a key that stands again later in its object (`path#1`, `path#2`, …).

use std::{collections::HashMap, convert::Infallible};

use alluvium_model::{ClassSet, JsonPath};

use crate::{
    flatten::last_of_each_key,
    paths::{NodeId, Paths},
    scalar::classify,
    text::{byte, end_of_value, is_null, value_text, walk_object},
};

/// Bytes that a rescued value takes in memory besides its path and its text.
const VALUE_BYTES: usize = 32;

/// Finds the values of records that have no column.
pub(crate) struct Rescue<'a> {
    pub(crate) text: &'a str,
    pub(crate) paths: &'a Paths,
    /// The classes of each path that no column takes, in the order of the paths.
    pub(crate) homeless: &'a [ClassSet],
    pub(crate) path_depth: u32,
}

impl<'a> Rescue<'a> {
    /// Gives path and JSON text of each such value of the record at `at` to `take`. `loses` says
    /// whether the record has values without a cell. If they would take more than `bytes_max`,
    /// the record itself is rescued instead, so that a long path with many keys below it cannot
    /// blow a record up.
    pub(crate) fn record(
        &self,
        at: usize,
        loses: bool,
        bytes_max: usize,
        take: &mut dyn FnMut(&str, &'a str),
    ) {
        let mut bytes = 0;
        let mut count = |path: &str, text: &str| bytes += path.len() + text.len() + VALUE_BYTES;
        Record { rescue: self, loses, take: &mut count }.object(NodeId::ROOT, at);
        if bytes > bytes_max {
            take(JsonPath::root().as_str(), value_text(self.text, at));
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
        let Rescue { text, paths, .. } = *self.rescue;
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
        let Rescue { text, paths, homeless, path_depth } = *self.rescue;
        let Some(node) = paths.node(id) else { return at };
        if byte(text, at) == b'{' && node.depth < path_depth {
            return self.object(id, at);
        }
        let end = end_of_value(text, at);
        if let Some(classes) = homeless.get(id.index())
            && classes.contains(classify(text, at).0)
        {
            (self.take)(node.path.as_str(), text.get(at..end).unwrap_or_default());
        }
        end
    }
}
