//! The `alluvium` command: the whole of Alluvium on a directory, without AWS, or on S3 and Glue.

mod args;
mod backfill;
mod bad_records;
mod compact;
mod contract;
mod destinations;
mod doctor;
mod files;
mod history;
mod ingest;
mod inputs;
mod interrupt;
mod lake;
mod output;
mod preview;
mod progress;
mod redrive;
mod schema;
mod tables;
mod vacuum;
mod verify;
mod view;

use std::process::ExitCode;

use clap::Parser as _;

use crate::output::Outcome;

fn main() -> ExitCode {
    let args = args::Args::parse();
    let outcome = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(args.run()));
    outcome.unwrap_or_else(|error| Outcome::of_error(&error)).into()
}
