//! What S3, Glue and EventBridge may answer instead of a result, and what becomes of it.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use alluvium_aws::{EventBus, GlueCatalog, S3Objects, S3Sources, telemetry::Invocation};
use alluvium_lake::{Backoff, ContractStore, Deadline, Ingest, IngestSettings, Landing};
use alluvium_model::{
    ErrorKind, LandingPrefix, PartitionEntry, PartitionKey, PartitionSpec, SchemaChange,
    TableEntry, TableName, TableSource, Version,
    layout::{Location, ObjectKey, table_location},
    ports::{
        Commit, CommitObjects as _, CommitTables as _, FoundView, ListObjects as _,
        PublishEvents as _, Put, ReadPartitions as _, ReadTables as _, RegisterPartitions as _,
        Registered, ReplaceViews as _, WriteObjects as _,
    },
};
use alluvium_testkit::{MemoryLanding, MemoryObjects};
use alluvium_tests::{
    contracts,
    http::{Reply, Scripted},
    settings,
};
use bytes::Bytes;
use ingest_objects::{IngestObjects, TimeLimit};
use lambda_runtime::Diagnostic;

/// Tries of a call, by default.
const TRIES: usize = 4;

async fn catalog(scripted: &Scripted) -> GlueCatalog {
    let root = "s3://lake".parse().unwrap();
    GlueCatalog::new(&scripted.aws_nowhere().await, "lake".parse().unwrap(), root)
}

async fn objects(scripted: &Scripted) -> S3Objects {
    S3Objects::new(&scripted.aws_nowhere().await, "s3://lake".parse().unwrap())
}

fn camera() -> TableEntry {
    let name = "camera".parse().unwrap();
    let location = table_location(&"lake".parse().unwrap(), &name);
    TableEntry::new(name, &TableSource::new("camera"), location, &PartitionSpec::default())
}

fn key() -> ObjectKey {
    Location::from_catalog("lake/camera/").object("1.parquet")
}

fn partition(value: &str) -> PartitionEntry {
    let key = PartitionKey::new(vec![("dt".parse().unwrap(), value.to_owned())]);
    let location = Location::from_catalog(&format!("lake/camera/{key}/"));
    PartitionEntry { key, location }
}

fn glue(code: &str) -> Reply {
    Reply::Answer(400, format!("{{\"__type\":\"{code}\",\"message\":\"so it is\"}}"))
}

fn s3(status: u16, code: &str) -> Reply {
    Reply::Answer(status, format!("<Error><Code>{code}</Code><Message>so it is</Message></Error>"))
}

fn read_camera() -> Reply {
    let table = r#"{"Table":{"Name":"camera","VersionId":"7","Owner":"data team","Retention":3,
        "Description":"by hand","TableType":"EXTERNAL_TABLE","Parameters":{"alluvium.source":"camera","quality":"gold"},
        "StorageDescriptor":{"Location":"s3://lake/lake/camera/","Compressed":true,"NumberOfBuckets":4,
            "BucketColumns":["id"],"SortColumns":[{"Column":"id","SortOrder":1}],"Parameters":{"sd":"kept"},
            "SerdeInfo":{"Name":"own","SerializationLibrary":"lib"},"InputFormat":"in","OutputFormat":"out",
            "Columns":[{"Name":"geo","Type":"struct<x:double>","Comment":"by hand","Parameters":{"p":"q"}}]},
        "PartitionKeys":[{"Name":"dt","Type":"string"}]}}"#;
    Reply::Answer(200, table.to_owned())
}

#[tokio::test]
async fn a_throttled_call_is_tried_again() {
    let scripted = Scripted::new(|call, _| match call {
        0 => glue("ThrottlingException"),
        1 => Reply::Reset,
        2 => Reply::Answer(500, String::new()),
        _ => read_camera(),
    });
    let found = catalog(&scripted).await.table(&camera().name).await.unwrap();
    assert_eq!(found.unwrap().version, Version("7".to_owned()));
    assert_eq!(scripted.calls(), ["GetTable"; 4]);
}

#[tokio::test]
async fn a_throttled_lookup_is_not_absence_and_is_not_tried_for_ever() {
    for failure in [glue("ThrottlingException"), Reply::Reset, Reply::Answer(503, String::new())] {
        let scripted = Scripted::new(move |_, _| failure.clone());
        let error = catalog(&scripted).await.table(&camera().name).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Retry);
        assert_eq!(scripted.calls().len(), TRIES);
    }
}

#[tokio::test]
async fn a_call_that_nobody_answers_ends() {
    let scripted = Scripted::new(|_, _| Reply::Silence);
    let aws = scripted.aws_impatiently().await;
    let objects = S3Objects::new(&aws, "s3://lake".parse().unwrap());
    let error = objects.put_object(&key(), Bytes::from_static(b"x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Retry);
    assert_eq!(scripted.calls().len(), TRIES);
}

#[tokio::test]
async fn an_event_that_is_refused_in_a_call_that_succeeds_has_failed() {
    let change = SchemaChange {
        database: "lake".parse().unwrap(),
        table: "camera".parse().unwrap(),
        version: 1,
        source: "s3://landing/camera/1.json".to_owned(),
        since: "2026-11-24T00:00:00Z".to_owned(),
        conflict: false,
        added_columns: Vec::new(),
        kept_whole: Vec::new(),
    };
    let publish = async |answer: &'static str| {
        let scripted = Scripted::new(move |_, _| Reply::Answer(200, answer.to_owned()));
        let bus = Some("default".parse().unwrap());
        let published = EventBus::new(&scripted.aws_nowhere().await, bus).publish(&change).await;
        (published, scripted.bodies())
    };
    let (published, bodies) =
        publish(r#"{"FailedEntryCount":0,"Entries":[{"EventId":"1"}]}"#).await;
    published.unwrap();
    insta::assert_snapshot!(bodies[0], @r#"{"Entries":[{"Source":"Alluvium","DetailType":"TableSchemaChanged","Detail":"{\"database\":\"lake\",\"table\":\"camera\",\"version\":1,\"source\":\"s3://landing/camera/1.json\",\"since\":\"2026-11-24T00:00:00Z\",\"conflict\":false,\"added_columns\":[],\"kept_whole\":[]}","EventBusName":"default"}]}"#);
    for (code, kind) in [
        ("ThrottlingException", ErrorKind::Retry),
        ("InternalFailure", ErrorKind::Retry),
        ("InvalidArgument", ErrorKind::Invalid),
    ] {
        let answer = format!(
            "{{\"FailedEntryCount\":1,\"Entries\":[{{\"ErrorCode\":\"{code}\",\"ErrorMessage\":\"so it is\"}}]}}"
        );
        let (published, _) = publish(answer.leak()).await;
        let error = published.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(error.to_string(), "cannot publish an event on the event bus default");
    }
    // Without a bus nobody is told, and nothing is sent.
    let scripted = Scripted::new(|_, _| Reply::Reset);
    EventBus::new(&scripted.aws_nowhere().await, None).publish(&change).await.unwrap();
    assert!(scripted.calls().is_empty());
}

#[tokio::test]
async fn a_view_is_ours_by_what_it_says_of_itself() {
    let answer = |table_type: &str, view_of: &str| {
        format!(
            r#"{{"Table":{{"Name":"camera_unified","VersionId":"3","TableType":"{table_type}",
                "ViewOriginalText":"by hand","Parameters":{{"alluvium.view_of":"{view_of}"}}}}}}"#
        )
    };
    let found = async |answer: String| {
        let scripted = Scripted::new(move |_, _| Reply::Answer(200, answer.clone()));
        catalog(&scripted).await.unified_view(&camera().name).await.unwrap()
    };
    for foreign in [answer("EXTERNAL_TABLE", "camera"), answer("VIRTUAL_VIEW", "")] {
        assert_eq!(found(foreign).await, FoundView::Foreign);
    }
    // One that somebody has altered is replaced.
    let FoundView::Ours(altered) = found(answer("VIRTUAL_VIEW", "camera")).await else {
        panic!("it is ours")
    };
    assert_eq!((altered.version.0.as_str(), altered.value.sql.as_str()), ("3", "by hand"));
}

#[tokio::test]
async fn errors_say_what_the_service_said() {
    let scripted = Scripted::new(|_, _| glue("AccessDeniedException"));
    let error = catalog(&scripted).await.table(&camera().name).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    let error = format!("{:#}", anyhow_like(&error));
    insta::assert_snapshot!(error, @"cannot read the table camera: AccessDeniedException: so it is");

    let scripted = Scripted::new(|_, _| s3(404, "NoSuchBucket"));
    let error = objects(&scripted).await.put_object(&key(), Bytes::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    insta::assert_snapshot!(anyhow_like(&error), @"cannot write s3://lake/lake/camera/1.parquet: NoSuchBucket: so it is");
    assert_eq!(scripted.calls().len(), 1);
}

fn anyhow_like(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", anyhow_like(cause)),
        None => error.to_string(),
    }
}

#[tokio::test]
async fn only_a_table_that_is_not_there_is_absent() {
    let scripted = Scripted::new(|_, _| glue("EntityNotFoundException"));
    assert_eq!(catalog(&scripted).await.table(&camera().name).await.unwrap(), None);
    for code in ["AccessDeniedException", "InvalidInputException", "SomethingNew"] {
        let scripted = Scripted::new(move |_, _| glue(code));
        assert!(catalog(&scripted).await.table(&camera().name).await.is_err(), "{code}");
    }
}

#[tokio::test]
async fn whoever_was_faster_is_a_conflict_and_no_error() {
    let replaced = async |code: &'static str| {
        let scripted = Scripted::new(move |_, operation| match operation {
            "GetTable" => read_camera(),
            _ => glue(code),
        });
        let version = Version("7".to_owned());
        catalog(&scripted).await.replace_table(&camera(), &version).await
    };
    assert_eq!(replaced("ConcurrentModificationException").await.unwrap(), Commit::Conflict);
    assert_eq!(replaced("EntityNotFoundException").await.unwrap(), Commit::Conflict);
    assert_eq!(replaced("InvalidInputException").await.unwrap_err().kind(), ErrorKind::Invalid);

    let scripted = Scripted::new(|_, _| glue("AlreadyExistsException"));
    let created = catalog(&scripted).await.create_table(&camera()).await.unwrap();
    assert_eq!(created, Commit::Conflict);

    for (status, code) in [(412, "PreconditionFailed"), (409, "ConditionalRequestConflict")] {
        let scripted = Scripted::new(move |_, _| s3(status, code));
        let created = objects(&scripted).await.create_object(&key(), Bytes::new()).await.unwrap();
        assert_eq!(created, Put::Conflict);
    }
}

#[tokio::test]
async fn a_table_read_at_another_version_is_not_replaced() {
    let scripted = Scripted::new(|_, _| read_camera());
    let version = Version("6".to_owned());
    let replaced = catalog(&scripted).await.replace_table(&camera(), &version).await.unwrap();
    assert_eq!(replaced, Commit::Conflict);
    assert!(!scripted.calls().contains(&"UpdateTable".to_owned()));
}

#[tokio::test]
async fn everything_that_others_put_into_a_table_is_sent_back() {
    let scripted = Scripted::new(|_, operation| match operation {
        "GetTable" => read_camera(),
        _ => Reply::Answer(200, "{}".to_owned()),
    });
    let catalog = catalog(&scripted).await;
    let found = catalog.table(&camera().name).await.unwrap().unwrap();
    let mut table = found.value;
    table.columns.push(camera().columns[0].clone());
    assert_eq!(catalog.replace_table(&table, &found.version).await.unwrap(), Commit::Done);
    assert_eq!(scripted.calls(), ["GetTable", "UpdateTable"]);
    let sent: serde_json::Value = serde_json::from_str(scripted.bodies().last().unwrap()).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&sent).unwrap(), @r#"
    {
      "DatabaseName": "lake",
      "SkipArchive": true,
      "TableInput": {
        "Description": "by hand",
        "Name": "camera",
        "Owner": "data team",
        "Parameters": {
          "alluvium.source": "camera",
          "quality": "gold"
        },
        "PartitionKeys": [
          {
            "Name": "dt",
            "Type": "string"
          }
        ],
        "Retention": 3,
        "StorageDescriptor": {
          "BucketColumns": [
            "id"
          ],
          "Columns": [
            {
              "Comment": "by hand",
              "Name": "geo",
              "Parameters": {
                "p": "q"
              },
              "Type": "struct<x:double>"
            },
            {
              "Comment": "where the row came from",
              "Name": "_source",
              "Type": "string"
            }
          ],
          "Compressed": true,
          "InputFormat": "in",
          "Location": "s3://lake/lake/camera/",
          "NumberOfBuckets": 4,
          "OutputFormat": "out",
          "Parameters": {
            "sd": "kept"
          },
          "SerdeInfo": {
            "Name": "own",
            "SerializationLibrary": "lib"
          },
          "SortColumns": [
            {
              "Column": "id",
              "SortOrder": 1
            }
          ]
        },
        "TableType": "EXTERNAL_TABLE"
      },
      "VersionId": "7"
    }
    "#);
}

#[tokio::test]
async fn nobody_as_an_owner_is_not_sent_back_as_an_empty_one() {
    let scripted = Scripted::new(|_, operation| match (operation, read_camera()) {
        ("GetTable", Reply::Answer(status, table)) => {
            Reply::Answer(status, table.replace("data team", ""))
        }
        _ => Reply::Answer(200, "{}".to_owned()),
    });
    let catalog = catalog(&scripted).await;
    let found = catalog.table(&camera().name).await.unwrap().unwrap();
    let replaced = catalog.replace_table(&found.value, &found.version).await.unwrap();
    assert_eq!(replaced, Commit::Done);
    assert!(!scripted.bodies().last().unwrap().contains("\"Owner\""));
}

#[tokio::test]
async fn one_partition_that_fails_fails_the_registration() {
    let failed = async |code: &str| {
        let errors = format!(
            "{{\"Errors\":[{{\"PartitionValues\":[\"2026-11-22\"],\"ErrorDetail\":{{\"ErrorCode\":\"{code}\"}}}}]}}"
        );
        let scripted = Scripted::new(move |_, operation| match operation {
            "GetTable" => read_camera(),
            _ => Reply::Answer(200, errors.clone()),
        });
        let partitions = [partition("2026-11-22")];
        catalog(&scripted).await.create_partitions(&camera().name, &partitions).await
    };
    assert_eq!(failed("AlreadyExistsException").await.unwrap(), [Registered::Before]);
    assert_eq!(failed("ThrottlingException").await.unwrap_err().kind(), ErrorKind::Retry);
    assert_eq!(failed("InternalServiceException").await.unwrap_err().kind(), ErrorKind::Retry);
    assert_eq!(failed("EntityNotFoundException").await.unwrap_err().kind(), ErrorKind::Absent);
}

/// Answers, one after the other.
fn answers(replies: Vec<Reply>) -> Scripted {
    Scripted::new(move |call, _| replies.get(call).unwrap().clone())
}

fn page_of(status: u16) -> Reply {
    Reply::Answer(status, String::new())
}

fn page(body: &str) -> Reply {
    Reply::Answer(200, body.to_owned())
}

#[tokio::test]
async fn every_page_is_read() {
    let scripted = answers(vec![
        page(r#"{"TableList":[{"Name":"camera"},{"Name":"Not Ours"}],"NextToken":"2"}"#),
        page(r#"{"TableList":[{"Name":"audio"}]}"#),
    ]);
    let names = catalog(&scripted).await.table_names().await.unwrap();
    assert_eq!(names.iter().map(TableName::as_str).collect::<Vec<_>>(), ["audio", "camera"]);

    let partition = |day: &str| {
        let location = format!("s3://lake/lake/camera/dt={day}/");
        format!("{{\"Values\":[\"{day}\"],\"StorageDescriptor\":{{\"Location\":\"{location}\"}}}}")
    };
    let scripted = answers(vec![
        read_camera(),
        page(&format!("{{\"Partitions\":[{}],\"NextToken\":\"2\"}}", partition("2026-11-22"))),
        page(&format!("{{\"Partitions\":[{}]}}", partition("2026-11-21"))),
    ]);
    let partitions = catalog(&scripted).await.partitions(&camera().name).await.unwrap();
    let locations: Vec<_> = partitions.iter().map(|one| one.location.as_str()).collect();
    assert_eq!(locations, ["lake/camera/dt=2026-11-21/", "lake/camera/dt=2026-11-22/"]);

    let listing = |name: &str, more: &str| {
        page(&format!(
            "<ListBucketResult>{more}<Contents><Key>lake/camera/{name}</Key><Size>1</Size><LastModified>2026-11-22T10:00:00.000Z</LastModified></Contents></ListBucketResult>"
        ))
    };
    let more = "<IsTruncated>true</IsTruncated><NextContinuationToken>2</NextContinuationToken>";
    let scripted = answers(vec![listing("1.parquet", more), listing("2.parquet", "")]);
    let folder = Location::from_catalog("lake/camera/");
    let listed = objects(&scripted).await.list_objects(&folder).await.unwrap();
    let keys: Vec<_> = listed.iter().map(|one| one.key.as_str()).collect();
    assert_eq!(keys, ["lake/camera/1.parquet", "lake/camera/2.parquet"]);
}

#[tokio::test]
async fn partitions_are_registered_in_batches_of_a_hundred() {
    let scripted = Scripted::new(|_, operation| match operation {
        "GetTable" => read_camera(),
        _ => page("{}"),
    });
    let partitions: Vec<_> = (0..250).map(|number| partition(&format!("{number:03}"))).collect();
    let registered = catalog(&scripted).await.create_partitions(&camera().name, &partitions).await;
    assert_eq!(registered.unwrap(), [Registered::New; 250]);
    let calls = scripted.calls();
    assert_eq!(
        calls,
        ["GetTable", "BatchCreatePartition", "BatchCreatePartition", "BatchCreatePartition"]
    );
    let sizes = scripted.bodies().into_iter().skip(1).map(|body| body.matches("Values").count());
    assert_eq!(sizes.collect::<Vec<_>>(), [100, 100, 50]);
}

#[tokio::test]
async fn a_service_that_stays_busy_is_reported_as_retryable() {
    let object = r#"{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put",
        "s3":{"bucket":{"name":"landing"},"object":{"key":"camera/1.json"}}}]}"#;
    for busy in [Reply::Reset, Reply::Silence, s3(503, "SlowDown"), page_of(500)] {
        let scripted = Scripted::new(move |_, _| busy.clone());
        let aws = scripted.aws_impatiently().await;
        let contracts = contracts(&MemoryObjects::default());
        let ingest = Ingest::new(catalog(&scripted).await, MemoryObjects::default(), settings());
        let sources = S3Sources::new(&aws);
        let landing = Landing::new(ingest, contracts, sources, LandingPrefix::default());
        let limit = TimeLimit::of(Duration::from_mins(1));
        let event = serde_json::from_str(object).unwrap();
        let failure = IngestObjects::new(landing)
            .answer(&event, limit, &mut Invocation::default())
            .await
            .unwrap_err();
        let Diagnostic { error_type, error_message } = failure.into();
        assert_eq!(error_type, "Alluvium.Retryable", "{error_message}");
        assert_eq!(scripted.calls(), ["GetObject"; TRIES]);
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_not_tried_for_ever() {
    let scripted = Scripted::new(|_, _| panic!("nothing can be sent without credentials"));
    let aws = scripted.aws_without_credentials().await;
    let catalog = GlueCatalog::new(&aws, "lake".parse().unwrap(), "s3://lake".parse().unwrap());
    let error = catalog.table(&camera().name).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let error = anyhow_like(&error);
    assert!(error.contains("credential"), "{error}");
}

#[tokio::test]
async fn a_busy_catalog_is_named_when_patience_ends() {
    let scripted = Scripted::new(|_, _| glue("ThrottlingException"));
    let bucket = MemoryLanding::default();
    let object = bucket.drop_object("camera/1.json", "{\"a\":1}");
    let few = IngestSettings { backoff: Backoff::without_pauses(2), ..settings() };
    let objects = MemoryObjects::default();
    let ingest = Ingest::new(catalog(&scripted).await, objects.clone(), few);
    let landing = Landing::new(ingest, contracts(&objects), bucket, LandingPrefix::default());
    let error = Box::pin(landing.land(&object, Deadline::NEVER)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Retry);
    insta::assert_snapshot!(anyhow_like(&error), @"cannot commit the schema of table camera: 2 tries failed: cannot read the table camera: ThrottlingException: so it is");
    assert_eq!(scripted.calls().len(), 2 * TRIES);
}

#[tokio::test]
async fn every_piece_of_an_upload_has_its_checksum() {
    let scripted = Scripted::new(|call, operation| match operation {
        "UploadPart" => Reply::Headers(vec![
            ("etag", format!("\"tag {call}\"")),
            ("x-amz-checksum-crc32", format!("checksum {call}")),
        ]),
        "CreateMultipartUpload" => page(
            "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>",
        ),
        "CompleteMultipartUpload" => page("<CompleteMultipartUploadResult/>"),
        _ => page(""),
    });
    let bytes = Bytes::from(vec![0; 20 << 20]);
    objects(&scripted).await.put_object(&key(), bytes).await.unwrap();
    insta::assert_snapshot!(scripted.calls().join(" "), @"CreateMultipartUpload UploadPart UploadPart CompleteMultipartUpload");
    insta::assert_snapshot!(scripted.bodies().last().unwrap(), @r#"<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Part><ETag>&quot;tag 1&quot;</ETag><ChecksumCRC32>checksum 1</ChecksumCRC32><PartNumber>1</PartNumber></Part><Part><ETag>&quot;tag 2&quot;</ETag><ChecksumCRC32>checksum 2</ChecksumCRC32><PartNumber>2</PartNumber></Part></CompleteMultipartUpload>"#);
    insta::assert_snapshot!(scripted.checksums().join("\n"), @"
    CreateMultipartUpload: x-amz-checksum-algorithm: CRC32
    UploadPart: x-amz-sdk-checksum-algorithm: CRC32, x-amz-checksum-crc32: pHyhSg==
    UploadPart: x-amz-sdk-checksum-algorithm: CRC32, x-amz-checksum-crc32: EUdAag==
    CompleteMultipartUpload:
    ");
}

#[tokio::test]
async fn what_broke_on_its_way_may_be_tried_again() {
    let scripted = Scripted::new(|_, _| Reply::Broken);
    let error = catalog(&scripted).await.table(&camera().name).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Retry);
}

/// Loads a file into a catalog of Glue in which the first calls of some operation fail. The table
/// is there, unless it is its creation that fails.
async fn landed_in_spite_of(operation: &'static str, failure: Reply, times: usize) -> Vec<String> {
    let failures = Arc::new(AtomicUsize::new(times));
    let is_there = Arc::new(AtomicBool::new(operation != "CreateTable"));
    let scripted = Scripted::new(move |_, called| {
        let fails = called == operation
            && failures
                .try_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1))
                .is_ok();
        match called {
            _ if fails => failure.clone(),
            "GetTable" if !is_there.load(Ordering::SeqCst) => glue("EntityNotFoundException"),
            "GetTable" => read_camera(),
            _ => {
                is_there.fetch_or(called == "CreateTable", Ordering::SeqCst);
                page("{}")
            }
        }
    });
    let bucket = MemoryLanding::default();
    let object = bucket.drop_object("camera/1.json", "{\"a\":1}");
    // Elsewhere than the other tests, whose quota of retries would be used up.
    let aws = scripted.aws_in("eu-west-3").await;
    let catalog = GlueCatalog::new(&aws, "lake".parse().unwrap(), "s3://lake".parse().unwrap());
    let ingest = Ingest::new(catalog, MemoryObjects::default(), settings());
    let contracts = ContractStore::new(MemoryObjects::default(), Duration::from_mins(1));
    let landing = Landing::new(ingest, contracts, bucket, LandingPrefix::default());
    let report = Box::pin(landing.land(&object, Deadline::NEVER)).await.unwrap();
    assert_eq!((report.counts.loaded, report.counts.columns_added), (1, 1));
    scripted.calls()
}

#[tokio::test]
async fn whatever_may_pass_is_waited_out() {
    for operation in ["GetTable", "CreateTable", "UpdateTable", "BatchCreatePartition"] {
        for code in ["ThrottlingException", "InternalServiceException", "OperationTimeoutException"]
        {
            landed_in_spite_of(operation, glue(code), TRIES + 1).await;
        }
        for failure in [Reply::Reset, page_of(500), page_of(503), Reply::Broken] {
            landed_in_spite_of(operation, failure, TRIES + 1).await;
        }
        let again = glue("ConcurrentModificationException");
        let calls = landed_in_spite_of(operation, again, 1).await;
        assert_eq!(calls.iter().filter(|call| *call == operation).count(), 2, "{operation}");
    }
}

/// The SDK has a budget of retries for a service and region; when that is used up, it fails at
/// once with what the service said.
#[tokio::test]
async fn a_call_that_the_sdk_does_not_try_again_for_want_of_quota_may_be_tried_again() {
    let scripted = Scripted::new(|_, _| glue("ThrottlingException"));
    let aws = scripted.aws_in("eu-north-1").await;
    let catalog = GlueCatalog::new(&aws, "lake".parse().unwrap(), "s3://lake".parse().unwrap());
    let mut calls = 0;
    loop {
        let error = catalog.table(&camera().name).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Retry);
        let made = scripted.calls().len() - calls;
        calls += made;
        assert!(calls < 1_000, "the quota is never used up");
        if made == 1 {
            insta::assert_snapshot!(anyhow_like(&error), @"cannot read the table camera: ThrottlingException: so it is");
            break;
        }
    }
}

#[tokio::test]
async fn a_partition_is_never_registered_with_a_type_that_somebody_made_by_hand() {
    let entry = camera();
    let scripted = Scripted::new(move |_, operation| match operation {
        "GetTable" => {
            let columns: Vec<_> = entry
                .columns
                .iter()
                .skip(1)
                .map(|column| serde_json::json!({ "Name": column.name, "Type": "int" }))
                .collect();
            let table = serde_json::json!({
                "Name": "camera", "VersionId": "7", "Parameters": entry.parameters,
                "StorageDescriptor": { "Location": "s3://lake/lake/camera/", "Columns": columns },
                "PartitionKeys": [{ "Name": "dt", "Type": "string" }],
            });
            page(&serde_json::json!({ "Table": table }).to_string())
        }
        _ => page("{}"),
    });
    let partitions = [partition("2026-11-22")];
    catalog(&scripted).await.create_partitions(&camera().name, &partitions).await.unwrap();
    let sent: serde_json::Value = serde_json::from_str(scripted.bodies().last().unwrap()).unwrap();
    let columns = &sent["PartitionInputList"][0]["StorageDescriptor"]["Columns"];
    insta::assert_snapshot!(columns, @r#"[{"Name":"_record","Type":"bigint"},{"Name":"_arrived_at","Type":"timestamp"},{"Name":"_rescued","Type":"map<string,string>"},{"Name":"_source","Type":"string"}]"#);
}
