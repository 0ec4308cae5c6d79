"""The state machines of compaction and vacuum, with the functions and roles that are deployed."""

import json

from stack import wait_until

FILES = 12


def test_a_state_machine_compacts_and_readers_see_the_same(stack, sql):
    stack.drop_and_wait({f"packed/{n}.json": json.dumps({"n": n}) for n in range(FILES)})
    before, files = sql("SELECT n FROM packed ORDER BY n"), stack.files("packed")
    assert before == [(n,) for n in range(FILES)] and len(files) == FILES
    status, planned = stack.execute("CompactTablesArn", {"tables": ["nowhere"]})
    assert status == "FAILED"

    # What was just loaded may be written again until the settle time has passed.
    runs = []

    def compacted():
        runs.append(stack.execute("CompactTablesArn", {"tables": ["packed"]}))
        status, summary = runs[-1]
        assert status == "SUCCEEDED", runs
        return summary["partitions"]

    wait_until(compacted, 90, lambda: f"nothing is worth a swap: {runs[-1]}")
    _, summary = runs[-1]
    assert (summary["committed"], summary["stopped"], summary["merged_files"]) == (1, 0, FILES)
    [merged] = stack.files("packed")
    assert "/generations/" in merged
    assert sql("SELECT n FROM packed ORDER BY n") == before

    # The lease of the last swap keeps others out, and what was merged stays for its grace.
    status, again = stack.execute("CompactTablesArn", {"tables": ["packed"]})
    assert (status, again["partitions"]) == ("SUCCEEDED", 0)
    status, vacuumed = stack.execute("VacuumFilesArn", {})
    assert status == "SUCCEEDED" and vacuumed["waiting"] >= 1 and vacuumed["kept"] == []
    bucket = stack.outputs()["LakeBucketName"]
    for uri in files:
        stack.s3.head_object(Bucket=bucket, Key=uri.removeprefix(f"s3://{bucket}/"))
