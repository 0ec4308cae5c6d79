//! One invocation: a message in, an answer out, a line in the log.

use std::{fmt, str::FromStr, time::Duration};

use alluvium_aws::{failure::line_of, time_left};
use alluvium_lake::Deadline;
use lambda_runtime::LambdaEvent;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::Instant;

use crate::Failure;

/// One of the functions: they share a binary, and a variable says which of them it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `plan-compaction`
    PlanCompaction,
    /// `begin-swap`
    BeginSwap,
    /// `merge-files`
    MergeFiles,
    /// `commit-swap`
    CommitSwap,
    /// `summarize-compaction`
    SummarizeCompaction,
    /// `vacuum-lake`
    VacuumLake,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::PlanCompaction,
        Self::BeginSwap,
        Self::MergeFiles,
        Self::CommitSwap,
        Self::SummarizeCompaction,
        Self::VacuumLake,
    ];
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PlanCompaction => "plan-compaction",
            Self::BeginSwap => "begin-swap",
            Self::MergeFiles => "merge-files",
            Self::CommitSwap => "commit-swap",
            Self::SummarizeCompaction => "summarize-compaction",
            Self::VacuumLake => "vacuum-lake",
        })
    }
}

/// A text that names none of the functions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no function `{0}`")]
pub struct UnknownStep(String);

impl FromStr for Step {
    type Err = UnknownStep;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|step| step.to_string() == text);
        named.ok_or_else(|| UnknownStep(text.to_owned()))
    }
}

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
