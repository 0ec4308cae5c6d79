//! The function that a schedule calls to end what deliveries left.

use std::{collections::BTreeMap, sync::Arc};

use alluvium_aws::{
    GivenUpByLambda,
    telemetry::{Deliveries, Invocation},
};
use alluvium_function::{Failure, TimeLimit, alone, invoked, tell};
use alluvium_lake::{BatchReport, Left, ShardReport, Streams};
use alluvium_model::{
    Shard,
    layout::ObjectKey,
    ports::{DescribeStreams, LakeCatalog, LakeObjects, PublishEvents},
};
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};

/// The function, made once a sandbox.
#[derive(Debug)]
pub struct FinishStreams<C, O, D, E> {
    streams: Arc<Streams<C, O, D, E>>,
}

/// What was found and done.
#[derive(Debug, Default)]
struct Finished {
    /// Records that a mapping had given up and that were never taken, until now.
    taken: u64,
    /// Sources that were loaded.
    loaded: usize,
    /// Ranges that had been given up and are tried again.
    retried: u64,
    /// Objects of mappings that could not be taken, and are where they were.
    given_up: u64,
    /// What waits of each shard.
    waiting: BTreeMap<Shard, Deliveries>,
}

impl<C, O, D, E> FinishStreams<C, O, D, E>
where
    C: LakeCatalog + Clone + Send + Sync + 'static,
    O: LakeObjects + Clone + Send + Sync + 'static,
    D: DescribeStreams + Send + Sync + 'static,
    E: PublishEvents + Send + Sync + 'static,
{
    /// The function over any ports.
    pub const fn new(streams: Arc<Streams<C, O, D, E>>) -> Self {
        Self { streams }
    }

    /// Ends what it can and says what it did in one line of the log.
    ///
    /// # Errors
    /// When it cannot be found out what there is to do.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, Failure> {
        invoked(event, async |event, limit, invocation| self.answer(event, limit, invocation).await)
            .await
    }

    /// Loads what was taken and left, then takes what mappings gave up and loads that, too; with
    /// `"retry_failed": true` in the event also what was given up after many tries. Each shard and
    /// object fails alone, and nothing is begun in the second half of the time.
    ///
    /// # Errors
    /// When it cannot be found out what there is to do.
    pub async fn answer(
        &self,
        event: &Value,
        limit: TimeLimit,
        invocation: &mut Invocation,
    ) -> Result<Value, Failure> {
        let retry_failed = event.get("retry_failed").and_then(Value::as_bool) == Some(true);
        let mut finished = Finished::default();
        let Left { shards, given_up } = self.left(limit).await?;
        for shard in shards {
            if retry_failed {
                finished.retried += self.retry_failed(&shard, limit).await?;
            }
            self.finish_shard(shard, limit, (&mut finished, invocation)).await;
        }
        for object in given_up {
            match self.take_given_up(object, limit).await {
                Ok(taken) => finished.taken += taken,
                Err(failure) => {
                    finished.given_up += 1;
                    count(&failure, invocation);
                }
            }
        }
        if finished.taken > 0 {
            for shard in self.left(limit).await?.shards {
                self.finish_shard(shard, limit, (&mut finished, invocation)).await;
            }
        }
        let Finished { taken, loaded, retried, given_up, .. } = finished;
        let Deliveries { pending, failed } = finished.deliveries();
        invocation.tell_deliveries(Deliveries { pending, failed: failed + given_up });
        Ok(json!({
            "taken": taken,
            "loaded": loaded,
            "retried": retried,
            "pending": pending,
            "failed": failed,
            "given_up": given_up,
        }))
    }

    async fn left(&self, limit: TimeLimit) -> Result<Left, Failure> {
        let streams = Arc::clone(&self.streams);
        let work = move || async move { streams.left(limit.deadline()).await };
        let what = "what deliveries of streams left".to_owned();
        let left = alone(&what, limit, work).await?;
        left.map_err(|source| Failure::Load { what, source })
    }

    async fn retry_failed(&self, shard: &Shard, limit: TimeLimit) -> Result<u64, Failure> {
        let (streams, what) = (Arc::clone(&self.streams), name(shard));
        let shard = shard.clone();
        let work = move || async move { streams.retry_failed(&shard, limit.deadline()).await };
        let retried = alone(&what, limit, work).await?;
        retried.map_err(|source| Failure::Load { what, source })
    }

    /// Loads what is left of a shard; what goes wrong is told, and left to the next time.
    async fn finish_shard(
        &self,
        shard: Shard,
        limit: TimeLimit,
        (finished, invocation): (&mut Finished, &mut Invocation),
    ) {
        let (streams, what) = (Arc::clone(&self.streams), name(&shard));
        if !limit.allows_to_begin() {
            return count(&Failure::Postponed { what }, invocation);
        }
        let of_work = shard.clone();
        let work = move || async move { streams.finish_shard(&of_work, limit.deadline()).await };
        let report = match alone(&what, limit, work).await {
            Ok(Ok(report)) => report,
            Ok(Err(source)) => return count(&Failure::Load { what, source }, invocation),
            Err(failure) => return count(&failure, invocation),
        };
        let ShardReport {
            batch: BatchReport { sources, left, failed, .. },
            pending,
            failed: waits,
        } = report;
        finished.loaded += sources.len();
        finished.waiting.insert(shard, Deliveries { pending, failed: waits });
        for source in &sources {
            tell(source, invocation);
        }
        for (range, source) in left {
            count(&Failure::Load { what: format!("{what}, {range}"), source }, invocation);
        }
        if let Some(source) = failed {
            count(&Failure::Load { what, source }, invocation);
        }
    }

    async fn take_given_up(&self, object: ObjectKey, limit: TimeLimit) -> Result<u64, Failure> {
        let (streams, what) = (Arc::clone(&self.streams), object.to_string());
        if !limit.allows_to_begin() {
            return Err(Failure::Postponed { what });
        }
        let work = move || async move {
            streams.take_given_up(&object, &GivenUpByLambda, limit.deadline()).await
        };
        let taken = alone(&what, limit, work).await?;
        taken.map_err(|source| Failure::Load { what, source })
    }
}

impl Finished {
    /// What waits of all shards.
    fn deliveries(&self) -> Deliveries {
        self.waiting.values().fold(Deliveries::default(), |sum, one| Deliveries {
            pending: sum.pending + one.pending,
            failed: sum.failed + one.failed,
        })
    }
}

fn name(Shard { stream, id }: &Shard) -> String {
    format!("stream {}, shard {id}", stream.name)
}

/// Counts and tells what went wrong.
fn count(failure: &Failure, invocation: &mut Invocation) {
    if matches!(failure, Failure::Postponed { .. }) {
        invocation.add_postponed();
    } else {
        invocation.add_failed();
    }
    failure.log();
}
