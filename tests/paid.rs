//! What is paid for: calls by their kind, and how many of them wait for one another.

use std::{
    fmt,
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use alluvium_testkit::{Fault, Unreliable};

/// Turns after which whoever has not ended waits for an answer.
const TURNS: usize = 1_000;

/// Calls that were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paid {
    /// GET of S3.
    pub gets: u64,
    /// PUT of S3.
    pub puts: u64,
    /// LIST of S3.
    pub lists: u64,
    /// Calls of the Glue catalog.
    pub glue: u64,
    /// How often somebody waited for an answer: calls that are under way together count once.
    pub round_trips: u64,
}

impl fmt::Display for Paid {
    /// As it stands in `cost/calls.toml`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { gets, puts, lists, glue, round_trips } = self;
        write!(f, "gets = {gets}\nputs = {puts}\nlists = {lists}\nglue = {glue}\n")?;
        writeln!(f, "round_trips = {round_trips}")
    }
}

impl Paid {
    #[expect(clippy::panic, reason = "test support: a call without a price must stop the test")]
    fn count(&mut self, method: &str) {
        let kind = match method {
            "object" | "object_since" | "dated_object" | "object_range" => &mut self.gets,
            "put_object" | "create_object" | "replace_object" => &mut self.puts,
            "list_objects" => &mut self.lists,
            "table" | "create_table" | "replace_table" | "create_partitions"
            | "find_partitions" | "unified_view" => &mut self.glue,
            other => panic!("nobody said what {other} costs"),
        };
        *kind += 1;
    }
}

/// A network that answers all calls that are under way once nobody can go on without an answer.
#[derive(Clone, Debug, Default)]
pub struct Network(Arc<Mutex<Calls>>);

#[derive(Debug, Default)]
struct Calls {
    paid: Paid,
    made: u64,
    answered: u64,
}

impl Network {
    /// A port behind this network; others are put [beside](Unreliable::beside) it.
    pub fn port<P>(&self, port: P) -> Unreliable<P> {
        let network = self.clone();
        Unreliable::new(port, move |call, method| network.fate(call, method))
    }

    fn fate(&self, call: u64, method: &'static str) -> Option<Fault> {
        let mut calls = self.0.lock().unwrap();
        if call == calls.made {
            calls.made += 1;
            calls.paid.count(method);
        }
        (call >= calls.answered).then_some(Fault::Held)
    }

    /// Lets something go on to its end; what it gives, and what that took.
    pub fn run<T>(&self, task: impl Future<Output = T>) -> (T, Paid) {
        self.0.lock().unwrap().paid = Paid::default();
        let mut task = pin!(task);
        loop {
            let mut context = Context::from_waker(Waker::noop());
            let mut turns = (0..TURNS).map(|_| task.as_mut().poll(&mut context));
            let ended = turns.find(Poll::is_ready);
            let mut calls = self.0.lock().unwrap();
            if let Some(Poll::Ready(given)) = ended {
                return (given, calls.paid);
            }
            assert!(calls.answered < calls.made, "it waits for something else than a call");
            calls.answered = calls.made;
            calls.paid.round_trips += 1;
        }
    }
}
