//! A queue of SQS: what is announced to it, and what it gave up on.

use std::{collections::BTreeMap, fmt, str::FromStr};

use alluvium_model::{
    ErrorKind, PortError,
    ports::{
        AnnounceObjects, Answers, LandedObject, Letter, LetterCount, PortResult, QUEUE_BATCH_MAX,
        SendLetters, TakeLetters,
    },
};
use aws_sdk_sqs::{
    Client,
    error::BuildError,
    types::{
        BatchResultErrorEntry, DeleteMessageBatchRequestEntry, DeleteMessageBatchResultEntry,
        QueueAttributeName, SendMessageBatchRequestEntry, SendMessageBatchResultEntry,
    },
};

use crate::{
    Aws,
    error::{kind_of_code, port_error},
    notification::notification,
};

/// What queues took in one call before they took 1 MiB, and still do everywhere (AWS
/// documentation, `SendMessageBatch`).
#[cfg(test)]
pub(crate) const BATCH_BYTES_MAX: usize = 256 << 10;
/// How long a letter is hidden from others: longer than sending and removing it is tried.
const HIDDEN_SECONDS: i32 = 300;
/// How long an empty queue is waited for. Only who waits is answered by all servers of a queue, so
/// that nothing means nothing (AWS documentation, SQS long polling).
const WAIT_SECONDS: i32 = 5;

/// The URL of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueUrl(String);

/// A text that is no URL of a queue.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is not the URL of a queue, such as https://sqs.eu-west-1.amazonaws.com/123456789012/alluvium-landing"
)]
pub struct ParseQueueUrlError(String);

impl FromStr for QueueUrl {
    type Err = ParseQueueUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_url = text.starts_with("https://") || text.starts_with("http://");
        is_url.then(|| Self(text.to_owned())).ok_or_else(|| ParseQueueUrlError(text.to_owned()))
    }
}

impl fmt::Display for QueueUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A queue.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    client: Client,
    url: QueueUrl,
}

impl SqsQueue {
    /// The queue with this URL, which must be one of the region of the clients.
    #[must_use]
    pub fn new(aws: &Aws, url: QueueUrl) -> Self {
        Self { client: Client::new(&aws.config), url }
    }

    async fn send(&self, action: &'static str, bodies: Vec<String>) -> PortResult<Answers> {
        let count = bodies.len();
        let entry = |(number, body): (usize, String)| {
            let entry = SendMessageBatchRequestEntry::builder().id(number.to_string());
            entry.message_body(body).build()
        };
        let entries = bodies.into_iter().enumerate().map(entry).collect::<Result<_, _>>();
        let entries = entries.map_err(|error| self.not_built(action, error))?;
        let request = self.client.send_message_batch().queue_url(&self.url.0);
        let answer = request.set_entries(Some(entries)).send().await;
        let answer = answer.map_err(|error| port_error(action, self.url.to_string(), error))?;
        let accepted = answer.successful().iter().map(SendMessageBatchResultEntry::id);
        Ok(self.answers(action, count, accepted, answer.failed()))
    }

    /// The call succeeds even if some entries do not: each has an answer of its own.
    fn answers<'a>(
        &self,
        action: &'static str,
        count: usize,
        accepted: impl Iterator<Item = &'a str>,
        failed: &[BatchResultErrorEntry],
    ) -> Answers {
        let mut answers: BTreeMap<_, _> = accepted.map(|id| (id.to_owned(), Ok(()))).collect();
        for entry in failed {
            let status = if entry.sender_fault() { 400 } else { 500 };
            let kind = kind_of_code(Some(entry.code()), status);
            let cause = format!("{}: {}", entry.code(), entry.message().unwrap_or("no message"));
            let error = PortError::new(kind, action, self.url.to_string()).because(cause);
            answers.insert(entry.id().to_owned(), Err(error));
        }
        let unanswered = || {
            let error = PortError::new(ErrorKind::Retry, action, self.url.to_string());
            Err(error.because("the answer does not name the entry"))
        };
        let answer = |number: usize| answers.remove(&number.to_string());
        (0..count).map(answer).map(|answer| answer.unwrap_or_else(unanswered)).collect()
    }

    fn not_built(&self, action: &'static str, error: BuildError) -> PortError {
        PortError::new(ErrorKind::Bug, action, self.url.to_string()).because(error)
    }
}

impl AnnounceObjects for SqsQueue {
    async fn announce(&self, objects: &[LandedObject]) -> PortResult<Answers> {
        self.send("announce objects to", objects.iter().map(notification).collect()).await
    }
}

impl SendLetters for SqsQueue {
    /// Only bodies are sent: attributes of messages mean nothing to whoever loads objects.
    async fn send_letters(&self, letters: &[Letter]) -> PortResult<Answers> {
        let bodies = letters.iter().map(|letter| letter.body.clone()).collect();
        self.send("send letters to", bodies).await
    }
}

impl TakeLetters for SqsQueue {
    async fn count_letters(&self) -> PortResult<LetterCount> {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let request = self.client.get_queue_attributes().queue_url(&self.url.0);
        let answer = request.set_attribute_names(Some(names.to_vec())).send().await;
        let failed = |error| port_error("count the letters of", self.url.to_string(), error);
        let answer = answer.map_err(failed)?;
        let number = |name: &QueueAttributeName| {
            let text = answer.attributes().and_then(|attributes| attributes.get(name));
            text.and_then(|text| text.parse().ok()).ok_or_else(|| {
                let cause = format!("there is no {name}");
                PortError::new(ErrorKind::Invalid, "count the letters of", self.url.to_string())
                    .because(cause)
            })
        };
        let [waiting, taken] = names.each_ref().map(number);
        Ok(LetterCount { waiting: waiting?, taken: taken? })
    }

    async fn take_letters(&self, count: usize) -> PortResult<Vec<Letter>> {
        let count = count.clamp(1, QUEUE_BATCH_MAX);
        let request = self.client.receive_message().queue_url(&self.url.0);
        let request = request.max_number_of_messages(i32::try_from(count).unwrap_or(1));
        let request = request.visibility_timeout(HIDDEN_SECONDS).wait_time_seconds(WAIT_SECONDS);
        let answer = request.send().await;
        let failed = |error| port_error("take letters from", self.url.to_string(), error);
        let letters = answer.map_err(failed)?.messages.unwrap_or_default().into_iter();
        Ok(letters
            .filter_map(|message| {
                Some(Letter { body: message.body?, receipt: message.receipt_handle? })
            })
            .collect())
    }

    async fn remove_letters(&self, letters: &[Letter]) -> PortResult<Answers> {
        let action = "remove letters from";
        let entry = |(number, letter): (usize, &Letter)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(number.to_string());
            entry.receipt_handle(&letter.receipt).build()
        };
        let entries = letters.iter().enumerate().map(entry).collect::<Result<_, _>>();
        let entries = entries.map_err(|error| self.not_built(action, error))?;
        let request = self.client.delete_message_batch().queue_url(&self.url.0);
        let answer = request.set_entries(Some(entries)).send().await;
        let answer = answer.map_err(|error| port_error(action, self.url.to_string(), error))?;
        let accepted = answer.successful().iter().map(DeleteMessageBatchResultEntry::id);
        Ok(self.answers(action, letters.len(), accepted, answer.failed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_has_a_url() {
        for url in ["https://sqs.eu-west-1.amazonaws.com/1/q", "http://127.0.0.1:4566/0/q"] {
            assert_eq!(url.parse::<QueueUrl>().unwrap().to_string(), url);
        }
        for text in ["", "alluvium-landing", "arn:aws:sqs:eu-west-1:123456789012:q"] {
            assert!(text.parse::<QueueUrl>().is_err(), "{text}");
        }
    }
}
