//! Files, and whatever comes on standard input, as sources.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read as _, Seek as _},
    ops::Range,
    os::unix::fs::FileExt as _,
    path::Path,
    thread::available_parallelism,
    time::SystemTime,
};

use alluvium_model::{
    Origin, PortError, SourceId,
    ports::{Chunk, PortResult, ReadSource, Source, SourceFormat},
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    blocking::{Blocking, blocking, port_error},
    instant::instant,
};

/// Bytes read at a time.
const CHUNK_BYTES: usize = 1 << 20;
/// Bytes of a file that are hashed by themselves.
const BLOCK_BYTES: u64 = 16 << 20;
/// Bytes hashed at a time: few enough to be in the cache of a core.
const HASHED_AT_ONCE: usize = 64 << 10;

/// Reads a file from its beginning to its end, a little ahead.
#[derive(Debug)]
pub struct LocalSource {
    name: String,
    file: File,
    /// The file as it was opened, if it can change under its name.
    opened: Option<Metadata>,
    /// What comes next, once it was asked for what comes before.
    ahead: Option<Blocking<Vec<u8>>>,
}

impl LocalSource {
    /// Opens the file at `path`. It is read once to know its content: the same bytes under the
    /// same path are the same source, whatever their modification time. That time is when the
    /// source arrived, though, and so decides its partition.
    ///
    /// # Errors
    /// When there is no readable file, or its path is not UTF-8.
    pub async fn open(path: &Path) -> PortResult<Source<Self>> {
        let (path, name) = (path.to_owned(), path.display().to_string());
        let (key, file, opened, arrived_at) = blocking("read", name.clone(), move || {
            let absolute = fs::canonicalize(&path)?;
            let key = absolute.to_str().ok_or_else(|| io::Error::other("its path is not UTF-8"))?;
            let file = File::open(&absolute)?;
            let opened = file.metadata()?;
            if opened.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            let arrived_at = instant(opened.modified()?)?;
            Ok((key.to_owned(), file, opened, arrived_at))
        })
        .await?;
        let bytes = opened.len();
        let reader = Self::of(name, file, Some(opened));
        let etag = reader.hash(bytes).await?;
        Ok(Source {
            id: SourceId::of_object("file://", &key, &etag),
            origin: Origin { source: format!("file://{key}"), arrived_at },
            bytes,
            format: SourceFormat::Documents,
            reader,
        })
    }

    /// Takes everything from standard input, through a file without a name that vanishes with
    /// this process. It arrives now, and is the same source when it holds the same bytes.
    ///
    /// # Errors
    /// When standard input cannot be read or there is no room for it.
    pub async fn standard_input() -> PortResult<Source<Self>> {
        const NAME: &str = "standard input";
        let (file, bytes, arrived_at) = blocking("read", NAME.to_owned(), || {
            let mut spool = tempfile::tempfile()?;
            let bytes = io::copy(&mut io::stdin().lock(), &mut spool)?;
            spool.rewind()?;
            #[expect(clippy::disallowed_methods, reason = "what is typed or piped arrives now")]
            let arrived_at = instant(SystemTime::now())?;
            Ok((spool, bytes, arrived_at))
        })
        .await?;
        let reader = Self::of(NAME.to_owned(), file, None);
        let etag = reader.hash(bytes).await?;
        Ok(Source {
            id: SourceId::of_object("stdin:", "", &etag),
            origin: Origin { source: format!("stdin:{etag}"), arrived_at },
            bytes,
            format: SourceFormat::Documents,
            reader,
        })
    }

    fn of(name: String, file: File, opened: Option<Metadata>) -> Self {
        Self { name, file, opened, ahead: None }
    }

    /// The hash of what it holds, which is said to be so many bytes: the BLAKE3 hash of those of all
    /// blocks, which are read and hashed on all cores. A file that changes meanwhile is found to be
    /// superseded when it is read to its end.
    async fn hash(&self, bytes: u64) -> PortResult<String> {
        let cores = available_parallelism().map_or(1, usize::from);
        let last = bytes.div_ceil(BLOCK_BYTES).max(1) - 1;
        let block = |number| async move {
            let file = self.file.try_clone().map_err(|error| self.failed(error))?;
            let begin = number * BLOCK_BYTES;
            // Some files hold more than they say, those of `/proc` for example.
            let bytes = if number == last { u64::MAX - begin } else { BLOCK_BYTES };
            let hash = move || hash(&file, begin..begin + bytes);
            blocking("read", self.name.clone(), hash).await
        };
        let blocks = stream::iter(0..=last).map(block).buffered(cores);
        let hashes = blocks.try_collect::<Vec<[u8; 32]>>().await?;
        Ok(blake3::hash(hashes.as_flattened()).to_string())
    }

    /// Reads what comes next.
    fn read(&self) -> PortResult<Blocking<Vec<u8>>> {
        let mut file = self.file.try_clone().map_err(|error| self.failed(error))?;
        Ok(Blocking::begin("read", self.name.clone(), move || {
            let mut chunk = Vec::with_capacity(CHUNK_BYTES);
            file.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut chunk)?;
            Ok(chunk)
        }))
    }

    fn failed(&self, error: io::Error) -> PortError {
        port_error("read", self.name.clone(), error)
    }
}

impl ReadSource for LocalSource {
    async fn next_chunk(&mut self) -> PortResult<Chunk> {
        let read = match self.ahead.take() {
            Some(read) => read,
            None => self.read()?,
        };
        // There it stays until it has come, so that nothing is lost if the wait is given up.
        let read = self.ahead.insert(read);
        let chunk = read.end().await;
        self.ahead = None;
        let chunk = chunk?;
        if !chunk.is_empty() {
            self.ahead = Some(self.read()?);
            return Ok(Chunk::Bytes(chunk.into()));
        }
        if let Some(opened) = &self.opened {
            let now = self.file.metadata().map_err(|error| self.failed(error))?;
            if now.len() != opened.len() || now.modified().ok() != opened.modified().ok() {
                return Ok(Chunk::Superseded);
            }
        }
        Ok(Chunk::End)
    }
}

/// The BLAKE3 hash of these bytes of a file, or of as many of them as there are.
fn hash(file: &File, range: Range<u64>) -> io::Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    let (mut buffer, mut at) = (vec![0; HASHED_AT_ONCE], range.start);
    while at < range.end {
        let rest = usize::try_from(range.end - at).unwrap_or(usize::MAX);
        let room = buffer.get_mut(..rest.min(HASHED_AT_ONCE)).unwrap_or_default();
        let read = file.read_at(room, at)?;
        if read == 0 {
            break;
        }
        hasher.update(room.get(..read).unwrap_or_default());
        at += read as u64;
    }
    Ok(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use alluvium_model::ErrorKind;

    use super::*;

    #[tokio::test]
    async fn the_same_bytes_under_the_same_path_are_the_same_source() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.json");
        let write = async |text: &str| {
            fs::write(&path, text).unwrap();
            LocalSource::open(&path).await.unwrap().id
        };
        let first = write("{}").await;
        assert_eq!(write("{}").await, first);
        assert_ne!(write("{\"a\":1}").await, first);
        let blank = " ".repeat(2 * usize::try_from(BLOCK_BYTES).unwrap() - 1);
        let blocks = |last: &str| format!("{blank}{last}");
        let long = write(&blocks("{}")).await;
        assert_eq!(write(&blocks("{}")).await, long);
        assert_ne!(write(&blocks("{ ")).await, long);
        assert_ne!(write(&blocks("[}")).await, long);
        assert_ne!(write(&blocks("{")).await, long);
    }

    #[tokio::test]
    async fn a_file_is_known_by_all_that_it_holds_whatever_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.json");
        let hash = async |text: &str, bytes| {
            fs::write(&path, text).unwrap();
            let file = File::open(&path).unwrap();
            LocalSource::of(String::new(), file, None).hash(bytes).await.unwrap()
        };
        let empty = hash("", 0).await;
        assert_eq!(hash("{}", 0).await, hash("{}", 2).await);
        assert_ne!(hash("{}", 0).await, empty);
        assert_ne!(hash("{\"a\":1}", 2).await, hash("{}", 2).await);
    }

    #[tokio::test]
    async fn a_file_that_changes_while_it_is_read_is_superseded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.json");
        fs::write(&path, "{}").unwrap();
        let mut source = LocalSource::open(&path).await.unwrap().reader;
        fs::write(&path, "{\"a\":1}").unwrap();
        source.next_chunk().await.unwrap();
        assert_eq!(source.next_chunk().await.unwrap(), Chunk::Superseded);
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_absent() {
        let error = LocalSource::open(Path::new("/nowhere/1.json")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Absent);
        assert_eq!(error.to_string(), "cannot read /nowhere/1.json");
    }
}
