//! What can be said on the command line.

use std::path::PathBuf;

use alluvium_local::{LocalCatalog, LocalObjects};
use alluvium_model::{DatabaseName, TableName};
use anyhow::bail;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use crate::{
    files, ingest,
    output::{Outcome, UsageError},
    preview, schema, tables,
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
    Preview(Inputs),
    /// Load files into tables; creates and evolves the tables
    Ingest {
        #[command(flatten)]
        inputs: Inputs,
        #[command(flatten)]
        lake: Lake,
        /// Files that are loaded at once (a large one always alone). One after the other they
        /// give the same names and files on every run; at once they race for names
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
        threads: u32,
    },
    /// List the tables of a lake
    Tables(Lake),
    /// Show the columns of a table and where in the records their values stand
    Schema {
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
}

/// What to read.
#[derive(Debug, ClapArgs)]
pub(crate) struct Inputs {
    /// JSON files, folders or globs; `-` is standard input. Compression is recognised by content
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The table that everything goes to. Without it the first segment of a path as it is
    /// written, or below a folder, names the table: `camera/2026/1.json` goes to `camera`
    #[arg(long, value_name = "NAME")]
    pub(crate) table: Option<String>,
}

/// Where the tables are.
#[derive(Debug, ClapArgs)]
pub(crate) struct Lake {
    /// The directory of the lake; `ingest` makes it if need be
    #[arg(long = "lake", value_name = "DIR")]
    directory: PathBuf,
    /// The database of the tables
    #[arg(long, value_name = "NAME", default_value = DEFAULT_DATABASE)]
    pub(crate) database: DatabaseName,
}

/// The database of tables when none is named.
pub(crate) const DEFAULT_DATABASE: &str = "alluvium";

/// A dialect of SQL.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Dialect {
    /// `DuckDB`
    Duckdb,
}

impl Lake {
    /// Opens a lake that must be there.
    pub(crate) fn open(&self) -> anyhow::Result<(LocalCatalog, LocalObjects)> {
        let lake = self.open_or_create()?;
        if !self.directory.is_dir() {
            bail!("there is no lake in {}", self.directory.display());
        }
        Ok(lake)
    }

    /// Opens a lake; it comes to be when something is written.
    pub(crate) fn open_or_create(&self) -> Result<(LocalCatalog, LocalObjects), UsageError> {
        if self.directory.to_string_lossy().contains("://") {
            return Err(UsageError::NotADirectory(self.directory.display().to_string()));
        }
        let catalog = LocalCatalog::new(&self.directory, &self.database);
        Ok((catalog, LocalObjects::new(&self.directory)))
    }
}

impl Args {
    pub(crate) async fn run(self) -> anyhow::Result<Outcome> {
        let json = self.json;
        match self.command {
            Command::Preview(inputs) => preview::run(&inputs, json).await,
            Command::Ingest { inputs, lake, threads } => {
                ingest::run(&inputs, &lake, threads, json).await
            }
            Command::Tables(lake) => tables::run(&lake, json).await,
            Command::Schema { table, lake } => schema::run(&table, &lake, json).await,
            Command::Files { table, lake, sql } => files::run(&table, &lake, sql, json).await,
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
