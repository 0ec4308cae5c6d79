//! A directory as lake and catalog.
//!
//! The same ports and the same compare-and-set rules as on AWS, safe for any number of processes
//! at once and against being killed at any moment: whatever appears under its name is whole, and
//! what a killed process leaves behind lies in `_alluvium/tmp` and is looked at by nobody. It
//! needs a file system with atomic renames, hard links and advisory locks, as local ones have.

mod blocking;
mod catalog;
mod files;
mod instant;
mod objects;
mod source;

pub use catalog::LocalCatalog;
pub use objects::LocalObjects;
pub use source::LocalSource;
