//! What a value counts as under the rules of its table.
//!
//! A declared kind also takes what it can hold exactly although it is written otherwise: the text
//! of a number or of a boolean, and a whole number with a point or an exponent. Such a value
//! counts as what the kind takes, and `column` reads it accordingly.

use alluvium_model::{Kind, Numbers, Scalar, TableRules, Timestamps, ValueClass};

use crate::scalar::classify_number;

/// Below it a double holds every integer.
const DOUBLE_INTEGERS: i64 = 1 << 53;

/// What a value of `class` with this JSON text counts as at a path with this declared kind.
#[inline]
pub(crate) fn class_under<'a>(
    rules: &TableRules,
    declared: Option<Kind>,
    class: ValueClass,
    text: impl Fn() -> &'a str,
) -> ValueClass {
    let declared = declared.and_then(|kind| class_as(kind, class, text()));
    declared.unwrap_or_else(|| class_by_rules(rules, class))
}

/// What a value counts as that this kind takes, as it is or converted.
#[inline(never)]
fn class_as(kind: Kind, class: ValueClass, text: &str) -> Option<ValueClass> {
    if class.fits(kind) { Some(class) } else { converted(kind, text) }
}

/// What a value of `class` counts as where nothing else is declared.
#[inline]
fn class_by_rules(rules: &TableRules, class: ValueClass) -> ValueClass {
    let doubles = rules.numbers == Numbers::Double;
    let texts = rules.timestamps == Timestamps::String;
    if doubles && class == ValueClass::Bigint {
        ValueClass::Double
    } else if doubles && class == ValueClass::BigintArray {
        ValueClass::DoubleArray
    } else if texts && class == ValueClass::Timestamp {
        ValueClass::String
    } else if texts && class == ValueClass::TimestampArray {
        ValueClass::StringArray
    } else {
        class
    }
}

/// What a column of `kind` takes the value with this JSON text for, if it takes it only once it
/// is converted.
fn converted(kind: Kind, text: &str) -> Option<ValueClass> {
    let content = content(text)?;
    match kind {
        Kind::Scalar(Scalar::Boolean) => {
            matches!(content, "true" | "false").then_some(ValueClass::Boolean)
        }
        Kind::Scalar(Scalar::Bigint | Scalar::Double) if is_number(content) => {
            let class = classify_number(content);
            let whole = || whole_number(content).filter(|_| kind == Kind::Scalar(Scalar::Bigint));
            class.fits(kind).then_some(class).or_else(|| whole().map(|_| ValueClass::Bigint))
        }
        Kind::Scalar(_) | Kind::Array(_) | Kind::Json => None,
    }
}

/// The content of a string without escapes, or a lexeme as it is.
fn content(text: &str) -> Option<&str> {
    if text.starts_with(['{', '[']) || text.contains('\\') {
        return None;
    }
    Some(text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text))
}

/// The integer that a number with a point or an exponent is, if it is one that a double holds.
pub(crate) fn whole_number(lexeme: &str) -> Option<i64> {
    let (mantissa, exponent) = lexeme.split_once(['e', 'E']).unwrap_or((lexeme, "0"));
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or((1, mantissa), |rest| (-1, rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let point = i64::try_from(whole.len()).ok()?.checked_add(exponent.parse().ok()?)?;
    let mut integer: i64 = 0;
    let digits = whole.bytes().chain(fraction.bytes()).map(|digit| i64::from(digit - b'0'));
    let mut places = 0;
    for digit in digits {
        if places < point {
            integer = integer.checked_mul(10)?.checked_add(digit)?;
        } else if digit != 0 {
            return None;
        }
        places += 1;
    }
    while integer != 0 && places < point {
        integer = integer.checked_mul(10)?;
        places += 1;
    }
    // An integer has no negative zero.
    let is_whole = integer < DOUBLE_INTEGERS && (integer != 0 || sign > 0);
    is_whole.then_some(sign * integer)
}

/// Whether a text is a JSON number (RFC 8259, section 6).
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|e| digits(e.strip_prefix(['+', '-']).unwrap_or(e)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar::classify;

    #[test]
    fn a_declared_kind_takes_what_it_holds_exactly() {
        use ValueClass::{Bigint, Boolean, Double, WideBigint};
        let check = |kind: &str, text: &str, expected: Option<ValueClass>| {
            let kind: Kind = kind.parse().unwrap();
            let class = classify(text, 0).0;
            let found = class_under(&TableRules::default(), Some(kind), class, || text);
            assert_eq!(found, expected.unwrap_or(class), "{kind} {text}");
            assert_eq!(found.fits(kind), expected.is_some() || class.fits(kind), "{kind} {text}");
        };
        check("bigint", "12", Some(Bigint));
        check("bigint", "\"12\"", Some(Bigint));
        check("bigint", "\"9007199254740993\"", Some(WideBigint));
        check("bigint", "12.0", Some(Bigint));
        check("bigint", "\"1.2e1\"", Some(Bigint));
        check("bigint", "-0", Some(Bigint));
        check("bigint", "0e9", Some(Bigint));
        for other in [
            "1.5",
            "-0.0",
            "\"-0.0\"",
            "\"012\"",
            "\" 12\"",
            "\"\"",
            "\"1_000\"",
            "true",
            "[12]",
            "1e300",
        ] {
            check("bigint", other, None);
        }
        // Rounded to 1 by a double, and to a whole number.
        check("bigint", "1.00000000000000000001", None);
        check("bigint", "4503599627370497.5", None);
        check("bigint", "9007199254740993.0", None);
        check("double", "\"1.50\"", Some(Double));
        check("double", "\"-7\"", Some(Bigint));
        check("double", "7", Some(Bigint));
        for other in ["\"9007199254740993\"", "9007199254740993", "\"NaN\"", "\"1e400\"", "\".5\""]
        {
            check("double", other, None);
        }
        check("boolean", "\"true\"", Some(Boolean));
        for other in ["\"True\"", "1", "\"tru\\u0065\""] {
            check("boolean", other, None);
        }
        check("timestamp", "\"2026-11-22\"", None);
        check("json", "7", None);
        check("string", "7", Some(Bigint));
        check("array<double>", "[1,2]", Some(ValueClass::BigintArray));
    }

    #[test]
    fn numbers_and_timestamps_may_be_told_to_stay_what_they_are() {
        let rules = TableRules {
            numbers: Numbers::Double,
            timestamps: Timestamps::String,
            ..TableRules::default()
        };
        let check = |text: &str, declared: Option<Kind>, expected: ValueClass| {
            let class = classify(text, 0).0;
            assert_eq!(class_under(&rules, declared, class, || text), expected, "{text}");
        };
        let timestamp = "\"2026-11-22T00:00:00Z\"";
        check("7", None, ValueClass::Double);
        check("7", Some(Kind::Scalar(Scalar::Bigint)), ValueClass::Bigint);
        check("9007199254740993", None, ValueClass::WideBigint);
        check("[7]", None, ValueClass::DoubleArray);
        check(timestamp, None, ValueClass::String);
        check(timestamp, Some(Kind::Scalar(Scalar::Timestamp)), ValueClass::Timestamp);
        check(&format!("[{timestamp}]"), None, ValueClass::StringArray);
    }
}
