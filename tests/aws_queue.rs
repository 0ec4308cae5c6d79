//! What queues and listings answer when they do not do all that they are asked.
#![expect(clippy::unwrap_used, reason = "a broken expectation must stop the test")]

use alluvium_aws::{S3Landing, SqsQueue};
use alluvium_model::{
    ErrorKind, PortError,
    ports::{Letter, ListLanding as _, SendLetters as _, TakeLetters as _},
};
use alluvium_tests::http::{Reply, Scripted};
use serde_json::json;

const URL: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/landing";

async fn queue(scripted: &Scripted) -> SqsQueue {
    SqsQueue::new(&scripted.aws_nowhere().await, URL.parse().unwrap())
}

fn letters(count: usize) -> Vec<Letter> {
    let letter = |number: usize| Letter { body: format!("letter {number}"), receipt: "r".into() };
    (0..count).map(letter).collect()
}

#[tokio::test]
async fn every_entry_of_a_batch_has_an_answer_of_its_own() {
    let failed = |id: &str, code: &str, is_ours: bool| json!({ "Id": id, "Code": code, "SenderFault": is_ours, "Message": "why" });
    let accepted = |id: &str| json!({ "Id": id, "MessageId": "m", "MD5OfMessageBody": "" });
    let answer = json!({
        // In any order, and one of them is missing.
        "Successful": [accepted("4"), accepted("0")],
        "Failed": [
            failed("3", "RequestThrottled", false),
            failed("1", "InternalError", false),
            failed("2", "InvalidMessageContents", true),
        ],
    });
    let sends = Scripted::new(move |_, operation| match operation {
        "AmazonSQS.SendMessageBatch" => Reply::Answer(200, answer.to_string()),
        "AmazonSQS.DeleteMessageBatch" => {
            let deleted =
                json!({ "Successful": [], "Failed": [failed("1", "SomethingNew", true)] });
            Reply::Answer(200, deleted.to_string())
        }
        other => Reply::Answer(400, other.to_owned()),
    });
    let queue = queue(&sends).await;
    let answers = queue.send_letters(&letters(6)).await.unwrap();
    let kinds: Vec<_> = answers.iter().map(|one| one.as_ref().err().map(PortError::kind)).collect();
    let (retry, invalid) = (Some(ErrorKind::Retry), Some(ErrorKind::Invalid));
    assert_eq!(kinds, [None, retry, invalid, retry, None, retry]);
    let error = answers.into_iter().nth(2).unwrap().unwrap_err();
    assert_eq!(error.to_string(), format!("cannot send letters to {URL}"));
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "InvalidMessageContents: why"
    );

    let answers = queue.remove_letters(&letters(2)).await.unwrap();
    let kinds: Vec<_> = answers.iter().map(|one| one.as_ref().err().map(PortError::kind)).collect();
    assert_eq!(kinds, [retry, invalid]);
}

#[tokio::test]
async fn letters_are_counted_and_taken() {
    let answers = Scripted::new(|_, operation| {
        let answer = match operation {
            "AmazonSQS.GetQueueAttributes" => json!({ "Attributes": {
                "ApproximateNumberOfMessages": "7",
                "ApproximateNumberOfMessagesNotVisible": "2",
            } }),
            _ => json!({ "Messages": [{ "MessageId": "m", "ReceiptHandle": "r", "Body": "b" }] }),
        };
        Reply::Answer(200, answer.to_string())
    });
    let queue = queue(&answers).await;
    let count = queue.count_letters().await.unwrap();
    assert_eq!((count.waiting, count.taken), (7, 2));
    let letter = Letter { body: "b".to_owned(), receipt: "r".to_owned() };
    assert_eq!(queue.take_letters(30).await.unwrap(), [letter]);
    let asked: serde_json::Value = serde_json::from_str(&answers.bodies().pop().unwrap()).unwrap();
    assert_eq!(asked["MaxNumberOfMessages"], 10);

    let empty = Scripted::new(|_, _| Reply::Answer(200, "{}".to_owned()));
    let queue = self::queue(&empty).await;
    assert_eq!(queue.take_letters(1).await.unwrap(), []);
    // A count that is not told is not taken for nothing.
    assert_eq!(queue.count_letters().await.unwrap_err().kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn errors_of_queues_have_kinds() {
    for (code, kind) in [
        ("AccessDeniedException", ErrorKind::Denied),
        ("AWS.SimpleQueueService.NonExistentQueue", ErrorKind::Invalid),
        ("QueueDoesNotExist", ErrorKind::Invalid),
        ("RequestThrottled", ErrorKind::Retry),
        ("OverLimit", ErrorKind::Retry),
        ("KmsAccessDenied", ErrorKind::Denied),
    ] {
        let body = json!({ "__type": code, "message": "no" }).to_string();
        let refuses = Scripted::new(move |_, _| Reply::Answer(400, body.clone()));
        let queue = queue(&refuses).await;
        assert_eq!(queue.send_letters(&letters(1)).await.unwrap_err().kind(), kind, "{code}");
        assert_eq!(queue.take_letters(1).await.unwrap_err().kind(), kind, "{code}");
    }
}

#[tokio::test]
async fn listings_are_decoded_and_an_empty_page_is_not_the_end() {
    const EMPTY: &str =
        "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>";
    const PAGE: &str = "<IsTruncated>true</IsTruncated>\
        <Contents><Key>camera/a+b%2Bc.json</Key><LastModified>2026-11-01T12:00:00.000Z</LastModified>\
        <ETag>&quot;27465a&quot;</ETag><Size>517</Size><StorageClass>STANDARD</StorageClass></Contents>\
        <Contents><Key>camera/cold</Key><LastModified>2026-11-01T12:00:00.000Z</LastModified>\
        <ETag>&quot;1&quot;</ETag><Size>1</Size><StorageClass>DEEP_ARCHIVE</StorageClass></Contents>\
        <Contents><Key>camera/restored</Key><LastModified>2026-11-01T12:00:00.000Z</LastModified>\
        <ETag>&quot;1&quot;</ETag><Size>1</Size><StorageClass>GLACIER</StorageClass><RestoreStatus>\
        <IsRestoreInProgress>false</IsRestoreInProgress>\
        <RestoreExpiryDate>2026-12-01T00:00:00.000Z</RestoreExpiryDate></RestoreStatus></Contents>";
    let lists = Scripted::new(|number, _| {
        let page = if number == 0 { EMPTY } else { PAGE };
        Reply::Answer(200, format!("<ListBucketResult>{page}</ListBucketResult>"))
    });
    let place = "s3://landing/camera/".parse().unwrap();
    let landing = S3Landing::new(&lists.aws_nowhere().await, place);
    let page = landing.landed_after(None).await.unwrap();
    assert!(!page.is_last);
    let objects = page.objects.iter().map(|object| {
        let etag = object.announced.etag.as_deref().unwrap();
        format!("{} {etag} {} {}", object.announced.key, object.bytes, object.is_archived)
    });
    assert_eq!(
        objects.collect::<Vec<_>>(),
        ["camera/a b+c.json 27465a 517 false", "camera/cold 1 1 true", "camera/restored 1 1 false"]
    );
    assert_eq!(page.objects[0].modified_at.to_string(), "2026-11-01T12:00:00Z");
    assert_eq!(lists.calls(), ["ListObjectsV2", "ListObjectsV2"]);

    let unnamed = PAGE.replace("a+b%2Bc", "%FF");
    let lists = Scripted::new(move |_, _| {
        Reply::Answer(200, format!("<ListBucketResult>{unnamed}</ListBucketResult>"))
    });
    let place = "s3://landing/camera/".parse().unwrap();
    let landing = S3Landing::new(&lists.aws_nowhere().await, place);
    let error = landing.landed_after(None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "the key of `camera/%FF.json` cannot be told");
}
