//! The model.
#![expect(clippy::indexing_slicing, reason = "numbers of slots, partitions, generations")]

mod action;
mod attempt;
mod bounds;
mod check;
mod lake;
mod promises;
mod protections;
mod protocol;
mod reader;
mod scenario;
mod set;
mod state;
mod step;
mod swap;
mod traces;
mod vacuum;
mod words;

pub use action::{Action, DueLocation, Fate, Lands, SourceFiles};
pub use attempt::Ending;
pub use bounds::{Bounds, Cut};
pub use check::{Finding, Limits, Violation, check, shortest_violation};
pub use protections::Protections;
pub use protocol::Protocol;
pub use scenario::{Scenario, ending_of, steps_of};
pub use state::State;
pub use step::{Place, Step};
pub use traces::{TRACES, Trace};
pub use words::{Layout, Part, Partition, Plan};
