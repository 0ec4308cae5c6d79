//! What Alluvium's Lambda functions have in common: how much time an invocation has, how a failure
//! is told to Lambda, and work that fails alone.
//!
//! A function decodes its event, calls one use case of `alluvium-lake` and encodes the answer; this
//! crate knows no events and no use cases.

mod alone;
mod failure;
mod invoked;
mod tell;
mod time_limit;

pub use alone::alone;
pub use failure::Failure;
pub use invoked::invoked;
pub use tell::tell;
pub use time_limit::TimeLimit;
