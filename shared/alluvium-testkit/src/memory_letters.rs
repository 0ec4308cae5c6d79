//! A queue in memory that may refuse some of what it is handed.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use alluvium_model::{
    ErrorKind, PortError,
    ports::{
        AnnounceObjects, Answers, LandedObject, Letter, LetterCount, PortResult, QUEUE_BATCH_MAX,
        SendLetters, TakeLetters,
    },
};

type Refusals = dyn Fn(u64) -> Option<ErrorKind> + Send + Sync;

/// A queue of messages, which are keys of objects or bodies of letters. Clones share it.
#[derive(Clone, Default)]
pub struct MemoryLetters {
    messages: Arc<Mutex<Messages>>,
    handed: Arc<AtomicU64>,
    refusals: Option<Arc<Refusals>>,
}

#[derive(Debug, Default)]
struct Messages {
    waiting: Vec<String>,
    taken: Vec<Letter>,
    receipts: u64,
}

impl MemoryLetters {
    /// A queue that refuses what `refusals` says: it gets the number, from 0, of each thing that
    /// is handed over or removed.
    pub fn refusing(refusals: impl Fn(u64) -> Option<ErrorKind> + Send + Sync + 'static) -> Self {
        Self { refusals: Some(Arc::new(refusals)), ..Self::default() }
    }

    /// A queue with these messages.
    #[must_use]
    pub fn holding<T: Into<String>>(self, messages: impl IntoIterator<Item = T>) -> Self {
        self.messages().waiting.extend(messages.into_iter().map(Into::into));
        self
    }

    /// The messages that wait, in the order in which they came.
    #[must_use]
    pub fn waiting(&self) -> Vec<String> {
        self.messages().waiting.clone()
    }

    /// What was taken and not removed comes back.
    pub fn time_out(&self) {
        let mut messages = self.messages();
        let taken = std::mem::take(&mut messages.taken);
        messages.waiting.extend(taken.into_iter().map(|letter| letter.body));
    }

    fn messages(&self) -> MutexGuard<'_, Messages> {
        self.messages.lock().unwrap()
    }

    fn answer<T>(&self, things: &[T], accept: impl Fn(&mut Messages, &T)) -> Answers {
        assert!((1..=QUEUE_BATCH_MAX).contains(&things.len()), "a batch of {}", things.len());
        let answer = |thing| {
            let number = self.handed.fetch_add(1, Ordering::SeqCst);
            let refusal = self.refusals.as_ref().and_then(|refusals| refusals(number));
            if let Some(kind) = refusal {
                return Err(PortError::new(kind, "accept", format!("entry {number}")));
            }
            accept(&mut self.messages(), thing);
            Ok(())
        };
        things.iter().map(answer).collect()
    }
}

impl fmt::Debug for MemoryLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.messages().fmt(f)
    }
}

impl AnnounceObjects for MemoryLetters {
    async fn announce(&self, objects: &[LandedObject]) -> PortResult<Answers> {
        Ok(self.answer(objects, |messages, object| {
            messages.waiting.push(object.announced.key.clone());
        }))
    }
}

impl SendLetters for MemoryLetters {
    async fn send_letters(&self, letters: &[Letter]) -> PortResult<Answers> {
        Ok(self.answer(letters, |messages, letter| messages.waiting.push(letter.body.clone())))
    }
}

impl TakeLetters for MemoryLetters {
    async fn count_letters(&self) -> PortResult<LetterCount> {
        let messages = self.messages();
        let (waiting, taken) = (messages.waiting.len() as u64, messages.taken.len() as u64);
        Ok(LetterCount { waiting, taken })
    }

    async fn take_letters(&self, count: usize) -> PortResult<Vec<Letter>> {
        let mut messages = self.messages();
        let count = count.min(QUEUE_BATCH_MAX).min(messages.waiting.len());
        let bodies: Vec<_> = messages.waiting.drain(..count).collect();
        let mut letter = |body| {
            messages.receipts += 1;
            Letter { body, receipt: messages.receipts.to_string() }
        };
        let letters: Vec<_> = bodies.into_iter().map(&mut letter).collect();
        messages.taken.extend(letters.clone());
        Ok(letters)
    }

    async fn remove_letters(&self, letters: &[Letter]) -> PortResult<Answers> {
        Ok(self.answer(letters, |messages, letter| messages.taken.retain(|one| one != letter)))
    }
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn is_a_queue_of_letters() {
        crate::suites::letters(super::MemoryLetters::default()).await;
    }
}
