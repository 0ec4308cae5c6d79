//! Where things lie in the lake.
//!
//! Keys are relative to the lake, `/` between their segments; an adapter knows what they are
//! relative to. Everything that is not data begins with `_alluvium/`, which Hive-style readers
//! skip.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    DatabaseName, Digest, Origin, PartitionKey, PlanId, SequenceRange, Shard, SourceId, Stream,
    TableName,
};

/// The folder of everything that is not data.
pub const STATE: &str = "_alluvium";

/// Hex digits that tell one line of history from another: 128 bits.
const HISTORY_DIGITS: usize = 32;
/// Where the contracts of tables lie, each as `<table>.toml`.
#[must_use]
pub fn contracts() -> Location {
    Location(format!("{STATE}/tables/"))
}

/// The key of an object in the lake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A folder in the lake; its text ends with `/`. What others wrote into the catalog may also lie
/// elsewhere: then it is a URI.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Location(String);

impl Location {
    /// What a catalog holds; tools may have dropped the last slash.
    #[must_use]
    pub fn from_catalog(text: &str) -> Self {
        Self(if text.is_empty() || text.ends_with('/') {
            text.to_owned()
        } else {
            format!("{text}/")
        })
    }

    /// The location as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of the object `name` right in this folder.
    #[must_use]
    pub fn object(&self, name: &str) -> ObjectKey {
        ObjectKey(format!("{self}{name}"))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where the partitions of a table lie.
#[must_use]
pub fn table_location(database: &DatabaseName, table: &TableName) -> Location {
    Location(format!("{database}/{table}/"))
}

/// Where the files of a partition lie until something swaps it.
#[must_use]
pub fn first_generation(
    database: &DatabaseName,
    table: &TableName,
    partition: &PartitionKey,
) -> Location {
    Location(format!("{database}/{table}/{partition}/"))
}

/// Where the history of a table lies: lines of JSON, one object a source that changed it.
#[must_use]
pub fn history_location(table: &TableName) -> Location {
    Location(format!("{STATE}/history/{table}/"))
}

/// The key of the line about what `origin` changed: the same however often it is written. The
/// folder may be shared by tables of several databases.
#[must_use]
pub fn history_key(database: &DatabaseName, table: &TableName, origin: &Origin) -> ObjectKey {
    let since = origin.arrived_at.to_string();
    let fields = [database.as_str().as_bytes(), origin.source.as_bytes(), since.as_bytes()];
    let digest = Digest::of_fields(&fields).to_string();
    let id = digest.get(..HISTORY_DIGITS).unwrap_or(&digest);
    history_location(table).object(&format!("{id}.json"))
}

/// Where the ledger of a database lies, one object a source.
#[must_use]
pub fn ledger(database: &DatabaseName) -> Location {
    Location(format!("{STATE}/ledger/{database}/"))
}

/// The ledger entry of a source. A file tells its source and nothing else of where it came from, so
/// the source alone leads here.
#[must_use]
pub fn ledger_key(database: &DatabaseName, source: SourceId) -> ObjectKey {
    ledger(database).object(&format!("{source}.json"))
}

/// The source of a ledger entry; none for what is no entry of this database.
#[must_use]
pub fn source_of_entry(database: &DatabaseName, key: &ObjectKey) -> Option<SourceId> {
    let name = key.0.strip_prefix(ledger(database).as_str())?;
    name.strip_suffix(".json")?.parse().ok()
}

/// Where the pointers of all tables of a database lie.
#[must_use]
pub fn all_pointers(database: &DatabaseName) -> Location {
    Location(format!("{STATE}/pointers/{database}/"))
}

/// Where the pointers of a table lie, one object a partition.
#[must_use]
pub fn pointers(database: &DatabaseName, table: &TableName) -> Location {
    Location(format!("{}{table}/", all_pointers(database)))
}

/// The table and the partition of a pointer; none for what is no pointer of this database.
#[must_use]
pub fn partition_of_pointer(
    database: &DatabaseName,
    key: &ObjectKey,
) -> Option<(TableName, PartitionKey)> {
    let place = key.0.strip_prefix(all_pointers(database).as_str())?;
    let (table, partition) = place.strip_suffix(".json")?.split_once('/')?;
    Some((table.parse().ok()?, PartitionKey::of_path(partition)?))
}

/// The pointer of a partition.
#[must_use]
pub fn pointer_key(
    database: &DatabaseName,
    table: &TableName,
    partition: &PartitionKey,
) -> ObjectKey {
    pointers(database, table).object(&format!("{partition}.json"))
}

/// Where the watermarks of all streams of a database lie.
#[must_use]
pub fn all_watermarks(database: &DatabaseName) -> Location {
    Location(format!("{STATE}/streams/{database}/"))
}

/// The watermark of a shard.
#[must_use]
pub fn watermark_key(database: &DatabaseName, shard: &Shard) -> ObjectKey {
    all_watermarks(database).object(&format!("{}.json", shard_folder(shard)))
}

/// The shard of a watermark; none for what is no watermark of this database.
#[must_use]
pub fn shard_of_watermark(database: &DatabaseName, key: &ObjectKey) -> Option<Shard> {
    let place = key.0.strip_prefix(all_watermarks(database).as_str())?;
    let (stream, shard) = place.strip_suffix(".json")?.split_once('/')?;
    let (name, created) = stream.split_once('@')?;
    let stream = Stream { name: name.parse().ok()?, created: created.parse().ok()? };
    Some(Shard { stream, id: shard.parse().ok()? })
}

/// Where the archive of a shard lies: what its stream delivered, one object a range.
#[must_use]
pub fn archive(database: &DatabaseName, shard: &Shard) -> Location {
    Location(format!("{STATE}/raw/{database}/{}/", shard_folder(shard)))
}

/// The object of the archive that holds this range.
#[must_use]
pub fn archive_key(database: &DatabaseName, shard: &Shard, range: &SequenceRange) -> ObjectKey {
    archive(database, shard).object(&format!("{}.ndjson.zst", range.key()))
}

/// The range that an object of an archive holds; none for what is no such object.
#[must_use]
pub fn range_of_archive(key: &ObjectKey) -> Option<SequenceRange> {
    let (_, name) = key.0.rsplit_once('/')?;
    SequenceRange::of_key(name.strip_suffix(".ndjson.zst")?)
}

/// `<stream>@<created>/<shard>`, the time without what keys should not have: no name of a stream has
/// an `@`.
fn shard_folder(Shard { stream: Stream { name, created }, id }: &Shard) -> String {
    let created = created.to_string().replace(['-', ':'], "");
    format!("{name}@{created}/{id}")
}

/// Where Lambda leaves what a mapping of it gave up (what any did, if none is named), in the bucket of
/// the lake. The rest of a key is `<shard>/<year>/<month>/<day>/<time>-<id>` (AWS documentation,
/// "Retaining discarded batch records").
#[must_use]
pub fn given_up(mapping: Option<&str>) -> Location {
    let folder = mapping.map(|mapping| format!("{mapping}/")).unwrap_or_default();
    Location(format!("aws/lambda/{folder}"))
}

/// The name of a part of a source under a plan. Equal names mean equal rows.
#[must_use]
pub fn file_name(source: SourceId, plan: PlanId, part: u32) -> String {
    format!("{source}.{plan}-{part}.parquet")
}

/// The only source that a file has rows of, and the plan by which it was written, by its name. None
/// for merged files, which hold rows of many.
#[must_use]
pub fn source_of_file(key: &ObjectKey) -> Option<(SourceId, PlanId)> {
    let name = key.0.rsplit('/').next()?;
    let (source, rest) = name.split_once('.')?;
    let (plan, part) = rest.strip_suffix(".parquet")?.split_once('-')?;
    part.parse::<u32>().ok()?;
    Some((source.parse().ok()?, plan.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PartitionSpec, Plan, RowTraits};

    #[test]
    fn a_file_is_named_for_its_source_plan_and_part() {
        let (database, table) = ("lake".parse().unwrap(), "camera".parse().unwrap());
        let arrived_at = "2026-11-22T00:00:00Z".parse().unwrap();
        let row = RowTraits { arrived_at, event_time: None, scalars: Vec::new() };
        let day = PartitionSpec::default().key(&row);
        let source = SourceId::of_object("landing", "camera/1.json", "etag");
        let name = file_name(source, Plan::default().id(), 3);
        let key = first_generation(&database, &table, &day).object(&name);
        insta::assert_snapshot!(key, @"lake/camera/dt=2026-11-22/466c6519998600951ac4f9fd96909a84.b058e148-3.parquet");
        assert_eq!(source_of_file(&key), Some((source, Plan::default().id())));
        let pointer = pointer_key(&database, &table, &day);
        insta::assert_snapshot!(pointer, @"_alluvium/pointers/lake/camera/dt=2026-11-22.json");
        assert_eq!(partition_of_pointer(&database, &pointer), Some((table.clone(), day)));
        assert_eq!(partition_of_pointer(&"other".parse().unwrap(), &pointer), None);
        let entry = ledger_key(&database, source);
        assert_eq!(source_of_entry(&database, &entry), Some(source));
        assert_eq!(source_of_entry(&database, &pointer), None);
        let shard = Shard {
            stream: Stream { name: "device-events".parse().unwrap(), created: arrived_at },
            id: "shardId-000000000000".parse().unwrap(),
        };
        let watermark = watermark_key(&database, &shard);
        insta::assert_snapshot!(watermark, @"_alluvium/streams/lake/device-events@20261122T000000Z/shardId-000000000000.json");
        assert_eq!(shard_of_watermark(&database, &watermark), Some(shard.clone()));
        assert_eq!(shard_of_watermark(&"other".parse().unwrap(), &watermark), None);
        let number = |text: &str| text.parse().unwrap();
        let range = SequenceRange { first: number("17"), last: number("20") };
        let archived = archive_key(&database, &shard, &range);
        insta::assert_snapshot!(archived, @"_alluvium/raw/lake/device-events@20261122T000000Z/shardId-000000000000/000000000000000000000000000000000000000000000000000000000017-000000000000000000000000000000000000000000000000000000000020.ndjson.zst");
        assert_eq!(range_of_archive(&archived), Some(range));
        assert_eq!(range_of_archive(&watermark), None);
        for other in ["0-1.parquet", "a.b-1.parquet", "466c6519998600951ac4f9fd96909a84.parquet"] {
            assert_eq!(source_of_file(&table_location(&database, &table).object(other)), None);
        }
    }
}
