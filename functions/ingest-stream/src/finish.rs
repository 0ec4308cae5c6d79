//! The function that a schedule calls to end what deliveries left.

use std::sync::Arc;

use alluvium_aws::{
    GivenUpByLambda,
    telemetry::{Deliveries, Invocation},
    time_left,
};
use alluvium_function::{Failure, TimeLimit, alone, tell};
use alluvium_lake::{FinishReport, LakeError, Streams};
use alluvium_model::ports::{DescribeStreams, LakeCatalog, LakeObjects, PublishEvents};
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};

const WHAT: &str = "what deliveries of streams left";

/// The function, made once a sandbox.
#[derive(Debug)]
pub struct FinishStreams<C, O, D, E> {
    streams: Arc<Streams<C, O, D, E>>,
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
        let limit = TimeLimit::of(time_left(event.context.deadline));
        let mut invocation = Invocation::default();
        let answer = self.answer(&event.payload, limit, &mut invocation).await;
        let function = &event.context.env_config.function_name;
        let written = invocation.write(function, &event.context.request_id, limit.elapsed());
        if let Err(error) = written {
            tracing::error!(%error, "cannot write metrics");
        }
        answer.inspect_err(Failure::log)
    }

    /// Takes what mappings gave up, and loads what was taken and left; with `"retry_failed": true`
    /// in the event also what was given up after many tries.
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
        let streams = Arc::clone(&self.streams);
        let work = move || async move {
            let retried = match retry_failed {
                true => streams.retry_failed(limit.deadline()).await?,
                false => 0,
            };
            let report = streams.finish(&GivenUpByLambda, limit.deadline()).await?;
            Ok::<_, LakeError>((retried, report))
        };
        let failed = |source| Failure::Load { what: WHAT.to_owned(), source };
        let (retried, report) = alone(WHAT, limit, work).await?.map_err(failed)?;
        let FinishReport { taken, sources, pending, failed, given_up, errors } = report;
        sources.iter().for_each(|source| tell(source, invocation));
        for (what, source) in errors {
            invocation.add_failed();
            Failure::Load { what, source }.log();
        }
        invocation.tell_deliveries(Deliveries { pending, failed: failed + given_up });
        Ok(json!({
            "taken": taken,
            "loaded": sources.len(),
            "pending": pending,
            "failed": failed,
            "given_up": given_up,
            "retried": retried,
        }))
    }
}
