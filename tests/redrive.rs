//! Dead letters that are sent back, over queues that refuse some of them: none is lost.

use std::collections::BTreeSet;

use alluvium_lake::{Backoff, LakeError, Redrive, RedriveReport};
use alluvium_model::{
    ErrorKind,
    ports::{SendLetters, TakeLetters},
};
use alluvium_testkit::{Fault, MemoryLetters, Unreliable};

fn letters(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("letter {number:03}")).collect()
}

fn set(letters: Vec<String>) -> BTreeSet<String> {
    letters.into_iter().collect()
}

async fn run(
    dead: impl TakeLetters,
    queue: impl SendLetters,
) -> (RedriveReport, Result<(), LakeError>) {
    let redrive = Redrive::new(dead, queue, None, Backoff::without_pauses(5));
    let mut report = RedriveReport::default();
    if let Err(error) = redrive.count(&mut report).await {
        return (report, Err(error));
    }
    let ended = redrive.run(&mut report, |_| {}).await;
    (report, ended)
}

#[tokio::test]
async fn all_letters_are_moved() {
    for count in [0, 1, 10, 37] {
        let (dead, queue) =
            (MemoryLetters::default().holding(letters(count)), MemoryLetters::default());
        let (report, ended) = run(dead.clone(), queue.clone()).await;
        ended.unwrap();
        assert_eq!((report.found, report.moved), (count as u64, count as u64));
        assert_eq!(queue.waiting(), letters(count));
        dead.time_out();
        assert_eq!(dead.waiting(), letters(0));
    }
}

#[tokio::test]
async fn a_letter_that_comes_back_meanwhile_is_left_for_the_next_time() {
    // Whatever is sent is dead again at once.
    let queue = MemoryLetters::default().holding(letters(7));
    let (report, ended) = run(queue.clone(), queue.clone()).await;
    ended.unwrap();
    assert_eq!((report.found, report.moved), (7, 7));
    assert_eq!(set(queue.waiting()), set(letters(7)));
}

#[tokio::test]
async fn letters_that_others_have_taken_are_told() {
    let dead = MemoryLetters::default().holding(letters(5));
    assert_eq!(dead.take_letters(3).await.unwrap().len(), 3);
    let (report, ended) = run(dead, MemoryLetters::default()).await;
    ended.unwrap();
    assert_eq!(report, RedriveReport { found: 2, taken_by_others: 3, moved: 2 });
}

#[tokio::test]
async fn what_is_refused_is_left_where_it_was() {
    for kind in [ErrorKind::Denied, ErrorKind::Retry] {
        for broken in 0..25 {
            let dead = MemoryLetters::default().holding(letters(25));
            let queue = MemoryLetters::refusing(move |number| (number >= broken).then_some(kind));
            let (report, ended) = run(dead.clone(), queue.clone()).await;
            assert_eq!(ended.unwrap_err().kind(), kind);
            assert_eq!(report.moved, broken);
            dead.time_out();
            assert_eq!(queue.waiting().len() as u64, broken);
            assert_eq!(dead.waiting().len() + queue.waiting().len(), 25);
            assert_eq!(set([dead.waiting(), queue.waiting()].concat()), set(letters(25)));
        }
    }
}

#[tokio::test]
async fn no_letter_is_lost_whatever_fails() {
    for fault in [Fault::Refused(ErrorKind::Retry), Fault::AnswerLost(ErrorKind::Retry)] {
        for failing in 0..20 {
            let script = move |call, _: &str| (call == failing).then_some(fault);
            let (dead, queue) =
                (MemoryLetters::default().holding(letters(25)), MemoryLetters::default());
            let (report, ended) =
                run(Unreliable::new(dead.clone(), script), Unreliable::new(queue.clone(), script))
                    .await;
            ended.unwrap();
            // Letters whose taking got no answer come back later.
            dead.time_out();
            assert_eq!(set([dead.waiting(), queue.waiting()].concat()), set(letters(25)));
            assert_eq!(report.moved + dead.waiting().len() as u64, 25);
        }
    }
}

#[tokio::test]
async fn what_cannot_be_removed_is_an_error() {
    let dead = MemoryLetters::refusing(|_| Some(ErrorKind::Denied)).holding(letters(3));
    let queue = MemoryLetters::default();
    let (report, ended) = run(dead, queue.clone()).await;
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!((report.moved, queue.waiting()), (0, letters(3)));
}
