//! The order of rows: when their record happened, when their source arrived, which source, which
//! record in it. Rows of which nobody knows when they happened come last.

use alluvium_model::{EventTime, UtcInstant};
use arrow::{
    array::{Array as _, ArrayRef, AsArray as _},
    datatypes::{Float64Type, Int64Type, TimestampMicrosecondType},
};
use parquet::{
    arrow::arrow_reader::{ArrowReaderMetadata, statistics::StatisticsConverter},
    file::metadata::RowGroupMetaData,
};

use super::table::{ColumnId, OrderColumns, Table};

/// When a row happened of which nobody knows: after all others.
pub(super) const NO_EVENT: i64 = i64::MAX;

/// Where a row stands as far as times tell, or before which place no row of several stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment {
    /// When its record happened, in microseconds since 1970.
    pub(super) event: i64,
    /// When its source arrived, in microseconds since 1970.
    pub(super) arrived_at: i64,
}

impl Moment {
    /// Before all rows.
    const FIRST: Self = Self { event: i64::MIN, arrived_at: i64::MIN };
}

/// When the records of a batch happened; nothing for a table that does not say.
pub(super) fn events(
    arrays: &[(ColumnId, ArrayRef)],
    rows: usize,
    order: &OrderColumns<'_>,
) -> Vec<i64> {
    let mut events = vec![NO_EVENT; rows];
    let Some((time, carriers)) = &order.event else { return events };
    let array = |id: ColumnId| arrays.iter().find(|(known, _)| *known == id).map(|(_, a)| a);
    let arrived = array(order.arrived_at)
        .and_then(|array| array.as_primitive_opt::<TimestampMicrosecondType>());
    let carriers: Vec<_> = carriers.iter().filter_map(|id| array(*id)).collect();
    for (row, event) in events.iter_mut().enumerate() {
        let carrier = carriers.iter().find(|array| array.is_valid(row));
        let arrived_at = arrived.and_then(|a| UtcInstant::from_micros(a.value(row)));
        let said = carrier.zip(arrived_at).and_then(|(array, at)| said(time, array, row, at));
        *event = said.map_or(NO_EVENT, UtcInstant::micros);
    }
    events
}

/// What a value says about when its record happened.
fn said(time: &EventTime, array: &ArrayRef, row: usize, at: UtcInstant) -> Option<UtcInstant> {
    if let Some(instants) = array.as_primitive_opt::<TimestampMicrosecondType>() {
        return time.of_instant(UtcInstant::from_micros(instants.value(row))?, at);
    }
    if let Some(integers) = array.as_primitive_opt::<Int64Type>() {
        return time.read(&integers.value(row).to_string(), at);
    }
    if let Some(doubles) = array.as_primitive_opt::<Float64Type>() {
        return time.read(&doubles.value(row).to_string(), at);
    }
    time.read(array.as_string_opt::<i32>()?.value(row), at)
}

/// A place before which no row of a row group stands, by its statistics.
pub(super) fn first_moment(
    metadata: &ArrowReaderMetadata,
    group: &RowGroupMetaData,
    columns: &[ColumnId],
    table: &Table<'_>,
) -> Moment {
    let least = |id: ColumnId| least(metadata, group, table.field(id)?.name());
    let order = &table.order;
    let carriers = order.event.iter().flat_map(|(time, ids)| ids.iter().map(move |id| (time, *id)));
    let mut present = carriers.filter(|(_, id)| columns.contains(id)).peekable();
    if present.peek().is_none() {
        // None of its rows says when it happened.
        let arrived_at = least(order.arrived_at).and_then(|value| instant(&value));
        return Moment { event: NO_EVENT, arrived_at: arrived_at.unwrap_or(i64::MIN) };
    }
    let bounds = present.map(|(time, id)| {
        let bound = least(id).and_then(|value| bound(time, &value));
        bound.unwrap_or(i64::MIN)
    });
    Moment { event: bounds.min().unwrap_or(i64::MIN), ..Moment::FIRST }
}

/// The least value of a column in a row group, as an array of one.
fn least(
    metadata: &ArrowReaderMetadata,
    group: &RowGroupMetaData,
    column: &str,
) -> Option<ArrayRef> {
    let schema = metadata.parquet_schema();
    let converter = StatisticsConverter::try_new(column, metadata.schema(), schema).ok()?;
    let mins = converter.row_group_mins([group]).ok()?;
    (mins.len() == 1 && mins.is_valid(0)).then_some(mins)
}

fn instant(value: &ArrayRef) -> Option<i64> {
    value.as_primitive_opt::<TimestampMicrosecondType>().map(|instants| instants.value(0))
}

/// What the least value of a column says about the earliest event. The order of texts is not that
/// of the times they say.
fn bound(time: &EventTime, least: &ArrayRef) -> Option<i64> {
    let read = |text: String| time.format.read(&text).map(UtcInstant::micros);
    if let Some(integers) = least.as_primitive_opt::<Int64Type>() {
        return read(integers.value(0).to_string());
    }
    if let Some(doubles) = least.as_primitive_opt::<Float64Type>() {
        return read(doubles.value(0).to_string());
    }
    instant(least)
}
