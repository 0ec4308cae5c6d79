//! Names that are functions of what they name, so that doing something twice does it once.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{SequenceRange, Shard, Stream, Topic};

/// Raised whenever code changes which rows or files a source gives, or their bytes: files of
/// another layout may hold other rows under the same part number, and nobody who reads a file by
/// its length may find another one in its place.
pub const LAYOUT_VERSION: u32 = 5;

/// A SHA-256 digest; its text is lower-case hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of a text.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// The digest of several fields, each preceded by its length as a big-endian u64, so that no
    /// two lists of fields run together.
    #[must_use]
    pub fn of_fields(fields: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for field in fields {
            hasher.update((field.len() as u64).to_be_bytes());
            hasher.update(field);
        }
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// One input: these bytes under this key. The same bytes under the same key are one source
/// however often they arrive; other bytes under the same key are another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId([u8; 16]);

impl SourceId {
    /// The source that `etag` tells apart from others under the same bucket and key.
    #[must_use]
    pub fn of_object(bucket: &str, key: &str, etag: &str) -> Self {
        Self::of_fields(&[bucket.as_bytes(), key.as_bytes(), etag.as_bytes()])
    }

    /// The documents of a range of a shard's records that belong to a topic, or to none that has a
    /// source of its own.
    #[must_use]
    pub fn of_range(shard: &Shard, range: &SequenceRange, topic: Option<&Topic>) -> Self {
        let Shard { stream: Stream { name, created }, id } = shard;
        let (SequenceRange { first, last }, created) = (range, created.to_string());
        let words = [name.as_str(), &created, id.as_str(), first.as_str(), last.as_str()];
        let topic = topic.map(Topic::as_str);
        Self::of_fields(&words.into_iter().chain(topic).map(str::as_bytes).collect::<Vec<_>>())
    }

    fn of_fields(fields: &[&[u8]]) -> Self {
        let digest = Digest::of_fields(fields);
        let mut id = [0; 16];
        id.iter_mut().zip(digest.0).for_each(|(to, from)| *to = from);
        Self(id)
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for SourceId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        bytes_of_hex(text).map(Self)
    }
}

/// A text that is no identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {digits} lower-case hex digits")]
pub struct InvalidId {
    text: String,
    digits: usize,
}

impl InvalidId {
    /// Fails unless the text is so many lower-case hex digits.
    pub(crate) fn unless_hex(text: &str, digits: usize) -> Result<(), Self> {
        let is_hex = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
        let lawful = text.len() == digits && text.bytes().all(is_hex);
        if lawful { Ok(()) } else { Err(Self { text: text.to_owned(), digits }) }
    }
}

fn bytes_of_hex<const N: usize>(text: &str) -> Result<[u8; N], InvalidId> {
    let invalid = || InvalidId { text: text.to_owned(), digits: 2 * N };
    InvalidId::unless_hex(text, 2 * N)?;
    let mut bytes = [0; N];
    for (index, byte) in bytes.iter_mut().enumerate() {
        let digits = text.get(2 * index..2 * index + 2).unwrap_or_default();
        *byte = u8::from_str_radix(digits, 16).map_err(|_| invalid())?;
    }
    Ok(bytes)
}

/// How much is read, and where a source is cut. All of it decides which rows and files a source
/// gives, so all of it is part of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A part ends when it holds this many bytes of JSON text; what its quarantined records take in
    /// memory counts too.
    pub part_text_bytes: u32,
    /// A part ends when it holds this many records, the quarantined ones too.
    pub part_records: u32,
    /// A longer record is quarantined.
    pub record_bytes: u32,
    /// A record nested deeper is quarantined; at most [`Limits::PARSE_DEPTH_MAX`].
    pub parse_depth: u32,
    /// Objects below this many keys of a path become JSON text.
    pub path_depth: u32,
    /// Objects and leaves that a part tells apart; values under further paths go to `_rescued`.
    pub part_paths: u32,
    /// Bytes of all paths that a part tells apart.
    pub part_path_bytes: u32,
    /// Bytes of a written path; values under longer ones go to `_rescued`.
    pub path_bytes: u32,
    /// Bytes that may come out of a compressed source, of all its layers together; the rest is
    /// quarantined unread.
    pub unpacked_bytes: u64,
    /// Bytes that may come out of a compressed source for each byte of it.
    pub compression_ratio: u64,
    /// Bytes that come out of any source before that ratio counts.
    pub compression_ratio_from_bytes: u64,
    /// Memory for the window of a zstd frame; a frame that demands more is refused.
    pub zstd_window_bytes: u64,
    /// A text that begins with this many bad records is quarantined as a whole.
    pub unreadable_records: u32,
}

/// A limit that cannot be set like this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// There is no such limit.
    #[error("there is no limit `{name}`; there are {}", Limits::names().join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// It is not of the form `name=number`, or the number is too large.
    #[error("`{setting}` is not of the form NAME=NUMBER with a number from 1 to {max}")]
    Invalid {
        /// What was said.
        setting: String,
        /// The largest number that is allowed.
        max: u64,
    },
}

impl Limits {
    /// No parser of ours goes deeper.
    pub const PARSE_DEPTH_MAX: u32 = 128;
    /// A part and a record that begins in it are addressed with 32 bits.
    const TEXT_BYTES_MAX: u32 = 1 << 30;
    /// What the decoder of zstd can be told.
    const ZSTD_WINDOW_BYTES_MAX: u64 = 1 << 31;

    /// The names that [`Limits::set`] knows.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        Self::default().named().map(|(name, _)| name).to_vec()
    }

    /// Sets one limit, said as `name=number`.
    ///
    /// # Errors
    /// When there is no such limit or the number is not one that it can have.
    pub fn set(&mut self, setting: &str) -> Result<(), LimitError> {
        let (name, number) = setting.split_once('=').unwrap_or((setting, ""));
        let invalid = |max| LimitError::Invalid { setting: setting.to_owned(), max };
        let up_to = |max: u64| match number.parse() {
            Ok(number) if (1..=max).contains(&number) => Ok(number),
            Ok(_) | Err(_) => Err(invalid(max)),
        };
        let up_to_u32 = |max: u32| {
            let number = up_to(max.into())?;
            u32::try_from(number).map_err(|_| invalid(max.into()))
        };
        match name {
            "part_text_bytes" => self.part_text_bytes = up_to_u32(Self::TEXT_BYTES_MAX)?,
            "part_records" => self.part_records = up_to_u32(u32::MAX)?,
            "record_bytes" => self.record_bytes = up_to_u32(Self::TEXT_BYTES_MAX)?,
            "parse_depth" => self.parse_depth = up_to_u32(Self::PARSE_DEPTH_MAX)?,
            "path_depth" => self.path_depth = up_to_u32(Self::PARSE_DEPTH_MAX)?,
            "part_paths" => self.part_paths = up_to_u32(u32::MAX)?,
            "part_path_bytes" => self.part_path_bytes = up_to_u32(u32::MAX)?,
            "path_bytes" => self.path_bytes = up_to_u32(u32::MAX)?,
            "unpacked_bytes" => self.unpacked_bytes = up_to(u64::MAX)?,
            "compression_ratio" => self.compression_ratio = up_to(u64::MAX)?,
            "compression_ratio_from_bytes" => self.compression_ratio_from_bytes = up_to(u64::MAX)?,
            "zstd_window_bytes" => self.zstd_window_bytes = up_to(Self::ZSTD_WINDOW_BYTES_MAX)?,
            "unreadable_records" => self.unreadable_records = up_to_u32(u32::MAX)?,
            _ => return Err(LimitError::Unknown { name: name.to_owned() }),
        }
        Ok(())
    }

    /// The limits that are not the default ones, so that one that is added later changes nothing.
    pub fn others(self) -> impl Iterator<Item = (&'static str, u64)> {
        let others = self.named().into_iter().zip(Self::default().named());
        others.filter(|(ours, default)| ours != default).map(|(ours, _)| ours)
    }

    fn named(self) -> [(&'static str, u64); 13] {
        let Self {
            part_text_bytes,
            part_records,
            record_bytes,
            parse_depth,
            path_depth,
            part_paths,
            part_path_bytes,
            path_bytes,
            unpacked_bytes,
            compression_ratio,
            compression_ratio_from_bytes,
            zstd_window_bytes,
            unreadable_records,
        } = self;
        [
            ("part_text_bytes", part_text_bytes.into()),
            ("part_records", part_records.into()),
            ("record_bytes", record_bytes.into()),
            ("parse_depth", parse_depth.into()),
            ("path_depth", path_depth.into()),
            ("part_paths", part_paths.into()),
            ("part_path_bytes", part_path_bytes.into()),
            ("path_bytes", path_bytes.into()),
            ("unpacked_bytes", unpacked_bytes),
            ("compression_ratio", compression_ratio),
            ("compression_ratio_from_bytes", compression_ratio_from_bytes),
            ("zstd_window_bytes", zstd_window_bytes),
            ("unreadable_records", unreadable_records.into()),
        ]
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            part_text_bytes: 128 << 20,
            part_records: 1_000_000,
            record_bytes: 16 << 20,
            parse_depth: Self::PARSE_DEPTH_MAX,
            path_depth: 32,
            part_paths: 65_536,
            part_path_bytes: 16 << 20,
            path_bytes: 1_024,
            unpacked_bytes: 64 << 30,
            compression_ratio: 100,
            compression_ratio_from_bytes: 1 << 30,
            zstd_window_bytes: 32 << 20,
            unreadable_records: 1_000,
        }
    }
}

/// Everything besides its bytes that decides which rows and files a source gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The layout of the code, [`LAYOUT_VERSION`]; of two the higher one wins.
    pub layout: u32,
    /// How much is read, and where it is cut.
    pub limits: Limits,
    /// What the contract says; none if it says nothing new.
    pub contract: Option<Digest>,
}

impl Default for Plan {
    fn default() -> Self {
        Self { layout: LAYOUT_VERSION, limits: Limits::default(), contract: None }
    }
}

impl Plan {
    /// The identity of this plan. Equal ids mean equal rows in files of equal name.
    #[must_use]
    pub fn id(&self) -> PlanId {
        let texts: Vec<_> = [("layout", u64::from(self.layout))]
            .into_iter()
            .chain(self.limits.others())
            .map(|(name, value)| format!("{name}={value}"))
            .chain(self.contract.map(|digest| format!("contract={digest}")))
            .collect();
        let fields: Vec<_> = texts.iter().map(String::as_bytes).collect();
        let [a, b, c, d, ..] = Digest::of_fields(&fields).0;
        PlanId([a, b, c, d])
    }
}

/// The short hash of a [`Plan`]; its text is eight hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PlanId([u8; 4]);

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for PlanId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        bytes_of_hex(text).map(Self)
    }
}

impl TryFrom<String> for PlanId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PlanId> for String {
    fn from(id: PlanId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These ids are in the names of files that exist: a change here loads every source again.
    #[test]
    fn ids_never_change() {
        let id = SourceId::of_object("bucket", "camera/1.json", "etag");
        insta::assert_snapshot!(id, @"1ce28761f5cc2ae7a8337560a8340563");
        insta::assert_snapshot!(Plan::default().id(), @"42185996");
    }

    #[test]
    fn ids_are_read_as_they_are_written() {
        let id = SourceId::of_object("bucket", "camera/1.json", "etag");
        assert_eq!(id.to_string().parse(), Ok(id));
        let plan = Plan::default().id();
        assert_eq!(plan.to_string().parse(), Ok(plan));
        let error = |text: &str| text.parse::<PlanId>().unwrap_err().to_string();
        insta::assert_snapshot!(error("d265bd4"), @"`d265bd4` is not 8 lower-case hex digits");
        for text in ["", "D265BD45", "d265bd4g", "d265bd450", "+265bd45", "ééé1"] {
            assert!(text.parse::<PlanId>().is_err(), "{text}");
        }
    }

    #[test]
    fn fields_do_not_run_together() {
        let id = SourceId::of_object;
        assert_ne!(id("ab", "c", ""), id("a", "bc", ""));
        assert_ne!(id("a", "b", "1"), id("a", "b", "2"));
    }

    #[test]
    fn other_limits_and_contracts_are_other_plans() {
        let limits = Limits { part_records: 10, ..Limits::default() };
        let contract = Some(Digest::of_text("contract"));
        let plans = [
            Plan::default(),
            Plan { limits, ..Plan::default() },
            Plan { contract, ..Plan::default() },
            Plan { limits, contract, ..Plan::default() },
            Plan { layout: LAYOUT_VERSION + 1, ..Plan::default() },
        ];
        let ids: std::collections::BTreeSet<_> = plans.iter().map(Plan::id).collect();
        assert_eq!(ids.len(), plans.len());
    }

    #[test]
    fn every_limit_can_be_set_within_its_bounds() {
        for name in Limits::names() {
            let mut limits = Limits::default();
            limits.set(&format!("{name}=1")).unwrap();
            let set = limits.named().into_iter().zip(Limits::default().named());
            let set: Vec<_> = set.filter(|(now, before)| now != before).collect();
            assert_eq!((set[0].0, set.len()), ((name, 1), 1));
        }
        let error = |setting| Limits::default().set(setting).unwrap_err().to_string();
        insta::assert_snapshot!(error("parse_depth=129"), @"`parse_depth=129` is not of the form NAME=NUMBER with a number from 1 to 128");
        for invalid in ["parse_depth", "parse_depth=", "parse_depth=0", "part_records=4294967296"] {
            assert!(error(invalid).contains("NAME=NUMBER"), "{invalid}");
        }
        assert!(error("depth=1").starts_with("there is no limit `depth`; there are part_text"));
    }
}
