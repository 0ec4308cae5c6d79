//! Shredding is total: whatever the records and whatever the table was before, every value is
//! found in the file that they give.
#![no_main]

use std::fmt::Write as _;

use alluvium_columnar::{Part, Shredder, Step, StoredFile, Verifier};
use alluvium_model::{Budget, Limits, Origin, TableRules, TableSchema};
use bytes::Bytes;
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

const KEYS: [&str; 12] =
    ["a", "A", "b", "a_b", "a.b", "aB", "a__b", "_source", "dt", "\\u0061", "", "é"];
const SCALARS: [&str; 22] = [
    "null",
    "true",
    "0",
    "-0",
    "7",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "1.5",
    "1e5",
    "1e400",
    "1e-400",
    "-0.0",
    "\"\"",
    "\"a\\u0000b\"",
    "\"\\ud83d\\ude00\"",
    "\"2026-11-24T00:00:00Z\"",
    "\"2026-11-24T00:00:00.123456+14:00\"",
    "\"0000-01-01T00:00:00Z\"",
    "\"1.5\"",
    "\"true\"",
    "\"[1]\"",
];

fuzz_target!(|input: &[u8]| {
    let mut choices = Unstructured::new(input);
    let budget = Budget { max_columns: 12, max_keys: 3, ..Budget::default() };
    let rules = TableRules { budget, ..TableRules::default() };
    let taken = ["_source", "_record", "_arrived_at", "_rescued", "dt"];
    let mut schema = TableSchema::with_names_taken(taken);
    while !choices.is_empty() {
        let Ok(text) = records(&mut choices) else { return };
        let part = shred(text.clone());
        let discovery = part.discovery();
        schema = schema.extend(&discovery, &origin(), &rules).schema;
        check(part, &shred(text), &schema);
        let again = schema.extend(&discovery, &origin(), &rules);
        assert_eq!(again.added, 0, "what has a place needs no other");
    }
});

fn origin() -> Origin {
    Origin {
        source: "s3://landing/t/1.json".to_owned(),
        arrived_at: "2026-11-24T00:00:00Z".parse().unwrap(),
    }
}

/// Some records as text.
fn records(choices: &mut Unstructured<'_>) -> Result<String> {
    let mut text = String::new();
    for _ in 0..choices.int_in_range(1..=6)? {
        object(choices, 4, &mut text)?;
        text.push('\n');
    }
    Ok(text)
}

fn object(choices: &mut Unstructured<'_>, depth: u32, text: &mut String) -> Result<()> {
    text.push('{');
    for member in 0..choices.int_in_range(0..=4)? {
        let comma = if member > 0 { "," } else { "" };
        write!(text, "{comma}\"{}\":", choices.choose(&KEYS)?).unwrap();
        value(choices, depth, text)?;
    }
    text.push('}');
    Ok(())
}

fn value(choices: &mut Unstructured<'_>, depth: u32, text: &mut String) -> Result<()> {
    match choices.int_in_range(0..=5)? {
        0 if depth > 0 => object(choices, depth - 1, text)?,
        1 if depth > 0 => {
            text.push('[');
            for element in 0..choices.int_in_range(0..=3)? {
                text.push_str(if element > 0 { "," } else { "" });
                value(choices, depth - 1, text)?;
            }
            text.push(']');
        }
        2 => text.push_str(&i64::from_le_bytes(choices.arbitrary()?).to_string()),
        _ => text.push_str(choices.choose(&SCALARS)?),
    }
    Ok(())
}

fn shred(text: String) -> Part {
    let lines = text.lines().count() as u64;
    let limits = Limits { part_text_bytes: 1 << 20, record_bytes: 1 << 16, ..Limits::default() };
    let limits = Limits { part_paths: 20, path_depth: 3, ..limits };
    let mut shredder = Shredder::new(origin(), Default::default(), limits);
    shredder.feed(Bytes::from(text));
    loop {
        match shredder.step() {
            Step::NeedInput => shredder.finish(),
            Step::Part(part) => {
                assert_eq!((part.rows(), part.bad_records()), (lines, &[][..]));
                return *part;
            }
            Step::Done => unreachable!("there is at least one record"),
            Step::Failed(_) => unreachable!("a text is no archive"),
        }
    }
}

/// Writes the part and looks for each value of another like it in the file.
fn check(written: Part, part: &Part, schema: &TableSchema) {
    let placed = written.placed(schema);
    let partitions: Vec<_> = placed.partitions().collect();
    let files = placed.files().collect::<std::result::Result<Vec<_>, _>>().unwrap();
    let ([partition], [file]) = (&partitions[..], &files[..]) else { panic!("one partition") };
    assert_eq!(file.rows, part.rows());
    let mut verifier = Verifier::new(part);
    verifier.check_rows(&StoredFile::open(file.bytes.clone()).unwrap(), partition).unwrap();
    let found = verifier.finish();
    assert_eq!((found.rows, &found.findings[..]), (part.rows(), &[][..]));
}
