//! What can be wrong with a contract: values with a place, so that all of a file are said at once.

use std::{error::Error, fmt};

use super::DEFAULT_CONTRACT;
use crate::{
    InvalidPattern, InvalidStreamText, Kind, ParseKindError, ParsePartitionError, ParsePathError,
};

/// Something that is wrong in a contract. Its text begins with the place: `file:line:column: `.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{file}:{line}:{column}: {problem}")]
pub struct ContractError {
    /// The file, as the reader of the contract calls it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The character in that line, from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: ContractProblem,
}

/// All that is wrong with contracts, one thing at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractErrors(pub Vec<ContractError>);

impl fmt::Display for ContractErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&texts.join("; "))
    }
}

impl Error for ContractErrors {}

/// What is wrong. Keys are written as in `schema.max_columns`.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ContractProblem {
    /// It is no text.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// It is no TOML.
    #[error("{message}")]
    Syntax {
        /// What the parser says.
        message: String,
    },
    /// There is no such key.
    #[error("there is no key `{key}`{}", nearest.map(did_you_mean).unwrap_or_default())]
    UnknownKey {
        /// The key.
        key: String,
        /// The key that it is most like, if it is like any.
        nearest: Option<&'static str>,
    },
    /// A key has a value of another type.
    #[error("`{key}` is {found}; it must be {expected}")]
    Type {
        /// The key.
        key: String,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A key has a value that it cannot have.
    #[error("`{key}`: {error}")]
    Value {
        /// The key.
        key: String,
        /// What is wrong with it.
        error: ValueError,
    },
    /// A key must be there.
    #[error("`{key}` is missing")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// A key says what Alluvium cannot do yet.
    #[error("`{key}`: {what} are not yet supported")]
    NotYetSupported {
        /// The key.
        key: String,
        /// What it would need.
        what: &'static str,
    },
    /// The contract of tables without one says what can be said of one table alone.
    #[error(
        "`{key}` cannot stand in {DEFAULT_CONTRACT}: it is the contract of every table that has none, and this is said of one table"
    )]
    OfOneTable {
        /// The key.
        key: String,
    },
    /// The file is not named for its table.
    #[error("the contract of table {table} must be called {table}.toml")]
    FileName {
        /// The table.
        table: String,
    },
    /// A value is used that another rule takes away.
    #[error("`{key}`: {path} {rule}")]
    Unusable {
        /// The key that uses it.
        key: String,
        /// Where it stands.
        path: String,
        /// What the other rule says.
        rule: Obstacle,
    },
    /// More columns are declared than the table may have.
    #[error(
        "`{key}`: {declared} columns are declared, and `max_columns` leaves room for {room} beside those of the system and of partitions"
    )]
    TooManyColumns {
        /// The key that says how many there may be, or that of the first one beyond.
        key: String,
        /// How many are declared.
        declared: usize,
        /// How many may be.
        room: usize,
    },
    /// Two keys say something of one path.
    #[error("`{key}` is the same path as in line {line}")]
    SamePath {
        /// The second of them.
        key: String,
        /// The line of the first.
        line: usize,
    },
    /// Two contracts are for one table.
    #[error("{other} is the contract of table {table} too")]
    SameTable {
        /// The table.
        table: String,
        /// The file of the other.
        other: String,
    },
    /// Two contracts are for all tables without one.
    #[error("{other} is the contract of all other tables too")]
    SameDefault {
        /// The file of the other.
        other: String,
    },
    /// A contract is for a table that the route of another one makes.
    #[error(
        "table {table} begins with `{routed}_`, as do the tables that the `source.route` of {other} makes: both would want the same names"
    )]
    Routed {
        /// The table.
        table: String,
        /// The table of the other.
        routed: String,
        /// The file of the other.
        other: String,
    },
    /// Two contracts have the same prefix.
    #[error("`source.prefix`: {other} has the prefix `{prefix}` too")]
    SamePrefix {
        /// The prefix.
        prefix: String,
        /// The file of the other.
        other: String,
    },
    /// Two contracts are for one stream.
    #[error("`source.stream`: {other} is for the stream `{stream}` too")]
    SameStream {
        /// The stream.
        stream: String,
        /// The file of the other.
        other: String,
    },
}

/// A rule of a contract that takes a value away from another one.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Obstacle {
    /// The value is dropped.
    #[error("is dropped")]
    Dropped,
    /// The value lies in what is dropped.
    #[error("lies in {0}, which is dropped")]
    InDropped(String),
    /// The value lies in what is kept as JSON text.
    #[error("lies in {0}, which is kept as JSON text (`json`)")]
    InJson(String),
    /// The path is declared to hold no scalars.
    #[error("is declared as {0}, which holds no single value")]
    NoScalar(Kind),
    /// Records are not taken apart that far down.
    #[error(
        "lies {depth} keys deep, and what is below {max} is kept as JSON text (`schema.max_depth`)"
    )]
    TooDeep {
        /// Its keys.
        depth: usize,
        /// The most there may be.
        max: u32,
    },
    /// No path of that length is told apart.
    #[error("has {bytes} bytes; {max} are the most")]
    TooLong {
        /// Its bytes.
        bytes: usize,
        /// The most there may be.
        max: u32,
    },
}

/// What is wrong with a value.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ValueError {
    /// It is no path.
    #[error(transparent)]
    Path(#[from] ParsePathError),
    /// It is the path of the record.
    #[error("`$` is the record itself and no value in it")]
    Record,
    /// It is no kind.
    #[error(transparent)]
    Kind(#[from] ParseKindError),
    /// It is no pattern.
    #[error(transparent)]
    Pattern(#[from] InvalidPattern),
    /// It says no partitions.
    #[error(transparent)]
    Partition(#[from] ParsePartitionError),
    /// It is none of the words that it may be.
    #[error("`{value}` is none of {}{}", words.join(", "), nearest.map(did_you_mean).unwrap_or_default())]
    Word {
        /// What it is.
        value: String,
        /// What it may be.
        words: Vec<&'static str>,
        /// The word that it is most like, if it is like any.
        nearest: Option<&'static str>,
    },
    /// It is no number within bounds.
    #[error("{value} is no number from 1 to {max}")]
    Number {
        /// What it is.
        value: String,
        /// The largest that it may be.
        max: u32,
    },
    /// It is no span of time.
    #[error("`{0}` is no span of time such as 30s, 90m, 36h or 3650d")]
    Span(String),
    /// It is no name for a table.
    #[error(
        "`{0}` is no name for a table: lower-case letters, digits and single underscores, beginning with a letter"
    )]
    TableName(String),
    /// The name is one of Alluvium's own.
    #[error(
        "`{0}` is a name of Alluvium's own, as are `quarantine` and all that end with `_unified`"
    )]
    Reserved(String),
    /// It is no beginning of keys.
    #[error("`{0}` is no beginning of keys below the landing prefix, such as `camera/`")]
    Prefix(String),
    /// It is no key that makes a wrapper.
    #[error("`{0}` is empty, `Records` or said twice")]
    Wrapper(String),
    /// It is no name of a stream.
    #[error(transparent)]
    Stream(#[from] InvalidStreamText),
    /// There are no topics but in streams.
    #[error("`topic` needs `source.stream`: only records of streams have topics")]
    NoStream,
    /// It needs what the contract does not say.
    #[error("{0} needs `time.event_time`")]
    NoEventTime(&'static str),
    /// It says nothing.
    #[error("there must be one of `type` and `drop = true`")]
    NoRule,
}

fn did_you_mean(word: &'static str) -> String {
    format!("; did you mean `{word}`?")
}
