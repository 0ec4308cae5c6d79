//! People who change tables behind everybody's back.

use alluvium_model::{TableEntry, ports::ReadTables as _};
use alluvium_testkit::MemoryCatalog;
use fastrand::Rng;

use crate::Task;

/// What people do before they leave.
const EDITS: usize = 12;
/// Turns of the others between two edits, at most.
const TURNS_MAX: usize = 60;

/// Drops, retypes, strips and moves columns of whatever tables there are.
pub(crate) fn edit_now_and_then(catalog: &MemoryCatalog, mut random: Rng) -> Task<'_> {
    Box::pin(async move {
        for _ in 0..EDITS {
            for _ in 0..random.usize(..TURNS_MAX) {
                tokio::task::yield_now().await;
            }
            let tables = catalog.table_names().await.unwrap();
            if !tables.is_empty() {
                let table = &tables[random.usize(..tables.len())];
                catalog.edit_table(table, |entry| edit(entry, &mut random));
            }
        }
        Ok(())
    })
}

fn edit(entry: &mut TableEntry, random: &mut Rng) {
    let count = entry.columns.len();
    let at = random.usize(..count.max(1));
    let Some(column) = entry.columns.get_mut(at) else { return };
    match random.u32(..4) {
        0 => drop(entry.columns.remove(at)),
        1 => "int".clone_into(&mut column.glue_type),
        2 => column.parameters.clear(),
        _ => entry.columns.swap(at, random.usize(..count)),
    }
}
