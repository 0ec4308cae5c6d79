//! The header before a member of a zip archive (PKWARE APPNOTE 6.3.10, §4.3.7 and §4.4).

pub(super) const LOCAL_HEADER_BYTES: usize = 30;
pub(super) const CENTRAL_HEADER_BYTES: usize = 46;
pub(super) const END_BYTES: usize = 22;
/// The end of the directory of a large archive, without what may follow in it.
pub(super) const LARGE_END_BYTES: usize = 56;
/// Where that end stands.
pub(super) const LOCATOR_BYTES: usize = 20;
pub(super) const EXTRA_DATA_HEADER_BYTES: usize = 8;
pub(super) const DIGITAL_SIGNATURE_HEADER_BYTES: usize = 6;

const ZIP64_EXTRA: u16 = 1;
/// Bytes of a name that are kept for messages.
const NAME_BYTES_MAX: usize = 200;

/// What a header is the header of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signature {
    Member,
    DirectoryEntry,
    /// Before the end, if the archive is large.
    LargeEnd,
    /// Behind that one.
    Locator,
    /// Before the directory.
    ExtraData,
    /// Behind the entries of the directory.
    Signed,
    End,
}

impl Signature {
    pub(super) const fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            b"PK\x03\x04" => Some(Self::Member),
            b"PK\x01\x02" => Some(Self::DirectoryEntry),
            b"PK\x05\x06" => Some(Self::End),
            b"PK\x06\x06" => Some(Self::LargeEnd),
            b"PK\x06\x07" => Some(Self::Locator),
            b"PK\x06\x08" => Some(Self::ExtraData),
            b"PK\x05\x05" => Some(Self::Signed),
            _ => None,
        }
    }
}

/// How the data of a member is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    Deflated,
    /// By something that is recognised by its content.
    Recognised,
    Other(u16),
}

/// What stands before a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// For people: cut, and what is no text is replaced.
    pub(super) name: String,
    pub(super) method: Method,
    pub(super) encrypted: bool,
    /// Whether checksum and sizes follow the data.
    pub(super) has_descriptor: bool,
    pub(super) checksum: u32,
    /// The bytes of the data, if they are told.
    pub(super) packed_bytes: Option<u64>,
}

impl Header {
    /// Reads a header that is there as a whole.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let flags = u16_at(bytes, 6);
        let name_bytes = usize::from(u16_at(bytes, 26));
        let (name, extra) =
            bytes.split_at_checked(LOCAL_HEADER_BYTES + name_bytes).unwrap_or_default();
        let name = name.get(LOCAL_HEADER_BYTES..).unwrap_or_default();
        let has_descriptor = flags & 1 << 3 != 0;
        let packed_bytes = match (u32_at(bytes, 18), u32_at(bytes, 22)) {
            // Some who let a descriptor follow know the sizes all the same.
            (0, _) if has_descriptor => None,
            (u32::MAX, plain) => zip64_packed_bytes(extra, plain == u32::MAX)
                .filter(|bytes| *bytes > 0 || !has_descriptor),
            (packed, _) => Some(packed.into()),
        };
        Self {
            name: printable(name),
            method: match u16_at(bytes, 8) {
                0 => Method::Stored,
                8 => Method::Deflated,
                12 | 20 | 93 => Method::Recognised,
                other => Method::Other(other),
            },
            // Plain or strong encryption, or a header that is itself encrypted.
            encrypted: flags & (1 | 1 << 6 | 1 << 13) != 0,
            has_descriptor,
            checksum: u32_at(bytes, 14),
            packed_bytes,
        }
    }

    /// Whether it is a folder or what macOS notes about a file.
    pub(super) fn is_beside_the_files(&self) -> bool {
        self.name.ends_with('/') || self.name.starts_with("__MACOSX/")
    }
}

/// The size of the data as an archive beyond 4 GiB tells it, behind that of the content.
fn zip64_packed_bytes(mut extra: &[u8], after_plain_bytes: bool) -> Option<u64> {
    while extra.len() >= 4 {
        let (id, length) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        let field = extra.get(4..4 + length)?;
        if id == ZIP64_EXTRA {
            let at = if after_plain_bytes { 8 } else { 0 };
            return Some(u64::from_le_bytes(*field.get(at..)?.first_chunk()?));
        }
        extra = extra.get(4 + length..)?;
    }
    None
}

fn printable(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    let end = name.floor_char_boundary(NAME_BYTES_MAX);
    name.get(..end).unwrap_or_default().replace(char::is_control, "\u{fffd}")
}

/// The number that begins at `at`; 0 where there is none.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u16::from_le_bytes(*bytes))
}

/// The number that begins at `at`; 0 where there is none.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// The number that begins at `at`; 0 where there is none.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}
