//! Any bytes as text: as they are where they can be, else in Base64.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

/// How a text stands for bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Encoding {
    /// It is the bytes.
    Text,
    /// It is their Base64.
    Base64,
}

impl Encoding {
    /// The text that stands for some bytes, and how it does.
    pub(crate) fn of(bytes: &[u8]) -> (Self, Cow<'_, str>) {
        // Glue, JSON and CSV tools choke on NUL in text.
        match std::str::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => (Self::Text, Cow::Borrowed(text)),
            _ => (Self::Base64, Cow::Owned(STANDARD.encode(bytes))),
        }
    }

    /// The bytes that a text stands for.
    pub(crate) fn decode(self, text: Cow<'_, str>) -> Result<Vec<u8>, base64::DecodeError> {
        match self {
            Self::Text => Ok(text.into_owned().into_bytes()),
            Self::Base64 => STANDARD.decode(&*text),
        }
    }

    /// Its name in the column `encoding`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Base64 => "base64",
        }
    }
}
