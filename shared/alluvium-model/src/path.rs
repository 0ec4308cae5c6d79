//! Where in a record a value stands.
//!
//! The written form is the identity of a path: it names the column in the catalog for ever, so
//! equality, order and hash are those of the text.

use std::{
    borrow::{Borrow, Cow},
    fmt,
    str::FromStr,
};

/// The keys from a record down to a value, written `$.a.b` or, for a key that is no identifier,
/// `$["a.b"].c`. The record itself is `$`.
///
/// Keys may hold any text. Characters that the Glue catalog refuses (U+FFFE, U+FFFF) and control
/// characters are written as JSON escapes, so that the written form is accepted everywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JsonPath(String);

impl JsonPath {
    /// The path of the record itself.
    #[must_use]
    pub fn root() -> Self {
        Self("$".to_owned())
    }

    /// The path of the value under `key` in the object at this path.
    #[must_use]
    pub fn child(&self, key: &str) -> Self {
        let mut text = self.0.clone();
        write_key(&mut text, key);
        Self(text)
    }

    /// The path that these keys lead to.
    pub fn from_keys<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        let mut text = "$".to_owned();
        keys.into_iter().for_each(|key| write_key(&mut text, key));
        Self(text)
    }

    /// The paths of the objects that a value at this path lies in, the record itself first.
    #[must_use]
    pub fn ancestors(&self) -> impl DoubleEndedIterator<Item = &str> {
        // The text was made by `write_key` or checked by `from_str`, so nothing is left over.
        let (_, ends) = split_keys(&self.0).unwrap_or_default();
        let above = ends.len().saturating_sub(1);
        let texts = ends.into_iter().take(above).filter_map(|end| self.0.get(..end));
        (!self.is_root()).then_some("$").into_iter().chain(texts)
    }

    /// The path of the object that the value at this path is a member of.
    #[must_use]
    pub fn parent(&self) -> Option<&str> {
        self.ancestors().last()
    }

    /// Whether this is the path of the record itself.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0 == "$"
    }

    /// The keys, outermost first.
    #[must_use]
    pub fn keys(&self) -> Vec<Cow<'_, str>> {
        split_keys(&self.0).unwrap_or_default().0
    }

    /// The written form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Equality, order and hash are those of the text.
impl Borrow<str> for JsonPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is not the written form of a path.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a JSON path like `$.a.b` or `$[\"a b\"].c`")]
pub struct ParsePathError(String);

impl FromStr for JsonPath {
    type Err = ParsePathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParsePathError(text.to_owned());
        let (keys, _) = split_keys(text).ok_or_else(error)?;
        // Rewritten, so that one path has one text however its keys were escaped.
        Ok(Self::from_keys(keys.iter().map(Cow::as_ref)))
    }
}

fn is_identifier(key: &str) -> bool {
    let mut bytes = key.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn write_key(text: &mut String, key: &str) {
    if is_identifier(key) {
        text.push('.');
        text.push_str(key);
        return;
    }
    text.push_str("[\"");
    for c in key.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => {
                text.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => text.push(c),
        }
    }
    text.push_str("\"]");
}

/// The keys of a path, and where in its text each of them ends.
fn split_keys(text: &str) -> Option<(Vec<Cow<'_, str>>, Vec<usize>)> {
    let mut rest = text.strip_prefix('$')?;
    let (mut keys, mut ends) = (Vec::new(), Vec::new());
    while !rest.is_empty() {
        let (key, after) = split_key(rest)?;
        keys.push(key);
        ends.push(text.len() - after.len());
        rest = after;
    }
    Some((keys, ends))
}

/// The key that the rest of a path begins with, and what follows it.
fn split_key(rest: &str) -> Option<(Cow<'_, str>, &str)> {
    if let Some(dotted) = rest.strip_prefix('.') {
        let end = dotted.find(['.', '[']).unwrap_or(dotted.len());
        let (key, after) = dotted.split_at_checked(end)?;
        return is_identifier(key).then_some((Cow::Borrowed(key), after));
    }
    let quoted = rest.strip_prefix('[')?;
    let mut values = serde_json::Deserializer::from_str(quoted).into_iter::<String>();
    let key = values.next()?.ok()?;
    let after = quoted.get(values.byte_offset()..)?.strip_prefix(']')?;
    Some((Cow::Owned(key), after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn identifiers_are_dotted_and_other_keys_are_quoted() {
        let check = |keys: &[&str], text: &str| {
            assert_eq!(JsonPath::from_keys(keys.iter().copied()).as_str(), text);
        };
        check(&[], "$");
        check(&["a", "b_1"], "$.a.b_1");
        check(&["a.b", "c"], r#"$["a.b"].c"#);
        check(&["", "1a"], r#"$[""]["1a"]"#);
        check(&["a\"b\\c\n"], r#"$["a\"b\\c\n"]"#);
        check(&["\u{ffff}\u{1}é"], r#"$["\uffff\u0001é"]"#);
    }

    #[test]
    fn a_path_knows_the_objects_it_lies_in() {
        let check = |text: &str, expected: &[&str]| {
            let path: JsonPath = text.parse().unwrap();
            assert_eq!(path.ancestors().collect::<Vec<_>>(), expected);
            assert_eq!(path.parent(), expected.last().copied());
        };
        check("$", &[]);
        check("$.a", &["$"]);
        check(r#"$.a["b.c"].d"#, &["$", "$.a", r#"$.a["b.c"]"#]);
    }

    #[test]
    fn text_that_is_no_path_is_refused() {
        for text in ["", "a", "$a", "$.", "$.a.", "$[a]", "$[\"a\"", "$.1a", "$[\"a\"]b"] {
            assert_eq!(text.parse::<JsonPath>(), Err(ParsePathError(text.to_owned())));
        }
    }

    proptest! {
        #[test]
        fn keys_survive_writing_and_parsing(keys: Vec<String>) {
            let path = JsonPath::from_keys(keys.iter().map(String::as_str));
            prop_assert_eq!(path.keys(), keys);
            prop_assert_eq!(path.as_str().parse::<JsonPath>().unwrap(), path);
        }
    }
}
