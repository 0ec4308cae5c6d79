//! A table that grows file by file, written by the real way from JSON to Parquet.

use std::sync::Arc;

use alluvium_columnar::{
    BadRecords, MergeError, MergeInput, MergeSpec, MergeTable, MergedFile, Shredder, Step, merge,
};
use alluvium_model::{EventTime, Limits, Origin, TableRules, TableSchema, UtcInstant};
use bytes::Bytes;

/// A table with the files that were written so far.
pub(crate) struct Table {
    pub(crate) rules: Arc<TableRules>,
    pub(crate) schema: TableSchema,
    pub(crate) files: Vec<MergeInput<Bytes>>,
    /// Files of its bad records.
    pub(crate) bad: Vec<MergeInput<Bytes>>,
}

/// A source: its name, when it arrived, and its text.
pub(crate) struct Source<'a> {
    pub(crate) name: &'a str,
    pub(crate) arrived_at: UtcInstant,
    pub(crate) text: &'a str,
}

impl Table {
    pub(crate) fn new(rules: TableRules) -> Self {
        let schema = TableSchema::with_names_taken(["_source", "_record", "_arrived_at", "dt"]);
        Self { rules: Arc::new(rules), schema, files: Vec::new(), bad: Vec::new() }
    }

    /// A table whose records say at `$.t` when they happened.
    pub(crate) fn with_event_time() -> Self {
        let event_time = Some(EventTime::at("$.t".parse().unwrap()));
        Self::new(TableRules { event_time, ..TableRules::default() })
    }

    /// Loads a text, which is named for its number.
    pub(crate) fn load(&mut self, text: &str) {
        let name = format!("s3://landing/{}.json", self.files.len());
        let arrived_at = at("2026-11-22T10:00:00Z");
        self.load_source(&Source { name: &name, arrived_at, text });
    }

    pub(crate) fn load_source(&mut self, source: &Source<'_>) {
        let origin = Origin { source: source.name.to_owned(), arrived_at: source.arrived_at };
        let mut shredder =
            Shredder::new(origin.clone(), Arc::clone(&self.rules), Limits::default());
        shredder.feed(Bytes::copy_from_slice(source.text.as_bytes()));
        loop {
            match shredder.step() {
                Step::NeedInput => shredder.finish(),
                Step::Done => return,
                Step::Failed(error) => panic!("{error}"),
                Step::Part(part) => {
                    let discovery = part.discovery();
                    let extension = self.schema.extend(&discovery, &origin, &self.rules);
                    self.schema = extension.schema;
                    let bad = part.bad_records();
                    if !bad.is_empty() {
                        let file = BadRecords::of(bad).encode(&origin).unwrap();
                        let name = format!("bad-{:06}", self.bad.len());
                        self.bad.push(MergeInput { name, reader: file.bytes });
                    }
                    for file in part.placed(&self.schema).files() {
                        let name = format!("{:06}.parquet", self.files.len());
                        let reader = file.unwrap().bytes;
                        self.files.push(MergeInput { name, reader });
                    }
                }
            }
        }
    }

    pub(crate) fn spec(&self) -> MergeSpec<'_> {
        MergeSpec::new(MergeTable::Rows { schema: &self.schema, rules: &self.rules })
    }

    /// All files as one, with this much memory for rows.
    pub(crate) fn merged_within(&self, memory_bytes: usize) -> Result<MergedFile, MergeError> {
        merge(self.files.clone(), &MergeSpec { memory_bytes, ..self.spec() })
    }

    pub(crate) fn merged(&self) -> MergedFile {
        self.merged_within(MergeSpec::MEMORY_BYTES).unwrap()
    }
}

pub(crate) fn at(text: &str) -> UtcInstant {
    text.parse().unwrap()
}
