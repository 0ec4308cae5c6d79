//! Changes of tables as events of EventBridge.

use std::{fmt, str::FromStr};

use alluvium_model::{
    PortError, SchemaChange,
    ports::{PortResult, PublishEvents},
};
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};

use crate::{
    Aws,
    error::{kind_of_code, port_error},
};

const SOURCE: &str = "Alluvium";
const DETAIL_TYPE: &str = "TableSchemaChanged";
const ACTION: &str = "publish an event on";

/// The name of an event bus; every account has one that is called `default`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventBusName(String);

/// A text that names no event bus.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not the name of an event bus")]
pub struct ParseEventBusNameError(String);

impl FromStr for EventBusName {
    type Err = ParseEventBusNameError;

    /// By the rule of AWS (EventBridge API, `EventBusName`), without ARNs.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lawful = |b: u8| b.is_ascii_alphanumeric() || b"/._-".contains(&b);
        if (1..=256).contains(&text.len()) && text.bytes().all(lawful) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseEventBusNameError(text.to_owned()))
        }
    }
}

impl fmt::Display for EventBusName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An event bus, or nobody to tell.
#[derive(Clone, Debug)]
pub struct EventBus {
    client: aws_sdk_eventbridge::Client,
    name: Option<EventBusName>,
}

impl EventBus {
    /// The bus of that name, which must be there; without a name nobody is told.
    #[must_use]
    pub fn new(aws: &Aws, name: Option<EventBusName>) -> Self {
        Self { client: aws.events.clone(), name }
    }
}

impl PublishEvents for EventBus {
    async fn publish(&self, change: &SchemaChange) -> PortResult<()> {
        let Some(name) = &self.name else { return Ok(()) };
        let target = || format!("the event bus {name}");
        let detail = String::from_utf8_lossy(&change.line()).trim_end().to_owned();
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&name.0)
            .source(SOURCE)
            .detail_type(DETAIL_TYPE)
            .detail(detail)
            .build();
        let answer = self.client.put_events().entries(entry).send().await;
        let answer = answer.map_err(|error| port_error(ACTION, target(), error))?;
        match answer.entries().iter().find_map(failure) {
            None => Ok(()),
            Some((code, why)) => {
                let kind = kind_of_code(Some(&code), 400);
                Err(PortError::new(kind, ACTION, target()).because(format!("{code}: {why}")))
            }
        }
    }
}

/// The code and message of an entry that was refused: the call as a whole succeeds nevertheless.
fn failure(entry: &PutEventsResultEntry) -> Option<(String, String)> {
    let code = entry.error_code()?.to_owned();
    Some((code, entry.error_message().unwrap_or("no message").to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_has_a_name() {
        for name in ["default", "team/events-1.0_x"] {
            assert_eq!(name.parse::<EventBusName>().unwrap().to_string(), name);
        }
        for text in ["", "a b", "arn:aws:events:us-east-1:123456789012:event-bus/default"] {
            assert!(text.parse::<EventBusName>().is_err(), "{text}");
        }
    }
}
