//! Walking a text that `scan` has passed: one value, no white space, no flaw.
//!
//! Nothing here checks grammar again; on a text that breaks it the answers are wrong, but no
//! function panics or goes on for ever.

use std::borrow::Cow;

use crate::recover::Nesting;

/// The byte at `at`; 0, which stands in no such text, beyond the end.
pub(crate) fn byte(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(0)
}

/// Where the value that begins at `at` ends.
pub(crate) fn end_of_value(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let length = match rest.first() {
        Some(b'"') => end_of_string(rest),
        Some(b'{' | b'[') => {
            let mut nesting = Nesting::default();
            rest.iter().position(|b| nesting.closes_with(*b)).map(|last| last + 1)
        }
        _ => rest.iter().position(|b| matches!(b, b',' | b']' | b'}')),
    };
    at + length.unwrap_or(rest.len())
}

fn end_of_string(text: &[u8]) -> Option<usize> {
    let mut from = 1;
    loop {
        let found = from + memchr::memchr2(b'"', b'\\', text.get(from..)?)?;
        if byte(text, found) == b'"' {
            return Some(found + 1);
        }
        from = found + 2;
    }
}

/// The value at `at` as text.
pub(crate) fn value_text(text: &[u8], at: usize) -> &str {
    let value = text.get(at..end_of_value(text, at)).unwrap_or_default();
    // `frame` lets only UTF-8 through, and values are cut at ASCII bytes.
    std::str::from_utf8(value).unwrap_or_default()
}

/// A key with its value, by where they stand.
pub(crate) struct Member<'a> {
    /// The key, unescaped.
    pub(crate) key: Cow<'a, str>,
    /// Where the value begins.
    pub(crate) value: usize,
}

/// The member whose key begins at `at`, in the object that `at` stands in.
pub(crate) fn member(text: &[u8], at: usize) -> Member<'_> {
    let key = value_text(text, at);
    Member { key: unquote(key), value: at + key.len() + 1 }
}

/// The members of the object that begins at `at`.
pub(crate) fn members(text: &[u8], at: usize) -> impl Iterator<Item = Member<'_>> {
    let mut next = at + 1;
    std::iter::from_fn(move || {
        if byte(text, next) != b'"' {
            return None;
        }
        let member = member(text, next);
        next = end_of_value(text, member.value) + 1;
        Some(member)
    })
}

/// Where the elements of the array that begins at `at` begin.
pub(crate) fn elements(text: &[u8], at: usize) -> impl Iterator<Item = usize> {
    let mut next = at + 1;
    std::iter::from_fn(move || {
        if matches!(byte(text, next), b']' | 0) {
            return None;
        }
        let element = next;
        next = end_of_value(text, element);
        if byte(text, next) == b',' {
            next += 1;
        }
        Some(element)
    })
}

/// Whether the value at `at` is SQL NULL: `null`, `{}` or `[]`.
pub(crate) fn is_null(text: &[u8], at: usize) -> bool {
    match byte(text, at) {
        b'n' => true,
        b'{' => byte(text, at + 1) == b'}',
        b'[' => byte(text, at + 1) == b']',
        _ => false,
    }
}

/// The content of a string with its quotes, unescaped.
pub(crate) fn unquote(quoted: &str) -> Cow<'_, str> {
    let raw = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(quoted);
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    // The grammar and the surrogates were checked, so this cannot fail.
    Cow::Owned(serde_json::from_str(quoted).unwrap_or_else(|_| raw.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_end_where_they_end() {
        let check = |text: &str, expected: &str| {
            assert_eq!(value_text(text.as_bytes(), 0), expected);
        };
        check("12,3", "12");
        check("null}", "null");
        check("\"a\\\"\\\\\",1", "\"a\\\"\\\\\"");
        check("{\"}\":[1,{}]}]", "{\"}\":[1,{}]}");
        check("", "");
    }

    #[test]
    fn containers_are_walked() {
        let object = br#"{"a":1,"b\n":{"c":[]},"":"x"}"#;
        let found: Vec<_> = members(object, 0)
            .map(|member| format!("{}={}", member.key, value_text(object, member.value)))
            .collect();
        assert_eq!(found, ["a=1", "b\n={\"c\":[]}", "=\"x\""]);
        assert_eq!(members(b"{}", 0).count(), 0);
        let array = br#"[1,"a,b",[2,3],{"x":4}]"#;
        let found: Vec<_> = elements(array, 0).map(|at| value_text(array, at)).collect();
        assert_eq!(found, ["1", "\"a,b\"", "[2,3]", "{\"x\":4}"]);
        assert_eq!(elements(b"[]", 0).count(), 0);
    }
}
