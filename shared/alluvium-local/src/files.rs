//! Files that appear whole or not at all.

use std::{
    fs::{self, File, Permissions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    ops::Range,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use alluvium_model::layout::STATE;
use tempfile::NamedTempFile;

/// The directory of a lake, and the way things are written in it.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    root: PathBuf,
}

impl Files {
    pub(crate) const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The path of something in the lake.
    pub(crate) fn path(&self, key: impl AsRef<Path>) -> PathBuf {
        self.root.join(key)
    }

    /// Writes a file over whatever was there.
    pub(crate) fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let folder = create_parent(path)?;
        self.temporary(bytes)?.persist(path)?;
        sync(&folder)
    }

    /// Writes a file unless one is there; says whether it did.
    pub(crate) fn create(&self, path: &Path, bytes: &[u8]) -> io::Result<bool> {
        let folder = create_parent(path)?;
        match self.temporary(bytes)?.persist_noclobber(path) {
            Ok(_) => sync(&folder).map(|()| true),
            Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(failed) => Err(failed.error),
        }
    }

    /// Holds the lock at `path` until what is returned is dropped, or the process ends.
    pub(crate) fn lock(path: &Path) -> io::Result<File> {
        create_parent(path)?;
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        file.lock()?;
        Ok(file)
    }

    fn temporary(&self, bytes: &[u8]) -> io::Result<NamedTempFile> {
        let folder = self.path(STATE).join("tmp");
        fs::create_dir_all(&folder)?;
        // As for any other file, the user's mask decides who may read it.
        let readable = Permissions::from_mode(0o666);
        let mut file = tempfile::Builder::new().permissions(readable).tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        Ok(file)
    }
}

/// What `path` holds; none if nothing is there.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What `path` holds, and when just that was written; none if nothing is there.
pub(crate) fn read_dated(path: &Path) -> io::Result<Option<(Vec<u8>, SystemTime)>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Some((bytes, file.metadata()?.modified()?)))
}

/// These bytes of what `path` holds, or as many of them as there are; none if nothing is there.
pub(crate) fn read_range(path: &Path, range: Range<u64>) -> io::Result<Option<Vec<u8>>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    file.seek(SeekFrom::Start(range.start))?;
    let mut bytes = Vec::new();
    file.take(range.end.saturating_sub(range.start)).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// All files below `folder` in the order of their paths; none if it is not there.
pub(crate) fn walk(folder: &Path) -> io::Result<Vec<(PathBuf, fs::Metadata)>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                // Deleted since the folder was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if metadata.is_dir() {
                folders.push(entry.path());
            } else {
                found.push((entry.path(), metadata));
            }
        }
    }
    found.sort_by(|(left, _), (right, _)| left.as_os_str().cmp(right.as_os_str()));
    Ok(found)
}

fn create_parent(path: &Path) -> io::Result<PathBuf> {
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Makes a new name in `folder` outlast a power cut, provided that the folder itself does.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
