//! A lake in memory for whole flows, and a reader that goes the way readers go.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::wildcard_enum_match_arm,
    reason = "test support: a broken expectation must stop the test"
)]

pub mod death;
pub mod http;
pub mod late;
pub mod paid;
pub mod seeds;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use alluvium_lake::{
    Backoff, Browse, ContractStore, Ingest, IngestReport, IngestSettings, LakeError,
};
use alluvium_model::{
    AnnouncedObject, Budget, DataColumn, Destination, Origin, SourceId, TableName, TableRules,
    TableSource,
    layout::{self, ObjectKey},
    ports::{
        LakeCatalog, LakeObjects, ListObjects, PublishEvents, ReadObjects, Source, SourceFormat,
    },
};
use alluvium_testkit::{MemoryCatalog, MemoryObjects, MemorySource};
use arrow::{
    array::{Array as _, ArrayRef, AsArray as _, RecordBatch},
    compute::cast,
    datatypes::{DataType, Int64Type, TimeUnit},
    util::display::{ArrayFormatter, FormatOptions},
};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

/// The settings of a test: no pauses.
#[must_use]
pub fn settings() -> IngestSettings {
    let settings = IngestSettings::new("lake".parse().unwrap());
    // Nobody turns the clock of a lake in memory, and there may be no runtime for deadlines.
    IngestSettings { backoff: Backoff::without_pauses(100), attempt_max: None, ..settings }
}

/// The contracts in a lake of these objects, looked at for every source.
pub fn contracts<O: ReadObjects + ListObjects + Clone>(objects: &O) -> ContractStore<O> {
    ContractStore::new(objects.clone(), Duration::ZERO)
}

/// Ingests `text` as the object `key` of a landing bucket; its first segment names the table.
///
/// # Errors
/// When the ingest fails.
pub async fn drop_file<C, O, E>(
    ingest: &Ingest<C, O, E>,
    key: &str,
    text: &str,
) -> Result<IngestReport, LakeError>
where
    C: LakeCatalog + Clone,
    O: LakeObjects + Clone,
    E: PublishEvents,
{
    drop_under(ingest, &Arc::default(), key, text).await
}

/// The same by the rules of a contract.
///
/// # Errors
/// When the ingest fails.
pub async fn drop_under<C, O, E>(
    ingest: &Ingest<C, O, E>,
    rules: &Arc<TableRules>,
    key: &str,
    text: &str,
) -> Result<IngestReport, LakeError>
where
    C: LakeCatalog + Clone,
    O: LakeObjects + Clone,
    E: PublishEvents,
{
    ingest.ingest(destination(rules, key), memory_source(key, text)).await
}

/// Where the object `key` of a landing bucket belongs: its first segment names the table.
#[must_use]
pub fn destination(rules: &Arc<TableRules>, key: &str) -> Destination {
    let table = TableSource::new(key.split('/').next().unwrap());
    Destination { table, rules: Arc::clone(rules), contract: None }
}

/// Rules that allow as many columns and keys.
#[must_use]
pub fn within(max_columns: usize, max_keys: usize) -> Arc<TableRules> {
    let budget = Budget { max_columns, max_keys, ..Budget::default() };
    Arc::new(TableRules { budget, ..TableRules::default() })
}

/// `text` as the object `key` of a landing bucket.
#[must_use]
pub fn memory_source(key: &str, text: &str) -> Source<MemorySource> {
    Source {
        id: SourceId::of_object("landing", key, text),
        origin: Origin {
            source: format!("s3://landing/{key}"),
            arrived_at: "2026-11-22T10:00:00Z".parse().unwrap(),
        },
        bytes: text.len() as u64,
        format: SourceFormat::Documents,
        reader: MemorySource::new(text.to_owned(), 7),
    }
}

/// The event that S3 sends for objects that were created, as far as it is read.
#[must_use]
pub fn s3_event(objects: &[AnnouncedObject]) -> Value {
    let record = |AnnouncedObject { bucket, key, etag, .. }: &AnnouncedObject| {
        let s3 = json!({ "bucket": { "name": bucket }, "object": { "key": key, "eTag": etag } });
        json!({ "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": s3 })
    };
    json!({ "Records": objects.iter().map(record).collect::<Vec<_>>() })
}

/// Everything in a lake in memory.
#[derive(Clone, Debug, Default)]
pub struct Lake {
    /// Its catalog.
    pub catalog: MemoryCatalog,
    /// Its objects.
    pub objects: MemoryObjects,
}

impl Lake {
    /// An ingest into this lake, as cold as a new sandbox.
    #[must_use]
    pub fn ingest(&self) -> Ingest<MemoryCatalog, MemoryObjects> {
        Ingest::new(self.catalog.clone(), self.objects.clone(), settings())
    }

    /// The Parquet files of all tables.
    #[must_use]
    pub fn files(&self) -> BTreeMap<ObjectKey, Bytes> {
        let mut files = self.objects.all();
        files.retain(|key, _| key.as_str().ends_with(".parquet"));
        files
    }

    /// Forgets which sources were loaded, as if every attempt had died just before it said so.
    pub fn forget_sources(&self) {
        let ledger = layout::ledger(&"lake".parse().unwrap());
        for key in self.objects.all().keys() {
            if key.as_str().starts_with(ledger.as_str()) {
                self.objects.remove(key);
            }
        }
    }

    /// The columns of a table, one a line: name, type and comment.
    pub async fn columns(&self, table: &str) -> String {
        let browse = Browse::new(self.catalog.clone(), self.objects.clone());
        let entry = browse.table(&table.parse().unwrap()).await.unwrap();
        let line = |column: &alluvium_model::ColumnEntry| {
            format!("{} {} | {}\n", column.name, column.glue_type, column.comment)
        };
        entry.columns.iter().filter(|column| !column.name.starts_with('_')).map(line).collect()
    }

    /// The data columns of a table, each `name:kind`.
    pub async fn kinds(&self, table: &str) -> Vec<String> {
        let kind = |column: &DataColumn| format!("{}:{}", column.name, column.kind);
        self.data_columns(table).await.iter().map(kind).collect()
    }

    /// The names of a table's columns by the last key of their paths.
    pub async fn names_by_key(&self, table: &str) -> BTreeMap<String, String> {
        let key = |column: &DataColumn| {
            let keys = column.path.keys();
            (keys.last().map(ToString::to_string).unwrap_or_default(), column.name.to_string())
        };
        self.data_columns(table).await.iter().map(key).collect()
    }

    async fn data_columns(&self, table: &str) -> Vec<DataColumn> {
        let browse = Browse::new(self.catalog.clone(), self.objects.clone());
        let entry = browse.table(&table.parse().unwrap()).await.unwrap();
        entry.schema().unwrap().columns().to_vec()
    }

    /// The rows of a table, one a line, without their system columns but `_rescued`.
    pub async fn rows(&self, table: &str) -> String {
        self.rows_where(table, |_| true).await.join("\n")
    }

    /// The rows that came from a source, as [`Lake::rows`] shows them.
    pub async fn rows_of(&self, table: &str, source: &str) -> Vec<String> {
        self.rows_where(table, |row_source| row_source == source).await
    }

    /// The rows of a table in the order of their sources, as [`Lake::rows`] shows them.
    pub async fn rows_in_order(&self, table: &str) -> Vec<String> {
        let rows = self.batches(table).await.into_iter().flat_map(|batch| {
            let places = places_of(&batch, "_source", "_record");
            places.into_iter().zip(shown_rows(&batch)).collect::<Vec<_>>()
        });
        in_order(rows.collect())
    }

    /// The texts of a column of the table of bad records, in the order of their sources.
    pub async fn bad_texts_in_order(&self, column: &str) -> Vec<String> {
        let rows = self.batches("quarantine").await.into_iter().flat_map(|batch| {
            let places = places_of(&batch, "source", "record");
            let texts = batch.column_by_name(column).unwrap().as_string::<i32>().clone();
            let texts = texts.iter().map(|text| text.unwrap().to_owned());
            places.into_iter().zip(texts.collect::<Vec<_>>()).collect::<Vec<_>>()
        });
        in_order(rows.collect())
    }

    async fn rows_where(&self, table: &str, of: impl Fn(&str) -> bool) -> Vec<String> {
        let mut rows = Vec::new();
        for batch in self.batches(table).await {
            // A file of quarantined records has no such column, and is shown whole.
            let sources = batch.column_by_name("_source").map(|s| s.as_string::<i32>().clone());
            let shown = shown_rows(&batch).into_iter().enumerate();
            let of_source = |row| sources.as_ref().is_none_or(|sources| of(sources.value(row)));
            rows.extend(shown.filter(|(row, _)| of_source(*row)).map(|(_, shown)| shown));
        }
        rows.sort();
        rows
    }

    async fn batches(&self, table: &str) -> Vec<RecordBatch> {
        let browse = Browse::new(self.catalog.clone(), self.objects.clone());
        let table: TableName = table.parse().unwrap();
        let objects = self.objects.all();
        let mut batches = Vec::new();
        for file in browse.files(&table).await.unwrap() {
            let bytes = objects.get(&file.key).unwrap().clone();
            let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap();
            batches.extend(reader.map(Result::unwrap));
        }
        batches
    }
}

/// Where each row of a batch came from.
fn places_of(batch: &RecordBatch, source: &str, record: &str) -> Vec<(String, i64)> {
    let sources = batch.column_by_name(source).unwrap().as_string::<i32>().clone();
    let records = batch.column_by_name(record).unwrap().as_primitive::<Int64Type>().clone();
    let place = |row| (sources.value(row).to_owned(), records.value(row));
    (0..batch.num_rows()).map(place).collect()
}

fn in_order(mut rows: Vec<((String, i64), String)>) -> Vec<String> {
    rows.sort();
    rows.into_iter().map(|(_, row)| row).collect()
}

/// Instants with a numeric offset: the formatter knows no names of time zones.
fn with_offset(column: &ArrayRef) -> ArrayRef {
    let instants = DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()));
    let shown = match column.data_type() {
        DataType::Timestamp(..) => instants,
        DataType::List(element) if matches!(element.data_type(), DataType::Timestamp(..)) => {
            DataType::List(Arc::new(element.as_ref().clone().with_data_type(instants)))
        }
        _ => return Arc::clone(column),
    };
    cast(column, &shown).unwrap()
}

fn shown_rows(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default().with_null("null");
    let shown: Vec<_> = batch.columns().iter().map(with_offset).collect();
    let columns: BTreeMap<_, _> = batch
        .schema_ref()
        .fields()
        .iter()
        .zip(&shown)
        .filter(|(field, _)| !field.name().starts_with('_') || field.name() == "_rescued")
        .map(|(field, column)| (Arc::clone(field), column))
        .map(|(field, column)| {
            let formatter = ArrayFormatter::try_new(column, &options).unwrap();
            (field.name().clone(), (column, formatter))
        })
        .collect();
    let row = |row: usize| {
        let cell = |(name, (column, values)): (&String, &(&ArrayRef, ArrayFormatter<'_>))| {
            column.is_valid(row).then(|| format!("{name}={}", values.value(row)))
        };
        columns.iter().filter_map(cell).collect::<Vec<_>>().join(" ")
    };
    (0..batch.num_rows()).map(row).collect()
}

/// How many rows a Parquet file has.
#[must_use]
pub fn rows_in(file: &Bytes) -> i64 {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap();
    reader.metadata().file_metadata().num_rows()
}
