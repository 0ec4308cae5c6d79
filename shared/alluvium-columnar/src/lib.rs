//! From JSON bytes to Parquet bytes, without I/O: bytes in, parts out.
//!
//! The way of a record through the rooms of this crate:
//!
//! - `unpack`: what is packed, which `sniff` tells by its beginning, becomes texts;
//! - `read` turns these into records, those in UTF-16 by `utf16`, and gives up what is no JSON;
//! - `frame` finds where records begin and end, with `scan` checking the grammar and copying the
//!   text without its white space and noting its `members`, `wrapper` knowing lists in objects,
//!   `recover` finding the way on after a bad record, and `place` knowing where all of it stands in
//!   the source;
//! - `flatten` notes where each leaf of the text lies and what it is, path by path (`paths`);
//! - a [`Part`] is ready: its [`Part::discovery`] says which columns it wants;
//! - `encode` builds the columns of the schema that resulted, a few at a time, from the text
//!   (`column`), without dictionaries for what is `distinct`, and finds again what has no column
//!   (`rescue`) and which objects are kept as they are (`objects`).
//!
//! Where there is a second core, `rounds` has what is from `flatten` on done on a thread of its own
//! (`apart`), and `encode` is done on all `cores`. Nothing that is written tells which did what.
//!
//! `events` ends this way early, for those who want the texts of all records or of none.
//!
//! `stream` finds the texts in an archive of a stream's records, each with when it arrived
//! (`arrivals`); from `unpack` on they go the way of those of files.
//!
//! `verify` goes the way back: it looks for every value of a part in the files that resulted.
//!
//! While a part is filled, a value is never held as more than eight bytes beside the text (twenty in
//! the record at hand), and then as what it is for a few columns at a time, never as rows x columns:
//! memory is bounded by [`alluvium_model::Limits`], whatever comes in.

mod apart;
mod arrivals;
mod cell;
mod column;
mod cores;
mod distinct;
mod dropped;
mod encode;
mod encoding;
mod error;
mod events;
mod flatten;
mod footer;
mod frame;
mod members;
mod merge;
mod parquet_file;
mod part;
mod partitions;
mod paths;
mod place;
mod placed;
mod quarantine;
mod read;
mod recover;
mod rescue;
mod round;
mod rounds;
mod scalar;
mod scan;
mod shredder;
mod skip;
mod sniff;
mod stream;
mod survey;
mod text;
mod typing;
mod unpack;
mod utf16;
mod verify;
mod wrapper;

pub use encode::EncodedFile;
pub use error::ColumnarError;
pub use events::Events;
pub use merge::{MergeError, MergeInput, MergeSpec, MergeTable, MergedColumn, MergedFile, merge};
pub use parquet_file::writer_properties;
pub use part::Part;
pub use partitions::EventSpan;
pub use place::Position;
pub use placed::PlacedPart;
pub use quarantine::{BadRecord, BadRecords, QUARANTINE_BYTES_MAX};
pub use shredder::{Shredder, Step};
pub use stream::{
    ArchiveError, TOPICS_MAX, decode_archive, encode_archive, selection_of, topics_of,
};
pub use survey::Seen;
pub use verify::{Finding, Flaw, StoredError, StoredFile, Verification, Verifier};
