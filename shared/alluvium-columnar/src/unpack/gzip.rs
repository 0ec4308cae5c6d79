//! Gzip: members one after the other, and perhaps zeros behind them.

use flate2::{Decompress, FlushDecompress, Status};

use super::{Codec, Coded, Corrupt, STEP_BYTES};

/// The window of every gzip file (RFC 1951: at most 32 KiB).
const WINDOW_BITS: u8 = 15;

#[derive(Default)]
pub(super) struct Gzip {
    /// The member at hand.
    member: Option<Decompress>,
}

impl Codec for Gzip {
    fn step(&mut self, packed: &mut &[u8], out: &mut Vec<u8>) -> Result<Coded, Corrupt> {
        if self.member.is_none() {
            let padding = packed.iter().take_while(|byte| **byte == 0).count();
            *packed = packed.get(padding..).unwrap_or_default();
        }
        let member = match &mut self.member {
            None if packed.is_empty() => return Ok(Coded::Nothing),
            None => self.member.insert(Decompress::new_gzip(WINDOW_BITS)),
            Some(member) => member,
        };
        // What the library says of damage does not help: it has "bad state" for most of it.
        let ended = inflate(member, packed, out);
        if ended.map_err(|_| Corrupt::truncated("gzip: it is damaged"))? {
            self.member = None;
        }
        Ok(Coded::Nothing)
    }

    fn finish(&self) -> Result<(), Corrupt> {
        match self.member {
            Some(_) => Err(Corrupt::truncated("gzip: the end is missing")),
            None => Ok(()),
        }
    }
}

/// Inflates one step's worth; true at the end of the stream.
pub(super) fn inflate(
    stream: &mut Decompress,
    packed: &mut &[u8],
    out: &mut Vec<u8>,
) -> Result<bool, flate2::DecompressError> {
    out.reserve(STEP_BYTES);
    let before = stream.total_in();
    let status = stream.decompress_vec(packed, out, FlushDecompress::None)?;
    let read = usize::try_from(stream.total_in() - before).unwrap_or(usize::MAX);
    *packed = packed.get(read..).unwrap_or_default();
    Ok(status == Status::StreamEnd)
}
