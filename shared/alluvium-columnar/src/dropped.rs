//! What a contract wants nowhere, cut out of a record's text before anything else sees it.

use std::collections::HashMap;

use alluvium_model::{JsonPath, Limits, TableRules};

use crate::{
    members::Record,
    scan::{Copied, Scanned, scan},
    text::{byte, end_of_value, unquote, value_text},
};

/// The paths whose values are nowhere, key by key.
#[derive(Debug, Default)]
pub(crate) struct Dropped {
    /// What is below each key; none where the value itself is dropped.
    keys: HashMap<String, Option<Dropped>>,
}

/// What is left of a record.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    text: String,
    copied: Copied,
}

impl Dropped {
    pub(crate) fn new(rules: &TableRules) -> Self {
        let mut all = Self::default();
        rules.dropped().for_each(|path| all.add(path));
        all
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn add(&mut self, path: &JsonPath) {
        let keys = path.keys();
        let Some((last, above)) = keys.split_last() else { return };
        let mut here = self;
        for key in above {
            let below = here.keys.entry(key.clone().into_owned());
            // Whatever is below something that is dropped is dropped with it.
            let Some(next) = below.or_insert_with(|| Some(Self::default())) else { return };
            here = next;
        }
        here.keys.insert(last.clone().into_owned(), None);
    }

    /// The record without what is dropped, for which `rest` is the room.
    pub(crate) fn rest_of<'a>(&self, record: Record<'_>, rest: &'a mut Rest) -> Record<'a> {
        rest.text.clear();
        self.copy_object(record.text, 0, &mut rest.text);
        let scanned = scan(rest.text.as_bytes(), true, Limits::PARSE_DEPTH_MAX, &mut rest.copied);
        debug_assert!(matches!(scanned, Scanned::Value { .. }), "what is left is a value");
        Record { text: &rest.text, members: &rest.copied.members }
    }

    /// Appends the object at `at` and says where it ends.
    fn copy_object(&self, text: &str, at: usize, out: &mut String) -> usize {
        out.push('{');
        let mut next = at + 1;
        let mut first = true;
        while byte(text, next) == b'"' {
            let key = value_text(text, next);
            let value = next + key.len() + 1;
            let below = self.keys.get(&*unquote(key));
            let end = if let Some(None) = below {
                end_of_value(text, value)
            } else {
                if !std::mem::take(&mut first) {
                    out.push(',');
                }
                out.push_str(key);
                out.push(':');
                match below {
                    Some(Some(below)) if byte(text, value) == b'{' => {
                        below.copy_object(text, value, out)
                    }
                    Some(_) | None => {
                        out.push_str(value_text(text, value));
                        end_of_value(text, value)
                    }
                }
            };
            next = end + usize::from(byte(text, end) == b',');
        }
        out.push('}');
        next + 1
    }
}

#[cfg(test)]
mod tests {
    use alluvium_model::ColumnRule;

    use super::*;

    #[test]
    fn what_is_dropped_is_nowhere() {
        let check = |paths: &[&str], record: &str, expected: &str| {
            let columns = paths.iter().map(|path| (path.parse().unwrap(), ColumnRule::Drop));
            let rules = TableRules { columns: columns.collect(), ..TableRules::default() };
            let (record, mut rest) = (Record { text: record, members: &[] }, Rest::default());
            assert_eq!(Dropped::new(&rules).rest_of(record, &mut rest).text, expected);
        };
        let record = r#"{"a":1,"b":{"c":[1,2],"d":{"c":"}"}},"e":"x","a":{"f":2}}"#;
        check(&["$.z", "$.e.f", "$.b.c.g"], record, record);
        check(&["$.a"], record, r#"{"b":{"c":[1,2],"d":{"c":"}"}},"e":"x"}"#);
        check(&["$.b.c", "$.e"], record, r#"{"a":1,"b":{"d":{"c":"}"}},"a":{"f":2}}"#);
        check(&["$.b.c", "$.b.d.c"], record, r#"{"a":1,"b":{"d":{}},"e":"x","a":{"f":2}}"#);
        check(&["$.a", "$.b", "$.e"], record, "{}");
        check(&["$.a.f", "$.a"], record, r#"{"b":{"c":[1,2],"d":{"c":"}"}},"e":"x"}"#);
        check(&["$.a"], r#"{"\u0061":1,"b":2}"#, r#"{"b":2}"#);
        check(&["$.a"], "{}", "{}");
        // Paths do not lead into arrays.
        check(&["$.a.b"], r#"{"a":[{"b":1}]}"#, r#"{"a":[{"b":1}]}"#);
    }
}
