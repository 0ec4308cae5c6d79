//! The arrays of one column, built from the cells of its path.

use std::{fmt::Write as _, io::Write as _, ops::Range, sync::Arc};

use alluvium_model::{ClassSet, Kind, Scalar, UtcInstant};
use arrow::{
    array::{
        Array as _, ArrayBuilder, ArrayRef, AsArray as _, BinaryArray, BinaryBuilder,
        BooleanBufferBuilder, BooleanBuilder, Float64Builder, Int64Builder, ListArray, ListBuilder,
        StringBuilder, TimestampMicrosecondBuilder, UInt32Array, new_null_array,
    },
    buffer::{NullBuffer, OffsetBuffer},
    compute::take,
    datatypes::{DataType, Field, TimeUnit},
    error::ArrowError,
};

use crate::{
    ColumnarError,
    cell::{Cell, Cells, CellsFrom},
    parquet_file::Sink,
    scalar::{bigint, double, is_json_null, timestamp},
    text::{byte, content_at, elements, unquote, value_text},
    typing::whole_number,
};

/// Values of a column that are looked at to estimate how much work all of them are.
const WEIGHED_VALUES: usize = 16;
/// Work of a value that does not depend on its length, in bytes.
const VALUE_WEIGHT: usize = 16;
/// Consecutive rows without a value that are worth an array of their own, which the writer counts
/// instead of looking at each.
const ABSENT_APART: u32 = 512;
/// Rows of an array at most that all have a value, or none: only behind it does the writer look
/// whether a page has rows enough.
const ALIKE_AT_ONCE: usize = 4_096;

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
    /// Whether all cells are of these classes.
    pub(crate) takes_all: bool,
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

    /// How many values these rows have, and some of them, evenly taken: `most` at most.
    pub(crate) fn sample(&self, rows: &Range<u32>, most: usize) -> (usize, Vec<Cell>) {
        let step = |count: usize| count.div_ceil(most).max(1);
        if self.takes_all {
            let count = self.cells.count(rows);
            return (count, self.cells.every(step(count), rows).collect());
        }
        let count = self.within(rows).count();
        (count, self.within(rows).step_by(step(count)).collect())
    }

    /// About how much work these rows are: bytes of their values, estimated from a few, and what
    /// each value takes besides.
    pub(crate) fn weight(&self, rows: &Range<u32>) -> usize {
        let (values, few) = self.sample(rows, WEIGHED_VALUES);
        let bytes: usize = few.iter().map(|cell| cell.value(self.text).len() + VALUE_WEIGHT).sum();
        values * bytes / few.len().max(1)
    }

    /// Gathers the values of all rows from this one on.
    pub(crate) fn gathering(&self, kind: Kind, row: u32) -> Gathered<'_> {
        let Self { text, cells, classes, .. } = self;
        Gathered { text, cells: cells.from(row), classes: *classes, values: gathering(kind) }
    }

    /// Puts the column over `rows`, of which these are all `values`, into `sink`, stretch by stretch;
    /// NULL where no cell is. Text is there as its bytes, but for elements of lists.
    pub(crate) fn spread(
        &self,
        rows: &Range<u32>,
        values: ArrayRef,
        sink: Sink<'_>,
    ) -> Result<(), ColumnarError> {
        if values.len() == rows.len() {
            return sink(values);
        }
        let mut stretches = Stretches { absent: None, places: Vec::new(), given: 0, values, sink };
        // Where the stretch at hand begins, and where what it has of values so far ends.
        let (mut begin, mut end) = (rows.start, rows.start);
        for cell in self.within(rows) {
            let row = cell.row();
            if row - end >= ABSENT_APART {
                stretches.give_values(end - begin)?;
                stretches.give_nulls(row - end)?;
                begin = row;
            }
            stretches.places.push(row - begin);
            end = row + 1;
        }
        if rows.end - end >= ABSENT_APART {
            stretches.give_values(end - begin)?;
            stretches.give_nulls(rows.end - end)
        } else {
            stretches.give_values(rows.end - begin)
        }
    }
}

/// A column whose values are brought to their rows, stretch by stretch.
struct Stretches<'a> {
    values: ArrayRef,
    /// How many of them were given to the sink.
    given: usize,
    /// The rows of the next values, counted from the first of their stretch.
    places: Vec<u32>,
    /// Rows that have none, once they are asked for.
    absent: Option<ArrayRef>,
    sink: Sink<'a>,
}

impl Stretches<'_> {
    /// Gives so many rows to the sink, of which none has a value.
    fn give_nulls(&mut self, rows: u32) -> Result<(), ColumnarError> {
        let new = || new_null_array(self.values.data_type(), ALIKE_AT_ONCE);
        let absent = self.absent.get_or_insert_with(new);
        for range in at_most(ALIKE_AT_ONCE, rows as usize) {
            (self.sink)(absent.slice(0, range.len()))?;
        }
        Ok(())
    }

    /// Gives so many rows to the sink, of which those in `places` have a value.
    fn give_values(&mut self, rows: u32) -> Result<(), ColumnarError> {
        let rows = rows as usize;
        let values = self.values.slice(self.given, self.places.len());
        self.given += self.places.len();
        if rows == values.len() {
            for range in at_most(ALIKE_AT_ONCE, rows) {
                (self.sink)(values.slice(range.start, range.len()))?;
            }
        } else {
            (self.sink)(spread(rows, &values, &self.places)?)?;
        }
        self.places.clear();
        Ok(())
    }
}

/// So many rows cut into ranges of no more than `most`.
fn at_most(most: usize, rows: usize) -> impl Iterator<Item = Range<usize>> {
    (0..rows).step_by(most).map(move |begin| begin..rows.min(begin + most))
}

/// So many rows, of which those at `places` have these values.
fn spread(rows: usize, values: &ArrayRef, places: &[u32]) -> Result<ArrayRef, ArrowError> {
    if let Some(lists) = values.as_list_opt::<i32>() {
        let DataType::List(field) = lists.data_type() else { return Ok(Arc::clone(values)) };
        let (offsets, nulls) = spread_offsets(rows, lists.offsets(), places);
        let elements = Arc::clone(lists.values());
        return Ok(Arc::new(ListArray::try_new(Arc::clone(field), offsets, elements, nulls)?));
    }
    if let Some(texts) = values.as_binary_opt::<i32>() {
        let (offsets, nulls) = spread_offsets(rows, texts.offsets(), places);
        return Ok(Arc::new(BinaryArray::try_new(offsets, texts.values().clone(), nulls)?));
    }
    let mut indices = vec![0; rows];
    for (index, place) in (0..).zip(places) {
        if let Some(slot) = indices.get_mut(*place as usize) {
            *slot = index;
        }
    }
    take(values, &UInt32Array::new(indices.into(), Some(validity(rows, places))), None)
}

/// Where the values of all rows are that have as many elements or bytes as `offsets` say, which
/// stay where they are, and which rows have one. `take` would copy them, and reserve as many
/// elements for each row as the lists that there are have on average: one may be long.
fn spread_offsets(
    rows: usize,
    offsets: &[i32],
    places: &[u32],
) -> (OffsetBuffer<i32>, Option<NullBuffer>) {
    let mut spread = Vec::with_capacity(rows + 1);
    for (place, offset) in places.iter().zip(offsets) {
        spread.resize(*place as usize, *offset);
        spread.push(*offset);
    }
    spread.resize(rows + 1, offsets.last().copied().unwrap_or_default());
    (OffsetBuffer::new(spread.into()), Some(validity(rows, places)))
}

/// So many rows, NULL but for these.
fn validity(rows: usize, present: &[u32]) -> NullBuffer {
    let mut bits = BooleanBufferBuilder::new(rows);
    bits.append_n(rows, false);
    for place in present {
        bits.set_bit(*place as usize, true);
    }
    NullBuffer::new(bits.finish())
}

/// The values of a column up to some row.
pub(crate) struct Gathered<'a> {
    text: &'a str,
    cells: CellsFrom<'a>,
    classes: ClassSet,
    values: Box<dyn Gather>,
}

impl Gathered<'_> {
    /// Appends the values of the rows up to this one.
    pub(crate) fn go_on_to(&mut self, row: u32) {
        for cells in self.cells.to(row) {
            self.values.gather(self.text, cells, self.classes);
        }
    }

    /// The values, without the rows that have none.
    pub(crate) fn finish(mut self) -> ArrayRef {
        self.values.finish()
    }
}

/// Gathers the values of a column, without the rows that have none.
trait Gather {
    /// Appends the values of those cells that are of these classes.
    fn gather(&mut self, text: &str, cells: &[Cell], classes: ClassSet);

    /// The values that were gathered.
    fn finish(&mut self) -> ArrayRef;
}

/// What gathers the values of a column of `kind`. Text is gathered as bytes, but for elements of lists:
/// whoever makes an array of it, as [`ColumnCells::spread`] does, would have to look once more whether
/// it is UTF-8.
fn gathering(kind: Kind) -> Box<dyn Gather> {
    match kind {
        Kind::Scalar(scalar) => scalars(scalar),
        Kind::Array(scalar) => lists(scalar),
        Kind::Json => of(BinaryBuilder::new(), |b, text, cell| b.append_value(cell.value(text))),
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
        Scalar::String => of(BinaryBuilder::new(), |b, text, cell| {
            cell.content(text, |piece| append_bytes(b, piece));
            b.append_value("");
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
            let Some(at) = present(text, at) else { return b.append_null() };
            content_at(text, at, |piece| append_piece(b, piece));
            b.append_value("");
        }),
    }
}

/// Appends to the string that the next `append_value` ends.
fn append_piece(strings: &mut StringBuilder, piece: &str) {
    // This never fails: there is room for as much as memory has.
    let Ok(()) = strings.write_str(piece) else { return };
}

/// The same for the bytes of text.
fn append_bytes(texts: &mut BinaryBuilder, piece: &str) {
    let Ok(()) = texts.write_all(piece.as_bytes()) else { return };
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
    use arrow::{
        compute::{cast, concat},
        util::display::array_value_to_string,
    };

    use super::*;

    /// The arrays that a column over these rows is written as.
    fn written(column: &ColumnCells<'_>, kind: Kind, rows: Range<u32>) -> Vec<ArrayRef> {
        let mut gathered = column.gathering(kind, rows.start);
        gathered.go_on_to(rows.end);
        let mut arrays = Vec::new();
        let mut sink = |array| {
            arrays.push(array);
            Ok(())
        };
        column.spread(&rows, gathered.finish(), &mut sink).unwrap();
        arrays
    }

    fn whole(arrays: &[ArrayRef]) -> ArrayRef {
        concat(&arrays.iter().map(AsRef::as_ref).collect::<Vec<_>>()).unwrap()
    }

    fn check(kind: Kind, rows: Range<u32>, values: &[(u32, &str)], expected: &str) {
        let (mut text, mut cells) = (String::new(), Cells::default());
        for (row, value) in values {
            let at = u32::try_from(text.len()).unwrap();
            cells.push(Cell::new(*row, ValueClass::Json, at));
            text.push_str(value);
            text.push(',');
        }
        let classes = ClassSet::of(&[ValueClass::Json]);
        let column = ColumnCells { text: &text, cells: &cells, classes, takes_all: true };
        let mut array = whole(&written(&column, kind, rows));
        if array.data_type() == &DataType::Binary {
            array = cast(&array, &DataType::Utf8).unwrap();
        }
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
    fn many_rows_without_a_value_are_written_apart() {
        // The value of each row has its number.
        let kinds = [
            (Kind::Scalar(Scalar::Bigint), "#"),
            (Kind::Scalar(Scalar::Double), "#.5"),
            (Kind::Scalar(Scalar::Boolean), "true"),
            (Kind::Scalar(Scalar::Timestamp), "\"2026-11-28T00:00:00.#Z\""),
            (Kind::Scalar(Scalar::String), "\"text #\""),
            (Kind::Array(Scalar::Bigint), "[#,null,2]"),
            (Kind::Json, "{\"n\":#}"),
        ];
        let check = |rows: Range<u32>, having: &[u32], expected: &[(usize, usize)]| {
            for (kind, value) in kinds {
                let (mut text, mut cells) = (String::new(), Cells::default());
                for row in having {
                    let at = u32::try_from(text.len()).unwrap();
                    cells.push(Cell::new(*row, ValueClass::Json, at));
                    text.push_str(&value.replace('#', &row.to_string()));
                    text.push(',');
                }
                let classes = ClassSet::of(&[ValueClass::Json]);
                let text = text.as_str();
                let column = ColumnCells { text, cells: &cells, classes, takes_all: true };
                let arrays = written(&column, kind, rows.clone());
                let found = arrays.iter().map(|array| (array.len(), array.null_count()));
                assert!(found.eq(expected.iter().copied()), "{kind:?} {having:?}");
                // Values are where they are when each row is looked at.
                let alone = |row| whole(&written(&column, kind, row..row + 1));
                let array = whole(&arrays);
                assert_eq!(array.len(), rows.len());
                for (place, row) in rows.clone().enumerate() {
                    assert_eq!(array.is_valid(place), having.contains(&row));
                }
                for row in having.iter().filter(|row| rows.contains(row)) {
                    let place = (row - rows.start) as usize;
                    assert_eq!(array.slice(place, 1).as_ref(), alone(*row).as_ref(), "{row}");
                }
            }
        };
        let (apart, most) = (ABSENT_APART, u32::try_from(ALIKE_AT_ONCE).unwrap());
        let (few, many) = (apart as usize, ALIKE_AT_ONCE);
        check(0..apart, &[0], &[(few, few - 1)]);
        check(0..apart + 1, &[0], &[(1, 0), (few, few)]);
        check(0..apart, &[apart - 1], &[(few, few - 1)]);
        check(0..apart + 1, &[apart], &[(few, few), (1, 0)]);
        check(5..apart + 5, &[1, 2, apart + 4], &[(few, few - 1)]);
        check(0..2 * apart, &[7, apart + 7], &[(2 * few, 2 * few - 2)]);
        let stretches = [(7, 5), (few, few), (3, 1)];
        check(0..apart + 10, &[5, 6, apart + 7, apart + 9], &stretches);
        let long = [(1, 0), (many, many), (many, many), (9, 9), (2, 0)];
        check(3..2 * most + 15, &[3, 2 * most + 13, 2 * most + 14], &long);
        let dense: Vec<_> = (10..most + 20).collect();
        let all = [(many, 0), (10, 0), (few, few)];
        check(10..most + apart + 20, &dense, &all);
    }

    #[test]
    fn a_sample_is_of_the_values_of_its_column() {
        let mut cells = Cells::default();
        for row in 0..30_000 {
            let class = if row % 3 == 0 { ValueClass::String } else { ValueClass::Bigint };
            cells.push(Cell::new(row, class, row));
        }
        let check = |classes: &[ValueClass], takes_all, expected: (usize, usize)| {
            let classes = ClassSet::of(classes);
            let column = ColumnCells { text: "", cells: &cells, classes, takes_all };
            let (values, sample) = column.sample(&(3..30_000), 100);
            assert_eq!((values, sample.len()), expected);
            assert!(sample.iter().all(|cell| classes.contains(cell.class())));
        };
        check(&[ValueClass::String], false, (9_999, 100));
        check(&[ValueClass::Bigint], false, (19_998, 100));
        check(&[ValueClass::Bigint, ValueClass::String], true, (29_997, 100));
        check(&[ValueClass::Json], false, (0, 0));
    }

    #[test]
    fn a_long_list_among_many_rows_takes_no_more_than_its_elements() {
        let list = format!("[{}1]", "1,".repeat(99_999));
        let rows = 0..4_000_000;
        let mut cells = Cells::default();
        cells.push(Cell::new(2_000_000, ValueClass::BigintArray, 0));
        let classes = ClassSet::of(&[ValueClass::BigintArray]);
        let column = ColumnCells { text: &list, cells: &cells, classes, takes_all: true };
        // As much for each row would be three terabytes.
        let array = whole(&written(&column, Kind::Array(Scalar::Bigint), rows));
        assert_eq!((array.len(), array.null_count()), (4_000_000, 3_999_999));
        assert_eq!(array.as_list::<i32>().values().len(), 100_000);
    }
}
