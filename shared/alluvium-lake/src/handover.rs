//! Handing things to a queue until it has accepted all of them.

use alluvium_model::{
    ErrorKind, PortError,
    ports::{Answers, PortResult},
};

use crate::Backoff;

/// What became of things that were handed over.
#[derive(Debug)]
pub(crate) struct Handover {
    /// Of each thing, in order, whether it was accepted.
    pub(crate) accepted: Vec<bool>,
    /// Why not all were.
    pub(crate) error: Option<PortError>,
}

impl Handover {
    /// Those of the things that were accepted.
    pub(crate) fn accepted_of<T: Clone>(&self, things: &[T]) -> Vec<T> {
        self.of(things, true)
    }

    fn of<T: Clone>(&self, things: &[T], wanted: bool) -> Vec<T> {
        let both = things.iter().zip(&self.accepted);
        both.filter(|(_, accepted)| **accepted == wanted).map(|(thing, _)| thing.clone()).collect()
    }
}

/// Hands `things` over by `call`. What was refused in a way that may pass is handed over again,
/// alone; what was accepted is not, unless the answer to its call got lost.
pub(crate) async fn hand_over<T: Clone>(
    backoff: Backoff,
    things: &[T],
    call: impl AsyncFn(&[T]) -> PortResult<Answers>,
) -> Handover {
    let mut handover = Handover { accepted: vec![false; things.len()], error: None };
    let mut tries = backoff.begin();
    loop {
        let left = handover.of(things, false);
        if left.is_empty() {
            return Handover { error: None, ..handover };
        }
        let refusal = match call(&left).await {
            Ok(answers) => note(&mut handover.accepted, answers),
            Err(error) => Some(error),
        };
        let may_pass = refusal.as_ref().is_none_or(|error| error.kind() == ErrorKind::Retry);
        handover.error = refusal.or(handover.error);
        if !may_pass || (handover.accepted.contains(&false) && !tries.pause().await) {
            handover.error.get_or_insert_with(unanswered);
            return handover;
        }
    }
}

/// A port must answer for each thing; one that does not has not accepted it.
fn unanswered() -> PortError {
    let error = PortError::new(ErrorKind::Bug, "hand things to", "a queue");
    error.because("it does not say what became of all of them")
}

/// Notes the answers to what was not accepted so far; returns a refusal, if there is one, rather
/// one that will not pass than one that may.
fn note(accepted: &mut [bool], answers: Answers) -> Option<PortError> {
    let mut refusal: Option<PortError> = None;
    for (accepted, answer) in accepted.iter_mut().filter(|accepted| !**accepted).zip(answers) {
        match answer {
            Ok(()) => *accepted = true,
            Err(error) => {
                refusal = refusal.filter(|worse| worse.kind() != ErrorKind::Retry).or(Some(error));
            }
        }
    }
    refusal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_nobody_answers_for_is_not_accepted() {
        let call = async |left: &[u8]| Ok(left.iter().take(1).map(|_| Ok(())).collect());
        let handover = hand_over(Backoff::without_pauses(3), &[1, 2, 3, 4], call).await;
        assert_eq!(handover.accepted_of(&[1, 2, 3, 4]), [1, 2, 3]);
        assert_eq!(handover.error.unwrap().kind(), ErrorKind::Bug);
    }
}
