//! Where one leaf lies, in eight bytes.

use alluvium_model::ValueClass;

/// Rows of a part at most; `Cell` has 24 bits for them.
pub(crate) const ROWS_MAX: u32 = 1 << 24;

/// A leaf of a part: its row, its class, and where in the part's text it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell(u64);

impl Cell {
    /// `row` is below [`ROWS_MAX`].
    pub(crate) fn new(row: u32, class: ValueClass, at: u32) -> Self {
        Self(u64::from(row) << 40 | u64::from(class as u8) << 32 | u64::from(at))
    }

    pub(crate) const fn row(self) -> u32 {
        (self.0 >> 40) as u32
    }

    pub(crate) fn class(self) -> ValueClass {
        let [_, _, _, class, ..] = self.0.to_be_bytes();
        // Written by `new`, so never anything else.
        ValueClass::from_u8(class).unwrap_or(ValueClass::Json)
    }

    pub(crate) const fn at(self) -> usize {
        (self.0 & 0xffff_ffff) as usize
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
        }
    }
}
