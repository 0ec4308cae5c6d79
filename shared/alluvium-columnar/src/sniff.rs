//! What bytes are, told by how they begin.
//!
//! Names and media types are never asked: producers get them wrong. What is not known here is
//! taken for JSON, and if it is none its records say so.

/// Bytes at the beginning that suffice to tell; fewer do if there are no more.
pub(crate) const HEAD_BYTES: usize = 265;

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

/// What a tar file says there, as POSIX and as GNU have it.
const TAR_MAGIC: [&[u8]; 2] = [b"ustar\0", b"ustar  \0"];

/// JSON text never begins with any of these, nor does what is packed, nor does a line that might
/// stand before JSON: one that is taken for another thing here takes the whole text along, while
/// other things are noticed later by their records.
const FOREIGN: [(&[u8], &str); 17] = [
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"%PDF-", "a PDF document"),
    (b"Obj\x01", "an Avro file"),
    (b"ARROW1\0\0", "an Arrow file"),
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
];

/// These may also be words, unless what follows is no text.
const FOREIGN_WORDS: [(&[u8], &str); 2] = [(b"PAR1", "a Parquet file"), (b"ORC", "an ORC file")];
/// Bytes behind such a word in which there is one that no text has.
const BEHIND_WORD_BYTES: usize = 16;

/// Tells what begins with `head`: all of it, or its first [`HEAD_BYTES`].
pub(crate) fn sniff(head: &[u8]) -> Content {
    if let Some(format) = packed(head) {
        return Content::Packed(format);
    }
    if let Some(what) = foreign(head) {
        return Content::Foreign(what);
    }
    match head {
        [0xff, 0xfe, ..] => Content::Text(Charset::Utf16Le),
        [0xfe, 0xff, ..] => Content::Text(Charset::Utf16Be),
        _ => Content::Text(Charset::Utf8),
    }
}

fn foreign(head: &[u8]) -> Option<&'static str> {
    if let Some((_, what)) = FOREIGN.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(what);
    }
    let is_word = |word: &[u8]| head.strip_prefix(word).is_some_and(is_no_text);
    if let Some((_, what)) = FOREIGN_WORDS.iter().find(|(word, _)| is_word(word)) {
        return Some(what);
    }
    let tar = head.get(TAR_MAGIC_AT..).unwrap_or_default();
    if TAR_MAGIC.iter().any(|magic| tar.starts_with(magic)) {
        return Some("a tar archive, which is not read");
    }
    match head {
        [b'{' | b'[', 0, _, 0, ..] | [0, b'{' | b'[', 0, _, ..] => {
            Some("UTF-16 without a byte order mark, which is not read")
        }
        _ => None,
    }
}

/// Whether a control character other than white space and separators of records comes soon.
fn is_no_text(bytes: &[u8]) -> bool {
    let control = |byte: &u8| matches!(byte, 0..=8 | 0x0b..=0x0c | 0x0e..=0x1d | 0x1f | 0x7f);
    bytes.iter().take(BEHIND_WORD_BYTES).any(control)
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
        check(b"ORC\x0a\x0b\x0a\x03\0\0\0", Content::Foreign("an ORC file"));
        check(b"GIF89a\x01\0", Content::Foreign("a GIF image"));
        let utf16 = Content::Foreign("UTF-16 without a byte order mark, which is not read");
        check(b"{\0\"\0", utf16);
        check(b"\0[\0{", utf16);
        for magic in [&b"ustar\x0000"[..], b"ustar  \0"] {
            let mut tar = vec![b'x'; TAR_MAGIC_AT];
            tar.extend(magic);
            assert_eq!(tar.len(), HEAD_BYTES);
            check(&tar, Content::Foreign("a tar archive, which is not read"));
        }
    }

    /// Each of these had a whole file of records given up.
    #[test]
    fn no_few_letters_have_a_text_given_up() {
        let check = |head: &[u8]| assert_eq!(sniff(head), Content::Text(Charset::Utf8), "{head:?}");
        for line in ["ORC", "GIF8", "GIF", "MZ", "PAR1", "ARROW1", "Obj", "<?xml version=\"1.0\"?>"]
        {
            check(format!("{line}\n{{\"n\":1}}\n{{\"n\":2}}\n").as_bytes());
        }
        check(b"\0{\"n\":1}\n");
        check(b"\0\0\0\0{\"n\":1}\n");
        check(b"{\0");
        let record = format!("{{\"s\":\"{}ustar\",\"n\":1}}", "x".repeat(TAR_MAGIC_AT - 6));
        assert_eq!(record.find("ustar"), Some(TAR_MAGIC_AT));
        check(record.as_bytes());
        check(record.replace("ustar", "ustar  ").as_bytes());
    }

    #[test]
    fn nothing_foreign_begins_like_json() {
        for (magic, what) in FOREIGN.into_iter().chain(FOREIGN_WORDS) {
            let text = std::str::from_utf8(magic).unwrap_or_default();
            let json = text.starts_with(['{', '[', '"', ' ', '\n', '-', 't', 'f', 'n']);
            assert!(!json || text.contains('\0'), "{what}");
        }
    }
}
