//! Processes that die at a call that is named, and tasks that end with them.

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use alluvium_testkit::{Fault, Unreliable, interleave};

/// Turns after which a task is taken to wait for something that never comes.
const TURNS_MAX: u32 = 100_000;

/// Tells whether a process died.
#[derive(Clone, Debug, Default)]
pub struct Death(Arc<AtomicBool>);

/// A port whose calls, and those of every port beside it, are counted from 0, and fail as is said of
/// their numbers; and what tells of the deaths among them.
pub fn mortal<P>(port: P, faults: &BTreeMap<u64, Fault>) -> (Unreliable<P>, Death) {
    let death = Death::default();
    let (faults, dying) = (faults.clone(), death.clone());
    let port = Unreliable::new(port, move |call, _| {
        let fault = faults.get(&call).copied();
        if matches!(fault, Some(Fault::DiedBefore | Fault::DiedAfter)) {
            dying.0.store(true, Ordering::SeqCst);
        }
        fault
    });
    (port, death)
}

impl Death {
    /// Runs a task to its end, or drops it when its process died.
    pub fn unless_it_comes<T>(&self, task: impl Future<Output = T>) -> Option<T> {
        let (mut task, mut turns) = (pin!(task), 0);
        loop {
            turns += 1;
            assert!(turns < TURNS_MAX, "a task waits for something that never comes");
            let turn = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            if self.0.swap(false, Ordering::SeqCst) {
                return None;
            }
            if let Poll::Ready(value) = turn {
                return Some(value);
            }
        }
    }
}

/// Runs one task without others.
pub fn alone<T>(task: impl Future<Output = T>) -> T {
    interleave(0, vec![Box::pin(task)]).remove(0)
}
