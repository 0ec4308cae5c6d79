//! Wires the function begin-swap to AWS.

use alluvium_aws::{MaintenanceEnvironment, telemetry};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use maintain_lake::{Maintenance, take};

#[tokio::main(worker_threads = 1)]
async fn main() -> Result<(), Error> {
    telemetry::start_logging();
    let lake = Maintenance::on_aws(MaintenanceEnvironment::of_process()?).await;
    let lake = &lake;
    run(service_fn(|event: LambdaEvent<_>| take(event, |request, end| lake.begin(request, end))))
        .await
}
