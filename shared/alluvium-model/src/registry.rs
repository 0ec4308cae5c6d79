//! Every column that a table was ever given, kept in the table's own parameters.
//!
//! What stands beside a column goes with it when somebody drops it by hand, and with it the
//! knowledge of what the files call by that name. The registry stays: a column comes back as what
//! it was, never as what the next record happens to hold. It is a JSON list in the order in which
//! columns came, `{name, path, kind, since, source}` with `sibling_of` and `whole` where they
//! apply, cut into the parameters `alluvium.columns.00`, `alluvium.columns.01` and so on.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    ColumnEntry, ColumnName, DataColumn, Kind, Origin, SchemaError, TableEntry, TableSchema,
};

const CHUNK: &str = "alluvium.columns.";
/// Bytes of a chunk at most: a parameter of the Glue catalog holds 512,000 (AWS documentation, Glue API).
const CHUNK_BYTES_MAX: usize = 500_000;

/// A column with what its place in the table cannot tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registered {
    pub(crate) column: DataColumn,
    /// Since when it takes the objects of its path as they are, if it does.
    pub(crate) whole_since: Option<Origin>,
}

/// The same as it is written.
#[derive(Serialize, Deserialize)]
struct Record {
    name: ColumnName,
    path: String,
    kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sibling_of: Option<ColumnName>,
    since: String,
    source: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    whole: bool,
    /// When it began to be whole, and with which source, unless it always was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    whole_since: Option<(String, String)>,
}

impl TableEntry {
    /// Every column of Alluvium's that the table has or had: those of the registry, then those
    /// that are in no registry but say themselves what they are (tables of earlier versions have
    /// none, and earlier versions may still write).
    ///
    /// What is called otherwise than it was registered has been renamed by hand, and is
    /// somebody else's from then on.
    ///
    /// # Errors
    /// When there is no registry and the parameters of a column are unreadable.
    pub(crate) fn registered(&self) -> Result<Vec<Registered>, SchemaError> {
        let mut registered = read(&self.parameters);
        let names: BTreeSet<_> = registered.iter().map(|one| one.column.name.as_str()).collect();
        let unknown: Vec<_> =
            self.columns.iter().filter(|entry| !names.contains(&*entry.name)).collect();
        let marked = self.columns.iter().filter(|entry| entry.is_marked_whole());
        let marked: BTreeMap<_, _> = marked.map(|entry| (entry.name.as_str(), entry)).collect();
        let json = |one: &&mut Registered| one.column.kind == Kind::Json;
        for one in registered.iter_mut().filter(json).filter(|one| one.whole_since.is_none()) {
            let entry = marked.get(one.column.name.as_str());
            one.whole_since = entry.and_then(|entry| entry.whole_since(&one.column));
        }
        self.add_unknown(&mut registered, &unknown)?;
        Ok(registered)
    }

    /// Adds what columns say of themselves that are in no registry, unless it has their places.
    fn add_unknown(
        &self,
        registered: &mut Vec<Registered>,
        unknown: &[&ColumnEntry],
    ) -> Result<(), SchemaError> {
        let told = registered.len();
        for entry in unknown {
            let column = match entry.data_column(&self.name) {
                Ok(Some(column)) => column,
                Ok(None) => continue,
                Err(_) if told > 0 => continue,
                Err(unreadable) => return Err(unreadable),
            };
            let has_place =
                |one: &Registered| one.column.path == column.path && one.column.kind == column.kind;
            if !registered.iter().any(has_place) {
                let whole_since = entry.whole_since(&column);
                registered.push(Registered { column, whole_since });
            }
        }
        if registered.len() > told {
            // Of a path, the column that was there first must come first.
            registered.sort_by_key(|one| one.column.sibling_of.is_some());
        }
        Ok(())
    }
}

/// What is unreadable is left out: the columns tell it, if they are there.
fn read(parameters: &BTreeMap<String, String>) -> Vec<Registered> {
    let chunks = parameters.iter().filter(|(name, _)| name.starts_with(CHUNK));
    let records = chunks.filter_map(|(_, chunk)| serde_json::from_str::<Vec<Record>>(chunk).ok());
    let mut seen = BTreeSet::new();
    let registered = records.flatten().filter_map(Record::registered);
    registered.filter(|one| seen.insert(one.column.name.clone())).collect()
}

/// Replaces the registry by the columns of `schema`.
pub(crate) fn write(parameters: &mut BTreeMap<String, String>, schema: &TableSchema) {
    parameters.retain(|name, _| !name.starts_with(CHUNK));
    let mut chunk = String::new();
    let mut chunks = 0;
    let mut end_chunk = |chunk: &mut String| {
        parameters.insert(format!("{CHUNK}{chunks:02}"), format!("[{chunk}]"));
        chunks += 1;
        chunk.clear();
    };
    for column in schema.columns() {
        // A record is made of texts and is always JSON.
        let record = Record::of(schema, column);
        let Ok(text) = serde_json::to_string(&record) else { continue };
        if !chunk.is_empty() && chunk.len() + text.len() + "[,]".len() > CHUNK_BYTES_MAX {
            end_chunk(&mut chunk);
        }
        if !chunk.is_empty() {
            chunk.push(',');
        }
        chunk.push_str(&text);
    }
    if !chunk.is_empty() {
        end_chunk(&mut chunk);
    }
}

impl Record {
    fn of(schema: &TableSchema, column: &DataColumn) -> Self {
        let whole = schema.whole_since(&column.path).filter(|_| schema.takes_objects(column));
        let later = whole
            .filter(|origin| origin.arrived_at != column.since || origin.source != column.source);
        Self {
            name: column.name.clone(),
            path: column.path.to_string(),
            kind: column.kind,
            sibling_of: column.sibling_of.clone(),
            since: column.since.to_string(),
            source: column.source.clone(),
            whole: whole.is_some(),
            whole_since: later.map(|o| (o.arrived_at.to_string(), o.source.clone())),
        }
    }

    fn registered(self) -> Option<Registered> {
        let Self { name, path, kind, sibling_of, since, source, whole, whole_since } = self;
        let (path, since) = (path.parse().ok()?, since.parse().ok()?);
        let column = DataColumn { name, path, kind, sibling_of, since, source };
        let (at, of) = whole_since.unwrap_or_else(|| (since.to_string(), column.source.clone()));
        let origin = Origin { source: of, arrived_at: at.parse().unwrap_or(since) };
        Some(Registered { column, whole_since: whole.then_some(origin) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Budget, ClassSet, Discovery, JsonPath, Origin, PartitionSpec, TableRules, TableSource,
        ValueClass, layout::table_location,
    };

    fn camera() -> TableEntry {
        let name: crate::TableName = "camera".parse().unwrap();
        let location = table_location(&"lake".parse().unwrap(), &name);
        TableEntry::new(name, &TableSource::new("camera"), location, &PartitionSpec::default())
    }

    fn extended(table: &TableEntry, found: &Discovery) -> TableEntry {
        let arrived_at = "2026-11-24T00:00:00Z".parse().unwrap();
        let source = format!("s3://landing/camera/{}.json", "long".repeat(230));
        let budget = Budget { max_table_bytes: 8 << 20, ..Budget::default() };
        let rules = TableRules { budget, ..TableRules::default() };
        table.extend(found, &Origin { source, arrived_at }, &rules).unwrap().entry
    }

    fn bigints(paths: impl IntoIterator<Item = JsonPath>) -> Discovery {
        paths.into_iter().map(|path| (path, ClassSet::of(&[ValueClass::Bigint]))).collect()
    }

    fn chunks(table: &TableEntry) -> Vec<&String> {
        let chunks = table.parameters.iter().filter(|(name, _)| name.starts_with(CHUNK));
        chunks.map(|(_, chunk)| chunk).collect()
    }

    #[test]
    fn a_table_tells_every_column_that_it_was_given() {
        let table = extended(&camera(), &bigints(["$.mag".parse().unwrap()]));
        let strings = [("$.mag".parse().unwrap(), ClassSet::of(&[ValueClass::String]))];
        let table = extended(&table, &strings.into_iter().collect());
        let text = chunks(&table)[0].replace(&"long".repeat(230), "1");
        insta::assert_snapshot!(text, @r#"[{"name":"mag","path":"$.mag","kind":"bigint","since":"2026-11-24T00:00:00Z","source":"s3://landing/camera/1.json"},{"name":"mag__string","path":"$.mag","kind":"string","sibling_of":"mag","since":"2026-11-24T00:00:00Z","source":"s3://landing/camera/1.json"}]"#);
    }

    #[test]
    fn a_large_registry_is_cut_into_parameters_that_the_catalog_takes() {
        let long = |n: usize| JsonPath::root().child(&format!("{n:04} {}", "é".repeat(450)));
        let table = extended(&camera(), &bigints((0..900).map(long)));
        let chunks = chunks(&table);
        assert!(chunks.len() > 2, "{} chunks", chunks.len());
        assert!(chunks.iter().all(|chunk| chunk.len() <= CHUNK_BYTES_MAX));
        let registered = table.registered().unwrap();
        assert_eq!(registered.len(), 900);
        assert!(registered.iter().map(|one| &one.column).eq(table.schema().unwrap().columns()));

        // A chunk that somebody damaged takes nothing away while its columns are there.
        let mut damaged = table.clone();
        damaged.parameters.insert(format!("{CHUNK}01"), "[{".to_owned());
        let names = |table: &TableEntry| -> BTreeSet<_> {
            table.registered().unwrap().into_iter().map(|one| one.column.name).collect()
        };
        assert_eq!(names(&damaged), names(&table));
    }

    #[test]
    fn a_table_without_a_registry_gets_one_with_its_next_column() {
        let mut table = extended(&camera(), &bigints(["$.a".parse().unwrap()]));
        table.parameters.retain(|name, _| !name.starts_with(CHUNK));
        let table = extended(&table, &bigints(["$.b".parse().unwrap()]));
        let names: Vec<_> =
            read(&table.parameters).iter().map(|one| one.column.name.to_string()).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn a_column_of_an_earlier_version_joins_and_a_renamed_one_does_not() {
        let mut table = extended(&camera(), &bigints(["$.a".parse().unwrap()]));
        let like_it = |name: &str, path: &str| {
            let mut entry = table.columns.last().unwrap().clone();
            entry.name = name.to_owned();
            entry.parameters.insert("alluvium.path".to_owned(), path.to_owned());
            entry
        };
        let others = [like_it("b", "$.b"), like_it("renamed", "$.a")];
        table.columns.extend(others);
        let names: Vec<_> = table
            .registered()
            .unwrap()
            .into_iter()
            .map(|one| one.column.name.to_string())
            .collect();
        assert_eq!(names, ["a", "b"]);
    }
}
