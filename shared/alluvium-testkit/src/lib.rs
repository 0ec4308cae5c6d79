//! Fakes, faults and contract suites: what tests stand on.
//!
//! - [`MemoryCatalog`], [`MemoryObjects`], [`MemoryEvents`] and [`MemoryLanding`] keep everything in
//!   memory, by the same rules as the real ones.
//! - [`MemoryBucket`] and [`MemoryLetters`] are what is announced, and where.
//! - [`MemoryStream`] is what events are sent to.
//! - [`Unreliable`] wraps any port and lets calls fail, before or after their effect.
//! - [`interleave()`] runs tasks in an order that a seed determines.
//! - [`MemoryQueue`] and [`EventSourceMapping`] deliver messages as SQS and Lambda do on their bad
//!   days, in the time of a [`MemoryClock`]; [`MemoryShards`] and [`KinesisMapping`] do so as
//!   Kinesis and Lambda.
//! - [`suites`] says what a port must do; every implementation passes them, these fakes included.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "test support: a broken expectation must stop the test"
)]

mod event_source_mapping;
mod failure_objects;
mod interleave;
mod kinesis_mapping;
mod memory_bucket;
mod memory_catalog;
mod memory_clock;
mod memory_events;
mod memory_landing;
mod memory_letters;
mod memory_objects;
mod memory_queue;
mod memory_shards;
mod memory_source;
mod memory_stream;
mod queue_settings;
mod sequence_number;
pub mod suites;
mod unreliable;

pub use event_source_mapping::{BatchAnswer, EventSourceMapping, MappingReport, MappingSettings};
pub use failure_objects::{FailureObject, FailureObjects};
pub use interleave::interleave;
pub use kinesis_mapping::{
    Beside, KinesisFaults, KinesisMapping, KinesisMappingSettings, KinesisReport,
};
pub use memory_bucket::MemoryBucket;
pub use memory_catalog::MemoryCatalog;
pub use memory_clock::MemoryClock;
pub use memory_events::MemoryEvents;
pub use memory_landing::{LandedReader, MemoryLanding};
pub use memory_letters::MemoryLetters;
pub use memory_objects::MemoryObjects;
pub use memory_queue::{DeadLetter, Delivery, MemoryQueue, Receipt};
pub use memory_shards::MemoryShards;
pub use memory_source::MemorySource;
pub use memory_stream::{MemoryStream, Refusal, StoredRecord};
pub use queue_settings::{QueueFaults, QueueSettings};
pub use unreliable::{Fault, Unreliable};
