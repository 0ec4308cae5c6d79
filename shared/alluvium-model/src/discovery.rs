//! What a part of a source was seen to hold.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use crate::{ClassSet, JsonPath};

/// The classes of value seen under each path. `join` is commutative, associative and idempotent:
/// what is known does not depend on the order in which it was learned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovery(BTreeMap<JsonPath, ClassSet>);

impl Discovery {
    /// Notes that `path` holds `classes`. A path without values is not noted.
    pub fn insert(&mut self, path: JsonPath, classes: ClassSet) {
        if !classes.is_empty() {
            let known = self.0.entry(path).or_default();
            *known = known.union(classes);
        }
    }

    /// Everything that one of the two knows.
    #[must_use]
    pub fn join(mut self, other: Self) -> Self {
        other.0.into_iter().for_each(|(path, classes)| self.insert(path, classes));
        self
    }

    /// How many keys of the object at `object` were seen with something below them; counted no
    /// further than `most`.
    #[must_use]
    pub fn keys(&self, object: &JsonPath, most: usize) -> usize {
        let mut keys = BTreeSet::new();
        for opening in ['.', '['] {
            let begin = format!("{object}{opening}");
            let from = (Bound::Included(begin.as_str()), Bound::Unbounded);
            let below = self.0.range::<str, _>(from).map(|(path, _)| path);
            for path in below.take_while(|path| path.as_str().starts_with(&begin)) {
                keys.insert(path.prefix_below(object));
                if keys.len() >= most {
                    return most;
                }
            }
        }
        keys.len()
    }

    /// The paths in byte order, with what they hold.
    pub fn iter(&self) -> impl Iterator<Item = (&JsonPath, ClassSet)> {
        self.0.iter().map(|(path, classes)| (path, *classes))
    }
}

impl FromIterator<(JsonPath, ClassSet)> for Discovery {
    fn from_iter<I: IntoIterator<Item = (JsonPath, ClassSet)>>(paths: I) -> Self {
        let mut discovery = Self::default();
        paths.into_iter().for_each(|(path, classes)| discovery.insert(path, classes));
        discovery
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ValueClass;

    #[test]
    fn keys_of_an_object_are_counted_once_each() {
        let paths = ["$.a", "$.a.b", "$.a.b.c", "$.a.b1", "$.a.b[\"x\"]", "$.a[\"b.c\"]", "$.ab"];
        let found: Discovery = paths
            .map(|p| (p.parse().unwrap(), ClassSet::of(&[ValueClass::Json])))
            .into_iter()
            .collect();
        let keys = |object: &str, most| found.keys(&object.parse().unwrap(), most);
        assert_eq!((keys("$", 9), keys("$.a", 9), keys("$.a.b", 9)), (2, 3, 2));
        assert_eq!((keys("$.a", 2), keys("$.ab", 9)), (2, 0));
    }
}
