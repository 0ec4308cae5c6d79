"""Objects that no notification told of, and letters that nobody could work off, by the command."""

import json
import signal
import subprocess
from datetime import timedelta

import pytest

from stack import COMMAND, ROOT, wait_until

DEAD = "LandingDeadLetterQueueUrl"
BUCKET = "earlier"


@pytest.fixture(scope="module")
def earlier(stack):
    """A bucket that the function may read, and that notifies nobody."""
    stack.s3.create_bucket(Bucket=BUCKET)
    stack.let_read(BUCKET)
    return BUCKET


def put(stack, key, content, **settings):
    stack.s3.put_object(Bucket=BUCKET, Key=key, Body=content.encode(), **settings)


def backfill(stack, prefix, *words, expect=0, place=f"s3://{BUCKET}/"):
    queue = ["--queue", stack.outputs()["LandingQueueUrl"]]
    told = stack.command(COMMAND, "backfill", place + prefix, *queue, *words, "--json", expect=(expect,))
    return json.loads(told.splitlines()[0])


def worked_off(stack):
    return stack.total("sources") + stack.total("superseded")


def redrive(stack, *words, expect=0):
    """What `make redrive` does with the outputs of the stack."""
    outputs = stack.outputs()
    queues = ["--from", outputs[DEAD], "--to", outputs["LandingQueueUrl"]]
    told = stack.command(COMMAND, "redrive", *queues, *words, "--json", expect=(expect,))
    return json.loads(told.splitlines()[0])


def test_what_was_there_before_is_loaded(stack, sql, earlier):
    keys = ["a.json", "Größe + 100%/b c.json", "日本/🎥&'\"=;.json", "2026/11/d.json"]
    for number, key in enumerate(keys):
        put(stack, f"before/{key}", json.dumps({"id": number}))
    for number in range(30):
        put(stack, f"before/many/{number:02}.json", json.dumps({"id": 100 + number}))
    put(stack, "before/", "")
    put(stack, "before/cold.json", '{"id":7}', StorageClass="GLACIER")
    put(stack, "other/1.json", '{"id":8}')

    stack.wait_for_sources(0)
    done = worked_off(stack)
    look = backfill(stack, "before/", "--dry-run")
    assert (look["objects"], look["dry_run"], look["error"]) == (34, True, None)
    assert (look["first_key"], look["last_key"]) == ("before/2026/11/d.json", "before/日本/🎥&'\"=;.json")
    assert look["folders"]["before/many/"] == {"objects": 30, "bytes": 30 * len('{"id": 100}')}
    assert (look["archived"], look["archived_keys"]) == (1, ["before/cold.json"])
    assert look["folder_markers"] == 1
    assert stack.waiting() == 0 and worked_off(stack) == done, "a look sends nothing"

    for times in (1, 2):
        told = backfill(stack, "before/")
        assert told == look | {"dry_run": False}
        stack.wait_for_sources(done + times * 34)
        expected = list(range(4)) + list(range(100, 130))
        assert [row[0] for row in sql("SELECT id FROM before ORDER BY id")] == expected
    assert stack.waiting(DEAD) == 0


def test_times_and_keys_choose(stack, sql, earlier):
    for number in range(25):
        put(stack, f"chosen/{number:02}.json", json.dumps({"id": number}))
    head = stack.s3.head_object(Bucket=BUCKET, Key="chosen/00.json")
    first = head["LastModified"]
    instant = lambda seconds: (first + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    for words, objects in [
        (["--since", instant(0)], 25),
        (["--since", instant(3600)], 0),
        (["--until", instant(0)], 0),
        (["--until", instant(3600)], 25),
        (["--since", str(first.date()), "--until", str(first.date() + timedelta(days=1))], 25),
        (["--until", str(first.date())], 0),
        (["--start-after", "chosen/20.json"], 4),
    ]:
        look = backfill(stack, "chosen/", *words, "--dry-run")
        assert (look["objects"], look["objects"] + look["at_other_times"]) == (
            objects, 4 if "--start-after" in words else 25), words

    done = worked_off(stack)
    told = backfill(stack, "chosen/", "--since", str(first.date()), "--start-after", "chosen/20.json")
    assert (told["objects"], told["done_up_to"]) == (4, "chosen/24.json")
    stack.wait_for_sources(done + 4)
    assert sql("SELECT id FROM chosen ORDER BY id") == [(21,), (22,), (23,), (24,)]


def test_more_than_a_page_is_sent_and_an_interrupted_run_goes_on(stack, earlier):
    keys = {f"pages/{number:04}.txt" for number in range(1_005)}
    for key in keys:
        put(stack, key, "")
    queue = stack.sqs.create_queue(QueueName="pages")["QueueUrl"]
    command = [COMMAND, "backfill", f"s3://{BUCKET}/pages/", "--queue", queue]
    running = subprocess.Popen([*command, "--rate", "50", "--json"], cwd=ROOT, env=stack.environment,
                               text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: messages(stack, queue) >= 30, 30, lambda: "nothing was announced")
    running.send_signal(signal.SIGINT)
    told, error = running.communicate(timeout=10)
    told = json.loads(told)
    assert running.returncode == 1 and told["error"] == "it was interrupted"
    assert f"--start-after='{told['done_up_to']}'" in error
    assert 30 <= told["objects"] < 500, "it kept its pace"

    rest = stack.command(*command, "--rate", "2000", "--start-after", told["done_up_to"])
    sent = messages(stack, queue)
    # The batch that was on its way when it was interrupted may be sent twice.
    assert 1_005 <= sent <= 1_005 + 10
    assert f"from pages/{told['objects']:04}.txt to pages/1004.txt\n" in rest
    announced = set()
    while received := stack.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in received:
            [record] = json.loads(message["Body"])["Records"]
            assert record["s3"]["bucket"]["name"] == BUCKET
            announced.add(record["s3"]["object"]["key"])
    assert announced == keys
    stack.sqs.delete_queue(QueueUrl=queue)


def messages(stack, queue):
    name = "ApproximateNumberOfMessages"
    attributes = stack.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=[name])["Attributes"]
    return int(attributes[name])


def test_what_is_called_wrongly_or_fails_is_named(stack, earlier):
    here = stack.command(COMMAND, "backfill", "events/landing", "--dry-run", expect=(2,))
    assert "alluvium ingest FOLDER --lake DIR" in here
    assert "--queue" in stack.command(COMMAND, "backfill", "s3://b/p", expect=(2,))
    arn = stack.command(COMMAND, "backfill", "s3://b/p", "--queue", "arn:aws:sqs:x", expect=(2,))
    assert "not the URL of a queue" in arn
    times = ["--since", "2026-11-02", "--until", "2026-11-02", "--dry-run"]
    assert "--until" in stack.command(COMMAND, "backfill", "s3://b/p", *times, expect=(2,))
    nowhere = backfill(stack, "", "--dry-run", expect=1, place="s3://no-such-bucket/")
    assert "no-such-bucket" in nowhere["error"] and "NoSuchBucket" in nowhere["error"]
    put(stack, "unsent/1.json", "{}")
    queue = stack.outputs()["LandingQueueUrl"] + "-gone"
    told = stack.command(COMMAND, "backfill", f"s3://{BUCKET}/unsent/", "--queue", queue, expect=(1,))
    assert "cannot announce objects to http" in told and "-gone" in told
    assert "nothing is done yet" in told


def test_a_dead_letter_is_sent_back_and_loaded(stack, sql):
    """The function may not read the bucket at first: what is announced dies, and is redriven."""
    assert stack.waiting(DEAD) == 0
    stack.s3.create_bucket(Bucket="locked")
    keys = [f"locked/{number}.json" for number in range(12)]
    for number, key in enumerate(keys):
        stack.s3.put_object(Bucket="locked", Key=key, Body=json.dumps({"id": number}))
    backfill(stack, "locked/", place="s3://locked/")
    wait_until(lambda: stack.waiting(DEAD) == 12 and stack.waiting() == 0, 120,
               lambda: f"{stack.waiting(DEAD)} of 12 messages are in the dead-letter queue")
    assert redrive(stack, "--dry-run") == {
        "found": 12, "taken_by_others": 0, "moved": 0, "dry_run": True, "error": None}

    # Whoever looks at a letter hides it from others; that is told and harmless.
    letter = stack.sqs.receive_message(
        QueueUrl=stack.outputs()[DEAD], VisibilityTimeout=3)["Messages"][0]
    assert json.loads(letter["Body"])["Records"][0]["s3"]["bucket"]["name"] == "locked"
    stack.let_read("locked")
    done = worked_off(stack)
    told = redrive(stack)
    assert (told["found"], told["taken_by_others"], told["moved"]) == (11, 1, 11)
    wait_until(lambda: redrive(stack)["moved"] == 1, 30, lambda: "the letter did not come back")
    stack.wait_for_sources(done + 12)
    assert sql("SELECT count(*), sum(id) FROM locked") == [(12, 66)]
    assert stack.waiting(DEAD) == 0
    assert redrive(stack)["found"] == 0


def test_a_redrive_that_fails_is_loud(stack):
    outputs = stack.outputs()
    same = ["--from", outputs[DEAD], "--to", outputs[DEAD]]
    assert "the same queue" in stack.command(COMMAND, "redrive", *same, expect=(2,))
    gone = ["--from", outputs[DEAD] + "-gone", "--to", outputs["LandingQueueUrl"]]
    assert "cannot count the letters of" in stack.command(COMMAND, "redrive", *gone, expect=(1,))
    poison = "poison that must not be lost"
    stack.sqs.send_message(QueueUrl=outputs[DEAD], MessageBody=poison)
    nowhere = ["--from", outputs[DEAD], "--to", outputs["LandingQueueUrl"] + "-gone"]
    told = stack.command(COMMAND, "redrive", *nowhere, expect=(1,))
    assert "0 of 1 dead letter sent back" in told and "cannot send letters to" in told
    assert stack.waiting(DEAD) == 1
    stack.sqs.purge_queue(QueueUrl=outputs[DEAD])
