//! What a part holds, path by path, for people who want to know before they load it.

use std::collections::BTreeMap;

use alluvium_model::{JsonPath, TableSchema, ValueClass};

use crate::{Part, rescue::Homes, text::value_text};

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
        let mut all = Vec::new();
        for node in self.flattener.paths.iter() {
            let mut by_class: BTreeMap<ValueClass, Seen<'_>> = BTreeMap::new();
            for cell in node.cells.iter() {
                let class = cell.class();
                let seen = by_class.entry(class).or_insert_with(|| {
                    let row = self.rows.get(cell.row() as usize);
                    let record = row.map_or(0, |row| u64::from(row.record));
                    Seen {
                        path: &node.path,
                        class,
                        values: 0,
                        record: self.first_record() + record,
                        text: value_text(&self.text, cell.at()),
                    }
                });
                seen.values += 1;
            }
            all.extend(by_class.into_values());
        }
        all
    }

    /// Gives path and JSON text of each value that has no column in `schema` to `take`.
    pub fn rescued(&self, schema: &TableSchema, take: &mut dyn FnMut(&str, &str)) {
        let homes = Homes::new(&self.flattener.paths, schema);
        let rescue = self.rescue(&homes);
        for (row, _) in (0..).zip(&self.rows) {
            rescue.row(row, &mut |path, text| take(path, text));
        }
    }
}
