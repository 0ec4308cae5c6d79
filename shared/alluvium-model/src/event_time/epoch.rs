//! Times as decimal numbers, counted from 1970.

use crate::UtcInstant;

/// Digits of an `i64` at most. A number with more of them before its point is no instant.
const DIGITS_MAX: i64 = 19;

/// The instant that a decimal number says, in units of `10^exponent` microseconds. What is finer
/// than a microsecond is left out.
pub(super) fn read(text: &str, exponent: i64) -> Option<UtcInstant> {
    let (mantissa, written) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let (sign, whole) = whole.strip_prefix('-').map_or((1, whole), |whole| (-1, whole));
    let unsigned = written.strip_prefix(['+', '-']).unwrap_or(written);
    if !is_digits(whole) || !is_digits(unsigned) || !all_digits(fraction) {
        return None;
    }
    let mut digits = whole.bytes().chain(fraction.bytes()).skip_while(|digit| *digit == b'0');
    let significant = i64::try_from(digits.clone().count()).ok()?;
    if significant == 0 {
        return UtcInstant::from_micros(0);
    }
    // Digits before the point, once it was moved: never walk an exponent, only what is there.
    let fraction = i64::try_from(fraction.len()).ok()?;
    let moved = written.parse::<i64>().ok()?.checked_add(exponent)?;
    let places = significant.checked_add(moved)?.checked_sub(fraction)?;
    if places > DIGITS_MAX {
        return None;
    }
    let mut micros: i64 = 0;
    for _ in 0..places {
        let digit = digits.next().unwrap_or(b'0');
        micros = micros.checked_mul(10)?.checked_add(i64::from(digit - b'0'))?;
    }
    UtcInstant::from_micros(sign * micros)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && all_digits(text)
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, exponent: i64, expected: Option<i64>) {
        assert_eq!(read(text, exponent).map(UtcInstant::micros), expected, "{text}");
    }

    #[test]
    fn numbers_are_read_however_they_are_written() {
        check("1795341600.5", 6, Some(1_795_341_600_500_000));
        check("1.7953416005e9", 6, Some(1_795_341_600_500_000));
        check("17953416005e2", 3, Some(1_795_341_600_500_000));
        check("17953416005E-1", 6, Some(1_795_341_600_500_000));
        check("0.00000017953416005e+16", 6, Some(1_795_341_600_500_000));
        check("1795341600500000999", -3, Some(1_795_341_600_500_000));
        check("-0.5", 6, Some(-500_000));
        check("0001", 0, Some(1));
        check("1e-1", 0, Some(0));
        check("123e-99", 6, Some(0));
        for text in ["", "-", ".5", "abc", "1e", "1e+", "9e99", "0x10", "1.2.3", "+1", "1e+-2"] {
            check(text, 6, None);
        }
    }

    /// Each exponent used to be walked, a zero at a time: seconds of CPU for a dozen bytes.
    #[test]
    fn exponents_cost_nothing() {
        for zero in [
            "0e2147483640",
            "0.0e99",
            "-0e2000000000",
            "0.000e-2147483648",
            "0e99999999999999999999",
        ] {
            check(zero, 6, Some(0));
        }
        for none in ["1e2147483640", "0.1e2147483647", "1e9223372036854775807", "0e", "0ex"] {
            check(none, 6, None);
        }
        check("1e-2147483648", 6, Some(0));
    }
}
