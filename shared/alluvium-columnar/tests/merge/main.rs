//! Files that ingest wrote become one: the same rows and values, in the order of their events.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a broken expectation must stop the test"
)]

mod laws;
mod refusals;
mod rows;
mod shapes;
mod table;
