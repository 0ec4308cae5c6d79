//! Alluvium's use cases over its ports: what a function or the command calls.
//!
//! - [`Ingest`] takes one source from its bytes to rows that the catalog names.
//! - [`Landing`] does so with objects that a bucket announces.
//! - [`Streams`] does so with batches of records of streams.
//! - [`Collect`] takes the events of a request to a stream.
//! - [`ContractStore`] knows which table a source belongs to, and by which rules it is read.
//! - [`Deployment`] takes contracts there, if they suit each other and the tables.
//! - [`Preview`] shows what it would become.
//! - [`Browse`] shows what a lake holds.
//! - [`Histories`] tell how its tables came to be as they are.
//! - [`Verify`] proves that it holds all of a source.
//! - [`Backfill`] announces what a landing bucket holds already.
//! - [`Redrive`] sends dead letters back to their queue.
//! - [`Swaps`] make few large files of many small ones, and readers never notice.
//! - [`CompactionPlanner`] says which partitions are worth a swap, and [`Swaps`] swap them.
//! - [`Doctor`] finds what is inconsistent in it, and heals what can be healed safely.
//!
//! Nothing here knows whether the lake is a bucket or a directory. What makes deliveries
//! exactly-once are the ledger of sources (`ledger`) and the pointers of partitions (`pointers`),
//! small objects that are written by compare-and-set.

mod attempt;
mod backfill;
mod backoff;
mod browse;
mod collect;
mod commit;
mod compact;
mod contracts;
mod deadline;
mod deployment;
mod doctor;
mod error;
mod follow;
mod handover;
mod history;
mod ingest;
mod landing;
mod ledger;
mod pace;
mod pointers;
mod preview;
mod redrive;
mod report;
mod state;
mod stream;
mod sweep;
mod timed;
mod verify;
mod writing;

pub use alluvium_columnar::{BadRecord, Finding, Flaw, Verification};
pub use backfill::{Backfill, BackfillReport, BackfillSettings, FolderReport, NoQueue};
pub use backoff::Backoff;
pub use browse::{Browse, TableSummary};
pub use collect::{Accepted, Collect, CollectError, CollectSettings, EventPost};
pub use commit::{AddedColumn, KeptWhole};
pub use compact::{
    CompactionPlan, CompactionPlanner, KeptGarbage, NamedBy, PlanScope, PlanSettings, Repair,
    Retired, Surveyed, SwapSettings, Swaps, VacuumReport, WrittenPlan, random_owner,
};
pub use contracts::ContractStore;
pub use deadline::Deadline;
pub use deployment::{
    ContractFlaw, ContractWarning, Contradiction, Deployable, Deployed, Deployment, Findings,
    TableFlaw,
};
pub use doctor::{
    Diagnosis, Doctor, InProgress, Inconsistency, LeftBy, LookedAt, Reported, Treatment,
};
pub use error::LakeError;
pub use follow::{NoSubscribers, Warning};
pub use history::{Histories, History, HistoryColumn, HistoryObject};
pub use ingest::{Ingest, IngestSettings};
pub use landing::Landing;
pub use preview::{
    Conflict, Homeless, NoColumn, Preview, PreviewColumn, RefusedPath, SeenValues, Suggestion,
    TablePreview, WholeObject,
};
pub use redrive::{Redrive, RedriveReport};
pub use report::{BadRecordReport, IngestReport, LoadedBefore};
pub use stream::{BatchReport, Left, ShardReport, StreamSettings, Streams};
pub use verify::{DamagedFile, Verify, VerifyReport};
