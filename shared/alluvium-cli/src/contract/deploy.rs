//! `alluvium contract deploy`

use std::path::PathBuf;

use alluvium_lake::{Deployed, Deployment};
use serde::Serialize;

use super::files::{ContractFiles, FlawJson};
use crate::{
    args::Lake,
    output::{self, Outcome},
};

/// What a deployment did, for programs.
#[derive(Serialize)]
struct DeployedJson {
    written: Vec<String>,
    unchanged: Vec<String>,
    others: Vec<String>,
    warnings: Vec<FlawJson>,
}

pub(super) async fn run(named: &[PathBuf], lake: &Lake, json: bool) -> anyhow::Result<Outcome> {
    let mut files = ContractFiles::read(named)?;
    let (catalog, objects) = lake.open_or_create().await?;
    let deployment = Deployment::new(catalog, objects);
    if files.flaws.is_empty() {
        files.take(deployment.check(&files.contracts).await?);
    }
    if !files.flaws.is_empty() {
        files.print(json)?;
        return Ok(Outcome::Failed);
    }
    let deployed = deployment.deploy(&files.contracts).await?;
    // Whoever names a folder means all contracts; who names files means these.
    let names_all = named.iter().any(|path| path.is_dir());
    if json {
        output::print_json(&DeployedJson::of(&deployed, files.warnings()))?;
    } else {
        files.warn()?;
        output::print(&text(&deployed, names_all))?;
    }
    Ok(Outcome::Done)
}

impl DeployedJson {
    fn of(deployed: &Deployed, warnings: Vec<FlawJson>) -> Self {
        let texts = |keys: &[_]| keys.iter().map(ToString::to_string).collect();
        Self {
            written: texts(&deployed.written),
            unchanged: texts(&deployed.unchanged),
            others: texts(&deployed.others),
            warnings,
        }
    }
}

fn text(deployed: &Deployed, names_all: bool) -> String {
    let mut text = String::new();
    for key in &deployed.written {
        text += &format!("+ {key}\n");
    }
    for key in &deployed.unchanged {
        text += &format!("= {key}\n");
    }
    for key in deployed.others.iter().filter(|_| names_all) {
        text += &format!(
            "! {key} is in the lake, but was not deployed now: remove it if it is not meant to be there\n"
        );
    }
    if text.is_empty() { "no contracts\n".to_owned() } else { text }
}
