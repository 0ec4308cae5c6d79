//! Fakes, faults and contract suites: what tests stand on.
//!
//! - [`MemoryCatalog`], [`MemoryObjects`], [`MemoryEvents`] and [`MemoryLanding`] keep everything in
//!   memory, by the same rules as the real ones.
//! - [`MemoryBucket`] and [`MemoryQueue`] are what is announced, and where.
//! - [`Unreliable`] wraps any port and lets calls fail, before or after their effect.
//! - [`interleave()`] runs tasks in an order that a seed determines.
//! - [`suites`] says what a port must do; every implementation passes them, these fakes included.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "test support: a broken expectation must stop the test"
)]

mod interleave;
mod memory_bucket;
mod memory_catalog;
mod memory_events;
mod memory_landing;
mod memory_objects;
mod memory_queue;
mod memory_source;
pub mod suites;
mod unreliable;

pub use interleave::interleave;
pub use memory_bucket::MemoryBucket;
pub use memory_catalog::MemoryCatalog;
pub use memory_events::MemoryEvents;
pub use memory_landing::MemoryLanding;
pub use memory_objects::MemoryObjects;
pub use memory_queue::MemoryQueue;
pub use memory_source::MemorySource;
pub use unreliable::{Fault, Unreliable};
