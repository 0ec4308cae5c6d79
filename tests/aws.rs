//! The adapters against a local AWS, which `make test` starts around these tests.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use alluvium_aws::{
    Aws, GlueCatalog, KinesisStream, KinesisStreams, LakeRoot, S3Landing, S3Objects, S3Sources,
    SqsQueue, telemetry::Invocation,
};
use alluvium_lake::{Browse, ContractStore, Ingest, IngestSettings, Landing, Verify};
use alluvium_model::{
    AnnouncedObject, ErrorKind, LandingPrefix, Limits, TableName, TableSource,
    layout::{Location, table_location},
    ports::{
        Chunk, ListObjects as _, OpenObjects as _, ReadObjects as _, ReadSource as _,
        WriteObjects as _,
    },
};
use alluvium_testkit::suites;
use alluvium_tests::{
    http::{Reply, Scripted},
    s3_event,
};
use aws_config::BehaviorVersion;
use aws_sdk_kinesis::{client::Waiters as _, types::ShardIteratorType};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use bytes::Bytes;
use ingest_objects::{IngestObjects, TimeLimit};

type Function = IngestObjects<GlueCatalog, S3Objects, S3Sources>;

/// A lake and a landing bucket of one test's own.
struct Place {
    name: String,
    s3: aws_sdk_s3::Client,
}

impl Place {
    async fn new(name: &str) -> Self {
        let loader = aws_config::defaults(BehaviorVersion::v2026_01_12());
        let config = loader.http_client(service()).load().await;
        let endpoint = config.endpoint_url().expect("a local AWS: run these tests by `make test`");
        assert!(endpoint.starts_with("http://127.0.0.1:"), "{endpoint} is not local");
        let (s3, glue) = (aws_sdk_s3::Client::new(&config), aws_sdk_glue::Client::new(&config));
        for bucket in [name.to_owned(), format!("{name}-landing")] {
            s3.create_bucket().bucket(bucket).send().await.unwrap();
        }
        let database = aws_sdk_glue::types::DatabaseInput::builder().name(name.replace('-', "_"));
        let database = database.build().unwrap();
        glue.create_database().database_input(database).send().await.unwrap();
        Self { name: name.to_owned(), s3 }
    }

    fn root(&self) -> LakeRoot {
        format!("s3://{}/folder", self.name).parse().unwrap()
    }

    fn catalog(&self, aws: &Aws) -> GlueCatalog {
        GlueCatalog::new(aws, self.name.replace('-', "_").parse().unwrap(), self.root())
    }

    fn objects(&self, aws: &Aws) -> S3Objects {
        S3Objects::new(aws, self.root())
    }

    fn function(&self, aws: &Aws) -> Function {
        let settings = IngestSettings::new(self.name.replace('-', "_").parse().unwrap());
        let settings = IngestSettings { limits: small_parts(), ..settings };
        let ingest = Ingest::new(self.catalog(aws), self.objects(aws), settings);
        let contracts = ContractStore::new(self.objects(aws), Duration::from_mins(1));
        let (sources, prefix) = (S3Sources::new(aws), LandingPrefix::default());
        IngestObjects::new(Landing::new(ingest, contracts, sources, prefix))
    }

    async fn drop_object(&self, key: &str, bytes: impl Into<Bytes>) -> AnnouncedObject {
        let bucket = format!("{}-landing", self.name);
        let put = self.s3.put_object().bucket(&bucket).key(key).body(bytes.into().into());
        let etag = put.send().await.unwrap().e_tag.unwrap().replace('"', "");
        AnnouncedObject { bucket, key: key.to_owned(), etag: Some(etag), version_id: None }
    }
}

async fn read_all(mut reader: alluvium_aws::S3Source) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        match reader.next_chunk().await.unwrap() {
            Chunk::Bytes(chunk) => bytes.extend_from_slice(&chunk),
            Chunk::End => return bytes,
            Chunk::Superseded => panic!("nobody overwrote it"),
        }
    }
}

/// Bytes that show where they belong.
fn pattern(length: usize) -> Bytes {
    (0..length).map(|at| u8::try_from((at ^ (at >> 11)) % 251).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn glue_is_a_catalog() {
    let place = Place::new("catalog-suite").await;
    suites::catalog(place.catalog(&Aws::from_environment().await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn glue_keeps_views() {
    let place = Place::new("views-suite").await;
    let catalog = place.catalog(&Aws::from_environment().await);
    suites::views(catalog, "views_suite".parse().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_holds_objects() {
    let place = Place::new("objects-suite").await;
    suites::objects(place.objects(&Aws::from_environment().await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_lists_what_landed() {
    let place = Place::new("landed-suite").await;
    let keys = ["camera/b/1", "camera/a b+c%", "camera/b", "camera/\u{e4}", "camera/\u{1f3a5}&<"];
    for key in keys {
        place.drop_object(key, "{}").await;
    }
    place.drop_object("camera2/1", "{}").await;
    let aws = Aws::from_environment().await;
    let landing = |place: &str| S3Landing::new(&aws, place.parse().unwrap());
    suites::landing(landing("s3://landed-suite-landing/camera/"), &keys).await;
    suites::landing(landing("s3://landed-suite-landing/nothing"), &[]).await;
}

/// What a stream holds, shard by shard in order.
async fn held(client: &aws_sdk_kinesis::Client, stream: &str) -> Vec<(String, Bytes)> {
    let mut found = Vec::new();
    let shards = client.list_shards().stream_name(stream).send().await.unwrap();
    for shard in shards.shards() {
        let position = client.get_shard_iterator().stream_name(stream).shard_id(shard.shard_id());
        let position = position.shard_iterator_type(ShardIteratorType::TrimHorizon);
        let iterator = position.send().await.unwrap().shard_iterator;
        let page = client.get_records().set_shard_iterator(iterator).send().await.unwrap();
        for record in page.records() {
            let data = record.data().clone().into_inner();
            found.push((record.partition_key().unwrap().to_owned(), Bytes::from(data)));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn kinesis_is_a_stream() {
    let loader = aws_config::defaults(BehaviorVersion::v2026_01_12());
    let client = aws_sdk_kinesis::Client::new(&loader.http_client(service()).load().await);
    let name = "stream-suite";
    client.create_stream().stream_name(name).shard_count(3).send().await.unwrap();
    let active = client.wait_until_stream_exists().stream_name(name);
    active.wait(Duration::from_mins(1)).await.unwrap();
    let aws = Aws::from_environment().await;
    let stream = KinesisStream::new(&aws, name.parse().unwrap());
    suites::stream(&stream, &KinesisStreams::new(&aws), name, async || held(&client, name).await)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqs_holds_letters() {
    let loader = aws_config::defaults(BehaviorVersion::v2026_01_12());
    let client = aws_sdk_sqs::Client::new(&loader.http_client(service()).load().await);
    let made = client.create_queue().queue_name("letters-suite").send().await.unwrap();
    let url = made.queue_url.unwrap().parse().unwrap();
    suites::letters(SqsQueue::new(&Aws::from_environment().await, url)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_any_size_are_read_whole() {
    let place = Place::new("sources").await;
    let sources = S3Sources::new(&Aws::from_environment().await);
    let range = 4 << 20;
    for length in [0, 1, range - 1, range, range + 1, 5 * range + 7] {
        let bytes = pattern(length);
        let object = place.drop_object(&format!("x/{length}"), bytes.clone()).await;
        let source = sources.open_object(&object).await.unwrap().unwrap();
        assert_eq!(source.bytes, length as u64);
        assert_eq!(source.origin.source, format!("s3://sources-landing/x/{length}"));
        assert!(read_all(source.reader).await == bytes, "{length} bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_files_are_written_whole() {
    let place = Place::new("uploads").await;
    let objects = place.objects(&Aws::from_environment().await);
    let location = Location::from_catalog("big/");
    for length in [16 << 20, (16 << 20) + 1, (48 << 20) + 5] {
        let (key, bytes) = (location.object(&length.to_string()), pattern(length));
        objects.put_object(&key, bytes.clone()).await.unwrap();
        assert!(objects.object(&key).await.unwrap().unwrap().value == bytes, "{length} bytes");
    }
    let left = place.s3.list_multipart_uploads().bucket("uploads").send().await.unwrap();
    assert!(left.uploads().is_empty());
    assert_eq!(objects.list_objects(&location).await.unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_fails_leaves_nothing() {
    let place = Place::new("failed-uploads").await;
    // The second piece is refused for ever.
    let scripted = Scripted::new(|_, operation| match operation {
        "UploadPart" => Reply::Answer(503, String::new()),
        _ => Reply::Pass,
    });
    let objects = place.objects(&scripted.before(service()).aws().await);
    let key = Location::from_catalog("big/").object("1");
    let error = objects.put_object(&key, pattern(40 << 20)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Retry);
    let left = place.s3.list_multipart_uploads().bucket("failed-uploads").send().await.unwrap();
    assert!(left.uploads().is_empty());
    assert_eq!(objects.object(&key).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_overwritten_is_superseded_or_void() {
    let place = Place::new("superseded").await;
    let sources = S3Sources::new(&Aws::from_environment().await);
    let old = place.drop_object("x/1", pattern(30 << 20)).await;
    // More ranges than are read ahead, so that some are asked for after it is overwritten.
    let mut reading = sources.open_object(&old).await.unwrap().unwrap().reader;
    reading.next_chunk().await.unwrap();
    let new = place.drop_object("x/1", "new").await;
    loop {
        match reading.next_chunk().await.unwrap() {
            Chunk::Bytes(_) => {}
            Chunk::End => panic!("two contents were read as one"),
            Chunk::Superseded => break,
        }
    }
    assert!(sources.open_object(&old).await.unwrap().is_none());
    assert!(sources.open_object(&new).await.unwrap().is_some());
    let gone = AnnouncedObject { key: "x/2".to_owned(), ..new.clone() };
    assert!(sources.open_object(&gone).await.unwrap().is_none());
    // Nobody can tell whether objects of a bucket that is not there were deleted.
    let nowhere = AnnouncedObject { bucket: "nowhere".to_owned(), ..new };
    assert_eq!(sources.open_object(&nowhere).await.unwrap_err().kind(), ErrorKind::Invalid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_file_takes_few_calls() {
    let place = Place::new("calls").await;
    let scripted = Scripted::new(|_, _| Reply::Pass).before(service());
    let aws = scripted.aws().await;
    let (first, second) = (place.function(&aws), place.function(&aws));
    let mut begun = 0;
    let mut calls_of = async |function: &Function, key: &str, text: &'static str| {
        let object = place.drop_object(key, text).await;
        let mut invocation = Invocation::default();
        function.answer(&s3_event(&[object]), minutes(1), &mut invocation).await.unwrap();
        let calls = scripted.calls();
        let new = calls[begun..].join(" ");
        begun = calls.len();
        new
    };
    insta::assert_snapshot!(calls_of(&first, "camera/1", "{\"a\":1}").await, @"ListObjectsV2 GetObject GetObject PutObject GetTable CreateTable PutObject GetTable GetObject BatchCreatePartition PutObject GetObject PutObject GetObject PutObject");
    insta::assert_snapshot!(calls_of(&first, "camera/2", "{\"a\":2}").await, @"GetObject GetObject PutObject GetObject PutObject GetObject PutObject");
    insta::assert_snapshot!(calls_of(&first, "camera/3", "{\"b\":1}").await, @"GetObject GetObject PutObject GetTable UpdateTable PutObject GetObject PutObject GetObject PutObject");
    // The first sibling makes the view, which any later column changes.
    insta::assert_snapshot!(calls_of(&first, "camera/5", "{\"a\":0.5}").await, @"GetObject GetObject PutObject GetTable UpdateTable PutObject GetTable GetTable CreateTable GetObject PutObject GetObject PutObject");
    insta::assert_snapshot!(calls_of(&first, "camera/6", "{\"c\":1}").await, @"GetObject GetObject PutObject GetTable UpdateTable PutObject GetTable GetTable UpdateTable GetObject PutObject GetObject PutObject");
    insta::assert_snapshot!(calls_of(&first, "camera/7", "{\"a\":0.5,\"c\":1}").await, @"GetObject GetObject PutObject GetObject PutObject GetObject PutObject");
    // In the steady state the catalog is not asked at all: ledger, source, claim, pointer, file,
    // pointer again, commit.
    let steady = "GetObject GetObject PutObject GetObject PutObject GetObject PutObject";
    for number in 8..28 {
        let key = format!("camera/{number}");
        assert_eq!(calls_of(&first, &key, "{\"a\":7,\"b\":null}").await, steady);
    }
    // What was loaded before takes a look into the ledger.
    assert_eq!(calls_of(&first, "camera/8", "{\"a\":7,\"b\":null}").await, "GetObject");
    // A sandbox that knows nothing yet looks at the view once.
    insta::assert_snapshot!(calls_of(&second, "camera/28", "{\"b\":2}").await, @"ListObjectsV2 GetObject GetObject PutObject GetTable GetTable GetTable GetObject BatchCreatePartition PutObject GetObject PutObject");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_fails_now_and_then_loses_nothing() {
    let place = Place::new("faults").await;
    let mut objects = Vec::new();
    for number in 0..8 {
        let lines = (0..5).map(|line| format!("{{\"n\":{number},\"field_{number}_{line}\":1}}\n"));
        let text: String = lines.collect::<String>() + "bad\n";
        objects.push(place.drop_object(&format!("camera/{number}.json"), text).await);
    }
    // Every kind of failure, at calls that shift from one operation to the next.
    let scripted = Scripted::new(|call, operation| match call % 11 {
        2 | 9 if operation.contains("Object") => {
            Reply::Answer(503, "<Error><Code>SlowDown</Code></Error>".to_owned())
        }
        2 | 9 => Reply::Answer(400, "{\"__type\":\"ThrottlingException\"}".to_owned()),
        4 => Reply::AnswerLost,
        6 => Reply::Reset,
        _ => Reply::Pass,
    });
    let scripted = scripted.before(service());
    let function = place.function(&scripted.aws().await);
    let mut invocation = Invocation::default();
    function.answer(&s3_event(&objects), minutes(5), &mut invocation).await.unwrap();
    assert!(scripted.calls().len() > 60, "{:?}", scripted.calls());

    let counts = invocation.counts();
    assert_eq!((counts.records, counts.loaded, counts.quarantined_total()), (48, 40, 8));
    let aws = Aws::from_environment().await;
    let browse = Browse::new(place.catalog(&aws), place.objects(&aws));
    let camera: TableName = "camera".parse().unwrap();
    let columns: BTreeMap<_, _> = browse
        .table(&camera)
        .await
        .unwrap()
        .columns
        .into_iter()
        .map(|c| (c.name, c.glue_type))
        .collect();
    for number in 0..8 {
        for line in 0..5 {
            assert!(columns.contains_key(&format!("field_{number}_{line}")));
        }
    }
    // Five good records and one bad one make three parts.
    assert_eq!(browse.files(&camera).await.unwrap().len(), 8 * 3);
    let location = table_location(&"faults".parse().unwrap(), &camera);
    let all = place.objects(&aws).list_objects(&location).await.unwrap();
    assert_eq!(all.len(), 8 * 3, "nothing lies where the catalog does not look");
}

/// Values of any kind under few keys, some of which would share a name.
fn drift(random: &mut fastrand::Rng) -> String {
    const KEYS: [&str; 6] = ["mag", "tags", "userId", "user_id", "user id", "_source"];
    const VALUES: [&str; 8] =
        ["1", "-2.5", "true", "\"x\"", "[1]", "[{}]", "{\"a\":1}", "\"2026-11-24T10:00:00Z\""];
    let mut line = |_| {
        let (key, value) = (random.usize(..KEYS.len()), random.usize(..VALUES.len()));
        let own = random.u32(..50);
        format!("{{\"{}\":{},\"own_{own}\":1}}\n", KEYS[key], VALUES[value])
    };
    (0..3).map(&mut line).collect::<String>() + "bad\n"
}

/// Two tables want one name, none is there before, and the services fail now and then.
#[tokio::test(flavor = "multi_thread")]
async fn sixteen_functions_in_a_storm_lose_nothing() {
    let place = Place::new("stormy").await;
    let mut random = fastrand::Rng::with_seed(1);
    let mut objects = Vec::new();
    for number in 0..48 {
        let table = ["drift", "Drift", "quakes"][number % 3];
        let key = format!("{table}/{number}.json");
        objects.push(place.drop_object(&key, drift(&mut random)).await);
    }
    let scripted = Scripted::new(|call, operation| match call % 17 {
        3 if operation.contains("Object") => {
            Reply::Answer(503, "<Error><Code>SlowDown</Code></Error>".to_owned())
        }
        3 => Reply::Answer(400, "{\"__type\":\"ThrottlingException\"}".to_owned()),
        5 if operation == "GetTable" => {
            Reply::Answer(400, "{\"__type\":\"OperationTimeoutException\"}".to_owned())
        }
        7 | 13 => Reply::AnswerLost,
        11 => Reply::Reset,
        _ => Reply::Pass,
    });
    let scripted = scripted.before(service());
    let mut writers = Vec::new();
    for own in objects.chunks(3) {
        // Each with a memory of its own, and in an order of its own.
        let (function, mut own) = (place.function(&scripted.aws().await), own.to_vec());
        random.shuffle(&mut own);
        writers.push(tokio::spawn(async move {
            let mut invocation = Invocation::default();
            let event = s3_event(&own);
            // What failed in a way that may pass is delivered again, as by a queue.
            for delivery in 1.. {
                match function.answer(&event, minutes(5), &mut invocation).await {
                    Ok(_) => break,
                    Err(failure) => assert!(failure.is_retryable() && delivery < 20, "{failure:?}"),
                }
            }
            invocation.counts().commit_conflicts
        }));
    }
    let mut conflicts = 0;
    for writer in writers {
        conflicts += writer.await.unwrap();
    }
    assert!(conflicts > 0, "nobody was overtaken");

    let aws = Aws::from_environment().await;
    let sources = S3Sources::new(&aws);
    let mut verify = Verify::new(place.catalog(&aws), place.objects(&aws), small_parts());
    for object in &objects {
        let table = TableSource::new(object.key.split('/').next().unwrap());
        let source = sources.open_object(object).await.unwrap().unwrap();
        let report = verify.verify(&table, source).await.unwrap();
        assert!(report.is_clean(), "{}: {report:?}", object.key);
        assert_eq!((report.found.rows, report.found.quarantined), (3, 1));
    }
    let browse = Browse::new(place.catalog(&aws), place.objects(&aws));
    for summary in browse.tables().await.unwrap() {
        let schema = browse.table(&summary.table).await.unwrap().schema().unwrap();
        let columns = schema.columns();
        let places: BTreeSet<_> = columns.iter().map(|c| (c.path.as_str(), c.kind)).collect();
        assert_eq!(places.len(), columns.len(), "{}", summary.table);
    }
}

/// Small parts, so that small files have several.
fn small_parts() -> Limits {
    Limits { part_records: 2, ..Limits::default() }
}

fn minutes(minutes: u64) -> TimeLimit {
    TimeLimit::of(Duration::from_mins(minutes))
}

/// The client that reaches the local AWS.
fn service() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_http()
}
