//! One invocation: a message in, an answer out, a line in the log.

use std::time::Duration;

use alluvium_aws::{failure::line_of, time_left};
use alluvium_lake::Deadline;
use lambda_runtime::LambdaEvent;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::Instant;

use crate::Failure;

/// What is kept for the answer, at most.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);

/// Takes one step: what is begun has a deadline before Lambda ends the invocation, so that no call
/// of it lands later.
///
/// # Errors
/// When the message is not understood, or the step fails.
pub async fn take<Q, A, E, F>(
    event: LambdaEvent<Value>,
    step: impl FnOnce(Q, Deadline) -> F,
) -> Result<Value, Failure>
where
    Q: DeserializeOwned,
    A: Serialize,
    F: Future<Output = Result<A, E>>,
    Failure: From<E>,
{
    let left = time_left(event.context.deadline);
    let begun = Instant::now();
    let deadline = Deadline::at(begun + left.saturating_sub(ANSWER_TIME_MAX.min(left / 10)));
    let function = event.context.env_config.function_name.clone();
    let request_id = event.context.request_id.clone();
    let answer = answer(event.payload, |request| step(request, deadline)).await;
    let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    match &answer {
        Ok(answer) => tracing::info!(function, request_id, took_ms, %answer, "invocation"),
        Err(failure) => {
            tracing::error!(function, request_id, took_ms, "{}", line_of(failure));
        }
    }
    answer
}

async fn answer<Q, A, E, F>(event: Value, step: impl FnOnce(Q) -> F) -> Result<Value, Failure>
where
    Q: DeserializeOwned,
    A: Serialize,
    F: Future<Output = Result<A, E>>,
    Failure: From<E>,
{
    let request = serde_json::from_value(event).map_err(Failure::Request)?;
    let answer = Box::pin(step(request)).await?;
    serde_json::to_value(answer).map_err(Failure::Answer)
}
