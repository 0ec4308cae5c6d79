//! Values that could tell when a record happened, or which partition it belongs to.

use std::collections::{BTreeMap, BTreeSet};

use alluvium_columnar::Part;
use alluvium_model::{
    ClassSet, EventTime, JsonPath, TableSchema, TimeFormat, TimePattern, UtcInstant, ValueClass,
    Window,
};
use jiff::SignedDuration;

/// Different values of a path that are told apart; with more it makes too many partitions.
const DISTINCT_MAX: usize = 50;
/// Longer values are no names of partitions.
const VALUE_BYTES_MAX: usize = 64;
/// Rows that a partition should have at least, on average.
const ROWS_A_VALUE_MIN: u64 = 10;
/// One row in so many may be without the value.
const ROWS_WITHOUT_ONE_IN: u64 = 20;
const MICROS_A_DAY: i64 = 86_400_000_000;
/// Numbers are times if they are of these years: so the units are told apart by magnitude.
const BELIEVED: Window = Window {
    past: SignedDuration::from_hours(24 * 365 * 40),
    future: SignedDuration::from_hours(24 * 365 * 2),
};
/// How times are often written, besides RFC 3339 and numbers.
const PATTERNS: [&str; 6] = [
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M:%S%.f %z",
    "%d/%b/%Y:%H:%M:%S %z",
    "%Y-%m-%d",
];
/// Words of keys that are about the time of an event, and of keys that are about another time.
const TIME_WORDS: [&str; 14] = [
    "at",
    "created",
    "date",
    "datetime",
    "event",
    "happened",
    "log",
    "logged",
    "occurred",
    "recorded",
    "time",
    "timestamp",
    "ts",
    "when",
];
const OTHER_WORDS: [&str; 9] =
    ["expires", "expiry", "expiration", "updated", "modified", "end", "last", "previous", "until"];

/// A value that tells when its record happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TimeCandidate {
    pub(super) path: JsonPath,
    pub(super) format: TimeFormat,
    /// How long before the arrival of its source the oldest record happened, in days.
    pub(super) past_days: i64,
    /// Rows without it.
    pub(super) missing: u64,
}

/// A value that there are few of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PartitionCandidate {
    pub(super) path: JsonPath,
    /// Different values that were seen.
    pub(super) distinct: usize,
}

/// What was seen under the paths that have columns: their number is bounded.
#[derive(Debug, Default)]
pub(super) struct Candidates(BTreeMap<JsonPath, Values>);

#[derive(Debug)]
struct Values {
    count: u64,
    classes: ClassSet,
    /// The formats that all of them can be read by.
    formats: Vec<TimeFormat>,
    past_days: i64,
    /// The different ones; none when there are too many, or one is too long.
    distinct: Option<BTreeSet<String>>,
}

impl Candidates {
    pub(super) fn note(&mut self, schema: &TableSchema, arrived_at: UtcInstant, part: &Part) {
        for (path, values) in part.values() {
            if schema.base(path).is_none() {
                continue;
            }
            let seen = self.0.entry(path.clone()).or_insert_with(Values::new);
            values.for_each(|(class, text)| seen.note(path, class, text, arrived_at));
        }
    }

    /// The times that nearly all of so many rows have, the best first.
    pub(super) fn times(&self, rows: u64) -> Vec<TimeCandidate> {
        let candidate = |(path, values): (&JsonPath, &Values)| {
            let format = values.formats.first().filter(|_| values.are_in_most_of(rows))?.clone();
            let score = score(path);
            // Any number may be of that magnitude.
            let is_number = matches!(
                format,
                TimeFormat::Seconds
                    | TimeFormat::Milliseconds
                    | TimeFormat::Microseconds
                    | TimeFormat::Nanoseconds
            );
            let is_guess = is_number && score <= 0;
            let missing = rows.saturating_sub(values.count);
            let (path, past_days) = (path.clone(), values.past_days);
            let candidate = TimeCandidate { path, format, past_days, missing };
            (score >= 0 || !is_number).then_some((is_guess, score, candidate))
        };
        let mut candidates: Vec<_> = self.0.iter().filter_map(candidate).collect();
        // A number whose key says nothing of time is better than nothing, and than nothing else.
        if candidates.iter().any(|(is_guess, ..)| !is_guess) {
            candidates.retain(|(is_guess, ..)| !is_guess);
        }
        candidates.sort_by_key(|(_, score, candidate)| {
            let keys = candidate.path.keys();
            let words = keys.last().map_or(0, |key| words(key).len());
            let is_of_another = *score < 0;
            let date_only = is_date_only(&candidate.format);
            (candidate.missing > 0, is_of_another, date_only, -score, keys.len(), words)
        });
        candidates.into_iter().map(|(.., candidate)| candidate).collect()
    }

    /// The values that there are few of, and that nearly all of so many rows have; text first.
    pub(super) fn partitions(&self, rows: u64) -> Vec<PartitionCandidate> {
        let names = ClassSet::of(&[ValueClass::String, ValueClass::Bigint, ValueClass::Boolean]);
        let candidate = |(path, values): (&JsonPath, &Values)| {
            let distinct = values.distinct.as_ref()?.len();
            let many = distinct as u64 * ROWS_A_VALUE_MIN <= values.count;
            let is_candidate =
                values.classes.within(names) && distinct > 1 && many && values.are_in_most_of(rows);
            let is_text = values.classes == ClassSet::of(&[ValueClass::String]);
            let candidate = PartitionCandidate { path: path.clone(), distinct };
            is_candidate.then_some((!is_text, candidate))
        };
        let mut candidates: Vec<_> = self.0.iter().filter_map(candidate).collect();
        candidates.sort_by_key(|(is_other, candidate)| (*is_other, candidate.distinct));
        candidates.into_iter().map(|(_, candidate)| candidate).collect()
    }
}

impl Values {
    fn new() -> Self {
        let patterns = PATTERNS.iter().filter_map(|pattern| TimePattern::new(pattern).ok());
        let epochs = [
            TimeFormat::Rfc3339,
            TimeFormat::Seconds,
            TimeFormat::Milliseconds,
            TimeFormat::Microseconds,
            TimeFormat::Nanoseconds,
        ];
        Self {
            count: 0,
            classes: ClassSet::default(),
            formats: epochs.into_iter().chain(patterns.map(TimeFormat::Pattern)).collect(),
            past_days: 0,
            distinct: Some(BTreeSet::new()),
        }
    }

    fn note(&mut self, path: &JsonPath, class: ValueClass, text: &str, arrived_at: UtcInstant) {
        self.count += 1;
        self.classes.insert(class);
        let text = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
        if let Some(distinct) = &mut self.distinct
            && !distinct.contains(text)
        {
            if text.len() > VALUE_BYTES_MAX || distinct.len() == DISTINCT_MAX {
                self.distinct = None;
            } else {
                distinct.insert(text.to_owned());
            }
        }
        let mut oldest = self.past_days;
        self.formats.retain(|format| {
            let time = EventTime { path: path.clone(), format: format.clone(), window: BELIEVED };
            let found = time.read(text, arrived_at);
            let past = found.map(|at| (arrived_at.micros() - at.micros()) / MICROS_A_DAY + 1);
            oldest = oldest.max(past.unwrap_or_default());
            found.is_some()
        });
        self.past_days = oldest;
    }

    fn are_in_most_of(&self, rows: u64) -> bool {
        self.count > 0 && rows.saturating_sub(self.count) * ROWS_WITHOUT_ONE_IN <= rows
    }
}

/// Whether the format says the day, and no time of it.
fn is_date_only(format: &TimeFormat) -> bool {
    match format {
        TimeFormat::Pattern(pattern) => !pattern.as_str().contains("%H"),
        TimeFormat::Rfc3339
        | TimeFormat::Seconds
        | TimeFormat::Milliseconds
        | TimeFormat::Microseconds
        | TimeFormat::Nanoseconds => false,
    }
}

/// How much the last key of a path is about the time of an event.
fn score(path: &JsonPath) -> i32 {
    let name = path.keys().last().map(|key| words(key)).unwrap_or_default();
    let has = |words: &[&str]| name.iter().filter(|word| words.contains(&word.as_str())).count();
    let (time, other) = (has(&TIME_WORDS), has(&OTHER_WORDS));
    i32::try_from(time).unwrap_or_default() - 3 * i32::try_from(other).unwrap_or_default()
}

/// `eventTime` and `event_time` are two words.
fn words(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in key.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
        was_lower = c.is_lowercase();
    }
    words
}
