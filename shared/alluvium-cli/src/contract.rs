//! `alluvium contract`

mod check;
mod deploy;
mod files;
mod suggest;

use crate::{args::ContractCommand, output::Outcome};

pub(crate) async fn run(command: &ContractCommand, json: bool) -> anyhow::Result<Outcome> {
    match command {
        ContractCommand::Check { files, lake, database } => {
            check::run(files, lake.as_deref(), database, json).await
        }
        ContractCommand::Deploy { files, lake } => deploy::run(files, lake, json).await,
        ContractCommand::Suggest(inputs) => suggest::run(inputs, json).await,
    }
}
