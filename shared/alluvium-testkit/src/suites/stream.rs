//! What a stream must do.

use alluvium_model::ports::{DescribeStreams, OutgoingRecord, SendRecords, Sent};
use bytes::Bytes;

/// The contract of a stream, which must be empty, and of whoever describes streams, who must know
/// it by `name`. `held` gives the keys and the data of its records, those of one key in order.
pub async fn stream<S, D>(
    stream: &S,
    streams: &D,
    name: &str,
    held: impl AsyncFn() -> Vec<(String, Bytes)>,
) where
    S: SendRecords,
    D: DescribeStreams,
{
    let created = streams.stream_created(name).await.unwrap();
    assert!(created.is_some());
    assert_eq!(streams.stream_created("no-such-stream").await.unwrap(), None);

    let record = |number: usize| OutgoingRecord {
        partition_key: format!("größe 1%/{}", number % 3),
        data: format!("{{\"n\":{number},\"s\":\"ä\u{1f30a}\"}}").into(),
    };
    let records: Vec<_> = (0..7).map(record).collect();
    let sent = stream.send_records(&records).await.unwrap();
    assert_eq!(sent.len(), records.len());
    assert!(sent.iter().all(|sent| matches!(sent, Sent::Accepted)), "{sent:?}");
    let mut found = held().await;
    found.sort_by(|one, other| one.0.cmp(&other.0));
    let mut expected: Vec<_> =
        records.into_iter().map(|record| (record.partition_key, record.data)).collect();
    expected.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(found, expected);
    // What it holds does not make it another one.
    assert_eq!(streams.stream_created(name).await.unwrap(), created);
}
