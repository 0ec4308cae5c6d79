//! How fast files are merged, beside reading and writing them alone, and in how much memory:
//!
//! ```text
//! cargo run --profile local -p alluvium-columnar --example merge -- FOLDER [MEGABYTES]
//! ```
//!
//! Makes so many megabytes of JSON (512 unless said) of each shape into files in FOLDER, and
//! merges them in processes of their own. Times are those of the CPU, since others may be at work
//! on the machine; memory is the most that was resident, the merged file included, the others not.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "whoever measures reads what went wrong"
)]

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use alluvium_columnar::{MergeInput, MergeSpec, MergeTable, Shredder, Step, merge};
use alluvium_model::{EventTime, Limits, Origin, TableRules, TableSchema};
use arrow::{array::new_null_array, datatypes::Schema, record_batch::RecordBatch};
use bytes::Bytes;
use parquet::{
    arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder},
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::{
        properties::{EnabledStatistics, WriterProperties},
        reader::{ChunkReader, Length},
    },
};

/// What files look like.
struct Shape {
    name: &'static str,
    /// JSON in a file.
    file_bytes: usize,
    /// How many files cover the same time.
    overlapping: usize,
    /// Keys of which a record has ten.
    sparse_keys: usize,
    memory_megabytes: usize,
}

const SHAPES: [Shape; 5] = [
    Shape {
        name: "telemetry, small files in turn",
        file_bytes: 128 << 10,
        overlapping: 4,
        sparse_keys: 0,
        memory_megabytes: 512,
    },
    Shape {
        name: "telemetry, small files of one time",
        file_bytes: 128 << 10,
        overlapping: usize::MAX,
        sparse_keys: 0,
        memory_megabytes: 512,
    },
    Shape {
        name: "telemetry, large files of one time",
        file_bytes: 32 << 20,
        overlapping: usize::MAX,
        sparse_keys: 0,
        memory_megabytes: 512,
    },
    Shape {
        name: "telemetry, large files of one time, little memory",
        file_bytes: 32 << 20,
        overlapping: usize::MAX,
        sparse_keys: 0,
        memory_megabytes: 128,
    },
    Shape {
        name: "1,000 sparse columns",
        file_bytes: 2 << 20,
        overlapping: usize::MAX,
        sparse_keys: 980,
        memory_megabytes: 512,
    },
];

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["load", folder, shape, megabytes] => {
            load(&shape_of(shape), megabytes.parse().unwrap(), Path::new(folder));
        }
        ["merge", folder, shape] => merge_files(&shape_of(shape), Path::new(folder)),
        ["rewrite", folder, shape] => rewrite(&shape_of(shape), Path::new(folder)),
        [folder] => measure(folder, "512"),
        [folder, megabytes] => measure(folder, megabytes),
        _ => panic!("a folder, and perhaps megabytes"),
    }
}

fn shape_of(number: &str) -> Shape {
    SHAPES.into_iter().nth(number.parse().unwrap()).unwrap()
}

fn measure(folder: &str, megabytes: &str) {
    for (number, shape) in SHAPES.iter().enumerate() {
        let number = number.to_string();
        let run = |what: &str, rest: &[&str]| {
            let mut command = Command::new(std::env::current_exe().unwrap());
            let output = command.args([what, folder, &number]).args(rest).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let text = String::from_utf8(output.stdout).unwrap();
            text.split_whitespace().map(|number| number.parse().unwrap()).collect::<Vec<f64>>()
        };
        let loaded = run("load", &[megabytes]);
        let [rewritten, merged] = [run("rewrite", &[]), run("merge", &[])];
        println!(
            "{}: {} files of {:.0} MB, {:.0} MB decoded; alone {:.1} s and {:.0} MB, merged {:.1} s and {:.0} MB \
             in {:.0} MB of memory: {:.0} % of the speed alone, {:.0} MB of decoded rows a second",
            shape.name,
            loaded[0],
            loaded[1],
            rewritten[2],
            rewritten[0],
            rewritten[1],
            merged[0],
            merged[2],
            merged[1],
            100.0 * rewritten[0] / merged[0],
            rewritten[2] / merged[0],
        );
        fs::remove_dir_all(folder).unwrap();
    }
}

fn rules() -> Arc<TableRules> {
    let event_time = Some(EventTime::at("$.time".parse().unwrap()));
    Arc::new(TableRules { event_time, ..TableRules::default() })
}

/// A record of which not much repeats, `second` seconds after the hour.
fn record(shape: &Shape, number: usize, second: usize, into: &mut String) {
    let random = |seed: usize| {
        let mixed = (number * 31 + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as usize);
        (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9_u64 as usize) >> 16
    };
    let (hour, minute) = (second / 3_600 % 24, second / 60 % 60);
    write!(
        into,
        "{{\"time\":\"2026-11-20T{hour:02}:{minute:02}:{:02}.{:06}Z\"",
        second % 60,
        random(1) % 1_000_000
    )
    .unwrap();
    if shape.sparse_keys > 0 {
        for key in 0..10 {
            let (name, value) = (random(key) % shape.sparse_keys, random(key + 100));
            match name % 3 {
                0 => write!(into, ",\"key_{name}\":{}", value % 100_000),
                1 => write!(into, ",\"key_{name}\":\"text {}\"", value % 5_000),
                _ => write!(into, ",\"key_{name}\":{}.5", value % 1_000),
            }
            .unwrap();
        }
        into.push_str("}\n");
        return;
    }
    let city = ["San Mateo", "Hamburg", "Kyoto", "Ulm", "Nairobi"][random(2) % 5];
    writeln!(
        into,
        ",\"device\":{{\"id\":\"dev-{:06}\",\"model\":\"m{}\",\"city\":\"{city}\"}},\"temperature\":{}.{},\
         \"battery\":{},\"sequence\":{number},\"ok\":{},\"session\":\"{:016x}\",\"tags\":[{},{}],\
         \"message\":\"sensor {} reported a value of {} after {} ms\"}}",
        random(3) % 20_000, random(4) % 12, random(5) % 40, random(6) % 1_000, random(7) % 100,
        random(8) % 10 > 0, random(9), random(10) % 9, random(11) % 9, random(12) % 500,
        random(13) % 10_000, random(14) % 3_000,
    )
    .unwrap();
}

/// A record with every key, so that the schema is known from it alone.
fn whole_record(shape: &Shape) -> String {
    let mut text = String::new();
    record(shape, 0, 0, &mut text);
    let keys = (0..shape.sparse_keys).map(|name| match name % 3 {
        0 => format!("{{\"key_{name}\":1}}\n"),
        1 => format!("{{\"key_{name}\":\"x\"}}\n"),
        _ => format!("{{\"key_{name}\":0.5}}\n"),
    });
    text.extend(keys);
    text
}

fn schema(shape: &Shape) -> TableSchema {
    let mut schema =
        TableSchema::with_names_taken(["_source", "_record", "_arrived_at", "_rescued"]);
    shred(whole_record(shape), "schema", &mut |part, origin| {
        schema = schema.extend(&part.discovery(), origin, &rules()).schema;
    });
    schema
}

fn shred(text: String, source: &str, each: &mut dyn FnMut(alluvium_columnar::Part, &Origin)) {
    let arrived_at = "2026-11-22T00:00:00Z".parse().unwrap();
    let origin = Origin { source: format!("s3://landing/telemetry/{source}.json"), arrived_at };
    let mut shredder = Shredder::new(origin.clone(), rules(), Limits::default());
    shredder.feed(text.into());
    loop {
        match shredder.step() {
            Step::NeedInput => shredder.finish(),
            Step::Part(part) => each(*part, &origin),
            Step::Done => return,
            Step::Failed(error) => panic!("{error}"),
        }
    }
}

fn load(shape: &Shape, megabytes: usize, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let schema = schema(shape);
    let files = (megabytes << 20) / shape.file_bytes;
    let (mut number, mut bytes) = (0, 0);
    for file in 0..files {
        let mut text = String::new();
        let rounds = files.div_ceil(shape.overlapping);
        let begin = 86_000 / rounds * (file / shape.overlapping);
        let mut records = 0;
        while text.len() < shape.file_bytes {
            let elapsed = text.len() * (86_000 / rounds) / shape.file_bytes;
            // Nearly in order, as records of many devices are.
            record(shape, number, begin + elapsed + records % 3, &mut text);
            number += 1;
            records += 1;
        }
        shred(text, &file.to_string(), &mut |part, _| {
            for file_of_part in part.placed(&schema).files() {
                let file_of_part = file_of_part.unwrap().bytes;
                bytes += file_of_part.len();
                fs::write(folder.join(format!("{file:06}.parquet")), file_of_part).unwrap();
            }
        });
    }
    println!("{files} {}", bytes as f64 / 1e6);
}

/// A file that is opened for each request, as an object would be.
#[derive(Clone)]
struct Lazy(PathBuf);

impl Length for Lazy {
    fn len(&self) -> u64 {
        fs::metadata(&self.0).unwrap().len()
    }
}

impl ChunkReader for Lazy {
    type T = File;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let mut file = File::open(&self.0)?;
        file.seek(SeekFrom::Start(start))?;
        Ok(file)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let mut bytes = vec![0; length];
        self.get_read(start)?.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

fn paths(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn merge_files(shape: &Shape, folder: &Path) {
    let (schema, rules) = (schema(shape), rules());
    let input = |path: PathBuf| MergeInput { name: path.display().to_string(), reader: Lazy(path) };
    let inputs = paths(folder).into_iter().map(input).collect();
    let table = MergeTable::Rows { schema: &schema, rules: &rules };
    let before = cpu_seconds();
    let spec = MergeSpec { memory_bytes: shape.memory_megabytes << 20, ..MergeSpec::new(table) };
    let merged = merge(inputs, &spec).unwrap();
    println!("{} {} {}", cpu_seconds() - before, peak_megabytes(), merged.bytes.len() as f64 / 1e6);
}

/// Reads all files and writes their rows as they come, with the settings of our files.
fn rewrite(shape: &Shape, folder: &Path) {
    let schema = Arc::new(file_schema(shape));
    let before = cpu_seconds();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).unwrap()))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_max_row_group_row_count(Some(65_536))
        .set_coerce_types(true)
        .build();
    let mut writer =
        ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties)).unwrap();
    let mut decoded = 0;
    let mut paths = paths(folder);
    paths.sort();
    for path in paths {
        let bytes = Bytes::from(fs::read(path).unwrap());
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
        for batch in reader.with_batch_size(8_192).build().unwrap() {
            let batch = batch.unwrap();
            decoded += batch.get_array_memory_size();
            let columns = schema.fields().iter().map(|field| {
                let column = batch.column_by_name(field.name()).cloned();
                column.unwrap_or_else(|| new_null_array(field.data_type(), batch.num_rows()))
            });
            let batch = RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap();
            writer.write(&batch).unwrap();
        }
    }
    let bytes = writer.into_inner().unwrap();
    println!("{} {} {}", cpu_seconds() - before, bytes.len() as f64 / 1e6, decoded as f64 / 1e6);
}

/// The columns of a file that has all of them.
fn file_schema(shape: &Shape) -> Schema {
    let table = schema(shape);
    let mut file = None;
    shred(whole_record(shape), "schema", &mut |part, _| {
        file = part.placed(&table).files().next().map(|file| file.unwrap().bytes);
    });
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.unwrap()).unwrap();
    reader.schema().as_ref().clone()
}

/// User and system time of this process, from `/proc` in ticks of 10 ms.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |index: usize| fields[index].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

fn peak_megabytes() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1e3
}
