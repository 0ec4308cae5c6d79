//! The objects below the records of a part, found again by reading the records a second time.
//!
//! While a part is read, objects leave nothing but their class: most of them are flattened, and
//! places for all would take as much memory as the places of their members. Who needs one goes
//! through the text again, which is rare.

use std::{collections::BTreeMap, convert::Infallible};

use alluvium_model::ValueClass;

use crate::{
    Part,
    cell::{Cell, Cells},
    flatten::last_of_each_key,
    paths::NodeId,
    rescue::Homes,
    text::{byte, end_of_value, is_null, walk_object},
};

/// The cells of a column that takes objects whole, by the path of the column: the objects, and
/// what else stands there.
pub(crate) type WholeCells = BTreeMap<NodeId, Cells>;

impl Part {
    /// Gives each object whose path is told apart to `visit`, which says whether to go into it.
    pub(crate) fn objects(&self, visit: &mut dyn FnMut(NodeId, Cell) -> bool) {
        for (row, at) in (0..).zip(self.rows.iter().map(|row| row.at as usize)) {
            Walk { part: self, row, visit: &mut *visit }.object(NodeId::ROOT, at);
        }
    }

    /// The cells of the paths whose objects are kept whole.
    pub(crate) fn whole_cells(&self, homes: &Homes) -> WholeCells {
        let mut found: BTreeMap<NodeId, Vec<Cell>> = BTreeMap::new();
        if homes.keep_any_whole() {
            self.objects(&mut |id, object| {
                let whole = homes.is_whole(id);
                if whole {
                    found.entry(id).or_default().push(object);
                }
                !whole
            });
        }
        let with_others = |(id, mut cells): (NodeId, Vec<Cell>)| {
            cells.extend(self.flattener.paths.node(id).iter().flat_map(|node| node.cells.iter()));
            cells.sort_by_key(|cell| cell.row());
            let mut all = Cells::default();
            for cell in cells {
                all.push(cell);
            }
            (id, all)
        };
        found.into_iter().map(with_others).collect()
    }
}

struct Walk<'a> {
    part: &'a Part,
    row: u32,
    visit: &'a mut dyn FnMut(NodeId, Cell) -> bool,
}

impl Walk<'_> {
    /// Goes through the object at `at` and says where it ends.
    fn object(&mut self, id: NodeId, at: usize) -> usize {
        let text = self.part.text.as_str();
        let loses = self.part.rows.get(self.row as usize).is_some_and(|row| row.loses);
        let last = loses.then(|| last_of_each_key(text, at));
        let Ok(end) = walk_object::<Infallible>(text, at, |key, value| {
            let counts = last.as_ref().is_none_or(|last| last.get(&key) == Some(&value));
            let is_object = byte(text, value) == b'{' && !is_null(text, value);
            Ok(match self.part.flattener.paths.find(id, &key) {
                Some(child) if counts && is_object => self.member(child, value),
                Some(_) | None => end_of_value(text, value),
            })
        });
        end
    }

    fn member(&mut self, id: NodeId, at: usize) -> usize {
        let flattened = self.part.flattener.paths.node(id).is_some_and(|node| node.flattens);
        if let Ok(place) = u32::try_from(at)
            && flattened
            && (self.visit)(id, Cell::new(self.row, ValueClass::Object, place))
        {
            return self.object(id, at);
        }
        end_of_value(&self.part.text, at)
    }
}
