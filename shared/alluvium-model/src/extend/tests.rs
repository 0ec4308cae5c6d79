//! The rules of growth by example, and its laws.

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::{ColumnRule, NameStyle, Scalar, ValueClass};

fn origin() -> Origin {
    let arrived_at = UtcInstant::from_micros(0).unwrap();
    Origin { source: "s3://landing/camera/1.json".to_owned(), arrived_at }
}

fn discovery(paths: &[(&str, &[ValueClass])]) -> Discovery {
    paths.iter().map(|(path, c)| (path.parse().unwrap(), ClassSet::of(c))).collect()
}

fn extend(schema: &TableSchema, paths: &[(&str, &[ValueClass])]) -> TableSchema {
    schema.extend(&discovery(paths), &origin(), &TableRules::default()).schema
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
fn declared_columns_are_named_in_the_same_order() {
    let typed = |path: &str, kind| (path.parse().unwrap(), ColumnRule::Typed(kind));
    let columns_of = |mode| {
        let declared = [typed("$.a", Kind::Scalar(Scalar::Bigint)), typed("$.A", Kind::Json)];
        let rules = TableRules { mode, columns: declared.into(), ..TableRules::default() };
        columns(&TableSchema::default().extend(&Discovery::default(), &origin(), &rules).schema)
    };
    for mode in [Mode::Evolve, Mode::Freeze, Mode::Quarantine] {
        assert_eq!(columns_of(mode), "a bigint $.a\na_331110 json $.A");
    }
}

#[test]
fn a_name_that_changed_says_why() {
    let long = format!("$.{}", "k".repeat(200));
    let paths = ["$.Tag", "$.tag", "$.dt", "$.userId", "$.a.b", long.as_str()];
    let found: Vec<_> = paths.iter().map(|path| (*path, &[ValueClass::Bigint][..])).collect();
    let schema = extend(&TableSchema::with_names_taken(["dt"]), &found);
    let schema = extend(&schema, &[("$.tag", &[ValueClass::Double])]);
    let why = |column| schema.name_change(column, NameStyle::Snake).map(|why| format!("{why:?}"));
    let changes: Vec<_> = schema.columns().iter().filter_map(why).collect();
    assert_eq!(
        changes.join("\n"),
        "Taken { by: None }\nLength\nTaken { by: Some(\"$.tag\") }\nSpelling"
    );
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
    let rules = TableRules {
        budget: Budget { max_columns: 2, ..Budget::default() },
        ..TableRules::default()
    };
    let paths = discovery(&[
        ("$.a", &[ValueClass::Bigint]),
        ("$.b", &[ValueClass::Bigint, ValueClass::Json]),
        ("$.c", &[ValueClass::Bigint]),
    ]);
    let extension = TableSchema::default().extend(&paths, &origin(), &rules);
    assert_eq!(columns(&extension.schema), "a bigint $.a\nb bigint $.b");
    let again = extension.schema.extend(&paths, &origin(), &rules);
    assert_eq!((again.added, again.schema), (0, extension.schema));
}

/// Objects with these keys, all of them integers.
fn object(path: &str, keys: std::ops::Range<usize>) -> Discovery {
    let object: JsonPath = path.parse().unwrap();
    let integers = ClassSet::of(&[ValueClass::Bigint]);
    let mut found: Discovery =
        keys.map(|key| (object.child(&format!("k{key:03}")), integers)).collect();
    found.insert(object, ClassSet::of(&[ValueClass::Object]));
    found
}

#[test]
fn an_object_of_too_many_keys_is_kept_whole_from_then_on() {
    use ValueClass::{Bigint, BigintArray, Object, String};
    let check = |known: &[(&str, &[ValueClass])], keys, expected: &str| {
        let schema = extend(&TableSchema::default(), known);
        let before = schema.columns().len();
        let found = object("$.m", 0..keys);
        let wide = schema.extend(&found, &origin(), &TableRules::default());
        // A few keys alone do not bring back what was decided.
        let later = object("$.m", 7..9).join(object("$.m.k001.deeper", 0..300));
        let later = wide.schema.extend(&later, &origin(), &TableRules::default());
        let names = later.schema.columns()[before..].iter().map(|c| c.name.as_str());
        assert_eq!(names.collect::<Vec<_>>().join(" "), expected, "{known:?}");
        let carriers = later.schema.carriers(&"$.m".parse().unwrap(), Object);
        assert_eq!((carriers.len(), later.added), (1, 0), "{known:?}");
    };
    check(&[], 201, "m");
    check(&[("$.m", &[String])], 201, "m__json");
    check(&[("$.m", &[BigintArray])], 201, "m__json");
    check(&[("$.m", &[ValueClass::Json])], 201, "");
    check(&[("$.mm.k000", &[Bigint])], 5_000, "m");
}

#[test]
fn an_object_with_columns_gets_no_more_than_it_may_have() {
    let columns_of = |keys: &[std::ops::Range<usize>]| {
        let empty = (TableSchema::default(), 0);
        let (schema, refused) = keys.iter().fold(empty, |(schema, refused), keys| {
            let next =
                schema.extend(&object("$.m", keys.clone()), &origin(), &TableRules::default());
            assert_eq!(next.kept_whole, []);
            assert!(next.refused.iter().all(|(_, refusal)| *refusal == Refusal::Keys));
            (next.schema, refused + next.refused.len())
        });
        (schema.columns().len(), refused)
    };
    assert_eq!(columns_of(&[0..200, 0..200]), (200, 0));
    assert_eq!(columns_of(&[0..1, 0..201]), (200, 1));
    assert_eq!(columns_of(&[0..150, 150..300, 150..300]), (200, 200));
    // The record itself has as many keys as the table has columns.
    let record = object("$", 0..990);
    assert_eq!(
        TableSchema::default().extend(&record, &origin(), &TableRules::default()).added,
        990
    );
}

#[test]
fn keys_are_counted_however_deep_their_columns_lie() {
    let deep = |keys: &[&str]| -> Discovery {
        let path = |key: &&str| JsonPath::from_keys(["m", key, "a", "b"]);
        keys.iter().map(|k| (path(k), ClassSet::of(&[ValueClass::Bigint]))).collect()
    };
    let rules =
        TableRules { budget: Budget { max_keys: 2, ..Budget::default() }, ..TableRules::default() };
    let schema = TableSchema::default().extend(&deep(&["x", "y"]), &origin(), &rules).schema;
    let more = schema.extend(&deep(&["x.y", "y", "z"]), &origin(), &rules);
    let refused: Vec<_> = more.refused.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!((more.added, refused), (0, vec!["$.m.z.a.b", r#"$.m["x.y"].a.b"#]));
    let beside: Discovery = [("$.m.x.a.c", ValueClass::Bigint), ("$.m.x.a", ValueClass::String)]
        .map(|(path, class)| (path.parse().unwrap(), ClassSet::of(&[class])))
        .into_iter()
        .collect();
    assert_eq!(schema.extend(&beside, &origin(), &rules).added, 2);
}

fn narrow() -> TableRules {
    let budget = Budget { max_columns: 20, max_keys: 3, ..Budget::default() };
    TableRules { budget, ..TableRules::default() }
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
        discoveries
            .iter()
            .fold(empty, |schema, discovery| schema.extend(discovery, &origin(), &narrow()).schema)
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
        let rules = narrow();
        let once = schema.extend(&found, &origin(), &rules).schema;
        let twice = once.extend(&found, &origin(), &rules);
        prop_assert_eq!(twice.added, 0);
        prop_assert_eq!(twice.schema, once);
    }

    #[test]
    fn extend_is_monotone(schema in any_schema(), found in any_discovery()) {
        let extended = schema.extend(&found, &origin(), &TableRules::default()).schema;
        prop_assert_eq!(&extended.columns()[..schema.columns().len()], schema.columns());
    }

    #[test]
    fn extend_is_total(schema in any_schema(), found in any_discovery()) {
        let extended = schema.extend(&found, &origin(), &TableRules::default()).schema;
        for (path, classes) in found.iter() {
            if extended.lies_in_whole(path) {
                prop_assert_eq!(extended.base(path), None);
                continue;
            }
            // Neither makes a column: one is not worth it, the other's members have theirs.
            let without = [ValueClass::NullArray, ValueClass::Object];
            for class in classes.iter().filter(|class| !without.contains(class)) {
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
        let extended = schema.extend(&found, &origin(), &TableRules::default()).schema;
        let names: BTreeSet<_> = extended.columns().iter().map(|c| &c.name).collect();
        prop_assert_eq!(names.len(), extended.columns().len());
        let places: BTreeSet<_> =
            extended.columns().iter().map(|c| (&c.path, c.kind)).collect();
        prop_assert_eq!(places.len(), extended.columns().len());
    }
}
