//! What a record holds that has no column: found again by reading the record a second time.
//!
//! A value without a place is rescued whole, at the outermost path that has none: what lies under
//! a path that was not told apart, a leaf whose path has no column for its class, and each value
//! of a key that stands again later in its object (`path#1`, `path#2`, …).

use std::collections::HashMap;

use alluvium_model::{ClassSet, JsonPath};

use crate::{
    flatten::last_of_each_key,
    paths::{NodeId, Paths},
    scalar::classify,
    text::{byte, is_null, members, value_text},
};

/// Finds the values of records that have no column.
pub(crate) struct Rescue<'a> {
    pub(crate) text: &'a [u8],
    pub(crate) paths: &'a Paths,
    /// By node: the classes that no column takes.
    pub(crate) homeless: &'a HashMap<JsonPath, ClassSet>,
    pub(crate) path_depth: u32,
}

impl Rescue<'_> {
    /// Gives path and JSON text of each such value of the record at `at` to `take`.
    pub(crate) fn record(&self, at: usize, take: &mut dyn FnMut(&str, &str)) {
        self.object(NodeId::ROOT, at, take);
    }

    fn object(&self, id: NodeId, at: usize, take: &mut dyn FnMut(&str, &str)) {
        let Some(node) = self.paths.node(id) else { return };
        let last = last_of_each_key(self.text, at);
        let mut earlier: HashMap<String, u32> = HashMap::new();
        for member in members(self.text, at) {
            let value = member.value;
            if last.get(&member.key) != Some(&value) {
                let path = node.path.child(&member.key);
                let count = earlier.entry(member.key.into_owned()).or_default();
                *count += 1;
                take(&format!("{path}#{count}"), value_text(self.text, value));
                continue;
            }
            if is_null(self.text, value) {
                continue;
            }
            match self.paths.find(id, &member.key).and_then(|id| Some((id, self.paths.node(id)?))) {
                None => {
                    take(node.path.child(&member.key).as_str(), value_text(self.text, value));
                }
                Some((id, child)) => {
                    if byte(self.text, value) == b'{' && child.depth < self.path_depth {
                        self.object(id, value, take);
                    } else if self
                        .homeless
                        .get(&child.path)
                        .is_some_and(|classes| classes.contains(classify(self.text, value)))
                    {
                        take(child.path.as_str(), value_text(self.text, value));
                    }
                }
            }
        }
    }
}
