//! The adapters against a local AWS, which `make test` starts around these tests.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use std::{collections::BTreeMap, time::Duration};

use alluvium_aws::{Aws, GlueCatalog, LakeRoot, S3Objects, S3Sources, telemetry::Invocation};
use alluvium_lake::{Browse, Ingest, IngestSettings, Landing};
use alluvium_model::{
    AnnouncedObject, ErrorKind, LandingPrefix, Limits, Plan, TableName,
    layout::{Location, table_location},
    ports::{
        ListObjects as _, OpenObjects as _, ReadObjects as _, ReadSource as _, WriteObjects as _,
    },
};
use alluvium_testkit::suites;
use alluvium_tests::{
    http::{Reply, Scripted},
    s3_event,
};
use aws_config::BehaviorVersion;
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
        // Small parts, so that small files have several.
        let plan = Plan { limits: Limits { part_records: 2, ..Limits::default() } };
        let settings = IngestSettings { plan, ..settings };
        let ingest = Ingest::new(self.catalog(aws), self.objects(aws), settings);
        IngestObjects::new(Landing::new(ingest, S3Sources::new(aws), LandingPrefix::default()))
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
    while let Some(chunk) = reader.next_chunk().await.unwrap() {
        bytes.extend_from_slice(&chunk);
    }
    bytes
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
    let error = loop {
        match reading.next_chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("two contents were read as one"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Retry);
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
    insta::assert_snapshot!(calls_of(&first, "camera/1", "{\"a\":1}").await, @"GetObject GetTable CreateTable PutObject GetTable BatchCreatePartition PutObject");
    insta::assert_snapshot!(calls_of(&first, "camera/2", "{\"a\":2}").await, @"GetObject PutObject");
    insta::assert_snapshot!(calls_of(&first, "camera/3", "{\"b\":1}").await, @"GetObject GetTable UpdateTable PutObject PutObject");
    // The first sibling makes the view, which any later column changes.
    insta::assert_snapshot!(calls_of(&first, "camera/5", "{\"a\":0.5}").await, @"GetObject GetTable UpdateTable PutObject GetTable GetTable CreateTable PutObject");
    insta::assert_snapshot!(calls_of(&first, "camera/6", "{\"c\":1}").await, @"GetObject GetTable UpdateTable PutObject GetTable GetTable UpdateTable PutObject");
    insta::assert_snapshot!(calls_of(&first, "camera/7", "{\"a\":0.5,\"c\":1}").await, @"GetObject PutObject");
    // A sandbox that knows nothing yet looks at the view once.
    insta::assert_snapshot!(calls_of(&second, "camera/4", "{\"b\":2}").await, @"GetObject GetTable GetTable GetTable BatchCreatePartition PutObject");
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
        2 | 9 if operation.ends_with("Object") => {
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

fn minutes(minutes: u64) -> TimeLimit {
    TimeLimit::of(Duration::from_mins(minutes))
}

/// The client that reaches the local AWS.
fn service() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_http()
}
