//! bzip2: streams one after the other. None takes more than 4 MB of memory.

use bzip2::{Decompress, Status};

use super::{Codec, Coded, Corrupt, STEP_BYTES};

/// To begin a stream takes as long as to unpack this much. A few bytes, packed once more, can be
/// millions of empty streams.
const STREAM_BEGIN_BYTES: u64 = 2 << 10;

#[derive(Default)]
pub(super) struct Bzip2 {
    /// The stream at hand.
    stream: Option<Decompress>,
    /// What is counted instead of bytes of the last stream when another one follows it.
    uncounted: u64,
    dropped: u64,
}

impl Codec for Bzip2 {
    fn step(&mut self, packed: &mut &[u8], out: &mut Vec<u8>) -> Result<Coded, Corrupt> {
        self.dropped = 0;
        let stream = match &mut self.stream {
            None if packed.is_empty() => return Ok(Coded::Nothing),
            None => {
                self.dropped = std::mem::take(&mut self.uncounted);
                self.stream.insert(Decompress::new(false))
            }
            Some(stream) => stream,
        };
        out.reserve(STEP_BYTES);
        let before = stream.total_in();
        let status = stream.decompress_vec(packed, out);
        let status = status.map_err(|error| Corrupt::truncated(format!("bzip2: {error}")))?;
        let read = usize::try_from(stream.total_in() - before).unwrap_or(usize::MAX);
        *packed = packed.get(read..).unwrap_or_default();
        if status == Status::StreamEnd {
            self.uncounted = STREAM_BEGIN_BYTES.saturating_sub(stream.total_out());
            self.stream = None;
        }
        Ok(Coded::Nothing)
    }

    fn dropped(&self) -> u64 {
        self.dropped
    }

    fn finish(&self) -> Result<(), Corrupt> {
        match self.stream {
            Some(_) => Err(Corrupt::truncated("bzip2: the end is missing")),
            None => Ok(()),
        }
    }
}
