//! What a part holds, path by path, for people who want to know before they load it.

use std::collections::BTreeMap;

use alluvium_model::{JsonPath, TableSchema, ValueClass};

use crate::{
    Part, cell::Cell, partitions::PartitionNumber, paths::NodeId, rescue::Homes, text::value_text,
};

/// Values of one class under one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen<'a> {
    /// The path.
    pub path: &'a JsonPath,
    /// The class.
    pub class: ValueClass,
    /// How many there are.
    pub values: u64,
    /// The index in the source of the record that holds the first of them.
    pub record: u64,
    /// The JSON text of the first of them.
    pub text: &'a str,
}

impl Part {
    /// The values of each class under each path; SQL NULL is none.
    #[must_use]
    pub fn survey(&self) -> Vec<Seen<'_>> {
        // How many there are, and the first of them.
        let mut seen: BTreeMap<(NodeId, ValueClass), (u64, Cell)> = BTreeMap::new();
        let mut note = |id, cell: Cell| {
            if self.goes_to_a_file(cell.row()) {
                seen.entry((id, cell.class())).or_insert((0, cell)).0 += 1;
            }
        };
        for (id, node) in self.flattener.paths.ids() {
            node.cells.iter().for_each(|cell| note(id, cell));
        }
        let shown = |((id, class), (values, first)): ((NodeId, ValueClass), (u64, Cell))| {
            Some(Seen {
                path: &self.flattener.paths.node(id)?.path,
                class,
                values,
                record: self.record_number(first.row() as usize)?,
                text: value_text(&self.text, first.at()),
            })
        };
        seen.into_iter().filter_map(shown).collect()
    }

    /// The values that are neither objects nor SQL NULL, path by path: the class and the JSON text
    /// of each.
    pub fn values(
        &self,
    ) -> impl Iterator<Item = (&JsonPath, impl Iterator<Item = (ValueClass, &str)>)> {
        let value = |cell: Cell| (cell.class(), value_text(&self.text, cell.at()));
        let kept =
            |cell: &Cell| cell.class() != ValueClass::Object && self.goes_to_a_file(cell.row());
        let nodes = self.flattener.paths.ids();
        nodes.map(move |(_, node)| (&node.path, node.cells.iter().filter(kept).map(value)))
    }

    /// Whether a row was not refused.
    fn goes_to_a_file(&self, row: u32) -> bool {
        self.rows.get(row as usize).is_some_and(|row| row.partition != PartitionNumber::NONE)
    }

    /// Gives path and JSON text of each value that has no column in `schema` to `take`.
    pub fn rescued(&self, schema: &TableSchema, take: &mut dyn FnMut(&str, &str)) {
        let homes = Homes::new(&self.flattener.paths, schema);
        let rescue = self.rescue(&homes);
        let rows = 0..u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let mut rescuing = rescue.along(&rows);
        for row in rows.filter(|row| self.goes_to_a_file(*row)) {
            rescuing.row(row, &mut |path, text| take(path, text));
        }
    }
}
