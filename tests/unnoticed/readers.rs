//! Who reads: a reader asks the catalog where the partitions are, lists them later, and reads the
//! files later still.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use alluvium_model::{
    PartitionEntry,
    layout::ObjectKey,
    ports::{ListObjects as _, ReadObjects as _, ReadPartitions as _},
};
use alluvium_tests::late::at_once;
use arrow::array::AsArray as _;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tokio::task::yield_now;

use crate::scene::{Scene, table};

const PAUSE: Duration = Duration::from_secs(4);

/// Reads the table for ever, and says what is wrong.
pub(crate) async fn read(scene: &Scene) {
    loop {
        scene.sleep(PAUSE).await;
        match read_once(scene).await {
            Ok(()) => scene.count(|outcome| outcome.reads += 1),
            Err(noticed) => scene.notice(noticed),
        }
    }
}

async fn read_once(scene: &Scene) -> Result<(), String> {
    // What is committed from here on may be missing.
    let committed = scene.committed.borrow().clone();
    let begun = scene.clock.now();
    let partitions = scene.lake.catalog.partitions(&table()).await.unwrap();
    let mut rows = BTreeMap::new();
    for PartitionEntry { location, .. } in partitions {
        yield_now().await;
        let files = scene.lake.objects.list_objects(&location).await.unwrap();
        for file in files {
            yield_now().await;
            let found = scene.lake.objects.object(&file.key).await.unwrap();
            let found = found.ok_or_else(|| {
                format!("{} vanished under a reader who asked the catalog at {begun}", file.key)
            })?;
            add(&file.key, &found.value, &mut rows)?;
        }
    }
    judge(&committed, &rows)
}

/// Every committed row is there, and no row is there twice.
fn judge(committed: &BTreeSet<String>, rows: &BTreeMap<String, ObjectKey>) -> Result<(), String> {
    match committed.iter().find(|row| !rows.contains_key(*row)) {
        None => Ok(()),
        Some(missing) => Err(format!("row {missing} is missing")),
    }
}

fn add(
    key: &ObjectKey,
    file: &Bytes,
    rows: &mut BTreeMap<String, ObjectKey>,
) -> Result<(), String> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap();
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        let names = batch.column_by_name("name").unwrap();
        for name in names.as_string::<i32>().iter().flatten() {
            if let Some(other) = rows.insert(name.to_owned(), key.clone()) {
                return Err(format!("row {name} is in {other} and in {key}"));
            }
        }
    }
    Ok(())
}

/// When everybody has gone: what is committed is there, once.
pub(crate) fn all_is_there(scene: &Scene) -> Result<(), String> {
    let mut rows = BTreeMap::new();
    for (_, PartitionEntry { location, .. }) in scene.lake.catalog.all_partitions() {
        for file in at_once(scene.lake.objects.list_objects(&location)).unwrap() {
            let found = at_once(scene.lake.objects.object(&file.key)).unwrap().unwrap();
            add(&file.key, &found.value, &mut rows)?;
        }
    }
    judge(&scene.committed.borrow(), &rows)
}
