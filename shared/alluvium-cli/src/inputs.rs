//! From what is named on the command line to sources and their tables.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use alluvium_local::LocalSource;
use alluvium_model::{
    Destination,
    ports::{PortResult, Source},
};
use anyhow::{Context as _, bail};

use crate::{destinations::Destinations, output::UsageError};

/// Something to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    File(PathBuf),
    StandardInput,
}

/// Something to read, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) place: Place,
    pub(crate) destination: Destination,
}

impl Input {
    pub(crate) async fn open(&self) -> PortResult<Source<LocalSource>> {
        match &self.place {
            Place::File(path) => LocalSource::open(path).await,
            Place::StandardInput => LocalSource::standard_input().await,
        }
    }

    /// Its size as far as it is known beforehand, in bytes.
    pub(crate) fn size(&self) -> Option<u64> {
        match &self.place {
            Place::File(path) => fs::metadata(path).ok().map(|metadata| metadata.len()),
            Place::StandardInput => None,
        }
    }

    pub(crate) fn name(&self) -> String {
        self.place.name()
    }
}

impl Place {
    fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::StandardInput => "standard input".to_owned(),
        }
    }
}

/// Everything that `files` names, in order; nothing is read yet.
pub(crate) fn expand(files: &[PathBuf], destinations: &Destinations) -> anyhow::Result<Vec<Input>> {
    let mut expanded = Vec::new();
    let mut push = |place: Place, destination: Option<Destination>| {
        let input = destination.map(|destination| Input { place: place.clone(), destination });
        expanded.push(input.ok_or_else(|| UsageError::NoTable(place.name()))?);
        Ok::<_, UsageError>(())
    };
    for named in files {
        if named.as_os_str() == "-" {
            push(Place::StandardInput, destinations.of_stream())?;
            continue;
        }
        for (path, below) in files_of(named)? {
            push(Place::File(path), destinations.of_path(&below))?;
        }
    }
    Ok(expanded)
}

/// The files that an argument stands for, each with the path that tells its table.
fn files_of(named: &Path) -> anyhow::Result<Vec<(PathBuf, PathBuf)>> {
    if named.is_dir() {
        let mut files = Vec::new();
        walk(named, &mut files).with_context(|| format!("cannot read {}", named.display()))?;
        let below = |path: &PathBuf| path.strip_prefix(named).unwrap_or(path).to_owned();
        return Ok(files.into_iter().map(|path| (path.clone(), below(&path))).collect());
    }
    if named.exists() {
        return Ok(vec![(named.to_owned(), named.to_owned())]);
    }
    let pattern = named.display().to_string();
    let matches =
        glob::glob(&pattern).map_err(|error| UsageError::BadPattern(pattern.clone(), error))?;
    let mut files = Vec::new();
    for path in matches {
        let path = path?;
        if path.is_file() {
            files.push((path.clone(), path));
        }
    }
    if files.is_empty() {
        bail!("{pattern}: no such file, and no file matches it as a pattern");
    }
    Ok(files)
}

/// Files below a folder in the order of their names. Names that begin with `.` or `_` are left
/// out, as everywhere in a lake.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let hidden = entry.file_name().to_string_lossy().starts_with(['.', '_']);
        if hidden {
            continue;
        }
        let is_link = entry.file_type()?.is_symlink();
        if is_link && entry.path().is_dir() {
            // It may lead back to where it stands.
            let message = "it is a link to a folder: name that folder itself";
            return Err(io::Error::other(format!("{}: {message}", entry.path().display())));
        }
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), files)?;
        } else if entry.path().is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Inputs, Rules};

    async fn expanded(named: &Path, table: Option<&str>) -> Result<Vec<(String, String)>, String> {
        let (files, table) = (vec![named.to_owned()], table.map(str::to_owned));
        let inputs = Inputs { files, table, limits: Vec::new() };
        let destinations = Destinations::of(&inputs, &Rules::default(), None).await.unwrap();
        let expanded = expand(&inputs.files, &destinations);
        let inputs = expanded.map_err(|error| error.to_string())?;
        let name = |input: &Input| match &input.place {
            Place::File(path) => path.file_name().unwrap().to_string_lossy().into_owned(),
            Place::StandardInput => "-".to_owned(),
        };
        let row = |input: &Input| (name(input), input.destination.table.as_str().to_owned());
        Ok(inputs.iter().map(row).collect())
    }

    #[tokio::test]
    async fn folders_and_globs_stand_for_their_files() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["b/2.json", "a/x/1.json", "a/.hidden", "_alluvium/x", "b/_tmp/3.json"] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "{}").unwrap();
        }
        let row = |name: &str, table: &str| (name.to_owned(), table.to_owned());
        let all = expanded(folder.path(), None).await.unwrap();
        assert_eq!(all, [row("1.json", "a"), row("2.json", "b")]);
        let glob = folder.path().join("b/*.json");
        assert_eq!(expanded(&glob, Some("t")).await.unwrap(), [row("2.json", "t")]);
        assert!(expanded(&glob, None).await.unwrap_err().contains("--table"));
        let none = expanded(&folder.path().join("*.csv"), Some("t")).await.unwrap_err();
        assert!(none.contains("no file matches"), "{none}");
        assert!(expanded(Path::new("-"), None).await.unwrap_err().contains("standard input"));
    }
}
