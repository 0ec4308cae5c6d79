//! When a record says that it happened.

use std::fmt;

use jiff::{SignedDuration, fmt::strtime};

use crate::{JsonPath, UtcInstant};

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

/// A pattern of `strptime` that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimePattern(String);

/// A pattern that does not tell a time.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{pattern}` is no pattern of strptime that tells a date: {reason}")]
pub struct InvalidPattern {
    /// The pattern.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: String,
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
}

impl Window {
    fn contains(self, time: UtcInstant, arrived_at: UtcInstant) -> bool {
        let distance = i128::from(time.micros()) - i128::from(arrived_at.micros());
        (-self.past.as_micros()..=self.future.as_micros()).contains(&distance)
    }
}

impl TimePattern {
    /// The pattern, once it was seen to read what it writes.
    ///
    /// # Errors
    /// When it has an unknown directive, or no date.
    pub fn new(pattern: &str) -> Result<Self, InvalidPattern> {
        let invalid = |reason: String| InvalidPattern { pattern: pattern.to_owned(), reason };
        let sample = jiff::civil::date(2026, 11, 22).at(21, 30, 59, 0);
        let sample =
            sample.to_zoned(jiff::tz::TimeZone::UTC).map_err(|e| invalid(e.to_string()))?;
        let written = strtime::format(pattern, &sample).map_err(|e| invalid(e.to_string()))?;
        let this = Self(pattern.to_owned());
        match this.read(&written) {
            Some(_) => Ok(this),
            None => Err(invalid(format!("`{written}` cannot be read with it"))),
        }
    }

    /// The pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn read(&self, text: &str) -> Option<UtcInstant> {
        let parts = strtime::parse(&self.0, text).ok()?;
        if let Ok(instant) = parts.to_timestamp() {
            return UtcInstant::from_micros(instant.as_microsecond());
        }
        if parts.offset().is_some() {
            return None;
        }
        let shown = parts.to_datetime().or_else(|_| parts.to_date().map(Into::into)).ok()?;
        UtcInstant::from_utc(shown)
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
    fn read(&self, text: &str) -> Option<UtcInstant> {
        match self {
            // What stands between date and time tells RFC 3339 from its looser relatives.
            Self::Rfc3339 => match text.as_bytes().get(10) {
                Some(b'T' | b't') => text.parse().ok(),
                Some(_) | None => None,
            },
            Self::Seconds => epoch_micros(text, 6),
            Self::Milliseconds => epoch_micros(text, 3),
            Self::Microseconds => epoch_micros(text, 0),
            Self::Nanoseconds => epoch_micros(text, -3),
            Self::Pattern(pattern) => pattern.read(text),
        }
    }
}

/// The instant that a decimal number says, in units of `10^exponent` microseconds. What is finer
/// than a microsecond is left out.
fn epoch_micros(text: &str, exponent: i32) -> Option<UtcInstant> {
    let (mantissa, written) = match text.split_once(['e', 'E']) {
        Some((mantissa, written)) => (mantissa, written.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let (sign, whole) = whole.strip_prefix('-').map_or((1, whole), |whole| (-1, whole));
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    // As many digits of the fraction as the exponent moves before the point, or fewer digits.
    let moved = exponent.checked_add(written)?;
    let places = i64::try_from(whole.len()).ok()? + i64::from(moved);
    let digits = whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat(b'0'));
    let kept = usize::try_from(places).unwrap_or(0);
    let mut micros: i64 = 0;
    for digit in digits.take(kept) {
        micros = micros.checked_mul(10)?.checked_add(i64::from(digit - b'0'))?;
    }
    UtcInstant::from_micros(sign * micros)
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
        check(TimeFormat::Seconds, "-0.5", Some("1969-12-31T23:59:59.5Z"));
        check(TimeFormat::Seconds, "0", Some("1970-01-01T00:00:00Z"));
        check(TimeFormat::Nanoseconds, "7", Some("1970-01-01T00:00:00Z"));
        for text in ["", "-", ".5", "abc", "1e", "1e99999999999", "9e99", "0x10", "1.2.3", "+1"] {
            check(TimeFormat::Seconds, text, None);
        }
        check(
            pattern("%d/%b/%Y:%H:%M:%S %z"),
            "22/Nov/2026:11:00:00 +0100",
            Some("2026-11-22T10:00:00Z"),
        );
        check(pattern("%Y-%m-%d %H:%M:%S%.f"), "2026-11-22 10:00:00.5", moment);
        check(pattern("%Y%m%d"), "20261122", Some("2026-11-22T00:00:00Z"));
        check(pattern("%Y%m%d"), "2026-11", None);
    }

    #[test]
    fn a_pattern_without_a_date_is_refused() {
        let error = |pattern| TimePattern::new(pattern).unwrap_err().to_string();
        insta::assert_snapshot!(error("%H:%M"), @"`%H:%M` is no pattern of strptime that tells a date: `21:30` cannot be read with it");
        insta::assert_snapshot!(error("%Y-%m-%!"), @"`%Y-%m-%!` is no pattern of strptime that tells a date: strftime formatting failed: found unrecognized specifier directive `!`");
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
