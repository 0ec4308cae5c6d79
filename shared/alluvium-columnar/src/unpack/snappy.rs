//! Snappy in frames (`framing_format.txt` of google/snappy): chunks of at most 64 KiB, each with
//! the CRC-32C of what it holds.

use super::{Codec, Coded, Corrupt, take};

const HEADER_BYTES: usize = 4;
const CHECKSUM_BYTES: usize = 4;
const STREAM_IDENTIFIER: &[u8] = b"sNaPpY";
/// What a chunk may hold, unpacked and packed.
const PLAIN_BYTES_MAX: usize = 64 << 10;
const CHUNK_BYTES_MAX: usize = CHECKSUM_BYTES + 32 + PLAIN_BYTES_MAX + PLAIN_BYTES_MAX / 6;

#[derive(Default)]
pub(super) struct Snappy {
    /// The chunk at hand, with its header, as far as it is there.
    chunk: Vec<u8>,
    /// Bytes of a chunk that means nothing to us, still to be passed over.
    skip: usize,
}

impl Codec for Snappy {
    fn step(&mut self, packed: &mut &[u8], out: &mut Vec<u8>) -> Result<Coded, Corrupt> {
        if self.skip > 0 {
            let passed = self.skip.min(packed.len());
            *packed = packed.get(passed..).unwrap_or_default();
            self.skip -= passed;
            return Ok(Coded::Nothing);
        }
        take(packed, HEADER_BYTES.saturating_sub(self.chunk.len()), &mut self.chunk);
        let &[kind, a, b, c, ..] = self.chunk.as_slice() else { return Ok(Coded::Nothing) };
        let length = u32::from_le_bytes([a, b, c, 0]) as usize;
        if matches!(kind, 0x80..=0xfe) {
            self.chunk.clear();
            self.skip = length;
            return Ok(Coded::Nothing);
        }
        if length > CHUNK_BYTES_MAX {
            return Err(corrupt("a chunk is too long"));
        }
        take(packed, (HEADER_BYTES + length).saturating_sub(self.chunk.len()), &mut self.chunk);
        if self.chunk.len() == HEADER_BYTES + length {
            unpack_chunk(kind, self.chunk.get(HEADER_BYTES..).unwrap_or_default(), out)?;
            self.chunk.clear();
        }
        Ok(Coded::Nothing)
    }

    fn finish(&self) -> Result<(), Corrupt> {
        if self.skip > 0 || !self.chunk.is_empty() {
            return Err(corrupt("the end is missing"));
        }
        Ok(())
    }
}

fn unpack_chunk(kind: u8, body: &[u8], out: &mut Vec<u8>) -> Result<(), Corrupt> {
    match kind {
        0xff if body == STREAM_IDENTIFIER => return Ok(()),
        0x00 | 0x01 => {}
        _ => return Err(corrupt("a chunk of an unknown kind")),
    }
    let Some((checksum, data)) = body.split_first_chunk() else {
        return Err(corrupt("a chunk is too short"));
    };
    let unpacked;
    let plain = if kind == 0x01 {
        data
    } else {
        let length = snap::raw::decompress_len(data).map_err(|error| corrupt(error.to_string()))?;
        if length > PLAIN_BYTES_MAX {
            return Err(corrupt("a chunk holds too much"));
        }
        let plain = snap::raw::Decoder::new().decompress_vec(data);
        unpacked = plain.map_err(|error| corrupt(error.to_string()))?;
        &unpacked
    };
    // Masked, so that a checksum of bytes with checksums in them is none of nothing.
    let masked = crc32c::crc32c(plain).rotate_right(15).wrapping_add(0xa282_ead8);
    if masked != u32::from_le_bytes(*checksum) {
        return Err(corrupt("a checksum is wrong"));
    }
    out.extend_from_slice(plain);
    Ok(())
}

fn corrupt(message: impl std::fmt::Display) -> Corrupt {
    Corrupt::truncated(format!("snappy: {message}"))
}
