//! The vocabulary of the quarantine table.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Why a record was not loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It breaks the grammar of RFC 8259.
    InvalidJson,
    /// It is JSON, but not an object.
    NotAnObject,
    /// It holds invalid UTF-8 or half of a surrogate pair.
    NotUnicode,
    /// It is nested deeper than the limit.
    TooDeep,
    /// It is longer than the limit.
    RecordTooLarge,
    /// The source ended, or could not be decompressed further, in the middle of it.
    TruncatedInput,
    /// It is what a wrapper such as `{"Records":[…]}` holds beside its list.
    WrapperFields,
    /// It is no JSON at all, or nothing that could be unpacked.
    Unreadable,
    /// It lies beyond the bytes that may come out of a compressed source.
    SourceTooLarge,
    /// It lies beyond where a compressed source became suspiciously large.
    CompressionRatio,
    /// It lies in what cannot be unpacked within the memory for it.
    WindowTooLarge,
    /// Its object lies in no folder that could name a table.
    NoTable,
    /// It has a field that its table does not have, or a value that no column takes, and the
    /// contract wants such records here.
    Contract,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 13] = [
        Self::InvalidJson,
        Self::NotAnObject,
        Self::NotUnicode,
        Self::TooDeep,
        Self::RecordTooLarge,
        Self::TruncatedInput,
        Self::WrapperFields,
        Self::Unreadable,
        Self::SourceTooLarge,
        Self::CompressionRatio,
        Self::WindowTooLarge,
        Self::NoTable,
        Self::Contract,
    ];

    /// The text in the column `reason` and in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::NotAnObject => "not_an_object",
            Self::NotUnicode => "not_unicode",
            Self::TooDeep => "too_deep",
            Self::RecordTooLarge => "record_too_large",
            Self::TruncatedInput => "truncated_input",
            Self::WrapperFields => "wrapper_fields",
            Self::Unreadable => "unreadable",
            Self::SourceTooLarge => "source_too_large",
            Self::CompressionRatio => "compression_ratio",
            Self::WindowTooLarge => "window_too_large",
            Self::NoTable => "no_table",
            Self::Contract => "contract",
        }
    }
}

/// A text that names no reason.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no reason for quarantine")]
pub struct ParseReasonError(String);

impl FromStr for Reason {
    type Err = ParseReasonError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|reason| reason.name() == text);
        named.ok_or_else(|| ParseReasonError(text.to_owned()))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A column of the quarantine table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuarantineColumn {
    /// The [`Reason`].
    Reason,
    /// What is wrong, for people.
    Message,
    /// The URI of the source.
    Source,
    /// The index of the record in the source.
    Record,
    /// Where it begins in the decompressed source, in bytes.
    Offset,
    /// How long it is, in bytes.
    Length,
    /// Its first bytes.
    Bytes,
    /// How `bytes` is written: `text` or `base64`.
    Encoding,
    /// Whether `bytes` holds all of it.
    Complete,
    /// When the source arrived.
    ArrivedAt,
}

impl QuarantineColumn {
    /// Every column in the order of the table.
    pub const ALL: [Self; 10] = [
        Self::Reason,
        Self::Message,
        Self::Source,
        Self::Record,
        Self::Offset,
        Self::Length,
        Self::Bytes,
        Self::Encoding,
        Self::Complete,
        Self::ArrivedAt,
    ];

    /// The name in the table and its files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reason => "reason",
            Self::Message => "message",
            Self::Source => "source",
            Self::Record => "record",
            Self::Offset => "offset",
            Self::Length => "length",
            Self::Bytes => "bytes",
            Self::Encoding => "encoding",
            Self::Complete => "complete",
            Self::ArrivedAt => "arrived_at",
        }
    }

    /// The type in the Glue catalog.
    #[must_use]
    pub const fn glue_type(self) -> &'static str {
        match self {
            Self::Reason | Self::Message | Self::Source | Self::Bytes | Self::Encoding => "string",
            Self::Record | Self::Offset | Self::Length => "bigint",
            Self::Complete => "boolean",
            Self::ArrivedAt => "timestamp",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_written_alike_everywhere() {
        for reason in Reason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
            assert_eq!(reason.name().parse(), Ok(reason));
        }
    }
}
