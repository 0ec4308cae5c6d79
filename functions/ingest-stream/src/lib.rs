//! Loads records of Kinesis streams, exactly once.
//!
//! Two functions share this crate: the one that a mapping delivers batches to, and the one that a
//! schedule calls to end what deliveries left. Everything about data is in `alluvium-lake`.

mod finish;
mod ingest;

use std::sync::Arc;

use alluvium_aws::{
    Aws, Environment, EventBus, GlueCatalog, KinesisStreams, S3Objects, StreamEnvironment,
};
use alluvium_lake::{ContractStore, Ingest, IngestSettings, StreamSettings, Streams};

pub use alluvium_function::{Failure, TimeLimit};
pub use finish::FinishStreams;
pub use ingest::IngestStream;

/// The use case of both functions over S3, Glue, Kinesis and EventBridge.
pub type AwsStreams = Streams<GlueCatalog, S3Objects, KinesisStreams, EventBus>;

/// The use case, made once a sandbox.
pub async fn streams_on_aws(environment: StreamEnvironment) -> Arc<AwsStreams> {
    let StreamEnvironment { environment, route, raw, mapping } = environment;
    let Environment {
        lake, database, limits, patience, contract_refresh, event_bus, settle, ..
    } = environment;
    let aws = Aws::with_patience(patience).await;
    let catalog = GlueCatalog::new(&aws, database.clone(), lake.clone());
    let settings = IngestSettings::new(database).settling(settle);
    let settings = IngestSettings { limits, ..settings };
    let given_up = lake.given_up(mapping.as_deref());
    let stream_settings = StreamSettings { lake_uri: lake.to_string(), route, raw, given_up };
    let objects = S3Objects::new(&aws, lake);
    let ingest = Ingest::new(catalog, objects.clone(), settings);
    let ingest = ingest.telling(EventBus::new(&aws, event_bus));
    let contracts = ContractStore::new(objects, contract_refresh);
    Arc::new(Streams::new(ingest, contracts, KinesisStreams::new(&aws), stream_settings))
}
