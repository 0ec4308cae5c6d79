//! When a record says that it happened.

mod epoch;
mod pattern;
mod rfc3339;

use std::fmt;

use jiff::SignedDuration;

use crate::{JsonPath, UtcInstant};

pub use pattern::{InvalidPattern, TimePattern};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Where in a record its time stands, how it is written, and when it is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventTime {
    /// Where it stands.
    pub path: JsonPath,
    /// How it is written.
    pub format: TimeFormat,
    /// When it is believed.
    pub window: Window,
}

/// How a time is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimeFormat {
    /// `2026-11-22T10:00:00.5Z`, with any offset; what is finer than a microsecond is left out.
    Rfc3339,
    /// Seconds since 1970-01-01T00:00:00Z, as a number or the text of one; with a fraction if
    /// there is one.
    Seconds,
    /// The same in milliseconds.
    Milliseconds,
    /// The same in microseconds.
    Microseconds,
    /// The same in nanoseconds.
    Nanoseconds,
    /// By a pattern of `strptime`; in UTC unless the pattern has an offset, at midnight unless it
    /// has a time.
    Pattern(TimePattern),
}

/// How far the time of a record may be from the arrival of its source to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How long before.
    pub past: SignedDuration,
    /// How long after.
    pub future: SignedDuration,
}

impl Default for Window {
    /// Ten years before and a day after.
    fn default() -> Self {
        Self { past: DAY * 3_650, future: DAY }
    }
}

impl EventTime {
    /// The time at `path`, written as RFC 3339, within the default window.
    #[must_use]
    pub fn at(path: JsonPath) -> Self {
        Self { path, format: TimeFormat::Rfc3339, window: Window::default() }
    }

    /// The time that `text` (a string without its quotes, or a number) says to a record that
    /// arrived then; none when it says none or one that is not believed.
    #[must_use]
    pub fn read(&self, text: &str, arrived_at: UtcInstant) -> Option<UtcInstant> {
        self.format.read(text).filter(|time| self.window.contains(*time, arrived_at))
    }

    /// The same for a record of which only the instant is known that a `timestamp` column has.
    #[must_use]
    pub fn of_instant(&self, instant: UtcInstant, arrived_at: UtcInstant) -> Option<UtcInstant> {
        let is_time = match &self.format {
            TimeFormat::Rfc3339 | TimeFormat::Pattern(_) => true,
            // A date-time is no number of seconds.
            TimeFormat::Seconds
            | TimeFormat::Milliseconds
            | TimeFormat::Microseconds
            | TimeFormat::Nanoseconds => false,
        };
        Some(instant).filter(|time| is_time && self.window.contains(*time, arrived_at))
    }
}

impl Window {
    fn contains(self, time: UtcInstant, arrived_at: UtcInstant) -> bool {
        let distance = i128::from(time.micros()) - i128::from(arrived_at.micros());
        (-self.past.as_micros()..=self.future.as_micros()).contains(&distance)
    }
}

/// As a contract says it.
impl fmt::Display for TimeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rfc3339 => "rfc3339",
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "us",
            Self::Nanoseconds => "ns",
            Self::Pattern(pattern) => pattern.as_str(),
        })
    }
}

impl TimeFormat {
    /// The time that `text` says, believed or not. Of two numbers the smaller says no later one.
    #[must_use]
    pub fn read(&self, text: &str) -> Option<UtcInstant> {
        match self {
            Self::Rfc3339 => rfc3339::read(text),
            Self::Seconds => epoch::read(text, 6),
            Self::Milliseconds => epoch::read(text, 3),
            Self::Microseconds => epoch::read(text, 0),
            Self::Nanoseconds => epoch::read(text, -3),
            Self::Pattern(pattern) => pattern.read(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(pattern: &str) -> TimeFormat {
        TimeFormat::Pattern(TimePattern::new(pattern).unwrap())
    }

    #[test]
    fn times_are_read_as_they_are_written() {
        let check = |format: TimeFormat, text: &str, expected: Option<&str>| {
            let found = format.read(text).map(|time| time.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        let moment = Some("2026-11-22T10:00:00.5Z");
        check(TimeFormat::Rfc3339, "2026-11-22T12:00:00.5+02:00", moment);
        check(TimeFormat::Rfc3339, "2026-11-22T10:00:00.500000999Z", moment);
        check(TimeFormat::Rfc3339, "2026-11-22 10:00:00.5Z", None);
        check(TimeFormat::Rfc3339, "1795341600", None);
        check(TimeFormat::Seconds, "1795341600.5", moment);
        check(TimeFormat::Seconds, "1.7953416005e9", moment);
        check(TimeFormat::Milliseconds, "1795341600500", moment);
        check(TimeFormat::Milliseconds, "17953416005e2", moment);
        check(TimeFormat::Microseconds, "1795341600500000", moment);
        check(TimeFormat::Nanoseconds, "1795341600500000999", moment);
        check(TimeFormat::Nanoseconds, "7", Some("1970-01-01T00:00:00Z"));
        check(pattern("%Y-%m-%d %H:%M:%S%.f"), "2026-11-22 10:00:00.5", moment);
        check(pattern("%Y%m%d"), "2026-11", None);
    }

    #[test]
    fn a_time_is_believed_within_its_window() {
        let arrived_at = "2026-11-22T00:00:00Z".parse().unwrap();
        let window = Window { past: DAY, future: SignedDuration::from_hours(1) };
        let time = EventTime { window, ..EventTime::at("$.at".parse().unwrap()) };
        let check = |text: &str, believed: bool| {
            assert_eq!(time.read(text, arrived_at).is_some(), believed, "{text}");
        };
        check("2026-11-21T00:00:00Z", true);
        check("2026-11-20T23:59:59.999999Z", false);
        check("2026-11-22T01:00:00Z", true);
        check("2026-11-22T01:00:00.000001Z", false);
    }
}
