//! Where a string, a number or a literal ends, and whether it is one.

use std::ops::Range;

use wide::u8x16;

use super::Flaw;
use crate::{
    members::Shape,
    text::{plain_bytes, short_content},
};

/// Bytes of a number that are looked at together.
const BLOCK_BYTES: usize = 16;

/// Why a scan ends before its value does.
pub(super) enum Stop {
    Incomplete,
    /// The byte `at` is not what the grammar allows.
    Bad {
        at: usize,
        flaw: Flaw,
    },
}

/// What a string has of escapes.
#[derive(Clone, Copy, Default)]
pub(super) struct Escapes {
    pub(super) any: bool,
    pub(super) lone_surrogate: bool,
}

/// The text that is scanned, by a look at any place of it.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    bytes: &'a [u8],
    /// Whether nothing follows.
    ended: bool,
}

#[expect(clippy::inline_always, reason = "what is not inlined has its scanner wait for it")]
impl<'a> Input<'a> {
    pub(super) const fn new(bytes: &'a [u8], ended: bool) -> Self {
        Self { bytes, ended }
    }

    #[inline]
    pub(super) fn byte(self, at: usize) -> Result<u8, Stop> {
        self.bytes.get(at).copied().ok_or(Stop::Incomplete)
    }

    #[inline]
    pub(super) fn bytes(self, range: Range<usize>) -> &'a [u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    /// Where white space ends that begins at `at`, and what is there.
    pub(super) fn behind_space(self, mut at: usize) -> Result<(usize, u8), Stop> {
        loop {
            match self.byte(at)? {
                b' ' | b'\t' | b'\n' | b'\r' => at += 1,
                byte => return Ok((at, byte)),
            }
        }
    }

    /// Where the string that begins at `at` ends, if one look tells.
    #[inline(always)]
    pub(super) fn short_string(self, at: usize) -> Option<usize> {
        short_content(self.bytes.get(at + 1..)?).map(|bytes| at + bytes + 2)
    }

    /// Where the string that begins at `at` ends, and what it has of escapes.
    #[inline(never)]
    pub(super) fn long_string(self, at: usize) -> Result<(usize, Escapes), Stop> {
        let mut at = at + 1;
        let mut escapes = Escapes::default();
        loop {
            at += plain_bytes(self.rest(at));
            match self.byte(at)? {
                b'"' => return Ok((at + 1, escapes)),
                b'\\' => {
                    let (end, is_lone) = self.escape(at)?;
                    at = end;
                    escapes.any = true;
                    escapes.lone_surrogate |= is_lone;
                }
                _ => return Err(Stop::Bad { at, flaw: Flaw::ControlCharacter }),
            }
        }
    }

    /// Where the escape ends whose backslash is at `at`, and whether it is half a character.
    fn escape(self, at: usize) -> Result<(usize, bool), Stop> {
        let at = at + 1;
        match self.byte(at)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok((at + 1, false)),
            b'u' => {
                let (end, unit) = self.unicode_escape(at)?;
                match unit {
                    0xd800..=0xdbff => self.second_half(end),
                    0xdc00..=0xdfff => Ok((end, true)),
                    _ => Ok((end, false)),
                }
            }
            _ => Err(Stop::Bad { at, flaw: Flaw::Escape }),
        }
    }

    /// The same behind the first half of a pair: the second must follow at once, and anything else
    /// leaves the first alone.
    fn second_half(self, at: usize) -> Result<(usize, bool), Stop> {
        let rest = self.rest(at);
        let first_two = rest.get(..2).unwrap_or(rest);
        if rest.len() < 6 && !self.ended && b"\\u".starts_with(first_two) {
            return Err(Stop::Incomplete);
        }
        if first_two != b"\\u" {
            return Ok((at, true));
        }
        let (end, unit) = self.unicode_escape(at + 1)?;
        Ok(if (0xdc00..=0xdfff).contains(&unit) { (end, false) } else { (at, true) })
    }

    /// Where `uXXXX` ends that begins at `at`, and the code unit that it is.
    fn unicode_escape(self, at: usize) -> Result<(usize, u32), Stop> {
        let mut unit = 0;
        for at in at + 1..at + 5 {
            let digit = char::from(self.byte(at)?).to_digit(16);
            unit = unit << 4 | digit.ok_or(Stop::Bad { at, flaw: Flaw::Escape })?;
        }
        Ok((at + 5, unit))
    }

    /// Where the number that begins at `at` ends, and what it is made of.
    #[inline(always)]
    pub(super) fn number(self, at: usize) -> Result<(usize, Shape), Stop> {
        match short_number(self.rest(at)) {
            Some((bytes, shape)) => Ok((at + bytes, shape)),
            None => self.long_number(at),
        }
    }

    /// The same of any number, byte by byte.
    #[inline(never)]
    fn long_number(self, mut at: usize) -> Result<(usize, Shape), Stop> {
        let mut shape = Shape::Integer;
        if self.byte(at)? == b'-' {
            at += 1;
        }
        at = if self.byte(at)? == b'0' { at + 1 } else { self.digits(at)? };
        if self.number_goes_on(at, |byte| byte == b'.')? {
            shape = Shape::Decimal;
            at = self.digits(at + 1)?;
        }
        if self.number_goes_on(at, |byte| byte == b'e' || byte == b'E')? {
            shape = Shape::Exponential;
            at += 1;
            if matches!(self.byte(at)?, b'+' | b'-') {
                at += 1;
            }
            at = self.digits(at)?;
        }
        // `01` is no number, and neither is `1x`.
        if self
            .number_goes_on(at, |byte| byte.is_ascii_alphanumeric() || b"+-._\"".contains(&byte))?
        {
            return Err(Stop::Bad { at, flaw: Flaw::Number });
        }
        Ok((at, shape))
    }

    /// Where the digits that begin at `at` end; one at least is there.
    #[inline]
    fn digits(self, at: usize) -> Result<usize, Stop> {
        if !self.byte(at)?.is_ascii_digit() {
            return Err(Stop::Bad { at, flaw: Flaw::Number });
        }
        Ok(at + self.rest(at).iter().take_while(|byte| byte.is_ascii_digit()).count())
    }

    /// Whether a number goes on here; the end of everything ends it.
    #[inline]
    fn number_goes_on(self, at: usize, with: impl Fn(u8) -> bool) -> Result<bool, Stop> {
        match self.bytes.get(at) {
            Some(byte) => Ok(with(*byte)),
            None if self.ended => Ok(false),
            None => Err(Stop::Incomplete),
        }
    }

    /// Where the word that should begin at `at` ends.
    #[inline]
    pub(super) fn literal(self, at: usize, word: &'static [u8]) -> Result<usize, Stop> {
        for (at, expected) in (at..).zip(word) {
            if self.byte(at)? != *expected {
                return Err(Stop::Bad { at, flaw: Flaw::Literal });
            }
        }
        Ok(at + word.len())
    }

    fn rest(self, at: usize) -> &'a [u8] {
        self.bytes.get(at..).unwrap_or_default()
    }
}

/// The bytes of a number that `text` begins with, and what it is made of, if one look tells: it is
/// short, has no exponent, and a comma or bracket ends it.
#[inline]
fn short_number(text: &[u8]) -> Option<(usize, Shape)> {
    let block = text.first_chunk()?;
    let others = !digits_of(block);
    let digits_from = |at: usize| (others >> at).trailing_zeros() as usize;
    let begin = usize::from(block.starts_with(b"-"));
    let whole = digits_from(begin);
    if whole == 0 || (whole > 1 && block.get(begin) == Some(&b'0')) {
        return None;
    }
    let (mut end, mut shape) = (begin + whole, Shape::Integer);
    if block.get(end) == Some(&b'.') {
        let fraction = digits_from(end + 1);
        if fraction == 0 {
            return None;
        }
        (end, shape) = (end + 1 + fraction, Shape::Decimal);
    }
    matches!(block.get(end)?, b',' | b'}' | b']').then_some((end, shape))
}

/// Which bytes of a block are digits, the first in the lowest bit.
#[inline]
fn digits_of(block: &[u8; BLOCK_BYTES]) -> u32 {
    let from_zero = u8x16::from(*block) - u8x16::splat(b'0');
    from_zero.min(u8x16::splat(9)).simd_eq(from_zero).to_bitmask()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_digits() {
        for byte in 0..=u8::MAX {
            for at in 0..BLOCK_BYTES {
                let mut block = [b'/'; BLOCK_BYTES];
                *block.get_mut(at).unwrap() = byte;
                assert_eq!(digits_of(&block), u32::from(byte.is_ascii_digit()) << at, "{byte}");
            }
        }
    }
}
