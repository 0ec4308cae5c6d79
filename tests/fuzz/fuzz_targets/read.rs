//! Reading is total: whatever the bytes, records are counted once, bad ones stand one after the
//! other, and neither depends on the chunks.
#![no_main]

use alluvium_columnar::{BadRecord, Shredder, Step};
use alluvium_model::{Limits, Origin};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

/// So small that inputs of a few hundred bytes reach them.
const LIMITS: fn() -> Limits = || Limits {
    record_bytes: 200,
    parse_depth: 8,
    part_records: 50,
    unreadable_records: 5,
    unpacked_bytes: 1 << 20,
    compression_ratio_from_bytes: 1 << 16,
    zstd_window_bytes: 1 << 20,
    part_text_bytes: 1 << 16,
    ..Limits::default()
};

fuzz_target!(|input: &[u8]| {
    let Some((step, source)) = input.split_first() else { return };
    let whole = read(source, source.len().max(1));
    assert_eq!(read(source, usize::from(*step) % 64 + 1), whole);
});

/// Rows and bad records of a source that comes in chunks of this size.
fn read(source: &[u8], step: usize) -> (u64, Vec<(u64, BadRecord)>) {
    let origin = Origin {
        source: "s3://landing/t/1.json".to_owned(),
        arrived_at: "2026-11-24T00:00:00Z".parse().unwrap(),
    };
    let mut shredder = Shredder::new(origin, Default::default(), LIMITS());
    let mut chunks = source.chunks(step);
    let (mut rows, mut records, mut bad) = (0, 0, Vec::new());
    loop {
        match shredder.step() {
            Step::NeedInput => match chunks.next() {
                Some(chunk) => shredder.feed(Bytes::copy_from_slice(chunk)),
                None => shredder.finish(),
            },
            Step::Part(part) => {
                assert_eq!(part.span(), records..records + part.records());
                records += part.records();
                rows += part.rows();
                bad.extend_from_slice(part.bad_records());
            }
            Step::Done => break,
            Step::Failed(_) => unreachable!("a text is no archive"),
        }
    }
    assert_eq!(records, rows + bad.len() as u64);
    let mut end = 0;
    for (_, bad) in &bad {
        assert!(bad.position.offset >= end && bad.bytes.len() as u64 <= bad.length);
        end = bad.position.offset + bad.length;
    }
    (rows, bad)
}
