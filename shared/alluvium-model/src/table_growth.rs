//! How a table grows by a discovery, within the bytes that the catalog gives to its definition.
//!
//! The Glue catalog takes about 1 MB of compressed metadata for a table (AWS documentation, Glue
//! quotas) and refuses what is larger, whatever it holds. So a table never comes near: columns
//! that would take it beyond [`crate::Budget::max_table_bytes`] are refused like any beyond its width.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};

use crate::{
    Discovery, Extension, HealedTable, Injury, Origin, SchemaError, TableEntry, TableRules,
    TableSchema,
};

/// A table after a discovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendedTable {
    /// The table as it is to be written.
    pub entry: TableEntry,
    /// What became of its schema.
    pub extension: Extension,
    /// What was wrong with the table as it was read, and no longer is.
    pub injuries: Vec<Injury>,
}

impl ExtendedTable {
    /// Whether the table is another one than was read.
    #[must_use]
    pub const fn is_changed(&self) -> bool {
        self.extension.changes_schema() || !self.injuries.is_empty()
    }
}

impl TableEntry {
    /// The table, healed, after `discovery`, by `rules`. Its new columns are as many of those that
    /// [`TableSchema::extend`] brings, the first ones first, as the bytes of its definition allow.
    ///
    /// # Errors
    /// When nothing tells what a column of Alluvium's holds.
    pub fn extend(
        &self,
        discovery: &Discovery,
        origin: &Origin,
        rules: &TableRules,
    ) -> Result<ExtendedTable, SchemaError> {
        Ok(self.heal()?.extend(discovery, origin, rules))
    }

    /// Whether the definition takes no more than this many bytes, compressed.
    fn definition_fits(&self, bytes_max: usize) -> bool {
        let mut text = Vec::new();
        // Compressing is worth it only for what is large: it makes nothing larger than it was by
        // more than the header of gzip, which the budget leaves room for.
        serde_json::to_writer(&mut text, self).is_ok()
            && (text.len() <= bytes_max || gzipped_bytes(&text).is_some_and(|b| b <= bytes_max))
    }
}

impl HealedTable {
    /// The table after `discovery`, like [`TableEntry::extend`].
    #[must_use]
    pub fn extend(
        self,
        discovery: &Discovery,
        origin: &Origin,
        rules: &TableRules,
    ) -> ExtendedTable {
        let Self { entry, schema, injuries } = self;
        let bytes_max = rules.budget.max_table_bytes;
        let wanted = schema.wanted(discovery, rules);
        let grown = |schema: &TableSchema| {
            let extension = schema.grow(&wanted, origin, rules);
            let entry = entry.extended(schema, &extension);
            ExtendedTable { entry, extension, injuries: injuries.clone() }
        };
        let fits = |width: usize| {
            let grown = grown(&schema.narrowed(width));
            grown.entry.definition_fits(bytes_max)
        };
        let all = grown(&schema);
        if all.entry.definition_fits(bytes_max) {
            return all;
        }
        // The first `width` columns fit, `beyond` columns do not. Where not even one more does,
        // nothing else is tried, so that a discovery that met the limit meets it again.
        let (mut width, mut beyond) = (schema.width(), all.extension.schema.width());
        if !fits(width + 1) {
            beyond = width + 1;
        }
        while beyond - width > 1 {
            let middle = width.midpoint(beyond);
            if fits(middle) {
                width = middle;
            } else {
                beyond = middle;
            }
        }
        grown(&schema.narrowed(width))
    }
}

fn gzipped_bytes(text: &[u8]) -> Option<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).ok()?;
    Some(encoder.finish().ok()?.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Budget, ClassSet, JsonPath, PartitionSpec, Refusal, TableSource, ValueClass,
        layout::table_location,
    };

    fn table() -> TableEntry {
        let name: crate::TableName = "camera".parse().unwrap();
        let location = table_location(&"lake".parse().unwrap(), &name);
        TableEntry::new(name, &TableSource::new("camera"), location, &PartitionSpec::default())
    }

    fn origin() -> Origin {
        let arrived_at = "2026-11-24T00:00:00Z".parse().unwrap();
        Origin { source: "s3://landing/camera/1.json".to_owned(), arrived_at }
    }

    /// Keys of as many digits of hash, which compress to a half at best.
    fn long_keys(count: usize, digits: usize) -> Discovery {
        let key = |n: usize| {
            let digest = |m| crate::Digest::of_text(&format!("{n} {m}")).to_string();
            (0..digits.div_ceil(64)).map(digest).collect::<String>()
        };
        let path = |n| JsonPath::root().child(&key(n));
        (0..count).map(|n| (path(n), ClassSet::of(&[ValueClass::Bigint]))).collect()
    }

    #[test]
    fn a_definition_stays_within_its_bytes_and_what_is_beyond_is_refused() {
        let rules = TableRules {
            budget: Budget { max_table_bytes: 20_000, ..Budget::default() },
            ..TableRules::default()
        };
        let grown = table().extend(&long_keys(100, 512), &origin(), &rules).unwrap();
        let (added, refused) = (grown.extension.added, &grown.extension.refused);
        assert!((20..80).contains(&added), "{added} columns");
        assert_eq!(added + refused.len(), 100);
        assert!(refused.iter().all(|(_, refusal)| *refusal == Refusal::TableBytes));
        let size = |table: &TableEntry| gzipped_bytes(&serde_json::to_vec(table).unwrap()).unwrap();
        assert!((18_000..=20_000).contains(&size(&grown.entry)), "{} bytes", size(&grown.entry));
        // Who remembers the schema does not try again; who reads the table finds the same.
        let again = grown.extension.schema.extend(&long_keys(100, 512), &origin(), &rules);
        assert!(!again.changes_schema());
        let again = grown.entry.extend(&long_keys(100, 512), &origin(), &rules).unwrap();
        assert_eq!((again.extension.added, again.entry), (0, grown.entry));
    }

    #[test]
    fn whoever_reads_the_table_knows_which_objects_are_kept_whole() {
        let object = JsonPath::root().child("by key");
        let mut found: Discovery = (0..300)
            .map(|n| (object.child(&n.to_string()), ClassSet::of(&[ValueClass::Bigint])))
            .collect();
        found.insert(object.clone(), ClassSet::of(&[ValueClass::Object]));
        let grown = table().extend(&found, &origin(), &TableRules::default()).unwrap();
        let schema = grown.entry.schema().unwrap();
        assert_eq!(schema, grown.extension.schema);
        assert!(schema.keeps_whole(&object) && schema.columns().len() == 1);

        // A column that is there for arrays takes objects as well from then on.
        let arrays = [(object.clone(), ClassSet::of(&[ValueClass::Json]))].into_iter().collect();
        let before = table().extend(&arrays, &origin(), &TableRules::default()).unwrap().entry;
        assert!(!before.schema().unwrap().keeps_whole(&object));
        let grown = before.extend(&found, &origin(), &TableRules::default()).unwrap();
        assert!(grown.extension.changes_schema() && grown.extension.added == 0);
        assert_eq!(grown.entry.schema().unwrap(), grown.extension.schema);
        assert!(grown.extension.schema.keeps_whole(&object));
    }

    #[test]
    fn a_thousand_columns_of_the_longest_keys_stay_below_the_limit_of_the_catalog() {
        let grown =
            table().extend(&long_keys(1_000, 1_000), &origin(), &TableRules::default()).unwrap();
        assert!((400..=996).contains(&grown.extension.added), "{}", grown.extension.added);
        assert!(grown.entry.definition_fits(768 << 10));
    }

    #[test]
    fn usual_tables_are_not_bounded_by_bytes() {
        let grown =
            table().extend(&long_keys(1_000, 64), &origin(), &TableRules::default()).unwrap();
        let columns = |(_, refusal): &(_, Refusal)| *refusal == Refusal::Columns;
        assert!(grown.extension.refused.iter().all(columns));
        assert_eq!(grown.extension.schema.width(), 1_000);
    }
}
