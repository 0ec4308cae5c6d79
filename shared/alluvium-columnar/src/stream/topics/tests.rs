use alluvium_model::StreamRecord;

use super::*;
use crate::stream::aggregate::tests::aggregated;

fn record(partition_key: &str, data: Vec<u8>) -> StreamRecord {
    StreamRecord {
        sequence: "1".parse().unwrap(),
        arrived_at: "2026-11-27T10:00:00Z".parse().unwrap(),
        partition_key: partition_key.to_owned(),
        data: data.into(),
    }
}

fn check(records: &[StreamRecord], expected: &[Option<&str>]) {
    let topics = topics_of(records);
    let shown: Vec<_> = topics.iter().map(|topic| topic.as_ref().map(Topic::as_str)).collect();
    assert_eq!(shown, expected);
    for key in ["camera/1", "door/1", "17", ""] {
        let takes = |topic: &&Option<Topic>| selection_of(topic.as_ref(), &topics).takes(key);
        let sources = topics.iter().filter(takes).count();
        assert!(sources <= 1, "{key}");
        assert!(sources == 1 || !records.iter().any(|record| record.partition_key == key), "{key}");
    }
}

#[test]
fn topics_are_in_the_order_in_which_they_appear() {
    let plain = |key| record(key, b"{}".to_vec());
    check(&[], &[]);
    check(&[plain("17")], &[None]);
    check(&[plain("door/1"), plain("camera/1"), plain("door/2")], &[Some("door"), Some("camera")]);
    check(
        &[plain("door/1"), plain("17"), plain("camera/1")],
        &[None, Some("door"), Some("camera")],
    );
}

#[test]
fn of_packed_records_their_own_keys_count() {
    let packed = aggregated(&[("door/1", b"{}"), ("camera/1", b"{}"), ("17", b"{}")]);
    check(&[record("bell/1", packed)], &[None, Some("door"), Some("camera")]);
    check(&[record("bell/1", aggregated(&[]))], &[]);
    let mut damaged = aggregated(&[("door/1", b"{}")]);
    damaged[10] ^= 1;
    check(&[record("bell/1", damaged)], &[Some("bell")]);
}

#[test]
fn topics_beyond_the_most_share_a_source_with_what_has_none() {
    let key = |number: usize| format!("t{number}/1");
    let records = |topics| (0..topics).map(|number| record(&key(number), Vec::new())).collect();
    let most: Vec<_> = records(TOPICS_MAX);
    assert!(topics_of(&most).iter().all(Option::is_some));
    let more: Vec<_> = records(TOPICS_MAX + 2);
    let topics = topics_of(&more);
    assert_eq!((topics.len(), &topics[0]), (TOPICS_MAX + 1, &None));
    let rest = selection_of(None, &topics);
    assert!(rest.takes(&key(TOPICS_MAX)) && rest.takes(&key(TOPICS_MAX + 1)));
    assert!(!rest.takes(&key(TOPICS_MAX - 1)));
}
