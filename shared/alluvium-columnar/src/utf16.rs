//! UTF-16 to UTF-8 and back, without losing what is no Unicode.
//!
//! Half of a surrogate pair becomes the three bytes that it would have as a character (which
//! UTF-8 forbids, so that its record is found not to be Unicode), and an odd byte at the end two
//! bytes that stand in no UTF-8 at all. So every text can be turned back into what it came from.

use crate::sniff::Charset;

/// Begins what stands for an odd byte; its lowest bits are the highest ones of that.
const ODD_BYTE: u8 = 0xf8;

/// A text in UTF-16 on its way to UTF-8.
pub(crate) struct Utf16 {
    unit: fn([u8; 2]) -> u16,
    /// The first byte of a unit whose second one has not come yet.
    first: Option<u8>,
    /// The first half of a pair whose second one has not come yet.
    high: Option<u16>,
}

impl Utf16 {
    /// None if the charset is another one.
    pub(crate) fn of(charset: Charset) -> Option<Self> {
        let unit = match charset {
            Charset::Utf16Le => u16::from_le_bytes,
            Charset::Utf16Be => u16::from_be_bytes,
            Charset::Utf8 => return None,
        };
        Some(Self { unit, first: None, high: None })
    }

    /// Takes bytes and appends the text to `out`.
    pub(crate) fn decode(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        if let Some(first) = self.first
            && let Some((second, behind)) = rest.split_first()
        {
            self.first = None;
            self.take((self.unit)([first, *second]), out);
            rest = behind;
        }
        let (pairs, odd) = rest.as_chunks();
        for pair in pairs {
            self.take((self.unit)(*pair), out);
        }
        self.first = odd.first().copied().or(self.first);
    }

    /// Appends what has no other half.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        if let Some(high) = self.high.take() {
            push(high.into(), out);
        }
        if let Some(first) = self.first.take() {
            out.extend([ODD_BYTE | first >> 6, 0x80 | first & 0x3f]);
        }
    }

    fn take(&mut self, unit: u16, out: &mut Vec<u8>) {
        if let Some(high) = self.high.take() {
            if let 0xdc00..=0xdfff = unit {
                let [high, low] = [u32::from(high) - 0xd800, u32::from(unit) - 0xdc00];
                return push(0x1_0000 + (high << 10) + low, out);
            }
            push(high.into(), out);
        }
        if let 0xd800..=0xdbff = unit {
            self.high = Some(unit);
        } else {
            push(unit.into(), out);
        }
    }
}

/// Appends a code point, be it half of a pair.
#[expect(clippy::cast_possible_truncation, reason = "each byte takes six bits, or what is left")]
fn push(point: u32, out: &mut Vec<u8>) {
    let tail = |shift: u32| 0x80 | (point >> shift & 0x3f) as u8;
    match point {
        0..0x80 => out.push(point as u8),
        0x80..0x800 => out.extend([0xc0 | (point >> 6) as u8, tail(0)]),
        0x800..0x1_0000 => out.extend([0xe0 | (point >> 12) as u8, tail(6), tail(0)]),
        _ => out.extend([0xf0 | (point >> 18) as u8, tail(12), tail(6), tail(0)]),
    }
}

/// How many bytes of UTF-16 a text came from that [`Utf16::decode`] made.
pub(crate) fn encoded_length(text: &[u8]) -> u64 {
    let bytes = text.iter().map(|byte| match byte {
        0x80..0xc0 => 0,
        0xf0..ODD_BYTE => 4,
        ODD_BYTE.. => 1,
        _ => 2,
    });
    bytes.sum()
}

/// The bytes of UTF-16 that a text came from.
pub(crate) fn encode(text: &[u8], unit_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.iter();
    while let Some(lead) = rest.next() {
        let (bits, tail_bytes) = match lead {
            0..0xc0 => (*lead, 0),
            0xc0..0xe0 => (lead & 0x1f, 1),
            0xe0..0xf0 => (lead & 0x0f, 2),
            0xf0..ODD_BYTE => (lead & 0x07, 3),
            ODD_BYTE.. => (lead & 0x03, 1),
        };
        let tail = rest.by_ref().take(tail_bytes);
        let point = tail.fold(u32::from(bits), |point, byte| point << 6 | u32::from(byte & 0x3f));
        match (u8::try_from(point), u16::try_from(point)) {
            (Ok(odd), _) if *lead >= ODD_BYTE => out.push(odd),
            (_, Ok(unit)) => out.extend(unit_bytes(unit)),
            (_, Err(_)) => {
                // What is decoded comes from two units, so neither can be too large.
                let pair = point.saturating_sub(0x1_0000);
                let [high, low] = [0xd800 | pair >> 10 & 0x3ff, 0xdc00 | pair & 0x3ff];
                for half in [high, low] {
                    out.extend(unit_bytes(u16::try_from(half).unwrap_or_default()));
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(bytes: &[u8], charset: Charset, step: usize) -> Vec<u8> {
        let (mut utf16, mut out) = (Utf16::of(charset).unwrap(), Vec::new());
        bytes.chunks(step).for_each(|chunk| utf16.decode(chunk, &mut out));
        utf16.finish(&mut out);
        out
    }

    proptest! {
        #[test]
        fn text_is_text(text in any::<String>(), step in 1_usize..5) {
            let bytes: Vec<_> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            prop_assert_eq!(decoded(&bytes, Charset::Utf16Le, step), text.as_bytes());
            let bytes: Vec<_> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            prop_assert_eq!(decoded(&bytes, Charset::Utf16Be, step), text.as_bytes());
        }

        #[test]
        fn whatever_it_was_can_be_had_back(
            bytes in proptest::collection::vec(
                prop_oneof![Just(0xd8_u8), Just(0xdc), Just(0), any::<u8>()],
                0..40,
            ),
            step in 1_usize..5,
        ) {
            let text = decoded(&bytes, Charset::Utf16Le, step);
            prop_assert_eq!(encode(&text, u16::to_le_bytes), bytes.as_slice());
            prop_assert_eq!(encoded_length(&text), bytes.len() as u64);
            let text = decoded(&bytes, Charset::Utf16Be, step);
            prop_assert_eq!(encode(&text, u16::to_be_bytes), bytes);
        }
    }

    #[test]
    fn what_is_no_unicode_is_no_utf8_either() {
        for bytes in [&b"\x00\xd8"[..], b"\x00\xdc", b"\x00\xd8a\0", b"a\0b"] {
            let text = decoded(bytes, Charset::Utf16Le, 2);
            assert!(std::str::from_utf8(&text).is_err(), "{bytes:?}");
        }
    }
}
