//! What a part of a source was seen to hold.

use std::collections::BTreeMap;

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

    /// How many keys of each object were seen. What lies deeper counts for the objects between,
    /// which stand here by themselves.
    #[must_use]
    pub fn keys(&self) -> BTreeMap<&str, usize> {
        let mut keys = BTreeMap::new();
        for object in self.0.keys().filter_map(JsonPath::parent) {
            *keys.entry(object).or_default() += 1;
        }
        keys
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
    fn keys_of_objects_are_counted() {
        let paths = ["$.a", "$.a.b", "$.a.b.c", "$.a.b1", "$.a.b[\"x\"]", "$.a[\"b.c\"]", "$.ab"];
        let json = ClassSet::of(&[ValueClass::Json]);
        let found: Discovery =
            paths.map(|path| (path.parse().unwrap(), json)).into_iter().collect();
        assert_eq!(found.keys(), BTreeMap::from([("$", 2), ("$.a", 3), ("$.a.b", 2)]));
    }
}
