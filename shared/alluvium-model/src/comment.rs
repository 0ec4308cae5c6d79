//! What people read about a column in the catalog: where its values stand, and its relatives.

use crate::{DataColumn, JsonPath, TableSchema};

/// Bytes of a comment at most (AWS documentation, Glue `Column`: 255).
pub(crate) const COMMENT_BYTES_MAX: usize = 255;
/// Bytes of the full names of siblings at most; beyond, what distinguishes them must do.
const NAMES_BYTES_MAX: usize = 120;
const ELLIPSIS: &str = "…";

/// The comment of a column, within the catalog's limit.
pub(crate) fn comment(schema: &TableSchema, column: &DataColumn) -> String {
    let mut more = String::new();
    if let Some(base) = &column.sibling_of {
        more.push_str(&format!("; what {base} cannot take"));
    } else {
        let siblings: Vec<_> =
            schema.siblings(&column.path).map(|sibling| sibling.name.as_str()).collect();
        if !siblings.is_empty() {
            more.push_str("; what it cannot take: ");
            more.push_str(&names(column, &siblings));
        }
    }
    if schema.takes_objects(column) {
        more.push_str("; objects too, whole");
    }
    cut(&column.path, COMMENT_BYTES_MAX.saturating_sub(more.len())) + &more
}

/// The names of siblings, or what each of them adds to the name of its column.
fn names(column: &DataColumn, siblings: &[&str]) -> String {
    let names = siblings.join(", ");
    if names.len() <= NAMES_BYTES_MAX {
        return names;
    }
    let suffix = |name: &&str| name.strip_prefix(column.name.as_str()).map(str::to_owned);
    siblings.iter().filter_map(suffix).collect::<Vec<_>>().join(", ")
}

pub(crate) fn cut(path: &JsonPath, bytes_max: usize) -> String {
    let text = path.as_str();
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let kept = text.floor_char_boundary(bytes_max.saturating_sub(ELLIPSIS.len()));
    format!("{}{ELLIPSIS}", text.get(..kept).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Budget, ClassSet, Discovery, Origin, TableRules, ValueClass};

    /// The comments of the columns of `path` once these classes of value were seen there, one
    /// after the other, objects with more keys than they may have.
    fn comments(path: &JsonPath, classes: impl IntoIterator<Item = ValueClass>) -> Vec<String> {
        let origin = Origin {
            source: "s3://landing/camera/1.json".to_owned(),
            arrived_at: "2026-11-24T00:00:00Z".parse().unwrap(),
        };
        let rules = TableRules {
            budget: Budget { max_keys: 1, ..Budget::default() },
            ..TableRules::default()
        };
        let mut schema = TableSchema::default();
        for class in classes {
            let mut found = Discovery::default();
            found.insert(path.clone(), ClassSet::of(&[class]));
            for key in ["x", "y"].into_iter().filter(|_| class == ValueClass::Object) {
                found.insert(path.child(key), ClassSet::of(&[ValueClass::Bigint]));
            }
            schema = schema.extend(&found, &origin, &rules).schema;
        }
        schema.columns().iter().map(|column| comment(&schema, column)).collect()
    }

    #[test]
    fn relatives_are_named() {
        use ValueClass::{Bigint, Object, String};
        let comments = |classes: &[ValueClass]| {
            comments(&"$.v".parse().unwrap(), classes.iter().copied()).join("\n")
        };
        insta::assert_snapshot!(comments(&[Bigint]), @"$.v");
        insta::assert_snapshot!(comments(&[Bigint, String, Object]), @"
        $.v; what it cannot take: v__string, v__json
        $.v; what v cannot take
        $.v; what v cannot take; objects too, whole
        ");
        insta::assert_snapshot!(comments(&[Object]), @"$.v; objects too, whole");
    }

    #[test]
    fn long_names_are_shortened_to_what_distinguishes_them() {
        let path = format!("$[\"{}\"]", "é".repeat(300));
        let [base, ..] = &comments(&path.parse().unwrap(), ValueClass::ALL)[..] else {
            panic!("no columns")
        };
        assert!(base.contains("…; what it cannot take: __bigint, __double"), "{base}");
    }

    proptest! {
        #[test]
        fn comments_stay_within_the_limit(keys in proptest::collection::vec(".{0,60}", 1..5)) {
            let path = JsonPath::from_keys(keys.iter().map(String::as_str));
            let objects_first = ValueClass::ALL.into_iter().rev();
            for comment in comments(&path, ValueClass::ALL).into_iter().chain(comments(&path, objects_first)) {
                prop_assert!(comment.len() <= COMMENT_BYTES_MAX, "{} bytes: {comment}", comment.len());
            }
        }
    }
}
