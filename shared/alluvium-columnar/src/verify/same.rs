//! Whether a stored value tells what a value of the source was.
//!
//! A `double` tells the nearest double, a `string` the text of a scalar but not its kind, a
//! `timestamp` the instant but not its notation; everything else tells the value itself.

use std::sync::Arc;

use alluvium_model::{Kind, Scalar, UtcInstant};
use arrow::{
    array::{Array, ArrayRef, AsArray as _},
    compute::cast,
    datatypes::{DataType, Field, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType},
    util::display::{ArrayFormatter, FormatOptions},
};
use jiff::{SignedDuration, fmt::temporal::Pieces};
use serde_json::value::RawValue;

use super::stored::StoredRow;

/// Whether the value of a column in a row tells the JSON value with this text.
pub(super) fn tells(row: &StoredRow<'_>, column: usize, text: &str) -> bool {
    let Some((column, array)) = row.value(column) else { return false };
    match column.kind {
        Kind::Json => {
            text.starts_with(['{', '['])
                && array.as_string_opt::<i32>().is_some_and(|a| a.value(row.index) == text)
        }
        Kind::Scalar(scalar) => scalar_tells(scalar, array, row.index, text),
        Kind::Array(scalar) => {
            let Ok(expected) = serde_json::from_str::<Vec<&RawValue>>(text) else { return false };
            let Some(list) = array.as_list_opt::<i32>() else { return false };
            let elements = list.value(row.index);
            let same = |(index, expected): (usize, &&RawValue)| match expected.get() {
                "null" => elements.is_null(index),
                text => elements.is_valid(index) && scalar_tells(scalar, &elements, index, text),
            };
            elements.len() == expected.len() && expected.iter().enumerate().all(same)
        }
    }
}

/// What a value with this text is written like once a declared kind has taken it: the text of a
/// number or of a boolean as what it says, a whole number without a point or an exponent.
pub(super) fn converted(kind: Kind, text: &str) -> String {
    let said = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    match kind {
        Kind::Scalar(Scalar::Bigint) if said.contains(['.', 'e', 'E']) => {
            // No double is taken for an integer that has rounded anything.
            let whole = said.parse::<f64>().map(|double| format!("{double:.0}"));
            whole.unwrap_or_else(|_| said.to_owned())
        }
        Kind::Scalar(Scalar::Boolean | Scalar::Bigint | Scalar::Double) => said.to_owned(),
        Kind::Scalar(Scalar::Timestamp | Scalar::String) | Kind::Array(_) | Kind::Json => {
            text.to_owned()
        }
    }
}

fn scalar_tells(scalar: Scalar, array: &ArrayRef, index: usize, text: &str) -> bool {
    if text.starts_with(['{', '[']) {
        return false;
    }
    match scalar {
        Scalar::Boolean => {
            array.as_boolean_opt().is_some_and(|a| a.value(index).to_string() == text)
        }
        Scalar::Bigint => array
            .as_primitive_opt::<Int64Type>()
            .is_some_and(|a| text.parse() == Ok(a.value(index))),
        Scalar::Double => array.as_primitive_opt::<Float64Type>().is_some_and(|a| {
            // An integer has no negative zero.
            let expected = if text == "-0" { Ok(0.0) } else { text.parse::<f64>() };
            expected.is_ok_and(|expected| expected.to_bits() == a.value(index).to_bits())
        }),
        Scalar::Timestamp => array
            .as_primitive_opt::<TimestampMicrosecondType>()
            .is_some_and(|a| instant(text).is_some_and(|i| i.micros() == a.value(index))),
        Scalar::String => array.as_string_opt::<i32>().is_some_and(|a| {
            let held = a.value(index);
            if text.starts_with('"') {
                serde_json::from_str::<String>(text).is_ok_and(|text| text == held)
            } else {
                text == held
            }
        }),
    }
}

/// The instant of a date-time with an offset, in quotes.
fn instant(quoted: &str) -> Option<UtcInstant> {
    let text = serde_json::from_str::<String>(quoted).ok()?;
    let pieces = Pieces::parse(&text).ok()?;
    let ahead = pieces.to_numeric_offset()?.seconds();
    let civil = pieces.date().to_datetime(pieces.time()?);
    UtcInstant::from_utc(civil)?.plus(SignedDuration::from_secs(-i64::from(ahead)))
}

/// A column with its value in a row, for people.
pub(super) fn shown(row: &StoredRow<'_>, column: usize) -> String {
    let Some((column, array)) = row.value(column) else { return String::new() };
    let array = with_offset(column.kind, array);
    let options = FormatOptions::default().with_display_error(true);
    let value = ArrayFormatter::try_new(&array, &options)
        .map(|formatter| formatter.value(row.index).to_string());
    format!("{} {}", column.name, value.unwrap_or_default())
}

/// The same instants with a numeric offset: the formatter knows no names of time zones.
fn with_offset(kind: Kind, array: &ArrayRef) -> ArrayRef {
    let instants = DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()));
    let shown = match kind {
        Kind::Scalar(Scalar::Timestamp) => instants,
        Kind::Array(Scalar::Timestamp) => {
            DataType::List(Arc::new(Field::new("element", instants, true)))
        }
        Kind::Scalar(_) | Kind::Array(_) | Kind::Json => return Arc::clone(array),
    };
    cast(array, &shown).unwrap_or_else(|_| Arc::clone(array))
}
