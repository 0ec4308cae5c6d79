//! Where a mapping puts the batches that it gives up: the S3 destination of its failures.

use std::sync::{Arc, Mutex, MutexGuard};

use alluvium_model::UtcInstant;
use serde_json::Value;

/// An object that a mapping has put.
///
/// AWS documentation, Retain discarded batch records for a Kinesis Data Streams event source in
/// Lambda: the key is `aws/lambda/<mapping>/<shard>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<random>`; the
/// body is the record that queues get too, and below `payload`, only here, the event as text.
#[derive(Clone, Debug, PartialEq)]
pub struct FailureObject {
    /// Its key, without a prefix: a mapping knows a bucket only.
    pub key: String,
    /// When it was put.
    pub put_at: UtcInstant,
    /// What it holds.
    pub body: Value,
}

/// The objects that a mapping has put. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct FailureObjects(Arc<Mutex<Vec<FailureObject>>>);

impl FailureObjects {
    /// All that are there, in the order in which they came.
    #[must_use]
    pub fn all(&self) -> Vec<FailureObject> {
        self.objects().clone()
    }

    /// All that are there, in their order; they are there no longer.
    #[must_use]
    pub fn take(&self) -> Vec<FailureObject> {
        std::mem::take(&mut *self.objects())
    }

    pub(crate) fn put(&self, object: FailureObject) {
        self.objects().push(object);
    }

    fn objects(&self) -> MutexGuard<'_, Vec<FailureObject>> {
        self.0.lock().unwrap()
    }
}
