//! A scalar that decides on a partition, and its bucket.

use std::borrow::Cow;

use crate::{UtcInstant, ValueClass};

/// A scalar that a row has at some path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionScalar<'a> {
    /// What it is.
    pub class: ValueClass,
    /// A string without its quotes, any other scalar as it is written.
    pub text: Cow<'a, str>,
}

impl PartitionScalar<'_> {
    /// The number of its bucket.
    pub(super) fn bucket(&self, buckets: u32) -> u32 {
        let long = match self.class {
            ValueClass::Bigint | ValueClass::WideBigint => self.text.parse::<i64>().ok(),
            ValueClass::Timestamp => self.text.parse().ok().map(|at: UtcInstant| at.micros()),
            ValueClass::Boolean
            | ValueClass::Double
            | ValueClass::String
            | ValueClass::NullArray
            | ValueClass::BooleanArray
            | ValueClass::BigintArray
            | ValueClass::WideBigintArray
            | ValueClass::DoubleArray
            | ValueClass::TimestampArray
            | ValueClass::StringArray
            | ValueClass::MixedArray
            | ValueClass::Json
            | ValueClass::Object => None,
        };
        let hash = match long {
            Some(long) => murmur3_32(&long.to_le_bytes()),
            None => murmur3_32(self.text.as_bytes()),
        };
        (hash & 0x7fff_ffff) % buckets.max(1)
    }
}

/// The 32 bits of Murmur3 (x86) with seed 0, as Iceberg's specification wants them.
fn murmur3_32(bytes: &[u8]) -> u32 {
    let mut rest = bytes;
    // Reading from a slice cannot fail.
    murmur3::murmur3_32(&mut rest, 0).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the Iceberg specification, appendix B.
    #[test]
    fn buckets_are_those_of_iceberg() {
        let check = |class, text: &str, hash: u32| {
            let scalar = PartitionScalar { class, text: text.into() };
            for buckets in [1, 7, 1_000_000] {
                let expected = (hash & 0x7fff_ffff) % buckets;
                assert_eq!(scalar.bucket(buckets), expected, "{text}");
            }
        };
        check(ValueClass::Bigint, "34", 2_017_239_379);
        check(ValueClass::String, "iceberg", 1_210_000_089);
        check(ValueClass::Timestamp, "2017-11-16T22:31:08Z", 0_u32.wrapping_sub(2_047_944_441));
        check(
            ValueClass::Timestamp,
            "2017-11-16T14:31:08-08:00",
            0_u32.wrapping_sub(2_047_944_441),
        );
    }
}
