//! What a mapping with `ReportBatchItemFailures` makes of an answer.
//!
//! AWS documentation, Configuring partial batch response with Kinesis Data Streams and Lambda:
//! success and failure conditions (`AWS_FACTS.md` §4).

use serde_json::Value;

use alluvium_model::StreamRecord;

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All of it is done.
    Done,
    /// What comes before this place, from 0, is done.
    FailedFrom(usize),
    /// The answer names what is no record of the batch: the whole batch has failed.
    Wrong,
}

/// Judges an answer: without failures it means success, by no, a null or an empty list as well as
/// by no answer; of those that are named the first in the order of the shard counts.
pub(super) fn verdict(answer: &Value, batch: &[StreamRecord]) -> Verdict {
    let failures = match answer {
        Value::Null => return Verdict::Done,
        Value::Object(answer) => answer.get("batchItemFailures"),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return Verdict::Wrong;
        }
    };
    let failures = match failures {
        None | Some(Value::Null) => return Verdict::Done,
        Some(Value::Array(failures)) => failures,
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            return Verdict::Wrong;
        }
    };
    let place_of = |failure: &Value| {
        let named = failure.get("itemIdentifier").and_then(Value::as_str)?;
        batch.iter().position(|record| record.sequence.as_str() == named)
    };
    let places: Option<Vec<usize>> = failures.iter().map(place_of).collect();
    match places {
        None => Verdict::Wrong,
        Some(places) => places.into_iter().min().map_or(Verdict::Done, Verdict::FailedFrom),
    }
}

#[cfg(test)]
mod tests {
    use alluvium_model::UtcInstant;
    use bytes::Bytes;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_means_what_is_documented() {
        let batch: Vec<StreamRecord> = ["8", "9", "10"]
            .map(|number| StreamRecord {
                partition_key: "k".to_owned(),
                sequence: number.parse().unwrap(),
                data: Bytes::new(),
                arrived_at: UtcInstant::FIRST_TIMESTAMP,
            })
            .into();
        let named = |ids: Value| {
            let ids = ids.as_array().unwrap().iter().map(|id| json!({ "itemIdentifier": id }));
            json!({ "batchItemFailures": ids.collect::<Vec<_>>() })
        };
        for (answer, meant) in [
            (Value::Null, Verdict::Done),
            (json!({}), Verdict::Done),
            (json!({ "batchItemFailures": null }), Verdict::Done),
            (json!({ "batchItemFailures": [] }), Verdict::Done),
            (json!({ "other": 1 }), Verdict::Done),
            (named(json!(["8"])), Verdict::FailedFrom(0)),
            (named(json!(["10"])), Verdict::FailedFrom(2)),
            (named(json!(["10", "9", "10"])), Verdict::FailedFrom(1)),
            (named(json!([""])), Verdict::Wrong),
            (named(json!([null])), Verdict::Wrong),
            (named(json!([9])), Verdict::Wrong),
            (named(json!(["11"])), Verdict::Wrong),
            (named(json!(["9", "09"])), Verdict::Wrong),
            (json!({ "batchItemFailures": [{ "sequenceNumber": "9" }] }), Verdict::Wrong),
            (json!({ "batchItemFailures": "9" }), Verdict::Wrong),
            (json!("9"), Verdict::Wrong),
        ] {
            assert_eq!(verdict(&answer, &batch), meant, "{answer}");
        }
    }
}
