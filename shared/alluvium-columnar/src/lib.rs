//! From JSON bytes to Parquet bytes, without I/O: bytes in, parts out.
//!
//! The way of a record through the rooms of this crate:
//!
//! - `unpack`: what is compressed is inflated;
//! - `frame` finds where records begin and end, with `scan` checking the grammar and copying the
//!   text without its white space, and `recover` finding the way on after a bad record;
//! - `flatten` notes where each leaf of the text lies and what it is, path by path (`paths`);
//! - a [`Part`] is ready: its [`Part::discovery`] says which columns it wants;
//! - `encode` builds the columns of the schema that resulted, one at a time, from the text
//!   (`column`), and finds again what has no column (`rescue`) and which objects are kept as
//!   they are (`objects`).
//!
//! `verify` goes the way back: it looks for every value of a part in the files that resulted.
//!
//! A value is never held as more than eight bytes beside the text, and never as rows x columns:
//! memory is bounded by [`alluvium_model::Limits`], whatever comes in.

mod cell;
mod column;
mod encode;
mod error;
mod flatten;
mod frame;
mod objects;
mod parquet_file;
mod part;
mod paths;
mod quarantine;
mod recover;
mod rescue;
mod scalar;
mod scan;
mod shredder;
mod skip;
mod survey;
mod text;
mod unpack;
mod verify;

pub use encode::EncodedFile;
pub use error::ColumnarError;
pub use part::Part;
pub use quarantine::{BadRecord, QUARANTINE_BYTES_MAX, encode_bad_records};
pub use shredder::{Shredder, Step};
pub use survey::Seen;
pub use verify::{Finding, Flaw, StoredError, StoredFile, Verification, Verifier};
