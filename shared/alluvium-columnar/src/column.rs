//! The arrays of one column, built from the cells of its path.

use std::{ops::Range, sync::Arc};

use alluvium_model::{ClassSet, Kind, Scalar};
use arrow::{
    array::{
        ArrayBuilder, ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, ListBuilder,
        StringBuilder, TimestampMicrosecondBuilder,
    },
    datatypes::{DataType, Field, TimeUnit},
};

use crate::{
    cell::Cells,
    scalar::{bigint, double, is_json_null, timestamp},
    text::{byte, elements, unquote, value_text},
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
        let cells = self.cells.since_row(rows.start).take_while(|cell| cell.row() < rows.end);
        cells.into_iter().any(|cell| self.classes.contains(cell.class()))
    }

    /// The column of `kind` over `rows`, NULL where no cell is.
    pub(crate) fn array(&self, kind: Kind, rows: Range<u32>) -> ArrayRef {
        match kind {
            Kind::Scalar(scalar) => self.scalars(scalar, rows),
            Kind::Array(scalar) => self.lists(scalar, rows),
            Kind::Json => {
                let mut builder = StringBuilder::new();
                self.fill(rows, &mut builder, |builder, at| {
                    builder.append_value(value_text(self.text, at));
                });
                Arc::new(builder.finish())
            }
        }
    }

    fn scalars(&self, scalar: Scalar, rows: Range<u32>) -> ArrayRef {
        let text = self.text;
        match scalar {
            Scalar::Boolean => {
                let mut builder = BooleanBuilder::new();
                self.fill(rows, &mut builder, |b, at| {
                    b.append_value(byte(text, at) == b't' || value_text(text, at) == "\"true\"");
                });
                Arc::new(builder.finish())
            }
            Scalar::Bigint => {
                let mut builder = Int64Builder::new();
                self.fill(rows, &mut builder, |b, at| {
                    b.append_option(integer(value_text(text, at)));
                });
                Arc::new(builder.finish())
            }
            Scalar::Double => {
                let mut builder = Float64Builder::new();
                self.fill(rows, &mut builder, |b, at| {
                    b.append_option(number(value_text(text, at)));
                });
                Arc::new(builder.finish())
            }
            Scalar::Timestamp => {
                let mut builder =
                    TimestampMicrosecondBuilder::new().with_data_type(timestamp_type());
                self.fill(rows, &mut builder, |b, at| b.append_option(micros(text, at)));
                Arc::new(builder.finish())
            }
            Scalar::String => {
                let mut builder = StringBuilder::new();
                self.fill(rows, &mut builder, |b, at| {
                    b.append_value(unquote(value_text(text, at)));
                });
                Arc::new(builder.finish())
            }
        }
    }

    fn lists(&self, scalar: Scalar, rows: Range<u32>) -> ArrayRef {
        let text = self.text;
        match scalar {
            Scalar::Boolean => self.list(scalar, rows, BooleanBuilder::new(), |b, at| {
                b.append_option(present(text, at).map(|at| byte(text, at) == b't'));
            }),
            Scalar::Bigint => self.list(scalar, rows, Int64Builder::new(), |b, at| {
                b.append_option(present(text, at).and_then(|at| bigint(value_text(text, at))));
            }),
            Scalar::Double => self.list(scalar, rows, Float64Builder::new(), |b, at| {
                b.append_option(present(text, at).and_then(|at| double(value_text(text, at))));
            }),
            Scalar::Timestamp => {
                let builder = TimestampMicrosecondBuilder::new().with_data_type(timestamp_type());
                self.list(scalar, rows, builder, |b, at| {
                    b.append_option(present(text, at).and_then(|at| micros(text, at)));
                })
            }
            Scalar::String => self.list(scalar, rows, StringBuilder::new(), |b, at| {
                b.append_option(present(text, at).map(|at| unquote(value_text(text, at))));
            }),
        }
    }

    fn list<B: ArrayBuilder>(
        &self,
        scalar: Scalar,
        rows: Range<u32>,
        values: B,
        append: impl Fn(&mut B, usize),
    ) -> ArrayRef {
        let mut builder = ListBuilder::new(values).with_field(element_field(scalar));
        self.fill(rows, &mut builder, |builder, at| {
            elements(self.text, at).for_each(|element| append(builder.values(), element));
            builder.append(true);
        });
        Arc::new(builder.finish())
    }

    /// Goes through `rows`: a cell of ours is given to `append`, any other row is NULL.
    fn fill<B: AppendNulls>(
        &self,
        rows: Range<u32>,
        builder: &mut B,
        append: impl Fn(&mut B, usize),
    ) {
        let mut next = rows.start;
        for cell in self.cells.since_row(rows.start).take_while(|cell| cell.row() < rows.end) {
            if self.classes.contains(cell.class()) {
                builder.append_nulls((cell.row() - next) as usize);
                append(builder, cell.at());
                next = cell.row() + 1;
            }
        }
        builder.append_nulls((rows.end - next) as usize);
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
    timestamp(value_text(text, at)).map(alluvium_model::UtcInstant::micros)
}

/// Builders that can append many NULLs at once.
trait AppendNulls {
    fn append_nulls(&mut self, count: usize);
}

macro_rules! append_nulls {
    ($($builder:ty),*) => {
        $(impl AppendNulls for $builder {
            fn append_nulls(&mut self, count: usize) {
                <$builder>::append_nulls(self, count);
            }
        })*
    };
}

append_nulls!(
    BooleanBuilder,
    Int64Builder,
    Float64Builder,
    TimestampMicrosecondBuilder,
    StringBuilder
);

impl<B: ArrayBuilder> AppendNulls for ListBuilder<B> {
    fn append_nulls(&mut self, count: usize) {
        (0..count).for_each(|_| self.append_null());
    }
}
