//! Whether the values of a column hardly ever repeat, so that a dictionary of them would take
//! time and room and save nothing.
//!
//! Judged by a sample, evenly taken: the same rows are always judged alike.

use std::{collections::HashSet, ops::Range};

use ahash::RandomState;
use alluvium_model::Kind;

use crate::column::ColumnCells;

/// Values that are looked at, at most.
const SAMPLE: usize = 512;
/// Fewer values than this have a dictionary: it is small, whatever they are.
const VALUES_MIN: usize = 1_024;
/// Repetitions that the sample of a column may show for which a dictionary is not worth it: as
/// many as a column of some 25,000 different values shows.
const REPETITIONS_MAX: usize = 5;

/// Whether a column of `kind` with these values is better off without a dictionary.
pub(crate) fn hardly_repeats(kind: Kind, cells: &ColumnCells<'_>, rows: &Range<u32>) -> bool {
    match kind {
        Kind::Scalar(_) | Kind::Json => {}
        // Their elements are what is encoded, and those are judged where files are laid out.
        Kind::Array(_) => return false,
    }
    let (values, sample) = cells.sample(rows, SAMPLE);
    if values < VALUES_MIN {
        return false;
    }
    let mut seen = HashSet::with_capacity_and_hasher(SAMPLE, RandomState::default());
    let mut repetitions = 0;
    for cell in sample {
        repetitions += usize::from(!seen.insert(cell.value(cells.text)));
        if repetitions > REPETITIONS_MAX {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use alluvium_model::{ClassSet, Scalar, ValueClass};

    use super::*;
    use crate::cell::{Cell, Cells};

    #[test]
    fn columns_whose_values_repeat_have_a_dictionary() {
        let check = |rows: u32, value: &dyn Fn(u32) -> u32, expected: bool| {
            let (mut text, mut cells) = (String::new(), Cells::default());
            for row in 0..rows {
                let at = u32::try_from(text.len()).unwrap();
                cells.push(Cell::new(row, ValueClass::Bigint, at));
                text.push_str(&format!("{},", value(row)));
            }
            let classes = ClassSet::of(&[ValueClass::Bigint]);
            let cells = ColumnCells { text: &text, cells: &cells, classes, takes_all: true };
            let found = |kind| hardly_repeats(kind, &cells, &(0..rows));
            assert_eq!(found(Kind::Scalar(Scalar::Bigint)), expected, "{rows} rows");
            assert!(!found(Kind::Array(Scalar::Bigint)));
        };
        check(100_000, &|row| row, true);
        // A sample that is taken evenly must not be misled by what comes round evenly.
        check(100_000, &|row| row % 1_000, false);
        check(100_000, &|row| row.wrapping_mul(2_654_435_761) % 2_000, false);
        check(100_000, &|row| row.wrapping_mul(2_654_435_761) % 1_000_000, true);
        check(100_000, &|_| 7, false);
        check(1_000, &|row| row, false);
    }
}
