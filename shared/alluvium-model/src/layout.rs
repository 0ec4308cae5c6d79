//! Where things lie in the lake.
//!
//! Keys are relative to the lake, `/` between their segments; an adapter knows what they are
//! relative to. Everything that is not data begins with `_alluvium/`, which Hive-style readers
//! skip.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    DatabaseName, Digest, Garbage, Generation, Origin, PartitionKey, PlanId, SequenceRange, Shard,
    SourceId, Stream, TableName, UtcInstant, compaction::CompactionId,
};

/// The folder of everything that is not data.
pub const STATE: &str = "_alluvium";

/// Hex digits that tell one note of garbage from another.
const GARBAGE_DIGITS: usize = 32;
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

    /// What an object is called that lies in this folder; none if it does not.
    #[must_use]
    pub fn name_of<'a>(&self, key: &'a ObjectKey) -> Option<&'a str> {
        key.0.strip_prefix(&self.0)
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

/// Where the files of a partition lie that a swap made.
#[must_use]
pub fn later_generation(
    (database, table): (&DatabaseName, &TableName),
    generation: &Generation,
    partition: &PartitionKey,
) -> Location {
    Location(format!("{}generations/{generation}/{partition}/", table_location(database, table)))
}

/// The name of the file that a bin of a swap becomes: the same for every worker that tries, and
/// never like that of a file of one source.
#[must_use]
pub fn merged_file_name(generation: &Generation, bin: u32) -> String {
    format!("merged-{generation}-{bin}.parquet")
}

/// Whether a file was made by a swap, by its name: whatever it holds was committed.
#[must_use]
pub fn is_merged_file(name: &str) -> bool {
    let number = |name: &str| {
        let (generation, bin) = name.strip_prefix("merged-")?.rsplit_once('-')?;
        (!generation.is_empty()).then_some(())?;
        bin.strip_suffix(".parquet")?.parse::<u32>().ok()
    };
    number(name).is_some()
}

/// Where the plans of compactions of a database lie, each in a folder of its own. What is there
/// is of use for hours only.
#[must_use]
pub fn compactions(database: &DatabaseName) -> Location {
    Location(format!("{STATE}/plans/{database}/"))
}

/// Where what belongs to a plan lies.
#[must_use]
pub fn compaction_location(database: &DatabaseName, id: &CompactionId) -> Location {
    Location(format!("{}{id}/", compactions(database)))
}

/// The JSON array of the partitions of a plan.
#[must_use]
pub fn compaction_items_key(database: &DatabaseName, id: &CompactionId) -> ObjectKey {
    compaction_location(database, id).object("partitions.json")
}

/// What a plan says of its partition of this number.
#[must_use]
pub fn partition_plan_key(database: &DatabaseName, id: &CompactionId, index: u32) -> ObjectKey {
    compaction_location(database, id).object(&format!("{index}.json"))
}

/// What lay in a partition of a plan when the swap to this generation had begun.
#[must_use]
pub fn swap_listing_key(
    (database, id): (&DatabaseName, &CompactionId),
    index: u32,
    generation: &Generation,
) -> ObjectKey {
    compaction_location(database, id).object(&format!("{index}-{generation}-listing.json"))
}

/// Where what is to be deleted is noted, for the partitions of a database.
#[must_use]
pub fn garbage(database: &DatabaseName) -> Location {
    Location(format!("{STATE}/garbage/{database}/"))
}

/// The note of what may be deleted from this moment on: the same however often it is written.
#[must_use]
pub fn garbage_key(
    database: &DatabaseName,
    not_before: UtcInstant,
    Garbage { table, partition, location }: &Garbage,
) -> ObjectKey {
    let (partition, location) = (partition.to_string(), location.as_str().as_bytes());
    let fields = [table.as_str().as_bytes(), partition.as_bytes(), location];
    let digest = Digest::of_fields(&fields).to_string();
    let id = digest.get(..GARBAGE_DIGITS).unwrap_or(&digest);
    garbage(database).object(&format!("{not_before}/{id}.json"))
}

/// From when on what a note is about may be deleted; none for what is no note of this database.
#[must_use]
pub fn garbage_date(database: &DatabaseName, key: &ObjectKey) -> Option<UtcInstant> {
    let name = key.0.strip_prefix(garbage(database).as_str())?;
    name.split_once('/')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PartitionSpec, Plan, RowTraits};

    #[test]
    fn a_merged_file_is_named_for_its_generation_and_bin() {
        let generation = Generation::first().after(&"8a-9".parse().unwrap());
        let name = merged_file_name(&generation, 12);
        insta::assert_snapshot!(name, @"merged-1-8a-9-12.parquet");
        assert!(is_merged_file(&name));
        let (database, table) = ("lake".parse().unwrap(), "camera".parse().unwrap());
        let day = PartitionKey::new(vec![("dt".parse().unwrap(), "2026-11-22".to_owned())]);
        let location = later_generation((&database, &table), &generation, &day);
        insta::assert_snapshot!(location, @"lake/camera/generations/1-8a-9/dt=2026-11-22/");
        assert_eq!(source_of_file(&location.object(&name)), None);
        let source = SourceId::of_object("landing", "camera/1.json", "etag");
        for other in [&file_name(source, Plan::default().id(), 3), "merged--1.parquet", "merged-1"]
        {
            assert!(!is_merged_file(other), "{other}");
        }
    }

    #[test]
    fn what_belongs_to_a_plan_lies_in_its_folder() {
        let (database, id) = ("lake".parse().unwrap(), "0123456789abcdef".parse().unwrap());
        let generation = Generation::first().after(&"8a".parse().unwrap());
        insta::assert_snapshot!(compaction_items_key(&database, &id), @"_alluvium/plans/lake/0123456789abcdef/partitions.json");
        insta::assert_snapshot!(partition_plan_key(&database, &id, 7), @"_alluvium/plans/lake/0123456789abcdef/7.json");
        insta::assert_snapshot!(swap_listing_key((&database, &id), 7, &generation), @"_alluvium/plans/lake/0123456789abcdef/7-1-8a-listing.json");
    }

    #[test]
    fn a_file_is_named_for_its_source_plan_and_part() {
        let (database, table) = ("lake".parse().unwrap(), "camera".parse().unwrap());
        let arrived_at = "2026-11-22T00:00:00Z".parse().unwrap();
        let row = RowTraits { arrived_at, event_time: None, scalars: Vec::new() };
        let day = PartitionSpec::default().key(&row);
        let source = SourceId::of_object("landing", "camera/1.json", "etag");
        let name = file_name(source, Plan::default().id(), 3);
        let key = first_generation(&database, &table, &day).object(&name);
        insta::assert_snapshot!(key, @"lake/camera/dt=2026-11-22/466c6519998600951ac4f9fd96909a84.42185996-3.parquet");
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
