//! Many seeds, on all processors.

use std::{
    ops::Range,
    sync::atomic::{AtomicBool, Ordering},
    thread::{available_parallelism, scope},
};

/// Runs these seeds, or until one of them breaks a law; what they came to, or which one it is.
///
/// # Errors
/// Names a seed that breaks a law, and the law.
pub fn run_seeds<T: Send>(
    seeds: Range<u64>,
    run: impl Fn(u64) -> Result<T, String> + Sync,
) -> Result<Vec<T>, String> {
    let threads = available_parallelism().map_or(1, usize::from);
    let is_broken = AtomicBool::new(false);
    let run_some = |first: usize| {
        let seeds = seeds.clone().skip(first).step_by(threads);
        let named = |seed| {
            run(seed).map_err(|broken| {
                is_broken.store(true, Ordering::SeqCst);
                format!("seed {seed}: {broken}")
            })
        };
        let others_hold = |_: &u64| !is_broken.load(Ordering::SeqCst);
        seeds.take_while(others_hold).map(named).collect::<Result<Vec<_>, _>>()
    };
    let ended: Result<Vec<_>, _> = scope(|threads_of_test| {
        let run_some = &run_some;
        let running: Vec<_> =
            (0..threads).map(|first| threads_of_test.spawn(move || run_some(first))).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    Ok(ended?.into_iter().flatten().collect())
}
