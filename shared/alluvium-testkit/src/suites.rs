//! What a port must do, as tests that every implementation passes.

mod stream;

use alluvium_model::{
    ColumnEntry, DatabaseName, ErrorKind, PartitionEntry, PartitionKey, PartitionSpec, TableEntry,
    TableName, TableSource, Version, Versioned, ViewEntry,
    layout::{Location, ObjectKey, STATE, first_generation, table_location},
    ports::{
        Commit, CommitObjects, CommitTables, Copied, CopyObjects, DeleteObjects, DropPartitions,
        FindPartitions, FoundView, Letter, LetterCount, ListLanding, ListObjects, MovePartitions,
        Moved, Put, QUEUE_BATCH_MAX, ReadDated, ReadObjects, ReadPartitions, ReadRanges,
        ReadTables, RegisterPartitions, Registered, ReplaceViews, Reread, SendLetters, SwapObjects,
        TakeLetters, TellTime, WriteObjects,
    },
};
use bytes::Bytes;
use jiff::SignedDuration;

pub use self::stream::stream;

/// Writers that commit to one table at once.
const WRITERS: usize = 16;
/// Partitions of one table: more than a page or a batch of any catalog.
const MANY: usize = 250;

fn table(name: &str) -> TableEntry {
    let name: TableName = name.parse().unwrap();
    let location = table_location(&"lake".parse().unwrap(), &name);
    let source = TableSource::new(name.as_str());
    TableEntry::new(name, &source, location, &PartitionSpec::default())
}

fn partition(value: &str, table: &TableName) -> PartitionEntry {
    let key = PartitionKey::new(vec![("dt".parse().unwrap(), value.to_owned())]);
    let location = first_generation(&"lake".parse().unwrap(), table, &key);
    PartitionEntry { key, location }
}

/// The contract of a catalog. It must be empty.
pub async fn catalog<C>(catalog: C)
where
    C: ReadTables + CommitTables + ReadPartitions + RegisterPartitions,
    C: FindPartitions + MovePartitions + DropPartitions,
    C: Clone + Send + Sync + 'static,
{
    tables_are_created_once_and_replaced_by_version(&catalog).await;
    partitions_are_registered_once(&catalog).await;
    partitions_are_found_moved_and_dropped(&catalog).await;
    no_concurrent_commit_is_lost(catalog).await;
}

async fn tables_are_created_once_and_replaced_by_version<C>(catalog: &C)
where
    C: ReadTables + CommitTables,
{
    let mut camera = table("camera");
    assert_eq!(catalog.table(&camera.name).await.unwrap(), None);
    assert_eq!(catalog.table_names().await.unwrap(), []);
    let nothing = Version("0".to_owned());
    assert_eq!(catalog.replace_table(&camera, &nothing).await.unwrap(), Commit::Conflict);

    assert_eq!(catalog.create_table(&camera).await.unwrap(), Commit::Done);
    assert_eq!(catalog.create_table(&camera).await.unwrap(), Commit::Conflict);
    let first = catalog.table(&camera.name).await.unwrap().unwrap();
    assert_eq!(first.value, camera);

    camera.parameters.insert("owner".to_owned(), "\"Zoë\"\n".to_owned());
    assert_eq!(catalog.replace_table(&camera, &first.version).await.unwrap(), Commit::Done);
    assert_eq!(catalog.replace_table(&camera, &first.version).await.unwrap(), Commit::Conflict);
    let second = catalog.table(&camera.name).await.unwrap().unwrap();
    assert_eq!(second.value, camera);
    assert_ne!(second.version, first.version);

    assert_eq!(catalog.create_table(&table("audio")).await.unwrap(), Commit::Done);
    let names = catalog.table_names().await.unwrap();
    assert_eq!(names.iter().map(TableName::as_str).collect::<Vec<_>>(), ["audio", "camera"]);
}

async fn partitions_are_registered_once<C>(catalog: &C)
where
    C: ReadPartitions + RegisterPartitions,
{
    let camera = table("camera").name;
    assert_eq!(catalog.partitions(&camera).await.unwrap(), []);
    let (first, second) = (partition("a/b", &camera), partition("CA", &camera));
    assert_eq!(catalog.create_partitions(&camera, &[]).await.unwrap(), []);
    for expected in [Registered::New, Registered::Before] {
        let registered = catalog.create_partitions(&camera, std::slice::from_ref(&first));
        assert_eq!(registered.await.unwrap(), [expected]);
    }
    let elsewhere = PartitionEntry { location: second.location.clone(), ..first.clone() };
    let registered = catalog.create_partitions(&camera, &[elsewhere, second.clone()]).await;
    assert_eq!(registered.unwrap(), [Registered::Before, Registered::New]);
    assert_eq!(catalog.partitions(&camera).await.unwrap(), [second, first]);

    let many: Vec<_> = (0..MANY).map(|n| partition(&format!("{n:03}"), &camera)).collect();
    let registered = catalog.create_partitions(&camera, &many).await.unwrap();
    assert_eq!(registered, [Registered::New; MANY]);
    assert_eq!(catalog.partitions(&camera).await.unwrap().len(), MANY + 2);
    assert_eq!(catalog.partitions(&table("audio").name).await.unwrap(), []);
    let nowhere = table("nowhere").name;
    let error = catalog.create_partitions(&nowhere, &[partition("CA", &nowhere)]).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Absent);
}

async fn partitions_are_found_moved_and_dropped<C>(catalog: &C)
where
    C: CommitTables + ReadPartitions + RegisterPartitions,
    C: FindPartitions + MovePartitions + DropPartitions,
{
    let moving = table("moving");
    assert_eq!(catalog.create_table(&moving).await.unwrap(), Commit::Done);
    let moving = moving.name;
    let all: Vec<_> = (0..MANY).map(|n| partition(&format!("{n:03}"), &moving)).collect();
    catalog.create_partitions(&moving, &all).await.unwrap();
    let elsewhere = |PartitionEntry { key, .. }: &PartitionEntry| {
        let location = Location::from_catalog(&format!("lake/moving/generations/1-a/{key}"));
        PartitionEntry { key: key.clone(), location }
    };
    let nowhere = elsewhere(&partition("nowhere", &moving));

    let mut there: Vec<_> = all.iter().map(elsewhere).collect();
    there.insert(1, nowhere);
    let keys: Vec<_> = there.iter().map(|partition| partition.key.clone()).collect();
    let moved = catalog.move_partitions(&moving, &there).await.unwrap();
    let expected = |n| if n == 1 { Moved::Absent } else { Moved::Done };
    assert_eq!(moved, (0..=MANY).map(expected).collect::<Vec<_>>());
    let found = catalog.find_partitions(&moving, &keys).await.unwrap();
    let registered = |(n, partition)| (n != 1).then_some(partition);
    assert_eq!(found, there.into_iter().enumerate().map(registered).collect::<Vec<_>>());

    let (dropped, kept) = keys.split_at(MANY / 2);
    for _ in 0..2 {
        catalog.drop_partitions(&moving, dropped).await.unwrap();
        assert!(
            catalog.find_partitions(&moving, dropped).await.unwrap().iter().all(Option::is_none)
        );
        let left = catalog.partitions(&moving).await.unwrap();
        assert!(left.iter().map(|partition| &partition.key).eq(kept));
    }
    assert_eq!(catalog.move_partitions(&moving, &[]).await.unwrap(), []);
    assert_eq!(catalog.find_partitions(&moving, &[]).await.unwrap(), []);
    catalog.drop_partitions(&moving, &[]).await.unwrap();
}

async fn no_concurrent_commit_is_lost<C>(catalog: C)
where
    C: ReadTables + CommitTables + Clone + Send + Sync + 'static,
{
    let writers = (0..WRITERS).map(|writer| {
        let catalog = catalog.clone();
        tokio::spawn(async move {
            let new = table("storm");
            loop {
                let key = format!("writer {writer}");
                let commit = match catalog.table(&new.name).await.unwrap() {
                    None => catalog.create_table(&new).await.unwrap(),
                    Some(mut found) if !found.value.parameters.contains_key(&key) => {
                        found.value.parameters.insert(key, String::new());
                        catalog.replace_table(&found.value, &found.version).await.unwrap()
                    }
                    Some(_) => break,
                };
                if commit == Commit::Conflict {
                    tokio::task::yield_now().await;
                }
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let storm = catalog.table(&table("storm").name).await.unwrap().unwrap().value;
    let kept = storm.parameters.keys().filter(|key| key.starts_with("writer "));
    assert_eq!(kept.count(), WRITERS);
}

/// The contract of the views of a catalog, which is that of `database`. It must be empty.
pub async fn views<C>(catalog: C, database: DatabaseName)
where
    C: ReadTables + CommitTables + ReplaceViews + Clone + Send + Sync + 'static,
{
    let view = move |table: &str, columns| view(&database, table, columns);
    views_are_created_once_and_replaced_by_version(&catalog, &view).await;
    what_is_no_view_of_ours_is_told_apart(&catalog, &view).await;
    no_concurrent_view_is_lost(catalog, view).await;
}

/// A view of a table with as many columns.
fn view(database: &DatabaseName, table: &str, columns: usize) -> ViewEntry {
    let table: TableName = table.parse().unwrap();
    let names: Vec<_> = (0..columns).map(|n| format!("column_{n}")).collect();
    let column = |name: &String| ColumnEntry {
        name: name.clone(),
        glue_type: "array<string>".to_owned(),
        comment: "$[\"Zoë\"]".to_owned(),
        parameters: [].into(),
    };
    ViewEntry {
        name: table.unified(),
        database: database.clone(),
        sql: format!("SELECT \"{}\"\nFROM \"{database}\".\"{table}\"", names.join("\", \"")),
        columns: names.iter().map(column).collect(),
        table,
    }
}

async fn found<C: ReplaceViews>(catalog: &C, view: &ViewEntry) -> Option<Versioned<ViewEntry>> {
    let found = catalog.unified_view(&view.table).await.unwrap();
    assert_ne!(found, FoundView::Foreign, "{} is not ours", view.name);
    match found {
        FoundView::Ours(found) => Some(found),
        FoundView::Nothing | FoundView::Foreign => None,
    }
}

async fn views_are_created_once_and_replaced_by_version<C>(
    catalog: &C,
    view: &impl Fn(&str, usize) -> ViewEntry,
) where
    C: ReadTables + CommitTables + ReplaceViews,
{
    let (small, large) = (view("camera", 1), view("camera", 300));
    assert_eq!(catalog.create_table(&table("camera")).await.unwrap(), Commit::Done);
    assert_eq!(found(catalog, &small).await, None);
    let nothing = Version("0".to_owned());
    assert_eq!(catalog.replace_view(&small, &nothing).await.unwrap(), Commit::Conflict);

    assert_eq!(catalog.create_view(&small).await.unwrap(), Commit::Done);
    assert_eq!(catalog.create_view(&large).await.unwrap(), Commit::Conflict);
    let first = found(catalog, &small).await.unwrap();
    assert_eq!(first.value, small);

    assert_eq!(catalog.replace_view(&large, &first.version).await.unwrap(), Commit::Done);
    assert_eq!(catalog.replace_view(&small, &first.version).await.unwrap(), Commit::Conflict);
    let second = found(catalog, &small).await.unwrap();
    assert_eq!(second.value, large);
    assert_ne!(second.version, first.version);

    // It is no table, and the table is as it was.
    assert_eq!(catalog.table_names().await.unwrap(), [table("camera").name]);
    let camera = catalog.table(&table("camera").name).await.unwrap().unwrap();
    assert_eq!(camera.value, table("camera"));
}

async fn what_is_no_view_of_ours_is_told_apart<C>(
    catalog: &C,
    view: &impl Fn(&str, usize) -> ViewEntry,
) where
    C: ReadTables + CommitTables + ReplaceViews,
{
    let in_the_way = table("audio_unified");
    assert_eq!(catalog.create_table(&in_the_way).await.unwrap(), Commit::Done);
    let audio = view("audio", 1);
    assert_eq!(catalog.unified_view(&audio.table).await.unwrap(), FoundView::Foreign);
    assert_eq!(catalog.create_view(&audio).await.unwrap(), Commit::Conflict);
    let found = catalog.table(&in_the_way.name).await.unwrap().unwrap();
    assert_eq!(found.value, in_the_way);
}

async fn no_concurrent_view_is_lost<C, V>(catalog: C, view: V)
where
    C: ReplaceViews + Clone + Send + Sync + 'static,
    V: Fn(&str, usize) -> ViewEntry + Clone + Send + Sync + 'static,
{
    let writers = (0..WRITERS).map(|_| {
        let (catalog, view) = (catalog.clone(), view.clone());
        tokio::spawn(async move {
            loop {
                let commit = match found(&catalog, &view("storm", 0)).await {
                    None => catalog.create_view(&view("storm", 1)).await.unwrap(),
                    Some(found) => {
                        let wider = view("storm", found.value.columns.len() + 1);
                        catalog.replace_view(&wider, &found.version).await.unwrap()
                    }
                };
                match commit {
                    Commit::Done => break,
                    Commit::Conflict => tokio::task::yield_now().await,
                }
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let storm = found(&catalog, &view("storm", 0)).await.unwrap().value;
    assert_eq!(storm, view("storm", WRITERS));
}

/// The contract of a lake's objects. There must be none.
pub async fn objects<O>(objects: O)
where
    O: SwapObjects + ReadDated + Clone + Send + Sync + 'static,
{
    objects_are_listed(&objects).await;
    objects_are_copied_once(&objects).await;
    objects_are_read_piece_by_piece(&objects).await;
    objects_are_dated_and_deleted(&objects).await;
    objects_are_created_once_and_replaced_by_version(&objects).await;
    no_concurrent_replacement_is_lost(objects).await;
}

async fn objects_are_created_once_and_replaced_by_version<O>(objects: &O)
where
    O: ReadObjects + CommitObjects,
{
    let key = pointer("camera");
    assert_eq!(objects.object(&key).await.unwrap(), None);
    let nothing = Version("0".to_owned());
    let first = Bytes::from_static(b"first");
    assert_eq!(objects.replace_object(&key, first.clone(), &nothing).await.unwrap(), Put::Conflict);
    let created = objects.create_object(&key, first.clone()).await.unwrap();
    assert_eq!(objects.create_object(&key, first.clone()).await.unwrap(), Put::Conflict);
    let read = objects.object(&key).await.unwrap().unwrap();
    assert_eq!(read.value, first);
    assert_eq!(created, Put::Done(read.version.clone()));
    assert_eq!(objects.object_since(&key, &read.version).await.unwrap(), Reread::Unchanged);

    let second = Bytes::from_static(b"second");
    let replaced = objects.replace_object(&key, second.clone(), &read.version).await.unwrap();
    let reread = objects.object(&key).await.unwrap().unwrap();
    assert_eq!(reread.value, second);
    assert_eq!(replaced, Put::Done(reread.version.clone()));
    let again = objects.replace_object(&key, second.clone(), &read.version).await.unwrap();
    assert_eq!(again, Put::Conflict);
    let changed = objects.object_since(&key, &read.version).await.unwrap();
    assert_eq!(changed, Reread::Changed(reread));
    let gone = objects.object_since(&pointer("audio"), &read.version).await.unwrap();
    assert_eq!(gone, Reread::Gone);
}

async fn no_concurrent_replacement_is_lost<O>(objects: O)
where
    O: ReadObjects + CommitObjects + Clone + Send + Sync + 'static,
{
    let writers = (0..u8::try_from(WRITERS).unwrap()).map(|writer| {
        let (objects, key) = (objects.clone(), pointer("storm"));
        tokio::spawn(async move {
            loop {
                let commit = match objects.object(&key).await.unwrap() {
                    None => objects.create_object(&key, vec![writer].into()).await.unwrap(),
                    Some(found) => {
                        let bytes = [&found.value[..], &[writer]].concat().into();
                        objects.replace_object(&key, bytes, &found.version).await.unwrap()
                    }
                };
                match commit {
                    Put::Done(_) => break,
                    Put::Conflict => tokio::task::yield_now().await,
                }
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let mut kept = objects.object(&pointer("storm")).await.unwrap().unwrap().value.to_vec();
    kept.sort_unstable();
    assert!(kept.into_iter().map(usize::from).eq(0..WRITERS));
}

async fn objects_are_dated_and_deleted<O>(objects: &O)
where
    O: WriteObjects + ListObjects + ReadDated + DeleteObjects + TellTime,
{
    let folder = Location::from_catalog("dated/");
    let keys = ["1", "2", "3/4"].map(|name| folder.object(name));
    // Clocks of stores may show whole seconds.
    let second = SignedDuration::from_secs(1);
    let before = objects.now().await.unwrap().plus(-second).unwrap();
    for key in &keys {
        objects.put_object(key, Bytes::from_static(b"x")).await.unwrap();
    }
    let after = objects.now().await.unwrap().plus(second).unwrap();
    let listed = objects.list_objects(&folder).await.unwrap();
    assert!(listed.iter().all(|object| (before..=after).contains(&object.modified)), "{listed:?}");
    for (key, listed) in keys.iter().zip(listed) {
        let read = objects.dated_object(key).await.unwrap().unwrap();
        assert_eq!(read.value, Bytes::from_static(b"x"));
        let dates = listed.modified.plus(-second).unwrap()..=listed.modified.plus(second).unwrap();
        assert!(dates.contains(&read.modified), "{} but {}", read.modified, listed.modified);
    }
    let [first, second, third] = &keys;
    let nothing = folder.object("nothing");
    assert_eq!(objects.dated_object(&nothing).await.unwrap(), None);
    let gone = [first.clone(), third.clone(), nothing];
    for _ in 0..2 {
        objects.delete_objects(&gone).await.unwrap();
        let left = objects.list_objects(&folder).await.unwrap();
        assert!(left.iter().map(|object| &object.key).eq([second]));
    }
    objects.delete_objects(&[]).await.unwrap();
    objects.delete_objects(std::slice::from_ref(second)).await.unwrap();
}

async fn objects_are_copied_once<O: WriteObjects + ReadObjects + CopyObjects>(objects: &O) {
    let folder = Location::from_catalog("copied/dt=a=b/");
    let [from, to, nowhere] = ["1 +%.parquet", "2/3.parquet", "4"].map(|name| folder.object(name));
    assert_eq!(objects.copy_object(&from, &to).await.unwrap(), Copied::Gone);
    assert_eq!(objects.object(&to).await.unwrap(), None);
    let first = Bytes::from_static(b"first");
    objects.put_object(&from, first.clone()).await.unwrap();
    assert_eq!(objects.copy_object(&from, &to).await.unwrap(), Copied::Done);
    objects.put_object(&from, Bytes::from_static(b"second")).await.unwrap();
    assert_eq!(objects.copy_object(&from, &to).await.unwrap(), Copied::Exists);
    assert_eq!(objects.object(&to).await.unwrap().unwrap().value, first);
    // Which of two reasons not to copy is told is up to the store.
    let neither = objects.copy_object(&nowhere, &to).await.unwrap();
    assert!(matches!(neither, Copied::Exists | Copied::Gone));
    assert_eq!(objects.object(&to).await.unwrap().unwrap().value, first);
}

async fn objects_are_read_piece_by_piece<O: WriteObjects + ReadRanges>(objects: &O) {
    let key = Location::from_catalog("pieces/").object("1.parquet");
    assert_eq!(objects.object_range(&key, 0..4).await.unwrap(), None);
    objects.put_object(&key, Bytes::from_static(b"0123456789")).await.unwrap();
    for (range, expected) in
        [(0..4, "0123"), (4..10, "456789"), (9..10, "9"), (8..20, "89"), (0..10, "0123456789")]
    {
        let piece = objects.object_range(&key, range).await.unwrap();
        assert_eq!(piece, Some(Bytes::from(expected)));
    }
}

fn pointer(name: &str) -> ObjectKey {
    Location::from_catalog(&format!("{STATE}/pointers/")).object(&format!("{name}.json"))
}

async fn objects_are_listed<O: WriteObjects + ListObjects>(objects: &O) {
    let camera = table("camera").name;
    let (first, second) = (partition("a", &camera), partition("ab", &camera));
    assert_eq!(objects.list_objects(&first.location).await.unwrap(), []);

    let keys = [
        first.location.object("1.parquet"),
        first.location.object("2.parquet"),
        second.location.object("1.parquet"),
    ];
    for key in &keys {
        objects.put_object(key, Bytes::from_static(b"old bytes")).await.unwrap();
        objects.put_object(key, Bytes::from_static(b"new")).await.unwrap();
    }
    let listed = objects.list_objects(&first.location).await.unwrap();
    assert!(listed.iter().map(|object| &object.key).eq(&keys[..2]));
    assert!(listed.iter().all(|object| object.bytes == 3));
    let whole = table_location(&"lake".parse().unwrap(), &camera);
    let listed = objects.list_objects(&whole).await.unwrap();
    assert!(listed.iter().map(|object| &object.key).eq(&keys));
}

/// The contract of a listing of a landing bucket. It must hold these keys, and no others.
pub async fn landing<L: ListLanding>(landing: L, keys: &[&str]) {
    let mut expected = keys.to_vec();
    expected.sort_unstable();
    let mut listed: Vec<String> = Vec::new();
    loop {
        let page = landing.landed_after(listed.last().map(String::as_str)).await.unwrap();
        assert!(page.is_last || !page.objects.is_empty());
        listed.extend(page.objects.into_iter().map(|object| object.announced.key));
        if page.is_last {
            break;
        }
    }
    assert_eq!(listed, expected);
    for (number, key) in expected.iter().enumerate() {
        let behind = landing.landed_after(Some(key)).await.unwrap().objects;
        let next = behind.first().map(|object| object.announced.key.as_str());
        assert_eq!(next, expected.get(number + 1).copied(), "behind {key}");
    }
}

/// The contract of a queue of letters. It must be empty.
pub async fn letters<Q: TakeLetters + SendLetters>(queue: Q) {
    assert_eq!(queue.count_letters().await.unwrap(), LetterCount::default());
    assert_eq!(queue.take_letters(1).await.unwrap(), []);

    let letter = |body: &str| Letter { body: body.to_owned(), receipt: String::new() };
    let sent = [letter("first"), letter("{\"key\":\"Größe + 1%\"}\n"), letter("third")];
    let answers = queue.send_letters(&sent).await.unwrap();
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), sent.len());
    assert_eq!(queue.count_letters().await.unwrap(), LetterCount { waiting: 3, taken: 0 });

    let first = queue.take_letters(2).await.unwrap();
    assert_eq!(queue.count_letters().await.unwrap(), LetterCount { waiting: 1, taken: 2 });
    let rest = queue.take_letters(QUEUE_BATCH_MAX).await.unwrap();
    let mut bodies: Vec<_> = first.iter().chain(&rest).map(|letter| &letter.body).collect();
    bodies.sort_unstable();
    assert!(bodies.into_iter().eq(["first", "third", "{\"key\":\"Größe + 1%\"}\n"].iter()));

    let answers = queue.remove_letters(&first).await.unwrap();
    assert!(answers.len() == 2 && answers.iter().all(Result::is_ok));
    assert_eq!(queue.count_letters().await.unwrap(), LetterCount { waiting: 0, taken: 1 });
    assert!(queue.remove_letters(&rest).await.unwrap().iter().all(Result::is_ok));
    assert_eq!(queue.count_letters().await.unwrap(), LetterCount::default());
}
