//! Where in a source something stands, counted in the bytes that the source has.
//!
//! Texts are framed as UTF-8, but a position must point at the bytes that are there, so that
//! text from UTF-16 is measured, and given back, as what it came from.

use std::borrow::Cow;

use crate::{sniff::Charset, utf16};

/// Where something stands in a source, once that is unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// From the beginning, in bytes, from 0. The members of an archive count as one after the
    /// other.
    pub offset: u64,
    /// From 1; in an archive from the beginning of the member.
    pub line: u64,
    /// From 1, in bytes; in UTF-16 in units of two bytes.
    pub column: u64,
}

impl Position {
    /// The beginning of a source.
    pub const BEGIN: Self = Self { offset: 0, line: 1, column: 1 };
}

/// A place that moves through a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    charset: Charset,
    offset: u64,
    line: u64,
    line_begin: u64,
}

impl Place {
    /// The beginning of a text that begins at this offset of the source.
    pub(crate) const fn new(charset: Charset, offset: u64) -> Self {
        Self { charset, offset, line: 1, line_begin: offset }
    }

    pub(crate) const fn position(&self) -> Position {
        let column = (self.offset - self.line_begin) / self.charset.unit_bytes() + 1;
        Position { offset: self.offset, line: self.line, column }
    }

    /// Bytes of the source between an earlier place and this one.
    pub(crate) const fn offset_since(&self, earlier: Self) -> u64 {
        self.offset - earlier.offset
    }

    /// Passes a byte order mark, which stands in no column.
    pub(crate) fn pass_mark(&mut self, mark: &[u8]) {
        self.offset += self.charset.source_length(mark);
        self.line_begin = self.offset;
    }

    /// Passes one byte of ASCII.
    pub(crate) const fn pass_byte(&mut self, byte: u8) {
        self.offset += self.charset.unit_bytes();
        if byte == b'\n' {
            self.line += 1;
            self.line_begin = self.offset;
        }
    }

    /// Passes some text; says whether a line ended in it.
    pub(crate) fn pass(&mut self, text: &[u8]) -> bool {
        let end = self.offset + self.charset.source_length(text);
        let last = memchr::memrchr(b'\n', text);
        if let Some(last) = last {
            self.line += memchr::memchr_iter(b'\n', text).count() as u64;
            let behind = text.get(last + 1..).unwrap_or_default();
            self.line_begin = end - self.charset.source_length(behind);
        }
        self.offset = end;
        last.is_some()
    }

    /// Passes bytes that were not read, as if no line ended in them.
    pub(crate) const fn pass_unread(&mut self, bytes: u64) {
        self.offset += bytes;
    }

    pub(crate) const fn charset(&self) -> Charset {
        self.charset
    }
}

impl Charset {
    const fn unit_bytes(self) -> u64 {
        match self {
            Self::Utf8 => 1,
            Self::Utf16Le | Self::Utf16Be => 2,
        }
    }

    /// The bytes of the source that some text came from.
    pub(crate) fn source_bytes(self, text: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Utf8 => Cow::Borrowed(text),
            Self::Utf16Le => Cow::Owned(utf16::encode(text, u16::to_le_bytes)),
            Self::Utf16Be => Cow::Owned(utf16::encode(text, u16::to_be_bytes)),
        }
    }

    /// How many bytes of the source some text came from.
    pub(crate) fn source_length(self, text: &[u8]) -> u64 {
        match self {
            Self::Utf8 => text.len() as u64,
            Self::Utf16Le | Self::Utf16Be => utf16::encoded_length(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_are_those_of_an_editor() {
        let check = |charset, mark: &str, text: &str, expected: (u64, u64, u64)| {
            let mut whole = Place::new(charset, 0);
            whole.pass_mark(mark.as_bytes());
            let mut bytewise = whole;
            whole.pass(text.as_bytes());
            let Position { offset, line, column } = whole.position();
            assert_eq!((offset, line, column), expected, "{text}");
            if text.is_ascii() {
                text.bytes().for_each(|byte| bytewise.pass_byte(byte));
                assert_eq!(bytewise.position(), whole.position());
            }
        };
        check(Charset::Utf8, "", "", (0, 1, 1));
        check(Charset::Utf8, "\u{feff}", "ab", (5, 1, 3));
        check(Charset::Utf8, "", "a\n\nbc", (5, 3, 3));
        check(Charset::Utf8, "", "a\né", (4, 2, 3));
        check(Charset::Utf16Le, "\u{feff}", "a\né", (8, 2, 2));
        check(Charset::Utf16Be, "\u{feff}", "a\n😀b", (12, 2, 4));
    }
}
