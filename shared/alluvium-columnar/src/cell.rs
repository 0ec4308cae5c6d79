//! Where one value lies, in eight bytes, and the values of one path.

use std::{iter, mem, ops::Range, slice};

use alluvium_model::ValueClass;

use crate::text::{content_at, value_text};

/// Rows of a part at most; `Cell` has 24 bits for them.
pub(crate) const ROWS_MAX: u32 = 1 << 24;

const FIRST_CHUNK_CELLS: usize = 8;
const CHUNK_CELLS_MAX: usize = 4_096;

/// Bytes of a value whose length a cell has room for.
const LENGTH_MAX: u32 = 15;

/// A leaf of a part, or an object that is flattened: its row, its class, and where in the part's
/// text it begins. A short one also has its length, so that its end is not looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell(u64);

impl Cell {
    /// `row` is below [`ROWS_MAX`].
    pub(crate) fn new(row: u32, class: ValueClass, at: u32) -> Self {
        Self(u64::from(row) << 40 | u64::from(class as u8) << 32 | u64::from(at))
    }

    /// The same leaf, whose value takes so many bytes and has no escapes: `content` takes it as it
    /// is.
    pub(crate) fn with_length(self, bytes: u32) -> Self {
        if bytes <= LENGTH_MAX { Self(self.0 | u64::from(bytes) << 36) } else { self }
    }

    /// The JSON text of the value, where `text` is that of the part.
    pub(crate) fn value(self, text: &str) -> &str {
        match self.length() {
            0 => value_text(text, self.at()),
            length => text.get(self.at()..self.at() + length).unwrap_or_default(),
        }
    }

    /// Gives the content of a string, unescaped, piece by piece; any other value as it is.
    pub(crate) fn content(self, text: &str, mut take: impl FnMut(&str)) {
        if self.length() == 0 {
            return content_at(text, self.at(), take);
        }
        let value = self.value(text);
        let quoted = value.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        take(quoted.unwrap_or(value));
    }

    const fn length(self) -> usize {
        (self.0 >> 36 & 0xf) as usize
    }

    pub(crate) const fn row(self) -> u32 {
        (self.0 >> 40) as u32
    }

    /// The same leaf in another row.
    pub(crate) fn with_row(self, row: u32) -> Self {
        Self(u64::from(row) << 40 | self.0 & 0xff_ffff_ffff)
    }

    pub(crate) const fn class(self) -> ValueClass {
        ValueClass::from_u8((self.0 >> 32 & 0xf) as u8)
    }

    pub(crate) const fn at(self) -> usize {
        (self.0 & 0xffff_ffff) as usize
    }
}

/// Cells in the order of their rows.
///
/// They lie in chunks that are never moved: a thousand lists that grow side by side by moving
/// would leave as many bytes of holes behind them as they hold.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    full: Vec<Vec<Cell>>,
    /// The chunk that grows; it is empty only if there are no cells.
    last: Vec<Cell>,
}

impl Cells {
    pub(crate) fn push(&mut self, cell: Cell) {
        if self.last.len() == self.last.capacity() {
            let doubled = (2 * self.last.capacity()).clamp(FIRST_CHUNK_CELLS, CHUNK_CELLS_MAX);
            let full = mem::replace(&mut self.last, Vec::with_capacity(doubled));
            if !full.is_empty() {
                self.full.push(full);
            }
        }
        self.last.push(cell);
    }

    /// Takes the last cell back.
    pub(crate) fn pop(&mut self) {
        self.last.pop();
        if self.last.is_empty()
            && let Some(full) = self.full.pop()
        {
            self.last = full;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Cell> {
        self.chunks().flatten().copied()
    }

    fn chunks(&self) -> Chunks<'_> {
        self.full.iter().chain(iter::once(&self.last))
    }

    /// The chunks that have cells of this row or of later ones.
    fn chunks_from(&self, row: u32) -> Chunks<'_> {
        let before = |chunk: &Vec<Cell>| chunk.last().is_some_and(|last| last.row() < row);
        let first = self.full.partition_point(before);
        self.full.get(first..).unwrap_or_default().iter().chain(iter::once(&self.last))
    }

    /// A way through the cells from this row on.
    pub(crate) fn from(&self, row: u32) -> CellsFrom<'_> {
        let mut chunks = self.chunks_from(row);
        let rest = chunks.next().map(Vec::as_slice).unwrap_or_default();
        let begin = rest.partition_point(|cell| cell.row() < row);
        CellsFrom { rest: rest.get(begin..).unwrap_or_default(), chunks }
    }

    /// The cells of these rows, slice by slice.
    pub(crate) fn within(&self, rows: Range<u32>) -> impl Iterator<Item = &[Cell]> {
        let slices = self.chunks_from(rows.start).map(move |chunk| {
            let begin = chunk.partition_point(|cell| cell.row() < rows.start);
            let end = chunk.partition_point(|cell| cell.row() < rows.end);
            chunk.get(begin..end).unwrap_or_default()
        });
        slices.take_while(|slice| !slice.is_empty())
    }

    /// How many cells these rows have.
    pub(crate) fn count(&self, rows: &Range<u32>) -> usize {
        self.within(rows.clone()).map(<[Cell]>::len).sum()
    }

    /// The first cell of these rows, and every one that is `step` cells behind another of these.
    pub(crate) fn every(&self, step: usize, rows: &Range<u32>) -> impl Iterator<Item = Cell> {
        let mut skip = 0;
        let slices = self.within(rows.clone()).map(move |slice| {
            let first = skip;
            skip = first + slice.len().saturating_sub(first).div_ceil(step) * step - slice.len();
            // None of those between is looked at.
            slice.iter().skip(first).step_by(step)
        });
        slices.flatten().copied()
    }
}

type Chunks<'a> = iter::Chain<slice::Iter<'a, Vec<Cell>>, iter::Once<&'a Vec<Cell>>>;

/// A way through cells that stops at some rows.
pub(crate) struct CellsFrom<'a> {
    /// What is left of the chunk at hand.
    rest: &'a [Cell],
    chunks: Chunks<'a>,
}

impl<'a> CellsFrom<'a> {
    /// Goes on to this row; gives the cells up to there, slice by slice.
    pub(crate) fn to(&mut self, row: u32) -> impl Iterator<Item = &'a [Cell]> {
        iter::from_fn(move || {
            // They are read next anyway, so looking at each costs less than a search.
            let end = self.rest.iter().position(|cell| cell.row() >= row);
            let (slice, rest) = self.rest.split_at_checked(end.unwrap_or(self.rest.len()))?;
            self.rest = rest;
            if rest.is_empty() {
                self.rest = self.chunks.next().map(Vec::as_slice).unwrap_or_default();
            }
            (!slice.is_empty()).then_some(slice)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_keeps_what_it_was_made_of() {
        for class in ValueClass::ALL {
            let cell = Cell::new(ROWS_MAX - 1, class, u32::MAX);
            assert_eq!((cell.row(), cell.class()), (ROWS_MAX - 1, class));
            assert_eq!(cell.at(), u32::MAX as usize);
            let short = cell.with_length(LENGTH_MAX);
            assert_eq!((short.row(), short.class(), short.at()), (cell.row(), class, cell.at()));
            assert_eq!((cell.length(), short.length()), (0, LENGTH_MAX as usize));
            assert_eq!(cell.with_length(LENGTH_MAX + 1), cell);
        }
    }

    #[test]
    fn cells_are_found_by_their_row() {
        let mut cells = Cells::default();
        for row in 0..20_000 {
            cells.push(Cell::new(2 * row, ValueClass::Bigint, row));
            cells.push(Cell::new(2 * row + 1, ValueClass::Bigint, row));
            cells.pop();
        }
        assert!(cells.iter().map(Cell::at).eq(0..20_000));
        for row in [0, 1, 7, 8, 9, 20_000, 39_998] {
            let found: Vec<_> = cells.within(row..row + 9_000).flatten().map(|c| c.row()).collect();
            let expected: Vec<_> =
                (row..row + 9_000).filter(|row| row % 2 == 0 && *row < 40_000).collect();
            assert_eq!(found, expected);
            let mut cells = cells.from(row);
            let stops = [row, row + 1, row + 7, row + 7, row + 9_000];
            let found = stops.into_iter().flat_map(|stop| cells.to(stop).collect::<Vec<_>>());
            let found: Vec<_> = found.flatten().map(|cell| cell.row()).collect();
            assert_eq!(found, expected);
        }
        assert_eq!(cells.within(39_999..50_000).count(), 0);
        for step in [1, 7, 4_096, 5_000, 30_000] {
            let (rows, all) = (9..39_990, 5..19_995);
            assert_eq!(cells.count(&rows), all.len());
            assert!(cells.every(step, &rows).map(Cell::at).eq(all.step_by(step)));
        }
    }
}
