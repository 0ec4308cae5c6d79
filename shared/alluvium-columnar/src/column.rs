//! The arrays of one column, built from the cells of its path.

use std::{ops::Range, sync::Arc};

use alluvium_model::{ClassSet, Kind, Scalar, UtcInstant};
use arrow::{
    array::{
        ArrayBuilder, ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, ListBuilder,
        StringBuilder, TimestampMicrosecondBuilder, UInt32Builder,
    },
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
