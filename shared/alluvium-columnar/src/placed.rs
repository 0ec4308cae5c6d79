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
    part::Row,
    partitions::{EventSpan, PartitionNumber},
    paths::NodeId,
    quarantine::{BadRecord, BadRecords},
    rescue::{Homes, Rescue},
};

/// Characters of a path that the message of a refused record shows: keys may have any length.
const PATH_CHARS_MAX: usize = 200;

/// A part by the schema of its table.
pub struct PlacedPart<'s> {
    pub(crate) part: Part,
    /// The columns that take values, in the order of the table.
    columns: Vec<PlacedColumn<'s>>,
    homes: Homes,
    rows_with_homeless: Vec<bool>,
    partitions: Vec<PartitionRows>,
    /// The rows that the contract wants in quarantine because a value of them has no column.
    refused: Range<u32>,
}

/// The rows of a partition.
struct PartitionRows {
    key: PartitionKey,
    rows: Range<u32>,
    events: Option<EventSpan>,
}

/// A column, and which values of which path it takes.
struct PlacedColumn<'s> {
    column: &'s DataColumn,
    path: NodeId,
    classes: ClassSet,
}

impl<'s> PlacedPart<'s> {
    pub(crate) fn new(mut part: Part, schema: &'s TableSchema) -> Self {
        let homes = Homes::new(&part.flattener.paths, schema);
        if part.facts.rules.mode == Mode::Quarantine {
            refuse(&mut part, &homes);
        }
        part.bring_partitions_together();
        let partitions = part.ranges();
        let accepted = partitions.last().map_or(0, |partition| partition.rows.end);
        let refused = accepted..u32::try_from(part.rows.len()).unwrap_or(u32::MAX);
        let rows_with_homeless = part.rows_with_homeless(&homes);
        let columns = placed_columns(&part, schema);
        Self { part, columns, homes, rows_with_homeless, partitions, refused }
    }

    /// The columns that take values, each with the cells that it takes them from.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (&DataColumn, ColumnCells<'_>)> {
        self.columns.iter().filter_map(|PlacedColumn { column, path, classes }| {
            let node = self.part.flattener.paths.node(*path)?;
            let (cells, takes_all) = (&node.cells, node.classes == *classes);
            let text = &self.part.text;
            Some((*column, ColumnCells { text, cells, classes: *classes, takes_all }))
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
        self.partitions.iter().map(|partition| &partition.key)
    }

    /// The records that are bound for quarantine: the bad ones, and those with a value that no
    /// column takes, if the contract wants them there.
    #[must_use]
    pub fn bad_records(&self) -> BadRecords<'_> {
        BadRecords::of(self.part.bad_records()).and_refused(self)
    }

    /// The refused rows.
    pub(crate) fn refused(&self) -> Range<u32> {
        self.refused.clone()
    }

    /// A refused row as a bad record.
    pub(crate) fn refused_record(&self, row: u32) -> Option<(u64, BadRecord)> {
        let (part, index) = (&self.part, row as usize);
        let path = self.rescue().first(row)?;
        let shown: String = path.chars().take(PATH_CHARS_MAX).collect();
        let cut = if shown.len() < path.len() { "…" } else { "" };
        let message = format!("its table has no column for {shown}{cut}");
        let message = match part.payload_of(index) {
            Some(payload) => format!("{payload}: {message}"),
            None => message,
        };
        let bad = BadRecord::refused(*part.extents.get(index)?, message, part.record_text(index)?);
        Some((part.record_number(index)?, bad.arrived(part.arrived_at(index))))
    }

    /// The part, whose rows are in the order of their partitions.
    #[must_use]
    pub const fn part(&self) -> &Part {
        &self.part
    }

    /// The rows of each partition as a Parquet file, one after the other.
    pub fn files(&self) -> impl Iterator<Item = Result<EncodedFile, ColumnarError>> {
        let rows = |partition: &PartitionRows| (partition.rows.clone(), partition.events);
        self.partitions.iter().map(rows).map(|(rows, events)| encode(self, rows, events))
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
        Some(PlacedColumn { column, path, classes })
    });
    placed.collect()
}

/// Takes the rows with a value that has no column out of their partitions.
fn refuse(part: &mut Part, homes: &Homes) {
    let rescue = part.rescue(homes);
    let refused: Vec<_> =
        (0..).zip(&part.rows).map(|(row, _)| rescue.finds_any(row..row + 1)).collect();
    for (row, _) in part.rows.iter_mut().zip(refused).filter(|(_, refused)| *refused) {
        row.partition = PartitionNumber::NONE;
    }
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
        if !self.extents.is_empty() {
            let extent = |(_, from): &(Row, u32)| self.extents.get(*from as usize).copied();
            self.extents = order.iter().filter_map(extent).collect();
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
    fn ranges(&self) -> Vec<PartitionRows> {
        let mut ranges = Vec::new();
        let mut begin: u32 = 0;
        for rows in self.rows.chunk_by(|one, other| one.partition == other.partition) {
            let end = begin + u32::try_from(rows.len()).unwrap_or(u32::MAX - begin);
            let number = rows.first().map(|row| row.partition);
            let key = number.and_then(|number| self.partitions.key(number)).cloned();
            if let Some((number, key)) = number.zip(key) {
                let events = self.partitions.events(number);
                ranges.push(PartitionRows { key, rows: begin..end, events });
            }
            begin = end;
        }
        ranges
    }
}
