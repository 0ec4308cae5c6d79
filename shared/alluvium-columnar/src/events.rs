//! The events of a text that is there as a whole, for those who want all of them or none.

use alluvium_model::{Limits, Reason};
use bytes::Bytes;

use crate::{BadRecord, Position, frame::Frame, read::Reader};

/// Reads events as every source is read: the same packagings, the same grammar, the same limits.
///
/// ```
/// use alluvium_columnar::Events;
///
/// let mut events = Events::of("{\"id\": 1}\n[{\"id\": 2}]".into(), Default::default());
/// assert_eq!(events.next_event(), Some(Ok("{\"id\":1}")));
/// assert_eq!(events.next_event(), Some(Ok("{\"id\":2}")));
/// assert_eq!(events.next_event(), None);
/// ```
pub struct Events {
    reader: Reader,
    input: Bytes,
}

impl Events {
    /// The events of `text`, which may be packed.
    #[must_use]
    pub fn of(text: Bytes, limits: Limits) -> Self {
        // Whoever takes all or none wants to know of the first bad one as it is, and not held until
        // it is clear whether all of the text is bad.
        let limits = Limits { part_records: 1, ..limits };
        Self { reader: Reader::new(limits, Vec::new()), input: text }
    }

    /// The next event as JSON text without white space, or what is in its place; none behind the
    /// last one.
    pub fn next_event(&mut self) -> Option<Result<&str, BadRecord>> {
        match self.reader.next(&mut self.input, true) {
            Frame::Record => Some(Ok(self.reader.record().text)),
            Frame::Bad(bad) => Some(Err(bad)),
            Frame::End => None,
            // It has all there is. If it could not tell so, the rest must not be lost in silence.
            Frame::NeedInput => {
                let message = "it ends where more was expected".to_owned();
                Some(Err(BadRecord::new(Position::BEGIN, Reason::TruncatedInput, message)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: impl Into<Bytes>, expected: &str) {
        let mut events = Events::of(text.into(), Limits::default());
        let mut shown = Vec::new();
        while let Some(event) = events.next_event() {
            shown.push(match event {
                Ok(text) => text.to_owned(),
                Err(BadRecord { position, reason, message, .. }) => {
                    let Position { line, column, .. } = position;
                    format!("{reason} at {line}:{column}: {message}")
                }
            });
        }
        assert_eq!(shown.join("\n"), expected);
    }

    #[test]
    fn events_come_in_every_packaging() {
        check("", "");
        check(" \n", "");
        check("[]", "");
        check("{ \"a\": 1 }", "{\"a\":1}");
        for text in [
            "{\"a\":1}\n{\"a\":2}\n",
            "{\"a\":1}{\"a\":2}",
            "[{\"a\":1},\n {\"a\":2}]",
            "\u{feff}{\"a\":1}\r\n\r\n{\"a\":2}",
            "{\"Records\": [{\"a\":1}, {\"a\":2}]}",
        ] {
            check(text, "{\"a\":1}\n{\"a\":2}");
        }
    }

    #[test]
    fn a_bad_event_stands_in_its_place_even_if_it_is_the_first() {
        check(
            "{\"a\":1}\n{\"a\":}\n{\"a\":3}",
            "{\"a\":1}\ninvalid_json at 2:1: expected a value at byte 5 of the record\n{\"a\":3}",
        );
        check(
            "{\"a\":}\n{\"a\":2}",
            "invalid_json at 1:1: expected a value at byte 5 of the record\n{\"a\":2}",
        );
        check("[{\"a\":1},2]", "{\"a\":1}\nnot_an_object at 1:10: a record is a JSON object");
        check(
            "{\"a\":1}\n{\"a\":",
            "{\"a\":1}\ntruncated_input at 2:1: the source ends inside a record",
        );
        check(
            "{\"Records\":[{\"a\":1}],\"b\":2}",
            "{\"a\":1}\nwrapper_fields at 1:21: what the wrapper holds beside its list of records",
        );
        check(
            &b"\xff\xd8\xff\xe0\0\x10JFIF"[..],
            "unreadable at 1:1: it is no JSON but a JPEG image",
        );
    }
}
