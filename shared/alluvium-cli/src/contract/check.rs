//! `alluvium contract check`

use std::path::PathBuf;

use alluvium_lake::Deployment;
use alluvium_model::DatabaseName;

use super::files::ContractFiles;
use crate::{
    args::Lake,
    output::{self, Outcome, count},
};

pub(super) async fn run(
    named: &[PathBuf],
    lake: Option<&str>,
    database: &DatabaseName,
    json: bool,
) -> anyhow::Result<Outcome> {
    let mut files = ContractFiles::read(named)?;
    if let Some(place) = lake.filter(|_| files.flaws.is_empty()) {
        let lake = Lake { place: place.to_owned(), database: database.clone() };
        let (catalog, objects) = lake.open().await?;
        files.take(Deployment::new(catalog, objects).check(&files.contracts).await?);
    }
    let is_right = files.flaws.is_empty();
    if json || !is_right {
        files.print(json)?;
    } else {
        let contracts = files.contracts.len();
        files.warn()?;
        output::print(&format!(
            "{}: nothing is wrong",
            count(contracts as u64, "contract", "contracts")
        ))?;
    }
    Ok(if is_right { Outcome::Done } else { Outcome::Failed })
}
