//! Files to merge, as Parquet reads them.

use std::{fmt, ops::Range, sync::Arc};

use bytes::{Buf as _, Bytes, buf::Reader};
use parquet::{
    errors::ParquetError,
    file::reader::{ChunkReader, Length},
};

use crate::LakeError;

/// The bytes of a file.
#[derive(Clone, Debug)]
pub(super) enum Input {
    /// All of them.
    Whole(Bytes),
    /// As many as there are, to be fetched piece by piece.
    Pieces { bytes: u64, fetch: Fetch },
}

/// Fetches a piece; it may wait.
#[derive(Clone)]
pub(super) struct Fetch(Arc<dyn Fn(Range<u64>) -> Result<Bytes, LakeError> + Send + Sync>);

impl Fetch {
    pub(super) fn new(
        fetch: impl Fn(Range<u64>) -> Result<Bytes, LakeError> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(fetch))
    }
}

impl fmt::Debug for Fetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fetch")
    }
}

impl Length for Input {
    fn len(&self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes.len() as u64,
            Self::Pieces { bytes, .. } => *bytes,
        }
    }
}

impl ChunkReader for Input {
    type T = Reader<Bytes>;

    /// The rest of the file from here on: whoever merges asks for pieces instead.
    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let rest = self.len().saturating_sub(start);
        Ok(self.get_bytes(start, usize::try_from(rest).unwrap_or(usize::MAX))?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let end = start.saturating_add(length as u64);
        let piece = match self {
            Self::Whole(bytes) => {
                let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
                let range = range.filter(|(start, end)| start <= end && *end <= bytes.len());
                range.map(|(start, end)| bytes.slice(start..end))
            }
            Self::Pieces { fetch, .. } => Some((fetch.0)(start..end).map_err(external)?),
        };
        let piece = piece.filter(|piece| piece.len() == length);
        piece.ok_or_else(|| ParquetError::EOF(format!("there are no bytes {start} to {end}")))
    }
}

/// The failure of a port stays one: whoever merges looks for it, to tell what may be tried again.
fn external(error: LakeError) -> ParquetError {
    ParquetError::External(if let LakeError::Port(error) = error {
        Box::new(error)
    } else {
        Box::new(error)
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_file_in_pieces_is_read_like_a_whole_one() {
        let all = Bytes::from_static(b"0123456789");
        let bytes = all.clone();
        let fetch = Fetch::new(move |range| {
            let end = usize::try_from(range.end).unwrap().min(bytes.len());
            Ok(bytes.slice(usize::try_from(range.start).unwrap().min(end)..end))
        });
        for input in [Input::Whole(all), Input::Pieces { bytes: 10, fetch }] {
            assert_eq!(input.len(), 10);
            assert_eq!(input.get_bytes(2, 3).unwrap(), "234");
            assert_eq!(input.get_bytes(10, 0).unwrap(), "");
            assert!(input.get_bytes(8, 3).is_err());
            let mut rest = String::new();
            input.get_read(7).unwrap().read_to_string(&mut rest).unwrap();
            assert_eq!(rest, "789");
        }
    }
}
