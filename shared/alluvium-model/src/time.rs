//! Instants, given from outside: this crate has no clock.

use std::{fmt, ops::RangeInclusive, str::FromStr};

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::Offset};
use serde::{Deserialize, Serialize};

/// Years that lie wholly within what jiff's `Timestamp` holds.
const JIFF_YEARS: RangeInclusive<i16> = -9998..=9998;
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// An instant in UTC with microseconds, from the year -9999 to the year 9999; its text is RFC 3339
/// with `Z`.
// Not jiff's own `Timestamp`: that ends before 9999-12-31T23:59:59Z, which real data is full of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UtcInstant(i64);

impl UtcInstant {
    /// The first microsecond of the year -9999, which is where jiff begins.
    const MIN: Self = Self(-377_705_116_800_000_000);
    /// The last microsecond of the year 9999, which is where jiff ends.
    const MAX: Self = Self::LAST_TIMESTAMP;
    /// The first instant of a timestamp column, 1900-01-01T00:00:00Z: Spark 3 stops at earlier
    /// ones in files of writers that it does not know (SPARK-46440).
    pub const FIRST_TIMESTAMP: Self = Self(-2_208_988_800_000_000);
    /// The last instant of a timestamp column, 9999-12-31T23:59:59.999999Z.
    pub const LAST_TIMESTAMP: Self = Self(253_402_300_799_999_999);

    /// The instant this many microseconds after 1970-01-01T00:00:00Z; none beyond the years
    /// -9999 to 9999.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Option<Self> {
        if Self::MIN.0 <= micros && micros <= Self::MAX.0 { Some(Self(micros)) } else { None }
    }

    /// The instant at which a clock in UTC shows this; what is finer than a microsecond is left
    /// out.
    #[must_use]
    pub fn from_utc(shown: DateTime) -> Option<Self> {
        if JIFF_YEARS.contains(&shown.year()) {
            // A few times faster.
            return Offset::UTC.to_timestamp(shown).ok().map(|at| Self(at.as_microsecond()));
        }
        let since_epoch = shown.duration_since(EPOCH);
        let seconds = since_epoch.as_secs().checked_mul(1_000_000)?;
        Self::from_micros(seconds + i64::from(since_epoch.subsec_micros()))
    }

    /// The instant this long after this one (before it, if negative), if there is one; what is
    /// finer than a microsecond is left out.
    #[must_use]
    pub fn plus(self, duration: SignedDuration) -> Option<Self> {
        let since_epoch = SignedDuration::from_micros(self.0).checked_add(duration)?;
        i64::try_from(since_epoch.as_micros()).ok().and_then(Self::from_micros)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The day in UTC, `YYYY-MM-DD`.
    #[must_use]
    pub fn day(self) -> String {
        self.utc().date().to_string()
    }

    fn utc(self) -> DateTime {
        // In range by construction.
        EPOCH.checked_add(SignedDuration::from_micros(self.0)).unwrap_or(EPOCH)
    }
}

impl fmt::Display for UtcInstant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}Z", self.utc())
    }
}

impl From<UtcInstant> for String {
    fn from(instant: UtcInstant) -> Self {
        instant.to_string()
    }
}

impl TryFrom<String> for UtcInstant {
    type Error = jiff::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for UtcInstant {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // What is written as UTC is read without jiff's `Timestamp` and its narrower range.
        if let Some(utc) = text.strip_suffix(['Z', 'z'])
            && let Some(instant) = Self::from_utc(utc.parse()?)
        {
            return Ok(instant);
        }
        Ok(Self(text.parse::<Timestamp>()?.as_microsecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_has_a_text_and_a_day() {
        let instant = UtcInstant::from_micros(1_468_972_801_000_001).unwrap();
        assert_eq!(instant.to_string(), "2016-07-20T00:00:01.000001Z");
        assert_eq!(instant.day(), "2016-07-20");
        assert_eq!("2016-07-20T00:00:01.000001Z".parse::<UtcInstant>().unwrap(), instant);
        assert_eq!("2016-07-20T02:00:01.000001+02:00".parse::<UtcInstant>().unwrap(), instant);
        assert_eq!(UtcInstant::from_micros(i64::MAX), None);
    }

    #[test]
    fn timestamps_reach_from_1900_to_9999() {
        let (first, last) = (UtcInstant::FIRST_TIMESTAMP, UtcInstant::LAST_TIMESTAMP);
        assert_eq!(first.to_string(), "1900-01-01T00:00:00Z");
        assert_eq!(last.to_string(), "9999-12-31T23:59:59.999999Z");
        assert_eq!(last.to_string().parse::<UtcInstant>().unwrap(), last);
        assert_eq!(last.plus(SignedDuration::from_micros(1)), None);
    }

    #[test]
    fn instants_reach_as_far_as_jiff_does() {
        assert_eq!(UtcInstant::from_utc(DateTime::MIN), Some(UtcInstant::MIN));
        assert_eq!(UtcInstant::from_utc(DateTime::MAX), Some(UtcInstant::MAX));
        assert_eq!(UtcInstant::MIN.utc(), DateTime::MIN);
        assert_eq!(UtcInstant::from_micros(UtcInstant::MIN.0 - 1), None);
        assert_eq!(UtcInstant::MIN.plus(SignedDuration::from_micros(-1)), None);
    }

    #[test]
    fn every_year_is_as_far_from_the_epoch_as_its_days_are() {
        for year in -9999..=9999 {
            for (month, day) in [(1, 1), (2, 28), (3, 1), (12, 31)] {
                for nanosecond in [0, 999_999_999] {
                    let shown = DateTime::new(year, month, day, 23, 59, 59, nanosecond).unwrap();
                    let expected = shown.duration_since(EPOCH).as_micros();
                    let found = UtcInstant::from_utc(shown).unwrap().micros();
                    assert_eq!(i128::from(found), expected, "{shown}");
                }
            }
        }
    }
}
