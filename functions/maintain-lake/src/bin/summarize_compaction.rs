//! Wires the function summarize-compaction to AWS.

use alluvium_aws::telemetry;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use maintain_lake::{summarize, take};

#[tokio::main(worker_threads = 1)]
async fn main() -> Result<(), Error> {
    telemetry::start_logging();
    run(service_fn(|event: LambdaEvent<_>| take(event, summarize))).await
}
