"""Functions that are killed, messages that come again and objects that change while they are read:
every record is there once. Readers follow the catalog; the ledger must agree with them."""

import json
import os
import random
import re
import signal
import threading
import time
from collections import Counter
from urllib.parse import quote_plus, unquote, urlsplit

import pytest

from proxy import gate
from stack import DATABASE, wait_until

KILLS = 20
FILES_AT_ONCE = 20
# Several files of each source, so that a kill may be between them.
SMALL_PARTS = {"ALLUVIUM_LIMITS": "part_records=2"}
DELIVERIES = 12
# The function reads so many bytes at a time (shared/alluvium-aws/src/source.rs).
RANGE_BYTES = 4 << 20
# Of a source that takes two reads.
RECORDS = 6_000


def entries_of(stack, table):
    """The entries of the ledger of sources in a folder of the landing bucket."""
    folder = f"s3://{stack.outputs()['LandingBucketName']}/{table}/"
    return [entry for entry in stack.ledger().values() if entry["source"].startswith(folder)]


def check(stack, sql, table, good, bad=()):
    """Records are by their key and number: each of them is once, in files that the ledger names."""
    landing = f"s3://{stack.outputs()['LandingBucketName']}/"
    place = lambda source, record: (source.removeprefix(landing), record)
    rows = Counter(place(*row) for row in sql(f"SELECT _source, _record FROM {table}"))
    assert rows == Counter(dict.fromkeys(good, 1))
    # It is made for the first bad record of any table.
    select = f"SELECT source, record FROM quarantine WHERE table_name = '{table}'"
    quarantined = sql(select) if "quarantine" in stack.tables() else []
    assert Counter(place(*row) for row in quarantined) == Counter(dict.fromkeys(bad, 1))
    entries = [entry for entry in entries_of(stack, table) if entry["state"] != "superseded"]
    assert {entry["state"] for entry in entries} == {"committed"}
    assert len(entries) == len({key for key, _ in [*good, *bad]})
    assert sum(entry["counts"]["records"] for entry in entries) == len(good) + len(bad)
    named = [file["name"] for entry in entries for file in entry["files"] if file["table"] == table]
    assert Counter(uri.rsplit("/", 1)[1] for uri in stack.files(table)) == Counter(named)


def test_functions_that_are_killed_load_every_record_once(stack, sql):
    seed = int(os.environ.get("ALLUVIUM_SEED") or random.randrange(1 << 32))
    print(f"ALLUVIUM_SEED={seed}")
    chance = random.Random(seed)
    kills, struck, dropped = 0, 0, 0
    good, bad = set(), set()

    def drop_some():
        nonlocal dropped
        for _ in range(FILES_AT_ONCE):
            key, lines = f"killed/{dropped}.json", []
            for record in range(chance.randint(4, 12)):
                is_bad = chance.random() < 0.2
                (bad if is_bad else good).add((key, record))
                own = f"own_{dropped % 7}"
                lines.append("bad\n" if is_bad else json.dumps({"n": record, own: dropped}) + "\n")
            stack.drop(key, "".join(lines))
            dropped += 1

    # A message is lost to a kill until it comes back, and each kill counts as a try.
    with stack.redelivering(seconds=4, receives=1_000), stack.configured(SMALL_PARTS):
        while kills < KILLS:
            if not stack.waiting():
                drop_some()
            time.sleep(chance.random() * 0.3)
            victims = stack.processes()
            for victim in victims if chance.random() < 0.3 else victims[:1]:
                os.kill(victim, signal.SIGKILL)
                kills += 1
            struck += any(entry["state"] == "writing" for entry in entries_of(stack, "killed"))
        wait_until(lambda: stack.waiting() == 0, 90, lambda: f"{stack.waiting()} messages wait")
    print(f"{kills} kills, {struck} times while files were being loaded, {dropped} files")
    assert struck > 0
    assert stack.waiting("LandingDeadLetterQueueUrl") == 0
    check(stack, sql, "killed", good, bad)


def as_s3(bucket, key, etag):
    """What S3 says of an object, its key form-encoded as S3 does it, and as others do."""
    for encoded in (quote_plus(key, safe="/"), quote_plus(key, safe="")):
        yield {"Records": [{
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": bucket}, "object": {"key": encoded, "eTag": etag}},
        }]}


def messages(bucket, key, etag):
    """What may announce one object: S3, SNS and EventBridge, with and without its ETag."""
    named = [*as_s3(bucket, key, etag)]
    bare = json.loads(json.dumps(named[0]))
    del bare["Records"][0]["s3"]["object"]["eTag"]
    sns = {"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:us-east-1:0:t",
           "Message": json.dumps(named[0]), "Timestamp": "2026-11-24T00:00:00.000Z"}
    bus = {"version": "0", "source": "aws.s3", "detail-type": "Object Created",
           "detail": {"bucket": {"name": bucket}, "object": {"key": key, "etag": etag}}}
    return [json.dumps(message) for message in [*named, bare, sns, bus]]


def test_what_is_announced_again_and_again_is_loaded_once(stack, sql):
    """Side by side with itself and after it was loaded, however messages name it."""
    bucket, key = stack.outputs()["LandingBucketName"], "again/a + b ü.json"
    stack.drop(key, "".join(f'{{"n":{n}}}\n' for n in range(5)) + "bad\n")
    etag = stack.s3.head_object(Bucket=bucket, Key=key)["ETag"].strip('"')
    said = messages(bucket, key, etag)
    url = stack.outputs()["LandingQueueUrl"]
    before = stack.total("duplicates")
    for delivery in range(DELIVERIES):
        # One message each, so that several functions have the object at once.
        stack.sqs.send_message(QueueUrl=url, MessageBody=said[delivery % len(said)])
    wait_until(lambda: stack.waiting() == 0, 60, lambda: f"{stack.waiting()} messages wait")
    for body in said:
        stack.sqs.send_message(QueueUrl=url, MessageBody=body)
    wait_until(lambda: stack.waiting() == 0, 60, lambda: f"{stack.waiting()} messages wait")
    wait_until(lambda: stack.total("duplicates") >= before + len(said), 20,
               lambda: f"{stack.total('duplicates') - before} of {len(said)} are duplicates")
    assert stack.waiting("LandingDeadLetterQueueUrl") == 0
    check(stack, sql, "again", {(key, n) for n in range(5)}, {(key, 5)})


# Less than usual, so that the settle time passes within a test.
HASTE = {"ALLUVIUM_SETTLE_SECONDS": "12", "ALLUVIUM_PART_BYTES": str(1 << 20)}
TIMEOUT_SECONDS = 9


class Hold:
    """Holds back reads of a key that begin behind its first range, until they are let go."""

    def __init__(self, key):
        self.key = key
        self.reached, self.released = threading.Event(), threading.Event()

    def __call__(self, method, path, headers):
        is_of_key = unquote(urlsplit(path).path).endswith(self.key)
        begin = re.match(r"bytes=(\d+)-", headers.get("Range", ""))
        if method == "GET" and is_of_key and begin and int(begin[1]) >= RANGE_BYTES:
            self.reached.set()
            self.released.wait(60)


def beyond_one_range(record):
    """Records that take a second read."""
    text = "".join(json.dumps({"old": n} | record) + "\n" for n in range(RECORDS))
    assert len(text) > RANGE_BYTES * 5 // 4
    return text


@pytest.mark.parametrize("ending", ["overwritten", "deleted"])
def test_an_object_that_changes_while_it_is_read_is_superseded(stack, sql, ending):
    table, key = ending, f"{ending}/1.json"
    bucket, old = stack.outputs()["LandingBucketName"], beyond_one_range({"pad": "x" * 1000})
    hold = Hold(key)
    superseded = stack.total("superseded")
    with gate(stack.environment, hold) as endpoint, stack.redelivering(seconds=5, receives=100):
        variables = HASTE | {"AWS_ENDPOINT_URL_S3": endpoint}
        with stack.configured(variables, Timeout=TIMEOUT_SECONDS):
            stack.drop(key, old)
            assert hold.reached.wait(30)
            # Part of it is there already, for all to see.
            wait_until(lambda: written(stack, table), 30, lambda: "no part was written")
            if ending == "overwritten":
                stack.drop(key, '{"new":1}\n{"new":2}\n')
            else:
                stack.s3.delete_object(Bucket=bucket, Key=key)
            hold.released.set()
            wait_until(lambda: stack.waiting() == 0, 90, lambda: f"{stack.waiting()} messages wait")
    assert stack.waiting("LandingDeadLetterQueueUrl") == 0
    wait_until(lambda: stack.total("superseded") > superseded, 20, lambda: "nothing is superseded")
    assert stack.total("superseded") == superseded + 1
    states = sorted(entry["state"] for entry in entries_of(stack, table))
    if ending == "overwritten":
        assert states == ["committed", "superseded"]
        check(stack, sql, table, {(key, 0), (key, 1)})
        assert sql(f"SELECT old, new FROM {table} ORDER BY new") == [(None, 1), (None, 2)]
    else:
        assert states == ["superseded"] and written(stack, table) == 0
        assert sql(f"SELECT count(*) FROM {table}") == [(0,)]


def test_an_object_that_is_restored_after_it_was_overwritten_is_loaded_once(stack, sql):
    """It comes back before everybody may rely on the attempts at it having ended."""
    key, old, new = "restored/1.json", beyond_one_range({"pad": "x" * 1000}), '{"new":1}\n'
    hold = Hold(key)
    superseded = stack.total("superseded")
    with gate(stack.environment, hold) as endpoint, stack.redelivering(seconds=5, receives=100):
        variables = HASTE | {"AWS_ENDPOINT_URL_S3": endpoint}
        with stack.configured(variables, Timeout=TIMEOUT_SECONDS):
            stack.drop(key, old)
            assert hold.reached.wait(30)
            stack.drop(key, new)
            hold.released.set()
            states = lambda: [(e["state"], e.get("plan")) for e in entries_of(stack, "restored")]
            wait_until(lambda: ("writing", None) in states() and len(states()) == 2, 30, states)
            stack.drop(key, old)
            wait_until(lambda: stack.waiting() == 0, 90, lambda: f"{stack.waiting()} messages wait")
    assert stack.waiting("LandingDeadLetterQueueUrl") == 0
    rows = Counter(n for [n] in sql("SELECT old FROM restored WHERE new IS NULL"))
    assert rows == Counter(range(RECORDS))
    # Whether what was there in between was read in time, it is counted.
    [between] = sql("SELECT count(*) FROM restored WHERE new = 1")[0]
    ended = ["committed"] * (1 + between) + ["superseded"] * (1 - between)
    assert sorted(entry["state"] for entry in entries_of(stack, "restored")) == ended
    wait_until(lambda: stack.total("superseded") == superseded + 1 - between, 20, states)


def test_what_was_begun_is_finished_as_it_was_begun(stack, sql, deploy):
    """Whatever is deployed between the function that was killed and the next one."""
    key, contract = "pinned/1.json", 'table = "pinned"\n'
    deploy("pinned.toml", contract + '[columns]\n"$.secret" = { drop = true }\n')
    hold = Hold(key)
    with gate(stack.environment, hold) as endpoint, stack.redelivering(seconds=5, receives=100):
        with stack.configured(HASTE | {"AWS_ENDPOINT_URL_S3": endpoint}):
            stack.drop(key, beyond_one_range({"pad": "x" * 1000, "secret": 1}))
            assert hold.reached.wait(30)
            wait_until(lambda: written(stack, "pinned"), 30, lambda: "no part was written")
            [begun] = entries_of(stack, "pinned")
            deploy("pinned.toml", contract)
            for process in stack.processes():
                os.kill(process, signal.SIGKILL)
        hold.released.set()
        wait_until(lambda: stack.waiting() == 0, 60, lambda: f"{stack.waiting()} messages wait")
    check(stack, sql, "pinned", {(key, n) for n in range(RECORDS)})
    [ended] = entries_of(stack, "pinned")
    assert begun["state"] == "writing" and begun["plan"]["id"] == ended["plan"]
    assert "part_text_bytes" in begun["plan"]["limits"] and len(ended["files"]) > 4
    assert "secret" not in stack.columns("pinned")
    # What is begun now follows the new contract.
    stack.drop_and_wait({"pinned/2.json": '{"secret":1}'})
    assert "secret" in stack.columns("pinned")


def written(stack, table):
    """How many files lie in the folder of a table."""
    bucket = stack.outputs()["LakeBucketName"]
    return stack.s3.list_objects_v2(Bucket=bucket, Prefix=f"{DATABASE}/{table}/")["KeyCount"]
