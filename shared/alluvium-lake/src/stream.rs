//! Records of streams, exactly once, however often and however cut they are delivered.
//!
//! A batch is put into the archive first, and nobody sees that. It is taken at one moment: when the
//! watermark of its shard names its range, by compare-and-set. What was taken is loaded from the
//! archive like any other source, one for each topic, with the ledger and the pointers. So it does
//! not matter where a batch was cut, whose answer was lost, or who is faster: what the watermark
//! has passed is not taken again, and what it names is loaded until it is in its tables.

mod created;
mod finish;
mod given_up;
mod load;
mod take;
mod watermarks;

use alluvium_model::{
    Raw, SequenceRange, Shard, ShardId, Stream, StreamBatch, StreamName, StreamRoute, UtcInstant,
    Watermark,
    layout::Location,
    ports::{DescribeStreams, LakeCatalog, LakeObjects, PublishEvents},
};

use jiff::SignedDuration;

use crate::{ContractStore, Deadline, Ingest, IngestReport, LakeError, NoSubscribers};

use created::Creations;
pub use finish::{Left, ShardReport};
use take::Taken;
use watermarks::Watermarks;

/// Tries of a range while its shard is delivered; later ones are those of a schedule, so that what
/// fails for long does not hold up its shard.
const LIVE_TRIES_MAX: u32 = 5;
/// Tries of a range before it waits for somebody to tell that it is to be tried again.
const TRIES_MAX: u32 = 100;
/// Ranges that are counted as tried before they are loaded: as many as a process may get to.
const RANGES_AT_ONCE: usize = 32;
/// Ranges of a shard that may wait to be loaded or tried again. Beyond them nothing is taken, and
/// the mapping keeps its records.
const WAITING_MAX: usize = 2_000;

/// How streams are loaded.
#[derive(Clone, Debug)]
pub struct StreamSettings {
    /// What keys of the lake are relative to, as rows name it: ends with `/`.
    pub lake_uri: String,
    /// Whether topics count in streams that no contract is for.
    pub route: StreamRoute,
    /// What becomes of the archive.
    pub raw: Raw,
    /// Where Lambda leaves what a mapping of it gave up.
    pub given_up: Location,
}

/// Takes records of streams to their tables. Made once and used for many batches, like its
/// [`Ingest`].
#[derive(Debug)]
pub struct Streams<C, O, D, E = NoSubscribers> {
    ingest: Ingest<C, O, E>,
    contracts: ContractStore<O>,
    creations: Creations<D>,
    watermarks: Watermarks<O>,
    settings: StreamSettings,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct BatchReport {
    /// Its records that were taken.
    pub taken: u64,
    /// Its records that were taken before.
    pub repeated: u64,
    /// The sources that were loaded.
    pub sources: Vec<IngestReport>,
    /// Ranges that were taken and could not be loaded, for a reason that lies in them or their
    /// rules; they are tried again.
    pub left: Vec<(SequenceRange, LakeError)>,
    /// Why the batch must be delivered again, if it must.
    pub failed: Option<LakeError>,
}

impl<C, O, D, E> Streams<C, O, D, E>
where
    C: LakeCatalog + Clone,
    O: LakeObjects + Clone,
    D: DescribeStreams,
    E: PublishEvents,
{
    /// Streams are told apart by `describe`; `contracts` say where their records go.
    pub fn new(
        ingest: Ingest<C, O, E>,
        contracts: ContractStore<O>,
        describe: D,
        settings: StreamSettings,
    ) -> Self {
        let database = ingest.settings.database.clone();
        let watermarks = Watermarks::new(ingest.objects.clone(), database, ingest.settings.backoff);
        let creations = Creations::new(describe, ingest.settings.backoff);
        Self { ingest, contracts, creations, watermarks, settings }
    }

    /// Takes a batch to its tables, with whatever was left of earlier ones of its shard.
    ///
    /// Once its records are taken only what lies in the infrastructure makes it fail, and then its
    /// next delivery goes on where this one ended. What lies in the records is quarantined, and a
    /// range whose rules do not suit its table waits for its next try beside the shard.
    pub async fn ingest_batch(&self, batch: StreamBatch, deadline: Deadline) -> BatchReport {
        let deadline = deadline.min(self.ingest.deadline());
        let mut report = BatchReport::default();
        if let Err(error) = self.try_ingest(batch, deadline, &mut report).await {
            report.failed = Some(error);
        }
        report
    }

    async fn try_ingest(
        &self,
        batch: StreamBatch,
        deadline: Deadline,
        report: &mut BatchReport,
    ) -> Result<(), LakeError> {
        let StreamBatch { stream, shard, records } = batch;
        let Some(first) = records.first() else { return Ok(()) };
        let shard = self.shard_at(stream, shard, first.arrived_at, deadline).await?;
        let delivered = records.len() as u64;
        let Taken { records: taken, to_load, is_full } =
            self.take(&shard, records, deadline).await?;
        report.taken = taken;
        self.load_all(&shard, to_load, deadline, report).await?;
        if is_full {
            return Err(LakeError::TooMuchWaits { shard: Box::new(shard) });
        }
        report.repeated = delivered - taken;
        Ok(())
    }
}

/// A record does not tell to the millisecond when it arrived. Streams of one name follow each other
/// less closely.
const ARRIVAL_IS_OFF_BY: SignedDuration = SignedDuration::from_secs(5);

impl<C, O, D, E> Streams<C, O, D, E>
where
    O: LakeObjects,
    D: DescribeStreams,
{
    /// The shard of the stream that had this name when a record arrived.
    ///
    /// # Errors
    /// As `Retry` when there never was such a stream.
    async fn shard_at(
        &self,
        name: StreamName,
        id: ShardId,
        arrived_at: UtcInstant,
        deadline: Deadline,
    ) -> Result<Shard, LakeError> {
        let now = deadline.call(self.creations.of(&name)).await?;
        let is_before = |created: &UtcInstant| {
            let latest = arrived_at.plus(ARRIVAL_IS_OFF_BY).unwrap_or(arrived_at);
            *created <= latest
        };
        let created = if let Some(created) = now.filter(is_before) {
            created
        } else {
            // It was deleted since, or made again.
            let shards = deadline.call(self.watermarks.shards()).await?.into_iter();
            let streams = shards.map(|shard| shard.stream).filter(|stream| stream.name == name);
            let before = streams.map(|stream| stream.created).filter(is_before).max();
            before.or(now).ok_or_else(|| LakeError::NoStream { stream: name.clone() })?
        };
        Ok(Shard { stream: Stream { name, created }, id })
    }
}

/// How many ranges of a shard wait.
fn waits(watermark: &Watermark) -> usize {
    watermark.pending.len() + watermark.failed.len()
}
