//! Zip archives, read from the front: each member as it comes, by the header before it.
//!
//! The directory at the end would say more, but who reads a stream has not seen it yet. What it
//! would have told is found out otherwise: where a member ends by its own end or by the
//! descriptor behind it, and whether all members were seen by counting them. Stored and deflated
//! members are read, as are those packed with bzip2 or zstd, which the layer within recognises.
//! Encrypted members and other methods are passed on as they are, as unreadable. Folders, and
//! what macOS notes beside files, are left out.

mod data;
mod header;

use self::{
    data::{Data, Taken},
    header::{CENTRAL_HEADER_BYTES, END_BYTES, Header, LOCAL_HEADER_BYTES, Signature, u16_at},
};
use super::{Codec, Coded, Corrupt, take};

const SIGNATURE_BYTES: usize = 4;

#[derive(Default)]
pub(super) struct Zip {
    state: State,
    /// What is being collected until it is whole, or was looked at too early.
    collected: Vec<u8>,
    members: u64,
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
    End,
}

impl Codec for Zip {
    fn step(&mut self, packed: &mut &[u8], out: &mut Vec<u8>) -> Result<Coded, Corrupt> {
        match &mut self.state {
            State::Between => self.next_header(packed),
            State::Member { data, wanted } => {
                let before = out.len();
                let taken = data.take(packed, out);
                if !*wanted {
                    out.truncate(before);
                }
                match taken? {
                    Taken::Some => Ok(Coded::Nothing),
                    Taken::All(how, too_much) => {
                        let wanted = *wanted;
                        self.collected = too_much;
                        self.state = State::Between;
                        if wanted { Ok(Coded::MemberEnds(how)) } else { self.step(packed, out) }
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
            State::End => {
                *packed = &[];
                Ok(Coded::Nothing)
            }
        }
    }

    fn finish(&self) -> Result<(), Corrupt> {
        match self.state {
            State::End => Ok(()),
            State::Between | State::Member { .. } | State::Skip(_) => {
                Err(corrupt("the end is missing"))
            }
        }
    }
}

impl Zip {
    fn next_header(&mut self, packed: &mut &[u8]) -> Result<Coded, Corrupt> {
        let Some(signature) = self.collect(packed, SIGNATURE_BYTES) else {
            return Ok(Coded::Nothing);
        };
        match Signature::of(signature) {
            Some(Signature::Member) => Ok(self.begin_member(packed).unwrap_or(Coded::Nothing)),
            Some(Signature::DirectoryEntry) => {
                if let Some(entry) = self.collect(packed, CENTRAL_HEADER_BYTES) {
                    let variable = [28, 30, 32].map(|at| u64::from(u16_at(entry, at)));
                    self.skip(variable.iter().sum());
                }
                Ok(Coded::Nothing)
            }
            Some(Signature::Other) => {
                // The directory of a large archive: it is followed by the one of a small one.
                self.state = State::End;
                *packed = &[];
                Ok(Coded::Nothing)
            }
            Some(Signature::End) => {
                if let Some(end) = self.collect(packed, END_BYTES) {
                    let named = u64::from(u16_at(end, 10));
                    self.state = State::End;
                    if named != u64::from(u16::MAX) && named != self.members {
                        let members = self.members;
                        return Err(corrupt(format!("it names {named} members and has {members}")));
                    }
                }
                Ok(Coded::Nothing)
            }
            None => Err(corrupt("what follows a member is no header")),
        }
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

    fn skip(&mut self, bytes: u64) {
        self.collected.clear();
        if bytes > 0 {
            self.state = State::Skip(bytes);
        }
    }
}

fn corrupt(message: impl std::fmt::Display) -> Corrupt {
    Corrupt::truncated(format!("zip: {message}"))
}

#[cfg(test)]
mod tests;
