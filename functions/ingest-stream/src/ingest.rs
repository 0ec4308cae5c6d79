//! The function that a mapping delivers batches to.

use std::sync::Arc;

use alluvium_aws::{read_stream_event, telemetry::Invocation};
use alluvium_function::{Failure, TimeLimit, alone, invoked, tell};
use alluvium_lake::{BatchReport, Streams};
use alluvium_model::{
    StreamBatch,
    ports::{DescribeStreams, LakeCatalog, LakeObjects, PublishEvents},
};
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};

/// The function, made once a sandbox.
#[derive(Debug)]
pub struct IngestStream<C, O, D, E> {
    streams: Arc<Streams<C, O, D, E>>,
}

impl<C, O, D, E> IngestStream<C, O, D, E>
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

    /// Takes an event to its end and says what it did in one line of the log.
    ///
    /// # Errors
    /// When the event is none of a Kinesis mapping.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, Failure> {
        invoked(event, async |event, limit, invocation| self.answer(event, limit, invocation).await)
            .await
    }

    /// Takes the batch of an event to its tables. A batch that must come again is answered with its
    /// first record: the mapping goes back to there, and what is done already stays done.
    ///
    /// # Errors
    /// When the event is none of a Kinesis mapping.
    pub async fn answer(
        &self,
        event: &Value,
        limit: TimeLimit,
        invocation: &mut Invocation,
    ) -> Result<Value, Failure> {
        let batches = read_stream_event(event).map_err(Failure::from).inspect_err(Failure::log)?;
        let mut failed = Vec::new();
        for batch in batches {
            let Some(first) = batch.records.first().map(|record| record.sequence.clone()) else {
                continue;
            };
            if let Err(failure) = self.ingest(batch, limit, invocation).await {
                invocation.add_failed();
                failure.log();
                failed.push(json!({ "itemIdentifier": first.as_str() }));
            }
        }
        Ok(json!({ "batchItemFailures": failed }))
    }

    async fn ingest(
        &self,
        batch: StreamBatch,
        limit: TimeLimit,
        invocation: &mut Invocation,
    ) -> Result<(), Failure> {
        let what = format!("records of stream {}, shard {}", batch.stream, batch.shard);
        let streams = Arc::clone(&self.streams);
        let work = move || async move { streams.ingest_batch(batch, limit.deadline()).await };
        let BatchReport { sources, left, failed, repeated, .. } = alone(&what, limit, work).await?;
        invocation.add_repeated(repeated);
        for source in &sources {
            tell(source, invocation);
        }
        for (range, source) in left {
            invocation.add_failed();
            Failure::Load { what: format!("{what}, {range}"), source }.log();
        }
        match failed {
            None => Ok(()),
            Some(source) => Err(Failure::Load { what, source }),
        }
    }
}
