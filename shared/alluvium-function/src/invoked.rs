//! One invocation, from its event to one line of the log.

use alluvium_aws::{telemetry::Invocation, time_left};
use lambda_runtime::LambdaEvent;
use serde_json::Value;

use crate::{Failure, TimeLimit};

/// Lets `answer` take an event to its end, and says what it did in one line of the log.
///
/// # Errors
/// What `answer` fails with.
pub async fn invoked(
    event: LambdaEvent<Value>,
    answer: impl AsyncFnOnce(&Value, TimeLimit, &mut Invocation) -> Result<Value, Failure>,
) -> Result<Value, Failure> {
    let limit = TimeLimit::of(time_left(event.context.deadline));
    let mut invocation = Invocation::default();
    let answer = answer(&event.payload, limit, &mut invocation).await;
    let function = &event.context.env_config.function_name;
    let written = invocation.write(function, &event.context.request_id, limit.elapsed());
    if let Err(error) = written {
        tracing::error!(%error, "cannot write metrics");
    }
    answer
}
