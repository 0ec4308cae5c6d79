//! Walking a text that `scan` has passed: one value, no white space, no flaw.
//!
//! Nothing here checks grammar again; on a text that breaks it the answers are wrong, but no
//! function panics or goes on for ever.

use std::borrow::Cow;

use wide::u8x16;

/// Bytes that are looked at together.
const BLOCK_BYTES: usize = 16;

/// The byte at `at`; 0, which stands in no such text, beyond the end.
pub(crate) fn byte(text: &str, at: usize) -> u8 {
    text.as_bytes().get(at).copied().unwrap_or(0)
}

/// Where the value that begins at `at` ends.
pub(crate) fn end_of_value(text: &str, at: usize) -> usize {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    let length = match rest.first() {
        Some(b'"') => end_of_string(rest, 0),
        Some(b'{' | b'[') => end_of_container(rest),
        _ => rest.iter().position(|b| matches!(b, b',' | b']' | b'}')),
    };
    at + length.unwrap_or(rest.len())
}

/// Where the string that begins at `at` ends.
fn end_of_string(text: &[u8], at: usize) -> Option<usize> {
    let mut from = at + 1;
    if let Some(bytes) = short_content(text.get(from..)?) {
        return Some(from + bytes + 1);
    }
    loop {
        let found = from + plain_bytes(text.get(from..)?);
        if *text.get(found)? == b'"' {
            return Some(found + 1);
        }
        from = found + 2;
    }
}

/// How many bytes a text begins with that stand for themselves in a string: neither a quote nor a
/// backslash nor a control character.
pub(crate) fn plain_bytes(text: &[u8]) -> usize {
    let (blocks, rest) = text.as_chunks();
    for (index, block) in blocks.iter().enumerate() {
        let plain = plain_bytes_of(block);
        if plain < BLOCK_BYTES {
            return BLOCK_BYTES * index + plain;
        }
    }
    let mut last = [b' '; BLOCK_BYTES];
    last.iter_mut().zip(rest).for_each(|(to, byte)| *to = *byte);
    BLOCK_BYTES * blocks.len() + plain_bytes_of(&last).min(rest.len())
}

/// Bytes of the content of a string that begins here and is short and without escapes, as most are:
/// one look tells, if there is so much text.
#[inline]
pub(crate) fn short_content(text: &[u8]) -> Option<usize> {
    let block = text.first_chunk()?;
    let plain = plain_bytes_of(block);
    (block.get(plain) == Some(&b'"')).then_some(plain)
}

/// How many bytes of a block, from its first, stand for themselves in a string.
#[inline]
fn plain_bytes_of(block: &[u8; BLOCK_BYTES]) -> usize {
    let bytes = u8x16::from(*block);
    let is_control = bytes.min(u8x16::splat(b' ' - 1)).simd_eq(bytes);
    let special =
        bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\')) | is_control;
    (special.to_bitmask() | 1 << BLOCK_BYTES).trailing_zeros() as usize
}

fn end_of_container(text: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0_u32);
    loop {
        match text.get(at)? {
            b'"' => {
                at = end_of_string(text, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 1 => return Some(at + 1),
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
}

/// The value at `at`.
pub(crate) fn value_text(text: &str, at: usize) -> &str {
    // Values begin and end at ASCII bytes.
    text.get(at..end_of_value(text, at)).unwrap_or_default()
}

/// Goes through the members of the object that begins at `at`. `visit` gets the key, unescaped,
/// and where the value begins, and says where it ends. Says where the object ends.
pub(crate) fn walk_object<'a, E>(
    text: &'a str,
    at: usize,
    mut visit: impl FnMut(Cow<'a, str>, usize) -> Result<usize, E>,
) -> Result<usize, E> {
    let mut next = at + 1;
    while byte(text, next) == b'"' {
        let key = value_text(text, next);
        next = visit(unquote(key), next + key.len() + 1)?;
        if byte(text, next) != b',' {
            break;
        }
        next += 1;
    }
    Ok(next + 1)
}

/// Where the elements of the array that begins at `at` begin.
pub(crate) fn elements(text: &str, at: usize) -> impl Iterator<Item = usize> {
    let mut next = at + 1;
    std::iter::from_fn(move || {
        if matches!(byte(text, next), b']' | 0) {
            return None;
        }
        let element = next;
        next = after_comma(text, end_of_value(text, element));
        Some(element)
    })
}

/// Where the next element begins, or the array ends, if an element ends at `at`.
pub(crate) fn after_comma(text: &str, at: usize) -> usize {
    if byte(text, at) == b',' { at + 1 } else { at }
}

/// Whether the value at `at` is SQL NULL: `null`, `{}` or `[]`.
pub(crate) fn is_null(text: &str, at: usize) -> bool {
    match byte(text, at) {
        b'n' => true,
        b'{' => byte(text, at + 1) == b'}',
        b'[' => byte(text, at + 1) == b']',
        _ => false,
    }
}

/// Gives the content of the string at `at`, unescaped, piece by piece; any other value as it is.
pub(crate) fn content_at(text: &str, at: usize, mut take: impl FnMut(&str)) {
    if byte(text, at) != b'"' {
        return take(value_text(text, at));
    }
    let mut from = at + 1;
    loop {
        let rest = text.get(from..).unwrap_or_default();
        let (plain, rest) = rest.split_at_checked(plain_bytes(rest.as_bytes())).unwrap_or_default();
        take(plain);
        if byte(rest, 0) != b'\\' {
            return;
        }
        let (character, length) = escape(rest);
        take(character.encode_utf8(&mut [0; 4]));
        from += plain.len() + length;
    }
}

/// The character that the escape at the beginning of `text` stands for, and how long that is.
fn escape(text: &str) -> (char, usize) {
    let character = match byte(text, 1) {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let unit = |digits| u16::from_str_radix(text.get(digits)?, 16).ok();
            let units = [unit(2..6), unit(8..12)].into_iter().flatten();
            // The second is of interest only to the first half of a pair.
            let character = char::decode_utf16(units).next().and_then(Result::ok);
            let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
            return (character, 6 * character.len_utf16());
        }
        itself => char::from(itself),
    };
    (character, 2)
}

/// The content of a string with its quotes, unescaped; any other value as it is.
pub(crate) fn unquote(quoted: &str) -> Cow<'_, str> {
    let raw = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(quoted);
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut content = String::with_capacity(raw.len());
    content_at(quoted, 0, |piece| content.push_str(piece));
    Cow::Owned(content)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn values_end_where_they_end() {
        let check = |text: &str, expected: &str| assert_eq!(value_text(text, 0), expected);
        check("12,3", "12");
        check("null}", "null");
        check("\"a\\\"\\\\\",1", "\"a\\\"\\\\\"");
        check("{\"}\":[1,{}]}]", "{\"}\":[1,{}]}");
        check("", "");
    }

    #[test]
    fn strings_end_at_their_first_special_byte() {
        for length in 0..200 {
            let plain = "é~!#[]\u{7f}x".chars().cycle().take(length).collect::<String>();
            assert_eq!(plain_bytes(plain.as_bytes()), plain.len());
            for special in ["\"", "\\", "\u{1f}", "\n", "\0"] {
                let text = format!("{plain}{special}\"\\\u{1}{plain}");
                assert_eq!(plain_bytes(text.as_bytes()), plain.len(), "{text:?}");
                let is_short =
                    special == "\"" && plain.len() < BLOCK_BYTES && text.len() >= BLOCK_BYTES;
                assert_eq!(short_content(text.as_bytes()), is_short.then_some(plain.len()));
            }
        }
    }

    #[test]
    fn containers_are_walked() {
        let check = |object: &str, expected: &[&str]| {
            let mut found = Vec::new();
            let end = walk_object::<Infallible>(object, 0, |key, value| {
                found.push(format!("{key}={}", value_text(object, value)));
                Ok(end_of_value(object, value))
            });
            assert_eq!(
                (found, end),
                (expected.iter().map(|&s| s.to_owned()).collect(), Ok(object.len()))
            );
        };
        check(r#"{"a":1,"b\n":{"c":[]},"":"x"}"#, &["a=1", "b\n={\"c\":[]}", "=\"x\""]);
        check("{}", &[]);
        let array = r#"[1,"a,b",[2,3],{"x":4}]"#;
        let found: Vec<_> = elements(array, 0).map(|at| value_text(array, at)).collect();
        assert_eq!(found, ["1", "\"a,b\"", "[2,3]", "{\"x\":4}"]);
        assert_eq!(elements("[]", 0).count(), 0);
    }
}
