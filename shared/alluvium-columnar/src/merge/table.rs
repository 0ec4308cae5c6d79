//! The columns that files of a table have, those that decide on the order of rows, and those that
//! are filled.

use std::{collections::HashMap, sync::Arc};

use alluvium_model::{
    DataColumn, EventTime, Kind, QuarantineColumn, Scalar, SystemColumn, TableRules, TableSchema,
};
use arrow::datatypes::{DataType, Field, FieldRef};

use crate::{
    encode::{data_field, dictionary_type, system_field},
    quarantine,
};

/// The table that files belong to.
#[derive(Clone, Copy, Debug)]
pub enum MergeTable<'a> {
    /// A table of rows.
    Rows {
        /// Its schema of today.
        schema: &'a TableSchema,
        /// Its rules, which say when its records happened.
        rules: &'a TableRules,
    },
    /// The table of bad records.
    Quarantine,
}

/// The number of a column in its table.
pub(super) type ColumnId = u32;

/// A column of a table.
pub(super) struct TableColumn<'a> {
    /// How it stands in files.
    pub(super) field: FieldRef,
    /// What it is, if it carries values of a path.
    pub(super) data: Option<&'a DataColumn>,
    /// Whether every file has it.
    pub(super) is_everywhere: bool,
}

/// A table as far as merging must know it.
pub(super) struct Table<'a> {
    pub(super) columns: Vec<TableColumn<'a>>,
    by_name: HashMap<String, ColumnId>,
    pub(super) order: OrderColumns<'a>,
    pub(super) heals: Vec<Heal>,
    /// Whether footers tell where columns come from.
    pub(super) has_footers: bool,
}

/// What rows are ordered by, in this order.
pub(super) struct OrderColumns<'a> {
    /// When a record says that it happened, and the columns that may say so.
    pub(super) event: Option<(&'a EventTime, Vec<ColumnId>)>,
    pub(super) arrived_at: ColumnId,
    pub(super) source: ColumnId,
    pub(super) record: ColumnId,
}

/// A `double` that is complete beside its `bigint`.
#[derive(Clone, Copy)]
pub(super) struct Heal {
    pub(super) integers: ColumnId,
    pub(super) doubles: ColumnId,
}

impl TableColumn<'_> {
    /// The type that files say; a dictionary is only a way to hold it.
    pub(super) fn stored_type(&self) -> &DataType {
        let held = self.field.data_type();
        if let DataType::Dictionary(_, values) = held { values } else { held }
    }
}

impl<'a> Table<'a> {
    pub(super) fn new(table: &MergeTable<'a>) -> Self {
        match table {
            MergeTable::Rows { schema, rules } => Self::of_rows(schema, rules),
            MergeTable::Quarantine => Self::quarantine(),
        }
    }

    fn of_rows(schema: &'a TableSchema, rules: &'a TableRules) -> Self {
        let system = SystemColumn::ALL.map(|column| TableColumn {
            field: Arc::new(system_field(column)),
            data: None,
            is_everywhere: column != SystemColumn::Rescued,
        });
        let data = schema.columns().iter().map(|column| TableColumn {
            field: Arc::new(data_field(column)),
            data: Some(column),
            is_everywhere: false,
        });
        let columns: Vec<_> = system.into_iter().chain(data).collect();
        let by_name = by_name(&columns);
        let id = |name: &str| by_name.get(name).copied();
        let event = rules.event_time.as_ref().map(|time| {
            let base = schema.base(&time.path).into_iter();
            let carriers = base.chain(schema.siblings(&time.path)).filter(|c| says_times(c.kind));
            (time, carriers.filter_map(|column| id(column.name.as_str())).collect())
        });
        let heals = schema.columns().iter().filter_map(|double| {
            let is_double = double.kind == Kind::Scalar(Scalar::Double);
            let base = schema.base(&double.path).filter(|_| is_double && !schema.is_base(double));
            let base = base.filter(|base| base.kind == Kind::Scalar(Scalar::Bigint))?;
            Some(Heal { integers: id(base.name.as_str())?, doubles: id(double.name.as_str())? })
        });
        let heals = heals.collect();
        let of = |column: SystemColumn| id(column.name()).unwrap_or_default();
        let order = OrderColumns {
            event,
            arrived_at: of(SystemColumn::ArrivedAt),
            source: of(SystemColumn::Source),
            record: of(SystemColumn::Record),
        };
        Self { columns, by_name, order, heals, has_footers: true }
    }

    fn quarantine() -> Self {
        let columns = QuarantineColumn::ALL.map(|column| {
            let field = quarantine::field(column);
            // Many rows share a source.
            let is_source = column == QuarantineColumn::Source;
            let field = if is_source { field.with_data_type(dictionary_type()) } else { field };
            TableColumn { field: Arc::new(field), data: None, is_everywhere: true }
        });
        let columns = Vec::from(columns);
        let by_name = by_name(&columns);
        let of = |column: QuarantineColumn| by_name.get(column.name()).copied().unwrap_or_default();
        let order = OrderColumns {
            event: None,
            arrived_at: of(QuarantineColumn::ArrivedAt),
            source: of(QuarantineColumn::Source),
            record: of(QuarantineColumn::Record),
        };
        Self { columns, by_name, order, heals: Vec::new(), has_footers: false }
    }

    /// The column of this name.
    pub(super) fn id(&self, name: &str) -> Option<ColumnId> {
        self.by_name.get(name).copied()
    }

    pub(super) fn column(&self, id: ColumnId) -> Option<&TableColumn<'a>> {
        self.columns.get(id as usize)
    }

    /// How a column stands in files.
    pub(super) fn field(&self, id: ColumnId) -> Option<&Field> {
        self.column(id).map(|column| column.field.as_ref())
    }

    /// Every column with its number.
    pub(super) fn ids(&self) -> impl Iterator<Item = (ColumnId, &TableColumn<'a>)> {
        (0..).zip(&self.columns)
    }
}

fn by_name(columns: &[TableColumn<'_>]) -> HashMap<String, ColumnId> {
    (0..).zip(columns).map(|(id, column)| (column.field.name().clone(), id)).collect()
}

/// Whether a column of this kind may say when something happened.
fn says_times(kind: Kind) -> bool {
    match kind {
        Kind::Scalar(Scalar::Bigint | Scalar::Double | Scalar::Timestamp | Scalar::String) => true,
        Kind::Scalar(Scalar::Boolean) | Kind::Array(_) | Kind::Json => false,
    }
}
