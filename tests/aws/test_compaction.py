"""The state machines of compaction and vacuum, with the functions and roles that are deployed."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

from stack import COMMAND, DATABASE, NAME, wait_until

FILES = 12


def planned(stack, table):
    """How many files the function would have merged."""
    answer = stack.functions.invoke(
        FunctionName=f"{NAME}-plan-compaction", Payload=json.dumps({"tables": [table]})
    )
    return json.loads(answer["Payload"].read())["merged_files"]


def everything(stack, bucket, prefix=""):
    """URIs of all objects."""
    pages = stack.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [f"s3://{bucket}/{o['Key']}" for page in pages for o in page.get("Contents", [])]


def let_grace_pass(stack, bucket):
    """Dates back what is noted as garbage."""
    folder = f"_alluvium/garbage/{DATABASE}/"
    for uri in everything(stack, bucket, folder):
        key = uri.removeprefix(f"s3://{bucket}/")
        past = f"{folder}2026-01-01T00:00:00Z/{key.rsplit('/', 1)[1]}"
        stack.s3.copy_object(Bucket=bucket, Key=past, CopySource={"Bucket": bucket, "Key": key})
        stack.s3.delete_object(Bucket=bucket, Key=key)


@contextmanager
def watched(stack, table, committed, folder):
    """Until the block ends files are dropped into a table, and it is read through the catalog: every
    row that was loaded before a look at the catalog is seen by it once, and none twice."""
    committed, looks, has_ended = list(committed), [], Event()

    def write():
        while not has_ended.is_set():
            n = 1_000 + len(committed)
            stack.drop_and_wait({f"{table}/late-{n}.json": json.dumps({"n": n})})
            committed.append(n)

    def read():
        while not has_ended.is_set():
            before = list(committed)
            found = stack.sql(f"SELECT n FROM {table}", folder / str(len(looks))).fetchall()
            seen = Counter(n for (n,) in found)
            looks.append(len(seen))
            assert [n for n in before if seen[n] != 1] == [] and max(seen.values()) == 1

    with ThreadPoolExecutor(2) as pool:
        tasks = [pool.submit(write), pool.submit(read)]
        try:
            yield looks
        finally:
            has_ended.set()
            for task in tasks:
                task.result()


def test_a_state_machine_compacts_and_readers_see_the_same(stack, sql, tmp_path):
    tables = ["packed", "by_command", "watched"]
    small = {f"{t}/{n}.json": json.dumps({"n": n}) for n in range(FILES) for t in tables}
    stack.drop_and_wait(small)
    files = stack.files("packed")
    assert len(files) == FILES
    status, _ = stack.execute("CompactTablesArn", {"tables": ["nowhere"]})
    assert status == "FAILED"

    # What was just loaded may be written again until the settle time has passed.
    assert planned(stack, "packed") == 0
    all_settled = lambda: planned(stack, "packed") == FILES
    wait_until(all_settled, 90, lambda: "not all files may be merged")
    stack.drop_and_wait({"packed/fresh.json": json.dumps({"n": FILES})})
    rows = [(n,) for n in range(FILES + 1)]
    assert sql("SELECT n FROM packed ORDER BY n") == rows
    status, summary = stack.execute("CompactTablesArn", {"tables": ["packed"]})
    assert status == "SUCCEEDED", summary
    assert (summary["committed"], summary["stopped"], summary["merged_files"]) == (1, 0, FILES)
    after = stack.files("packed")
    assert len(after) == 2 and all("/generations/" in uri for uri in after)
    assert sql("SELECT n FROM packed ORDER BY n") == rows

    # The lease of the last swap keeps others out, and what was merged stays for its grace.
    status, again = stack.execute("CompactTablesArn", {"tables": ["packed"]})
    assert (status, again["partitions"]) == ("SUCCEEDED", 0)
    status, vacuumed = stack.execute("VacuumFilesArn", {})
    assert status == "SUCCEEDED" and vacuumed["waiting"] >= 1 and vacuumed["kept"] == []
    bucket = stack.outputs()["LakeBucketName"]
    assert set(files) <= set(everything(stack, bucket))
    let_grace_pass(stack, bucket)
    status, vacuumed = stack.execute("VacuumFilesArn", {})
    assert status == "SUCCEEDED" and vacuumed["files"] >= FILES + 1 and vacuumed["waiting"] == 0
    assert not set(files) & set(everything(stack, bucket))
    assert sql("SELECT n FROM packed ORDER BY n") == rows

    # Nobody who reads or writes meanwhile notices.
    with watched(stack, "watched", range(FILES), tmp_path) as looks:
        wait_until(lambda: len(looks) > 1, 60, lambda: "nobody reads")
        before = len(looks)
        status, summary = stack.execute("CompactTablesArn", {"tables": ["watched"]})
        after = len(looks)
        wait_until(lambda: len(looks) > after + 1, 60, lambda: "nobody reads any more")
    assert (status, summary["committed"]) == ("SUCCEEDED", 1)
    assert after > before and looks[-1] > FILES
    assert any("/generations/" in uri for uri in stack.files("watched"))

    # The command does the same.
    lake = ["--lake", f"s3://{bucket}", "--database", DATABASE, "--settle-seconds", "40"]
    said = stack.command(COMMAND, "compact", "--table", "by_command", *lake, "--json")
    [partition] = json.loads(said)["partitions"]
    assert partition["outcome"] == "committed" and len(stack.files("by_command")) == 1
    assert sql("SELECT n FROM by_command ORDER BY n") == rows[:FILES]
    assert json.loads(stack.command(COMMAND, "vacuum", *lake, "--json"))["waiting"] == 2
