"""Events in every form on every way into the stream, beside files: each is in its table once."""

import gzip
import json
from collections import Counter

import pytest

from events import Events, check
from stack import ROOT, STREAM, wait_until

SAMPLES = sorted((ROOT / "events" / "ingest-stream").glob("*.json"))


def test_events_are_loaded_once_on_whatever_way_they_come(stack, sql):
    events = Events("brook", "creek")
    files = {f"{topic}/1.json": events.file(topic, 5) for topic in events.topics}
    files["brook/2.json.gz"] = gzip.compress(events.file("brook", 5).encode())
    before = stack.worked_off()
    for topic in events.topics:
        for path in (f"/{topic}", f"/{topic}/one-device"):
            status, _, answer = stack.post(path, events.by_collect(topic, 6))
            assert status == 202, answer
    stack.put_records(events.records(48))
    for key, content in files.items():
        stack.drop(key, content)
    stack.wait_for_records()
    stack.wait_for_sources(before + len(files))
    check(stack, sql, events)
    # None of the poisoned records held up what came behind it.
    assert len(events.bad) == 8
    # Each row tells when its own record arrived, and where in the archive it stands.
    [(wrong,)] = sql("SELECT count(*) FROM creek WHERE _source LIKE '%/_alluvium/raw/%' "
                     "AND (_arrived_at < now() - INTERVAL 1 HOUR OR _arrived_at > now())")
    assert wrong == 0
    [(streamed,)] = sql("SELECT count(*) FROM creek WHERE _source LIKE '%/_alluvium/raw/%'")
    assert streamed > 0
    assert stack.given_up() == []


def test_what_is_delivered_again_with_other_cuts_changes_nothing(stack, sql):
    events = Events("again_brook", "again_creek")
    stack.put_records(events.records(24))
    stack.wait_for_records()
    check(stack, sql, events)
    before = Counter(stack.files("again_brook") + stack.files("again_creek"))
    repeated, failed = (stack.total(metric, STREAM) for metric in ("repeated", "failed"))
    delivered = 0
    for shard, records in stack.shards().items():
        for cut in (records, records[: len(records) // 2], records[1::3], records[-3:]):
            if cut:
                answer = stack.answer(stack.batch(shard, cut), STREAM)
                assert answer == (None, {"batchItemFailures": []})
                delivered += len(cut)
    wait_until(lambda: stack.total("repeated", STREAM) == repeated + delivered, 20,
               lambda: f"{stack.total('repeated', STREAM) - repeated} of {delivered} are repeated")
    assert stack.total("failed", STREAM) == failed
    check(stack, sql, events)
    assert Counter(stack.files("again_brook") + stack.files("again_creek")) == before


def test_an_archive_that_is_not_kept_is_empty_and_its_records_are_loaded_once(stack, sql):
    events = Events("dropped_brook", "dropped_creek")
    lake, before = stack.outputs()["LakeBucketName"], set(stack.keys("_alluvium/raw/"))
    with stack.configured({"ALLUVIUM_RAW": "drop"}, STREAM):
        stack.put_records(events.records(24))
        stack.wait_for_records()
        archived = set(stack.keys("_alluvium/raw/")) - before
        sizes = {stack.s3.head_object(Bucket=lake, Key=key)["ContentLength"] for key in archived}
        assert sizes == {0}
        check(stack, sql, events)
        for shard, records in stack.shards().items():
            if records:
                answer = stack.answer(stack.batch(shard, records), STREAM)
                assert answer == (None, {"batchItemFailures": []})
    check(stack, sql, events)


@pytest.fixture(scope="module")
def samples(stack):
    """The answers to every sample, delivered twice. Their shards are none of the stream's."""
    load = lambda path: stack.answer(json.loads(path.read_text()), STREAM)
    return [load(path) for path in SAMPLES * 2]


def test_the_samples_are_loaded_once(samples, sql):
    assert samples == [(None, {"batchItemFailures": []})] * len(SAMPLES) * 2
    assert sql("SELECT id FROM gauge ORDER BY id") == [(n,) for n in range(1, 18) if n != 15]
    assert sql("SELECT valve, open FROM valve ORDER BY valve") == [(7, True), (8, False)]
    assert sql("SELECT note FROM alluvium_events WHERE note IS NOT NULL") == [("the table of the stream",)]
    bad = sql("SELECT bytes FROM quarantine WHERE table_name = 'gauge' ORDER BY record")
    assert bad == [('{"id":15,"at":',), ("level low",)]


def test_what_is_no_delivery_fails_as_permanent(stack):
    error, answer = stack.answer({"Records": [{}]}, STREAM)
    assert error and answer["errorType"] == "Alluvium.Permanent"
