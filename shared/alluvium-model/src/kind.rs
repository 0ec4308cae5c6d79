//! The few types a column can have.
//!
//! There is nothing narrower and nothing that widens: Athena tolerates almost no change of a
//! column's type on Parquet, so a column keeps for ever the kind it was born with.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A kind of single values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scalar {
    /// `true` or `false`.
    Boolean,
    /// A 64-bit signed integer.
    Bigint,
    /// A 64-bit IEEE 754 number.
    Double,
    /// An instant in UTC with microseconds.
    Timestamp,
    /// Text; also the lexeme of any other scalar.
    String,
}

impl Scalar {
    /// Every scalar kind.
    pub const ALL: [Self; 5] =
        [Self::Boolean, Self::Bigint, Self::Double, Self::Timestamp, Self::String];

    /// The name in Glue types, sibling suffixes and contracts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Bigint => "bigint",
            Self::Double => "double",
            Self::Timestamp => "timestamp",
            Self::String => "string",
        }
    }
}

/// What a data column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Kind {
    /// One value a row.
    Scalar(Scalar),
    /// A list of values of one scalar kind; elements may be null.
    Array(Scalar),
    /// The JSON text of an array or object.
    Json,
}

impl Kind {
    /// Every kind.
    pub fn all() -> impl Iterator<Item = Self> {
        let scalars = Scalar::ALL.into_iter();
        scalars.clone().map(Self::Scalar).chain(scalars.map(Self::Array)).chain([Self::Json])
    }

    /// The type of such a column in the Glue catalog.
    #[must_use]
    pub fn glue_type(self) -> String {
        match self {
            Self::Scalar(scalar) => scalar.name().to_owned(),
            Self::Array(scalar) => format!("array<{}>", scalar.name()),
            Self::Json => Scalar::String.name().to_owned(),
        }
    }

    /// What follows the name of a column in the name of its sibling of this kind. Only scalars
    /// and `json` have siblings: an array that does not fit goes to `__json`.
    #[must_use]
    pub const fn sibling_suffix(self) -> &'static str {
        match self {
            Self::Scalar(Scalar::Boolean) => "__boolean",
            Self::Scalar(Scalar::Bigint) => "__bigint",
            Self::Scalar(Scalar::Double) => "__double",
            Self::Scalar(Scalar::Timestamp) => "__timestamp",
            Self::Scalar(Scalar::String) => "__string",
            Self::Array(_) | Self::Json => "__json",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(scalar) => f.write_str(scalar.name()),
            Self::Array(scalar) => write!(f, "array<{}>", scalar.name()),
            Self::Json => f.write_str("json"),
        }
    }
}

impl From<Kind> for String {
    fn from(kind: Kind) -> Self {
        kind.to_string()
    }
}

/// A text that names no kind.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no kind of column (boolean, bigint, double, timestamp, string, array<…>, json)")]
pub struct ParseKindError(String);

impl FromStr for Kind {
    type Err = ParseKindError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::all()
            .find(|kind| kind.to_string() == text)
            .ok_or_else(|| ParseKindError(text.to_owned()))
    }
}

impl TryFrom<String> for Kind {
    type Error = ParseKindError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_name_and_a_glue_type() {
        let rows: Vec<_> = Kind::all()
            .map(|kind| {
                assert_eq!(kind.to_string().parse(), Ok(kind));
                format!("{kind} {} {}", kind.glue_type(), kind.sibling_suffix())
            })
            .collect();
        insta::assert_snapshot!(rows.join("\n"), @r"
        boolean boolean __boolean
        bigint bigint __bigint
        double double __double
        timestamp timestamp __timestamp
        string string __string
        array<boolean> array<boolean> __json
        array<bigint> array<bigint> __json
        array<double> array<double> __json
        array<timestamp> array<timestamp> __json
        array<string> array<string> __json
        json string __json
        ");
        assert_eq!("map".parse::<Kind>(), Err(ParseKindError("map".to_owned())));
    }
}
