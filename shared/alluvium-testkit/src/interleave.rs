//! Tasks that take turns in an order that a seed determines.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// Turns after which tasks that have not ended are taken to wait for something that never comes.
const TURNS_MAX: usize = 10_000_000;

/// Runs tasks to their ends on this thread, giving the next turn to one that `seed` picks; returns
/// what they return, in their order. They may wait for each other and for nothing else: there is
/// no runtime around them, and whoever waits is simply asked again.
///
/// # Panics
/// When they wait for something that never comes.
#[must_use]
pub fn interleave<T>(seed: u64, tasks: Vec<Pin<Box<dyn Future<Output = T> + '_>>>) -> Vec<T> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut ended = BTreeMap::new();
    let mut running: Vec<_> = tasks.into_iter().enumerate().collect();
    let mut turns = 0;
    while !running.is_empty() {
        let turn = random.usize(..running.len());
        let Some((number, task)) = running.get_mut(turn) else { continue };
        if let Poll::Ready(value) = task.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            ended.insert(*number, value);
            drop(running.swap_remove(turn));
        }
        turns += 1;
        assert!(turns < TURNS_MAX, "{} tasks wait for something that never comes", running.len());
    }
    ended.into_values().collect()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn a_seed_is_an_order() {
        let order = |seed| {
            let seen = RefCell::new(Vec::new());
            let task = |number: usize| {
                let seen = &seen;
                Box::pin(async move {
                    for _ in 0..3 {
                        seen.borrow_mut().push(number);
                        tokio::task::yield_now().await;
                    }
                    number
                }) as Pin<Box<dyn Future<Output = usize> + '_>>
            };
            assert_eq!(interleave(seed, (0..4).map(task).collect()), [0, 1, 2, 3]);
            seen.into_inner()
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }
}
