//! Faults, injected by a wrapper.
//!
//! Every call also lets others run before and after its effect, so that tasks interleave wherever
//! they could on a network.

use std::{
    future::pending,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use alluvium_model::{
    AnnouncedObject, ErrorKind, PartitionEntry, PartitionKey, PortError, SchemaChange, TableEntry,
    TableName, UtcInstant, Version, Versioned, ViewEntry,
    layout::{Location, ObjectKey},
    ports::{
        AnnounceObjects, Answers, Commit, CommitObjects, CommitTables, Copied, CopyObjects, Dated,
        DeleteObjects, DescribeStreams, DropObjects, DropPartitions, FindPartitions, FoundView,
        LandedObject, LandedPage, Letter, LetterCount, ListLanding, ListObjects, MovePartitions,
        Moved, ObjectEntry, OpenObjects, OutgoingRecord, PortResult, PublishEvents, Put, ReadDated,
        ReadObjects, ReadPartitions, ReadRanges, ReadTables, RegisterPartitions, Registered,
        ReplaceViews, Reread, SendLetters, SendRecords, Sent, Source, TakeLetters, TellTime,
        WriteObjects,
    },
};
use bytes::Bytes;

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not made.
    Refused(ErrorKind),
    /// It is made, but its answer does not arrive.
    AnswerLost(ErrorKind),
    /// It is not made, and whoever makes it waits for ever: nothing goes on that runs it but to
    /// be dropped, as everything is in a process that dies.
    DiedBefore,
    /// The same, but it is made.
    DiedAfter,
    /// It is not made yet: the script is asked again at the next turn.
    Held,
}

type Script = dyn Fn(u64, &'static str) -> Option<Fault> + Send + Sync;

/// A port whose calls fail by a script. Clones count their calls together.
#[derive(Clone)]
pub struct Unreliable<P> {
    port: P,
    calls: Arc<AtomicU64>,
    script: Arc<Script>,
}

impl<P> Unreliable<P> {
    /// Wraps `port`. `script` gets the number of each call, from 0, and the name of its method.
    pub fn new(
        port: P,
        script: impl Fn(u64, &'static str) -> Option<Fault> + Send + Sync + 'static,
    ) -> Self {
        Self { port, calls: Arc::default(), script: Arc::new(script) }
    }

    /// Wraps another port whose calls are counted with those of this one and fail by its script.
    pub fn beside<Q>(&self, port: Q) -> Unreliable<Q> {
        Unreliable { port, calls: Arc::clone(&self.calls), script: Arc::clone(&self.script) }
    }

    /// How many calls were made.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    async fn call<T>(
        &self,
        method: &'static str,
        call: impl Future<Output = PortResult<T>> + Send,
    ) -> PortResult<T> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        let error = |kind| Err(PortError::new(kind, method, format!("call {number}")));
        tokio::task::yield_now().await;
        let fault = loop {
            match (self.script)(number, method) {
                Some(Fault::Held) => tokio::task::yield_now().await,
                fault => break fault,
            }
        };
        let answer = match fault {
            None | Some(Fault::Held) => call.await,
            Some(Fault::Refused(kind)) => error(kind),
            Some(Fault::AnswerLost(kind)) => match call.await {
                Ok(_) => error(kind),
                Err(failed) => Err(failed),
            },
            Some(Fault::DiedBefore) => pending().await,
            Some(Fault::DiedAfter) => {
                call.await.ok();
                pending().await
            }
        };
        tokio::task::yield_now().await;
        answer
    }
}

impl<P: ReadTables + Sync> ReadTables for Unreliable<P> {
    async fn table(&self, name: &TableName) -> PortResult<Option<Versioned<TableEntry>>> {
        self.call("table", self.port.table(name)).await
    }

    async fn table_names(&self) -> PortResult<Vec<TableName>> {
        self.call("table_names", self.port.table_names()).await
    }
}

impl<P: CommitTables + Sync> CommitTables for Unreliable<P> {
    async fn create_table(&self, table: &TableEntry) -> PortResult<Commit> {
        self.call("create_table", self.port.create_table(table)).await
    }

    async fn replace_table(&self, table: &TableEntry, version: &Version) -> PortResult<Commit> {
        self.call("replace_table", self.port.replace_table(table, version)).await
    }
}

impl<P: ReadPartitions + Sync> ReadPartitions for Unreliable<P> {
    async fn partitions(&self, table: &TableName) -> PortResult<Vec<PartitionEntry>> {
        self.call("partitions", self.port.partitions(table)).await
    }
}

impl<P: RegisterPartitions + Sync> RegisterPartitions for Unreliable<P> {
    async fn create_partitions(
        &self,
        table: &TableName,
        partitions: &[PartitionEntry],
    ) -> PortResult<Vec<Registered>> {
        self.call("create_partitions", self.port.create_partitions(table, partitions)).await
    }
}

impl<P: ReplaceViews + Sync> ReplaceViews for Unreliable<P> {
    async fn unified_view(&self, table: &TableName) -> PortResult<FoundView> {
        self.call("unified_view", self.port.unified_view(table)).await
    }

    async fn create_view(&self, view: &ViewEntry) -> PortResult<Commit> {
        self.call("create_view", self.port.create_view(view)).await
    }

    async fn replace_view(&self, view: &ViewEntry, version: &Version) -> PortResult<Commit> {
        self.call("replace_view", self.port.replace_view(view, version)).await
    }
}

impl<P: PublishEvents + Sync> PublishEvents for Unreliable<P> {
    async fn publish(&self, change: &SchemaChange) -> PortResult<()> {
        self.call("publish", self.port.publish(change)).await
    }
}

impl<P: WriteObjects + Sync> WriteObjects for Unreliable<P> {
    async fn put_object(&self, key: &ObjectKey, bytes: Bytes) -> PortResult<()> {
        self.call("put_object", self.port.put_object(key, bytes)).await
    }
}

impl<P: ReadObjects> ReadObjects for Unreliable<P> {
    async fn object(&self, key: &ObjectKey) -> PortResult<Option<Versioned<Bytes>>> {
        self.call("object", self.port.object(key)).await
    }

    async fn object_since(&self, key: &ObjectKey, known: &Version) -> PortResult<Reread> {
        self.call("object_since", self.port.object_since(key, known)).await
    }
}

impl<P: ReadDated + Sync> ReadDated for Unreliable<P> {
    async fn dated_object(&self, key: &ObjectKey) -> PortResult<Option<Dated<Bytes>>> {
        self.call("dated_object", self.port.dated_object(key)).await
    }
}

impl<P: ListObjects + Sync> ListObjects for Unreliable<P> {
    async fn list_objects(&self, location: &Location) -> PortResult<Vec<ObjectEntry>> {
        self.call("list_objects", self.port.list_objects(location)).await
    }
}

impl<P: CommitObjects + Sync> CommitObjects for Unreliable<P> {
    async fn create_object(&self, key: &ObjectKey, bytes: Bytes) -> PortResult<Put> {
        self.call("create_object", self.port.create_object(key, bytes)).await
    }

    async fn replace_object(
        &self,
        key: &ObjectKey,
        bytes: Bytes,
        version: &Version,
    ) -> PortResult<Put> {
        self.call("replace_object", self.port.replace_object(key, bytes, version)).await
    }
}

impl<P: DeleteObjects + Sync> DeleteObjects for Unreliable<P> {
    async fn delete_objects(&self, keys: &[ObjectKey]) -> PortResult<()> {
        self.call("delete_objects", self.port.delete_objects(keys)).await
    }
}

impl<P: CopyObjects + Sync> CopyObjects for Unreliable<P> {
    async fn copy_object(&self, from: &ObjectKey, to: &ObjectKey) -> PortResult<Copied> {
        self.call("copy_object", self.port.copy_object(from, to)).await
    }
}

impl<P: ReadRanges + Sync> ReadRanges for Unreliable<P> {
    async fn object_range(&self, key: &ObjectKey, range: Range<u64>) -> PortResult<Option<Bytes>> {
        self.call("object_range", self.port.object_range(key, range)).await
    }
}

impl<P: FindPartitions + Sync> FindPartitions for Unreliable<P> {
    async fn find_partitions(
        &self,
        table: &TableName,
        keys: &[PartitionKey],
    ) -> PortResult<Vec<Option<PartitionEntry>>> {
        self.call("find_partitions", self.port.find_partitions(table, keys)).await
    }
}

impl<P: MovePartitions + Sync> MovePartitions for Unreliable<P> {
    async fn move_partitions(
        &self,
        table: &TableName,
        partitions: &[PartitionEntry],
    ) -> PortResult<Vec<Moved>> {
        self.call("move_partitions", self.port.move_partitions(table, partitions)).await
    }
}

impl<P: DropPartitions + Sync> DropPartitions for Unreliable<P> {
    async fn drop_partitions(&self, table: &TableName, keys: &[PartitionKey]) -> PortResult<()> {
        self.call("drop_partitions", self.port.drop_partitions(table, keys)).await
    }
}

impl<P: TellTime + Sync> TellTime for Unreliable<P> {
    async fn now(&self) -> PortResult<UtcInstant> {
        self.call("now", self.port.now()).await
    }
}

impl<P: OpenObjects + Sync> OpenObjects for Unreliable<P> {
    type Reader = P::Reader;

    async fn open_object(
        &self,
        object: &AnnouncedObject,
    ) -> PortResult<Option<Source<Self::Reader>>> {
        self.call("open_object", self.port.open_object(object)).await
    }
}

impl<P: ListLanding + Sync> ListLanding for Unreliable<P> {
    async fn landed_after(&self, after: Option<&str>) -> PortResult<LandedPage> {
        self.call("landed_after", self.port.landed_after(after)).await
    }
}

impl<P: AnnounceObjects + Sync> AnnounceObjects for Unreliable<P> {
    async fn announce(&self, objects: &[LandedObject]) -> PortResult<Answers> {
        self.call("announce", self.port.announce(objects)).await
    }
}

impl<P: SendLetters + Sync> SendLetters for Unreliable<P> {
    async fn send_letters(&self, letters: &[Letter]) -> PortResult<Answers> {
        self.call("send_letters", self.port.send_letters(letters)).await
    }
}

impl<P: TakeLetters + Sync> TakeLetters for Unreliable<P> {
    async fn count_letters(&self) -> PortResult<LetterCount> {
        self.call("count_letters", self.port.count_letters()).await
    }

    async fn take_letters(&self, count: usize) -> PortResult<Vec<Letter>> {
        self.call("take_letters", self.port.take_letters(count)).await
    }

    async fn remove_letters(&self, letters: &[Letter]) -> PortResult<Answers> {
        self.call("remove_letters", self.port.remove_letters(letters)).await
    }
}

impl<P: SendRecords + Sync> SendRecords for Unreliable<P> {
    async fn send_records(&self, records: &[OutgoingRecord]) -> PortResult<Vec<Sent>> {
        self.call("send_records", self.port.send_records(records)).await
    }
}

impl<P: DescribeStreams + Sync> DescribeStreams for Unreliable<P> {
    async fn stream_created(&self, stream: &str) -> PortResult<Option<UtcInstant>> {
        self.call("stream_created", self.port.stream_created(stream)).await
    }
}

impl<P: DropObjects + Sync> DropObjects for Unreliable<P> {
    async fn drop_object(&self, key: &str, bytes: Bytes) -> PortResult<()> {
        self.call("drop_object", self.port.drop_object(key, bytes)).await
    }
}
