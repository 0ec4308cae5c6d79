//! What Alluvium needs from the world, one capability a trait.
//!
//! Each trait is one statement of an IAM policy. Implementations: the directory of
//! `alluvium-local`, S3 and Glue in `alluvium-aws`, the fakes of `alluvium-testkit`; all pass the
//! testkit's contract suites.
//! Absence is `None` or an enum, never an error, so that no error can be mistaken for it.

mod streams;
mod swaps;

use std::future::Future;

use bytes::Bytes;

use crate::{
    AnnouncedObject, Origin, PartitionEntry, PortError, SchemaChange, Selection, SourceId,
    TableEntry, TableName, UtcInstant, Version, Versioned, ViewEntry,
    layout::{Location, ObjectKey},
};

pub use streams::{
    DescribeStreams, DropObjects, OutgoingRecord, ReadGivenUp, STREAM_BATCH_BYTES_MAX,
    STREAM_BATCH_MAX, SendRecords, Sent,
};
pub use swaps::{
    Copied, CopyObjects, Dated, DropPartitions, FindPartitions, MovePartitions, Moved, ReadDated,
    ReadRanges, SwapCatalog, SwapObjects,
};

/// The result of a port.
pub type PortResult<T> = Result<T, PortError>;

/// How a compare-and-set ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Commit {
    /// The new value is there.
    Done,
    /// Somebody else was faster; nothing was written. Read again and decide again.
    Conflict,
}

/// How the registration of a partition ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registered {
    /// It is new.
    New,
    /// It was there, wherever it lies; nothing was changed.
    Before,
}

/// An object as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectEntry {
    /// Its key.
    pub key: ObjectKey,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was written last, by the time of the store.
    pub modified: UtcInstant,
}

/// Reads tables from the catalog.
pub trait ReadTables {
    /// The table of that name with the version to name in [`CommitTables::replace_table`].
    fn table(
        &self,
        name: &TableName,
    ) -> impl Future<Output = PortResult<Option<Versioned<TableEntry>>>> + Send;

    /// The names of all tables, in byte order.
    fn table_names(&self) -> impl Future<Output = PortResult<Vec<TableName>>> + Send;
}

/// Creates tables and replaces their definition, by compare-and-set.
pub trait CommitTables {
    /// Creates a table; `Conflict` when one of that name is there.
    fn create_table(&self, table: &TableEntry) -> impl Future<Output = PortResult<Commit>> + Send;

    /// Replaces a table; `Conflict` when its version is another one or it is gone.
    fn replace_table(
        &self,
        table: &TableEntry,
        version: &Version,
    ) -> impl Future<Output = PortResult<Commit>> + Send;
}

/// What stands where a view belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundView {
    /// Nothing.
    Nothing,
    /// A view of that table.
    Ours(Versioned<ViewEntry>),
    /// A table, or a view of something else.
    Foreign,
}

/// Reads, creates and replaces views of tables, by compare-and-set. Views stand among the tables,
/// but are none: [`ReadTables::table_names`] leaves them out.
pub trait ReplaceViews {
    /// What stands under the name of the unified view of `table`.
    fn unified_view(&self, table: &TableName)
    -> impl Future<Output = PortResult<FoundView>> + Send;

    /// Creates a view; `Conflict` when something of that name is there.
    fn create_view(&self, view: &ViewEntry) -> impl Future<Output = PortResult<Commit>> + Send;

    /// Replaces a view; `Conflict` when its version is another one or it is gone.
    fn replace_view(
        &self,
        view: &ViewEntry,
        version: &Version,
    ) -> impl Future<Output = PortResult<Commit>> + Send;
}

/// Tells others what became of tables.
pub trait PublishEvents {
    /// Tells whoever wants to know that a table changed. They may be told more than once.
    fn publish(&self, change: &SchemaChange) -> impl Future<Output = PortResult<()>> + Send;
}

/// Reads partitions from the catalog.
pub trait ReadPartitions {
    /// All partitions of a table, in the order of their keys; none when the table is absent.
    fn partitions(
        &self,
        table: &TableName,
    ) -> impl Future<Output = PortResult<Vec<PartitionEntry>>> + Send;
}

/// Registers partitions in the catalog.
pub trait RegisterPartitions {
    /// Registers each partition unless one with its key is there; says how each ended, in order.
    /// Fails as `Absent` when the table is. Some may be registered when this fails.
    fn create_partitions(
        &self,
        table: &TableName,
        partitions: &[PartitionEntry],
    ) -> impl Future<Output = PortResult<Vec<Registered>>> + Send;
}

/// Writes objects of the lake.
pub trait WriteObjects {
    /// Writes an object, whole or not at all, over whatever was there.
    fn put_object(
        &self,
        key: &ObjectKey,
        bytes: Bytes,
    ) -> impl Future<Output = PortResult<()>> + Send;
}

/// Reads small objects of the lake whole.
pub trait ReadObjects: Sync {
    /// The object of that key with the version to name in [`CommitObjects::replace_object`].
    fn object(
        &self,
        key: &ObjectKey,
    ) -> impl Future<Output = PortResult<Option<Versioned<Bytes>>>> + Send;

    /// The same, but without its bytes when it still has the version that is `known`.
    fn object_since(
        &self,
        key: &ObjectKey,
        known: &Version,
    ) -> impl Future<Output = PortResult<Reread>> + Send {
        async {
            Ok(match self.object(key).await? {
                None => Reread::Gone,
                Some(found) if found.version == *known => Reread::Unchanged,
                Some(found) => Reread::Changed(found),
            })
        }
    }
}

/// How an object is found that was read before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reread {
    /// As it was.
    Unchanged,
    /// With other bytes.
    Changed(Versioned<Bytes>),
    /// No more.
    Gone,
}

/// How a small object was put in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Put {
    /// It is there, in this version.
    Done(Version),
    /// Somebody else was faster, or an earlier try of the same call was, whose answer got lost.
    /// Read again and decide again.
    Conflict,
}

/// Creates and replaces small objects of the lake, by compare-and-set.
pub trait CommitObjects {
    /// Creates an object; `Conflict` when one of that key is there.
    fn create_object(
        &self,
        key: &ObjectKey,
        bytes: Bytes,
    ) -> impl Future<Output = PortResult<Put>> + Send;

    /// Replaces an object; `Conflict` when its version is another one or it is gone.
    fn replace_object(
        &self,
        key: &ObjectKey,
        bytes: Bytes,
        version: &Version,
    ) -> impl Future<Output = PortResult<Put>> + Send;
}

/// Deletes objects of the lake.
pub trait DeleteObjects {
    /// Deletes objects, those that are gone already too. Some may be deleted when this fails.
    fn delete_objects(&self, keys: &[ObjectKey]) -> impl Future<Output = PortResult<()>> + Send;
}

/// Tells the time of the store, by which it dates what it keeps.
pub trait TellTime {
    /// The time at some moment during this call.
    fn now(&self) -> impl Future<Output = PortResult<UtcInstant>> + Send;
}

/// Everything that writing the objects of a lake takes.
pub trait LakeObjects:
    WriteObjects + ReadObjects + CommitObjects + ListObjects + DeleteObjects + TellTime + Sync
{
}

impl<T> LakeObjects for T where
    T: WriteObjects + ReadObjects + CommitObjects + ListObjects + DeleteObjects + TellTime + Sync
{
}

/// Everything that writing the tables of a lake takes.
pub trait LakeCatalog:
    ReadTables + CommitTables + RegisterPartitions + ReplaceViews + Sync
{
}

impl<T: ReadTables + CommitTables + RegisterPartitions + ReplaceViews + Sync> LakeCatalog for T {}

/// Lists objects of the lake.
pub trait ListObjects {
    /// All objects below a folder, in the byte order of their keys.
    fn list_objects(
        &self,
        location: &Location,
    ) -> impl Future<Output = PortResult<Vec<ObjectEntry>>> + Send;
}

/// What the bytes of a source are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SourceFormat {
    /// Documents, however they are packed.
    #[default]
    Documents,
    /// Records of a stream, as its archive holds them; these documents of theirs are the source.
    StreamRecords(Selection),
}

/// A source that is ready to be read.
#[derive(Debug)]
pub struct Source<R> {
    /// Its identity.
    pub id: SourceId,
    /// Where it is and when it arrived.
    pub origin: Origin,
    /// Its size as it is stored, in bytes.
    pub bytes: u64,
    /// What its bytes are.
    pub format: SourceFormat,
    /// Its bytes.
    pub reader: R,
}

impl<R> Source<R> {
    /// The same source, read by what `reader` makes of its reader.
    pub fn read_by<T>(self, reader: impl FnOnce(R) -> T) -> Source<T> {
        let Self { id, origin, bytes, format, reader: inner } = self;
        Source { id, origin, bytes, format, reader: reader(inner) }
    }
}

/// Opens the objects that a bucket announces.
pub trait OpenObjects {
    /// What reads them.
    type Reader: ReadSource + Send;

    /// The object as it was announced; none when it was deleted or overwritten since.
    fn open_object(
        &self,
        object: &AnnouncedObject,
    ) -> impl Future<Output = PortResult<Option<Source<Self::Reader>>>> + Send;
}

/// Reads one source from its beginning to its end.
pub trait ReadSource {
    /// The next bytes, however many.
    fn next_chunk(&mut self) -> impl Future<Output = PortResult<Chunk>> + Send;
}

/// What comes next of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// Bytes.
    Bytes(Bytes),
    /// Nothing: it was read to its end.
    End,
    /// Nothing: it was overwritten or deleted while it was read, and what was read of it is void.
    Superseded,
}

/// An object that lies in a landing bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LandedObject {
    /// What its bucket would announce of it.
    pub announced: AnnouncedObject,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was written.
    pub modified_at: UtcInstant,
    /// Whether it lies in an archive and cannot be read before somebody restores it.
    pub is_archived: bool,
}

/// What a landing bucket holds, up to some key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LandedPage {
    /// Objects in the order of their keys; none only at the end.
    pub objects: Vec<LandedObject>,
    /// Whether nothing comes behind them.
    pub is_last: bool,
}

/// Lists what lies in a landing bucket, page by page.
pub trait ListLanding {
    /// The first objects whose keys come behind `after`, in byte order; without it, from the
    /// beginning.
    fn landed_after(
        &self,
        after: Option<&str>,
    ) -> impl Future<Output = PortResult<LandedPage>> + Send;
}

/// What became of each of several things that were handed over, in their order.
pub type Answers = Vec<PortResult<()>>;

/// Things that are handed to a queue, or taken from it, at once.
pub const QUEUE_BATCH_MAX: usize = 10;

/// Announces objects to whoever loads them.
pub trait AnnounceObjects {
    /// Announces at most [`QUEUE_BATCH_MAX`] objects, as their bucket would have done.
    fn announce(
        &self,
        objects: &[LandedObject],
    ) -> impl Future<Output = PortResult<Answers>> + Send;
}

/// A message that nobody could work off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// What it says.
    pub body: String,
    /// What to show in order to remove it.
    pub receipt: String,
}

/// How many letters there are, approximately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LetterCount {
    /// Those that can be taken.
    pub waiting: u64,
    /// Those that somebody has taken, and that come back unless they are removed.
    pub taken: u64,
}

/// Takes letters from a dead-letter queue.
pub trait TakeLetters {
    /// How many there are.
    fn count_letters(&self) -> impl Future<Output = PortResult<LetterCount>> + Send;

    /// Takes at most so many letters, never more than [`QUEUE_BATCH_MAX`]; none when there are
    /// none. They come back after some minutes unless they are removed.
    fn take_letters(&self, count: usize) -> impl Future<Output = PortResult<Vec<Letter>>> + Send;

    /// Removes letters that were taken.
    fn remove_letters(
        &self,
        letters: &[Letter],
    ) -> impl Future<Output = PortResult<Answers>> + Send;
}

/// Bytes of letters that are sent at once: what every queue takes.
pub const LETTERS_BYTES_MAX: usize = 256 << 10;

/// Sends letters to a queue.
pub trait SendLetters {
    /// Sends at most [`QUEUE_BATCH_MAX`] letters, of at most [`LETTERS_BYTES_MAX`] together unless
    /// it is one alone.
    fn send_letters(&self, letters: &[Letter]) -> impl Future<Output = PortResult<Answers>> + Send;
}
