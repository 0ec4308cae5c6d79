use std::io::Write as _;

use super::*;

/// Everything that comes of `bytes` in chunks of `step`: texts as they are, and what is said of
/// them in brackets.
pub(super) fn unpacked_with(limits: Limits, bytes: &[u8], step: usize) -> Vec<u8> {
    let mut unpacker = Unpacker::new(limits);
    let (mut chunks, mut found) = (bytes.chunks(step), Vec::new());
    let (mut chunk, mut ended) = (&[][..], false);
    loop {
        match unpacker.step(&mut chunk, ended, &mut found) {
            Unpacked::TextBegins(facts) => {
                let unreadable = facts.unreadable.map(|why| format!("!{why}")).unwrap_or_default();
                write!(found, "<{}{unreadable}>", facts.member.unwrap_or_default()).unwrap();
            }
            Unpacked::Bytes => {}
            Unpacked::TextEnds(Ok(())) => found.extend(b"<end>"),
            Unpacked::TextEnds(Err(corrupt)) => {
                write!(found, "<{}: {}>", corrupt.reason, corrupt.message).unwrap();
            }
            Unpacked::NeedInput => {
                assert!(chunk.is_empty() && !ended, "input is taken before more is asked for");
                (chunk, ended) = chunks.next().map_or((&[][..], true), |chunk| (chunk, false));
            }
            Unpacked::Done => return found,
        }
    }
}

pub(super) fn unpacked(bytes: &[u8]) -> String {
    let found = unpacked_with(Limits::default(), bytes, 1 << 20);
    for step in [1, 7, 1000, BLOCK_BYTES - 1, BLOCK_BYTES + 1] {
        let again = unpacked_with(Limits::default(), bytes, step);
        assert!(again == found, "other bytes in steps of {step}");
    }
    String::from_utf8_lossy(&found).into_owned()
}

pub(super) fn check(bytes: &[u8], expected: &str) {
    assert_eq!(unpacked(bytes), expected);
}

/// A text that is long enough for many blocks.
fn long_text() -> String {
    let lines = (0..20_000).map(|n| format!("{{\"n\":{n},\"r\":{}}}\n", n * n));
    lines.collect::<Vec<_>>().concat()
}

pub(super) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    ::zstd::encode_all(text, 1).unwrap()
}

pub(super) fn bzip2(text: &[u8]) -> Vec<u8> {
    let mut encoder = ::bzip2::write::BzEncoder::new(Vec::new(), ::bzip2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn snappy(text: &[u8]) -> Vec<u8> {
    let mut encoder = snap::write::FrameEncoder::new(Vec::new());
    encoder.write_all(text).unwrap();
    encoder.into_inner().unwrap()
}

/// One stream, and how it is called in messages.
type Packing = (&'static str, fn(&[u8]) -> Vec<u8>);
const PACKINGS: [Packing; 4] =
    [("gzip", gzip), ("zstd", zstd), ("bzip2", bzip2), ("snappy", snappy)];

#[test]
fn content_decides() {
    check(b"", "<><end>");
    check(b"{\"a\":1}", "<>{\"a\":1}<end>");
    check(b"P", "<>P<end>");
    check(b"%PDF-1.7", "<!it is no JSON but a PDF document>%PDF-1.7<end>");
    for (name, pack) in PACKINGS {
        check(&pack(b"{\"a\":1}\n"), "<>{\"a\":1}\n<end>");
        assert_eq!(unpacked(&pack(b"")), "<><end>", "{name}");
    }
}

#[test]
fn streams_one_after_the_other_are_one_text() {
    for (name, pack) in PACKINGS {
        let streams = [pack(b"{\"a\":1"), pack(b""), pack(b"}\n")].concat();
        assert_eq!(unpacked(&streams), "<>{\"a\":1}\n<end>", "{name}");
        let text = long_text();
        let expected = format!("<>{text}{text}<end>");
        assert!(unpacked(&pack(text.as_bytes()).repeat(2)) == expected, "{name}");
    }
    let skippable = b"\x50\x2a\x4d\x18\x03\0\0\0abc";
    let frames = [skippable.as_slice(), &zstd(b"{}"), skippable, &zstd(b"{}")].concat();
    check(&frames, "<>{}{}<end>");
}

#[test]
fn what_came_before_the_damage_comes_out() {
    let text = long_text();
    for (name, pack) in PACKINGS {
        let mut packed = pack(text.as_bytes());
        let check = |packed: &[u8], least: usize, what: &str| {
            let found = unpacked(packed);
            let (plain, end) = found.trim_start_matches("<>").rsplit_once('<').unwrap();
            assert!(end.starts_with("truncated_input"), "{name} {what}: {end}");
            let same = text.bytes().zip(plain.bytes()).take_while(|(a, b)| a == b).count();
            assert!(same >= least, "{name} {what}: only {same}");
        };
        packed.truncate(packed.len() - 10);
        // What is decoded comes in blocks: of 900,000 bytes in bzip2, of 64 or 128 KiB in others.
        let blocks = if name == "bzip2" { text.len() } else { 128 << 10 };
        check(&packed, text.len() - blocks.min(text.len()), "cut off");
        let middle = packed.len() / 2;
        packed[middle..middle + 3].iter_mut().for_each(|byte| *byte ^= 0xff);
        check(&packed, (text.len() / 3).saturating_sub(blocks), "damaged");
    }
}

#[test]
fn damaged_gzip_is_called_damaged() {
    let [mut data, mut checksum] = [gzip(b"{}"), gzip(b"{}")];
    // A block of the kind that is none.
    data[10] = 7;
    check(&data, "<><truncated_input: gzip: it is damaged>");
    let at = checksum.len() - 8;
    checksum[at] ^= 1;
    check(&checksum, "<>{}<truncated_input: gzip: it is damaged>");
}

#[test]
fn behind_the_last_stream_nothing_else_is_allowed() {
    for (name, pack) in PACKINGS {
        let found = unpacked(&[&pack(b"{\"a\":1}\n"), &b"no stream"[..]].concat());
        assert!(found.starts_with("<>{\"a\":1}\n<truncated_input: "), "{name}: {found}");
    }
    check(&[&gzip(b"{}"), &[0; 512][..]].concat(), "<>{}<end>");
}

#[test]
fn snappy_chunks_are_checked() {
    let good = snappy(b"{\"a\":1}\n");
    let with = |at: usize, byte: u8| {
        let mut bad = good.clone();
        bad[at] = byte;
        bad
    };
    check(&with(14, good[14] ^ 1), "<><truncated_input: snappy: a checksum is wrong>");
    check(&with(10, 0x02), "<><truncated_input: snappy: a chunk of an unknown kind>");
    check(&with(13, 0xff), "<><truncated_input: snappy: a chunk is too long>");
    check(&with(10, 0xfe), "<><end>");
}

#[test]
fn layers_are_unpacked_up_to_a_limit() {
    check(&gzip(&zstd(b"{}")), "<>{}<end>");
    check(&gzip(b"%PDF-"), "<!it is no JSON but a PDF document>%PDF-<end>");
    let deep = unpacked_with(Limits::default(), &gzip(&gzip(&gzip(b"{}"))), 7);
    assert!(deep.starts_with(b"<!it is packed more than 2 times>\x1f\x8b"));
}

#[test]
fn what_may_come_out_is_limited() {
    let limits = |unpacked_bytes| Limits { unpacked_bytes, ..Limits::default() };
    let (text, packed) = (long_text(), gzip(long_text().as_bytes()));
    let at_the_edge = unpacked_with(limits(text.len() as u64), &packed, 1000);
    assert!(at_the_edge == format!("<>{text}<end>").as_bytes());
    let (kept, _) = text.split_at(text.len() - 1);
    let message = format!("more than {} bytes come out of the source", kept.len());
    let expected = format!("<>{kept}<source_too_large: {message}>");
    for step in [1, 1000, usize::MAX] {
        let found = unpacked_with(limits(kept.len() as u64), &packed, step);
        assert!(found == expected.as_bytes(), "by {step}");
    }
    // What is not packed is as large as it is.
    assert_eq!(unpacked_with(limits(1), b"{}", 1), b"<>{}<end>");
}

#[test]
fn a_suspicious_ratio_counts_from_a_size_on() {
    let text = "{}\n".repeat(1 << 20);
    for (name, pack) in [PACKINGS[0], PACKINGS[1], PACKINGS[2]] {
        let packed = pack(text.as_bytes());
        let ratio = (text.len() / packed.len()) as u64;
        let found = |compression_ratio, compression_ratio_from_bytes, step| {
            let more = Limits { compression_ratio, ..Limits::default() };
            let limits = Limits { compression_ratio_from_bytes, ..more };
            unpacked_with(limits, &packed, step)
        };
        let whole = format!("<>{text}<end>");
        assert!(found(ratio + 1, 1, 1000) == whole.as_bytes(), "{name}");
        assert!(found(10, text.len() as u64, 1000) == whole.as_bytes(), "{name}");
        let cut = found(ratio / 2, 1000, 1000);
        let end = b"<compression_ratio: it is compressed to less than a ";
        assert!(cut.windows(end.len()).any(|window| window == end), "{name}");
        assert!(cut.len() < whole.len() && cut == found(ratio / 2, 1000, 1), "{name}");
    }
}

#[test]
fn what_leaves_no_text_counts_too() {
    let skippable = [&b"\xff\x06\0\0sNaPpY\xfe\x9c\x86\x01"[..], &vec![0; 99_996]].concat();
    let sources = [
        ("zeros behind gzip", bzip2(&[gzip(b""), vec![0; 1_000_000]].concat())),
        ("empty streams", gzip(&bzip2(b"").repeat(1_000))),
        ("chunks to be skipped", bzip2(&skippable.repeat(10))),
        ("a member beside the files", zip::tests::beside_the_files(&vec![b' '; 1_000_000])),
    ];
    let ratio = Limits { compression_ratio_from_bytes: 900_000, ..Limits::default() };
    let bytes = Limits { unpacked_bytes: 900_000, ..Limits::default() };
    for (what, source) in sources {
        let found = |limits, step| {
            String::from_utf8_lossy(&unpacked_with(limits, &source, step)).into_owned()
        };
        assert!(source.len() < 9_000, "{what}: {}", source.len());
        let whole = found(Limits::default(), 1000);
        assert!(whole.is_empty() || whole == "<><end>", "{what}: {whole}");
        for (limits, reason) in [(ratio, "compression_ratio"), (bytes, "source_too_large")] {
            let cut = found(limits, 1000);
            assert!(cut.starts_with("<><") && cut.contains(reason), "{what}: {cut}");
            assert_eq!(cut, found(limits, 1), "{what}");
        }
    }
}

#[test]
fn memory_for_a_window_is_limited() {
    let text = long_text();
    let pack = |window_log| {
        let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(window_log).unwrap();
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let found = |zstd_window_bytes, packed: &[u8]| {
        let limits = Limits { zstd_window_bytes, ..Limits::default() };
        let found = unpacked_with(limits, packed, 1000);
        assert!(found == unpacked_with(limits, packed, 1));
        String::from_utf8(found).unwrap()
    };
    let whole = format!("<>{text}<end>");
    let refused =
        |limit| format!("<><window_too_large: zstd: its window is larger than {limit} bytes>");
    for window_log in [10, 16, 17] {
        let (window, packed) = (1 << window_log, pack(window_log));
        for limit in [window, window + 1, 2 * window - 1, 1 << 31] {
            assert!(found(limit, &packed) == whole, "{window_log} {limit}");
        }
        for limit in [1, 1023, window - 1, window / 2] {
            assert_eq!(found(limit.min(window - 1), &packed), refused(limit.min(window - 1)));
        }
    }
    // What says how long it is needs no more than that.
    let known = ::zstd::bulk::compress(text.as_bytes(), 1).unwrap();
    let length = text.len() as u64;
    assert!(found(length, &known) == whole);
    assert_eq!(found(length - 1, &known), refused(length - 1));
    let (short, long) = (::zstd::bulk::compress(b"{}", 1).unwrap(), [b' '; 300]);
    let several = [short.clone(), ::zstd::bulk::compress(&long, 1).unwrap(), short].concat();
    assert!(found(300, &several).ends_with(" {}<end>"));
    assert_eq!(found(299, &several), refused(299).replace("<><", "<>{}<"));
}
