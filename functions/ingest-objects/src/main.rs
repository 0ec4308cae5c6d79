//! Wires the function to AWS.

use alluvium_aws::{Environment, telemetry};
use ingest_objects::IngestObjects;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(worker_threads = 1)]
async fn main() -> Result<(), Error> {
    telemetry::start_logging();
    let function = IngestObjects::on_aws(Environment::of_process()?).await;
    run(service_fn(|event: LambdaEvent<_>| function.handle(event))).await
}
