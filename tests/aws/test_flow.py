"""Files dropped into the landing bucket, and what a reader finds afterwards."""

import gzip
import hashlib
import json
import re

import pytest

from stack import ROOT, wait_until

EVENTS = ROOT / "events" / "ingest-objects"
SAMPLES = ROOT / "events" / "landing"


def test_files_become_rows(stack, sql):
    # The first file settles that `id` is an integer; the others may come in any order.
    stack.drop_and_wait({
        "flow/1.json": '{"id":1,"at":"2026-11-22T10:00:00Z","a":{"b":true}}\n{"id":2,"new":[1,2]}',
    })
    stack.drop_and_wait({
        "flow/2026/11/2.json.gz": gzip.compress(b'[{"id":3},{"id":"four"}]'),
        "flow/Größe + 100%.json": '{"id":5}',
        "flow/3.json": '{"id":6}\nnot a record\n{"id":7',
        "flow/": "",
    })
    rows = sql("SELECT id, id__string, a_b, new, split_part(_source, '/', -1) FROM flow ORDER BY _source, _record")
    assert rows == [
        (1, None, True, None, "1.json"),
        (2, None, None, [1, 2], "1.json"),
        (3, None, None, None, "2.json.gz"),
        (None, "four", None, None, "2.json.gz"),
        (6, None, None, None, "3.json"),
        (5, None, None, None, "Größe + 100%.json"),
    ]
    columns = stack.columns("flow")
    assert columns["id"] == "bigint" and columns["id__string"] == "string"
    assert columns["at"] == "timestamp" and columns["new"] == "array<bigint>"
    table = stack.table("flow")
    assert table["Parameters"]["alluvium.source"] == "flow"
    assert table["Parameters"]["classification"] == "parquet"
    [b] = [c for c in table["StorageDescriptor"]["Columns"] if c["Name"] == "a_b"]
    assert b["Parameters"]["alluvium.path"] == "$.a.b" and b["Comment"] == "$.a.b"
    assert [key["Name"] for key in table["PartitionKeys"]] == ["dt"]
    bad = sql("SELECT reason, record, bytes, complete FROM quarantine WHERE table_name = 'flow' ORDER BY record")
    assert bad == [
        ("invalid_json", 1, "not a record", True),
        ("truncated_input", 2, '{"id":7', True),
    ]
    assert stack.waiting() == 0 and stack.waiting("LandingDeadLetterQueueUrl") == 0


def test_a_column_that_was_dropped_or_retyped_by_hand_comes_back(stack, sql):
    stack.drop_and_wait({"hands/1.json": '{"id":1,"ok":true}'})
    table = stack.table("hands")
    kept = ["Name", "Retention", "StorageDescriptor", "PartitionKeys", "TableType", "Parameters"]
    changed = {key: table[key] for key in kept if key in table}
    columns = [c for c in table["StorageDescriptor"]["Columns"] if c["Name"] != "id"]
    [column] = [c for c in columns if c["Name"] == "ok"]
    column["Type"] = "string"
    changed["StorageDescriptor"]["Columns"] = columns
    stack.glue.update_table(DatabaseName="alluvium", TableInput=changed)
    assert "id" not in stack.columns("hands")
    healed = stack.total("columns_healed")
    # Something new makes even a sandbox look that remembers the table.
    stack.drop_and_wait({"hands/2.json": '{"id":"two","new":1}'})
    columns = stack.columns("hands")
    assert (columns["id"], columns["id__string"], columns["ok"]) == ("bigint", "string", "boolean")
    assert sql("SELECT id, id__string, ok, new FROM hands ORDER BY id") == [
        (1, None, True, None),
        (None, "two", None, 1),
    ]
    assert stack.total("columns_healed") == healed + 2
    told = [line for line in stack.log_lines() if line.get("table") == "hands"]
    assert {(t["level"], t["column"], t["damage"], t.get("found"), t["needed"]) for t in told} == {
        ("WARN", "id", "dropped", None, "bigint"),
        ("WARN", "ok", "retyped", "string", "boolean"),
    }


def test_a_file_without_a_folder_is_quarantined(stack, sql):
    stack.drop_and_wait({"nowhere.json": '{"id":1}'})
    rows = sql("SELECT reason, bytes, table_name FROM quarantine WHERE reason = 'no_table'")
    assert rows == [("no_table", '{"id":1}', None)]


def test_what_is_delivered_twice_is_there_once(stack, sql):
    before = stack.total("duplicates")
    for _ in range(2):
        stack.drop_and_wait({"twice/1.json": '{"id":1}\nbad\n'})
    assert stack.total("duplicates") > before
    assert sql("SELECT count(*) FROM twice") == [(1,)]
    assert sql("SELECT count(*) FROM quarantine WHERE table_name = 'twice'") == [(1,)]


def test_a_poisoned_message_ends_alone_in_the_dead_letter_queue(stack, sql):
    stack.s3.create_bucket(Bucket="neighbours")
    stack.let_read("neighbours")
    bodies = ["poison 0", "poison 1"]
    for number in range(8):
        key = f"neighbours/{number}.json"
        stack.s3.put_object(Bucket="neighbours", Key=key, Body=json.dumps({"id": number}))
        bodies.insert(number, json.dumps(stack.event("neighbours", key)))
    entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]
    done, failed = (stack.total(metric) for metric in ("sources", "failed"))
    stack.sqs.send_message_batch(QueueUrl=stack.outputs()["LandingQueueUrl"], Entries=entries)
    dead = "LandingDeadLetterQueueUrl"
    wait_until(lambda: stack.waiting(dead) == 2 and stack.waiting() == 0, 120,
               lambda: f"{stack.waiting(dead)} of 2 messages are in the dead-letter queue")
    # The neighbours were worked off, each poison as often as infra/samconfig.toml says.
    assert stack.total("sources") >= done + 8 and stack.total("failed") == failed + 2 * 3
    batches = [line for line in stack.invocations() if line["failed"] and line["sources"]]
    assert batches, "poison and neighbours were in one batch"
    assert sql("SELECT count(*), sum(id) FROM neighbours") == [(8, 28)]
    received = stack.sqs.receive_message(
        QueueUrl=stack.outputs()[dead], MaxNumberOfMessages=10
    )["Messages"]
    assert sorted(message["Body"] for message in received) == ["poison 0", "poison 1"]
    stack.sqs.purge_queue(QueueUrl=stack.outputs()[dead])


ANNOUNCED = {
    "s3.json": 1,
    "s3-test.json": 0,
    "s3-deleted.json": 0,
    "sns-s3.json": 1,
    "eventbridge.json": 1,
}
BATCHES = {
    "sqs-s3.json": [],
    "sqs-sns-s3.json": [],
    "sqs-sns-raw-s3.json": [],
    "sqs-eventbridge.json": [],
    "sqs-poisoned.json": [1, 2],
}


@pytest.fixture(scope="module")
def samples(stack):
    """The files that the sample events announce."""
    files = {str(f.relative_to(SAMPLES)): f.read_bytes() for f in SAMPLES.rglob("*.json")}
    stack.drop_and_wait(files)
    return files


def test_every_sample_event_is_tested():
    assert {path.name for path in EVENTS.iterdir()} == ANNOUNCED.keys() | BATCHES.keys()


@pytest.mark.parametrize("name", ANNOUNCED)
def test_a_direct_event_is_answered_with_its_counts(stack, samples, name):
    error, counts = stack.answer(json.loads((EVENTS / name).read_text()))
    assert error is None
    # The landing bucket announced the samples itself before.
    found = counts["duplicates"], counts["loaded"], counts["superseded"]
    assert found == (ANNOUNCED[name], 0, 0)


@pytest.mark.parametrize("name", BATCHES)
def test_a_batch_is_answered_with_its_failures(stack, samples, name):
    event = json.loads((EVENTS / name).read_text())
    error, answer = stack.answer(event)
    failed = [{"itemIdentifier": event["Records"][n]["messageId"]} for n in BATCHES[name]]
    assert (error, answer) == (None, {"batchItemFailures": failed})


def test_sample_events_name_the_content_of_the_samples(samples):
    tags = {hashlib.md5(content).hexdigest() for content in samples.values()}
    for path in EVENTS.iterdir():
        named = re.findall(r'"e[tT]ag": ?"(\w+)"', path.read_text().replace("\\", ""))
        assert set(named) <= tags and (named or path.name == "s3-test.json"), path.name


def test_a_failure_has_a_type_that_tells_whether_to_try_again(stack):
    error, failure = stack.answer({"hello": "world"})
    assert error and failure["errorType"] == "Alluvium.Permanent"
    assert "none of S3, SQS, SNS or EventBridge" in failure["errorMessage"]


def test_what_is_sent_without_waiting_and_fails_is_kept(stack, samples):
    """Lambda gives up on it, but its queue gives it back as what it was."""
    name, outputs = stack.outputs()["IngestObjectsName"], stack.outputs()
    dead = "LandingDeadLetterQueueUrl"
    poison = json.dumps({"hello": "world"})
    stack.functions.invoke(FunctionName=name, InvocationType="Event", Payload=poison)
    wait_until(lambda: stack.waiting(dead) == 1, 90, lambda: "nothing is in the dead-letter queue")
    received = stack.sqs.receive_message(QueueUrl=outputs[dead])["Messages"]
    given_up = json.loads(received[0]["Body"])
    assert given_up["requestPayload"] == json.loads(poison)
    stack.sqs.purge_queue(QueueUrl=outputs[dead])
    given_up["requestPayload"] = json.loads((EVENTS / "sns-s3.json").read_text())
    error, counts = stack.answer(given_up)
    assert (error, counts["duplicates"]) == (None, 1)


def test_the_function_touches_only_what_its_role_names(stack):
    stack.s3.create_bucket(Bucket="foreign")
    stack.s3.put_object(Bucket="foreign", Key="foreign/1.json", Body="{}")
    error, failure = stack.announce("foreign", "foreign/1.json")
    assert error and failure["errorType"] == "Alluvium.Permanent"
    assert "AccessDenied" in failure["errorMessage"]
    wait_until(lambda: any("s3://foreign/" in line["message"] for line in stack.log_lines()), 20,
               lambda: "the failure is not in the log")
    [logged] = [line for line in stack.log_lines() if "s3://foreign/" in line["message"]]
    assert (logged["level"], logged["retryable"]) == ("ERROR", False)


def test_every_invocation_is_one_line_whose_counts_add_up(stack, samples):
    lines = stack.invocations()
    assert len({line["request_id"] for line in lines}) == len(lines) > 0
    for line in lines:
        assert line["records"] == line["loaded"] + line["quarantined"]
        names = {metric["Name"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
        assert names <= line.keys() and {"sources", "superseded", "freshness_ms"} - names <= {"freshness_ms"}
        assert line["function"] == stack.outputs()["IngestObjectsName"] and line["request_id"]
