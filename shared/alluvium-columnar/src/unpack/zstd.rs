//! Zstandard: frames one after the other, those to be skipped included.
//!
//! A frame says how much memory its window takes, up to terabytes; one that demands more than
//! the limit is refused. A dictionary is never at hand.

use alluvium_model::Reason;
use zstd::stream::raw::{DParameter, Decoder, Operation as _};

use super::{Codec, Coded, Corrupt, STEP_BYTES};

/// What the library says to a window beyond the limit.
const TOO_MUCH_MEMORY: &str = "Frame requires too much memory for decoding";

/// Bytes that every frame has.
const FRAME_BEGIN_BYTES: usize = 5;

pub(super) struct Zstd {
    window_bytes: u64,
    decoder: Option<Decoder<'static>>,
    /// Packed bytes that the decoder wants next; none between frames. It is given no more: of
    /// several blocks that it is given at once, all are lost if the last one is damaged.
    wanted: usize,
    /// Whether there was no room for all that came out.
    more: bool,
}

impl Zstd {
    pub(super) const fn new(window_bytes: u64) -> Self {
        Self { window_bytes, decoder: None, wanted: 0, more: false }
    }

    fn corrupt(&self, error: &std::io::Error) -> Corrupt {
        let message = error.to_string();
        if message == TOO_MUCH_MEMORY {
            let message = format!("zstd: its window is larger than {} bytes", self.window_bytes);
            return Corrupt { reason: Reason::WindowTooLarge, message };
        }
        Corrupt::truncated(format!("zstd: {message}"))
    }

    fn decoder(window_bytes: u64) -> std::io::Result<Decoder<'static>> {
        let mut decoder = Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(window_bytes.max(1).ilog2()))?;
        Ok(decoder)
    }
}

impl Codec for Zstd {
    fn step(&mut self, packed: &mut &[u8], out: &mut Vec<u8>) -> Result<Coded, Corrupt> {
        if packed.is_empty() && !self.more {
            return Ok(Coded::Nothing);
        }
        let mut decoder = match self.decoder.take() {
            Some(decoder) => decoder,
            None => Self::decoder(self.window_bytes).map_err(|error| self.corrupt(&error))?,
        };
        let given = packed.get(..self.wanted.max(FRAME_BEGIN_BYTES)).unwrap_or(packed);
        let before = out.len();
        out.resize(before + STEP_BYTES, 0);
        let room = out.get_mut(before..).unwrap_or_default();
        let status = decoder.run_on_buffers(given, room);
        let written = status.as_ref().map_or(0, |status| status.bytes_written);
        out.truncate(before + written);
        let status = status.map_err(|error| self.corrupt(&error))?;
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
