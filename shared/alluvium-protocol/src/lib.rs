//! How files get into a table and are moved inside it, as a model that a checker explores.
//!
//! Many processes write to a table at once, any of them may die at any call, requests may land
//! late, and compaction moves files under everybody's feet. That readers see each committed row
//! exactly once all the same depends on the order of a few calls, and an order cannot be tested by
//! trying: so it stands here as a [`Protocol`] whose every interleaving within some bounds is
//! tried. The model is about order alone; bytes, schemas and formats are not in it.
//!
//! # What there is
//! - The *catalog* (Glue) tells readers the location of each partition. The last writer wins.
//! - S3 holds everything else. It creates an object only where there is none, and replaces one only
//!   as it was read, on demand.
//! - A *ledger entry* for each source, over all its tables: absent, `writing` with a plan, or
//!   `committed`. A *plan* says how the source is cut into files; code of equal *layout* makes
//!   equal plans. A source that was gone before it was read is committed as *superseded*, with a
//!   plan without files.
//! - A *pointer* for each partition: the `location` where its files are, and, while a swap is under
//!   way, the `next` one where they are going. A new location is called a *generation*.
//! - Files of the source are named for source, plan and part, so that equal names mean equal rows.
//!
//! # Loading a source
//! An attempt reads the ledger entry, opens the source and *claims* it: creates the entry
//! `writing`. Part by part it commits the schema and reads the pointers of the part's partitions; a
//! partition without one is registered in the catalog first, then gets its pointer. A file is
//! written to every location that the pointer names, then the pointer is read again, until it names
//! nothing new. Last, the entry is replaced by `committed`. Nothing is ever cleaned up by the way.
//!
//! A claim that binds the attempt to a plan it cannot follow is *taken over*: the entry is
//! *fenced*, which is replaced by one that tells the time, and the attempt fails. One that comes
//! later than the *settle time*, when whoever had known only the old claim is dead, sweeps what
//! other plans left, and goes on. Newer deployments take over from older ones, never the other way;
//! a source that is gone although it was claimed is taken over with the plan without files. If
//! nobody had claimed it, it is committed as superseded at once. If it comes back after that, it is
//! claimed again, but only later than the settle time after it was committed as superseded.
//!
//! # Swapping a partition
//! A compactor has a plan: merge these files, all settled (committed longer ago than the settle
//! time), of that location. Under a *lease* it writes into the pointer a generation that never was
//! before as `next`, sees that the catalog is right, and only then lists the location: whoever
//! writes a file after that finds `next` in the pointer. It merges, and copies the rest, except for
//! what the ledger speaks against: files of another plan, and old ones of a source that is not
//! committed. From a look at the ledger to the last copy that it lets land the settle time bounds a
//! compactor, too. With enough of the lease left it says in the pointer that the swap is
//! *committing*; from there it can only go forward, by whomever: catalog, list of garbage, pointer.
//! A swap that has not come so far when its lease has passed is given up by the next one. The
//! vacuum deletes garbage after a *grace*, when no reader can hold it, and never what is named.
//!
//! # How it is explored
//! Each call is one event, and so is whatever else may happen ([`Action`]). Time is told by who is
//! still alive: see `lake.rs`. [`Bounds`] say who takes part. [`Protections`] are switches: with
//! all of them on nothing may be found ([`SMALL`], [`LARGE`]); with any one of them off a violation
//! is found, and [`TRACES`] tells its story.
//!
//! [`steps_of`] is the tie to the code: the calls of one attempt in a given [`Scenario`], made by
//! the same transitions that are explored. [`swap_steps_of`] is that of swaps.
//!
//! # What it does not say
//! Lost answers of compactors, and requests that land after their death, are those of a compactor
//! that is slow and dies later. A plan is made in one moment. Locations that a late file lands in
//! after the vacuum keep it: nobody sees it, and nobody deletes it. A source whose committed entry
//! has expired is not delivered again. Reprocessing and retracting are not in it; streams have a
//! model of their own, [`stream`]. More
//! attempts, rows, partitions and swaps than the bounds allow are not tried.
#![expect(
    clippy::indexing_slicing,
    reason = "slots, partitions, generations and names are numbered within their arrays; a number \
              that is not must stop the exploration"
)]

mod action;
mod attempt;
mod bounds;
mod check;
mod effects;
mod explorations;
mod lake;
mod possible;
mod promises;
mod protections;
mod protocol;
mod reader;
mod scenario;
mod set;
mod state;
mod step;
pub mod stream;
mod swap;
mod symmetry;
mod traces;
mod vacuum;
mod words;

pub use action::{Action, DueLocation, Fate, Lands, SourceFiles};
pub use attempt::Ending;
pub use bounds::{Bounds, Cut};
pub use check::{Explored, Finding, Limits, Violation, check, shortest_violation};
pub use explorations::{Exploration, LARGE, SMALL};
pub use protections::Protections;
pub use protocol::Protocol;
pub use scenario::{Scenario, SwapScenario, SwapStep, ending_of, steps_of, swap_steps_of};
pub use state::State;
pub use step::{Place, Step};
pub use traces::{TRACES, Trace};
pub use words::{Layout, Part, Partition, Plan};
