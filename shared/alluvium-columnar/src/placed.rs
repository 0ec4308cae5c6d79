//! A part whose values have their places: what goes to which file.
//!
//! Rows that share a partition are brought together once, cells included, so that each file is
//! made of a range of rows, however many partitions there are.

use std::{borrow::Cow, collections::BTreeMap, ops::Range};

use alluvium_model::{ClassSet, ColumnName, DataColumn, Mode, PartitionKey, TableSchema};

use crate::{
    ColumnarError, EncodedFile, Part,
    cell::{Cell, Cells},
    column::ColumnCells,
    encode::encode,
    objects::WholeCells,
    part::Row,
    partitions::PartitionNumber,
    paths::NodeId,
    quarantine::BadRecord,
    rescue::{Homes, Rescue},
};

/// A part by the schema of its table.
pub struct PlacedPart<'s> {
    pub(crate) part: Part,
    /// The columns that take values, in the order of the table.
    columns: Vec<PlacedColumn<'s>>,
    homes: Homes,
    rows_with_homeless: Vec<bool>,
    whole_cells: WholeCells,
    partitions: Vec<(PartitionKey, Range<u32>)>,
    refused: Vec<(u64, BadRecord)>,
}

/// A column, and which values of which path it takes.
struct PlacedColumn<'s> {
    column: &'s DataColumn,
    path: NodeId,
    classes: ClassSet,
    /// Whether it takes objects as they are.
    whole: bool,
}

impl<'s> PlacedPart<'s> {
    pub(crate) fn new(mut part: Part, schema: &'s TableSchema) -> Self {
        let homes = Homes::new(&part.flattener.paths, schema);
        let refused = match part.facts.rules.mode {
            Mode::Evolve | Mode::Freeze => Vec::new(),
            Mode::Quarantine => refuse(&mut part, &homes),
        };
        part.bring_partitions_together();
        let partitions = part.ranges();
        let whole_cells = part.whole_cells(&homes);
        let rows_with_homeless = part.rows_with_homeless(&homes);
        let columns = placed_columns(&part, schema);
        Self { part, columns, homes, rows_with_homeless, whole_cells, partitions, refused }
    }

    /// The columns that take values, each with the cells that it takes them from.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (&DataColumn, ColumnCells<'_>)> {
        self.columns.iter().filter_map(|PlacedColumn { column, path, classes, whole }| {
            let objects = self.whole_cells.get(path).filter(|_| *whole);
            let cells = match objects {
                Some(objects) => objects,
                None => &self.part.flattener.paths.node(*path)?.cells,
            };
            Some((*column, ColumnCells { text: &self.part.text, cells, classes: *classes }))
        })
    }

    /// What finds the values that have no column.
    pub(crate) fn rescue(&self) -> Rescue<'_> {
        let seeks = Cow::Borrowed(&*self.rows_with_homeless);
        Rescue { part: &self.part, homes: &self.homes, seeks }
    }

    /// The partitions that have rows.
    #[must_use]
    pub fn partitions(&self) -> impl ExactSizeIterator<Item = &PartitionKey> {
        self.partitions.iter().map(|(key, _)| key)
    }

    /// Gives up everything but the records that are bound for quarantine, each with its index in
    /// the source: the bad ones, and those with a value that no column takes, if the contract
    /// wants them there.
    #[must_use]
    pub fn into_bad_records(self) -> Vec<(u64, BadRecord)> {
        let mut all = self.part.into_bad_records();
        all.extend(self.refused);
        all.sort_by_key(|(record, _)| *record);
        all
    }

    /// The rows of each partition as a Parquet file, one after the other.
    pub fn files(&self) -> impl Iterator<Item = Result<EncodedFile, ColumnarError>> {
        self.partitions.iter().map(|(_, rows)| encode(self, rows.clone()))
    }
}

fn placed_columns<'s>(part: &Part, schema: &'s TableSchema) -> Vec<PlacedColumn<'s>> {
    let mut taken: BTreeMap<&ColumnName, (NodeId, ClassSet)> = BTreeMap::new();
    for (id, node) in part.flattener.paths.ids() {
        for class in node.classes.iter() {
            for column in schema.carriers(&node.path, class) {
                let (_, classes) = taken.entry(&column.name).or_insert((id, ClassSet::default()));
                classes.insert(class);
            }
        }
    }
    let placed = schema.columns().iter().filter_map(|column| {
        let (path, classes) = taken.remove(&column.name)?;
        Some(PlacedColumn { column, path, classes, whole: schema.takes_objects(column) })
    });
    placed.collect()
}

/// Takes the rows with a value that has no column out of their partitions.
fn refuse(part: &mut Part, homes: &Homes) -> Vec<(u64, BadRecord)> {
    let rescue = part.rescue(homes);
    let rows = 0..u32::try_from(part.rows.len()).unwrap_or(u32::MAX);
    let homeless = rows.filter_map(|row| Some((row as usize, rescue.first(row)?)));
    let refused: Vec<_> = homeless
        .filter_map(|(index, path)| {
            let message = format!("its table has no column for {path}");
            let text = part.record_text(index)?;
            let bad = BadRecord::refused(*part.extents.get(index)?, message, text);
            Some((index, part.record_number(index)?, bad))
        })
        .collect();
    for (index, _, _) in &refused {
        if let Some(row) = part.rows.get_mut(*index) {
            row.partition = PartitionNumber::NONE;
        }
    }
    refused.into_iter().map(|(_, record, bad)| (record, bad)).collect()
}

impl Part {
    /// Puts the rows in the order of their partitions; within one they keep theirs.
    fn bring_partitions_together(&mut self) {
        if self.rows.is_sorted_by_key(|row| row.partition) {
            return;
        }
        let mut order: Vec<(Row, u32)> = self.rows.iter().copied().zip(0..).collect();
        order.sort_by_key(|(row, _)| row.partition);
        let mut moved_to = vec![0; order.len()];
        for (to, (_, from)) in (0..).zip(&order) {
            if let Some(place) = moved_to.get_mut(*from as usize) {
                *place = to;
            }
        }
        self.rows = order.into_iter().map(|(row, _)| row).collect();
        self.flattener.paths.each_cells(|cells| {
            let to = |cell: Cell| {
                let row = moved_to.get(cell.row() as usize).copied().unwrap_or(cell.row());
                cell.with_row(row)
            };
            let mut moved: Vec<_> = cells.iter().map(to).collect();
            moved.sort_by_key(|cell| cell.row());
            *cells = Cells::default();
            for cell in moved {
                cells.push(cell);
            }
        });
    }

    /// The rows of each partition that has some.
    fn ranges(&self) -> Vec<(PartitionKey, Range<u32>)> {
        let mut ranges = Vec::new();
        let mut begin: u32 = 0;
        for rows in self.rows.chunk_by(|one, other| one.partition == other.partition) {
            let end = begin + u32::try_from(rows.len()).unwrap_or(u32::MAX - begin);
            let number = rows.first().map(|row| row.partition);
            if let Some(key) = number.and_then(|number| self.partitions.key(number)) {
                ranges.push((key.clone(), begin..end));
            }
            begin = end;
        }
        ranges
    }
}
