//! Who swaps.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
};

use alluvium_model::SwapOwner;

/// An owner that nobody else ever is: 128 random bits. It is part of the names of generations, of
/// which no two may be alike, whoever made them and died. The keys of a [`RandomState`] come from
/// the operating system, and differ from one to the next.
#[must_use]
pub fn random_owner() -> SwapOwner {
    let bits = || u128::from(RandomState::new().build_hasher().finish());
    SwapOwner::of_number((bits() << 64) | bits())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_owner_is_like_another() {
        let owners: BTreeSet<_> = (0..1_000).map(|_| random_owner()).collect();
        assert_eq!(owners.len(), 1_000);
        assert!(owners.iter().all(|owner| owner.to_string().len() == 32));
    }
}
