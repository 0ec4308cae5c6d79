//! What files hold, as far as their footers tell.

use parquet::file::reader::ChunkReader;

use super::{
    MergeInput,
    error::MergeError,
    order::{Moment, first_moment},
    table::{ColumnId, Table},
};

/// What files hold.
pub(super) struct Survey {
    /// Every row group with rows.
    pub(super) groups: Vec<RowGroup>,
    /// Rows of all files.
    pub(super) rows: u64,
    /// The columns that may have a value, in the order of the table, and those that every file has.
    pub(super) columns: Vec<ColumnId>,
}

/// A row group of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowGroup {
    /// A place before which none of its rows stands.
    pub(super) first: Moment,
    /// The number of the file.
    pub(super) input: usize,
    /// Its number in the file.
    pub(super) index: usize,
    /// Rows of the file before it.
    pub(super) first_row: u64,
    pub(super) rows: u64,
}

impl Survey {
    /// Reads every footer.
    pub(super) fn new<R: ChunkReader>(
        inputs: &[MergeInput<R>],
        table: &Table<'_>,
    ) -> Result<Self, MergeError> {
        let mut survey = Self { groups: Vec::new(), rows: 0, columns: Vec::new() };
        let mut has_values: Vec<_> = table.columns.iter().map(|c| c.is_everywhere).collect();
        for (number, input) in inputs.iter().enumerate() {
            let open = input.open(table)?;
            let mut first_row = 0;
            for (index, group) in open.row_groups().iter().enumerate() {
                let rows = u64::try_from(group.num_rows()).unwrap_or_default();
                if rows > 0 {
                    let first = first_moment(open.metadata(), group, &open.columns, table);
                    let group = RowGroup { first, input: number, index, first_row, rows };
                    survey.groups.push(group);
                }
                first_row += rows;
            }
            survey.rows += first_row;
            for id in &open.columns {
                if let Some(has_values) = has_values.get_mut(*id as usize) {
                    *has_values = true;
                }
            }
        }
        for heal in &table.heals {
            let heals = has_values.get(heal.integers as usize).is_some_and(|has| *has);
            if let Some(has_values) = has_values.get_mut(heal.doubles as usize) {
                *has_values |= heals;
            }
        }
        let columns = (0..).zip(has_values).filter(|(_, has_values)| *has_values);
        survey.columns = columns.map(|(id, _)| id).collect();
        Ok(survey)
    }
}
