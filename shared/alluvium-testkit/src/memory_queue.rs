//! A standard queue of SQS in memory, with its dead-letter queue.
//!
//! It does what the documentation allows and programs seldom see: it delivers out of order, twice
//! at once, again after a deletion, and counts deliveries that nobody got. How often is up to
//! [`QueueFaults`], when is up to a seed. Not modelled: retention, delays and size limits.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use alluvium_model::UtcInstant;

use crate::{MemoryClock, QueueFaults, QueueSettings, queue_settings::happens};

/// A message as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery<T> {
    /// The id of the message, the same at every delivery.
    pub message_id: String,
    /// How often it was received, this time included.
    pub receive_count: u32,
    /// What was sent.
    pub body: T,
}

impl<T> Delivery<T> {
    /// What deletes the message.
    #[must_use]
    pub fn receipt(&self) -> Receipt {
        Receipt { message_id: self.message_id.clone(), receive_count: self.receive_count }
    }
}

/// The handle of one delivery of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub(crate) message_id: String,
    receive_count: u32,
}

/// A message in the dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter<T> {
    /// The id that it had in the queue.
    pub message_id: String,
    /// How often it was received.
    pub receive_count: u32,
    /// What was sent.
    pub body: T,
}

/// A queue in memory. Clones share it.
#[derive(Clone, Debug)]
pub struct MemoryQueue<T> {
    clock: MemoryClock,
    settings: QueueSettings,
    state: Arc<Mutex<State<T>>>,
}

#[derive(Debug)]
struct State<T> {
    random: fastrand::Rng,
    sent: usize,
    messages: BTreeMap<String, Message<T>>,
    dead_letters: Vec<DeadLetter<T>>,
}

#[derive(Debug)]
struct Message<T> {
    visible_at: UtcInstant,
    receive_count: u32,
    body: T,
}

impl<T: Clone> MemoryQueue<T> {
    /// An empty queue whose order and faults `seed` determines.
    #[must_use]
    pub fn new(seed: u64, clock: MemoryClock, settings: QueueSettings) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        let state = State { random, sent: 0, messages: BTreeMap::new(), dead_letters: Vec::new() };
        Self { clock, settings, state: Arc::new(Mutex::new(state)) }
    }

    /// The clock by which messages become visible.
    #[must_use]
    pub fn clock(&self) -> &MemoryClock {
        &self.clock
    }

    /// Sends a message; returns its id: `m0`, `m1` and so on.
    pub fn send(&self, body: T) -> String {
        self.state().send(body, self.clock.now())
    }

    /// Receives at most `messages_max` of the visible messages and hides them. A message that was
    /// received as often as it may be becomes a dead letter instead (AWS documentation, Using
    /// dead-letter queues in Amazon SQS).
    #[must_use]
    pub fn receive(&self, messages_max: usize) -> Vec<Delivery<T>> {
        let now = self.clock.now();
        let mut state = self.state();
        let visible = state.messages.iter().filter(|(_, message)| message.visible_at <= now);
        let mut ids: Vec<String> = visible.map(|(id, _)| id.clone()).collect();
        state.random.shuffle(&mut ids);
        ids.truncate(messages_max);
        ids.into_iter().filter_map(|id| self.deliver(&mut state, id)).collect()
    }

    fn deliver(&self, state: &mut State<T>, message_id: String) -> Option<Delivery<T>> {
        let mut message = state.messages.remove(&message_id)?;
        if message.receive_count >= self.settings.max_receive_count {
            let Message { receive_count, body, .. } = message;
            state.dead_letters.push(DeadLetter { message_id, receive_count, body });
            return None;
        }
        let QueueFaults { stays_visible, lost_delivery, .. } = self.settings.faults;
        message.receive_count += 1;
        if !happens(&mut state.random, stays_visible) {
            message.visible_at = self.clock.after(self.settings.visibility_timeout);
        }
        let (receive_count, body) = (message.receive_count, message.body.clone());
        state.messages.insert(message_id.clone(), message);
        let arrives = !happens(&mut state.random, lost_delivery);
        arrives.then_some(Delivery { message_id, receive_count, body })
    }

    /// Deletes a message. If it was received again since, it may survive (AWS documentation, Amazon
    /// SQS `DeleteMessage`: only the handle that was received last is sure to delete).
    pub fn delete(&self, receipt: &Receipt) {
        let mut state = self.state();
        let Some(message) = state.messages.get(&receipt.message_id) else { return };
        let survives = if message.receive_count == receipt.receive_count {
            self.settings.faults.survives_deletion
        } else {
            0.5
        };
        if !happens(&mut state.random, survives) {
            state.messages.remove(&receipt.message_id);
        }
    }

    /// Whether no message is left, visible or hidden. Dead letters are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.state().messages.is_empty()
    }

    /// When the next message becomes visible, or did.
    #[must_use]
    pub fn next_visible_at(&self) -> Option<UtcInstant> {
        self.state().messages.values().map(|message| message.visible_at).min()
    }

    /// What is in the dead-letter queue, in the order in which it came there.
    #[must_use]
    pub fn dead_letters(&self) -> Vec<DeadLetter<T>> {
        self.state().dead_letters.clone()
    }

    /// Moves the dead letters back, as new messages with new ids (AWS documentation, Dead-letter
    /// queue redrive in Amazon SQS).
    pub fn redrive(&self) {
        let mut state = self.state();
        for letter in std::mem::take(&mut state.dead_letters) {
            state.send(letter.body, self.clock.now());
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap()
    }
}

impl<T> State<T> {
    fn send(&mut self, body: T, visible_at: UtcInstant) -> String {
        let id = format!("m{}", self.sent);
        self.sent += 1;
        self.messages.insert(id.clone(), Message { visible_at, receive_count: 0, body });
        id
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const TIMEOUT: Duration = Duration::from_mins(30);
    const MICROSECOND: Duration = Duration::from_micros(1);

    fn queue(max_receive_count: u32, faults: QueueFaults) -> MemoryQueue<&'static str> {
        let settings = QueueSettings { visibility_timeout: TIMEOUT, max_receive_count, faults };
        let queue = MemoryQueue::new(1, MemoryClock::default(), settings);
        queue.send("body");
        queue
    }

    fn delivery(receive_count: u32) -> Delivery<&'static str> {
        Delivery { message_id: "m0".to_owned(), receive_count, body: "body" }
    }

    #[test]
    fn a_received_message_is_hidden_until_its_visibility_timeout_has_passed() {
        let queue = queue(2, QueueFaults::default());
        assert_eq!(queue.receive(10), [delivery(1)]);
        assert_eq!(queue.next_visible_at(), Some(queue.clock().after(TIMEOUT)));
        queue.clock().advance(TIMEOUT.saturating_sub(MICROSECOND));
        assert_eq!(queue.receive(10), []);
        queue.clock().advance(MICROSECOND);
        assert_eq!(queue.receive(10), [delivery(2)]);
    }

    #[test]
    fn a_message_that_would_be_received_too_often_is_a_dead_letter_with_its_body() {
        let queue = queue(1, QueueFaults::default());
        assert_eq!(queue.receive(10), [delivery(1)]);
        queue.clock().advance(TIMEOUT);
        assert_eq!((queue.is_empty(), queue.dead_letters().len()), (false, 0));
        assert_eq!(queue.receive(10), []);
        let letter = DeadLetter { message_id: "m0".to_owned(), receive_count: 1, body: "body" };
        assert_eq!((queue.is_empty(), queue.dead_letters()), (true, vec![letter]));
        queue.delete(&delivery(1).receipt());
        assert_eq!(queue.dead_letters().len(), 1);
    }

    #[test]
    fn a_redriven_letter_is_a_new_message() {
        let queue = queue(1, QueueFaults::default());
        assert_eq!(queue.receive(10).len(), 1);
        queue.clock().advance(TIMEOUT);
        assert_eq!(queue.receive(10), []);
        queue.redrive();
        assert_eq!(queue.dead_letters(), []);
        assert_eq!(queue.receive(10), [Delivery { message_id: "m1".to_owned(), ..delivery(1) }]);
    }

    #[test]
    fn messages_come_in_an_order_of_their_own_and_no_more_than_asked_for() {
        let queue = MemoryQueue::new(1, MemoryClock::default(), QueueSettings::default());
        (0..10).for_each(|body| drop(queue.send(body)));
        let mut bodies: Vec<i32> = queue.receive(7).into_iter().map(|d| d.body).collect();
        assert!(!bodies.is_sorted() && bodies.len() == 7);
        bodies.extend(queue.receive(7).into_iter().map(|d| d.body));
        bodies.sort_unstable();
        assert!(bodies.into_iter().eq(0..10));
    }

    #[test]
    fn a_message_can_be_delivered_twice_at_once() {
        let queue = queue(2, QueueFaults { stays_visible: 1.0, ..QueueFaults::default() });
        assert_eq!((queue.receive(10), queue.receive(10)), (vec![delivery(1)], vec![delivery(2)]));
    }

    #[test]
    fn a_message_can_be_delivered_though_it_was_deleted() {
        let queue = queue(2, QueueFaults { survives_deletion: 1.0, ..QueueFaults::default() });
        assert_eq!(queue.receive(10), [delivery(1)]);
        queue.delete(&delivery(1).receipt());
        queue.clock().advance(TIMEOUT);
        assert_eq!(queue.receive(10), [delivery(2)]);
    }

    #[test]
    fn an_older_receipt_may_or_may_not_delete() {
        let queue = MemoryQueue::new(1, MemoryClock::default(), QueueSettings::default());
        (0..20).for_each(|body| drop(queue.send(body)));
        let older = queue.receive(20);
        queue.clock().advance(TIMEOUT);
        let newer = queue.receive(20);
        for delivery in &older {
            queue.delete(&delivery.receipt());
        }
        queue.clock().advance(TIMEOUT);
        let left = queue.receive(20).len();
        assert!(newer.len() == 20 && 0 < left && left < 20);
    }

    #[test]
    fn a_message_can_die_though_nobody_got_it() {
        let queue = queue(1, QueueFaults { lost_delivery: 1.0, ..QueueFaults::default() });
        assert_eq!(queue.receive(10), []);
        queue.clock().advance(TIMEOUT);
        assert_eq!((queue.receive(10), queue.dead_letters().len()), (vec![], 1));
    }
}
