//! Zip archives, read from the front: each member as it comes, by the header before it.
//!
//! The directory at the end would say more, but who reads a stream has not seen it yet. What it
//! would have told is found out otherwise: where a member ends by its own end or by the
//! descriptor behind it, and whether all members were seen by counting them. Stored and deflated
//! members are read, as are those packed with bzip2 or zstd, which the layer within recognises.
//! Encrypted members and other methods are passed on as they are, as unreadable. Folders, and
//! what macOS notes beside files, are left out. Archives may stand one behind the other, with
//! zeros behind each.

mod data;
mod header;

use self::{
    data::{Data, Taken},
    header::{
        CENTRAL_HEADER_BYTES, DIGITAL_SIGNATURE_HEADER_BYTES, END_BYTES, EXTRA_DATA_HEADER_BYTES,
        Header, LARGE_END_BYTES, LOCAL_HEADER_BYTES, LOCATOR_BYTES, Signature, u16_at, u32_at,
        u64_at,
    },
};
use super::{Codec, Coded, Corrupt, take};

const SIGNATURE_BYTES: usize = 4;
const BEHIND_THE_END: &str = "what follows the archive is none";

#[derive(Default)]
pub(super) struct Zip {
    state: State,
    /// What is being collected until it is whole, or was looked at too early.
    collected: Vec<u8>,
    /// Members of the archive at hand.
    members: u64,
    /// How many it names in the end that only large ones have.
    named_large: Option<u64>,
    /// Whether its end was seen.
    ended: bool,
    /// Bytes that the last step brought and nobody wanted.
    dropped: u64,
}

#[derive(Default)]
enum State {
    /// Between members, or in the directory behind them.
    #[default]
    Between,
    Member {
        data: Data,
        /// Whether its bytes are wanted.
        wanted: bool,
    },
    /// Bytes that mean nothing to us.
    Skip(u64),
}

impl Codec for Zip {
    fn step(&mut self, packed: &mut &[u8], out: &mut Vec<u8>) -> Result<Coded, Corrupt> {
        self.dropped = 0;
        match &mut self.state {
            State::Between => self.next_header(packed),
            State::Member { data, wanted } => {
                let before = out.len();
                let taken = data.take(packed, out);
                if !*wanted {
                    self.dropped = (out.len() - before) as u64;
                    out.truncate(before);
                }
                match taken? {
                    Taken::Some => Ok(Coded::Nothing),
                    Taken::All(how, too_much) => {
                        let wanted = *wanted;
                        self.collected = too_much;
                        self.state = State::Between;
                        if wanted { Ok(Coded::MemberEnds(how)) } else { self.next_header(packed) }
                    }
                }
            }
            State::Skip(bytes) => {
                let passed = usize::try_from(*bytes).unwrap_or(usize::MAX).min(packed.len());
                *packed = packed.get(passed..).unwrap_or_default();
                *bytes -= passed as u64;
                if *bytes == 0 {
                    self.state = State::Between;
                }
                Ok(Coded::Nothing)
            }
        }
    }

    fn dropped(&self) -> u64 {
        self.dropped
    }

    fn finish(&self) -> Result<(), Corrupt> {
        match self.state {
            State::Between if self.ended && self.collected.is_empty() => Ok(()),
            State::Between if self.ended => Err(corrupt(BEHIND_THE_END)),
            State::Between | State::Member { .. } | State::Skip(_) => {
                Err(corrupt("the end is missing"))
            }
        }
    }
}

impl Zip {
    fn next_header(&mut self, packed: &mut &[u8]) -> Result<Coded, Corrupt> {
        if self.ended && self.collected.is_empty() {
            let padding = packed.iter().take_while(|byte| **byte == 0).count();
            *packed = packed.get(padding..).unwrap_or_default();
        }
        let Some(bytes) = self.collect(packed, SIGNATURE_BYTES) else {
            return Ok(Coded::Nothing);
        };
        let signature = Signature::of(bytes);
        if self.ended {
            if !matches!(signature, Some(Signature::Member | Signature::End)) {
                return Err(corrupt(BEHIND_THE_END));
            }
            let collected = std::mem::take(&mut self.collected);
            *self = Self { collected, ..Self::default() };
        }
        match signature {
            Some(Signature::Member) => Ok(self.begin_member(packed).unwrap_or(Coded::Nothing)),
            Some(Signature::DirectoryEntry) => self.pass(packed, CENTRAL_HEADER_BYTES, |entry| {
                [28, 30, 32].iter().map(|at| u64::from(u16_at(entry, *at))).sum()
            }),
            Some(Signature::LargeEnd) => self.large_end(packed),
            Some(Signature::Locator) => self.pass(packed, LOCATOR_BYTES, |_| 0),
            Some(Signature::ExtraData) => {
                self.pass(packed, EXTRA_DATA_HEADER_BYTES, |header| u32_at(header, 4).into())
            }
            Some(Signature::Signed) => {
                self.pass(packed, DIGITAL_SIGNATURE_HEADER_BYTES, |header| u16_at(header, 4).into())
            }
            Some(Signature::End) => self.end(packed),
            None => Err(corrupt("what follows a member is no header")),
        }
    }

    fn large_end(&mut self, packed: &mut &[u8]) -> Result<Coded, Corrupt> {
        let Some(end) = self.collect(packed, LARGE_END_BYTES) else {
            return Ok(Coded::Nothing);
        };
        // Its size does not count signature and size.
        let bytes = u64_at(end, 4).saturating_add(12);
        let named = u64_at(end, 32);
        let Some(more) = bytes.checked_sub(LARGE_END_BYTES as u64) else {
            return Err(corrupt("the end of its directory is too short"));
        };
        self.named_large = Some(named);
        self.pass(packed, LARGE_END_BYTES, |_| more)
    }

    fn end(&mut self, packed: &mut &[u8]) -> Result<Coded, Corrupt> {
        let Some(end) = self.collect(packed, END_BYTES) else {
            return Ok(Coded::Nothing);
        };
        let named = match (u16_at(end, 10), self.named_large) {
            (u16::MAX, Some(named)) => named,
            (named, _) => named.into(),
        };
        if named != self.members {
            let members = self.members;
            return Err(corrupt(format!("it names {named} members and has {members}")));
        }
        self.ended = true;
        self.pass(packed, END_BYTES, |end| u16_at(end, 20).into())
    }

    /// Begins the member whose header comes, once all of that is there.
    fn begin_member(&mut self, packed: &mut &[u8]) -> Option<Coded> {
        let fixed = self.collect(packed, LOCAL_HEADER_BYTES)?;
        let variable = usize::from(u16_at(fixed, 26)) + usize::from(u16_at(fixed, 28));
        let header = Header::parse(self.collect(packed, LOCAL_HEADER_BYTES + variable)?);
        self.collected.clear();
        self.members += 1;
        let (data, unreadable) = Data::of(&header);
        let wanted = !header.is_beside_the_files();
        self.state = State::Member { data, wanted };
        wanted.then_some(Coded::MemberBegins(header.name, unreadable))
    }

    /// The first `length` bytes of a header, once they are there.
    fn collect(&mut self, packed: &mut &[u8], length: usize) -> Option<&[u8]> {
        take(packed, length.saturating_sub(self.collected.len()), &mut self.collected);
        self.collected.get(..length)
    }

    /// Passes over a header of this length and what follows it, once the header is there.
    fn pass(
        &mut self,
        packed: &mut &[u8],
        header_bytes: usize,
        bytes_behind: impl FnOnce(&[u8]) -> u64,
    ) -> Result<Coded, Corrupt> {
        let Some(header) = self.collect(packed, header_bytes) else {
            return Ok(Coded::Nothing);
        };
        let behind = bytes_behind(header);
        // Of the shortest ones, more may have been looked at already.
        let here = self.collected.len() - header_bytes;
        let passed = usize::try_from(behind).unwrap_or(usize::MAX).min(here);
        self.collected.drain(..header_bytes + passed);
        match behind - passed as u64 {
            0 if self.collected.is_empty() => Ok(Coded::Nothing),
            0 => self.next_header(packed),
            left => {
                self.state = State::Skip(left);
                Ok(Coded::Nothing)
            }
        }
    }
}

fn corrupt(message: impl std::fmt::Display) -> Corrupt {
    Corrupt::truncated(format!("zip: {message}"))
}

#[cfg(test)]
pub(super) mod tests;
