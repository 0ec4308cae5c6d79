//! Numbers heal: a `double` beside a `bigint` gets every integer that it holds exactly.

use std::sync::Arc;

use arrow::{
    array::{Array as _, ArrayRef, AsArray as _, Float64Array},
    datatypes::{Float64Type, Int64Type},
};

use super::table::{ColumnId, Heal, Table};
use crate::scalar::is_exact_in_double;

/// Fills the doubles of a batch.
pub(super) fn heal(arrays: &mut Vec<(ColumnId, ArrayRef)>, table: &Table<'_>) {
    for Heal { integers, doubles } in &table.heals {
        let find = |wanted: ColumnId| arrays.iter().position(|(id, _)| *id == wanted);
        let Some(base) = find(*integers).and_then(|index| arrays.get(index)) else { continue };
        let sibling = find(*doubles);
        let found = sibling.and_then(|index| arrays.get(index)).map(|(_, array)| array);
        let Some(healed) = healed(&base.1, found) else { continue };
        match sibling.and_then(|index| arrays.get_mut(index)) {
            Some((_, array)) => *array = healed,
            None => arrays.push((*doubles, healed)),
        }
    }
}

/// The doubles with the integers that they lack; nothing if they lack none.
fn healed(integers: &ArrayRef, doubles: Option<&ArrayRef>) -> Option<ArrayRef> {
    let integers = integers.as_primitive_opt::<Int64Type>()?;
    let doubles = doubles.and_then(|array| array.as_primitive_opt::<Float64Type>());
    let double =
        |row: usize| doubles.filter(|array| array.is_valid(row)).map(|array| array.value(row));
    let integer = |row: usize| {
        let value = integers.is_valid(row).then(|| integers.value(row));
        value.filter(|value| is_exact_in_double(*value))
    };
    let lacks = |row: &usize| double(*row).is_none() && integer(*row).is_some();
    (0..integers.len()).find(lacks)?;
    #[expect(clippy::cast_precision_loss, reason = "only integers that a double holds exactly")]
    let value = |row| double(row).or_else(|| integer(row).map(|value| value as f64));
    Some(Arc::new((0..integers.len()).map(value).collect::<Float64Array>()))
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;

    use super::*;

    #[test]
    fn a_double_gets_the_integers_that_it_holds_exactly() {
        let check = |integers: Vec<Option<i64>>, doubles: Option<Vec<Option<f64>>>| {
            let integers: ArrayRef = Arc::new(Int64Array::from(integers));
            let doubles = doubles.map(|doubles| Arc::new(Float64Array::from(doubles)) as ArrayRef);
            let healed = healed(&integers, doubles.as_ref());
            healed.map(|array| array.as_primitive::<Float64Type>().iter().collect::<Vec<_>>())
        };
        let wide = (1 << 53) + 1;
        let integers = vec![Some(6), None, Some(wide), None];
        assert_eq!(check(integers.clone(), None), Some(vec![Some(6.0), None, None, None]));
        let doubles = Some(vec![None, Some(0.5), None, None]);
        let expected = Some(vec![Some(6.0), Some(0.5), None, None]);
        assert_eq!(check(integers.clone(), doubles), expected);
        assert_eq!(check(integers, expected), None);
        assert_eq!(check(vec![Some(wide), None], None), None);
    }
}
