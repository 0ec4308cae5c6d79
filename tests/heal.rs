//! Somebody drops or retypes columns by hand: it is noticed, named and undone.
#![expect(clippy::unwrap_used, reason = "a broken expectation must stop the test")]

use alluvium_lake::{Backoff, Ingest, Verify};
use alluvium_model::{
    ErrorKind, Limits, TableEntry, TableName, TableSource, ports::ReadTables as _,
};
use alluvium_testkit::{Fault, Unreliable};
use alluvium_tests::{Lake, drop_file, memory_source, settings};

const FIRST: &str = "{\"mag\":6,\"ok\":true}";

async fn quakes() -> Lake {
    let lake = Lake::default();
    drop_file(&lake.ingest(), "quakes/1.json", FIRST).await.unwrap();
    lake
}

fn name() -> TableName {
    "quakes".parse().unwrap()
}

/// Name and type of every column, as the catalog has them.
async fn catalog_columns(lake: &Lake) -> String {
    let table = lake.catalog.table(&name()).await.unwrap().unwrap().value;
    let column = |c: &alluvium_model::ColumnEntry| format!("{}:{}", c.name, c.glue_type);
    let own = table.columns.iter().filter(|column| !column.name.starts_with('_'));
    own.map(column).collect::<Vec<_>>().join(" ")
}

fn drop_mag(table: &mut TableEntry) {
    table.columns.retain(|column| column.name != "mag");
}

#[tokio::test]
async fn a_dropped_column_comes_back_with_the_next_file_whatever_that_holds() {
    let lake = quakes().await;
    assert!(lake.catalog.edit_table(&name(), drop_mag));
    assert_eq!(catalog_columns(&lake).await, "ok:boolean");
    // A string would make another column than the one that the first file was written with.
    let report = drop_file(&lake.ingest(), "quakes/2.json", "{\"mag\":\"n/a\"}").await.unwrap();
    assert_eq!(catalog_columns(&lake).await, "ok:boolean mag:bigint mag__string:string");
    assert_eq!((report.counts.columns_healed, report.counts.columns_added), (1, 1));
    insta::assert_snapshot!(report.healed[0], @"column mag of table quakes is gone, but has files with type bigint");
    assert_eq!(lake.rows("quakes").await, "mag=6 ok=true\nmag__string=n/a");
}

#[tokio::test]
async fn a_file_without_anything_new_heals_too() {
    let lake = quakes().await;
    let retype = |table: &mut TableEntry| {
        table.columns.iter_mut().for_each(|column| "int".clone_into(&mut column.glue_type));
    };
    assert!(lake.catalog.edit_table(&name(), retype));
    let report = drop_file(&lake.ingest(), "quakes/2.json", "{\"mag\":7}").await.unwrap();
    assert_eq!(report.counts.columns_healed, 6);
    assert_eq!(catalog_columns(&lake).await, "mag:bigint ok:boolean");
    let again = drop_file(&lake.ingest(), "quakes/3.json", "{\"mag\":8}").await.unwrap();
    assert_eq!(again.counts.columns_healed, 0);
}

#[tokio::test]
async fn a_writer_that_remembers_a_column_goes_on_writing_it() {
    let lake = quakes().await;
    let warm = lake.ingest();
    drop_file(&warm, "quakes/2.json", "{\"mag\":7}").await.unwrap();
    assert!(lake.catalog.edit_table(&name(), drop_mag));
    drop_file(&warm, "quakes/3.json", "{\"mag\":8}").await.unwrap();
    assert_eq!(catalog_columns(&lake).await, "ok:boolean", "it was not asked for the table");
    drop_file(&warm, "quakes/4.json", "{\"new\":1}").await.unwrap();
    assert_eq!(catalog_columns(&lake).await, "ok:boolean mag:bigint new:bigint");
    assert_eq!(lake.rows("quakes").await, "mag=6 ok=true\nmag=7\nmag=8\nnew=1");
}

#[tokio::test]
async fn a_verification_reads_the_table_as_it_was_and_names_what_was_done() {
    let lake = quakes().await;
    let verify = async || {
        let mut verify = Verify::new(lake.catalog.clone(), lake.objects.clone(), Limits::default());
        let source = memory_source("quakes/1.json", FIRST);
        verify.verify(&TableSource::new("quakes"), source).await.unwrap()
    };
    assert!(verify().await.is_clean());
    assert!(lake.catalog.edit_table(&name(), drop_mag));
    let report = verify().await;
    assert!(!report.is_clean() && report.found.flaws.is_empty());
    insta::assert_snapshot!(report.injuries[0], @"column mag of table quakes is gone, but has files with type bigint");
    lake.forget_sources();
    drop_file(&lake.ingest(), "quakes/1.json", FIRST).await.unwrap();
    assert!(verify().await.is_clean());
}

#[tokio::test]
async fn what_cannot_be_healed_is_named() {
    let lake = quakes().await;
    assert!(lake.catalog.edit_table(&name(), drop_mag));
    let error = async |kind| {
        let refused =
            move |_, method: &str| (method == "replace_table").then_some(Fault::Refused(kind));
        let catalog = Unreliable::new(lake.catalog.clone(), refused);
        let few =
            alluvium_lake::IngestSettings { backoff: Backoff::without_pauses(3), ..settings() };
        let ingest = Ingest::new(catalog, lake.objects.clone(), few);
        drop_file(&ingest, "quakes/2.json", "{\"mag\":7}").await.unwrap_err()
    };
    let denied = error(ErrorKind::Denied).await;
    insta::assert_snapshot!(denied, @"column mag of table quakes is gone, but has files with type bigint; that could not be healed");
    assert_eq!(denied.kind(), ErrorKind::Denied);
    assert_eq!(error(ErrorKind::Retry).await.kind(), ErrorKind::Retry);
}

#[tokio::test]
async fn the_quarantine_table_heals_as_well() {
    let lake = Lake::default();
    drop_file(&lake.ingest(), "quakes/1.json", "bad").await.unwrap();
    let quarantine = TableName::quarantine();
    let edit = |table: &mut TableEntry| table.columns.retain(|column| column.name != "reason");
    assert!(lake.catalog.edit_table(&quarantine, edit));
    let report = drop_file(&lake.ingest(), "quakes/2.json", "worse").await.unwrap();
    assert_eq!(report.counts.columns_healed, 1);
    let table = lake.catalog.table(&quarantine).await.unwrap().unwrap().value;
    assert!(table.columns.iter().any(|column| column.name == "reason"));
}

#[tokio::test]
async fn a_definition_that_was_read_before_a_column_came_takes_it_from_nobody_who_knew_it() {
    let lake = quakes().await;
    let before = lake.catalog.table(&name()).await.unwrap().unwrap().value;
    let warm = lake.ingest();
    drop_file(&warm, "quakes/2.json", "{\"depth\":7}").await.unwrap();
    // Somebody edits a comment of what was read before, and writes all of it without its version.
    assert!(lake.catalog.edit_table(&name(), |table| *table = before.clone()));
    assert_eq!(catalog_columns(&lake).await, "mag:bigint ok:boolean");
    let report = drop_file(&warm, "quakes/3.json", "{\"depth\":\"deep\"}").await.unwrap();
    insta::assert_snapshot!(report.healed[0], @"column depth of table quakes is gone, but has files with type bigint");
    assert_eq!((report.counts.columns_healed, report.counts.columns_added), (1, 1));
    assert_eq!(
        catalog_columns(&lake).await,
        "mag:bigint ok:boolean depth:bigint depth__string:string"
    );
    assert_eq!(lake.rows("quakes").await, "depth=7\ndepth__string=deep\nmag=6 ok=true");
}

#[tokio::test]
async fn a_table_that_others_made_again_gets_back_what_its_old_files_hold() {
    let lake = quakes().await;
    let warm = lake.ingest();
    drop_file(&warm, "quakes/2.json", "{\"mag\":7}").await.unwrap();
    lake.catalog.drop_table(&name());
    drop_file(&lake.ingest(), "quakes/3.json", "{\"new\":1}").await.unwrap();
    let report = drop_file(&warm, "quakes/4.json", "{\"mag\":\"n/a\"}").await.unwrap();
    assert_eq!(report.counts.columns_healed, 2);
    assert_eq!(catalog_columns(&lake).await, "new:bigint mag:bigint ok:boolean mag__string:string");
}
