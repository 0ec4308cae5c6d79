//! Files that are being written while something else is done.

use std::{future::poll_fn, pin::Pin};

use alluvium_model::LedgerFile;
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, MaybeDone, maybe_done},
};

use crate::LakeError;

type Written = Result<Vec<LedgerFile>, LakeError>;

/// Files that are being written, if any are.
///
/// Nothing drives that but who waits here: it is begun, goes on beside whatever is awaited by
/// [`Writing::beside`], and ends in [`Writing::end`]. So whoever has one awaits nothing but by these:
/// what is being written may hold something that the other waits for, such as credentials that it
/// has begun to renew.
pub(crate) struct Writing<'a> {
    under_way: MaybeDone<BoxFuture<'a, Written>>,
}

impl<'a> Writing<'a> {
    /// Nothing is being written.
    pub(crate) const fn nothing() -> Self {
        Self { under_way: MaybeDone::Gone }
    }

    /// Begins to write, that is makes the first calls, once what was being written has ended, which
    /// is given.
    pub(crate) async fn begin(&mut self, write: BoxFuture<'a, Written>) -> Written {
        let before = self.end().await?;
        self.under_way = maybe_done(write);
        // Whoever waits next is told when they are answered.
        let _done = (&mut self.under_way).now_or_never();
        Ok(before)
    }

    /// Awaits `other`.
    pub(crate) async fn beside<T>(&mut self, other: impl Future<Output = T>) -> T {
        // In a box, or the futures of all who call would be large.
        let mut other = Box::pin(other);
        poll_fn(|context| {
            if matches!(self.under_way, MaybeDone::Future(_)) {
                // What it ends with is kept there.
                let _done = Pin::new(&mut self.under_way).poll(context);
            }
            other.as_mut().poll(context)
        })
        .await
    }

    /// Waits until all is written, if anything is.
    pub(crate) async fn end(&mut self) -> Written {
        if matches!(self.under_way, MaybeDone::Gone) {
            return Ok(Vec::new());
        }
        (&mut self.under_way).await;
        Pin::new(&mut self.under_way).take_output().unwrap_or_else(|| Ok(Vec::new()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::task::yield_now;

    use super::*;

    #[test]
    fn goes_on_beside_what_is_awaited_and_says_once_how_it_ended() {
        let turns = AtomicU32::new(0);
        let mut writing = Writing::nothing();
        assert!(writing.end().now_or_never().unwrap().unwrap().is_empty());
        let write = writing.begin(Box::pin(async {
            for _ in 0..3 {
                turns.fetch_add(1, Ordering::Relaxed);
                yield_now().await;
            }
            Err(LakeError::OutOfTime)
        }));
        assert!(write.now_or_never().unwrap().unwrap().is_empty());
        assert_eq!(turns.load(Ordering::Relaxed), 1);
        for seen in 2..=3 {
            assert_eq!(writing.beside(async { seen }).now_or_never(), Some(seen));
            assert_eq!(turns.load(Ordering::Relaxed), seen);
        }
        // It ends beside this, and is not asked again.
        assert_eq!(writing.beside(async { 5 }).now_or_never(), Some(5));
        assert_eq!(writing.beside(async { 6 }).now_or_never(), Some(6));
        let next = writing.begin(Box::pin(async { unreachable!("it failed before") }));
        assert!(matches!(next.now_or_never(), Some(Err(LakeError::OutOfTime))));
        assert!(writing.end().now_or_never().unwrap().unwrap().is_empty());
    }
}
