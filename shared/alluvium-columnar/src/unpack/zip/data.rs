//! The data of a member of a zip archive, and the descriptor that may stand behind it.

use crc32fast::Hasher;
use flate2::Decompress;
use memchr::memmem;

use super::{
    corrupt,
    header::{Header, Method, u32_at},
};
use crate::unpack::{Corrupt, gzip::inflate, take};

const DESCRIPTOR_SIGNATURE: &[u8] = b"PK\x07\x08";
/// The longest descriptor: signature, checksum, two sizes of eight bytes.
const DESCRIPTOR_BYTES_MAX: usize = 24;

/// The data of a member on its way.
pub(super) struct Data {
    coding: Coding,
    /// Bytes of the data that are still to come, if that is known.
    left: Option<u64>,
    has_descriptor: bool,
    /// What the header or the descriptor says.
    checksum: u32,
    packed: u64,
    plain: u64,
    hasher: Hasher,
    /// Whether the data has ended and the descriptor is being read.
    in_descriptor: bool,
    /// Bytes that may belong to the descriptor.
    ahead: Vec<u8>,
    flaw: Option<Corrupt>,
}

enum Coding {
    Stored,
    Deflated(Box<Decompress>),
    /// As it is, and the checksum is one of other bytes.
    Opaque,
}

/// What taking some data brought.
pub(super) enum Taken {
    Some,
    /// The member has ended, and how; what was taken too much is behind it.
    All(Result<(), Corrupt>, Vec<u8>),
}

impl Data {
    /// The data behind this header, and why it cannot be read, if so.
    pub(super) fn of(header: &Header) -> (Self, Option<String>) {
        let unreadable = match header.method {
            _ if header.encrypted => Some("it is encrypted".to_owned()),
            Method::Other(method) => {
                Some(format!("it is packed by method {method}, which is not read"))
            }
            Method::Recognised if header.packed_bytes.is_none() => {
                Some("where it ends is not told".to_owned())
            }
            Method::Stored | Method::Deflated | Method::Recognised => None,
        };
        let coding = match header.method {
            _ if unreadable.is_some() => Coding::Opaque,
            Method::Deflated => Coding::Deflated(Box::new(Decompress::new(false))),
            Method::Stored => Coding::Stored,
            Method::Recognised | Method::Other(_) => Coding::Opaque,
        };
        let data = Self {
            coding,
            left: header.packed_bytes,
            has_descriptor: header.has_descriptor,
            checksum: header.checksum,
            packed: 0,
            plain: 0,
            hasher: Hasher::new(),
            in_descriptor: false,
            ahead: Vec::new(),
            flaw: None,
        };
        (data, unreadable)
    }

    /// Takes some of `packed` and appends what comes out to `out`.
    pub(super) fn take(&mut self, packed: &mut &[u8], out: &mut Vec<u8>) -> Result<Taken, Corrupt> {
        if self.in_descriptor {
            return self.descriptor(packed);
        }
        let ended = match (&self.coding, self.left) {
            (Coding::Deflated(_), _) if self.flaw.is_none() => self.deflated(packed, out)?,
            (Coding::Deflated(_), _) => self.passed_over(packed),
            (Coding::Stored, None) => self.stored_until_descriptor(packed, out),
            (Coding::Stored | Coding::Opaque, _) => self.stored(packed, out),
        };
        if !ended {
            return Ok(Taken::Some);
        }
        if self.has_descriptor {
            self.in_descriptor = true;
            return self.descriptor(packed);
        }
        Ok(Taken::All(self.how_it_ended(), Vec::new()))
    }

    fn stored(&mut self, packed: &mut &[u8], out: &mut Vec<u8>) -> bool {
        let (before, length) = (out.len(), packed.len());
        // Where it ends is not told of something encrypted: it takes the rest of the archive.
        take(packed, self.left_bytes(), out);
        self.came_out(out.get(before..).unwrap_or_default());
        self.went_in(length - packed.len());
        self.left == Some(0)
    }

    /// Takes what is stored up to a descriptor that fits what came before it.
    fn stored_until_descriptor(&mut self, packed: &mut &[u8], out: &mut Vec<u8>) -> bool {
        let mut ahead = std::mem::take(&mut self.ahead);
        ahead.extend_from_slice(packed);
        let mut rest = ahead.as_slice();
        let ended = loop {
            let found = memmem::find(rest, DESCRIPTOR_SIGNATURE);
            // In the last bytes a signature may begin.
            let free = found.unwrap_or(rest.len().saturating_sub(DESCRIPTOR_SIGNATURE.len() - 1));
            self.stored_bytes(&mut rest, free, out);
            if found.is_none() || rest.len() < DESCRIPTOR_BYTES_MAX {
                break false;
            }
            let fits = |found: &Descriptor| found.packed == self.packed && self.agrees_with(found);
            if Descriptor::readings(rest).any(|found| found.signed && fits(&found)) {
                break true;
            }
            self.stored_bytes(&mut rest, DESCRIPTOR_SIGNATURE.len(), out);
        };
        let (ahead, excess) = rest.split_at(rest.len().min(DESCRIPTOR_BYTES_MAX));
        self.ahead = ahead.to_vec();
        *packed = packed.get(packed.len().saturating_sub(excess.len())..).unwrap_or_default();
        ended
    }

    fn stored_bytes(&mut self, rest: &mut &[u8], length: usize, out: &mut Vec<u8>) {
        let before = out.len();
        take(rest, length, out);
        self.came_out(out.get(before..).unwrap_or_default());
        self.went_in(length);
    }

    fn deflated(&mut self, packed: &mut &[u8], out: &mut Vec<u8>) -> Result<bool, Corrupt> {
        let mut given = packed.get(..self.left_bytes()).unwrap_or(packed);
        let Coding::Deflated(stream) = &mut self.coding else { return Ok(true) };
        let (length, before) = (given.len(), out.len());
        let inflated = inflate(stream, &mut given, out);
        let taken = length - given.len();
        *packed = packed.get(taken..).unwrap_or_default();
        self.went_in(taken);
        self.came_out(out.get(before..).unwrap_or_default());
        let flaw = match inflated {
            Ok(true) if self.left.is_none_or(|left| left == 0) => return Ok(true),
            Ok(false) if self.left != Some(0) || out.len() > before => return Ok(false),
            Ok(true) => corrupt("the data ends before its size"),
            Ok(false) => corrupt("the data does not end with its size"),
            Err(_) => corrupt("the data is damaged"),
        };
        if self.left.is_none() {
            return Err(flaw);
        }
        // Only this member is damaged: where the next one begins is known.
        self.flaw = Some(flaw);
        Ok(self.left == Some(0))
    }

    fn passed_over(&mut self, packed: &mut &[u8]) -> bool {
        let passed = self.left_bytes().min(packed.len());
        *packed = packed.get(passed..).unwrap_or_default();
        self.went_in(passed);
        self.left == Some(0)
    }

    fn descriptor(&mut self, packed: &mut &[u8]) -> Result<Taken, Corrupt> {
        take(packed, DESCRIPTOR_BYTES_MAX.saturating_sub(self.ahead.len()), &mut self.ahead);
        if self.ahead.len() < DESCRIPTOR_BYTES_MAX {
            return Ok(Taken::Some);
        }
        let behind = |found: &Descriptor| self.ahead.get(found.length..).unwrap_or_default();
        let found = Descriptor::readings(&self.ahead).filter(|found| {
            found.packed == self.packed && behind(found).iter().zip(b"PK").all(|(a, b)| a == b)
        });
        let found = found.min_by_key(|found| !self.agrees_with(found));
        let found = found.ok_or_else(|| corrupt("the sizes behind a member are not its own"))?;
        let ahead = self.ahead.split_off(found.length);
        self.checksum = found.checksum;
        if !self.agrees_with(&found) && self.flaw.is_none() {
            self.flaw = Some(corrupt("the checksum or the size of the member is wrong"));
        }
        Ok(Taken::All(self.how_it_ended(), ahead))
    }

    /// Whether the descriptor is that of what came out, as far as that can be told.
    fn agrees_with(&self, found: &Descriptor) -> bool {
        matches!(self.coding, Coding::Opaque)
            || (found.checksum == self.hasher.clone().finalize() && found.plain == self.plain)
    }

    fn how_it_ended(&mut self) -> Result<(), Corrupt> {
        if let Some(flaw) = self.flaw.take() {
            return Err(flaw);
        }
        let checked = !matches!(self.coding, Coding::Opaque);
        if checked && self.hasher.clone().finalize() != self.checksum {
            return Err(corrupt("the checksum of the member is wrong"));
        }
        Ok(())
    }

    fn left_bytes(&self) -> usize {
        self.left.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX))
    }

    fn went_in(&mut self, taken: usize) {
        self.packed += taken as u64;
        self.left = self.left.map(|left| left.saturating_sub(taken as u64));
    }

    fn came_out(&mut self, plain: &[u8]) {
        self.plain += plain.len() as u64;
        self.hasher.update(plain);
    }
}

/// What stands behind the data of a member.
struct Descriptor {
    length: usize,
    signed: bool,
    checksum: u32,
    packed: u64,
    plain: u64,
}

impl Descriptor {
    /// Everything that some bytes can mean: the signature may be left out, and whether sizes have
    /// eight bytes is not told.
    fn readings(bytes: &[u8]) -> impl Iterator<Item = Self> {
        let signed = bytes.starts_with(DESCRIPTOR_SIGNATURE);
        let at = if signed { DESCRIPTOR_SIGNATURE.len() } else { 0 };
        let readings = [(at, signed, 4), (at, signed, 8), (0, false, 4), (0, false, 8)];
        readings.into_iter().map(|(at, signed, size_bytes)| Self {
            length: at + 4 + 2 * size_bytes,
            signed,
            checksum: u32_at(bytes, at),
            packed: size_at(bytes, at + 4, size_bytes),
            plain: size_at(bytes, at + 4 + size_bytes, size_bytes),
        })
    }
}

fn size_at(bytes: &[u8], at: usize, size_bytes: usize) -> u64 {
    let high = if size_bytes == 8 { u32_at(bytes, at + 4) } else { 0 };
    u64::from(high) << 32 | u64::from(u32_at(bytes, at))
}
