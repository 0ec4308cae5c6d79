//! Wires the function to AWS.

use alluvium_aws::{StreamEnvironment, telemetry};
use ingest_stream::{FinishStreams, streams_on_aws};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(worker_threads = 1)]
async fn main() -> Result<(), Error> {
    telemetry::start_logging();
    let streams = streams_on_aws(StreamEnvironment::of_process()?).await;
    let function = FinishStreams::new(streams);
    run(service_fn(|event: LambdaEvent<_>| function.handle(event))).await
}
