//! The arrays of one column, built from the cells of its path.

use std::{ops::Range, sync::Arc};

use alluvium_model::{ClassSet, Kind, Scalar, UtcInstant};
use arrow::{
    array::{
        Array as _, ArrayBuilder, ArrayRef, AsArray as _, BooleanBufferBuilder, BooleanBuilder,
        Float64Builder, Int64Builder, ListArray, ListBuilder, StringBuilder,
        TimestampMicrosecondBuilder, UInt32Builder,
    },
    buffer::{NullBuffer, OffsetBuffer},
    compute::take,
    datatypes::{DataType, Field, TimeUnit},
    error::ArrowError,
};

use crate::{
    cell::{Cell, Cells},
    scalar::{bigint, double, is_json_null, timestamp},
    text::{byte, content_at, elements, unquote, value_text},
    typing::whole_number,
};

/// The Arrow type of a data column. Lists have the field name of the Parquet specification.
pub(crate) fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::Scalar(scalar) => scalar_type(scalar),
        Kind::Array(scalar) => DataType::List(Arc::new(element_field(scalar))),
        Kind::Json => DataType::Utf8,
    }
}

/// The type of every timestamp in our files.
pub(crate) fn timestamp_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn scalar_type(scalar: Scalar) -> DataType {
    match scalar {
        Scalar::Boolean => DataType::Boolean,
        Scalar::Bigint => DataType::Int64,
        Scalar::Double => DataType::Float64,
        Scalar::Timestamp => timestamp_type(),
        Scalar::String => DataType::Utf8,
    }
}

fn element_field(scalar: Scalar) -> Field {
    Field::new("element", scalar_type(scalar), true)
}

/// The cells of one path that a column takes.
pub(crate) struct ColumnCells<'a> {
    /// The text of the part.
    pub(crate) text: &'a str,
    /// The cells of the path, in the order of their rows.
    pub(crate) cells: &'a Cells,
    /// The classes that belong into the column; cells of others are left to other columns.
    pub(crate) classes: ClassSet,
}

impl ColumnCells<'_> {
    /// Whether any of these rows has a value.
    pub(crate) fn have_any(&self, rows: &Range<u32>) -> bool {
        self.within(rows).next().is_some()
    }

    /// The cells of these rows that the column takes.
    pub(crate) fn within(&self, rows: &Range<u32>) -> impl Iterator<Item = Cell> {
        let cells = self.cells.within(rows.clone()).flatten().copied();
        cells.filter(|cell| self.classes.contains(cell.class()))
    }

    /// Appends the values of these rows to those that were gathered before.
    pub(crate) fn gather(&self, rows: Range<u32>, values: &mut dyn Gather) {
        for cells in self.cells.within(rows) {
            values.gather(self.text, cells, self.classes);
        }
    }

    /// The column over `rows`, of which these are all `values`; NULL where no cell is.
    pub(crate) fn spread(
        &self,
        rows: &Range<u32>,
        values: ArrayRef,
    ) -> Result<ArrayRef, ArrowError> {
        if values.len() == rows.len() {
            return Ok(values);
        }
        if let Some(lists) = values.as_list_opt::<i32>() {
            return self.spread_lists(rows, lists);
        }
        let mut places = UInt32Builder::with_capacity(rows.len());
        let mut next = rows.start;
        for (place, cell) in (0..).zip(self.within(rows)) {
            places.append_nulls((cell.row() - next) as usize);
            places.append_value(place);
            next = cell.row() + 1;
        }
        places.append_nulls((rows.end - next) as usize);
        take(&values, &places.finish(), None)
    }

    /// The same of lists, whose elements stay where they are. `take` would reserve as many for each
    /// row as the lists that there are have on average, and a single list may be long.
    fn spread_lists(&self, rows: &Range<u32>, lists: &ListArray) -> Result<ArrayRef, ArrowError> {
        let mut lengths = vec![0; rows.len()];
        let mut present = BooleanBufferBuilder::new(rows.len());
        let mut next = rows.start;
        for (cell, length) in self.within(rows).zip(lists.offsets().lengths()) {
            present.append_n((cell.row() - next) as usize, false);
            present.append(true);
            if let Some(place) = lengths.get_mut((cell.row() - rows.start) as usize) {
                *place = length;
            }
            next = cell.row() + 1;
        }
        present.append_n((rows.end - next) as usize, false);
        let (DataType::List(field), elements) = (lists.data_type(), lists.values()) else {
            return Err(ArrowError::SchemaError("lists that are none".to_owned()));
        };
        let (offsets, nulls) =
            (OffsetBuffer::from_lengths(lengths), NullBuffer::new(present.finish()));
        let spread =
            ListArray::try_new(Arc::clone(field), offsets, Arc::clone(elements), Some(nulls))?;
        Ok(Arc::new(spread))
    }
}

/// Gathers the values of a column, without the rows that have none.
pub(crate) trait Gather {
    /// Appends the values of those cells that are of these classes.
    fn gather(&mut self, text: &str, cells: &[Cell], classes: ClassSet);

    /// The values that were gathered.
    fn finish(&mut self) -> ArrayRef;
}

/// What gathers the values of a column of `kind`.
pub(crate) fn gathering(kind: Kind) -> Box<dyn Gather> {
    match kind {
        Kind::Scalar(scalar) => scalars(scalar),
        Kind::Array(scalar) => lists(scalar),
        Kind::Json => of(StringBuilder::new(), |b, text, cell| b.append_value(cell.value(text))),
    }
}

fn scalars(scalar: Scalar) -> Box<dyn Gather> {
    match scalar {
        Scalar::Boolean => of(BooleanBuilder::new(), |b, text, cell| {
            b.append_value(matches!(cell.value(text), "true" | "\"true\""));
        }),
        Scalar::Bigint => of(Int64Builder::new(), |b, text, cell| {
            b.append_option(integer(cell.value(text)));
        }),
        Scalar::Double => of(Float64Builder::new(), |b, text, cell| {
            b.append_option(number(cell.value(text)));
        }),
        Scalar::Timestamp => of(timestamps(), |b, text, cell| {
            b.append_option(timestamp(cell.value(text)).map(UtcInstant::micros));
        }),
        Scalar::String => of(StringBuilder::new(), |b, text, cell| {
            b.append_value(cell.content(text));
        }),
    }
}

fn lists(scalar: Scalar) -> Box<dyn Gather> {
    match scalar {
        Scalar::Boolean => list(scalar, BooleanBuilder::new(), |b, text, at| {
            b.append_option(present(text, at).map(|at| byte(text, at) == b't'));
        }),
        Scalar::Bigint => list(scalar, Int64Builder::new(), |b, text, at| {
            b.append_option(present(text, at).and_then(|at| bigint(value_text(text, at))));
        }),
        Scalar::Double => list(scalar, Float64Builder::new(), |b, text, at| {
            b.append_option(present(text, at).and_then(|at| double(value_text(text, at))));
        }),
        Scalar::Timestamp => list(scalar, timestamps(), |b, text, at| {
            b.append_option(present(text, at).and_then(|at| micros(text, at)));
        }),
        Scalar::String => list(scalar, StringBuilder::new(), |b, text, at| {
            b.append_option(present(text, at).map(|at| content_at(text, at)));
        }),
    }
}

fn timestamps() -> TimestampMicrosecondBuilder {
    TimestampMicrosecondBuilder::new().with_data_type(timestamp_type())
}

fn list<B: ArrayBuilder>(
    scalar: Scalar,
    elements_of_lists: B,
    append: impl Fn(&mut B, &str, usize) + 'static,
) -> Box<dyn Gather> {
    let builder = ListBuilder::new(elements_of_lists).with_field(element_field(scalar));
    of(builder, move |builder, text, cell| {
        elements(text, cell.at()).for_each(|element| append(builder.values(), text, element));
        builder.append(true);
    })
}

fn of<B, F>(builder: B, append: F) -> Box<dyn Gather>
where
    B: ArrayBuilder,
    F: Fn(&mut B, &str, Cell) + 'static,
{
    Box::new(Gathering { builder, append })
}

/// Values in a builder, and how to append that of a cell of a text.
struct Gathering<B, F> {
    builder: B,
    append: F,
}

impl<B: ArrayBuilder, F: Fn(&mut B, &str, Cell)> Gather for Gathering<B, F> {
    fn gather(&mut self, text: &str, cells: &[Cell], classes: ClassSet) {
        for cell in cells.iter().filter(|cell| classes.contains(cell.class())) {
            (self.append)(&mut self.builder, text, *cell);
        }
    }

    fn finish(&mut self) -> ArrayRef {
        self.builder.finish()
    }
}

/// The integer that a value counts as, converted if it is not written as one.
pub(crate) fn integer(text: &str) -> Option<i64> {
    bigint(text).or_else(|| {
        let lexeme = unquote(text);
        bigint(&lexeme).or_else(|| whole_number(&lexeme))
    })
}

/// The double that a value counts as, be it written as a number or as the text of one.
fn number(text: &str) -> Option<f64> {
    double(text).or_else(|| double(&unquote(text)))
}

/// An element that is not null.
fn present(text: &str, at: usize) -> Option<usize> {
    (!is_json_null(text, at)).then_some(at)
}

fn micros(text: &str, at: usize) -> Option<i64> {
    timestamp(value_text(text, at)).map(UtcInstant::micros)
}

#[cfg(test)]
mod tests {
    use alluvium_model::ValueClass;
    use arrow::util::display::array_value_to_string;

    use super::*;

    fn check(kind: Kind, rows: Range<u32>, values: &[(u32, &str)], expected: &str) {
        let (mut text, mut cells) = (String::new(), Cells::default());
        for (row, value) in values {
            let at = u32::try_from(text.len()).unwrap();
            cells.push(Cell::new(*row, ValueClass::Json, at));
            text.push_str(value);
            text.push(',');
        }
        let classes = ClassSet::of(&[ValueClass::Json]);
        let column = ColumnCells { text: &text, cells: &cells, classes };
        let mut gathered = gathering(kind);
        column.gather(rows.clone(), &mut *gathered);
        let array = column.spread(&rows, gathered.finish()).unwrap();
        assert_eq!(array.data_type(), &data_type(kind));
        let shown = (0..array.len()).map(|row| array_value_to_string(&array, row).unwrap());
        assert_eq!(shown.collect::<Vec<_>>().join("|"), expected);
    }

    #[test]
    fn rows_without_a_value_are_null() {
        let bigint = Kind::Scalar(Scalar::Bigint);
        check(bigint, 0..5, &[(1, "7"), (3, "-8")], "|7||-8|");
        check(bigint, 1..4, &[(0, "1"), (1, "7"), (2, "0"), (3, "-8"), (4, "2")], "7|0|-8");
        check(bigint, 2..4, &[(1, "7"), (4, "-8")], "|");
        let string = Kind::Scalar(Scalar::String);
        check(string, 0..3, &[(0, r#""a\nb""#), (2, r#""""#)], "a\nb||");
        let strings = Kind::Array(Scalar::String);
        check(strings, 0..4, &[(1, r#"["x",null]"#), (3, r#"["y"]"#)], "|[x, ]||[y]");
        check(strings, 0..1, &[], "");
    }

    #[test]
    fn a_long_list_among_many_rows_takes_no_more_than_its_elements() {
        let list = format!("[{}1]", "1,".repeat(99_999));
        let rows = 0..4_000_000;
        let mut cells = Cells::default();
        cells.push(Cell::new(2_000_000, ValueClass::BigintArray, 0));
        let classes = ClassSet::of(&[ValueClass::BigintArray]);
        let column = ColumnCells { text: &list, cells: &cells, classes };
        let mut gathered = gathering(Kind::Array(Scalar::Bigint));
        column.gather(rows.clone(), &mut *gathered);
        // As much for each row would be three terabytes.
        let array = column.spread(&rows, gathered.finish()).unwrap();
        assert_eq!((array.len(), array.null_count()), (4_000_000, 3_999_999));
        assert_eq!(array.as_list::<i32>().values().len(), 100_000);
    }
}
