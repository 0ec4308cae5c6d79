//! What Alluvium means: names, kinds, schema evolution, partitions, identities and ports.
//!
//! Everything here is a pure function of its arguments. This crate knows no I/O, no clock, no
//! randomness, no AWS and no Arrow, so that each rule can be read, tested and proved alone.

mod announcement;
mod comment;
pub mod compaction;
mod contract;
mod counts;
mod ddl;
mod discovery;
mod error;
mod event_time;
mod extend;
mod garbage;
mod heal;
mod identity;
mod kind;
pub mod layout;
mod ledger;
mod name;
mod partition;
mod path;
mod pointer;
pub mod ports;
mod quarantine;
mod registry;
mod rules;
mod schema;
mod schema_change;
mod sql;
mod stages;
mod stream;
mod table;
mod table_growth;
mod time;
mod topic;
mod unified;
mod value_class;
mod view;
mod watermark;

pub use announcement::{AnnouncedObject, LandingPrefix, ParseLandingPrefixError};
pub use contract::{
    Contract, ContractError, ContractErrors, ContractProblem, Contracts, DEFAULT_CONTRACT,
    Obstacle, StreamRoute, ValueError,
};
pub use counts::Counts;
pub use discovery::Discovery;
pub use error::{ErrorKind, PortError};
pub use event_time::{EventTime, InvalidPattern, TimeFormat, TimePattern, Window};
pub use extend::{Budget, Extension, Origin, Refusal};
pub use garbage::Garbage;
pub use heal::{Damage, HealedTable, Injury};
pub use identity::{Digest, InvalidId, LAYOUT_VERSION, LimitError, Limits, Plan, PlanId, SourceId};
pub use kind::{Kind, ParseKindError, Scalar};
pub use ledger::{
    Claim, ClaimedPlan, Committed, ContractText, LedgerEntry, LedgerFile, LedgerState, RecordCounts,
};
pub use name::{ColumnName, DatabaseName, InvalidName, TableName, TableSource};
pub use partition::{
    Moment, ParsePartitionError, PartitionKey, PartitionScalar, PartitionSpec, PartitionSpecError,
    RowTraits, Transform,
};
pub use path::{JsonPath, ParsePathError};
pub use pointer::{Generation, InvalidOwner, NextGeneration, Phase, Pointer, SwapOwner};
pub use quarantine::{ParseReasonError, QuarantineColumn, Reason};
pub use rules::{
    Assignment, ColumnRule, Destination, Mode, NameStyle, Numbers, TableRules, Timestamps,
};
pub use schema::{DataColumn, NameChange, SystemColumn, TableSchema};
pub use schema_change::{KeptObject, NewColumn, SchemaChange};
pub use sql::SqlDialect;
pub use stages::Stages;
pub use stream::{
    InvalidStreamText, Raw, Selection, SequenceNumber, SequenceRange, Shard, ShardId, Stream,
    StreamBatch, StreamName, StreamRecord,
};
pub use table::{ColumnEntry, PartitionEntry, SchemaError, TableEntry, Version, Versioned};
pub use table_growth::ExtendedTable;
pub use time::UtcInstant;
pub use topic::{EventAddress, KeyTooLong, ParseTopicError, Topic};
pub use value_class::{ClassSet, ValueClass};
pub use view::{VIEW_TEXT_BYTES_MAX, ViewEntry};
pub use watermark::{PendingRange, Watermark};
