//! Records of streams: whole flows, deaths at every call, and a storm of deliveries.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a broken expectation must stop the test"
)]

mod crashes;
mod flows;
mod functions;
mod rows;
mod storm;
mod world;
