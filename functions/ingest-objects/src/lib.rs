//! Loads the objects that S3 announces.
//!
//! A batch of messages is worked off one source after the other, so that memory is that of one
//! source. Each message fails alone: what it did not get done comes back, and what others did
//! stays done. Everything about data is in `alluvium-lake`.

use std::sync::Arc;

use alluvium_aws::{
    Aws, Delivery, Environment, EventBus, GlueCatalog, Message, S3Objects, S3Sources,
    telemetry::Invocation,
};
use alluvium_function::{alone, invoked, tell};
use alluvium_lake::{ContractStore, Ingest, IngestReport, IngestSettings, Landing, NoSubscribers};
use alluvium_model::{
    AnnouncedObject,
    ports::{LakeCatalog, LakeObjects, OpenObjects, PublishEvents},
};
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};

pub use alluvium_function::{Failure, TimeLimit};
/// The function, made once a sandbox.
#[derive(Debug)]
pub struct IngestObjects<C, O, S, E = NoSubscribers> {
    landing: Arc<Landing<C, O, S, E>>,
}

impl IngestObjects<GlueCatalog, S3Objects, S3Sources, EventBus> {
    /// The function over S3, Glue and EventBridge.
    pub async fn on_aws(environment: Environment) -> Self {
        let Environment {
            lake,
            database,
            landing_prefix,
            limits,
            patience,
            contract_refresh,
            event_bus,
            settle,
        } = environment;
        let aws = Aws::with_patience(patience).await;
        let catalog = GlueCatalog::new(&aws, database.clone(), lake.clone());
        let settings = IngestSettings::new(database).settling(settle);
        let settings = IngestSettings { limits, ..settings };
        let objects = S3Objects::new(&aws, lake);
        let ingest = Ingest::new(catalog, objects.clone(), settings);
        let ingest = ingest.telling(EventBus::new(&aws, event_bus));
        let contracts = ContractStore::new(objects, contract_refresh);
        Self::new(Landing::new(ingest, contracts, S3Sources::new(&aws), landing_prefix))
    }
}

impl<C, O, S, E> IngestObjects<C, O, S, E>
where
    C: LakeCatalog + Clone + Send + Sync + 'static,
    O: LakeObjects + Clone + Send + Sync + 'static,
    S: OpenObjects + Send + Sync + 'static,
    E: PublishEvents + Send + Sync + 'static,
{
    /// The function over any ports.
    pub fn new(landing: Landing<C, O, S, E>) -> Self {
        Self { landing: Arc::new(landing) }
    }

    /// Takes an event to its end and says what it did in one line of the log.
    ///
    /// # Errors
    /// When an event that is no batch of messages could not be worked off.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, Failure> {
        invoked(event, async |event, limit, invocation| self.answer(event, limit, invocation).await)
            .await
    }

    /// Works off an event. A batch is answered with the messages to deliver again, anything else
    /// with its counts.
    ///
    /// # Errors
    /// When an event that is no batch of messages could not be worked off.
    pub async fn answer(
        &self,
        event: &Value,
        limit: TimeLimit,
        invocation: &mut Invocation,
    ) -> Result<Value, Failure> {
        match Delivery::read(event).map_err(Failure::from).inspect_err(Failure::log)? {
            Delivery::Messages(messages) => {
                let mut failed = Vec::new();
                for Message { id, objects } in messages {
                    let loaded = match objects {
                        Ok(objects) => self.load_all(&objects, limit, invocation).await,
                        Err(error) => {
                            invocation.add_failed();
                            Err(Failure::from(error)).inspect_err(Failure::log)
                        }
                    };
                    if loaded.is_err() {
                        failed.push(json!({ "itemIdentifier": id }));
                    }
                }
                Ok(json!({ "batchItemFailures": failed }))
            }
            Delivery::Objects(objects) => {
                self.load_all(&objects, limit, invocation).await?;
                Ok(json!(invocation.counts()))
            }
        }
    }

    /// Loads all objects, also after one that failed; fails as the first that did.
    async fn load_all(
        &self,
        objects: &[AnnouncedObject],
        limit: TimeLimit,
        invocation: &mut Invocation,
    ) -> Result<(), Failure> {
        let mut outcome = Ok(());
        for object in objects {
            match self.load(object, limit).await {
                Ok(report) => tell(&report, invocation),
                Err(failure) => {
                    if matches!(failure, Failure::Postponed { .. }) {
                        invocation.add_postponed();
                    } else {
                        invocation.add_failed();
                    }
                    failure.log();
                    outcome = outcome.and(Err(failure));
                }
            }
        }
        outcome
    }

    async fn load(
        &self,
        object: &AnnouncedObject,
        limit: TimeLimit,
    ) -> Result<IngestReport, Failure> {
        let what = object.uri();
        if !limit.allows_to_begin() {
            return Err(Failure::Postponed { what });
        }
        let (landing, object) = (Arc::clone(&self.landing), object.clone());
        let work = move || async move { landing.land(&object, limit.deadline()).await };
        let loaded = alone(&what, limit, work).await?;
        loaded.map_err(|source| Failure::Load { what, source })
    }
}
