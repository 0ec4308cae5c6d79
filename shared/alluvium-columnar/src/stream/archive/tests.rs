use super::*;

fn record(sequence: &str, partition_key: &str, data: &'static [u8]) -> StreamRecord {
    StreamRecord {
        sequence: sequence.parse().unwrap(),
        arrived_at: "2026-11-27T23:59:59.987Z".parse().unwrap(),
        partition_key: partition_key.to_owned(),
        data: Bytes::from_static(data),
    }
}

fn lines(records: &[StreamRecord]) -> String {
    let packed = encode_archive(records).unwrap();
    String::from_utf8(zstd::decode_all(&packed[..]).unwrap()).unwrap()
}

fn archive_of(text: &[u8]) -> Vec<u8> {
    pack(text).unwrap()
}

fn wrong(bytes: &[u8]) -> String {
    let error = decode_archive(bytes).unwrap_err();
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    let (source, _place) = source.split_once(" at line").unwrap_or((&source, ""));
    format!("{:?} {error}: {source}", error.kind())
}

#[test]
fn an_archive_is_a_line_a_record() {
    let records = [
        record("4954", "camera/17", b"{\"id\":1}\n{\"id\":2}\n"),
        record("4955", "\u{e9}\"", b"\x1f\x8b\x08"),
        record("4956", "", b""),
        record("4957", "nul", b"a\0b"),
    ];
    let expected = [
        r#"{"sequence":"4954","arrived_at":"2026-11-27T23:59:59.987Z","partition_key":"camera/17","encoding":"text","data":"{\"id\":1}\n{\"id\":2}\n"}"#,
        r#"{"sequence":"4955","arrived_at":"2026-11-27T23:59:59.987Z","partition_key":"é\"","encoding":"base64","data":"H4sI"}"#,
        r#"{"sequence":"4956","arrived_at":"2026-11-27T23:59:59.987Z","partition_key":"","encoding":"text","data":""}"#,
        r#"{"sequence":"4957","arrived_at":"2026-11-27T23:59:59.987Z","partition_key":"nul","encoding":"base64","data":"YQBi"}"#,
    ];
    assert_eq!(lines(&records).lines().collect::<Vec<_>>(), expected);
    assert_eq!(decode_archive(&encode_archive(&records).unwrap()).unwrap(), records);
}

#[test]
fn no_records_make_an_archive_that_is_not_empty() {
    let packed = encode_archive(&[]).unwrap();
    assert!(!packed.is_empty());
    assert_eq!(decode_archive(&packed).unwrap(), []);
}

#[test]
fn what_is_no_archive_says_why() {
    assert_eq!(wrong(b""), "Absent the archive was dropped: ");
    let plain = wrong(b"{\"sequence\":\"1\"}\n");
    assert_eq!(plain, "Invalid the archive cannot be unpacked: Unknown frame descriptor");
    let check = |line: &[u8], expected: &str| {
        let good = lines(&[record("1", "k", b"1")]);
        let found = wrong(&archive_of(&[good.as_bytes(), line, b"\n"].concat()));
        assert_eq!(found, format!("Invalid line 2 of the archive is no record: {expected}"));
    };
    check(b"", "EOF while parsing a value");
    check(b"\xff", "invalid utf-8 sequence of 1 bytes from index 0");
    let line = lines(&[record("1", "k", b"\xff")]);
    let check = |from: &str, to: &str, expected: &str| {
        check(line.trim_end().replacen(from, to, 1).as_bytes(), expected);
    };
    check("/w==", "/w=", "Invalid padding");
    check("base64", "gzip", "unknown variant `gzip`, expected `text` or `base64`");
    check("\"1\"", "\"-1\"", "`-1` is not a sequence number: up to 78 digits");
    let fields = "`sequence`, `arrived_at`, `partition_key`, `encoding`, `data`";
    let unknown = format!("unknown field `more`, expected one of {fields}");
    check("{", "{\"more\":1,", &unknown);
}

#[test]
fn a_damaged_byte_is_noticed_wherever_it_is() {
    let records = [record("1", "camera/17", b"{\"id\":1}"), record("2", "door/1", b"\xff\xfe")];
    let packed = encode_archive(&records).unwrap();
    for at in 0..packed.len() {
        let mut damaged = packed.to_vec();
        damaged[at] ^= 1;
        let read = decode_archive(&damaged);
        assert!(read.is_err() || read.as_ref().unwrap() == &records, "{at}: {read:?}");
        assert!(decode_archive(&packed[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn no_object_takes_more_memory_than_the_largest_archive() {
    let bomb = archive_of(&vec![b' '; TEXT_BYTES_MAX + 2]);
    assert!(bomb.len() < 100_000);
    assert_eq!(wrong(&bomb), "Invalid the archive has more than 268435456 bytes of text: ");
}

#[test]
fn the_bytes_depend_on_the_records_alone() {
    let records = || [record("1", "k", b"{\"id\":1}"), record("2", "k", b"\xff")];
    assert_eq!(encode_archive(&records()).unwrap(), encode_archive(&records()).unwrap());
}
