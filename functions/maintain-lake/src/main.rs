//! Wires the functions to AWS: which of them this is, a variable tells.

use alluvium_aws::{MaintenanceEnvironment, telemetry};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use maintain_lake::{Maintenance, Step};

#[tokio::main(worker_threads = 1)]
async fn main() -> Result<(), Error> {
    telemetry::start_logging();
    let environment = MaintenanceEnvironment::of_process()?;
    let step: Step = environment.step.parse()?;
    let lake = Maintenance::on_aws(environment).await;
    run(service_fn(|event: LambdaEvent<_>| lake.handle(step, event))).await
}
