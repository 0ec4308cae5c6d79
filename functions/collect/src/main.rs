//! Wires the function to AWS.

use alluvium_aws::{CollectEnvironment, telemetry};
use collect::CollectEvents;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(worker_threads = 1)]
async fn main() -> Result<(), Error> {
    telemetry::start_logging();
    let function = CollectEvents::on_aws(CollectEnvironment::of_process()?).await;
    run(service_fn(|event: LambdaEvent<_>| function.handle(event))).await
}
