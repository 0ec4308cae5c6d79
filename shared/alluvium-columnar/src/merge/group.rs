//! Rows that are written together, put in their order column by column.

use std::{collections::HashMap, ops::Range};

use arrow::{
    array::{Array, ArrayData, ArrayRef, MutableArrayData, make_array, new_null_array},
    compute::interleave,
    datatypes::DataType,
    error::ArrowError,
};

use super::{
    open::Entry,
    piece::{Piece, PieceColumn},
    table::ColumnId,
};

/// Rows that stand together in both orders are copied together if there are so many of them.
const ROWS_PER_SPAN: usize = 8;

/// Rows in the order in which they are written.
pub(super) struct Group<'a> {
    rows: usize,
    shares: Vec<Share<'a>>,
    /// Rows that follow each other both here and in their pieces.
    spans: Vec<Span>,
}

/// The rows of a piece that are in a group. They have consecutive ranks.
struct Share<'a> {
    piece: &'a Piece,
    first_rank: u32,
    /// Where in the group the row of each of these ranks is.
    places: Vec<u32>,
}

/// Consecutive rows of consecutive ranks of a share.
struct Span {
    share: usize,
    first_rank: u32,
    first_row: usize,
    rows: usize,
}

impl<'a> Group<'a> {
    /// The rows of these entries.
    pub(super) fn new(entries: &[Entry], pieces: &'a [Option<Piece>]) -> Self {
        let mut group = Self { rows: 0, shares: Vec::new(), spans: Vec::new() };
        let mut share_of: HashMap<u32, usize> = HashMap::new();
        for entry in entries {
            let Some(piece) = pieces.get(entry.piece as usize).and_then(Option::as_ref) else {
                continue;
            };
            let share = *share_of.entry(entry.piece).or_insert_with(|| {
                let places = Vec::new();
                group.shares.push(Share { piece, first_rank: entry.rank, places });
                group.shares.len() - 1
            });
            group.push(share, entry.rank, piece.row(entry.rank));
        }
        group
    }

    pub(super) const fn rows(&self) -> usize {
        self.rows
    }

    fn push(&mut self, share: usize, rank: u32, row: usize) {
        let place = u32::try_from(self.rows).unwrap_or(u32::MAX);
        if let Some(share) = self.shares.get_mut(share) {
            share.places.push(place);
        }
        self.rows += 1;
        match self.spans.last_mut() {
            Some(span) if span.share == share && span.first_row + span.rows == row => {
                span.rows += 1;
            }
            _ => self.spans.push(Span { share, first_rank: rank, first_row: row, rows: 1 }),
        }
    }

    /// The rows of a column; nothing if none of their pieces has a value of it.
    pub(super) fn array(
        &self,
        column: ColumnId,
        data_type: &DataType,
    ) -> Result<Option<ArrayRef>, ArrowError> {
        let held: Vec<_> = self.shares.iter().map(|share| share.piece.column(column)).collect();
        let is_dense = |held: &PieceColumn| matches!(held, PieceColumn::Dense(_));
        if held.iter().all(Option::is_none) {
            return Ok(None);
        }
        let array = if self.spans.len() * ROWS_PER_SPAN <= self.rows {
            self.copied(&held)?
        } else if held.iter().copied().flatten().any(is_dense) {
            self.interleaved(&held, data_type)?
        } else {
            self.scattered(&held)?
        };
        // Leaves out the room for NULLs of an array, or of elements, without a NULL. With it some
        // pages would be written in other bytes, and whether it is there depends on what was in
        // memory beside these rows.
        Ok(Some(make_array(array.to_data())))
    }

    /// For rows that mostly stand together in their pieces.
    fn copied(&self, held: &[Option<&PieceColumn>]) -> Result<ArrayRef, ArrowError> {
        let (data, numbers) = datas(held);
        let mut array = MutableArrayData::new(data.iter().collect(), true, self.rows);
        for span in &self.spans {
            let number = numbers.get(span.share).copied().unwrap_or_default();
            match held.get(span.share).copied().flatten() {
                None => array.try_extend_nulls(span.rows)?,
                Some(PieceColumn::Dense(_)) => {
                    array.try_extend(number, span.first_row, span.first_row + span.rows)?;
                }
                Some(PieceColumn::Sparse { ranks, .. }) => {
                    let mut next = span.first_rank;
                    let end = span.end_rank();
                    for index in between(ranks, next..end) {
                        let rank = ranks.get(index).copied().unwrap_or(next);
                        array.try_extend_nulls((rank - next) as usize)?;
                        array.try_extend(number, index, index + 1)?;
                        next = rank + 1;
                    }
                    array.try_extend_nulls((end - next) as usize)?;
                }
            }
        }
        Ok(make_array(array.freeze()))
    }

    /// For rows from everywhere, many of which have a value.
    fn interleaved(
        &self,
        held: &[Option<&PieceColumn>],
        data_type: &DataType,
    ) -> Result<ArrayRef, ArrowError> {
        let null = new_null_array(data_type, 1);
        let mut arrays: Vec<&dyn Array> = vec![&null];
        let mut indices = vec![(0, 0); self.rows];
        for (share, held) in self.shares.iter().zip(held) {
            let Some(held) = held else { continue };
            let number = arrays.len();
            match held {
                PieceColumn::Dense(array) => {
                    arrays.push(array);
                    for (rank, place) in (share.first_rank..).zip(&share.places) {
                        if let Some(index) = indices.get_mut(*place as usize) {
                            *index = (number, share.piece.row(rank));
                        }
                    }
                }
                PieceColumn::Sparse { ranks, values } => {
                    arrays.push(values);
                    for (place, value) in share.values(ranks) {
                        if let Some(index) = indices.get_mut(place as usize) {
                            *index = (number, value);
                        }
                    }
                }
            }
        }
        interleave(&arrays, &indices)
    }

    /// For rows from everywhere, few of which have a value.
    fn scattered(&self, held: &[Option<&PieceColumn>]) -> Result<ArrayRef, ArrowError> {
        let (data, numbers) = datas(held);
        let mut values = Vec::new();
        for ((share, held), number) in self.shares.iter().zip(held).zip(numbers) {
            if let Some(PieceColumn::Sparse { ranks, .. }) = held {
                values.extend(share.values(ranks).map(|(place, value)| (place, number, value)));
            }
        }
        values.sort_unstable_by_key(|(place, ..)| *place);
        let mut array = MutableArrayData::new(data.iter().collect(), true, self.rows);
        let mut next = 0;
        for (place, number, value) in values {
            array.try_extend_nulls(place as usize - next)?;
            array.try_extend(number, value, value + 1)?;
            next = place as usize + 1;
        }
        array.try_extend_nulls(self.rows - next)?;
        Ok(make_array(array.freeze()))
    }
}

impl Share<'_> {
    /// Where in the group each of the values with these ranks belongs that are in it, and which of
    /// the values it is.
    fn values<'r>(&'r self, ranks: &'r [u32]) -> impl Iterator<Item = (u32, usize)> + 'r {
        let rows = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        between(ranks, self.first_rank..self.first_rank.saturating_add(rows)).filter_map(
            move |value| {
                let rank = ranks.get(value)?.checked_sub(self.first_rank)?;
                Some((*self.places.get(rank as usize)?, value))
            },
        )
    }
}

impl Span {
    fn end_rank(&self) -> u32 {
        self.first_rank.saturating_add(u32::try_from(self.rows).unwrap_or(u32::MAX))
    }
}

/// Which of these ranks lie in `range`.
fn between(ranks: &[u32], range: Range<u32>) -> Range<usize> {
    let begin = ranks.partition_point(|rank| *rank < range.start);
    begin..ranks.partition_point(|rank| *rank < range.end)
}

/// The arrays that are held, and for each share the number of its own.
fn datas(held: &[Option<&PieceColumn>]) -> (Vec<ArrayData>, Vec<usize>) {
    let mut data = Vec::new();
    let mut numbers = Vec::with_capacity(held.len());
    for held in held {
        numbers.push(data.len());
        match held {
            None => {}
            Some(PieceColumn::Dense(array)) => data.push(array.to_data()),
            Some(PieceColumn::Sparse { values, .. }) => data.push(values.to_data()),
        }
    }
    (data, numbers)
}
