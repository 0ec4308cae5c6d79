//! From the members of a record to cells under paths: one for each leaf, and for each object above.

use std::{borrow::Cow, collections::HashMap, convert::Infallible, ops::Range, sync::Arc};

use alluvium_model::{ClassSet, JsonPath, Limits, TableRules, ValueClass};

use crate::{
    cell::Cell,
    members::{Member, Record, Shape},
    paths::{NodeId, Paths},
    scalar::classify_as,
    text::{end_of_value, walk_object},
    typing::class_under,
};

/// Notes the leaves of records and the objects that they lie in, one record after the other.
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

    /// Notes the leaves of a record whose text begins at `at` in that of its part; says whether
    /// some value of it has no cell and must be rescued: it stands under a path that is not told
    /// apart, or under a key that stands there again later.
    pub(crate) fn record(&mut self, record: Record<'_>, at: u32, row: u32) -> bool {
        self.journal.clear();
        self.watched.fill(None);
        self.loses = false;
        let mut walk = Walk { record, at, row, duplicates: false, flattener: self };
        if walk.record().is_err() {
            // Rare, so the record is simply walked through again with an eye on its keys.
            self.take_back();
            self.loses = true;
            let mut walk = Walk { record, at, row, duplicates: true, flattener: self };
            let again = walk.record();
            debug_assert!(again.is_ok(), "duplicates are left out");
        }
        self.loses
    }

    /// The scalar of the last record at the watched path with this number.
    pub(crate) fn watched(&self, number: usize) -> Option<(ValueClass, usize)> {
        self.watched.get(number).copied().flatten()
    }

    fn take_back(&mut self) {
        self.watched.fill(None);
        for Trace { id, classes_before } in self.journal.drain(..).rev() {
            if let Some(node) = self.paths.node_mut(id) {
                node.cells.pop();
                node.classes = classes_before;
            }
        }
    }
}

/// A walk through the members of a record.
struct Walk<'a> {
    record: Record<'a>,
    /// Where its text begins in that of the part.
    at: u32,
    row: u32,
    /// Whether keys that stand again later are to be left out.
    duplicates: bool,
    flattener: &'a mut Flattener,
}

/// An object whose members are walked through.
#[derive(Clone, Copy)]
struct Parent {
    id: NodeId,
    number: u64,
}

impl Walk<'_> {
    fn record(&mut self) -> Result<(), DuplicateKey> {
        self.object(NodeId::ROOT, 0, 0..self.record.members.len())
    }

    /// Notes the object that begins at `at` and has these members.
    fn object(
        &mut self,
        id: NodeId,
        at: usize,
        mut members: Range<usize>,
    ) -> Result<(), DuplicateKey> {
        self.flattener.objects += 1;
        let number = self.flattener.objects;
        self.flattener.paths.begin_object(id);
        let Record { text, members: all } = self.record;
        let last = self.duplicates.then(|| last_of_each_key(text, at));
        while let Some(member) = all.get(members.clone()).and_then(<[_]>::first) {
            let below = members.start + 1..member.next as usize;
            members.start = below.end;
            let counts = |last: &HashMap<_, _>| {
                last.get(&member.key_of(text)) == Some(&(member.value as usize))
            };
            if last.as_ref().is_none_or(counts) {
                self.member(Parent { id, number }, member, below)?;
            }
        }
        Ok(())
    }

    /// Notes a member, whose value has those members `below`.
    fn member(
        &mut self,
        parent: Parent,
        member: &Member,
        below: Range<usize>,
    ) -> Result<(), DuplicateKey> {
        let Flattener { paths, watched, journal, loses, .. } = &mut *self.flattener;
        let text = self.record.text;
        let expected = if member.key_is_escaped {
            None
        } else {
            paths.expected(parent.id, text.as_bytes(), member.key())
        };
        let Some(id) = expected.or_else(|| paths.find_or_add(parent.id, &member.key_of(text)))
        else {
            *loses |= !member.is_null();
            return Ok(());
        };
        let Some((node, rules)) = paths.node_and_rules(id) else { return Ok(()) };
        if node.seen_in == parent.number {
            return Err(DuplicateKey);
        }
        node.seen_in = parent.number;
        if member.is_null() {
            return Ok(());
        }
        let flattens = member.shape == Shape::Object && node.flattens;
        let Some(at) = self.at.checked_add(member.value) else { return Ok(()) };
        let class = if flattens {
            ValueClass::Object
        } else {
            let class =
                classify_as(member.shape, member.length() as usize, || member.value_of(text));
            let class = class_under(rules, node.declared, class, || member.value_of(text));
            if let Some(slot) = node.watched.and_then(|number| watched.get_mut(number)) {
                // If somebody has an eye on it, it is kept for them.
                let is_scalar = !matches!(member.shape, Shape::Object | Shape::Array);
                *slot = is_scalar.then_some((class, at as usize));
            }
            class
        };
        let cell = Cell::new(self.row, class, at);
        // The content of such a string is shorter than it.
        let is_escaped = member.shape == Shape::EscapedString;
        let cell = if is_escaped { cell } else { cell.with_length(member.length()) };
        journal.push(Trace { id, classes_before: node.classes });
        node.classes.insert(class);
        node.cells.push(cell);
        if flattens { self.object(id, member.value as usize, below) } else { Ok(()) }
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
    use crate::{
        scan::{Copied, scan},
        text::value_text,
    };

    fn flatten(flattener: &mut Flattener, text: &str, at: u32, row: u32) -> bool {
        let mut copied = Copied::default();
        scan(text.as_bytes(), true, Limits::PARSE_DEPTH_MAX, &mut copied);
        flattener.record(Record { text, members: &copied.members }, at, row)
    }

    fn check(limits: Limits, records: &[&str], expected: &str) {
        let (mut text, mut flattener, mut loses) =
            (String::new(), Flattener::new(&limits, Arc::default(), &[]), vec![]);
        for (row, record) in (0..).zip(records) {
            let at = u32::try_from(text.len()).unwrap();
            text.push_str(record);
            loses.push(flatten(&mut flattener, record, at, row));
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
            "0 $.a.b: 1 Bigint\n0 $.a: {\"b\":1,\"c\":{}} Object\n0 $.d: [1,\"x\"] MixedArray\n\
             0 $.fA: \"t\" String\n\
             2 $.a: 2 Bigint\n2 $.d: true Boolean\nloses [false, false, false]",
        );
    }

    #[test]
    fn timestamps_are_told_by_their_text_whatever_their_length() {
        let shortest = r#"{"a":"2016-07-20T00:06:01Z"}"#;
        let longest = r#"{"a":"2016-07-20T00:06:01.123456+02:30"}"#;
        let others =
            [r#"{"a":"2016-07-20T00:06:1Z"}"#, r#"{"a":"2016-07-20T00:06:01.1234567+02:30"}"#];
        check(
            Limits::default(),
            &[shortest, longest, others[0], others[1]],
            "0 $.a: \"2016-07-20T00:06:01Z\" Timestamp\n\
             1 $.a: \"2016-07-20T00:06:01.123456+02:30\" Timestamp\n\
             2 $.a: \"2016-07-20T00:06:1Z\" String\n\
             3 $.a: \"2016-07-20T00:06:01.1234567+02:30\" String\n\
             loses [false, false, false, false]",
        );
    }

    #[test]
    fn the_last_of_several_equal_keys_counts() {
        let record = r#"{"a":{"b":"x","b":2},"a":{"c":3,"c":{"d":4}},"e":5,"e":null}"#;
        let expected = "0 $.a.c.d: 4 Bigint\n0 $.a.c: {\"d\":4} Object\n\
             0 $.a: {\"c\":3,\"c\":{\"d\":4}} Object\nloses [true]";
        check(Limits::default(), &[record], expected);
    }

    #[test]
    fn what_is_taken_back_was_never_seen() {
        let mut flattener = Flattener::new(&Limits::default(), Arc::default(), &[]);
        flatten(&mut flattener, r#"{"a":{"b":1},"a":2}"#, 0, 0);
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
            "0 $.a.b: {\"c\":1} Json\n0 $.a: {\"b\":{\"c\":1}} Object\n2 $.x: 1 Bigint\n\
             2 $.y: 2 Bigint\n\
             loses [false, true, true]",
        );
    }
}
