//! What a value is, read from its text.

use alluvium_model::{ClassSet, UtcInstant, ValueClass};
use jiff::{SignedDuration, civil::DateTime};

use crate::{
    members::Shape,
    text::{after_comma, byte, end_of_value, unquote, value_text},
};

/// Bytes of an RFC 3339 date-time that can be a timestamp: date, time, six digits, offset.
const TIMESTAMP_BYTES: std::ops::RangeInclusive<usize> = 20..=32;
/// The same in quotes.
const QUOTED_TIMESTAMP_BYTES: std::ops::RangeInclusive<usize> =
    *TIMESTAMP_BYTES.start() + 2..=*TIMESTAMP_BYTES.end() + 2;
/// A character of a timestamp written as `\uXXXX` takes six.
const ESCAPED_TIMESTAMP_BYTES_MAX: usize = 6 * *TIMESTAMP_BYTES.end() + 2;
/// Shorter integers are exact in a double: they are below 2^53.
const EXACT_INTEGER_BYTES_MAX: usize = 15;
/// Numbers with a point that are no longer are finite, and zero only if all their digits are.
const SURE_DECIMAL_BYTES_MAX: usize = 300;

/// The class of the value at `at`, which is not SQL NULL, and where it ends.
pub(crate) fn classify(text: &str, at: usize) -> (ValueClass, usize) {
    if byte(text, at) == b'[' {
        return classify_array(text, at);
    }
    let value = value_text(text, at);
    let class = match byte(value, 0) {
        b'"' if timestamp(value).is_some() => ValueClass::Timestamp,
        b'"' => ValueClass::String,
        b't' | b'f' => ValueClass::Boolean,
        b'{' => ValueClass::Json,
        _ => classify_number(value),
    };
    (class, at + value.len())
}

/// The class of the value of so many bytes, which is not SQL NULL and has this shape; its text is
/// asked for only if these do not tell.
#[inline]
pub(crate) fn classify_as<'a>(
    shape: Shape,
    length: usize,
    text: impl Fn() -> &'a str,
) -> ValueClass {
    match shape {
        Shape::Integer if length <= EXACT_INTEGER_BYTES_MAX => ValueClass::Bigint,
        Shape::Decimal if length <= SURE_DECIMAL_BYTES_MAX => ValueClass::Double,
        Shape::Integer | Shape::Decimal | Shape::Exponential => classify_number(text()),
        Shape::String if !QUOTED_TIMESTAMP_BYTES.contains(&length) => ValueClass::String,
        Shape::String if plain_timestamp(text()).is_some() => ValueClass::Timestamp,
        Shape::EscapedString if timestamp(text()).is_some() => ValueClass::Timestamp,
        Shape::String | Shape::EscapedString => ValueClass::String,
        Shape::Boolean => ValueClass::Boolean,
        Shape::Array => classify_array(text(), 0).0,
        Shape::Object | Shape::Null => ValueClass::Json,
    }
}

fn classify_array(text: &str, at: usize) -> (ValueClass, usize) {
    let mut classes = ClassSet::default();
    let mut next = at + 1;
    while !matches!(byte(text, next), b']' | 0) {
        let end = match byte(text, next) {
            b'n' => end_of_value(text, next),
            // Whatever a container holds, an array of such is JSON.
            b'{' | b'[' => {
                classes.insert(ValueClass::Json);
                end_of_value(text, next)
            }
            _ => {
                let (class, end) = classify(text, next);
                classes.insert(class);
                end
            }
        };
        next = after_comma(text, end);
    }
    (ValueClass::of_array(classes), next + 1)
}

/// Whether the value at `at` is `null` itself.
pub(crate) fn is_json_null(text: &str, at: usize) -> bool {
    byte(text, at) == b'n'
}

pub(crate) fn classify_number(lexeme: &str) -> ValueClass {
    if !lexeme.contains(['.', 'e', 'E']) {
        return match lexeme.parse() {
            Ok(integer) if is_exact_in_double(integer) => ValueClass::Bigint,
            Ok(_) => ValueClass::WideBigint,
            Err(_) => ValueClass::String,
        };
    }
    let mantissa = lexeme.split(['e', 'E']).next().unwrap_or_default();
    let is_zero = !mantissa.contains(|c: char| ('1'..='9').contains(&c));
    match lexeme.parse::<f64>() {
        Ok(double) if double.is_finite() && (double != 0.0 || is_zero) => ValueClass::Double,
        _ => ValueClass::String,
    }
}

/// Whether a double holds this integer as it is: its significant bits fit 53.
pub(crate) fn is_exact_in_double(integer: i64) -> bool {
    let magnitude = integer.unsigned_abs();
    magnitude == 0 || 64 - magnitude.leading_zeros() - magnitude.trailing_zeros() <= 53
}

/// The integer with this lexeme, if it is within i64.
pub(crate) fn bigint(lexeme: &str) -> Option<i64> {
    lexeme.parse().ok()
}

/// The double nearest to the number with this lexeme. The integer `-0` is 0.
pub(crate) fn double(lexeme: &str) -> Option<f64> {
    if lexeme == "-0" { Some(0.0) } else { lexeme.parse().ok() }
}

/// The instant of an RFC 3339 date-time in quotes, if a timestamp column can hold it: with `T`,
/// an offset, at most six fractional digits, no leap second, 1900 to 9999 in UTC.
pub(crate) fn timestamp(quoted: &str) -> Option<UtcInstant> {
    // A look at the length alone decides about nearly all text.
    if quoted.len() > ESCAPED_TIMESTAMP_BYTES_MAX || quoted.len() < *QUOTED_TIMESTAMP_BYTES.start()
    {
        return None;
    }
    let plain = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    // No character of one is a backslash.
    match plain.and_then(instant) {
        None if quoted.contains('\\') => instant(&unquote(quoted)),
        found => found,
    }
}

/// The same for a string without escapes.
fn plain_timestamp(quoted: &str) -> Option<UtcInstant> {
    quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(instant)
}

/// The same without quotes.
fn instant(text: &str) -> Option<UtcInstant> {
    let bytes = text.as_bytes();
    if !TIMESTAMP_BYTES.contains(&bytes.len()) {
        return None;
    }
    let (date_time, rest) = bytes.split_at_checked(19)?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T' | b't', time @ ..] = date_time else {
        return None;
    };
    let [h1, h2, b':', n1, n2, b':', s1, s2] = time else { return None };
    let year = 100 * i16::from(pair(*y1, *y2)?) + i16::from(pair(*y3, *y4)?);
    let (month, day) = (pair(*m1, *m2)?, pair(*d1, *d2)?);
    let (hour, minute, second) = (pair(*h1, *h2)?, pair(*n1, *n2)?, pair(*s1, *s2)?);
    let digits = rest.iter().skip(1).take_while(|b| b.is_ascii_digit()).count();
    let (micros, offset) = match rest {
        [b'.', fraction @ ..] if (1..=6).contains(&digits) => {
            let (fraction, offset) = fraction.split_at_checked(digits)?;
            let scale = 10_i32.pow(6 - u32::try_from(digits).ok()?);
            (number(fraction) * scale, offset)
        }
        _ => (0, rest),
    };
    let offset_seconds = match offset {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (i64::from(pair(*h1, *h2)?), i64::from(pair(*m1, *m2)?));
            let seconds = (hours <= 23 && minutes <= 59).then_some(hours * 3600 + minutes * 60)?;
            if *sign == b'-' { -seconds } else { seconds }
        }
        _ => return None,
    };
    let civil = DateTime::new(year, month, day, hour, minute, second, micros * 1000).ok()?;
    let mut instant = UtcInstant::from_utc(civil)?;
    if offset_seconds != 0 {
        instant = instant.plus(-SignedDuration::from_secs(offset_seconds))?;
    }
    (UtcInstant::FIRST_TIMESTAMP..=UtcInstant::LAST_TIMESTAMP).contains(&instant).then_some(instant)
}

/// The number of two digits.
fn pair(tens: u8, ones: u8) -> Option<i8> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| byte - b'0');
    i8::try_from(10 * digit(tens)? + digit(ones)?).ok()
}

/// The number of a few digits.
fn number(digits: &[u8]) -> i32 {
    digits.iter().fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_its_class() {
        use ValueClass as C;
        let check = |text: &str, expected| {
            assert_eq!(classify(text, 0), (expected, text.len()), "{text}");
        };
        check("true", C::Boolean);
        check("0", C::Bigint);
        check("-0", C::Bigint);
        check("9007199254740992", C::Bigint);
        check("9007199254740993", C::WideBigint);
        check("9007199254740994", C::Bigint);
        check("9223372036854775807", C::WideBigint);
        check("-9223372036854775808", C::Bigint);
        check("9223372036854775808", C::String);
        check("-9223372036854775809", C::String);
        check("1.0", C::Double);
        check("1E5", C::Double);
        check("-0.0", C::Double);
        check("0e999", C::Double);
        check("1e400", C::String);
        check("1e-400", C::String);
        check("0.1234567890123456789012345678901234567890", C::Double);
        check("\"\"", C::String);
        check("\"1\"", C::String);
        check("\"2016-07-20T00:06:01Z\"", C::Timestamp);
        check("\"2016\\u002d07-20T00:06:01Z\"", C::Timestamp);
        check("[null,null]", C::NullArray);
        check("[1,null]", C::BigintArray);
        check("[1,2.5]", C::DoubleArray);
        check("[9007199254740993,2.5]", C::MixedArray);
        check("[[]]", C::Json);
        check("[{}]", C::Json);
        check("[1,[2]]", C::Json);
        check("{\"a\":1}", C::Json);
    }

    #[test]
    fn only_rfc_3339_is_a_timestamp() {
        let check = |text: &str, expected: Option<&str>| {
            let found = timestamp(&format!("\"{text}\"")).map(|instant| instant.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        check("2016-07-20T00:06:01Z", Some("2016-07-20T00:06:01Z"));
        check("2016-07-20t00:06:01.123456z", Some("2016-07-20T00:06:01.123456Z"));
        check("2016-07-20T00:06:01.5+02:30", Some("2016-07-19T21:36:01.5Z"));
        check("2016-07-20T00:06:01-00:00", Some("2016-07-20T00:06:01Z"));
        check("1900-01-01T00:00:00Z", Some("1900-01-01T00:00:00Z"));
        check("1900-01-01T00:00:00+00:01", None);
        check("9999-12-31T23:59:59.999999Z", Some("9999-12-31T23:59:59.999999Z"));
        check("9999-12-31T23:59:59-00:01", None);
        check("0001-01-01T00:00:00Z", None);
        check("2016-02-29T00:00:00Z", Some("2016-02-29T00:00:00Z"));
        for text in [
            "2015-02-29T00:00:00Z",
            "2016-13-01T00:00:00Z",
            "2016-07-20T24:00:00Z",
            "2016-12-31T23:59:60Z",
            "2016-07-20T00:06:01",
            "2016-07-20 00:06:01Z",
            "2016-07-20T00:06:01.1234567Z",
            "2016-07-20T00:06:01.Z",
            "2016-07-20T00:06:01+0200",
            "2016-07-20T00:06:01+24:00",
            "2016-07-20T00:06Z",
            "20160720T000601.0000Z",
            "+016-07-20T00:06:01Z",
            "2016-07-20T00:06:01Zx",
            "２016-07-20T00:06:01Z",
        ] {
            check(text, None);
        }
    }
}
