//! Inflates what is compressed, recognised by its content.

use flate2::{Decompress, FlushDecompress, Status};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// The window of every gzip file (RFC 1951: at most 32 KiB).
const GZIP_WINDOW_BITS: u8 = 15;
/// Compressed bytes inflated at a time: deflate yields at most 1032 bytes from one, so that a
/// step yields at most 2 MiB.
const INFLATE_STEP_BYTES: usize = 2 << 10;
/// Room that is made for what comes out.
const OUTPUT_STEP_BYTES: usize = 64 << 10;
/// Plain bytes passed on at a time.
const PLAIN_STEP_BYTES: usize = 256 << 10;

/// A stream that turns compressed bytes into plain ones.
pub(crate) enum Unpacker {
    /// Too few bytes to tell what it is.
    Unknown(Vec<u8>),
    Plain,
    Gzip(Gzip),
    /// Nothing more comes out.
    Broken,
}

/// Why nothing more comes out of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Corrupt(pub(crate) String);

impl Unpacker {
    pub(crate) fn new() -> Self {
        Self::Unknown(Vec::new())
    }

    /// Takes some of `input`, appends what comes out to `out` and says how much was taken.
    pub(crate) fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> (usize, Result<(), Corrupt>) {
        match self {
            Self::Unknown(seen) => {
                let missing = GZIP_MAGIC.len() - seen.len();
                let (head, _) = input.split_at(missing.min(input.len()));
                seen.extend_from_slice(head);
                if seen.len() == GZIP_MAGIC.len() || !GZIP_MAGIC.starts_with(seen) {
                    let result = self.decide(out);
                    return (head.len(), result);
                }
                (head.len(), Ok(()))
            }
            Self::Plain => {
                let (now, _) = input.split_at(PLAIN_STEP_BYTES.min(input.len()));
                out.extend_from_slice(now);
                (now.len(), Ok(()))
            }
            Self::Gzip(gzip) => {
                let (now, _) = input.split_at(INFLATE_STEP_BYTES.min(input.len()));
                let inflated = gzip.inflate(now, out);
                (now.len(), self.unless_broken(inflated))
            }
            Self::Broken => (input.len(), Ok(())),
        }
    }

    /// Says that no more input comes.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Corrupt> {
        if let Self::Unknown(_) = self {
            self.decide(out)?;
        }
        let Self::Gzip(gzip) = self else { return Ok(()) };
        let finished = gzip.finish();
        self.unless_broken(finished)
    }

    fn decide(&mut self, out: &mut Vec<u8>) -> Result<(), Corrupt> {
        let Self::Unknown(seen) = self else { return Ok(()) };
        let seen = std::mem::take(seen);
        if seen != GZIP_MAGIC {
            *self = Self::Plain;
            out.extend_from_slice(&seen);
            return Ok(());
        }
        let mut gzip = Gzip { member: None };
        let inflated = gzip.inflate(&seen, out);
        *self = Self::Gzip(gzip);
        self.unless_broken(inflated)
    }

    fn unless_broken(&mut self, result: Result<(), Corrupt>) -> Result<(), Corrupt> {
        if result.is_err() {
            *self = Self::Broken;
        }
        result
    }
}

/// A gzip file: members one after the other, and perhaps zeros behind them.
pub(crate) struct Gzip {
    /// The member at hand.
    member: Option<Decompress>,
}

impl Gzip {
    /// Inflates all of `input`; what was inflated before an error is in `out` too.
    fn inflate(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> Result<(), Corrupt> {
        loop {
            if self.member.is_none() {
                let padding = input.iter().take_while(|byte| **byte == 0).count();
                input = input.get(padding..).unwrap_or_default();
            }
            let member = match &mut self.member {
                None if input.is_empty() => return Ok(()),
                None => self.member.insert(Decompress::new_gzip(GZIP_WINDOW_BITS)),
                Some(member) => member,
            };
            out.reserve(OUTPUT_STEP_BYTES);
            let (read, written) = (member.total_in(), out.len());
            let status = member
                .decompress_vec(input, out, FlushDecompress::None)
                .map_err(|error| Corrupt(format!("gzip: {error}")))?;
            let read = usize::try_from(member.total_in() - read).unwrap_or(input.len());
            input = input.get(read..).unwrap_or_default();
            if status == Status::StreamEnd {
                self.member = None;
            } else if input.is_empty() && out.len() < out.capacity() {
                return Ok(());
            } else if read == 0 && out.len() == written {
                return Err(Corrupt("gzip: it does not go on".to_owned()));
            }
        }
    }

    fn finish(&self) -> Result<(), Corrupt> {
        match self.member {
            Some(_) => Err(Corrupt("gzip: the end is missing".to_owned())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn unpack(bytes: &[u8], step: usize) -> (Vec<u8>, bool) {
        let (mut unpacker, mut out, mut corrupt) = (Unpacker::new(), Vec::new(), false);
        for mut chunk in bytes.chunks(step) {
            while !chunk.is_empty() {
                let (taken, result) = unpacker.push(chunk, &mut out);
                chunk = &chunk[taken..];
                corrupt |= result.is_err();
            }
        }
        corrupt |= unpacker.finish(&mut out).is_err();
        (out, corrupt)
    }

    #[test]
    fn content_decides_and_chunks_do_not_matter() {
        let members = [gzip(b"{\"a\":1}\n"), gzip(b""), gzip(b"{\"b\":2}\n")].concat();
        for step in [1, 2, 3, 1000] {
            assert_eq!(unpack(b"{\"a\":1}", step), (b"{\"a\":1}".to_vec(), false));
            assert_eq!(unpack(b"\x1f", step), (b"\x1f".to_vec(), false));
            assert_eq!(unpack(b"", step), (Vec::new(), false));
            assert_eq!(unpack(&members, step), (b"{\"a\":1}\n{\"b\":2}\n".to_vec(), false));
        }
    }

    #[test]
    fn what_came_before_the_damage_comes_out_whatever_the_chunks() {
        let lines: Vec<_> =
            (0..20_000).map(|n| format!("{{\"n\":{n},\"r\":{}}}\n", n * n)).collect();
        let text = lines.concat();
        let mut packed = gzip(text.as_bytes());
        packed.truncate(packed.len() - 10);
        let (plain, corrupt) = unpack(&packed, 7);
        assert!(corrupt && text.as_bytes().starts_with(&plain) && plain.len() + 100 > text.len());

        let middle = packed.len() / 2;
        packed[middle..middle + 3].iter_mut().for_each(|byte| *byte ^= 0xff);
        let (expected, corrupt) = unpack(&packed, packed.len());
        let same = text.bytes().zip(&expected).take_while(|(a, b)| a == *b).count();
        assert!(corrupt && same > text.len() / 3, "only {same} of {} bytes", text.len());
        for step in [1, 2, 100, 2_047, 2_049] {
            assert!(unpack(&packed, step) == (expected.clone(), true), "in steps of {step}");
        }
    }

    #[test]
    fn behind_the_last_member_only_zeros_are_allowed() {
        let with = |tail: &[u8]| [&gzip(b"{\"a\":1}\n"), tail].concat();
        for step in [1, 1000] {
            assert_eq!(unpack(&with(&[0; 512]), step), (b"{\"a\":1}\n".to_vec(), false));
            assert_eq!(unpack(&with(b"no gzip"), step), (b"{\"a\":1}\n".to_vec(), true));
        }
    }
}
