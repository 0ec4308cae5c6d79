//! Envelopes that CloudWatch Logs puts its events into when it subscribes a stream to them.
//!
//! An object is one if it has each of these members once, whatever their order and whatever else
//! it has: `messageType` (`DATA_MESSAGE` or `CONTROL_MESSAGE`), `owner`, `logGroup` and
//! `logStream` (texts), `subscriptionFilters` (an array), and `logEvents`, an array of nothing but
//! objects with `id` and `message` (texts) and `timestamp` (a number), each once. An event of
//! somebody's own that lacks one of these stays a record.
//!
//! What was logged is the message; the rest of an envelope tells how it came here and is left in
//! the archive, as other wrappers of transport are.

use std::convert::Infallible;

use memchr::memmem;

use crate::text::{byte, elements, end_of_value, unquote, value_text, walk_object};

/// What every envelope holds, as a record's text has it.
const LOG_EVENTS: &[u8] = b"\"logEvents\":[";

/// A member that there must be, and what its value must be like.
type Member = (&'static str, fn(&str) -> bool);

const ENVELOPE: [Member; 6] = [
    ("messageType", |value| matches!(value, DATA | CONTROL)),
    ("owner", is_text),
    ("logGroup", is_text),
    ("logStream", is_text),
    ("subscriptionFilters", |value| value.starts_with('[')),
    ("logEvents", |value| elements(value, 0).all(|at| is_event(value_text(value, at)))),
];
const EVENT: [Member; 3] = [
    ("id", is_text),
    ("timestamp", |value| value.starts_with(|first: char| first == '-' || first.is_ascii_digit())),
    ("message", is_text),
];

const DATA: &str = "\"DATA_MESSAGE\"";
const CONTROL: &str = "\"CONTROL_MESSAGE\"";

/// The messages in an envelope, of which one that only tests the way has none; none if this text
/// of a record is no envelope.
pub(super) fn messages(record: &str) -> Option<Vec<String>> {
    memmem::find(record.as_bytes(), LOG_EVENTS)?;
    let [message_type, .., events] = members(record, &ENVELOPE)?;
    if message_type == CONTROL {
        return Some(Vec::new());
    }
    let message = |at| {
        let [.., message] = members(value_text(events, at), &EVENT)?;
        Some(unquote(message).into_owned())
    };
    elements(events, 0).map(message).collect()
}

fn is_text(value: &str) -> bool {
    value.starts_with('"')
}

fn is_event(value: &str) -> bool {
    members(value, &EVENT).is_some()
}

/// The values of these members of an object, if it has each once and like this.
fn members<'a, const N: usize>(object: &'a str, wanted: &[Member; N]) -> Option<[&'a str; N]> {
    if byte(object, 0) != b'{' {
        return None;
    }
    let mut found = [None; N];
    let mut is_like_this = true;
    let walked: Result<_, Infallible> = walk_object(object, 0, |key, at| {
        for ((name, fits), slot) in wanted.iter().zip(&mut found) {
            if key == *name {
                let value = value_text(object, at);
                is_like_this &= slot.replace(value).is_none() && fits(value);
            }
        }
        Ok(end_of_value(object, at))
    });
    let Ok(_end) = walked;
    let mut values = [""; N];
    for (value, found) in values.iter_mut().zip(found) {
        *value = found?;
    }
    is_like_this.then_some(values)
}

#[cfg(test)]
mod tests;
