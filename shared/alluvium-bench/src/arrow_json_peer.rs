//! A peer: arrow-json as it is meant to be used, once through the file to know its schema and once
//! to read it.

use std::{
    fs::File,
    io::{BufReader, Seek as _},
    path::Path,
    sync::Arc,
};

use arrow_json::reader::{ReaderBuilder, infer_json_schema_from_seekable};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::properties::WriterProperties,
};
use serde_json::{Value, json};

const ZSTD_LEVEL: i32 = 3;

/// Loads a file of JSON lines into a Parquet file, and says how many rows it has.
pub(crate) fn load(file: &Path, out: &Path) -> anyhow::Result<Value> {
    let mut lines = BufReader::with_capacity(1 << 20, File::open(file)?);
    let (schema, _) = infer_json_schema_from_seekable(&mut lines, None)?;
    lines.rewind()?;
    let schema = Arc::new(schema);
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .build();
    let mut writer =
        ArrowWriter::try_new(File::create(out)?, Arc::clone(&schema), Some(properties))?;
    let mut rows = 0;
    for batch in ReaderBuilder::new(schema).build(lines)? {
        let batch = batch?;
        rows += batch.num_rows();
        writer.write(&batch)?;
    }
    writer.close()?;
    Ok(json!({"rows": rows}))
}
