//! Work for all cores that this process may use.

use std::{
    collections::VecDeque,
    iter,
    panic::resume_unwind,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, available_parallelism},
    vec,
};

use alluvium_model::Limits;

/// Text of a part from which on memory is ample.
const AMPLE_PART_BYTES: u32 = 64 << 20;
/// Threads at most: each has arrays of its own in memory, and no function has more cores.
const CORES_MAX: usize = 6;

/// How many threads there is work for. Where memory is short there is one: each takes some, and
/// what Lambda gives of cores it gives by memory, [whatever it shows][memory].
///
/// [memory]: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
pub(crate) fn cores(limits: &Limits) -> usize {
    if memory_is_short(limits) {
        return 1;
    }
    available_parallelism().map_or(1, usize::from).min(CORES_MAX)
}

/// Whether memory is short: parts this small are asked for where it is.
pub(crate) const fn memory_is_short(limits: &Limits) -> bool {
    limits.part_text_bytes < AMPLE_PART_BYTES
}

/// Does these jobs on so many threads, or as many as the system gives, of which this one is one.
/// Each job is split into pieces. A thread does those of its own jobs, whose memory it took, before
/// it takes part in those of others. What comes of the pieces is in no certain order. If some fail,
/// one of their errors comes of all.
pub(crate) fn at_once<J: Send, P: Send, R: Send, E: Send>(
    threads: usize,
    jobs: Vec<J>,
    split: impl Fn(J) -> Result<Vec<P>, E> + Sync,
    run: impl Fn(P) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let work = &Work::new(jobs, threads);
    let (split, run) = (&split, &run);
    let go_on = move |thread| {
        let mut done = Vec::new();
        while let Some(next) = work.next(thread) {
            match next {
                Next::Job(job, splitting) => splitting.gives(thread, split(job)?),
                Next::Piece(piece) => done.push(run(piece)?),
            }
        }
        Ok(done)
    };
    let done: Result<Vec<Vec<R>>, E> = thread::scope(|scope| {
        let other = |thread| thread::Builder::new().spawn_scoped(scope, move || go_on(thread)).ok();
        let others: Vec<_> = (1..threads).filter_map(other).collect();
        let ours = go_on(0);
        let theirs =
            others.into_iter().map(|other| other.join().unwrap_or_else(|p| resume_unwind(p)));
        iter::once(ours).chain(theirs.collect::<Vec<_>>()).collect()
    });
    Ok(done?.into_iter().flatten().collect())
}

/// What is still to be done.
struct Work<J, P> {
    left: Mutex<Left<J, P>>,
    /// Told when a job has been split, or will not be.
    changed: Condvar,
}

struct Left<J, P> {
    jobs: vec::IntoIter<J>,
    /// Of the jobs of each thread.
    pieces: Vec<VecDeque<P>>,
    /// Jobs that are being split.
    splitting: usize,
}

enum Next<'a, J, P> {
    Job(J, Splitting<'a, J, P>),
    Piece(P),
}

/// A job that is being split. However that ends, whoever waits for its pieces is told.
struct Splitting<'a, J, P>(&'a Work<J, P>);

impl<J, P> Work<J, P> {
    fn new(jobs: Vec<J>, threads: usize) -> Self {
        let pieces = (0..threads.max(1)).map(|_| VecDeque::new()).collect();
        let left = Left { jobs: jobs.into_iter(), pieces, splitting: 0 };
        Self { left: Mutex::new(left), changed: Condvar::new() }
    }

    /// What this thread does next, once it is there; none if nothing will be.
    fn next(&self, thread: usize) -> Option<Next<'_, J, P>> {
        let mut left = self.left();
        loop {
            let own = left.pieces.get_mut(thread);
            if let Some(piece) = own.and_then(VecDeque::pop_front) {
                return Some(Next::Piece(piece));
            }
            if let Some(job) = left.jobs.next() {
                left.splitting += 1;
                return Some(Next::Job(job, Splitting(self)));
            }
            let most = left.pieces.iter_mut().max_by_key(|pieces| pieces.len());
            if let Some(piece) = most.and_then(VecDeque::pop_front) {
                return Some(Next::Piece(piece));
            }
            if left.splitting == 0 {
                return None;
            }
            left = self.changed.wait(left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A panic elsewhere is passed on in the end; until then there is nothing wrong with the rest.
    fn left(&self) -> MutexGuard<'_, Left<J, P>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J, P> Splitting<'_, J, P> {
    fn gives(self, thread: usize, pieces: Vec<P>) {
        if let Some(own) = self.0.left().pieces.get_mut(thread) {
            own.extend(pieces);
        }
    }
}

impl<J, P> Drop for Splitting<'_, J, P> {
    fn drop(&mut self) {
        self.0.left().splitting -= 1;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_of_every_job_is_done() {
        for threads in [0, 1, 2, 5] {
            let pieces = |n: u32| Ok::<_, ()>((0..n).map(|piece| 100 * n + piece).collect());
            let done = at_once(threads, (0..40).collect(), pieces, |piece| Ok(2 * piece));
            let mut done = done.unwrap();
            done.sort_unstable();
            assert!(
                done.into_iter().eq((0..40).flat_map(|n| (0..n).map(move |p| 200 * n + 2 * p)))
            );
        }
    }

    #[test]
    fn one_that_fails_fails_all() {
        for threads in [1, 2, 5] {
            let unless = |what: u32| move |n: u32| if n == what { Err(n) } else { Ok(n) };
            let split = |what| move |n| unless(what)(n).map(|n| vec![n; 3]);
            assert_eq!(at_once(threads, (0..100).collect(), split(70), Ok), Err(70));
            assert_eq!(at_once(threads, (0..100).collect(), split(100), unless(70)), Err(70));
        }
    }

    #[test]
    #[should_panic(expected = "no pieces")]
    fn nobody_waits_for_a_thread_that_panics() {
        let split = |n: u32| if n == 1 { panic!("no pieces") } else { Ok::<_, ()>(vec![n]) };
        drop(at_once(3, vec![0, 1, 2], split, Ok));
    }
}
