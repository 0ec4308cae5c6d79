//! What a scan noted of a record: its members, so that nobody looks for them in its text again.
//!
//! Members of objects that lie in arrays are not noted, since they have no paths of their own.

use std::{borrow::Cow, ops::Range};

use crate::text::unquote;

/// What a value is by its first byte, a number also by what it is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Object,
    Array,
    String,
    /// A string that has escapes.
    EscapedString,
    /// A number of digits alone, perhaps with a sign.
    Integer,
    /// A number with a point and no exponent.
    Decimal,
    /// A number with an exponent.
    Exponential,
    Boolean,
    Null,
}

/// A key and its value. Where they are is counted in bytes of the record's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// Where the key begins, its quote included.
    pub(crate) key: u32,
    /// Where the value begins. The key ends before the colon in front of it.
    pub(crate) value: u32,
    /// Where the value ends.
    pub(crate) end: u32,
    /// The number of the first member behind those of the value, which follow this one.
    pub(crate) next: u32,
    pub(crate) shape: Shape,
    /// Whether the key has escapes.
    pub(crate) key_is_escaped: bool,
}

/// A record: its text without white space, and its members in the order of that text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) text: &'a str,
    pub(crate) members: &'a [Member],
}

impl Member {
    /// The key, unescaped; `text` is that of the record.
    pub(crate) fn key_of<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.key_is_escaped {
            let quoted = self.key as usize..self.value as usize - 1;
            return unquote(text.get(quoted).unwrap_or_default());
        }
        Cow::Borrowed(text.get(self.key()).unwrap_or_default())
    }

    /// Where the key is, as it is written, without its quotes.
    #[inline]
    pub(crate) const fn key(&self) -> Range<usize> {
        self.key as usize + 1..self.value as usize - 2
    }

    /// The text of the value.
    pub(crate) fn value_of<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.value as usize..self.end as usize).unwrap_or_default()
    }

    /// Bytes of the text of the value.
    pub(crate) const fn length(&self) -> u32 {
        self.end - self.value
    }

    /// Whether the value is SQL NULL: `null`, `{}` or `[]`.
    pub(crate) const fn is_null(&self) -> bool {
        match self.shape {
            Shape::Null => true,
            Shape::Object | Shape::Array => self.length() == 2,
            Shape::String
            | Shape::EscapedString
            | Shape::Integer
            | Shape::Decimal
            | Shape::Exponential
            | Shape::Boolean => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::{Copied, scan};

    fn check(text: &str, expected: &str) {
        let mut copied = Copied::default();
        scan(text.as_bytes(), true, 128, &mut copied);
        let record = String::from_utf8(copied.text).unwrap();
        let show = |(number, member): (usize, &Member)| {
            let below = member.next as usize - number - 1;
            let below = if below > 0 { format!(" +{below}") } else { String::new() };
            let null = if member.is_null() { " null" } else { "" };
            let (key, value) = (member.key_of(&record), member.value_of(&record));
            format!("{key}={value} {:?}{null}{below}", member.shape)
        };
        let shown: Vec<_> = copied.members.iter().enumerate().map(show).collect();
        assert_eq!(shown.join("\n"), expected);
    }

    #[test]
    fn members_are_found_with_what_is_in_them() {
        check("{ }", "");
        check("[{\"a\":1}]", "");
        check(
            "{\"a\" : { \"b\":[ {\"x\":1} ,2], \"\\u0063\" : {} } , \"d\":\n-0.5}",
            "a={\"b\":[{\"x\":1},2],\"\\u0063\":{}} Object +2\n\
             b=[{\"x\":1},2] Array\nc={} Object null\nd=-0.5 Decimal",
        );
        check(
            "{\"\":\"\\\"\",\"s\":\"}\",\"i\":-1,\"e\":1e5,\"t\":true,\"n\":null,\"l\":[]}",
            "=\"\\\"\" EscapedString\ns=\"}\" String\ni=-1 Integer\ne=1e5 Exponential\n\
             t=true Boolean\nn=null Null null\nl=[] Array null",
        );
        check(
            "{\"a\":{\"b\":{\"c\":1}},\"a\":2}",
            "a={\"b\":{\"c\":1}} Object +2\n\
             b={\"c\":1} Object +1\nc=1 Integer\na=2 Integer",
        );
    }
}
