//! Takes events from HTTP requests to a stream.
//!
//! A request is taken whole or not at all, as far as its own fault goes. Nothing is answered with
//! 202 that the stream, or for large events the landing bucket, did not accept. Everything about
//! events is in `alluvium-lake`.

mod answer;
mod request;

use std::time::Duration;

use alluvium_aws::{
    Aws, CollectEnvironment, KinesisStream, S3Landing, telemetry::RequestMetrics, time_left,
};
use alluvium_lake::{Accepted, Collect, CollectError, CollectSettings, Deadline, EventPost};
use alluvium_model::{
    ErrorKind,
    ports::{DropObjects, SendRecords},
};
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use tokio::time::Instant;

use crate::request::Request;
pub use crate::{answer::Answer, request::EnvelopeError};

/// What is kept of an invocation's time for the answer, at most.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);

/// The function, made once a sandbox.
#[derive(Debug)]
pub struct CollectEvents<S, D> {
    collect: Collect<S, D>,
}

impl CollectEvents<KinesisStream, S3Landing> {
    /// The function over Kinesis and S3.
    pub async fn on_aws(environment: CollectEnvironment) -> Self {
        let CollectEnvironment { stream, landing, stream_record_bytes, limits, patience } =
            environment;
        let aws = Aws::with_patience(patience).await;
        let settings = CollectSettings {
            limits,
            record_bytes_max: stream_record_bytes,
            ..CollectSettings::default()
        };
        let stream = KinesisStream::new(&aws, stream);
        Self::new(Collect::new(stream, S3Landing::new(&aws, landing), settings))
    }
}

impl<S: SendRecords, D: DropObjects> CollectEvents<S, D> {
    /// The function over any ports.
    pub const fn new(collect: Collect<S, D>) -> Self {
        Self { collect }
    }

    /// Takes a request to its end and says what became of it in one line of the log.
    ///
    /// # Errors
    /// When the event is no request to a Function URL.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, EnvelopeError> {
        let begin = Instant::now();
        let time_left = time_left(event.context.deadline);
        let deadline =
            Deadline::after(time_left.saturating_sub(ANSWER_TIME_MAX.min(time_left / 10)));
        let request_id = &event.context.request_id;
        let answered = self.answer(event.payload, request_id, deadline).await;
        let (answer, metrics) =
            answered.inspect_err(|error| tracing::error!(retryable = false, "{error}"))?;
        let function = &event.context.env_config.function_name;
        if let Err(error) = metrics.write(function, request_id, begin.elapsed()) {
            tracing::error!(%error, "cannot write metrics");
        }
        Ok(answer.to_json())
    }

    /// Takes a request to its end.
    ///
    /// # Errors
    /// When the event is no request to a Function URL.
    pub async fn answer(
        &self,
        event: Value,
        request_id: &str,
        deadline: Deadline,
    ) -> Result<(Answer, RequestMetrics), EnvelopeError> {
        let Request { address, body } = match Request::read(event)? {
            Ok(request) => request,
            Err(refused) => {
                let answer = Answer::from(&refused);
                let status = answer.status();
                return Ok((answer, RequestMetrics { status, ..RequestMetrics::default() }));
            }
        };
        let bytes_in = body.len();
        let post = EventPost { address, request_id: request_id.to_owned(), body: body.into() };
        // Boxed, because the compiler gives up on futures that are nested as deep as the SDK's.
        let collected = Box::pin(self.collect.collect(&post, deadline)).await;
        if let Err(error) = &collected {
            log(error);
        }
        let answer = Answer::from(&collected);
        let Accepted { events, to_stream, to_landing } = accepted(&collected);
        let status = answer.status();
        Ok((answer, RequestMetrics { status, bytes_in, events, to_stream, to_landing }))
    }
}

fn accepted(collected: &Result<Accepted, CollectError>) -> Accepted {
    match collected {
        Ok(accepted)
        | Err(
            CollectError::Throttled { accepted }
            | CollectError::OutOfTime { accepted }
            | CollectError::Unsent { accepted, .. },
        ) => *accepted,
        Err(
            CollectError::NoEvents
            | CollectError::TooManyEvents { .. }
            | CollectError::BadEvent { .. },
        ) => Accepted::default(),
    }
}

/// Whose fault a failure is decides how loud it is told.
fn log(error: &CollectError) {
    let mut line = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        line.push_str(&format!(": {error}"));
        cause = error.source();
    }
    match error {
        // What events say stays out of the log, and of a bad one that may be in its message.
        CollectError::BadEvent { event, bad } => {
            tracing::info!(record = event, reason = bad.reason.name(), "a bad event was refused");
        }
        CollectError::NoEvents | CollectError::TooManyEvents { .. } => tracing::info!("{line}"),
        CollectError::Throttled { .. } => tracing::warn!("{line}"),
        CollectError::OutOfTime { .. } => tracing::error!(retryable = true, "{line}"),
        CollectError::Unsent { source, .. } => {
            let retryable = source.kind() == ErrorKind::Retry;
            tracing::error!(retryable, "{line}");
        }
    }
}
