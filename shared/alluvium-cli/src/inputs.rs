//! From what is named on the command line to sources and their tables.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use alluvium_local::LocalSource;
use alluvium_model::{
    TableSource,
    ports::{PortResult, Source},
};
use anyhow::{Context as _, bail};

use crate::{args::Inputs, output::UsageError};

/// Something to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    File(PathBuf),
    StandardInput,
}

/// Something to read, and the table that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) place: Place,
    pub(crate) table: TableSource,
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
        match &self.place {
            Place::File(path) => path.display().to_string(),
            Place::StandardInput => "standard input".to_owned(),
        }
    }
}

/// Everything that `inputs` names, in order; nothing is read yet.
pub(crate) fn expand(inputs: &Inputs) -> anyhow::Result<Vec<Input>> {
    let table = match inputs.table.as_deref() {
        Some("") => return Err(UsageError::EmptyTable.into()),
        table => table.map(TableSource::new),
    };
    let mut expanded = Vec::new();
    for named in &inputs.files {
        if named.as_os_str() == "-" {
            let table = table.clone().ok_or(UsageError::NoTable("standard input".to_owned()))?;
            expanded.push(Input { place: Place::StandardInput, table });
            continue;
        }
        for (path, below) in files_of(named)? {
            let table = match &table {
                Some(table) => table.clone(),
                None => first_segment(&below)
                    .ok_or_else(|| UsageError::NoTable(path.display().to_string()))?,
            };
            expanded.push(Input { place: Place::File(path), table });
        }
    }
    Ok(expanded)
}

/// The files that an argument stands for, each with the path whose first segment names its table.
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

/// The folder that a relative path begins with.
fn first_segment(path: &Path) -> Option<TableSource> {
    let mut components = path.components().filter(|part| *part != Component::CurDir);
    match (components.next()?, components.next()?) {
        (Component::Normal(first), _) => first.to_str().map(TableSource::new),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_segment_names_the_table() {
        let check = |path: &str, expected: Option<&str>| {
            assert_eq!(first_segment(Path::new(path)), expected.map(TableSource::new), "{path}");
        };
        check("camera/1.json", Some("camera"));
        check("./camera/2026/11/1.json", Some("camera"));
        check("1.json", None);
        check("/data/camera/1.json", None);
        check("../camera/1.json", None);
    }

    fn expanded(named: &Path, table: Option<&str>) -> Result<Vec<(String, String)>, String> {
        let table = table.map(str::to_owned);
        let inputs = Inputs { files: vec![named.to_owned()], table, limits: Vec::new() };
        let inputs = expand(&inputs).map_err(|error| error.to_string())?;
        let name = |input: &Input| match &input.place {
            Place::File(path) => path.file_name().unwrap().to_string_lossy().into_owned(),
            Place::StandardInput => "-".to_owned(),
        };
        let row = |input: &Input| (name(input), input.table.as_str().to_owned());
        Ok(inputs.iter().map(row).collect())
    }

    #[test]
    fn folders_and_globs_stand_for_their_files() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["b/2.json", "a/x/1.json", "a/.hidden", "_alluvium/x", "b/_tmp/3.json"] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "{}").unwrap();
        }
        let row = |name: &str, table: &str| (name.to_owned(), table.to_owned());
        let all = expanded(folder.path(), None).unwrap();
        assert_eq!(all, [row("1.json", "a"), row("2.json", "b")]);
        let glob = folder.path().join("b/*.json");
        assert_eq!(expanded(&glob, Some("t")).unwrap(), [row("2.json", "t")]);
        assert!(expanded(&glob, None).unwrap_err().contains("--table"));
        let none = expanded(&folder.path().join("*.csv"), Some("t")).unwrap_err();
        assert!(none.contains("no file matches"), "{none}");
        assert!(expanded(Path::new("-"), None).unwrap_err().contains("standard input"));
    }
}
