//! What a record holds that has no column: cells tell where it is, or else the record is read a
//! second time, because some of its values have none.
//!
//! A value without a place is rescued whole, at the outermost path that has none: what lies under
//! a path that was not told apart, a leaf whose path has no column for its class, and each value
//! of a key that stands again later in its object (`path#1`, `path#2`, …). What lies in an object
//! that a column keeps whole has its place there.

use std::{borrow::Cow, collections::HashMap, convert::Infallible, ops::Range};

use alluvium_model::{ClassSet, JsonPath, TableSchema, ValueClass};

use crate::{
    Part,
    cell::{Cell, CellsFrom},
    flatten::last_of_each_key,
    part::Row,
    paths::{Node, NodeId, Paths},
    scalar::classify,
    text::{byte, end_of_value, is_null, value_text, walk_object},
};

/// Bytes that a rescued value takes in memory besides its path and its text.
const VALUE_BYTES: usize = 32;
/// Bytes of rescued values of a record at most, in lengths of the longest record.
const RECORD_FACTOR: usize = 2;
/// Text of the rows whose values without a column are brought together at a time, but for the last
/// row: some megabytes of places at most, and all their paths are asked a hundred times for a part.
const WINDOW_TEXT_BYTES: usize = 1 << 20;
/// Asking a path takes about as long as going through so many bytes of records.
const PATH_TEXT_BYTES: usize = 16;

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
        rows.any(|row| self.seeks_in(row) && (!self.loses(row) || self.first(row).is_some()))
    }

    /// Whether a value of this row has no cell, so that its record must be read for it.
    pub(crate) fn loses(&self, row: u32) -> bool {
        self.part.rows.get(row as usize).is_some_and(|row| row.loses)
    }

    /// A way through these rows.
    pub(crate) fn along(&self, rows: &Range<u32>) -> Rescuing<'_, 'a> {
        let Self { part, homes, .. } = *self;
        let of_rows = part.rows.get(rows.start as usize..rows.end as usize).unwrap_or_default();
        let text_bytes = of_rows.iter().map(|row| row.length as usize).sum::<usize>();
        let homeless = || {
            let paths = part.flattener.paths.iter().zip(&homes.homeless);
            paths.filter(|(_, classes)| !classes.is_empty())
        };
        let few = homeless().nth(text_bytes / PATH_TEXT_BYTES).is_none();
        let cells = few.then(|| {
            let cells = |(node, classes): (&'a Node, &ClassSet)| {
                (node, *classes, node.cells.from(rows.start))
            };
            homeless().map(cells).collect()
        });
        Rescuing { rescue: self, cells, end: rows.start, values: Vec::new(), given: 0 }
    }

    /// Bytes that rescued values of a record may take in memory.
    fn bytes_max(&self) -> usize {
        RECORD_FACTOR * self.part.facts.limits.record_bytes as usize
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
        let Some(record) = self.part.rows.get(row as usize) else { return };
        let (at, loses) = (record.at as usize, record.loses);
        let mut bytes = 0;
        let mut count = |path: &str, text: &str| bytes += path.len() + text.len() + VALUE_BYTES;
        Record { rescue: self, loses, take: &mut count }.object(NodeId::ROOT, at);
        if bytes > self.bytes_max() {
            self.whole(record, take);
        } else if bytes > 0 {
            Record { rescue: self, loses, take }.object(NodeId::ROOT, at);
        }
    }

    /// Gives a record itself to `take`.
    fn whole(&self, record: &Row, take: &mut dyn FnMut(&str, &'a str)) {
        take(JsonPath::root().as_str(), value_text(&self.part.text, record.at as usize));
    }
}

/// A way through rows to their values that have no column.
pub(crate) struct Rescuing<'r, 'a> {
    rescue: &'r Rescue<'a>,
    /// The cells of rows to come, for each path with classes that no column takes; none if there are
    /// so many paths that reading the records is faster.
    cells: Option<Vec<(&'a Node, ClassSet, CellsFrom<'a>)>>,
    /// Up to where rows were looked at.
    end: u32,
    /// The values of those looked at last, in the order of the text, and how many are done with.
    values: Vec<(Cell, &'a str)>,
    given: usize,
}

impl<'a> Rescuing<'_, 'a> {
    /// Gives to `take` what [`Rescue::row`] gives; rows come in their order, each once at most.
    pub(crate) fn row(&mut self, row: u32, take: &mut dyn FnMut(&str, &'a str)) {
        let rescue = self.rescue;
        if !rescue.seeks_in(row) {
            return;
        }
        if self.cells.is_none() || rescue.loses(row) {
            return rescue.row(row, take);
        }
        let Some(record) = rescue.part.rows.get(row as usize) else { return };
        let text = rescue.part.text.as_str();
        let values = self.values_of(row);
        let beside: usize = values.iter().map(|(_, path)| path.len() + VALUE_BYTES).sum();
        // Values have no bytes in common: all together are no longer than the record.
        let texts = || values.iter().map(|(cell, _)| cell.value(text).len()).sum::<usize>();
        if beside + record.length as usize > rescue.bytes_max()
            && beside + texts() > rescue.bytes_max()
        {
            return rescue.whole(record, take);
        }
        for (cell, path) in values {
            take(path, cell.value(text));
        }
    }

    /// The values of this row, each with its path.
    fn values_of(&mut self, row: u32) -> &[(Cell, &'a str)] {
        if row >= self.end {
            self.look_at(row);
        }
        let rest = self.values.get(self.given..).unwrap_or_default();
        let begin = rest.partition_point(|(cell, _)| cell.row() < row);
        let values = rest.get(begin..).unwrap_or_default();
        let values = values.get(..values.partition_point(|(cell, _)| cell.row() == row));
        let values = values.unwrap_or_default();
        debug_assert!(!values.is_empty(), "row {row} has none, or was asked for before");
        self.given += begin + values.len();
        values
    }

    /// Brings the values of this row and some behind it together.
    fn look_at(&mut self, row: u32) {
        let rows = self.rescue.part.rows.get(row as usize..).unwrap_or_default();
        let mut bytes = 0;
        let fits = |row: &&Row| {
            let has_room = bytes < WINDOW_TEXT_BYTES;
            bytes += row.length as usize;
            has_room
        };
        let count = rows.iter().take_while(fits).count();
        self.end = row + u32::try_from(count).unwrap_or(u32::MAX - row);
        self.values.clear();
        self.given = 0;
        for (node, classes, cells) in self.cells.iter_mut().flatten() {
            let cells = cells.to(self.end).flatten().copied();
            let homeless = cells.filter(|c| c.row() >= row && classes.contains(c.class()));
            self.values.extend(homeless.map(|cell| (cell, node.path.as_str())));
        }
        self.values.sort_unstable_by_key(|(cell, _)| (cell.row(), cell.at()));
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

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use alluvium_model::{
        ColumnRule, Kind, Limits, Origin, PartitionSpec, Scalar, TableRules, Timestamps, Transform,
    };
    use bytes::Bytes;

    use super::*;
    use crate::{Shredder, Step};

    fn origin() -> Origin {
        Origin { source: "s".to_owned(), arrived_at: "2026-11-28T00:00:00Z".parse().unwrap() }
    }

    fn rules() -> TableRules {
        let path = "$.p".parse().unwrap();
        let transform = Transform::Identity { path, name: "p".parse().unwrap() };
        let bigint = ColumnRule::Typed(Kind::Scalar(Scalar::Bigint));
        TableRules {
            partitions: PartitionSpec::new(vec![transform]).unwrap(),
            timestamps: Timestamps::String,
            columns: BTreeMap::from([("$.t".parse().unwrap(), bigint)]),
            ..TableRules::default()
        }
    }

    fn part(text: String) -> Part {
        let limits = Limits { record_bytes: 10_000, path_depth: 3, ..Limits::default() };
        let mut shredder = Shredder::new(origin(), Arc::new(rules()), limits);
        shredder.feed(Bytes::from(text));
        shredder.finish();
        let Step::Part(part) = shredder.step() else { panic!("there are records") };
        *part
    }

    /// The table that these records alone make.
    fn schema(text: String) -> TableSchema {
        let discovery = part(text).discovery();
        TableSchema::default().extend(&discovery, &origin(), &rules()).schema
    }

    fn object(keys: u32) -> String {
        let members = (0..keys).map(|key| format!("\"k{key}\":{key}")).collect::<Vec<_>>();
        format!("{{{}}}", members.join(","))
    }

    /// Records of all kinds, with what of each has no column in `schema_of_few`.
    fn kinds() -> [(String, String); 11] {
        let (long, most, many) = ("x".repeat(3_000), object(400), object(900));
        let too_many = format!(r#"{{"p":"2","many":{many}}}"#);
        [
            (r#"{"a":7,"o":{"x":null},"b":null}"#, ""),
            (
                r#"{"z":{"y":[1],"x":{"deep":{"er":1}}},"a":"é\"","b":"n","p":"2"}"#,
                r#"$.z.y: [1]; $.z.x.deep: {"er":1}; $.a: "é\""; $.b: "n""#,
            ),
            (
                r#"{"o":{"n":true,"x":"one"},"whole":{"k0":{"l":1}},"a":1.5,"p":"1"}"#,
                r#"$.o.n: true; $.o.x: "one"; $.a: 1.5"#,
            ),
            (
                r#"{"o":[],"e":{},"a":{"now":"an object","b":0.1}}"#,
                r#"$.a.now: "an object"; $.a.b: 0.1"#,
            ),
            (r#"{"a":1,"a":2,"b":3,"a":"4"}"#, r#"$.a#1: 1; $.a#2: 2; $.b: 3; $.a: "4""#),
            // A key that stands twice in an object that is kept whole.
            (r#"{"p":"2","whole":{"k0":1,"k0":2}}"#, ""),
            (r#"{"\u0062":1,"p":"1","\"":[null]}"#, r#"$.b: 1; $["\""]: [null]"#),
            (r#"{"t":"7","s":"2026-11-28T00:00:00Z"}"#, ""),
            (r#"{"t":"seven","s":[7]}"#, r#"$.t: "seven"; $.s: [7]"#),
        ]
        .map(|(record, expected)| (record.to_owned(), expected.to_owned()))
        .into_iter()
        .chain([
            // So many paths take more memory than they may.
            (too_many.clone(), format!("$: {too_many}")),
            // These would if the record was counted with all that it holds.
            (
                format!(r#"{{"p":"1","s":"{long}","most":{most}}}"#),
                (0..400).map(|n| format!("$.most.k{n}: {n}")).collect::<Vec<_>>().join("; "),
            ),
        ])
        .collect::<Vec<_>>()
        .try_into()
        .unwrap()
    }

    fn schema_of_few() -> TableSchema {
        let whole = object(300);
        let record = format!(r#"{{"a":1,"o":{{"x":1}},"p":"x","s":"x","t":1,"whole":{whole}}}"#);
        schema(record + "\n")
    }

    fn rescued(row: u32, go_to: impl FnOnce(u32, &mut dyn FnMut(&str, &str))) -> String {
        let mut shown = Vec::new();
        go_to(row, &mut |path, text| shown.push(format!("{path}: {text}")));
        shown.join("; ")
    }

    #[test]
    fn cells_tell_the_same_as_the_record_does() {
        let (schema, kinds) = (schema_of_few(), kinds());
        let text = (0..3_000).map(|n| kinds[n % kinds.len()].0.clone() + "\n").collect();
        let placed = part(text).placed(&schema);
        let (part, rescue) = (placed.part(), placed.rescue());
        assert!(part.text.len() > 2 * WINDOW_TEXT_BYTES);
        assert!(!part.rows.is_sorted_by_key(|row| row.record), "rows are moved");
        let expected = |row: u32| &kinds[part.rows[row as usize].record as usize % kinds.len()].1;
        for (begin, step) in [(0, 1), (300, 1), (7, 3), (0, 700)] {
            let mut rescuing = rescue.along(&(begin..3_000));
            assert!(rescuing.cells.is_some());
            for row in (begin..3_000).step_by(step) {
                let found = rescued(row, |row, take| rescuing.row(row, &mut |p, t| take(p, t)));
                assert_eq!(&found, expected(row), "{row}");
                assert_eq!(rescue.finds_any(row..row + 1), !found.is_empty(), "{row}");
            }
        }
        for row in (0..3_000).step_by(100) {
            // So few that reading them is faster.
            let mut rescuing = rescue.along(&(row..row + 1));
            assert!(rescuing.cells.is_none());
            let found = rescued(row, |row, take| rescuing.row(row, &mut |p, t| take(p, t)));
            assert_eq!(&found, expected(row), "{row}");
        }
    }
}
