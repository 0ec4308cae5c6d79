//! Zstandard: frames one after the other, those to be skipped included.
//!
//! A frame says how much memory its window takes, up to terabytes; one that demands more than
//! the limit is refused. A dictionary is never at hand.

use alluvium_model::Reason;
use zstd::stream::raw::{DParameter, Decoder, Operation as _};

use super::{Codec, Coded, Corrupt, STEP_BYTES};

/// What the decoder may be told to accept, as a power of two.
const WINDOW_LOG: std::ops::RangeInclusive<u32> = 10..=31;

/// Bytes that every frame has.
const FRAME_BEGIN_BYTES: usize = 5;
/// The longest header of a frame.
const HEADER_BYTES_MAX: usize = 18;
const FRAME_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

pub(super) struct Zstd {
    window_bytes: u64,
    decoder: Option<Decoder<'static>>,
    /// Packed bytes that the decoder wants next; none between frames. It is given no more: of
    /// several blocks that it is given at once, all are lost if the last one is damaged.
    wanted: usize,
    /// Whether there was no room for all that came out.
    more: bool,
    /// How the frame at hand begins.
    header: Vec<u8>,
}

impl Zstd {
    pub(super) const fn new(window_bytes: u64) -> Self {
        Self { window_bytes, decoder: None, wanted: 0, more: false, header: Vec::new() }
    }

    /// A decoder that would refuse at least what the header is asked for here, if less exactly.
    fn decoder(window_bytes: u64) -> std::io::Result<Decoder<'static>> {
        let mut decoder = Decoder::new()?;
        let log = u64::BITS - window_bytes.saturating_sub(1).leading_zeros();
        let log = log.clamp(*WINDOW_LOG.start(), *WINDOW_LOG.end());
        decoder.set_parameter(DParameter::WindowLogMax(log))?;
        Ok(decoder)
    }

    /// Refuses a frame whose header, of which these bytes come next, demands too much.
    fn check_window(&mut self, given: &[u8]) -> Result<(), Corrupt> {
        if self.wanted == 0 {
            self.header.clear();
        }
        let known = self.header.len();
        if known == HEADER_BYTES_MAX {
            return Ok(());
        }
        self.header.extend(given.iter().take(HEADER_BYTES_MAX - known));
        if window_bytes(&self.header).is_some_and(|bytes| bytes > self.window_bytes) {
            let message = format!("zstd: its window is larger than {} bytes", self.window_bytes);
            return Err(Corrupt { reason: Reason::WindowTooLarge, message });
        }
        Ok(())
    }
}

/// The memory that a frame demands whose header begins like this, once that is told
/// (RFC 8878, §3.1.1.1).
fn window_bytes(header: &[u8]) -> Option<u64> {
    let [descriptor, rest @ ..] = header.strip_prefix(&FRAME_MAGIC)? else { return None };
    if descriptor & 1 << 5 == 0 {
        let window = rest.first()?;
        let base = 1_u64 << (10 + (window >> 3));
        return Some(base + (base >> 3) * u64::from(window & 7));
    }
    // All of the content is the window; its size stands behind the number of a dictionary.
    let dictionary_bytes = [0, 1, 2, 4].get(usize::from(descriptor & 3))?;
    let (size_bytes, least) =
        *[(1, 0), (2, 256), (4, 0), (8, 0)].get(usize::from(descriptor >> 6))?;
    let size = rest.get(*dictionary_bytes..)?.get(..size_bytes)?;
    let size = size.iter().rev().fold(0, |size, byte| size << 8 | u64::from(*byte));
    Some(size.saturating_add(least))
}

fn corrupt(error: &std::io::Error) -> Corrupt {
    Corrupt::truncated(format!("zstd: {error}"))
}

impl Codec for Zstd {
    fn step(&mut self, packed: &mut &[u8], out: &mut Vec<u8>) -> Result<Coded, Corrupt> {
        if packed.is_empty() && !self.more {
            return Ok(Coded::Nothing);
        }
        let given = packed.get(..self.wanted.max(FRAME_BEGIN_BYTES)).unwrap_or(packed);
        self.check_window(given)?;
        let mut decoder = match self.decoder.take() {
            Some(decoder) => decoder,
            None => Self::decoder(self.window_bytes).map_err(|error| corrupt(&error))?,
        };
        let before = out.len();
        out.resize(before + STEP_BYTES, 0);
        let room = out.get_mut(before..).unwrap_or_default();
        let status = decoder.run_on_buffers(given, room);
        let written = status.as_ref().map_or(0, |status| status.bytes_written);
        out.truncate(before + written);
        let status = status.map_err(|error| corrupt(&error))?;
        *packed = packed.get(status.bytes_read..).unwrap_or_default();
        self.wanted = status.remaining;
        self.more = self.wanted > 0 && written == STEP_BYTES;
        self.decoder = Some(decoder);
        Ok(Coded::Nothing)
    }

    fn finish(&self) -> Result<(), Corrupt> {
        if self.wanted > 0 {
            return Err(Corrupt::truncated("zstd: the end is missing"));
        }
        Ok(())
    }
}
