//! Decoded rows that wait for their turn.
//!
//! A table may have a thousand columns of which a row has ten. So a column whose values are few is
//! held as those values and where they stand, and one without a value is not held at all.

use std::{cmp::Ordering, mem::size_of, ops::Range};

use arrow::{
    array::{
        Array as _, ArrayRef, AsArray as _, Int64Array, StringArray, TimestampMicrosecondArray,
        UInt32Array,
    },
    buffer::ScalarBuffer,
    compute::{filter, is_not_null, take},
    datatypes::{Int32Type, Int64Type, TimestampMicrosecondType},
    error::ArrowError,
};

use super::{
    order::Moment,
    table::{ColumnId, OrderColumns},
};

/// A column of which fewer than one in so many rows have a value is held as its values.
const SPARSE_ROWS_PER_VALUE: usize = 4;
/// What a row takes besides its columns: its entry, twice while entries are sorted, and below.
const ROW_BYTES: usize = 64;
/// What an array takes besides its buffers.
const ARRAY_BYTES: usize = 200;

/// What is known of rows besides their columns.
pub(super) struct RowFacts {
    /// When each happened, in microseconds since 1970.
    pub(super) events: Vec<i64>,
    /// Which row of which input each is, as one number: the last word where rows are equal in
    /// all else, so that the order does not depend on how they came here.
    pub(super) origins: Vec<i64>,
    /// About how many bytes of data each has; if that is known from when it was first read.
    pub(super) weights: Option<Vec<u32>>,
}

/// Decoded rows, in two orders: that of their file, by which columns with many values are held,
/// and that in which they are to be written. A row's place in the latter is its rank.
pub(super) struct Piece {
    /// The row of each rank; nothing if both orders are the same.
    rows_by_rank: Option<Vec<u32>>,
    keys: Keys,
    weights: Vec<u32>,
    columns: Vec<(ColumnId, PieceColumn)>,
    /// About what it takes in memory.
    pub(super) bytes: usize,
}

/// What rows are ordered by, by row.
struct Keys {
    events: Vec<i64>,
    arrivals: ScalarBuffer<i64>,
    sources: Sources,
    records: ScalarBuffer<i64>,
    origins: Vec<i64>,
}

/// The source of each row.
struct Sources {
    keys: ScalarBuffer<i32>,
    names: StringArray,
}

/// A column with values.
pub(super) enum PieceColumn {
    /// A value or NULL for each row.
    Dense(ArrayRef),
    /// The values, and the ranks of the rows that have them.
    Sparse { ranks: Vec<u32>, values: ArrayRef },
}

impl Piece {
    /// Takes rows; `arrays` are all columns that have them.
    pub(super) fn new(
        arrays: &[(ColumnId, ArrayRef)],
        facts: RowFacts,
        order: &OrderColumns<'_>,
    ) -> Result<Self, ArrowError> {
        let RowFacts { events, origins, weights } = facts;
        let rows = events.len();
        let keys = Keys::new(arrays, events, origins, order)?;
        let ranking = Ranking::new(&keys, rows);
        let mut columns = Vec::new();
        for (id, array) in arrays {
            if let Some(column) = ranking.column(array)? {
                columns.push((*id, column));
            }
        }
        columns.sort_unstable_by_key(|(id, _)| *id);
        let weights = match weights {
            Some(weights) => weights,
            None => vec![weight(&columns, rows)?; rows],
        };
        let held = columns.iter().map(|(_, column)| column.bytes()).sum::<usize>();
        let bytes = held + rows * ROW_BYTES + size_of::<Self>();
        Ok(Self { rows_by_rank: ranking.rows_by_rank, keys, weights, columns, bytes })
    }

    /// How many rows it has.
    pub(super) const fn rows(&self) -> usize {
        self.weights.len()
    }

    pub(super) fn column(&self, id: ColumnId) -> Option<&PieceColumn> {
        let index = self.columns.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.columns.get(index).map(|(_, column)| column)
    }

    /// The row of this rank.
    pub(super) fn row(&self, rank: u32) -> usize {
        match &self.rows_by_rank {
            Some(rows) => rows.get(rank as usize).copied().unwrap_or_default() as usize,
            None => rank as usize,
        }
    }

    pub(super) fn moment(&self, rank: u32) -> Moment {
        self.keys.moment(self.row(rank))
    }

    pub(super) fn origin(&self, rank: u32) -> i64 {
        self.keys.origins.get(self.row(rank)).copied().unwrap_or_default()
    }

    pub(super) fn weight(&self, rank: u32) -> u32 {
        self.weights.get(self.row(rank)).copied().unwrap_or_default()
    }

    /// How rows of equal moments are ordered.
    pub(super) fn cmp_sources(&self, rank: u32, other: &Self, other_rank: u32) -> Ordering {
        self.keys.cmp_sources(self.row(rank), &other.keys, other.row(other_rank))
    }
}

impl Keys {
    fn new(
        arrays: &[(ColumnId, ArrayRef)],
        events: Vec<i64>,
        origins: Vec<i64>,
        order: &OrderColumns<'_>,
    ) -> Result<Self, ArrowError> {
        let array = |wanted: ColumnId| {
            let found = arrays.iter().find(|(id, _)| *id == wanted).map(|(_, array)| array);
            let missing = || ArrowError::SchemaError(format!("no column {wanted} to order by"));
            found.ok_or_else(missing)
        };
        let wrong = || ArrowError::SchemaError("a column to order by has another type".to_owned());
        let arrivals: &TimestampMicrosecondArray = array(order.arrived_at)?
            .as_primitive_opt::<TimestampMicrosecondType>()
            .ok_or_else(wrong)?;
        let records: &Int64Array =
            array(order.record)?.as_primitive_opt::<Int64Type>().ok_or_else(wrong)?;
        let sources = array(order.source)?.as_dictionary_opt::<Int32Type>().ok_or_else(wrong)?;
        let names = sources.values().as_string_opt::<i32>().ok_or_else(wrong)?;
        Ok(Self {
            events,
            arrivals: arrivals.values().clone(),
            sources: Sources { keys: sources.keys().values().clone(), names: names.clone() },
            records: records.values().clone(),
            origins,
        })
    }

    fn moment(&self, row: usize) -> Moment {
        let at = |values: &[i64]| values.get(row).copied().unwrap_or_default();
        Moment { event: at(&self.events), arrived_at: at(&self.arrivals) }
    }

    fn cmp_sources(&self, row: usize, other: &Self, other_row: usize) -> Ordering {
        let (one, two) = (self.sources.name(row), other.sources.name(other_row));
        // Mostly one and the same text.
        let sources = if std::ptr::eq(one, two) { Ordering::Equal } else { one.cmp(two) };
        sources
            .then_with(|| self.records.get(row).cmp(&other.records.get(other_row)))
            .then_with(|| self.origins.get(row).cmp(&other.origins.get(other_row)))
    }
}

impl Sources {
    fn name(&self, row: usize) -> &str {
        let key = self.keys.get(row).and_then(|key| usize::try_from(*key).ok());
        let key = key.filter(|key| *key < self.names.len());
        key.map_or("", |key| self.names.value(key))
    }
}

/// Which row has which rank.
struct Ranking {
    rows_by_rank: Option<Vec<u32>>,
    /// The rank of each row; only if the orders differ.
    ranks_by_row: Vec<u32>,
}

impl Ranking {
    fn new(keys: &Keys, rows: usize) -> Self {
        let all: Range<u32> = 0..u32::try_from(rows).unwrap_or(u32::MAX);
        let cmp = |one: &u32, two: &u32| {
            let (one, two) = (*one as usize, *two as usize);
            let moments = keys.moment(one).cmp(&keys.moment(two));
            moments.then_with(|| keys.cmp_sources(one, keys, two))
        };
        if all.clone().is_sorted_by(|one, two| cmp(one, two).is_le()) {
            return Self { rows_by_rank: None, ranks_by_row: Vec::new() };
        }
        let mut rows_by_rank: Vec<u32> = all.collect();
        rows_by_rank.sort_by(cmp);
        let mut ranks_by_row = vec![0; rows_by_rank.len()];
        for (rank, row) in (0..).zip(&rows_by_rank) {
            if let Some(of_row) = ranks_by_row.get_mut(*row as usize) {
                *of_row = rank;
            }
        }
        Self { rows_by_rank: Some(rows_by_rank), ranks_by_row }
    }

    /// A column as it is held; nothing if it has no value.
    fn column(&self, array: &ArrayRef) -> Result<Option<PieceColumn>, ArrowError> {
        let values = array.len() - array.null_count();
        if values == 0 {
            return Ok(None);
        }
        if values * SPARSE_ROWS_PER_VALUE > array.len() {
            return Ok(Some(PieceColumn::Dense(ArrayRef::clone(array))));
        }
        let present = is_not_null(array)?;
        let rows = (0..).zip(present.iter()).filter_map(|(row, is)| is?.then_some(row));
        let dense = filter(array, &present)?;
        if self.rows_by_rank.is_none() {
            return Ok(Some(PieceColumn::Sparse { ranks: rows.collect(), values: dense }));
        }
        let rank = |row: u32| self.ranks_by_row.get(row as usize).copied().unwrap_or_default();
        let mut by_rank: Vec<(u32, u32)> = rows.map(rank).zip(0..).collect();
        by_rank.sort_unstable();
        let order: UInt32Array = by_rank.iter().map(|(_, index)| *index).collect();
        let ranks = by_rank.into_iter().map(|(rank, _)| rank).collect();
        Ok(Some(PieceColumn::Sparse { ranks, values: take(&dense, &order, None)? }))
    }
}

/// About how many bytes of data a row has.
fn weight(columns: &[(ColumnId, PieceColumn)], rows: usize) -> Result<u32, ArrowError> {
    let mut bytes = 0;
    for (_, column) in columns {
        bytes += column.data_bytes()?;
    }
    Ok(u32::try_from(bytes.div_ceil(rows.max(1))).unwrap_or(u32::MAX))
}

impl PieceColumn {
    /// Bytes of data, however it is held.
    fn data_bytes(&self) -> Result<usize, ArrowError> {
        let array = match self {
            Self::Dense(array) | Self::Sparse { values: array, .. } => array,
        };
        // Rows share what a dictionary holds with others.
        match array.as_dictionary_opt::<Int32Type>() {
            Some(dictionary) => Ok(dictionary.len() * size_of::<i32>()),
            None => array.to_data().get_slice_memory_size(),
        }
    }

    /// What it takes in memory.
    fn bytes(&self) -> usize {
        match self {
            Self::Dense(array) => array.get_array_memory_size() + ARRAY_BYTES,
            Self::Sparse { ranks, values } => {
                let ranks = ranks.capacity() * size_of::<u32>();
                values.get_array_memory_size() + ranks + ARRAY_BYTES
            }
        }
    }
}
