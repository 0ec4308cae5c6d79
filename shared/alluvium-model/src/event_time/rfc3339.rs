//! Times as RFC 3339 writes them, and not as its looser relatives do.

use jiff::civil::DateTime;

use crate::UtcInstant;

const MICROS_A_MINUTE: i64 = 60_000_000;

/// The instant that `YYYY-MM-DDTHH:MM:SS[.digits](Z|±HH:MM)` says, `t` and `z` being as good.
/// What is finer than a microsecond is left out; there are no leap seconds.
pub(super) fn read(text: &str) -> Option<UtcInstant> {
    #[rustfmt::skip]
    let [
        y1, y2, y3, y4, b'-', mo1, mo2, b'-', d1, d2, b'T' | b't',
        h1, h2, b':', m1, m2, b':', s1, s2, rest @ ..
    ] = text.as_bytes() else {
        return None;
    };
    let year = i16::from(two(*y1, *y2)?) * 100 + i16::from(two(*y3, *y4)?);
    let (month, day) = (two(*mo1, *mo2)?, two(*d1, *d2)?);
    let (hour, minute, second) = (two(*h1, *h2)?, two(*m1, *m2)?, two(*s1, *s2)?);
    let (nanos, rest) = fraction(rest)?;
    let shown = DateTime::new(year, month, day, hour, minute, second, nanos).ok()?;
    let micros = UtcInstant::from_utc(shown)?.micros().checked_sub(offset(rest)?)?;
    UtcInstant::from_micros(micros)
}

/// The nanoseconds of the digits behind a point, if there is one, and what follows.
fn fraction(text: &[u8]) -> Option<(i32, &[u8])> {
    let [b'.', digits @ ..] = text else { return Some((0, text)) };
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = digits.split_at_checked(length).filter(|_| length > 0)?;
    // The seventh digit and those behind it are finer than a microsecond.
    let six = digits.iter().chain(std::iter::repeat(&b'0')).take(6);
    let micros = six.fold(0, |micros, digit| micros * 10 + i32::from(digit - b'0'));
    Some((micros * 1_000, rest))
}

/// The microseconds that clocks there are ahead of UTC.
fn offset(text: &[u8]) -> Option<i64> {
    let (sign, hours, minutes) = match text {
        [b'Z' | b'z'] => return Some(0),
        [b'+', h1, h2, b':', m1, m2] => (1, two(*h1, *h2)?, two(*m1, *m2)?),
        [b'-', h1, h2, b':', m1, m2] => (-1, two(*h1, *h2)?, two(*m1, *m2)?),
        _ => return None,
    };
    let is_lawful = hours <= 23 && minutes <= 59;
    is_lawful.then(|| sign * (i64::from(hours) * 60 + i64::from(minutes)) * MICROS_A_MINUTE)
}

fn two(tens: u8, ones: u8) -> Option<i8> {
    let digit = |byte: u8| char::from(byte).to_digit(10).and_then(|digit| i8::try_from(digit).ok());
    Some(digit(tens)? * 10 + digit(ones)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_rfc_3339_is_read() {
        let check = |text: &str, expected: &str| {
            assert_eq!(read(text).map(|at| at.to_string()).as_deref(), Some(expected), "{text}");
        };
        check("2026-11-22T23:00:00Z", "2026-11-22T23:00:00Z");
        check("2026-11-22t23:00:00z", "2026-11-22T23:00:00Z");
        check("2026-11-22T23:00:00+05:30", "2026-11-22T17:30:00Z");
        check("2026-11-22T23:00:00-01:00", "2026-11-23T00:00:00Z");
        check("2026-11-22T23:00:00-00:00", "2026-11-22T23:00:00Z");
        check("2026-11-22T23:00:00+23:59", "2026-11-21T23:01:00Z");
        check("2026-11-22T23:00:00.5Z", "2026-11-22T23:00:00.5Z");
        check("2026-11-22T23:00:00.123456999999999999999Z", "2026-11-22T23:00:00.123456Z");
        check("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.999999Z");
        check("1969-12-31T23:59:59.9999999Z", "1969-12-31T23:59:59.999999Z");
        check("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z");
        check("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z");
    }

    /// Some of these used to be read, and a few of them wrongly: the first as an hour of UTC.
    #[test]
    fn what_only_looks_like_rfc_3339_is_not_read() {
        for zone in [
            "",
            "+05:00Z",
            "Z[Europe/Berlin]",
            "[Europe/Berlin]",
            "+01:00[Europe/Berlin]",
            ",5Z",
            ".Z",
            ".",
            ".5",
            "+02",
            "+0200",
            "+2:00",
            "+24:00",
            "+25:00",
            "+02:60",
            "+02:00:00",
            "ZZ",
            " Z",
            "Z ",
            "\u{2212}02:00",
            ".5.5Z",
            ".-5Z",
        ] {
            assert_eq!(read(&format!("2026-11-22T10:00:00{zone}")), None, "{zone}");
        }
        for text in [
            "",
            "2026-11-22",
            "2026-11-22T10Z",
            "2026-11-22T10:00Z",
            "2026-11-22T23:59:60Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T10:60:00Z",
            "2026-02-29T10:00:00Z",
            "2026-13-01T10:00:00Z",
            "2026-00-01T10:00:00Z",
            "2026-11-00T10:00:00Z",
            "2026-11-22 10:00:00Z",
            "2026-11-22_10:00:00Z",
            "20261122T100000Z",
            "+002026-11-22T10:00:00Z",
            "-026-11-22T10:00:00Z",
            "2026-11-22T1é:00:00Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
