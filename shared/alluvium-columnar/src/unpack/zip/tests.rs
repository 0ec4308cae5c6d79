use std::io::Write as _;

use alluvium_model::Limits;

use crate::unpack::tests::{check, gzip, unpacked, unpacked_with};

/// How an archive is written: what it says of its members, and where.
#[derive(Clone, Copy, Default)]
struct Writing {
    method: u16,
    flags: u16,
    /// Sizes and checksum follow the data instead of preceding it, in one of these forms.
    descriptor: Option<Descriptor>,
    /// Whether sizes are told in an extra field.
    zip64: bool,
}

#[derive(Clone, Copy, Debug)]
struct Descriptor {
    signed: bool,
    size_bytes: usize,
}

fn deflate(text: &[u8]) -> Vec<u8> {
    let mut encoder =
        flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn size(value: usize, size_bytes: usize) -> Vec<u8> {
    (value as u64).to_le_bytes()[..size_bytes].to_vec()
}

fn member(name: &str, text: &[u8], writing: Writing) -> Vec<u8> {
    let data = match writing.method {
        8 => deflate(text),
        12 => super::super::tests::bzip2(text),
        _ => text.to_vec(),
    };
    let checksum = crc32fast::hash(text).to_le_bytes();
    let later = writing.descriptor.is_some();
    let flags = writing.flags | u16::from(later) << 3;
    let sizes = match writing {
        Writing { zip64: true, .. } => [[0xff; 4], [0xff; 4]].concat(),
        _ if later => vec![0; 8],
        _ => [size(data.len(), 4), size(text.len(), 4)].concat(),
    };
    let zip64 = [&[1, 0, 16, 0][..], &size(text.len(), 8), &size(data.len(), 8)].concat();
    let extra = if writing.zip64 { zip64 } else { Vec::new() };
    let mut bytes = b"PK\x03\x04\x14\0".to_vec();
    bytes.extend(flags.to_le_bytes());
    bytes.extend(writing.method.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(if later { [0; 4] } else { checksum });
    bytes.extend(sizes);
    bytes.extend(size(name.len(), 2));
    bytes.extend(size(extra.len(), 2));
    bytes.extend(name.as_bytes());
    bytes.extend(extra);
    bytes.extend(&data);
    if let Some(Descriptor { signed, size_bytes }) = writing.descriptor {
        bytes.extend(if signed { &b"PK\x07\x08"[..] } else { &[] });
        bytes.extend(checksum);
        bytes.extend(size(data.len(), size_bytes));
        bytes.extend(size(text.len(), size_bytes));
    }
    bytes
}

/// Members with a directory and an end behind them.
fn archive(members: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = members.concat();
    for _ in members {
        bytes.extend(b"PK\x01\x02");
        bytes.extend([0; 24]);
        bytes.extend([3, 0, 1, 0, 0, 0]);
        bytes.extend([0; 12]);
        bytes.extend(b"abcd");
    }
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend(size(members.len(), 2));
    bytes.extend(size(members.len(), 2));
    bytes.extend([0; 10]);
    bytes
}

/// An archive of nothing but what macOS might have noted.
pub(in crate::unpack) fn beside_the_files(text: &[u8]) -> Vec<u8> {
    archive(&[member("__MACOSX/a", text, DEFLATED)])
}

const DEFLATED: Writing = Writing { method: 8, flags: 0, descriptor: None, zip64: false };

#[test]
fn members_are_texts_in_their_order() {
    let stored = Writing::default();
    let members = [
        member("folder/", b"", stored),
        member("folder/a.json", b"{\"a\":1}", stored),
        member("__MACOSX/folder/._a.json", b"\0\x05\x16\x07", stored),
        member("b.json", b"{\"b\":2}", DEFLATED),
        member("c", b"", stored),
    ];
    check(&archive(&members), "<folder/a.json>{\"a\":1}<end><b.json>{\"b\":2}<end><c><end>");
    check(&archive(&[]), "");
}

#[test]
fn what_is_packed_in_a_member_is_unpacked() {
    let gzipped = gzip(b"{}");
    check(&archive(&[member("a.gz", &gzipped, DEFLATED)]), "<a.gz>{}<end>");
    let bzip2 = Writing { method: 12, ..DEFLATED };
    check(&archive(&[member("a", b"{}", bzip2)]), "<a>{}<end>");
    let within = archive(&[member("a", b"{}", DEFLATED)]);
    check(&archive(&[member("b", &within, DEFLATED)]), "<b/a>{}<end>");
}

#[test]
fn sizes_may_stand_anywhere() {
    let lines = "{\"n\":1} PK\u{7}\u{8} PK\n".repeat(5_000);
    for method in [0, 8] {
        let writing = Writing { method, ..DEFLATED };
        let mut writings = vec![writing, Writing { zip64: true, ..writing }];
        for (signed, size_bytes) in [(true, 4), (true, 8), (false, 4), (false, 8)] {
            // The end of what is stored is found by the signature behind it.
            if signed || method == 8 {
                let descriptor = Some(Descriptor { signed, size_bytes });
                writings.push(Writing { descriptor, ..writing });
            }
        }
        for writing in writings {
            let members = [member("a", lines.as_bytes(), writing), member("b", b"{}", writing)];
            let found = unpacked(&archive(&members));
            let end = found.trim_start_matches(&format!("<a>{lines}"));
            let Writing { descriptor, zip64, .. } = writing;
            assert_eq!(end, "<end><b>{}<end>", "{method} {descriptor:?} {zip64}");
        }
    }
}

#[test]
fn what_cannot_be_read_is_passed_on_alone() {
    let good = member("good", b"{}", DEFLATED);
    let encrypted = Writing { flags: 1, ..Writing::default() };
    let members = [member("a", b"secret", encrypted), good.clone()];
    check(&archive(&members), "<a!it is encrypted>secret<end><good>{}<end>");
    let lzma = Writing { method: 14, ..DEFLATED };
    let members = [member("a", b"lzma", lzma), good.clone()];
    let why = "it is packed by method 14, which is not read";
    check(&archive(&members), &format!("<a!{why}>lzma<end><good>{{}}<end>"));
    let descriptor = Some(Descriptor { signed: true, size_bytes: 4 });
    let unknown = member("a", b"secret", Writing { descriptor, ..encrypted });
    let found = unpacked(&[unknown, good].concat());
    assert!(found.starts_with("<a!it is encrypted>secretPK\u{7}\u{8}"), "{found:?}");
}

#[test]
fn damage_stays_with_its_member_where_the_next_one_can_be_found() {
    let good = member("good", b"{}", DEFLATED);
    let spoil = |writing, at: fn(usize) -> usize| {
        let mut bad = member("bad", "{\"a\":1}\n".repeat(1000).as_bytes(), writing);
        let at = at(bad.len());
        bad[at] ^= 0xff;
        unpacked(&archive(&[bad, good.clone()]))
    };
    let stored = Writing::default();
    let wrong_text = spoil(stored, |length| length - 1);
    let expected = "<truncated_input: zip: the checksum of the member is wrong><good>{}<end>";
    assert!(wrong_text.ends_with(expected), "{wrong_text}");
    let wrong_data = spoil(DEFLATED, |length| length - 8);
    assert!(wrong_data.contains("<truncated_input: zip: "), "{wrong_data}");
    assert!(wrong_data.ends_with("<good>{}<end>"), "{wrong_data}");
}

#[test]
fn nothing_behind_the_end_of_an_archive_vanishes() {
    let one = |name| archive(&[member(name, b"{}", DEFLATED)]);
    let first = one("a");
    check(&[first.clone(), one("b")].concat(), "<a>{}<end><b>{}<end>");
    check(&[first.clone(), archive(&[]), vec![0; 600], one("b")].concat(), "<a>{}<end><b>{}<end>");
    check(&[first.clone(), vec![0; 600]].concat(), "<a>{}<end>");
    for junk in [&b"junk"[..], b"j", b"\0\0junk and more", b"PK", b"PK\x01\x02", b"{\"a\":1}\n"] {
        let expected = "<a>{}<end><><truncated_input: zip: what follows the archive is none>";
        check(&[&first, junk].concat(), expected);
    }
    let mut commented = first;
    let length = commented.len();
    commented[length - 2] = 7;
    check(&[&commented, &b"comment"[..], &one("b")].concat(), "<a>{}<end><b>{}<end>");
    let missing = "<a>{}<end><><truncated_input: zip: the end is missing>";
    check(&[&commented, &b"comm"[..]].concat(), missing);
}

/// The ends of an archive that names this many members in the larger one.
fn large_end(named: usize) -> Vec<u8> {
    let mut bytes = [&b"PK\x06\x06"[..], &size(44 + 5, 8), &[0; 12]].concat();
    bytes.extend([size(named, 8), size(named, 8), vec![0; 16], b"extra".to_vec()].concat());
    bytes.extend([&b"PK\x06\x07"[..], &[0; 16]].concat());
    bytes.extend([&b"PK\x05\x06\0\0\0\0"[..], &[0xff; 12], &[0; 2]].concat());
    bytes
}

#[test]
fn a_large_archive_is_checked_by_its_own_end() {
    let member = member("a", b"{}", DEFLATED);
    let with = |end: &[u8]| [&member, end].concat();
    check(&with(&large_end(1)), "<a>{}<end>");
    let wrong = "<a>{}<end><><truncated_input: zip: it names 70000 members and has 1>";
    check(&with(&large_end(70_000)), wrong);
    let missing = "<a>{}<end><><truncated_input: zip: the end is missing>";
    let end = large_end(1);
    for length in 0..end.len() {
        check(&with(&end[..length]), missing);
    }
    let short = "<a>{}<end><><truncated_input: zip: the end of its directory is too short>";
    check(&with(&[&b"PK\x06\x06"[..], &[0; 52]].concat()), short);
    let descriptor = Some(Descriptor { signed: false, size_bytes: 4 });
    let member = self::member("a", b"{}", Writing { descriptor, ..DEFLATED });
    let others = b"PK\x06\x08\x02\0\0\0abPK\x05\x05\x02\0ab";
    check(&[&member, &others[..], &large_end(1)].concat(), "<a>{}<end>");
}

#[test]
fn an_archive_that_is_cut_off_says_so() {
    let whole = archive(&[member("a", b"{}", DEFLATED), member("b", b"{\"b\":1}", DEFLATED)]);
    let end = "<truncated_input: zip: the end is missing>";
    for length in (4..whole.len()).rev() {
        let found = unpacked(&whole[..length]);
        assert!(found.ends_with(end), "{length}: {found}");
    }
    let missing = archive(&[member("a", b"{}", DEFLATED), Vec::new()]);
    let expected = "<a>{}<end><><truncated_input: zip: it names 2 members and has 1>";
    check(&missing, expected);
}

#[test]
fn behind_a_limit_no_member_is_unpacked() {
    let text = vec![b' '; 10_000];
    let limits = Limits { unpacked_bytes: 12_000, ..Limits::default() };
    // It may strike in the archive or within what a member packs.
    for content in [text.clone(), gzip(&text)] {
        let members = ["1", "2", "3"].map(|name| member(name, &content, DEFLATED));
        for step in [1, 1_000] {
            let found = unpacked_with(limits, &archive(&members), step);
            let found = String::from_utf8(found).unwrap();
            assert_eq!(found.matches("source_too_large").count(), 1, "{found}");
            assert!(found.contains("<2>") && !found.contains("<3>"), "{found}");
        }
    }
}
