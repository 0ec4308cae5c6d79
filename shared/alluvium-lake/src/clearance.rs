//! When an attempt may write.
//!
//! A claim must be answered before anything of its source is written (PROTOCOL.md §1, step 1), and
//! nothing keeps an attempt from reading meanwhile: the source, the table, the pointers of its
//! partitions. So whoever writes for an attempt waits here, and nobody else does.

use tokio::sync::SetOnce;

/// Whether an attempt may write; not until that is said.
#[derive(Debug, Default)]
pub(crate) struct Clearance(SetOnce<()>);

impl Clearance {
    /// One that there is from the beginning.
    pub(crate) fn given() -> Self {
        Self(SetOnce::new_with(Some(())))
    }

    /// Says that the attempt may write.
    pub(crate) fn give(&self) {
        // Said twice is as good as once.
        self.0.set(()).ok();
    }

    /// Ends when the attempt may write. One that never may is dropped while it waits.
    pub(crate) async fn wait(&self) {
        self.0.wait().await;
    }
}
