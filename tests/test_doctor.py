"""`alluvium doctor` on a lake in a directory."""

import os
import shutil
import time


def test_a_lake_is_examined_and_healed(lake, drop):
    landing = drop("camera/1.json", '{"n":1}\nbad\n').parent.parent
    lake.run("ingest", landing, expect=3)
    healthy = lake.json("doctor")
    assert healthy["findings"] == [] and healthy["in_progress"] == {"sources": 0, "files": 0}
    assert healthy["looked_at"] == {"tables": 2, "partitions": 2, "files": 2, "sources": 1}
    text = lake.run("doctor")
    assert "looked at 2 tables, 2 partitions, 2 files and 1 source" in text
    assert "0 inconsistencies, 0 healed" in text

    # Somebody drops a partition from the catalog, and a file from another one.
    rows = lake.duckdb("camera", "n")
    shutil.rmtree(lake.directory / "_alluvium/catalog/alluvium/camera")
    [lost] = lake.files("quarantine")
    os.remove(lost)
    found = lake.json("doctor", expect=1)
    kinds = {finding["finding"]: finding for finding in found["findings"]}
    assert set(kinds) == {"not_registered", "lost_file"} and found["healed"] == 0
    assert kinds["not_registered"]["place"].startswith("_alluvium/pointers/alluvium/camera/dt=")
    assert kinds["lost_file"]["rows"] == 1 and lost.endswith(kinds["lost_file"]["place"])
    only = lake.json("doctor", "camera", expect=1)["findings"]
    assert [finding["finding"] for finding in only] == ["not_registered"]
    text = lake.run("doctor", "--heal", expect=1)
    assert "  healed: the partition is registered\n" in text
    assert f"lost: the file is gone, with the rows (1) of file://{landing}/camera/1.json" in text
    assert "2 inconsistencies, 1 healed" in text
    assert lake.json("doctor", "camera")["findings"] == []
    assert lake.duckdb("camera", "n") == rows


def test_a_claim_that_never_ended_is_found_after_the_settle_time(lake, drop):
    landing = drop("camera/1.json", '{"n":1}').parent.parent
    blocked = lake.directory / "alluvium" / "camera"
    blocked.parent.mkdir(parents=True)
    blocked.write_text("a file where the folder of the table should be")
    lake.run("ingest", landing, expect=1)
    blocked.unlink()
    assert lake.json("doctor")["in_progress"] == {"sources": 1, "files": 0}
    [entry] = (lake.directory / "_alluvium/ledger/alluvium").iterdir()
    long_ago = time.time() - 3600
    os.utime(entry, (long_ago, long_ago))
    text = lake.run("doctor", expect=1)
    assert f"file://{landing}/camera/1.json was begun by plan" in text
    assert "deliver file://" in text
    assert lake.json("doctor", "--settle-seconds", "7200")["findings"] == []
    lake.run("ingest", landing)
    assert lake.json("doctor")["findings"] == []


def test_a_lake_must_be_there(lake):
    assert "there is no lake" in lake.run("doctor", expect=1)
    lake.run("doctor", "--settle-seconds", "0", expect=2)
