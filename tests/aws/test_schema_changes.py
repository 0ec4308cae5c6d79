"""What follows a change of a table's schema: its view in Glue, an event, its history."""

import json

from stack import DATABASE, ROOT, presto_view, wait_until

COMMAND = ROOT / "target" / "local" / "alluvium"
# Integers, the number that does not fit, and what comes after it.
MAGNITUDES = [6, 7, 4.5, 5]


def load(stack, key, record):
    stack.drop_and_wait({key: json.dumps(record)})


def test_the_view_of_a_table_with_siblings_is_right(stack, sql):
    for number, magnitude in enumerate(MAGNITUDES):
        load(stack, f"quakes/{number}.json", {"mag": magnitude, "tags": ["a", None]})
    load(stack, "quakes/4.json", {"mag": None, "tags": [["b"]], "felt": True})

    view = stack.table("quakes_unified")
    assert view["TableType"] == "VIRTUAL_VIEW" and view["Parameters"]["presto_view"] == "true"
    columns = {c["Name"]: c["Type"] for c in view["StorageDescriptor"]["Columns"]}
    system = {"_source": "string", "_record": "bigint", "_arrived_at": "timestamp", "_rescued": "string"}
    data = {"mag": "double", "tags": "string", "felt": "boolean", "dt": "string"}
    assert list(columns.items()) == list((system | data).items())
    presto = presto_view(view)
    assert (presto["catalog"], presto["schema"]) == ("awsdatacatalog", DATABASE)
    assert [column["name"] for column in presto["columns"]] == list(columns)

    assert sql("SELECT avg(mag) FROM quakes_unified") == [(sum(MAGNITUDES) / len(MAGNITUDES),)]
    rows = sql("SELECT mag, tags, felt FROM quakes_unified ORDER BY _source")
    assert rows == [*((m, '["a",null]', None) for m in MAGNITUDES), (None, '[["b"]]', True)]
    # What came after the conflict is complete in the sibling alone.
    assert sql("SELECT mag__double FROM quakes WHERE mag__double IS NOT NULL ORDER BY _source") == [
        (magnitude,) for magnitude in MAGNITUDES[2:]
    ]
    lake = ["--lake", f"s3://{stack.outputs()['LakeBucketName']}"]
    printed = stack.command(COMMAND, "schema", "quakes", "--view", *lake)
    assert printed.strip() == presto["originalSql"]
    assert "quakes_unified" not in stack.command(COMMAND, "tables", *lake)


def test_whoever_subscribes_to_the_topic_is_told(stack, tmp_path):
    url = stack.sqs.create_queue(QueueName="subscriber")["QueueUrl"]
    attributes = stack.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    queue, topic = attributes["Attributes"]["QueueArn"], "arn:aws:sns:us-east-1:000000000000:schema-changes"
    statement = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"},
                 "Action": "sqs:SendMessage", "Resource": queue}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    stack.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    stack.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue,
                        Attributes={"RawMessageDelivery": "true"})

    load(stack, "told/1.json", {"level": 0.5})
    load(stack, "told/2.json", {"level": "low"})
    load(stack, "told/3.json", {"level": "high"})
    by_hand = tmp_path / "4.json"
    by_hand.write_text('{"by_hand":true}')
    lake = ["--lake", f"s3://{stack.outputs()['LakeBucketName']}"]
    stack.command(COMMAND, "ingest", "--table", "told", by_hand, *lake)
    # Events and messages may come more than once, and in any order.
    told = {}

    def receive():
        answer = stack.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        events = [json.loads(message["Body"]) for message in answer.get("Messages", [])]
        told.update(((e["detail"]["table"], e["detail"]["version"]), e) for e in events)
        return {("told", version) for version in (1, 2, 3)} <= told.keys()

    wait_until(receive, 30, lambda: f"the subscriber was told {told}")
    first, second, third = (told["told", version]["detail"] for version in (1, 2, 3))
    sample = json.loads((ROOT / "events" / "subscribers" / "table-schema-changed.json").read_text())
    for event in told.values():
        assert (event["source"], event["detail-type"]) == ("Alluvium", "TableSchemaChanged")
        assert event["detail"].keys() == sample["detail"].keys()
        assert event["detail"]["added_columns"][0].keys() == sample["detail"]["added_columns"][0].keys()
    assert (first["table"], first["version"], first["conflict"]) == ("told", 1, False)
    assert first["source"].endswith("/told/1.json")
    assert (second["table"], second["version"], second["conflict"]) == ("told", 2, True)
    [column] = second["added_columns"]
    assert (column["name"], column["path"], column["kind"]) == ("level__string", "$.level", "string")
    assert (column["sibling_of"], column["conflict"]) == ("level", True)

    assert (third["source"], third["version"]) == (by_hand.as_uri(), 3)
    history = json.loads(stack.command(COMMAND, "history", "told", *lake, "--json"))
    assert [(c["name"], c["source"], c["conflict"]) for c in history["columns"]] == [
        ("level", first["source"], False),
        ("level__string", second["source"], True),
        ("by_hand", by_hand.as_uri(), False),
    ]
    listed = stack.s3.list_objects_v2(
        Bucket=stack.outputs()["LakeBucketName"], Prefix="_alluvium/history/told/"
    )
    assert listed["KeyCount"] == 3


def test_the_command_can_be_told_to_tell_nobody(stack, tmp_path):
    file = tmp_path / "1.json"
    file.write_text('{"a":1}')
    words = ["ingest", "--table", "told_by_hand", file, "--lake", f"s3://{stack.outputs()['LakeBucketName']}"]
    error = stack.command(COMMAND, *words, "--event-bus", "no bus", expect=(2,))
    assert "`no bus` is not the name of an event bus" in error
    stack.command(COMMAND, *words, "--event-bus", "")
    assert stack.columns("told_by_hand")["a"] == "bigint"


def test_a_table_in_the_place_of_a_view_is_left_alone(stack, sql):
    load(stack, "guarded/1.json", {"a": 1})
    columns = [{"Name": "mine", "Type": "string"}]
    foreign = {"Name": "guarded_unified", "TableType": "EXTERNAL_TABLE", "PartitionKeys": [],
               "StorageDescriptor": {"Columns": columns, "Location": "s3://somewhere/else/"}}
    stack.glue.create_table(DatabaseName=DATABASE, TableInput=foreign)
    load(stack, "guarded/2.json", {"a": "x"})
    assert sql("SELECT a, a__string FROM guarded ORDER BY _source") == [(1, None), (None, "x")]
    assert stack.columns("guarded_unified") == {"mine": "string"}
    warned = [line["message"] for line in stack.log_lines() if line["level"] == "WARN"]
    # A file that is delivered again warns again.
    assert {message for message in warned if "guarded" in message} == {
        "guarded_unified is not a view of ours and was left as it is"
    }
    stack.glue.delete_table(DatabaseName=DATABASE, Name="guarded_unified")
