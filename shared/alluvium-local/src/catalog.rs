//! A catalog in files: `_alluvium/catalog/<database>/<table>.json` with its version, a folder of
//! the same name with one file a partition, and `<view>.view` for a view.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
};

use alluvium_model::{
    DatabaseName, PartitionEntry, PartitionKey, TableEntry, TableName, Version, Versioned,
    ViewEntry,
    layout::STATE,
    ports::{
        Commit, CommitTables, DropPartitions, FindPartitions, FoundView, MovePartitions, Moved,
        PortResult, ReadPartitions, ReadTables, RegisterPartitions, Registered, ReplaceViews,
    },
};
use serde::{Deserialize, Serialize};

use crate::{
    blocking::blocking,
    files::{self, Files},
};

/// The catalog of one database of a lake.
#[derive(Clone, Debug)]
pub struct LocalCatalog {
    files: Files,
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct TableFile {
    version: u64,
    table: TableEntry,
}

#[derive(Serialize, Deserialize)]
struct ViewFile {
    version: u64,
    view: ViewEntry,
}

impl LocalCatalog {
    /// The catalog of `database` in the lake at `root`. Nothing is created before something is
    /// written.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>, database: &DatabaseName) -> Self {
        let files = Files::new(root.into());
        let folder = files.path(STATE).join("catalog").join(database.as_str());
        Self { files, folder }
    }

    fn file(&self, table: &TableName) -> PathBuf {
        self.folder.join(format!("{table}.json"))
    }

    fn partition_file(&self, table: &TableName, key: &PartitionKey) -> PathBuf {
        self.folder.join(table.as_str()).join(format!("{key}.json"))
    }

    /// Writes `table` if its version is still `expected`; `None` stands for no table.
    async fn commit(&self, table: &TableEntry, expected: Option<&Version>) -> PortResult<Commit> {
        let (files, path) = (self.files.clone(), self.file(&table.name));
        let lock_path = self.folder.join(format!("{}.lock", table.name));
        let (table, expected) = (table.clone(), expected.cloned());
        blocking("write the table", table.name.to_string(), move || {
            let _lock = Files::lock(&lock_path)?;
            let current = read_table(&path)?.map(|file| file.version);
            if current.map(|version| Version(version.to_string())) != expected {
                return Ok(Commit::Conflict);
            }
            let version = current.map_or(0, |version| version + 1);
            files.replace(&path, &serde_json::to_vec_pretty(&TableFile { version, table })?)?;
            Ok(Commit::Done)
        })
        .await
    }

    /// A view has a file of another kind than a table, so that lists of tables leave it out.
    fn view_file(&self, view: &TableName) -> PathBuf {
        self.folder.join(format!("{view}.view"))
    }

    /// Writes `view` if its version is still `expected` and no table has its name; `None` stands
    /// for no view.
    async fn commit_view(
        &self,
        view: &ViewEntry,
        expected: Option<&Version>,
    ) -> PortResult<Commit> {
        let (files, path) = (self.files.clone(), self.view_file(&view.name));
        let (table_path, lock_path) =
            (self.file(&view.name), self.folder.join(format!("{}.lock", view.name)));
        let (view, expected) = (view.clone(), expected.cloned());
        blocking("write the view", view.name.to_string(), move || {
            let _lock = Files::lock(&lock_path)?;
            let current = read_view(&path)?.map(|file| file.version);
            if table_path.try_exists()?
                || current.map(|version| Version(version.to_string())) != expected
            {
                return Ok(Commit::Conflict);
            }
            let version = current.map_or(0, |version| version + 1);
            files.replace(&path, &serde_json::to_vec_pretty(&ViewFile { version, view })?)?;
            Ok(Commit::Done)
        })
        .await
    }
}

impl ReplaceViews for LocalCatalog {
    async fn unified_view(&self, table: &TableName) -> PortResult<FoundView> {
        let (table, name) = (table.clone(), table.unified());
        let (path, table_path) = (self.view_file(&name), self.file(&name));
        blocking("read the view", name.to_string(), move || {
            if table_path.try_exists()? {
                return Ok(FoundView::Foreign);
            }
            Ok(match read_view(&path)? {
                None => FoundView::Nothing,
                Some(file) if file.view.table != table => FoundView::Foreign,
                Some(file) => FoundView::Ours(Versioned {
                    version: Version(file.version.to_string()),
                    value: file.view,
                }),
            })
        })
        .await
    }

    async fn create_view(&self, view: &ViewEntry) -> PortResult<Commit> {
        self.commit_view(view, None).await
    }

    async fn replace_view(&self, view: &ViewEntry, version: &Version) -> PortResult<Commit> {
        self.commit_view(view, Some(version)).await
    }
}

impl ReadTables for LocalCatalog {
    async fn table(&self, name: &TableName) -> PortResult<Option<Versioned<TableEntry>>> {
        let path = self.file(name);
        blocking("read the table", name.to_string(), move || {
            let versioned = |file: TableFile| Versioned {
                value: file.table,
                version: Version(file.version.to_string()),
            };
            Ok(read_table(&path)?.map(versioned))
        })
        .await
    }

    async fn table_names(&self) -> PortResult<Vec<TableName>> {
        let folder = self.folder.clone();
        blocking("list the tables in", folder.display().to_string(), move || {
            let entries = match folder.read_dir() {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                Err(error) => return Err(error),
            };
            let mut names = Vec::new();
            for entry in entries {
                let path = entry?.path();
                if path.extension() == Some(OsStr::new("json"))
                    && let Some(stem) = path.file_stem().and_then(OsStr::to_str)
                {
                    names.push(stem.parse().map_err(io::Error::other)?);
                }
            }
            names.sort();
            Ok(names)
        })
        .await
    }
}

impl CommitTables for LocalCatalog {
    async fn create_table(&self, table: &TableEntry) -> PortResult<Commit> {
        self.commit(table, None).await
    }

    async fn replace_table(&self, table: &TableEntry, version: &Version) -> PortResult<Commit> {
        self.commit(table, Some(version)).await
    }
}

impl ReadPartitions for LocalCatalog {
    async fn partitions(&self, table: &TableName) -> PortResult<Vec<PartitionEntry>> {
        let folder = self.folder.join(table.as_str());
        blocking("list the partitions of", table.to_string(), move || {
            let mut partitions: Vec<PartitionEntry> = Vec::new();
            for (path, _) in files::walk(&folder)? {
                if let Some(bytes) = files::read(&path)? {
                    partitions.push(serde_json::from_slice(&bytes)?);
                }
            }
            partitions.sort();
            Ok(partitions)
        })
        .await
    }
}

impl RegisterPartitions for LocalCatalog {
    async fn create_partitions(
        &self,
        table: &TableName,
        partitions: &[PartitionEntry],
    ) -> PortResult<Vec<Registered>> {
        let (files, partitions) = (self.files.clone(), partitions.to_vec());
        let file = self.file(table);
        let paths: Vec<_> =
            partitions.iter().map(|partition| self.partition_file(table, &partition.key)).collect();
        blocking("register partitions of", table.to_string(), move || {
            if !file.try_exists()? {
                return Err(io::ErrorKind::NotFound.into());
            }
            let register = |(partition, path): (&PartitionEntry, &PathBuf)| {
                let new = files.create(path, &serde_json::to_vec_pretty(partition)?)?;
                Ok(if new { Registered::New } else { Registered::Before })
            };
            partitions.iter().zip(&paths).map(register).collect()
        })
        .await
    }
}

impl FindPartitions for LocalCatalog {
    async fn find_partitions(
        &self,
        table: &TableName,
        keys: &[PartitionKey],
    ) -> PortResult<Vec<Option<PartitionEntry>>> {
        let paths: Vec<_> = keys.iter().map(|key| self.partition_file(table, key)).collect();
        blocking("find partitions of", table.to_string(), move || {
            let find = |path: &PathBuf| {
                let found = files::read(path)?.map(|bytes| serde_json::from_slice(&bytes));
                Ok(found.transpose()?)
            };
            paths.iter().map(find).collect()
        })
        .await
    }
}

impl MovePartitions for LocalCatalog {
    /// A partition that is dropped at the same time may stay; whoever swaps it holds its lease.
    async fn move_partitions(
        &self,
        table: &TableName,
        partitions: &[PartitionEntry],
    ) -> PortResult<Vec<Moved>> {
        let to_file = |partition: &PartitionEntry| {
            (self.partition_file(table, &partition.key), partition.clone())
        };
        let (files, partitions) =
            (self.files.clone(), partitions.iter().map(to_file).collect::<Vec<_>>());
        blocking("move partitions of", table.to_string(), move || {
            let move_one = |(path, partition): &(PathBuf, PartitionEntry)| {
                if !path.try_exists()? {
                    return Ok(Moved::Absent);
                }
                files.replace(path, &serde_json::to_vec_pretty(partition)?)?;
                Ok(Moved::Done)
            };
            partitions.iter().map(move_one).collect()
        })
        .await
    }
}

impl DropPartitions for LocalCatalog {
    async fn drop_partitions(&self, table: &TableName, keys: &[PartitionKey]) -> PortResult<()> {
        let paths: Vec<_> = keys.iter().map(|key| self.partition_file(table, key)).collect();
        blocking("drop partitions of", table.to_string(), move || {
            paths.iter().try_for_each(|path| files::remove(path))
        })
        .await
    }
}

fn read_view(path: &Path) -> io::Result<Option<ViewFile>> {
    let Some(bytes) = files::read(path)? else { return Ok(None) };
    Ok(Some(serde_json::from_slice(&bytes)?))
}

fn read_table(path: &Path) -> io::Result<Option<TableFile>> {
    let Some(bytes) = files::read(path)? else { return Ok(None) };
    Ok(Some(serde_json::from_slice(&bytes)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn is_a_catalog() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = LocalCatalog::new(folder.path(), &"lake".parse().unwrap());
        alluvium_testkit::suites::catalog(catalog).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn keeps_views() {
        let folder = tempfile::tempdir().unwrap();
        let database = "lake".parse().unwrap();
        let catalog = LocalCatalog::new(folder.path(), &database);
        alluvium_testkit::suites::views(catalog, database).await;
    }

    #[tokio::test]
    async fn a_damaged_table_is_not_taken_for_absent() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = LocalCatalog::new(folder.path(), &"lake".parse().unwrap());
        let camera = "camera".parse().unwrap();
        std::fs::create_dir_all(&catalog.folder).unwrap();
        std::fs::write(catalog.file(&camera), "{\"version\":").unwrap();
        let error = catalog.table(&camera).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot read the table camera");
    }
}
