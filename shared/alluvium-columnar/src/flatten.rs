//! From the text of a record to cells under paths.

use std::{borrow::Cow, collections::HashMap};

use alluvium_model::{ClassSet, Limits, ValueClass};

use crate::{
    cell::Cell,
    paths::{NodeId, Paths},
    scalar::classify,
    text::{byte, end_of_value, is_null, member, members},
};

/// Notes the leaves of records, one record after the other.
#[derive(Debug)]
pub(crate) struct Flattener {
    pub(crate) paths: Paths,
    path_depth: u32,
    /// Objects seen so far; each has a number of its own.
    objects: u64,
    /// Where the record at hand has left cells, and what was known there before.
    journal: Vec<(NodeId, ClassSet)>,
    /// Whether the record at hand has a value that has no cell.
    rescue: bool,
}

/// A key stood twice in one object.
struct DuplicateKey;

impl Flattener {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            paths: Paths::new(limits),
            path_depth: limits.path_depth,
            objects: 0,
            journal: Vec::new(),
            rescue: false,
        }
    }

    /// Notes the leaves of the record that begins at `at`. True if some value of it has no cell
    /// and must be rescued: it stands under a path that is not told apart, or under a key that
    /// stands there again later.
    pub(crate) fn record(&mut self, text: &[u8], at: u32, row: u32) -> bool {
        self.journal.clear();
        self.rescue = false;
        let mut record = Record { text, row, duplicates: false, flattener: self };
        if record.object(NodeId::ROOT, at as usize).is_err() {
            // Rare, so the record is simply read again with an eye on its keys.
            self.take_back();
            self.rescue = true;
            let mut record = Record { text, row, duplicates: true, flattener: self };
            let again = record.object(NodeId::ROOT, at as usize);
            debug_assert!(again.is_ok(), "duplicates are left out");
        }
        self.rescue
    }

    fn take_back(&mut self) {
        for (id, classes) in self.journal.drain(..).rev() {
            if let Some(node) = self.paths.node_mut(id) {
                node.cells.pop();
                node.classes = classes;
            }
        }
    }
}

struct Record<'a> {
    text: &'a [u8],
    row: u32,
    /// Whether keys that stand again later are to be left out.
    duplicates: bool,
    flattener: &'a mut Flattener,
}

impl Record<'_> {
    /// Notes the object at `at` and says where it ends.
    fn object(&mut self, id: NodeId, at: usize) -> Result<usize, DuplicateKey> {
        self.flattener.objects += 1;
        let number = self.flattener.objects;
        self.flattener.paths.begin_object(id);
        let last = self.duplicates.then(|| last_of_each_key(self.text, at));
        let mut next = at + 1;
        while byte(self.text, next) == b'"' {
            let member = member(self.text, next);
            let counts =
                last.as_ref().is_none_or(|last| last.get(&*member.key) == Some(&member.value));
            next = if counts {
                self.member(id, &member.key, member.value, number)?
            } else {
                end_of_value(self.text, member.value)
            };
            next += 1;
        }
        // The closing brace was passed like a comma, unless there was no member.
        Ok(if next == at + 1 { next + 1 } else { next })
    }

    fn member(
        &mut self,
        parent: NodeId,
        key: &str,
        at: usize,
        object: u64,
    ) -> Result<usize, DuplicateKey> {
        let Some(id) = self.flattener.paths.find_or_add(parent, key) else {
            self.flattener.rescue |= !is_null(self.text, at);
            return Ok(end_of_value(self.text, at));
        };
        let path_depth = self.flattener.path_depth;
        let Some(node) = self.flattener.paths.node_mut(id) else { return Ok(at) };
        if node.seen_in == object {
            return Err(DuplicateKey);
        }
        node.seen_in = object;
        if is_null(self.text, at) {
            return Ok(end_of_value(self.text, at));
        }
        if byte(self.text, at) == b'{' && node.depth < path_depth {
            return self.object(id, at);
        }
        let class = classify(self.text, at);
        self.leaf(id, class, at);
        Ok(end_of_value(self.text, at))
    }

    fn leaf(&mut self, id: NodeId, class: ValueClass, at: usize) {
        if let Some(node) = self.flattener.paths.node_mut(id)
            && let Ok(at) = u32::try_from(at)
        {
            let before = node.classes;
            node.classes.insert(class);
            node.cells.push(Cell::new(self.row, class, at));
            self.flattener.journal.push((id, before));
        }
    }
}

/// Where the value stands that counts for each key: the last one.
pub(crate) fn last_of_each_key(text: &[u8], at: usize) -> HashMap<Cow<'_, str>, usize> {
    members(text, at).map(|member| (member.key, member.value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::value_text;

    fn check(limits: Limits, records: &[&str], expected: &str) {
        let (mut text, mut flattener, mut rescued) =
            (String::new(), Flattener::new(&limits), vec![]);
        for (row, record) in (0..).zip(records) {
            let at = u32::try_from(text.len()).unwrap();
            text.push_str(record);
            if flattener.record(text.as_bytes(), at, row) {
                rescued.push(row);
            }
        }
        let mut lines: Vec<_> = flattener
            .paths
            .iter()
            .flat_map(|node| node.cells.iter().map(move |cell| (node, cell)))
            .map(|(node, cell)| {
                let value = value_text(text.as_bytes(), cell.at());
                format!("{} {}: {value} {:?}", cell.row(), node.path, cell.class())
            })
            .collect();
        lines.sort();
        lines.push(format!("rescue {rescued:?}"));
        assert_eq!(lines.join("\n"), expected);
    }

    #[test]
    fn leaves_are_found_under_their_paths() {
        let record = r#"{"a":{"b":1,"c":{}},"d":[1,"x"],"e":null,"f\u0041":"t"}"#;
        check(
            Limits::default(),
            &[record, "{}", r#"{"d":true,"a":2}"#],
            "0 $.a.b: 1 Bigint\n0 $.d: [1,\"x\"] MixedArray\n0 $.fA: \"t\" String\n\
             2 $.a: 2 Bigint\n2 $.d: true Boolean\nrescue []",
        );
    }

    #[test]
    fn the_last_of_several_equal_keys_counts() {
        let record = r#"{"a":{"b":1,"b":2},"a":{"c":3,"c":{"d":4}},"e":5,"e":null}"#;
        check(Limits::default(), &[record], "0 $.a.c.d: 4 Bigint\nrescue [0]");
    }

    #[test]
    fn what_is_too_deep_or_too_much_has_other_places() {
        let limits = Limits { path_depth: 2, path_bytes: 12, part_paths: 5, ..Limits::default() };
        check(
            limits,
            &[r#"{"a":{"b":{"c":1}}}"#, r#"{"longer_than_ten":1}"#, r#"{"x":1,"y":2,"z":3}"#],
            "0 $.a.b: {\"c\":1} Json\n2 $.x: 1 Bigint\n2 $.y: 2 Bigint\nrescue [1, 2]",
        );
    }
}
