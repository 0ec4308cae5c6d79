//! What can be said on the command line.

use std::{path::PathBuf, time::Duration};

use alluvium_model::{DatabaseName, Limits, TableName};
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use crate::{
    backfill, compact, contract, doctor, files, history, ingest,
    output::{Outcome, UsageError},
    preview, redrive, schema, tables, vacuum, verify, view,
};

/// Turns JSON files into an evolving, partitioned table of Parquet files.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
    /// Print one JSON object instead of text for people
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what table files would become: columns, types, origin paths, conflicts, DDL
    Preview {
        #[command(flatten)]
        inputs: Inputs,
        #[command(flatten)]
        rules: Rules,
    },
    /// Load files into tables; creates and evolves the tables
    Ingest {
        #[command(flatten)]
        inputs: Inputs,
        #[command(flatten)]
        rules: Rules,
        #[command(flatten)]
        lake: Lake,
        #[command(flatten)]
        how: ingest::How,
    },
    /// Prove that a lake holds every value of files that were loaded, once
    Verify {
        #[command(flatten)]
        inputs: Inputs,
        #[command(flatten)]
        rules: Rules,
        #[command(flatten)]
        lake: Lake,
    },
    /// Check, deploy and suggest contracts: what is settled of a table beforehand
    #[command(subcommand)]
    Contract(ContractCommand),
    /// List the tables of a lake
    Tables(Lake),
    /// Show the columns of a table and where in the records their values stand
    Schema {
        /// The table
        table: TableName,
        #[command(flatten)]
        lake: Lake,
        /// Print the query of its unified view instead: one column per path, whatever columns
        /// carry its values
        #[arg(long)]
        view: bool,
        /// The dialect of that query; without it that of Presto, Trino and Athena. For `DuckDB` it
        /// reads the files that the catalog names
        #[arg(long, value_name = "DIALECT", requires = "view")]
        sql: Option<Dialect>,
    },
    /// Tell how a table came to be as it is: which column came when, from which source, with
    /// which conflict
    History {
        /// The table
        table: TableName,
        #[command(flatten)]
        lake: Lake,
    },
    /// List the files that the catalog names for a table
    Files {
        /// The table
        table: TableName,
        #[command(flatten)]
        lake: Lake,
        /// Print an expression that reads them in this dialect of SQL
        #[arg(long, value_name = "DIALECT")]
        sql: Option<Dialect>,
    },
    /// Merge small files into larger ones while others read and write: readers see every row once,
    /// before, during and after
    Compact {
        #[command(flatten)]
        lake: Lake,
        #[command(flatten)]
        how: compact::How,
    },
    /// Delete what compactions replaced, once nobody reads it any more
    Vacuum {
        #[command(flatten)]
        lake: Lake,
        #[command(flatten)]
        settle: Settle,
    },
    /// Announce what lies in a landing bucket already to the deployed function, which loads it
    Backfill(backfill::How),
    /// Send the letters of a dead-letter queue back to where they came from
    Redrive(redrive::How),
    /// Find what is inconsistent in a lake: each with where it is and how it heals
    Doctor {
        /// The tables to look at; all if none is named
        #[arg(value_name = "TABLE")]
        tables: Vec<TableName>,
        #[command(flatten)]
        lake: Lake,
        #[command(flatten)]
        how: doctor::How,
    },
}

/// What can be done with contracts.
#[derive(Debug, Subcommand)]
pub(crate) enum ContractCommand {
    /// Say all that is wrong with contracts
    Check {
        /// Contracts, or folders of them: `<table>.toml`, and `_default.toml` for all other tables
        #[arg(required = true, value_name = "FILE|FOLDER")]
        files: Vec<PathBuf>,
        /// Also whether they suit the tables and the other contracts of this lake
        #[arg(long, value_name = "DIR|s3://BUCKET")]
        lake: Option<String>,
        /// The database of its tables
        #[arg(long, value_name = "NAME", default_value = DEFAULT_DATABASE)]
        database: DatabaseName,
    },
    /// Check contracts and put them into a lake, where whoever loads files finds them
    Deploy {
        /// Contracts, or folders of them
        #[arg(required = true, value_name = "FILE|FOLDER")]
        files: Vec<PathBuf>,
        #[command(flatten)]
        lake: Lake,
    },
    /// Print the contract that suits files of one table: event time, partitions, kinds
    Suggest(Inputs),
}

/// What to read.
#[derive(Debug, ClapArgs)]
pub(crate) struct Inputs {
    /// JSON files, folders or globs; `-` is standard input. Compression is recognised by content
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The table that everything goes to. Without it the first segment of a path as it is
    /// written, or below a folder, names the table: `camera/2026/1.json` goes to `camera`,
    /// unless a contract of the lake is for it. A name has no `/`
    #[arg(long, value_name = "NAME")]
    pub(crate) table: Option<String>,
    /// Another limit than the default, such as `record_bytes=33554432`; may be repeated. A file
    /// whose loading was begun with other limits keeps them
    #[arg(long = "limit", value_name = "NAME=NUMBER")]
    pub(crate) limits: Vec<String>,
}

/// By which rules it is read.
#[derive(Debug, Default, ClapArgs)]
pub(crate) struct Rules {
    /// A contract to read everything by, whatever lies in the lake; it names the table. In place
    /// of a table's own it may be a `_default.toml`, which leaves the table to --table or paths
    #[arg(long, value_name = "FILE")]
    pub(crate) contract: Option<PathBuf>,
}

impl Inputs {
    /// The default limits, but for those that were named.
    pub(crate) fn limits(&self) -> Result<Limits, UsageError> {
        let mut limits = Limits::default();
        self.limits.iter().try_for_each(|limit| limits.set(limit))?;
        Ok(limits)
    }
}

/// Where the tables are.
#[derive(Debug, ClapArgs)]
pub(crate) struct Lake {
    /// The lake: a directory, which `ingest` makes if need be, or `s3://BUCKET[/FOLDER]` with the
    /// Glue catalog. Credentials, region and endpoints are found as by every AWS SDK
    #[arg(long = "lake", value_name = "DIR|s3://BUCKET")]
    pub(crate) place: String,
    /// The database of the tables; in the Glue catalog it must be there
    #[arg(long, value_name = "NAME", default_value = DEFAULT_DATABASE)]
    pub(crate) database: DatabaseName,
}

/// How long an attempt may live.
#[derive(Clone, Copy, Debug, ClapArgs)]
pub(crate) struct Settle {
    /// The settle time of the lake: a file is given up after three quarters of it. All who write
    /// to a lake must have the same, the deployed functions too
    #[arg(long, value_name = "SECONDS", default_value_t = 1_200, value_parser = clap::value_parser!(u64).range(1..=604_800))]
    settle_seconds: u64,
}

impl Settle {
    pub(crate) const fn time(self) -> Duration {
        Duration::from_secs(self.settle_seconds)
    }
}

/// The database of tables when none is named.
pub(crate) const DEFAULT_DATABASE: &str = "alluvium";

/// A dialect of SQL.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Dialect {
    /// `DuckDB`
    Duckdb,
}

impl Args {
    pub(crate) async fn run(self) -> anyhow::Result<Outcome> {
        let json = self.json;
        match self.command {
            Command::Preview { inputs, rules } => preview::run(&inputs, &rules, json).await,
            Command::Ingest { inputs, rules, lake, how } => {
                ingest::run(&inputs, &rules, (&lake, how), json).await
            }
            Command::Verify { inputs, rules, lake } => {
                verify::run(&inputs, &rules, &lake, json).await
            }
            Command::Contract(command) => contract::run(&command, json).await,
            Command::Tables(lake) => tables::run(&lake, json).await,
            Command::Schema { table, lake, view: false, .. } => {
                schema::run(&table, &lake, json).await
            }
            Command::Schema { table, lake, view: true, sql } => {
                view::run(&table, &lake, sql, json).await
            }
            Command::History { table, lake } => history::run(&table, &lake, json).await,
            Command::Files { table, lake, sql } => files::run(&table, &lake, sql, json).await,
            Command::Compact { lake, how } => compact::run(&lake, how, json).await,
            Command::Vacuum { lake, settle } => vacuum::run(&lake, settle, json).await,
            Command::Backfill(how) => backfill::run(how, json).await,
            Command::Redrive(how) => redrive::run(how, json).await,
            Command::Doctor { tables, lake, how } => doctor::run(&tables, &lake, how, json).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Args::command().debug_assert();
    }
}
