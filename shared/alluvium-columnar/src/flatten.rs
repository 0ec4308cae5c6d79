//! From the text of a record to cells under paths.

use std::{borrow::Cow, collections::HashMap, convert::Infallible, sync::Arc};

use alluvium_model::{ClassSet, JsonPath, Limits, TableRules, ValueClass};

use crate::{
    cell::Cell,
    paths::{NodeId, Paths},
    scalar::classify,
    text::{byte, end_of_value, is_null, walk_object},
};

/// Notes the leaves of records, one record after the other.
#[derive(Debug)]
pub(crate) struct Flattener {
    pub(crate) paths: Paths,
    /// The scalars at the watched paths of the record at hand: what they are, where they begin.
    watched: Vec<Option<(ValueClass, usize)>>,
    /// Objects seen so far; each has a number of its own.
    objects: u64,
    /// What the record at hand has left where.
    journal: Vec<Trace>,
    /// Whether the record at hand has a value without a cell.
    loses: bool,
}

/// What a record left under a path, so that it can be taken back.
#[derive(Debug)]
struct Trace {
    id: NodeId,
    classes_before: ClassSet,
    /// Whether there is a cell; an object leaves none.
    cell: bool,
}

/// A key stood twice in one object.
struct DuplicateKey;

impl Flattener {
    /// A flattener for records that are read by these rules, with an eye on the watched paths.
    pub(crate) fn new(limits: &Limits, rules: Arc<TableRules>, watched: &[JsonPath]) -> Self {
        Self {
            paths: Paths::new(limits, rules, watched),
            watched: vec![None; watched.len()],
            objects: 0,
            journal: Vec::new(),
            loses: false,
        }
    }

    /// Notes the leaves of the record that begins at `at`; says whether some value of it has no
    /// cell and must be rescued: it stands under a path that is not told apart, or under a key
    /// that stands there again later.
    pub(crate) fn record(&mut self, text: &str, at: u32, row: u32) -> bool {
        self.journal.clear();
        self.watched.fill(None);
        self.loses = false;
        let mut record = Record { text, row, duplicates: false, flattener: self };
        if record.object(NodeId::ROOT, at as usize).is_err() {
            // Rare, so the record is simply read again with an eye on its keys.
            self.take_back();
            self.loses = true;
            let mut record = Record { text, row, duplicates: true, flattener: self };
            let again = record.object(NodeId::ROOT, at as usize);
            debug_assert!(again.is_ok(), "duplicates are left out");
        }
        self.loses
    }

    /// The scalar of the last record at the watched path with this number.
    pub(crate) fn watched(&self, number: usize) -> Option<(ValueClass, usize)> {
        self.watched.get(number).copied().flatten()
    }

    fn note(&mut self, id: NodeId, class: ValueClass, cell: Option<Cell>) {
        if let Some(node) = self.paths.node_mut(id) {
            self.journal.push(Trace { id, classes_before: node.classes, cell: cell.is_some() });
            node.classes.insert(class);
            if let Some(cell) = cell {
                node.cells.push(cell);
            }
        }
    }

    fn take_back(&mut self) {
        self.watched.fill(None);
        for Trace { id, classes_before, cell } in self.journal.drain(..).rev() {
            if let Some(node) = self.paths.node_mut(id) {
                if cell {
                    node.cells.pop();
                }
                node.classes = classes_before;
            }
        }
    }
}

struct Record<'a> {
    text: &'a str,
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
        let text = self.text;
        let last = self.duplicates.then(|| last_of_each_key(text, at));
        walk_object(text, at, |key, value| {
            if last.as_ref().is_some_and(|last| last.get(&key) != Some(&value)) {
                return Ok(end_of_value(text, value));
            }
            self.member(id, &key, value, number)
        })
    }

    /// Notes the value at `at`, which stands under `key` in the object with this number, and says
    /// where it ends.
    fn member(
        &mut self,
        parent: NodeId,
        key: &str,
        at: usize,
        object: u64,
    ) -> Result<usize, DuplicateKey> {
        let Some(id) = self.flattener.paths.find_or_add(parent, key) else {
            self.flattener.loses |= !is_null(self.text, at);
            return Ok(end_of_value(self.text, at));
        };
        let Some(node) = self.flattener.paths.node_mut(id) else { return Ok(at) };
        if node.seen_in == object {
            return Err(DuplicateKey);
        }
        node.seen_in = object;
        if is_null(self.text, at) {
            return Ok(end_of_value(self.text, at));
        }
        if byte(self.text, at) == b'{' && node.flattens {
            self.flattener.note(id, ValueClass::Object, None);
            return self.object(id, at);
        }
        let (class, end) = self.classify(id, at);
        if let Ok(at) = u32::try_from(at) {
            self.flattener.note(id, class, Some(Cell::new(self.row, class, at)));
        }
        Ok(end)
    }

    /// What the value at `at` counts as, and where it ends. If somebody has an eye on it, it is
    /// kept for them.
    fn classify(&mut self, id: NodeId, at: usize) -> (ValueClass, usize) {
        let (class, end) = classify(self.text, at);
        let Flattener { paths, watched, .. } = &mut *self.flattener;
        let Some(node) = paths.node(id) else { return (class, end) };
        let text = self.text.get(at..end).unwrap_or_default();
        let class = paths.class_at(node, class, text);
        if let Some(slot) = node.watched.and_then(|number| watched.get_mut(number)) {
            *slot = (!text.starts_with(['{', '['])).then_some((class, at));
        }
        (class, end)
    }
}

/// Where the value stands that counts for each key of the object at `at`: the last one.
pub(crate) fn last_of_each_key(text: &str, at: usize) -> HashMap<Cow<'_, str>, usize> {
    let mut last = HashMap::new();
    let Ok(_end) = walk_object::<Infallible>(text, at, |key, value| {
        last.insert(key, value);
        Ok(end_of_value(text, value))
    });
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::value_text;

    fn check(limits: Limits, records: &[&str], expected: &str) {
        let (mut text, mut flattener, mut loses) =
            (String::new(), Flattener::new(&limits, Arc::default(), &[]), vec![]);
        for (row, record) in (0..).zip(records) {
            let at = u32::try_from(text.len()).unwrap();
            text.push_str(record);
            loses.push(flattener.record(&text, at, row));
        }
        let mut lines: Vec<_> = flattener
            .paths
            .iter()
            .flat_map(|node| node.cells.iter().map(move |cell| (node, cell)))
            .map(|(node, cell)| {
                let value = value_text(&text, cell.at());
                format!("{} {}: {value} {:?}", cell.row(), node.path, cell.class())
            })
            .collect();
        lines.sort();
        lines.push(format!("loses {loses:?}"));
        assert_eq!(lines.join("\n"), expected);
    }

    #[test]
    fn leaves_are_found_under_their_paths() {
        let record = r#"{"a":{"b":1,"c":{}},"d":[1,"x"],"e":null,"f\u0041":"t"}"#;
        check(
            Limits::default(),
            &[record, "{}", r#"{"d":true,"a":2}"#],
            "0 $.a.b: 1 Bigint\n0 $.d: [1,\"x\"] MixedArray\n0 $.fA: \"t\" String\n\
             2 $.a: 2 Bigint\n2 $.d: true Boolean\nloses [false, false, false]",
        );
    }

    #[test]
    fn the_last_of_several_equal_keys_counts() {
        let record = r#"{"a":{"b":"x","b":2},"a":{"c":3,"c":{"d":4}},"e":5,"e":null}"#;
        check(Limits::default(), &[record], "0 $.a.c.d: 4 Bigint\nloses [true]");
    }

    #[test]
    fn what_is_taken_back_was_never_seen() {
        let mut flattener = Flattener::new(&Limits::default(), Arc::default(), &[]);
        flattener.record(r#"{"a":{"b":1},"a":2}"#, 0, 0);
        let classes: Vec<_> = flattener.paths.iter().map(|node| node.classes).collect();
        let of = |classes: &[ValueClass]| ClassSet::of(classes);
        assert_eq!(classes, [of(&[]), of(&[ValueClass::Bigint]), of(&[])]);
    }

    #[test]
    fn what_is_too_deep_or_too_much_has_other_places() {
        let limits = Limits { path_depth: 2, path_bytes: 12, part_paths: 5, ..Limits::default() };
        check(
            limits,
            &[r#"{"a":{"b":{"c":1}}}"#, r#"{"longer_than_ten":1}"#, r#"{"x":1,"y":2,"z":3}"#],
            "0 $.a.b: {\"c\":1} Json\n2 $.x: 1 Bigint\n2 $.y: 2 Bigint\n\
             loses [false, true, true]",
        );
    }
}
