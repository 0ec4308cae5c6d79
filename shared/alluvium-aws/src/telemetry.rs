//! Log lines and metrics, one JSON object a line on standard output.
//!
//! Metrics stand in the log in CloudWatch's embedded metric format: no call is made for them, and
//! the same line tells a person what an invocation did.

mod requests;

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    time::Duration,
};

use alluvium_model::{Counts, Reason, Stages, UtcInstant};
use serde_json::{Value, json};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

pub use self::requests::RequestMetrics;
use crate::clock::now;

const NAMESPACE: &str = "Alluvium";

/// Values of one metric in a line at most (AWS documentation, embedded metric format).
const VALUES_MAX: usize = 100;

/// Makes log events lines of JSON on standard output, from level `INFO` up.
pub fn start_logging() {
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .with_writer(io::stdout);
    // The runtime would say a second time, as debugging output, what a handler failed with.
    let wanted = Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("lambda_runtime::layers::panic", LevelFilter::OFF);
    tracing_subscriber::registry().with(lines).with(wanted).init();
}

/// What one invocation did.
#[derive(Clone, Debug, Default)]
pub struct Invocation {
    counts: Counts,
    stages: Stages,
    /// Sources that were read to their end.
    sources: u64,
    /// Sources or messages that failed.
    failed: u64,
    /// Messages that were left for later for want of time.
    postponed: u64,
    repeated: u64,
    deliveries: Option<Deliveries>,
    /// From the arrival of each source until its rows could be read, in milliseconds.
    freshness_ms: Vec<u64>,
    /// From the latest event of each source until its arrival, in milliseconds.
    event_time_lag_ms: Vec<i64>,
}

/// What waits of deliveries of streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deliveries {
    /// Ranges that were taken and are still to be loaded.
    pub pending: u64,
    /// Ranges and objects that wait for somebody to look after them.
    pub failed: u64,
}

impl Invocation {
    /// Adds what became of a source that arrived then, or that was superseded before it was read.
    /// Its rows can be read by now.
    pub fn add(&mut self, counts: &Counts, stages: Stages, arrived_at: Option<UtcInstant>) {
        self.counts.add(counts);
        self.stages += stages;
        if let Some(arrived_at) = arrived_at {
            self.sources += 1;
            self.freshness_ms.extend(since(arrived_at));
        }
    }

    /// Adds when the latest event of a source happened that arrived then.
    pub fn add_event_time(&mut self, latest: UtcInstant, arrived_at: UtcInstant) {
        self.event_time_lag_ms.push((arrived_at.micros() - latest.micros()) / 1_000);
    }

    /// Adds a source or message that failed.
    pub fn add_failed(&mut self) {
        self.failed += 1;
    }

    /// Adds a message that was left for later.
    pub fn add_postponed(&mut self) {
        self.postponed += 1;
    }

    /// Counts records of streams that were delivered again after they were taken.
    pub const fn add_repeated(&mut self, records: u64) {
        self.repeated += records;
    }

    /// Says what waits of deliveries of streams.
    pub const fn tell_deliveries(&mut self, deliveries: Deliveries) {
        self.deliveries = Some(deliveries);
    }

    /// The counts of all sources.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Writes the line of this invocation.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn write(&self, function: &str, request_id: &str, took: Duration) -> io::Result<()> {
        write(&Line { function, request_id, metrics: self.metrics(took) })
    }

    fn metrics(&self, took: Duration) -> Vec<Metric> {
        let Counts {
            records,
            loaded,
            quarantined,
            superseded,
            duplicates,
            outside,
            rescued_values,
            bytes_in,
            bytes_out,
            files,
            partitions_added,
            columns_added,
            siblings_added,
            columns_refused,
            rows_beyond_partitions,
            columns_healed,
            commit_conflicts,
        } = &self.counts;
        let counts = [
            ("sources", self.sources),
            ("failed", self.failed),
            ("postponed", self.postponed),
            ("repeated", self.repeated),
            ("records", *records),
            ("loaded", *loaded),
            ("quarantined", self.counts.quarantined_total()),
            ("superseded", *superseded),
            ("duplicates", *duplicates),
            ("outside", *outside),
            ("rescued_values", *rescued_values),
            ("files", *files),
            ("partitions_added", *partitions_added),
            ("columns_added", *columns_added),
            ("siblings_added", *siblings_added),
            ("columns_refused", *columns_refused),
            ("rows_beyond_partitions", *rows_beyond_partitions),
            ("columns_healed", *columns_healed),
            ("commit_conflicts", *commit_conflicts),
        ];
        let reasons: BTreeMap<Reason, u64> = Reason::ALL
            .into_iter()
            .map(|reason| (reason, quarantined.get(&reason).copied().unwrap_or_default()))
            .collect();
        let Stages { read, shred, commit, encode, write } = self.stages;
        let times = [
            ("read_ms", read),
            ("shred_ms", shred),
            ("commit_ms", commit),
            ("encode_ms", encode),
            ("write_ms", write),
            ("took_ms", took),
        ];
        let mut metrics = Vec::new();
        metrics.extend(counts.map(|(name, count)| (name.to_owned(), "Count", json!(count))));
        for (reason, count) in reasons {
            metrics.push((format!("quarantined_{reason}"), "Count", json!(count)));
        }
        metrics.push(("bytes_in".to_owned(), "Bytes", json!(bytes_in)));
        metrics.push(("bytes_out".to_owned(), "Bytes", json!(bytes_out)));
        let ms =
            |(name, time): (&str, Duration)| (name.to_owned(), "Milliseconds", json!(millis(time)));
        metrics.extend(times.map(ms));
        if let Some(Deliveries { pending, failed }) = self.deliveries {
            metrics.push(("pending_deliveries".to_owned(), "Count", json!(pending)));
            metrics.push(("failed_deliveries".to_owned(), "Count", json!(failed)));
        }
        if !self.freshness_ms.is_empty() {
            let shown: Vec<_> = self.freshness_ms.iter().take(VALUES_MAX).collect();
            metrics.push(("freshness_ms".to_owned(), "Milliseconds", json!(shown)));
        }
        if !self.event_time_lag_ms.is_empty() {
            let shown: Vec<_> = self.event_time_lag_ms.iter().take(VALUES_MAX).collect();
            metrics.push(("event_time_lag_ms".to_owned(), "Milliseconds", json!(shown)));
        }
        metrics
    }
}

/// Name, unit and value.
type Metric = (String, &'static str, Value);

/// A line of log that holds the metrics of one invocation.
struct Line<'a> {
    function: &'a str,
    request_id: &'a str,
    metrics: Vec<Metric>,
}

impl Line<'_> {
    fn to_json(&self, now_ms: u64) -> Value {
        let name = |(name, unit, _): &Metric| json!({ "Name": name, "Unit": unit });
        let metrics: Vec<_> = self.metrics.iter().map(name).collect();
        let metrics =
            json!([{ "Namespace": NAMESPACE, "Dimensions": [["function"]], "Metrics": metrics }]);
        let mut line = json!({
            "_aws": { "Timestamp": now_ms, "CloudWatchMetrics": metrics },
            "level": "INFO",
            "message": "invocation",
            "function": self.function,
            "request_id": self.request_id,
        });
        if let Value::Object(line) = &mut line {
            line.extend(self.metrics.iter().map(|(name, _, value)| (name.clone(), value.clone())));
        }
        line
    }
}

fn write(line: &Line<'_>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", line.to_json(millis(now())))
}

fn since(arrived_at: UtcInstant) -> Option<u64> {
    let arrived_ms = u64::try_from(arrived_at.micros() / 1_000).ok()?;
    Some(millis(now()).saturating_sub(arrived_ms))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_is_a_line_in_the_embedded_metric_format() {
        let mut invocation = Invocation::default();
        let counts = Counts {
            records: 3,
            loaded: 1,
            quarantined: BTreeMap::from([(Reason::InvalidJson, 2)]),
            ..Counts::default()
        };
        invocation.add(&counts, Stages::default(), None);
        invocation.add_failed();
        let at = |text: &str| text.parse().unwrap();
        invocation.add_event_time(at("2026-11-22T10:00:00Z"), at("2026-11-22T10:00:01.5Z"));
        let metrics = invocation.metrics(Duration::from_millis(7));
        let line = Line { function: "ingest-objects", request_id: "8476a536", metrics }.to_json(1);
        let metrics = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
        assert!(metrics.len() <= VALUES_MAX);
        for metric in metrics {
            let value = &line[metric["Name"].as_str().unwrap()];
            assert!(value.is_u64() || value.is_array(), "{metric}");
        }
        let mut shown = line.as_object().unwrap().clone();
        shown.remove("_aws");
        insta::assert_snapshot!(serde_json::to_string(&shown).unwrap(), @r#"{"bytes_in":0,"bytes_out":0,"columns_added":0,"columns_healed":0,"columns_refused":0,"commit_conflicts":0,"commit_ms":0,"duplicates":0,"encode_ms":0,"event_time_lag_ms":[1500],"failed":1,"files":0,"function":"ingest-objects","level":"INFO","loaded":1,"message":"invocation","outside":0,"partitions_added":0,"postponed":0,"quarantined":2,"quarantined_compression_ratio":0,"quarantined_contract":0,"quarantined_invalid_json":2,"quarantined_no_table":0,"quarantined_not_an_object":0,"quarantined_not_unicode":0,"quarantined_record_too_large":0,"quarantined_source_too_large":0,"quarantined_too_deep":0,"quarantined_truncated_input":0,"quarantined_unreadable":0,"quarantined_window_too_large":0,"quarantined_wrapper_fields":0,"read_ms":0,"records":3,"repeated":0,"request_id":"8476a536","rescued_values":0,"rows_beyond_partitions":0,"shred_ms":0,"siblings_added":0,"sources":0,"superseded":0,"took_ms":7,"write_ms":0}"#);
        insta::assert_snapshot!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"], @r#"[["function"]]"#);
    }
}
