use proptest::prelude::*;

use super::*;

/// What a producer packs: keys and data, by the format as it is published.
pub(crate) fn aggregated(records: &[(&str, &[u8])]) -> Vec<u8> {
    let mut message = Vec::new();
    for (number, (key, _)) in records.iter().enumerate() {
        let first = records.iter().position(|(other, _)| other == key);
        if first == Some(number) {
            message.extend(bytes_field(1, key.as_bytes()));
        }
    }
    let mut keys: Vec<&str> = Vec::new();
    for (key, data) in records {
        let index = keys.iter().position(|known| known == key).unwrap_or(keys.len());
        if index == keys.len() {
            keys.push(key);
        }
        let record = [varint_field(1, index as u64), bytes_field(3, data)].concat();
        message.extend(bytes_field(3, &record));
    }
    sealed(&message)
}

/// A message with its magic and its checksum.
fn sealed(message: &[u8]) -> Vec<u8> {
    [MAGIC, message, Md5::digest(message).as_slice()].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
    bytes
}

fn varint_field(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

fn bytes_field(number: u64, bytes: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

/// A message with one key and these fields in its only record.
fn with_record(fields: &[Vec<u8>]) -> Vec<u8> {
    sealed(&[bytes_field(1, b"k"), bytes_field(3, &fields.concat())].concat())
}

fn check(data: &[u8], expected: Option<&[(&str, &[u8])]>) {
    let found = user_records(data);
    let found = found
        .map(|records| records.iter().map(|one| (one.partition_key, one.data)).collect::<Vec<_>>());
    assert_eq!(found.as_deref(), expected, "{}", data.escape_ascii());
}

#[test]
fn user_records_have_their_own_keys() {
    let records: [(&str, &[u8]); 4] = [("a", b"1"), ("b/c", b""), ("a", b"\xff\0"), ("", b"4")];
    check(&aggregated(&records), Some(&records));
    check(&aggregated(&[]), Some(&[]));
}

#[test]
fn what_is_not_wanted_is_passed_over() {
    let (key, data) = (varint_field(1, 0), bytes_field(3, b"1"));
    let one: Option<&[(&str, &[u8])]> = Some(&[("k", b"1")]);
    check(&with_record(&[key.clone(), varint_field(2, 7), data.clone()]), one);
    check(&with_record(&[data.clone(), bytes_field(4, b"tags"), key.clone()]), one);
    let fixed_64 = [varint(9 << 3 | 1), vec![0; 8]].concat();
    let fixed_32 = [varint(9 << 3 | 5), vec![0; 4]].concat();
    check(&with_record(&[fixed_64, key.clone(), fixed_32, data.clone()]), one);
    // The last one counts.
    check(
        &with_record(&[varint_field(1, 9), key.clone(), bytes_field(3, b"0"), data.clone()]),
        one,
    );
    // The table of keys may stand behind the records, that of hash keys is not wanted.
    let record = bytes_field(3, &[key, data].concat());
    check(&sealed(&[record, bytes_field(2, b"123"), bytes_field(1, b"k")].concat()), one);
}

#[test]
fn what_is_not_exactly_an_aggregate_is_none() {
    let (key, data) = (varint_field(1, 0), bytes_field(3, b"1"));
    let whole = with_record(&[key.clone(), data.clone()]);
    check(&whole, Some(&[("k", b"1")]));
    for (at, _) in whole.iter().enumerate() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        check(&damaged, None);
        check(&whole[..at], None);
    }
    check(&[&whole[..], b"\n"].concat(), None);
    check(MAGIC, None);
    // Sealed, but not what it should be.
    for fields in [
        vec![key.clone()],
        vec![data.clone()],
        vec![varint_field(1, 1), data.clone()],
        vec![varint_field(1, u64::MAX), data.clone()],
        vec![bytes_field(1, b"0"), data.clone()],
        vec![key.clone(), varint_field(3, 1)],
        vec![key.clone(), data.clone(), varint(3 << 3 | 3)],
        vec![key.clone(), data.clone(), varint(7), vec![0]],
        vec![key.clone(), data.clone(), varint(4 << 3 | 2), varint(u64::MAX)],
        vec![key.clone(), data.clone(), varint(4 << 3 | 2), varint(2), vec![0]],
        vec![key.clone(), data.clone(), varint(4 << 3), vec![0xff; 9], vec![0x02]],
        vec![key.clone(), data.clone(), varint(4 << 3), vec![0xff; 10], vec![0x01]],
        vec![key.clone(), data.clone(), varint(2)],
    ] {
        check(&with_record(&fields), None);
    }
    check(&sealed(&bytes_field(1, b"\xff")), None);
    check(&sealed(&varint_field(1, 1)), None);
    check(&sealed(&varint_field(3, 1)), None);
}

#[test]
fn a_varint_has_at_most_64_bits() {
    let key = [varint(4 << 3), vec![0xff; 9], vec![0x01]].concat();
    let fields = [varint_field(1, 0), key, bytes_field(3, b"1")];
    check(&with_record(&fields), Some(&[("k", b"1")]));
}

/// Bytes that look like messages more often than chance has it.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let field = prop_oneof![
        (1_u64..6, any::<u64>()).prop_map(|(number, value)| varint_field(number, value)),
        (1_u64..6, 0_u64..3).prop_map(|(number, value)| varint_field(number, value)),
        (1_u64..6, proptest::collection::vec(any::<u8>(), 0..20))
            .prop_map(|(number, bytes)| bytes_field(number, &bytes)),
        (any::<u64>(), any::<u64>())
            .prop_map(|(tag, length)| [varint(tag), varint(length)].concat()),
        proptest::collection::vec(any::<u8>(), 0..8),
    ];
    proptest::collection::vec(field, 0..6).prop_map(|fields| fields.concat())
}

proptest! {
    #[test]
    fn any_records_come_out_as_they_went_in(
        records in proptest::collection::vec(("[a-c]{0,2}", proptest::collection::vec(any::<u8>(), 0..300)), 0..20)
    ) {
        let records: Vec<(&str, &[u8])> =
            records.iter().map(|(key, data)| (key.as_str(), data.as_slice())).collect();
        check(&aggregated(&records), Some(&records));
    }

    #[test]
    fn any_message_is_harmless(outer in message(), inner in message()) {
        let whole = [bytes_field(1, b"k"), bytes_field(3, &inner), outer].concat();
        let sealed = sealed(&whole);
        // What is found lies in the message.
        if let Some(records) = user_records(&sealed) {
            let bytes: usize = records.iter().map(|one| one.data.len()).sum();
            prop_assert!(bytes <= whole.len());
            prop_assert!(records.len() * 4 <= whole.len() + 4);
        }
    }
}
