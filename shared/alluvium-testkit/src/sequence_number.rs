//! The sequence numbers of Kinesis: integers beyond 128 bits, as decimal text of any length.

use std::iter::repeat_n;

/// Digits of the longest ones; those of real streams have 56.
const DIGITS_MAX: usize = 56;

/// A number in decimal text without leading zeros, greater than 0. Ordered as a number: a text that
/// is longer is the greater one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SequenceNumber(String);

impl SequenceNumber {
    /// What the numbers of a shard begin after. They have 3 to 56 digits and soon one more, so that
    /// whoever compares them as text goes wrong.
    pub(crate) fn before_a_shard(random: &mut fastrand::Rng) -> Self {
        let digits = random.usize(3..=DIGITS_MAX);
        let nines = repeat_n('9', digits - 2);
        Self(nines.chain([random.digit(10), random.digit(10)]).collect())
    }

    /// A greater one. The next one, one of some more digits, or something in between.
    pub(crate) fn greater(&self, random: &mut fastrand::Rng) -> Self {
        let magnitude = random.u32(..24);
        self.plus(1 + random.u64(..1 << magnitude))
    }

    fn plus(&self, mut rest: u64) -> Self {
        let mut digits = Vec::with_capacity(self.0.len() + 1);
        for digit in self.0.bytes().rev() {
            rest += u64::from(digit - b'0');
            digits.push(last_digit(rest));
            rest /= 10;
        }
        while rest > 0 {
            digits.push(last_digit(rest));
            rest /= 10;
        }
        Self(digits.into_iter().rev().collect())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

fn last_digit(number: u64) -> char {
    char::from_digit(u32::try_from(number % 10).unwrap(), 10).unwrap()
}

impl Ord for SequenceNumber {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0.len(), &self.0).cmp(&(other.0.len(), &other.0))
    }
}

impl PartialOrd for SequenceNumber {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_grows_by_decimal_digits() {
        for (number, by, sum) in [
            ("1", 1, "2"),
            ("99", 1, "100"),
            ("9", 1_000, "1009"),
            (
                "340282366920938463463374607431768211455",
                1,
                "340282366920938463463374607431768211456",
            ),
        ] {
            assert_eq!(SequenceNumber(number.to_owned()).plus(by).as_str(), sum);
        }
    }

    #[test]
    fn numbers_of_a_shard_grow_and_become_longer() {
        let mut longest = 0;
        for seed in 0..100 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut numbers = vec![SequenceNumber::before_a_shard(&mut random)];
            for number in 0..100 {
                numbers.push(numbers[number].greater(&mut random));
            }
            assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
            assert!(numbers[0].as_str().len() < numbers[100].as_str().len(), "{numbers:?}");
            longest = longest.max(numbers[100].as_str().len());
        }
        assert!(longest > 40, "{longest} digits are less than 128 bits");
    }
}
