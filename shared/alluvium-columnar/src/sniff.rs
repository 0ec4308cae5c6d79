//! What bytes are, told by how they begin.
//!
//! Names and media types are never asked: producers get them wrong. What is not known here is
//! taken for JSON, and if it is none its records say so.

/// Bytes at the beginning that suffice to tell; fewer do if there are no more.
pub(crate) const HEAD_BYTES: usize = 262;

/// What some bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Text(Charset),
    Packed(Format),
    /// Neither JSON nor anything that could hold some, and what it is instead.
    Foreign(&'static str),
}

/// How a text is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Charset {
    #[default]
    Utf8,
    Utf16Le,
    Utf16Be,
}

/// How bytes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Gzip,
    Zstd,
    Bzip2,
    Snappy,
    Zip,
}

/// Where a tar file says what it is.
const TAR_MAGIC_AT: usize = 257;

/// JSON text never begins with any of these, nor does what is packed.
const FOREIGN: [(&[u8], &str); 23] = [
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF-", "a PDF document"),
    (b"PAR1", "a Parquet file"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC", "an ORC file"),
    (b"ARROW1", "an Arrow file"),
    (b"\xf3\x89\x9a\xc2", "an aggregate of the Kinesis Producer Library"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90\0", "a program"),
    (b"\xfd7zXZ\0", "compressed with xz, which is not read"),
    (b"\x04\x22\x4d\x18", "compressed with LZ4, which is not read"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive, which is not read"),
    (b"Rar!\x1a\x07", "a RAR archive, which is not read"),
    (b"\0\0\xfe\xff", "text in UTF-32, which is not read"),
    (b"\xff\xfe\0\0", "text in UTF-32, which is not read"),
    (b"{\0", "UTF-16 without a byte order mark, which is not read"),
    (b"[\0", "UTF-16 without a byte order mark, which is not read"),
    (b"\0{", "UTF-16 without a byte order mark, which is not read"),
    (b"\0[", "UTF-16 without a byte order mark, which is not read"),
    (b"<?xml", "XML"),
];

/// Tells what begins with `head`: all of it, or its first [`HEAD_BYTES`].
pub(crate) fn sniff(head: &[u8]) -> Content {
    if let Some(format) = packed(head) {
        return Content::Packed(format);
    }
    if let Some((_, what)) = FOREIGN.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Content::Foreign(what);
    }
    if head.get(TAR_MAGIC_AT..).is_some_and(|rest| rest.starts_with(b"ustar")) {
        return Content::Foreign("a tar archive, which is not read");
    }
    match head {
        [0xff, 0xfe, ..] => Content::Text(Charset::Utf16Le),
        [0xfe, 0xff, ..] => Content::Text(Charset::Utf16Be),
        _ => Content::Text(Charset::Utf8),
    }
}

fn packed(head: &[u8]) -> Option<Format> {
    match head {
        [0x1f, 0x8b, ..] => Some(Format::Gzip),
        // A frame, or one that holds no data and is to be skipped.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Format::Zstd),
        [b'B', b'Z', b'h', b'1'..=b'9', block @ ..]
            if block.starts_with(b"1AY&SY") || block.starts_with(b"\x17rE8P\x90") =>
        {
            Some(Format::Bzip2)
        }
        _ if head.starts_with(b"\xff\x06\0\0sNaPpY") => Some(Format::Snappy),
        // A member, or the end of an archive without any.
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Format::Zip),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_told_by_its_beginning() {
        let check = |head: &[u8], expected| assert_eq!(sniff(head), expected, "{head:?}");
        check(b"", Content::Text(Charset::Utf8));
        check(b"{\"a\":1}", Content::Text(Charset::Utf8));
        check(b"\xef\xbb\xbf{}", Content::Text(Charset::Utf8));
        check(b"\xff\xfe{\0", Content::Text(Charset::Utf16Le));
        check(b"\xfe\xff\0{", Content::Text(Charset::Utf16Be));
        check(b"\x1f\x8b\x08", Content::Packed(Format::Gzip));
        check(b"\x28\xb5\x2f\xfd", Content::Packed(Format::Zstd));
        check(b"\x5a\x2a\x4d\x18", Content::Packed(Format::Zstd));
        check(b"BZh91AY&SY", Content::Packed(Format::Bzip2));
        check(b"BZh9 is a word", Content::Text(Charset::Utf8));
        check(b"\xff\x06\0\0sNaPpY\0", Content::Packed(Format::Snappy));
        check(b"PK\x03\x04", Content::Packed(Format::Zip));
        check(b"PK\x05\x06", Content::Packed(Format::Zip));
        check(b"\xff\xd8\xff\xe0\0\x10JFIF", Content::Foreign("a JPEG image"));
        check(b"PAR1\x15\x04", Content::Foreign("a Parquet file"));
        check(b"\xff\xfe\0\0", Content::Foreign("text in UTF-32, which is not read"));
        let mut tar = vec![b'x'; TAR_MAGIC_AT];
        tar.extend(b"ustar");
        assert_eq!(tar.len(), HEAD_BYTES);
        check(&tar, Content::Foreign("a tar archive, which is not read"));
    }

    #[test]
    fn nothing_foreign_begins_like_json() {
        for (magic, what) in FOREIGN {
            let text = std::str::from_utf8(magic).unwrap_or_default();
            let json = text.starts_with(['{', '[', '"', ' ', '\n', '-', 't', 'f', 'n']);
            assert!(!json || text.contains('\0'), "{what}");
        }
    }
}
