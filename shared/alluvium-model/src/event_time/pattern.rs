//! Times by a pattern of `strptime`.

use jiff::{
    civil::{DateTime, date},
    fmt::strtime::{self, BrokenDownTime},
    tz::TimeZone,
};

use crate::UtcInstant;

/// What a pattern must read as it wrote it: in the morning and in the evening, so that one cannot
/// be taken for the other.
const SAMPLES: [DateTime; 2] =
    [date(2026, 11, 22).at(21, 30, 59, 0), date(2026, 11, 22).at(9, 30, 59, 0)];

/// A pattern of `strptime` that can be read, and leaves out nothing larger than its finest unit.
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

impl TimePattern {
    /// The pattern, once it was seen to read what it writes.
    ///
    /// # Errors
    /// When it has an unknown directive, no date, or a time that cannot be told from another, such
    /// as `%I:%M` without `%p`, or `%M:%S` without `%H`.
    pub fn new(pattern: &str) -> Result<Self, InvalidPattern> {
        let this = Self(pattern.to_owned());
        let invalid = |reason| InvalidPattern { pattern: pattern.to_owned(), reason };
        SAMPLES.into_iter().try_for_each(|sample| this.check(sample)).map_err(invalid)?;
        Ok(this)
    }

    /// The pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn read(&self, text: &str) -> Option<UtcInstant> {
        instant(&strtime::parse(&self.0, text).ok()?)
    }

    /// Whether this time is read as it is written, down to the finest unit that is written.
    fn check(&self, sample: DateTime) -> Result<(), String> {
        let zoned = sample.to_zoned(TimeZone::UTC).map_err(|error| error.to_string())?;
        let written = strtime::format(&self.0, &zoned).map_err(|error| error.to_string())?;
        let parts = strtime::parse(&self.0, &written);
        let parts = parts.map_err(|_| format!("`{written}` cannot be read with it"))?;
        let Some(found) = instant(&parts) else {
            return Err(format!("`{written}` cannot be read with it"));
        };
        let expected =
            [Some(sample), as_fine_as(&parts, sample)].map(|t| t.and_then(UtcInstant::from_utc));
        if expected.contains(&Some(found)) {
            return Ok(());
        }
        Err(format!("{} is written `{written}` and read as {found}", zoned.timestamp()))
    }
}

/// The instant of these parts: in UTC unless there is an offset, at midnight unless there is a
/// time. None if there are minutes without an hour.
fn instant(parts: &BrokenDownTime) -> Option<UtcInstant> {
    if let Ok(instant) = parts.to_timestamp() {
        return UtcInstant::from_micros(instant.as_microsecond());
    }
    if parts.offset().is_some() {
        return None;
    }
    UtcInstant::from_utc(parts.to_datetime().ok()?)
}

/// What parts like these can say of a time: 21:30:59 is 21:30 where there are no seconds, and
/// midnight where there is no time at all.
fn as_fine_as(parts: &BrokenDownTime, sample: DateTime) -> Option<DateTime> {
    let midnight = sample.date().at(0, 0, 0, 0);
    match (parts.hour(), parts.minute(), parts.second()) {
        // Half a day is no time.
        (None, None, None) => parts.meridiem().is_none().then_some(midnight),
        (Some(_), None, None) => Some(sample.date().at(sample.hour(), 0, 0, 0)),
        (Some(_), Some(_), None) => Some(sample.date().at(sample.hour(), sample.minute(), 0, 0)),
        (_, _, _) => Some(sample),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_read_what_they_write() {
        let check = |pattern: &str, text: &str, expected: &str| {
            let found = TimePattern::new(pattern).unwrap().read(text).map(|at| at.to_string());
            assert_eq!(found.as_deref(), Some(expected), "{pattern}");
        };
        let (ten, midnight) = ("2026-11-22T22:00:00Z", "2026-11-22T00:00:00Z");
        check("%d/%b/%Y:%H:%M:%S %z", "22/Nov/2026:23:00:00 +0100", ten);
        check("%Y-%m-%d %H:%M:%S%.f", "2026-11-22 22:00:00.5", "2026-11-22T22:00:00.5Z");
        check("%Y-%m-%d %I:%M:%S %p", "2026-11-22 10:00:00 PM", ten);
        check("%Y-%m-%d %H:%M", "2026-11-22 22:00", ten);
        check("%Y-%m-%d %I %p", "2026-11-22 10 PM", ten);
        check("%Y%m%d%H", "2026112222", ten);
        check("%F %T", "2026-11-22 22:00:00", ten);
        check("%s", "1795384800", ten);
        check("%Y%m%d", "20261122", midnight);
        check("%Y-%j", "2026-326", midnight);
        check("%Y-%m-%d%z", "2026-11-22+0200", "2026-11-21T22:00:00Z");
    }

    #[test]
    fn a_pattern_that_loses_the_date_or_the_time_is_refused() {
        let error = |pattern| TimePattern::new(pattern).unwrap_err().to_string();
        insta::assert_snapshot!(error("%H:%M"), @"`%H:%M` is no pattern of strptime that tells a date: `21:30` cannot be read with it");
        insta::assert_snapshot!(error("%Y-%m-%!"), @"`%Y-%m-%!` is no pattern of strptime that tells a date: strftime formatting failed: found unrecognized specifier directive `!`");
        insta::assert_snapshot!(error("%Y-%m-%d %I:%M:%S"), @"`%Y-%m-%d %I:%M:%S` is no pattern of strptime that tells a date: 2026-11-22T21:30:59Z is written `2026-11-22 09:30:59` and read as 2026-11-22T09:30:59Z");
        insta::assert_snapshot!(error("%Y-%m-%d %M:%S"), @"`%Y-%m-%d %M:%S` is no pattern of strptime that tells a date: `2026-11-22 30:59` cannot be read with it");
        insta::assert_snapshot!(error("%Y-%m-%d %H %S"), @"`%Y-%m-%d %H %S` is no pattern of strptime that tells a date: `2026-11-22 21 59` cannot be read with it");
        insta::assert_snapshot!(error("%Y-%m-%d %p"), @"`%Y-%m-%d %p` is no pattern of strptime that tells a date: 2026-11-22T21:30:59Z is written `2026-11-22 PM` and read as 2026-11-22T00:00:00Z");
    }
}
