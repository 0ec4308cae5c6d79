//! How a queue is configured, and how often it does what standard queues do on rare occasions.

use std::time::Duration;

/// What is configured at a queue.
#[derive(Clone, Copy, Debug)]
pub struct QueueSettings {
    /// How long a message that was received is hidden. Six times the time-out of the function is
    /// recommended (AWS documentation, Using Lambda with Amazon SQS).
    pub visibility_timeout: Duration,
    /// How often a message can be received before it becomes a dead letter.
    pub max_receive_count: u32,
    /// What goes wrong, and how often.
    pub faults: QueueFaults,
}

impl Default for QueueSettings {
    fn default() -> Self {
        let visibility_timeout = Duration::from_mins(30);
        Self { visibility_timeout, max_receive_count: 5, faults: QueueFaults::default() }
    }
}

/// How probable it is, from 0 to 1, that a queue does what standard queues do on rare occasions;
/// by default it never does.
#[derive(Clone, Copy, Debug, Default)]
pub struct QueueFaults {
    /// A received message stays visible, and so is delivered twice at once (AWS documentation,
    /// Amazon SQS at-least-once delivery).
    pub stays_visible: f64,
    /// A message counts as received, but does not arrive (AWS documentation, Avoiding inconsistent
    /// message processing in Amazon SQS).
    pub lost_delivery: f64,
    /// A deleted message is still there: a server that keeps a copy was not available (AWS
    /// documentation, Amazon SQS `DeleteMessage`).
    pub survives_deletion: f64,
}

/// Whether something of this probability happens now.
pub(crate) fn happens(random: &mut fastrand::Rng, probability: f64) -> bool {
    random.f64() < probability
}
