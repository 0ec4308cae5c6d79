//! What is told of a request.

use std::{io, time::Duration};

use serde_json::json;

use super::{Line, Metric, millis, write};

/// What became of one request with events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestMetrics {
    /// Its answer.
    pub status: u16,
    /// Bytes of its body.
    pub bytes_in: usize,
    /// Events that it has, if all of them are good.
    pub events: usize,
    /// Events that the stream holds since.
    pub to_stream: usize,
    /// Events that were too large for it and lie in the landing bucket since.
    pub to_landing: usize,
}

impl RequestMetrics {
    /// Writes the line of this request.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn write(&self, function: &str, request_id: &str, took: Duration) -> io::Result<()> {
        write(&Line { function, request_id, metrics: self.metrics(took) })
    }

    fn metrics(&self, took: Duration) -> Vec<Metric> {
        let Self { status, bytes_in, events, to_stream, to_landing } = *self;
        // How many answers of a kind there were is their sum.
        let counts = [
            ("requests", 1),
            ("refused", usize::from((400..500).contains(&status) && status != 429)),
            ("throttled", usize::from(status == 429)),
            ("failed", usize::from(status >= 500)),
            ("events", events),
            ("to_stream", to_stream),
            ("to_landing", to_landing),
        ];
        let mut metrics = Vec::new();
        metrics.extend(counts.map(|(name, count)| (name.to_owned(), "Count", json!(count))));
        metrics.push(("bytes_in".to_owned(), "Bytes", json!(bytes_in)));
        metrics.push(("took_ms".to_owned(), "Milliseconds", json!(millis(took))));
        metrics
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_counted_by_what_became_of_it() {
        let check = |status: u16, expected: [u64; 3]| {
            let request = RequestMetrics { status, events: 3, ..RequestMetrics::default() };
            let metrics = request.metrics(Duration::from_millis(5));
            let line = Line { function: "collect", request_id: "8476a536", metrics };
            let shown = line.to_json(1);
            let count = |name: &str| shown[name].as_u64().unwrap();
            assert_eq!(["refused", "throttled", "failed"].map(count), expected, "{status}");
            assert_eq!((count("requests"), count("events"), count("took_ms")), (1, 3, 5));
        };
        check(202, [0, 0, 0]);
        check(400, [1, 0, 0]);
        check(413, [1, 0, 0]);
        check(429, [0, 1, 0]);
        check(500, [0, 0, 1]);
        check(503, [0, 0, 1]);
    }
}
