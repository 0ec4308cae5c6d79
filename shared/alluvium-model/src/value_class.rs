//! What a value is, as far as the choice of its column needs to know.
//!
//! Kinds alone do not suffice: an integer that a double cannot hold exactly, or an array that
//! mixes scalars, fits other columns than its neighbours. A [`ClassSet`] is what one path was
//! seen to hold; its union is the `join` of schema discovery.

use crate::{Kind, Scalar};

/// The class of one value. `null`, `{}` and `[]` have none: they are SQL NULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ValueClass {
    /// `true` or `false`.
    Boolean,
    /// An integer within i64 that a double holds exactly.
    Bigint,
    /// An integer within i64 that a double would round.
    WideBigint,
    /// Any other number whose nearest double is finite, and zero only if it is zero.
    Double,
    /// An RFC 3339 date-time between 1900 and 9999 with at most six fractional digits.
    Timestamp,
    /// Other text, and numbers beyond a bigint or a double.
    String,
    /// An array of nothing but nulls.
    NullArray,
    /// An array of booleans.
    BooleanArray,
    /// An array of integers that are all exact in a double.
    BigintArray,
    /// An array of integers, one at least not exact in a double.
    WideBigintArray,
    /// An array of doubles, and perhaps integers that are exact in a double.
    DoubleArray,
    /// An array of timestamps.
    TimestampArray,
    /// An array of text, and perhaps timestamps.
    StringArray,
    /// An array of any other mixture of scalars.
    MixedArray,
    /// An array that holds containers, or an object deeper than objects are flattened.
    Json,
    /// An object whose members have places of their own, unless its table keeps the objects of
    /// its path whole.
    Object,
}

impl ValueClass {
    /// Every class.
    pub const ALL: [Self; 16] = [
        Self::Boolean,
        Self::Bigint,
        Self::WideBigint,
        Self::Double,
        Self::Timestamp,
        Self::String,
        Self::NullArray,
        Self::BooleanArray,
        Self::BigintArray,
        Self::WideBigintArray,
        Self::DoubleArray,
        Self::TimestampArray,
        Self::StringArray,
        Self::MixedArray,
        Self::Json,
        Self::Object,
    ];

    /// The class with this number, the inverse of `as u8`; `Object` for a number of none.
    #[must_use]
    pub const fn from_u8(number: u8) -> Self {
        match number {
            0 => Self::Boolean,
            1 => Self::Bigint,
            2 => Self::WideBigint,
            3 => Self::Double,
            4 => Self::Timestamp,
            5 => Self::String,
            6 => Self::NullArray,
            7 => Self::BooleanArray,
            8 => Self::BigintArray,
            9 => Self::WideBigintArray,
            10 => Self::DoubleArray,
            11 => Self::TimestampArray,
            12 => Self::StringArray,
            13 => Self::MixedArray,
            14 => Self::Json,
            _ => Self::Object,
        }
    }

    /// Whether a column of `kind` can take such values without loss.
    #[must_use]
    pub fn fits(self, kind: Kind) -> bool {
        use Scalar::{Bigint, Boolean, Double, String, Timestamp};
        match self {
            Self::Boolean => matches!(kind, Kind::Scalar(Boolean | String)),
            Self::Bigint => matches!(kind, Kind::Scalar(Bigint | Double | String)),
            Self::WideBigint => matches!(kind, Kind::Scalar(Bigint | String)),
            Self::Double => matches!(kind, Kind::Scalar(Double | String)),
            Self::Timestamp => matches!(kind, Kind::Scalar(Timestamp | String)),
            Self::String => kind == Kind::Scalar(String),
            Self::NullArray => matches!(kind, Kind::Array(_) | Kind::Json),
            Self::BooleanArray => matches!(kind, Kind::Array(Boolean | String) | Kind::Json),
            Self::BigintArray => {
                matches!(kind, Kind::Array(Bigint | Double | String) | Kind::Json)
            }
            Self::WideBigintArray => matches!(kind, Kind::Array(Bigint | String) | Kind::Json),
            Self::DoubleArray => matches!(kind, Kind::Array(Double | String) | Kind::Json),
            Self::TimestampArray => matches!(kind, Kind::Array(Timestamp | String) | Kind::Json),
            Self::StringArray | Self::MixedArray => {
                matches!(kind, Kind::Array(String) | Kind::Json)
            }
            Self::Json => kind == Kind::Json,
            // Whether it is kept whole is no question of the kind alone.
            Self::Object => false,
        }
    }

    /// The kind of the sibling that takes such values when the column does not; none for an
    /// array of nulls, which is not worth a column, and for an object, whose members have some.
    #[must_use]
    pub const fn sibling_kind(self) -> Option<Kind> {
        match self {
            Self::Boolean => Some(Kind::Scalar(Scalar::Boolean)),
            Self::Bigint | Self::WideBigint => Some(Kind::Scalar(Scalar::Bigint)),
            Self::Double => Some(Kind::Scalar(Scalar::Double)),
            Self::Timestamp => Some(Kind::Scalar(Scalar::Timestamp)),
            Self::String => Some(Kind::Scalar(Scalar::String)),
            Self::NullArray | Self::Object => None,
            Self::BooleanArray
            | Self::BigintArray
            | Self::WideBigintArray
            | Self::DoubleArray
            | Self::TimestampArray
            | Self::StringArray
            | Self::MixedArray
            | Self::Json => Some(Kind::Json),
        }
    }

    /// The class of an array whose elements have the classes in `elements`, nulls left out.
    #[must_use]
    pub fn of_array(elements: ClassSet) -> Self {
        let integers = ClassSet::of(&[Self::Bigint, Self::WideBigint]);
        let numbers = ClassSet::of(&[Self::Bigint, Self::Double]);
        let texts = ClassSet::of(&[Self::Timestamp, Self::String]);
        if elements.is_empty() {
            Self::NullArray
        } else if !elements.within(ClassSet::SCALARS) {
            Self::Json
        } else if elements == ClassSet::of(&[Self::Boolean]) {
            Self::BooleanArray
        } else if elements == ClassSet::of(&[Self::Bigint]) {
            Self::BigintArray
        } else if elements.within(integers) {
            Self::WideBigintArray
        } else if elements.within(numbers) {
            Self::DoubleArray
        } else if elements == ClassSet::of(&[Self::Timestamp]) {
            Self::TimestampArray
        } else if elements.within(texts) {
            Self::StringArray
        } else {
            Self::MixedArray
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u8
    }
}

/// The classes that one path was seen to hold. Its union is commutative, associative and
/// idempotent, which makes discovery independent of order and repetition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassSet(u16);

impl ClassSet {
    const SCALARS: Self = Self::of(&[
        ValueClass::Boolean,
        ValueClass::Bigint,
        ValueClass::WideBigint,
        ValueClass::Double,
        ValueClass::Timestamp,
        ValueClass::String,
    ]);

    /// The set of just these classes.
    #[must_use]
    pub const fn of(classes: &[ValueClass]) -> Self {
        let mut bits = 0;
        let mut rest = classes;
        while let [first, tail @ ..] = rest {
            bits |= first.bit();
            rest = tail;
        }
        Self(bits)
    }

    /// Adds a class.
    pub fn insert(&mut self, class: ValueClass) {
        self.0 |= class.bit();
    }

    /// Everything that one of the two holds.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether no class is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set with `class` in it.
    #[must_use]
    pub const fn with(self, class: ValueClass) -> Self {
        Self(self.0 | class.bit())
    }

    /// Whether `class` is in the set.
    #[must_use]
    pub const fn contains(self, class: ValueClass) -> bool {
        self.0 & class.bit() != 0
    }

    /// Whether every class of this set is in `other` too.
    #[must_use]
    pub const fn within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// The classes in the set.
    pub fn iter(self) -> impl Iterator<Item = ValueClass> {
        ValueClass::ALL.into_iter().filter(move |class| self.contains(*class))
    }

    /// The scalars of this set.
    #[must_use]
    pub(crate) const fn scalars(self) -> Self {
        Self(self.0 & Self::SCALARS.0)
    }

    /// The kind that a new column takes for the scalars of this set: one kind stays that kind,
    /// exact integers and doubles are `double`, every other mixture is `string`.
    #[must_use]
    pub fn scalar_kind(self) -> Option<Scalar> {
        let scalars = self.scalars();
        let fitting = |kind: &Scalar| scalars.iter().all(|class| class.fits(Kind::Scalar(*kind)));
        if scalars.is_empty() { None } else { Scalar::ALL.into_iter().find(fitting) }
    }

    /// The kind that a new column takes for the containers of this set: the rule for the elements
    /// of one array, applied to those of all arrays. None if there are none but arrays of nulls
    /// and objects with places for their members.
    #[must_use]
    pub fn container_kind(self) -> Option<Kind> {
        let without = Self::of(&[ValueClass::NullArray, ValueClass::Object]);
        let containers = Self(self.0 & !Self::SCALARS.0 & !without.0);
        // `array<string>` could hold any array of scalars, but only text chooses it.
        let texts = Self::of(&[ValueClass::TimestampArray, ValueClass::StringArray]);
        let fitting = |kind: &Kind| {
            (*kind != Kind::Array(Scalar::String) || containers.within(texts))
                && containers.iter().all(|class| class.fits(*kind))
        };
        let arrays = Scalar::ALL.into_iter().map(Kind::Array);
        if containers.is_empty() { None } else { arrays.chain([Kind::Json]).find(fitting) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(classes: &[ValueClass]) -> ClassSet {
        ClassSet::of(classes)
    }

    #[test]
    fn scalars_join_to_the_kind_that_takes_them_all() {
        use ValueClass::{Bigint, Boolean, Double, Json, String, Timestamp, WideBigint};
        let check = |classes: &[ValueClass], expected| {
            assert_eq!(set(classes).scalar_kind(), expected, "{classes:?}");
        };
        check(&[], None);
        check(&[Json], None);
        check(&[Boolean], Some(Scalar::Boolean));
        check(&[Bigint], Some(Scalar::Bigint));
        check(&[Bigint, WideBigint], Some(Scalar::Bigint));
        check(&[Bigint, Double], Some(Scalar::Double));
        check(&[WideBigint, Double], Some(Scalar::String));
        check(&[Timestamp, Json], Some(Scalar::Timestamp));
        check(&[Timestamp, String], Some(Scalar::String));
        check(&[Boolean, Bigint], Some(Scalar::String));
    }

    #[test]
    fn arrays_join_by_their_elements() {
        use ValueClass as C;
        let check = |classes: &[C], expected| {
            assert_eq!(set(classes).container_kind(), expected, "{classes:?}");
        };
        check(&[C::Bigint], None);
        check(&[C::NullArray], None);
        check(&[C::NullArray, C::BooleanArray], Some(Kind::Array(Scalar::Boolean)));
        check(&[C::BigintArray, C::WideBigintArray], Some(Kind::Array(Scalar::Bigint)));
        check(&[C::BigintArray, C::DoubleArray], Some(Kind::Array(Scalar::Double)));
        check(&[C::WideBigintArray, C::DoubleArray], Some(Kind::Json));
        check(&[C::TimestampArray, C::StringArray], Some(Kind::Array(Scalar::String)));
        check(&[C::BigintArray, C::StringArray], Some(Kind::Json));
        check(&[C::MixedArray], Some(Kind::Json));
        check(&[C::StringArray, C::Json], Some(Kind::Json));
    }

    #[test]
    fn an_array_has_the_class_of_its_elements() {
        use ValueClass as C;
        let check = |elements: &[C], expected| {
            assert_eq!(C::of_array(set(elements)), expected, "{elements:?}");
        };
        check(&[], C::NullArray);
        check(&[C::Boolean], C::BooleanArray);
        check(&[C::Bigint], C::BigintArray);
        check(&[C::Bigint, C::WideBigint], C::WideBigintArray);
        check(&[C::Bigint, C::Double], C::DoubleArray);
        check(&[C::WideBigint, C::Double], C::MixedArray);
        check(&[C::Timestamp], C::TimestampArray);
        check(&[C::Timestamp, C::String], C::StringArray);
        check(&[C::Boolean, C::String], C::MixedArray);
        check(&[C::String, C::Json], C::Json);
    }

    #[test]
    fn what_does_not_fit_has_a_sibling_that_it_fits() {
        for class in ValueClass::ALL {
            assert_eq!(ValueClass::from_u8(class as u8), class);
            assert!(class.sibling_kind().is_none_or(|kind| class.fits(kind)), "{class:?}");
        }
    }
}
