//! Dynamic DDL: the columns that a table gains from a discovery.
//!
//! `extend` is idempotent, monotone (nothing that is in the table is renamed, retyped, moved or
//! removed) and total (every discovered value has a column, a sibling or `_rescued` afterwards).

use crate::{ClassSet, ColumnName, DataColumn, Discovery, JsonPath, Kind, TableSchema, UtcInstant};

/// Where a discovery comes from; kept with every column that it brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The URI of the source.
    pub source: String,
    /// When the source arrived.
    pub arrived_at: UtcInstant,
}

/// How wide a table may become. What is refused goes to `_rescued`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Columns of a table, system and foreign ones included.
    pub max_columns: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { max_columns: 1_000 }
    }
}

/// A schema after a discovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// The schema with the columns that the discovery brought.
    pub schema: TableSchema,
    /// How many columns at the end of `schema` are new.
    pub added: usize,
}

impl Extension {
    /// The new columns.
    #[must_use]
    pub fn added_columns(&self) -> &[DataColumn] {
        let columns = self.schema.columns();
        columns.get(columns.len() - self.added..).unwrap_or_default()
    }
}

impl TableSchema {
    /// The schema after `discovery`, within `budget`.
    #[must_use]
    pub fn extend(&self, discovery: &Discovery, origin: &Origin, budget: Budget) -> Extension {
        let mut growth = Growth { schema: self.clone(), origin, budget };
        // A path whose keys are names already shall keep them, whoever else wants them.
        let (plain, changed): (Vec<_>, Vec<_>) =
            discovery.iter().partition(|(path, _)| ColumnName::needs_no_change(path));
        for (path, classes) in plain.into_iter().chain(changed) {
            match self.base(path) {
                Some(base) => growth.add_missing_siblings(base, classes),
                None => growth.add_path(path, classes),
            }
        }
        let added = growth.schema.columns().len() - self.columns().len();
        Extension { schema: growth.schema, added }
    }
}

struct Growth<'a> {
    schema: TableSchema,
    origin: &'a Origin,
    budget: Budget,
}

impl Growth<'_> {
    fn add_path(&mut self, path: &JsonPath, classes: ClassSet) {
        let containers = classes.container_kind();
        let kinds = match classes.scalar_kind() {
            // Containers never join scalars: they get a sibling.
            Some(scalar) => (Kind::Scalar(scalar), containers.map(|_| Kind::Json)),
            None => match containers {
                Some(kind) => (kind, None),
                None => return,
            },
        };
        let free = ColumnName::candidates(path).find(|name| !self.schema.is_taken(name));
        let Some(name) = free else { return };
        let (kind, sibling) = kinds;
        if self.push(name.clone(), path, kind, None)
            && let Some(kind) = sibling
        {
            self.push_sibling(&name, path, kind);
        }
    }

    fn add_missing_siblings(&mut self, base: &DataColumn, classes: ClassSet) {
        for class in classes.iter().filter(|class| !class.fits(base.kind)) {
            if let Some(kind) = class.sibling_kind()
                && self.schema.sibling(&base.path, kind).is_none()
            {
                self.push_sibling(&base.name, &base.path, kind);
            }
        }
    }

    fn push_sibling(&mut self, base: &ColumnName, path: &JsonPath, kind: Kind) {
        let name = base.with_suffix(kind.sibling_suffix());
        // Base names never hold `__`, so only somebody else's column can be in the way.
        if !self.schema.is_taken(&name) {
            self.push(name, path, kind, Some(base.clone()));
        }
    }

    fn push(
        &mut self,
        name: ColumnName,
        path: &JsonPath,
        kind: Kind,
        sibling_of: Option<ColumnName>,
    ) -> bool {
        let fits = self.schema.width() < self.budget.max_columns;
        if fits {
            self.schema.push(DataColumn {
                name,
                path: path.clone(),
                kind,
                sibling_of,
                since: self.origin.arrived_at,
                source: self.origin.source.clone(),
            });
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;
    use crate::ValueClass;

    fn origin() -> Origin {
        let arrived_at = UtcInstant::from_micros(0).unwrap();
        Origin { source: "s3://landing/camera/1.json".to_owned(), arrived_at }
    }

    fn discovery(paths: &[(&str, &[ValueClass])]) -> Discovery {
        paths.iter().map(|(path, c)| (path.parse().unwrap(), ClassSet::of(c))).collect()
    }

    fn extend(schema: &TableSchema, paths: &[(&str, &[ValueClass])]) -> TableSchema {
        schema.extend(&discovery(paths), &origin(), Budget::default()).schema
    }

    fn columns(schema: &TableSchema) -> String {
        let lines = schema.columns().iter().map(|c| format!("{} {} {}", c.name, c.kind, c.path));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn plain_keys_keep_their_names_and_others_get_a_hash() {
        use ValueClass::Bigint;
        let schema = TableSchema::with_names_taken(["dt", "_source"]);
        let schema = extend(
            &schema,
            &[
                ("$.Tag", &[Bigint]),
                ("$.tag", &[Bigint]),
                ("$.dt", &[Bigint]),
                ("$._source", &[Bigint]),
                ("$[\"+1\"]", &[Bigint]),
                ("$[\"-1\"]", &[Bigint]),
            ],
        );
        insta::assert_snapshot!(columns(&schema), @r#"
        dt_0f7438 bigint $.dt
        tag bigint $.tag
        tag_1c430d bigint $.Tag
        source bigint $._source
        c_1 bigint $["+1"]
        c_1_9d993d bigint $["-1"]
        "#);
    }

    #[test]
    fn a_later_plain_key_does_not_take_a_name_away() {
        let schema = extend(&TableSchema::default(), &[("$.Tag", &[ValueClass::String])]);
        let schema = extend(&schema, &[("$.tag", &[ValueClass::String])]);
        insta::assert_snapshot!(columns(&schema), @"
        tag string $.Tag
        tag_d601d1 string $.tag
        ");
    }

    #[test]
    fn what_does_not_fit_gets_a_sibling() {
        use ValueClass::{Bigint, BigintArray, Double, Json, NullArray, String, WideBigint};
        let schema = extend(
            &TableSchema::default(),
            &[("$.mag", &[Bigint]), ("$.both", &[Bigint, BigintArray]), ("$.n", &[NullArray])],
        );
        let schema = extend(
            &schema,
            &[
                ("$.mag", &[Double, WideBigint, NullArray]),
                ("$.both", &[String, Json]),
                ("$.n", &[NullArray]),
            ],
        );
        insta::assert_snapshot!(columns(&schema), @"
        both bigint $.both
        both__json json $.both
        mag bigint $.mag
        both__string string $.both
        mag__double double $.mag
        ");
        let names = |path: &str, class| -> Vec<_> {
            let carriers = schema.carriers(&path.parse().unwrap(), class);
            carriers.iter().map(|column| column.name.to_string()).collect()
        };
        assert_eq!(names("$.mag", Bigint), ["mag", "mag__double"]);
        assert_eq!(names("$.mag", WideBigint), ["mag"]);
        assert_eq!(names("$.mag", Double), ["mag__double"]);
        assert_eq!(names("$.both", NullArray), ["both__json"]);
        assert_eq!(names("$.mag", NullArray), [""; 0]);
        assert_eq!(names("$.n", NullArray), [""; 0]);
    }

    #[test]
    fn a_foreign_column_in_the_way_of_a_sibling_sends_its_values_to_rescued() {
        let schema = TableSchema::with_names_taken(["mag__double"]);
        let schema = extend(&schema, &[("$.mag", &[ValueClass::Bigint])]);
        let schema = extend(&schema, &[("$.mag", &[ValueClass::Double])]);
        assert_eq!(columns(&schema), "mag bigint $.mag");
        assert!(schema.carriers(&"$.mag".parse().unwrap(), ValueClass::Double).is_empty());
    }

    #[test]
    fn a_full_table_refuses_and_stays_as_it_is() {
        let budget = Budget { max_columns: 2 };
        let paths = discovery(&[
            ("$.a", &[ValueClass::Bigint]),
            ("$.b", &[ValueClass::Bigint, ValueClass::Json]),
            ("$.c", &[ValueClass::Bigint]),
        ]);
        let extension = TableSchema::default().extend(&paths, &origin(), budget);
        assert_eq!(columns(&extension.schema), "a bigint $.a\nb bigint $.b");
        let again = extension.schema.extend(&paths, &origin(), budget);
        assert_eq!((again.added, again.schema), (0, extension.schema));
    }

    fn any_path() -> impl Strategy<Value = JsonPath> {
        // Few keys that collide in every way that names can.
        let key = select(vec!["a", "A", "a_", "a.b", "b", "", "_", "1", "+1", "dt", "a__double"]);
        vec(key, 1..4).prop_map(JsonPath::from_keys)
    }

    fn any_discovery() -> impl Strategy<Value = Discovery> {
        let class = select(ValueClass::ALL.to_vec());
        let classes = vec(class, 1..4).prop_map(|classes| ClassSet::of(&classes));
        vec((any_path(), classes), 0..12).prop_map(|paths| paths.into_iter().collect())
    }

    fn any_schema() -> impl Strategy<Value = TableSchema> {
        vec(any_discovery(), 0..4).prop_map(|discoveries| {
            let empty = TableSchema::with_names_taken(["dt"]);
            discoveries.iter().fold(empty, |schema, discovery| {
                schema.extend(discovery, &origin(), Budget { max_columns: 20 }).schema
            })
        })
    }

    proptest! {
        #[test]
        fn join_is_commutative_associative_and_idempotent(
            a in any_discovery(), b in any_discovery(), c in any_discovery()
        ) {
            prop_assert_eq!(a.clone().join(b.clone()), b.clone().join(a.clone()));
            let left = a.clone().join(b.clone()).join(c.clone());
            prop_assert_eq!(left, a.clone().join(b.join(c)));
            prop_assert_eq!(a.clone().join(a.clone()), a);
        }

        #[test]
        fn extend_is_idempotent(schema in any_schema(), found in any_discovery()) {
            let budget = Budget { max_columns: 20 };
            let once = schema.extend(&found, &origin(), budget).schema;
            let twice = once.extend(&found, &origin(), budget);
            prop_assert_eq!(twice.added, 0);
            prop_assert_eq!(twice.schema, once);
        }

        #[test]
        fn extend_is_monotone(schema in any_schema(), found in any_discovery()) {
            let extended = schema.extend(&found, &origin(), Budget::default()).schema;
            prop_assert_eq!(&extended.columns()[..schema.columns().len()], schema.columns());
        }

        #[test]
        fn extend_is_total(schema in any_schema(), found in any_discovery()) {
            let extended = schema.extend(&found, &origin(), Budget::default()).schema;
            for (path, classes) in found.iter() {
                for class in classes.iter().filter(|class| *class != ValueClass::NullArray) {
                    let carriers = extended.carriers(path, class);
                    prop_assert!(!carriers.is_empty(), "{path} {class:?}");
                    prop_assert!(carriers.iter().all(|column| class.fits(column.kind)));
                }
            }
        }

        #[test]
        fn no_two_columns_share_a_name_or_a_path_and_kind(
            schema in any_schema(), found in any_discovery()
        ) {
            let extended = schema.extend(&found, &origin(), Budget::default()).schema;
            let names: BTreeSet<_> = extended.columns().iter().map(|c| &c.name).collect();
            prop_assert_eq!(names.len(), extended.columns().len());
            let places: BTreeSet<_> =
                extended.columns().iter().map(|c| (&c.path, c.kind)).collect();
            prop_assert_eq!(places.len(), extended.columns().len());
        }
    }
}
