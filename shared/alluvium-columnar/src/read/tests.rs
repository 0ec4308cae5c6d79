use std::io::Write as _;

use proptest::prelude::*;

use super::*;

/// What comes of a source: records as text, bad records with `!`.
fn read_with(limits: Limits, source: &[u8], step: usize) -> Vec<String> {
    let describe = |bad: &BadRecord| {
        let BadRecord { reason, message, length, position, bytes, .. } = bad;
        let (line, column) = (position.line, position.column);
        let bytes = bytes.escape_ascii();
        format!("! {reason} {}+{length} {line}:{column} {bytes} ({message})", position.offset)
    };
    let (records, bad) = records_with(limits, source, step);
    let mut found: Vec<_> = bad.iter().map(|(at, bad)| (*at, describe(bad))).collect();
    found.extend(records);
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, text)| text).collect()
}

type Numbered<T> = Vec<(usize, T)>;

/// The records of a source and its bad ones, each with its number.
fn records_with(
    limits: Limits,
    source: &[u8],
    step: usize,
) -> (Numbered<String>, Numbered<BadRecord>) {
    let mut reader = Reader::new(limits, Vec::new());
    let (mut records, mut bad) = (Vec::new(), Vec::new());
    let mut chunks = source.chunks(step);
    let (mut input, mut ended) = (Bytes::new(), false);
    loop {
        let number = records.len() + bad.len();
        assert!(number <= source.len().max(1) * 4096, "more records than there can be");
        match reader.next(&mut input, ended) {
            Frame::Record => records.push((number, reader.record().text.to_owned())),
            Frame::Bad(found) => bad.push((number, found)),
            Frame::NeedInput => {
                assert!(input.is_empty() && !ended, "input is taken before more is asked for");
                match chunks.next() {
                    Some(chunk) => input = Bytes::copy_from_slice(chunk),
                    None => ended = true,
                }
            }
            Frame::End => return (records, bad),
        }
    }
}

fn read(source: &[u8]) -> Vec<String> {
    let found = read_with(Limits::default(), source, 1 << 20);
    for step in [1, 3, 1000] {
        assert_eq!(read_with(Limits::default(), source, step), found, "by {step}");
    }
    found
}

fn utf16(text: &str, unit_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    format!("\u{feff}{text}").encode_utf16().flat_map(unit_bytes).collect()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn charsets_do_not_matter() {
    let text = "{\"é\": \"😀\"}\n{\"b\":2}\n";
    let expected = ["{\"é\":\"😀\"}", "{\"b\":2}"];
    assert_eq!(read(text.as_bytes()), expected);
    assert_eq!(read(format!("\u{feff}{text}").as_bytes()), expected);
    assert_eq!(read(&utf16(text, u16::to_le_bytes)), expected);
    assert_eq!(read(&utf16(text, u16::to_be_bytes)), expected);
    assert_eq!(read(&gzip(&utf16(text, u16::to_le_bytes))), expected);
}

#[test]
fn bad_records_in_utf16_are_given_as_they_stand_there() {
    let text = "{\"é\":1}\n{\"é\":}\n{}\n";
    let found = read(&utf16(text, u16::to_be_bytes));
    let bad = "! invalid_json 18+12 2:1 \\x00{\\x00\\\"\\x00\\xe9\\x00\\\"\\x00:\\x00} (expected a value at byte 10 of the record)";
    assert_eq!(found, ["{\"é\":1}", bad, "{}"]);

    let half_a_pair = [utf16("{}\n{\"a\":\"", u16::to_le_bytes), vec![0, 0xd8]].concat();
    let source = [half_a_pair, "\"}\n{}".encode_utf16().flat_map(u16::to_le_bytes).collect()];
    let found = read(&source.concat());
    assert_eq!(found.len(), 3);
    assert!(found[1].starts_with("! not_unicode 8+18 2:1 {\\x00"), "{}", found[1]);

    let odd = [utf16("{}\n", u16::to_le_bytes), vec![b'{']].concat();
    assert_eq!(
        read(&odd),
        ["{}", "! invalid_json 8+1 2:1 { (expected a value at byte 0 of the record)"]
    );
}

#[test]
fn what_is_no_json_is_one_bad_record() {
    let image = b"\xff\xd8\xff\xe0\0\n\n{}\n";
    let found = read(image);
    let why = "it is no JSON but a JPEG image";
    let expected = format!("! unreadable 0+10 1:1 {} ({why})", image.escape_ascii());
    assert_eq!(found, [expected.as_str()]);
    assert_eq!(read(&gzip(image)), [expected.as_str()]);

    let long = [image.to_vec(), vec![b'x'; 100_000]].concat();
    let (_, bad) = records_with(Limits::default(), &long, 7);
    assert_eq!((bad.len(), bad[0].1.length, bad[0].1.bytes.len()), (1, 100_010, 64 << 10));
    assert_eq!(read(b""), [""; 0]);
    assert_eq!(read(b" \n\r\n"), [""; 0]);
}

#[test]
fn a_text_that_begins_with_nothing_but_bad_records_is_one() {
    let limits = Limits { unreadable_records: 3, ..Limits::default() };
    let check = |text: &str, expected: &[&str]| {
        for source in [text.as_bytes().to_vec(), gzip(text.as_bytes())] {
            for step in [1, 5, 1000] {
                assert_eq!(read_with(limits, &source, step), expected, "{text} by {step}");
            }
        }
    };
    let message =
        "(its first 3 records are bad, the first one: expected a value at byte 0 of the record)";
    check(
        "\na\nb\nc\nd\n{}\n",
        &[&format!("! unreadable 0+12 1:1 \\na\\nb\\nc\\nd\\n{{}}\\n {message}")],
    );
    check("a\nb\nc", &[&format!("! unreadable 0+5 1:1 a\\nb\\nc {message}")]);
    let bad = |n, line, byte| {
        format!("! invalid_json {n}+1 {line}:1 {byte} (expected a value at byte 0 of the record)")
    };
    check("a\nb\n", &[&bad(0, 1, "a"), &bad(2, 2, "b")]);
    check(
        "a\nb\n{}\nc\nd\ne\n",
        &[
            &bad(0, 1, "a"),
            &bad(2, 2, "b"),
            "{}",
            &bad(7, 4, "c"),
            &bad(9, 5, "d"),
            &bad(11, 6, "e"),
        ],
    );
}

/// Found by fuzzing: the odd byte became a record behind the text that was given up.
#[test]
fn an_odd_byte_belongs_to_the_text_that_was_given_up() {
    let limits = Limits { unreadable_records: 1, ..Limits::default() };
    let source = [utf16("a\nb", u16::to_le_bytes), vec![b'c']].concat();
    let found = read_with(limits, &source, 3);
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("! unreadable 0+9 1:1 "), "{}", found[0]);
}

#[test]
fn each_limit_has_a_reason() {
    let check = |limits, source: &[u8], expected: &[&str]| {
        for step in [1, 1000] {
            assert_eq!(read_with(limits, source, step), expected);
        }
    };
    let limits = Limits { unpacked_bytes: 10, ..Limits::default() };
    let too_much = "(more than 10 bytes come out of the source)";
    check(limits, &gzip(b"{\"a\":123}\n"), &["{\"a\":123}"]);
    let cut = format!("! source_too_large 10+0 2:1  {too_much}");
    check(limits, &gzip(b"{\"a\":123}\n{}\n"), &["{\"a\":123}", &cut]);
    let cut = format!("! source_too_large 6+4 2:1 {{\\\"b\\\" {too_much}");
    check(
        limits,
        &gzip(b"{\"a\":1}\n{\"b\":2}"),
        &["{\"a\":1}", &cut.replace("6+4", "8+2").replace("{\\\"b\\\"", "{\\\"")],
    );

    let limits = Limits { record_bytes: 8, parse_depth: 2, ..Limits::default() };
    check(limits, b"{\"a\":12}\n", &["{\"a\":12}"]);
    check(
        limits,
        b"{\"a\":123}\n{}",
        &["! record_too_large 0+9 1:1 {\\\"a\\\":123} (longer than 8 bytes)", "{}"],
    );
    check(limits, b"{\"a\":{}}\n", &["{\"a\":{}}"]);
    check(
        limits,
        b"{\"a\":[[\n{}",
        &["! too_deep 0+7 1:1 {\\\"a\\\":[[ (nested too deep at byte 6 of the record)", "{}"],
    );

    let bomb = gzip("{}\n".repeat(1 << 20).as_bytes());
    let limits = Limits { compression_ratio_from_bytes: 1 << 20, ..Limits::default() };
    let found = read_with(limits, &bomb, 1000);
    let (last, records) = found.split_last().unwrap();
    assert!(last.starts_with("! compression_ratio "), "{last}");
    assert!(records.len() > 1 << 18 && records.iter().all(|record| record == "{}"));
}

#[test]
fn every_reason_has_a_source_that_gives_it() {
    let limits = Limits {
        record_bytes: 100,
        parse_depth: 4,
        unpacked_bytes: 20_000,
        compression_ratio: 20,
        compression_ratio_from_bytes: 1_000,
        zstd_window_bytes: 1 << 10,
        ..Limits::default()
    };
    let bomb = "{}\n".repeat(6_000);
    let large: Vec<_> = (0..2_000_u64).map(|n| format!("{{\"n\":{}}}\n", n * n * 7_919)).collect();
    let mut window = zstd::Encoder::new(Vec::new(), 1).unwrap();
    window.window_log(11).unwrap();
    window.write_all(b"{}\n").unwrap();
    let window = window.finish().unwrap();
    for reason in Reason::ALL {
        let source = match reason {
            Reason::InvalidJson => b"{}\n{\"a\":}\n".to_vec(),
            Reason::NotAnObject => b"{}\n[1]\n".to_vec(),
            Reason::NotUnicode => b"{}\n{\"a\":\"\xff\"}\n".to_vec(),
            Reason::TooDeep => b"{}\n{\"a\":[[[[]]]]}\n".to_vec(),
            Reason::RecordTooLarge => format!("{{}}\n\"{}\"\n", "x".repeat(100)).into_bytes(),
            Reason::TruncatedInput => b"{}\n{\"a\":".to_vec(),
            Reason::WrapperFields => b"{\"Records\":[{}],\"a\":1}".to_vec(),
            Reason::Unreadable => b"%PDF-1.7".to_vec(),
            Reason::SourceTooLarge => gzip(large.concat().as_bytes()),
            Reason::CompressionRatio => gzip(bomb.as_bytes()),
            Reason::WindowTooLarge => window.clone(),
            // Decided before any of it is read (`alluvium-lake/src/landing.rs`), and once the
            // schema of its table is known (`placed.rs`).
            Reason::NoTable | Reason::Contract => continue,
        };
        let (_, bad) = records_with(limits, &source, 100);
        let reasons: Vec<_> = bad.iter().map(|(_, bad)| bad.reason).collect();
        assert_eq!(reasons, [reason]);
    }
}

/// What is said of bad records: reason, offset and length, whether all bytes are there.
fn bad_with(limits: Limits, source: &[u8]) -> Vec<(Reason, u64, u64, bool)> {
    let found = |step| {
        let (_, bad) = records_with(limits, source, step);
        let bad = bad.into_iter().map(|(_, bad)| bad);
        let all = bad.map(|b| (b.reason, b.position.offset, b.length, b.is_complete()));
        all.collect::<Vec<_>>()
    };
    assert_eq!(found(7), found(1 << 20));
    found(1 << 20)
}

#[test]
fn a_text_that_was_given_up_says_what_cut_it_off() {
    let limits = Limits { unpacked_bytes: 1000, ..Limits::default() };
    let noise = (0..2_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8);
    let image = b"\x89PNG\r\n\x1a\n".iter().copied().chain(noise).collect::<Vec<_>>();
    let found = bad_with(limits, &gzip(&image));
    let cut = (Reason::SourceTooLarge, 1000, 0, false);
    assert_eq!(found, [(Reason::Unreadable, 0, 1000, false), cut]);

    let lines = gzip(b"x\n".repeat(5000).as_slice());
    let broken = &lines[..lines.len() - 12];
    let limits = Limits { unreadable_records: 5, ..Limits::default() };
    let [(Reason::Unreadable, 0, length, false), rest] = bad_with(limits, broken)[..] else {
        panic!("one entry for the text and one for what is missing")
    };
    assert_eq!(rest, (Reason::TruncatedInput, length, 0, false));

    // All of it came before its last record told that it is none.
    let lines = gzip(b"a\nb\nc");
    let limits = Limits { unreadable_records: 3, ..Limits::default() };
    let cut = (Reason::TruncatedInput, 5, 0, false);
    let whole = (Reason::Unreadable, 0, 5, false);
    assert_eq!(bad_with(limits, &lines[..lines.len() - 4]), [whole, cut]);
    assert_eq!(bad_with(limits, &lines), [(Reason::Unreadable, 0, 5, true)]);
}

#[test]
fn a_record_is_complete_only_if_no_byte_of_it_is_missing() {
    let limits = Limits { unpacked_bytes: 10, ..Limits::default() };
    let check = |source: &[u8], expected: &[_]| assert_eq!(bad_with(limits, source), expected);
    let rest = (Reason::SourceTooLarge, 10, 0, false);
    check(&gzip(b"{\"a\":123}\n{}\n"), &[rest]);
    check(&gzip(b"{\"a\":1}\n{\"b\":2}"), &[(Reason::SourceTooLarge, 8, 2, false)]);
    check(&gzip(b"{}\n{\"a\" 123}\n"), &[(Reason::InvalidJson, 3, 7, false), rest]);
    check(
        &gzip(b"{\"a\" 1}\n{}\n"),
        &[(Reason::InvalidJson, 0, 7, true), (Reason::SourceTooLarge, 10, 0, false)],
    );
    // All there is of it, even if that is too little.
    check(b"{}\n{\"a\":", &[(Reason::TruncatedInput, 3, 5, true)]);
}

#[test]
fn no_more_bad_records_are_held_than_a_part_takes() {
    let limits = Limits { unreadable_records: 4, ..Limits::default() };
    let text = b"a\nb\nc\nd\ne\n";
    assert_eq!(bad_with(limits, text).len(), 1);
    assert_eq!(bad_with(Limits { part_records: 3, ..limits }, text).len(), 5);
    // Three times a letter, a message and what else a bad record takes.
    assert_eq!(bad_with(Limits { part_text_bytes: 600, ..limits }, text).len(), 5);
}

#[test]
fn members_of_an_archive_are_named() {
    let archive =
        b"PK\x03\x04\x14\0\x01\0\0\0\0\0\0\0\0\0\0\0\x03\0\0\0\x03\0\0\0\x06\0\0\0a.jsonabc";
    let found = read(archive);
    let archive_end = "(zip: the end is missing)";
    assert_eq!(
        found,
        [
            "! unreadable 0+3 1:1 abc (a.json: it is encrypted)",
            &format!("! truncated_input 3+0 1:1  {archive_end}"),
        ]
    );
}

#[derive(Clone, Copy, Debug)]
enum Packing {
    None,
    Gzip,
    Zstd,
    Bzip2,
    Utf16,
}

fn pack(text: &[u8], packing: Packing) -> Vec<u8> {
    match packing {
        Packing::None => text.to_vec(),
        Packing::Gzip => gzip(text),
        Packing::Zstd => zstd::encode_all(text, 1).unwrap(),
        Packing::Bzip2 => {
            let level = bzip2::Compression::fast();
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), level);
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        }
        Packing::Utf16 => utf16(&String::from_utf8_lossy(text), u16::to_le_bytes),
    }
}

fn any_packing() -> impl Strategy<Value = Packing> {
    proptest::sample::select(vec![
        Packing::None,
        Packing::Gzip,
        Packing::Zstd,
        Packing::Bzip2,
        Packing::Utf16,
    ])
}

fn any_source() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&[u8]> = vec![
        b"{}",
        b"{\"a\":1}",
        b"{\"a\":",
        b"[",
        b"]",
        b",",
        b"\n",
        b"\x1e",
        b"\"",
        b"\\ud800",
        b"x",
        b"{\"Records\":[",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\xff",
        b"PK\x03\x04",
        b"\x1f\x8b\x08",
        b"\x28\xb5\x2f\xfd",
        b"BZh91AY&SY",
        b"\xff\x06\0\0sNaPpY",
        b"PAR1",
        b"\0\0\0\0",
    ];
    let piece = prop_oneof![
        3 => proptest::sample::select(pieces).prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
    ];
    let text = proptest::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat());
    (text, any_packing(), any::<proptest::sample::Index>(), any::<Option<u8>>()).prop_map(
        |(text, packing, at, damage)| {
            let mut source = pack(&text, packing);
            if let (Some(damage), false) = (damage, source.is_empty()) {
                let at = at.index(source.len());
                source[at] ^= damage;
                source.truncate(source.len() - (usize::from(damage) % 7).min(source.len() - 1));
            }
            source
        },
    )
}

proptest! {
    #[test]
    fn reading_is_total_and_chunks_do_not_matter(source in any_source(), step in 1_usize..40) {
        let limits = Limits { record_bytes: 50, unreadable_records: 4, ..Limits::default() };
        let limits = Limits { unpacked_bytes: 300, ..limits };
        let whole = records_with(limits, &source, usize::MAX);
        prop_assert_eq!(&records_with(limits, &source, step), &whole);
        let (_, bad) = whole;
        let mut end = 0;
        for (_, bad) in bad {
            prop_assert!(bad.position.offset >= end, "{} before {}", bad.position.offset, end);
            end = bad.position.offset + bad.length;
        }
    }

    #[test]
    fn bad_records_point_at_their_bytes(text in any_source(), packing in any_packing()) {
        let text = String::from_utf8_lossy(&text).replace('\0', "0");
        let source = pack(text.as_bytes(), packing);
        let plain = if let Packing::Utf16 = packing { source.clone() } else { text.into_bytes() };
        let (_, bad) = records_with(Limits::default(), &source, 11);
        for (_, bad) in bad {
            let begin = usize::try_from(bad.position.offset).unwrap();
            let end = begin + usize::try_from(bad.length).unwrap();
            prop_assert_eq!(bad.bytes.len() as u64, bad.length);
            prop_assert_eq!(plain[begin..end].escape_ascii().to_string(), bad.bytes.escape_ascii().to_string());
        }
    }

    #[test]
    fn a_bad_record_changes_nothing_about_its_neighbours(
        lines in proptest::collection::vec(prop_oneof![
            Just("{\"n\":0}".to_owned()),
            "\\{\"[a-z]{1,3}\":[0-9]{1,3}\\}",
            "[^\n\u{1e}]{0,40}",
        ], 1..12),
        bad in "\\{\"[^\n\u{1e}]{0,40}",
        at in any::<proptest::sample::Index>(),
        packing in any_packing(),
    ) {
        let is_good = |line: &String| {
            serde_json::from_str::<serde_json::Map<_, _>>(line).is_ok()
        };
        // The first record tells that records are lines.
        let first = std::iter::once("{\"first\":true}".to_owned());
        let good: Vec<_> = first.chain(lines.into_iter().filter(is_good)).collect();
        let bad = format!("{bad}!");
        let texts = [
            (good.iter().map(|line| format!("{line}\n")).collect::<Vec<_>>(), format!("{bad}\n")),
            (good.iter().map(|line| format!("\u{1e}{line}\n")).collect(), format!("\u{1e}{bad}\n")),
        ];
        for (mut records, bad) in texts {
            let at = at.index(records.len()) + 1;
            let without = records_with(Limits::default(), &pack(records.concat().as_bytes(), packing), 9);
            records.insert(at, bad);
            let with = records_with(Limits::default(), &pack(records.concat().as_bytes(), packing), 9);
            let texts = |records: Numbered<String>| -> Vec<String> {
                records.into_iter().map(|(_, record)| record).collect()
            };
            prop_assert_eq!(with.1.len(), 1);
            prop_assert_eq!(with.1[0].0, at);
            prop_assert_eq!(texts(with.0), texts(without.0));
        }
    }
}
