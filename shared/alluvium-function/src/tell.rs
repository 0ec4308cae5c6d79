//! What became of a source, as log lines and metrics.

use alluvium_aws::telemetry::Invocation;
use alluvium_lake::IngestReport;

/// Tells what became of a source.
pub fn tell(report: &IngestReport, invocation: &mut Invocation) {
    let IngestReport { counts, stages, arrived_at, latest_event, warnings, .. } = report;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    invocation.add(counts, *stages, *arrived_at);
    if let (Some(latest), Some(arrived_at)) = (latest_event, arrived_at) {
        invocation.add_event_time(*latest, *arrived_at);
    }
}
