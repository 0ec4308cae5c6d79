//! Alluvium on AWS: its ports over S3 and the Glue catalog, and everything a Lambda function needs
//! around them.
//!
//! - [`GlueCatalog`], [`S3Objects`], [`S3Sources`] and [`EventBus`] are the ports, over the clients
//!   of [`Aws`].
//! - [`S3Landing`] and [`SqsQueue`] are what lies in a landing bucket, and where it is announced.
//! - [`KinesisStream`] and [`KinesisStreams`] are what events are sent to.
//! - [`Delivery`] reads what announces objects, in all the envelopes it comes in.
//! - [`Environment`] and those beside it are the one place that reads environment variables.
//! - [`failure`] is how functions say that they failed.
//! - [`telemetry`] writes log lines and metrics.
//!
//! Nothing here decides anything about data. It knows neither directories nor Parquet.

mod announcements;
mod answer_date;
mod catalog;
mod clients;
mod clock;
mod environment;
mod error;
mod event_bus;
pub mod failure;
mod form_encoding;
mod lake_root;
mod landing_bucket;
mod large_objects;
mod notification;
mod objects;
mod partitions;
mod queue;
mod source;
mod stream_event;
mod streams;
mod table_input;
pub mod telemetry;
mod upload;
mod views;

pub use announcements::{Delivery, EnvelopeError, Message};
pub use catalog::GlueCatalog;
pub use clients::{Aws, Patience};
pub use clock::time_left;
pub use environment::{
    CollectEnvironment, Environment, EnvironmentError, MaintenanceEnvironment, StreamEnvironment,
};
pub use event_bus::{EventBus, EventBusName, ParseEventBusNameError};
pub use lake_root::{LakeRoot, ParseLakeRootError};
pub use landing_bucket::{BucketPrefix, ParseBucketPrefixError, S3Landing};
pub use objects::S3Objects;
pub use queue::{ParseQueueUrlError, QueueUrl, SqsQueue};
pub use source::{S3Source, S3Sources};
pub use stream_event::{GivenUpByLambda, StreamEventError, read_stream_event};
pub use streams::{KinesisStream, KinesisStreams};
