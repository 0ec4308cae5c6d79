//! Inflates what is compressed, recognised by its content.

use std::io::Write as _;

use flate2::write::MultiGzDecoder;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Compressed bytes inflated at a time: deflate yields at most 1032 bytes from one, so that a
/// step yields at most 2 MiB.
const INFLATE_STEP_BYTES: usize = 2 << 10;
/// Plain bytes passed on at a time.
const PLAIN_STEP_BYTES: usize = 256 << 10;

/// A stream that turns compressed bytes into plain ones.
pub(crate) enum Unpacker {
    /// Too few bytes to tell what it is.
    Unknown(Vec<u8>),
    Plain,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
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
            Self::Gzip(decoder) => {
                let (now, _) = input.split_at(INFLATE_STEP_BYTES.min(input.len()));
                let written = decoder.write_all(now);
                out.append(decoder.get_mut());
                (now.len(), self.unless_broken(written))
            }
            Self::Broken => (input.len(), Ok(())),
        }
    }

    /// Says that no more input comes.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Corrupt> {
        if let Self::Unknown(_) = self {
            self.decide(out)?;
        }
        let Self::Gzip(decoder) = self else { return Ok(()) };
        let finished = decoder.try_finish();
        out.append(decoder.get_mut());
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
        let mut decoder = MultiGzDecoder::new(Vec::new());
        let written = decoder.write_all(&seen);
        *self = Self::Gzip(Box::new(decoder));
        self.unless_broken(written)
    }

    fn unless_broken(&mut self, result: std::io::Result<()>) -> Result<(), Corrupt> {
        result.map_err(|error| {
            *self = Self::Broken;
            Corrupt(format!("gzip: {error}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn unpack(bytes: &[u8], step: usize) -> (String, bool) {
        let (mut unpacker, mut out, mut corrupt) = (Unpacker::new(), Vec::new(), false);
        for mut chunk in bytes.chunks(step) {
            while !chunk.is_empty() {
                let (taken, result) = unpacker.push(chunk, &mut out);
                chunk = &chunk[taken..];
                corrupt |= result.is_err();
            }
        }
        corrupt |= unpacker.finish(&mut out).is_err();
        (String::from_utf8(out).unwrap(), corrupt)
    }

    #[test]
    fn content_decides_and_chunks_do_not_matter() {
        let members = [gzip(b"{\"a\":1}\n"), gzip(b""), gzip(b"{\"b\":2}\n")].concat();
        for step in [1, 2, 3, 1000] {
            assert_eq!(unpack(b"{\"a\":1}", step), ("{\"a\":1}".to_owned(), false));
            assert_eq!(unpack(b"\x1f", step), ("\x1f".to_owned(), false));
            assert_eq!(unpack(b"", step), (String::new(), false));
            assert_eq!(unpack(&members, step), ("{\"a\":1}\n{\"b\":2}\n".to_owned(), false));
        }
    }

    #[test]
    fn what_came_before_the_damage_comes_out() {
        let text = "{\"a\":1}\n".repeat(10_000);
        let mut packed = gzip(text.as_bytes());
        packed.truncate(packed.len() - 10);
        let (plain, corrupt) = unpack(&packed, 7);
        assert!(corrupt && text.starts_with(&plain));
        let garbage = [gzip(b"{\"a\":1}\n"), b"no gzip".to_vec()].concat();
        assert_eq!(unpack(&garbage, 1000), ("{\"a\":1}\n".to_owned(), true));
    }
}
