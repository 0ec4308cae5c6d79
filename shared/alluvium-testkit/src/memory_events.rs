//! Whoever is told of changes, in memory.

use std::sync::{Arc, Mutex};

use alluvium_model::{
    SchemaChange,
    ports::{PortResult, PublishEvents},
};

/// Keeps what it is told. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryEvents(Arc<Mutex<Vec<SchemaChange>>>);

impl MemoryEvents {
    /// Everything that was told so far, in order.
    #[must_use]
    pub fn all(&self) -> Vec<SchemaChange> {
        self.0.lock().unwrap().clone()
    }
}

impl PublishEvents for MemoryEvents {
    async fn publish(&self, change: &SchemaChange) -> PortResult<()> {
        self.0.lock().unwrap().push(change.clone());
        Ok(())
    }
}
