"""Many small files through the queue, and what each of them costs in calls to S3 and Glue.

`make test-many-files FILES=10000` runs just this, with more files and its numbers in the output."""

import datetime
import json
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from stack import wait_until

FILES = int(os.environ.get("FILES", 300))
# They meet sandboxes that know nothing yet.
FIRST_FILES = 100
RECORDS = 2
DROPPED_AT_ONCE = 4
# Of work for a file, on a slow machine that does other things, too.
SECONDS_A_FILE = 0.5
CONTRACT = """
table = "{table}"

[time]
event_time = "$.at"

[partition]
by = ["day(event_time)"]
"""


def day_of(number):
    return (datetime.date(2020, 1, 1) + datetime.timedelta(days=number)).isoformat()


def load(stack, table, names, day):
    """Drops a file for each name, waits until all are worked off, and returns the seconds."""
    content = lambda name: "".join(
        json.dumps({"at": f"{day(name)}T10:00:00Z", "file": name, "n": n}) + "\n"
        for n in range(RECORDS)
    )
    began = time.monotonic()
    with ThreadPoolExecutor(DROPPED_AT_ONCE) as pool:
        list(pool.map(lambda name: stack.drop(f"{table}/{name}.json", content(name)), names))
    wait_until(lambda: stack.waiting() == 0, 60 + SECONDS_A_FILE * len(names),
               lambda: f"{stack.waiting()} messages wait", every=1)
    return time.monotonic() - began


def check(stack, sql, table, files):
    """None is lost and none is there twice."""
    rows = Counter(sql(f"SELECT _source, _record, file, n FROM {table}"))
    folder = f"s3://{stack.outputs()['LandingBucketName']}/{table}"
    assert rows == Counter(
        (f"{folder}/{name}.json", n, name, n) for name in range(files) for n in range(RECORDS)
    )
    entries = [e for e in stack.ledger().values() if e["source"].startswith(f"{folder}/")]
    assert Counter(entry["state"] for entry in entries) == {"committed": files}
    assert stack.waiting("LandingDeadLetterQueueUrl") == 0


@pytest.mark.parametrize("partitions", ["known", "new"])
def test_of_many_small_files_none_is_lost_or_doubled(stack, sql, deploy, capsys, partitions):
    table = f"many_{partitions}"
    deploy(f"{table}.toml", CONTRACT.format(table=table))
    # Each file has a partition of its own, then; a thousand of them say enough.
    files = FILES if partitions == "known" else min(FILES, 1_000)
    day = (lambda number: day_of(0)) if partitions == "known" else day_of
    # As they are by default, unlike in other tests.
    refreshed = {"ALLUVIUM_CONTRACT_REFRESH_SECONDS": "60"}
    with stack.redelivering(seconds=180, receives=10), stack.configured(refreshed):
        load(stack, table, range(FIRST_FILES), day)
        before = stack.calls()
        seconds = load(stack, table, range(FIRST_FILES, FIRST_FILES + files), day)
        calls = stack.calls() - before
    check(stack, sql, table, FIRST_FILES + files)
    with capsys.disabled():
        print(f"\n{files} files, {partitions} partitions: {seconds:.0f} s; calls a file:")
        for name, count in sorted(calls.items()):
            print(f"    {name:45} {count / files:.3f}")
    # Some sandbox may begin, or look at the contracts again.
    assert sum(calls.values()) < files * (7.5 if partitions == "known" else 10.5)
