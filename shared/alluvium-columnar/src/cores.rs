//! Work for all cores that this process may use.

use std::{
    panic::resume_unwind,
    sync::{Mutex, PoisonError},
    thread::{self, available_parallelism},
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

/// Does these jobs on so many threads, or as many as the system gives, of which this one is one,
/// and gives what comes of them in their order. If some fail, one of their errors comes of all.
pub(crate) fn at_once<J: Send, R: Send, E: Send>(
    threads: usize,
    jobs: Vec<J>,
    run: impl Fn(J) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    if threads <= 1 {
        return jobs.into_iter().map(run).collect();
    }
    let jobs = Mutex::new(jobs.into_iter().enumerate());
    // A panic in another thread is passed on below; until then there is nothing wrong with a job.
    let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).next();
    let go_on = || {
        let mut done = Vec::new();
        while let Some((number, job)) = next() {
            done.push((number, run(job)?));
        }
        Ok(done)
    };
    let done: Result<Vec<Vec<(usize, R)>>, E> = thread::scope(|scope| {
        let other = |_| thread::Builder::new().spawn_scoped(scope, go_on).ok();
        let others: Vec<_> = (1..threads).filter_map(other).collect();
        let ours = go_on();
        let theirs =
            others.into_iter().map(|other| other.join().unwrap_or_else(|p| resume_unwind(p)));
        std::iter::once(ours).chain(theirs.collect::<Vec<_>>()).collect()
    });
    let mut done: Vec<_> = done?.into_iter().flatten().collect();
    done.sort_by_key(|(number, _)| *number);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_of_jobs_is_in_their_order() {
        for threads in [0, 1, 2, 5] {
            let squares = at_once(threads, (0..100).collect(), |n: u32| Ok::<_, ()>(n * n));
            assert_eq!(squares, Ok((0..100).map(|n| n * n).collect()));
        }
    }

    #[test]
    fn one_that_fails_fails_all() {
        for threads in [1, 2] {
            let halves = |n: u32| if n == 70 { Err(n) } else { Ok(n) };
            assert_eq!(at_once(threads, (0..100).collect(), halves), Err(70));
        }
    }
}
