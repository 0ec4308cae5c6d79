"""`alluvium vacuum` on a lake in a directory whose contract says how long partitions are kept."""

import json
import os
from datetime import datetime, timedelta, timezone

CONTRACT = """
table = "events"
[time]
event_time = "$.time"
[partition]
by = ["day(event_time)"]
[retention]
days = 30
"""
NOW = datetime.now(timezone.utc)
# What a day more or less does not change.
OLD, NEW = [NOW - timedelta(days=days) for days in (40, 20)]


def load(lake, drop, n, *times):
    lines = [json.dumps({"time": f"{at:%Y-%m-%dT%H:%M:%SZ}", "n": n}) for at in times]
    lake.run("ingest", drop(f"events/{n}.json", "\n".join(lines)), "--table", "events")


def deploy(lake, folder, text=CONTRACT, name="events.toml"):
    contract = folder / name
    contract.write_text(text)
    lake.directory.mkdir(exist_ok=True)
    lake.run("contract", "deploy", contract)


def days(lake):
    """The days that readers find, each with its rows."""
    rows = lake.duckdb("events", "dt, n")
    by_pyarrow = [tuple(row.values()) for row in lake.pyarrow("events").select(["n"]).to_pylist()]
    assert sorted(by_pyarrow) == sorted((n,) for _, n in rows)
    return sorted((str(day), n) for day, n in rows)


def day(at):
    return f"{at:%Y-%m-%d}"


def let_leases_pass(lake):
    for pointer in (lake.directory / "_alluvium/pointers/alluvium/events").iterdir():
        said = json.loads(pointer.read_text())
        if said.get("lease_until"):
            pointer.write_text(json.dumps(said | {"lease_until": "2026-01-01T00:00:00Z"}))


def let_grace_pass(lake):
    notes = lake.directory / "_alluvium/garbage/alluvium"
    for date in list(notes.iterdir()):
        date.rename(notes / "2026-01-01T00:00:00Z")


def test_a_vacuum_drops_days_that_are_past_their_age(lake, drop, tmp_path):
    deploy(lake, tmp_path)
    load(lake, drop, 1, OLD, NEW)
    files = lake.files("events")
    assert days(lake) == [(day(OLD), 1), (day(NEW), 1)] and len(files) == 2
    text = lake.run("vacuum")
    assert "took 1 partition past the retention out of the catalog\n" in text, text
    assert days(lake) == [(day(NEW), 1)]
    assert lake.json("doctor")["findings"] == []
    # Who had listed the files before still finds them, for a day.
    assert all(os.path.exists(file) for file in files)
    assert lake.json("vacuum")["waiting"] == 1
    let_grace_pass(lake)
    vacuumed = lake.json("vacuum")
    assert (vacuumed["files"], vacuumed["retired"], vacuumed["kept"]) == (1, 0, [])
    assert [os.path.exists(file) for file in files] == [day(NEW) in file for file in files]

    # What was loaded is not loaded again; what arrives late is seen until the next vacuum.
    load(lake, drop, 1, OLD, NEW)
    assert days(lake) == [(day(NEW), 1)]
    load(lake, drop, 2, OLD)
    assert days(lake) == [(day(OLD), 2), (day(NEW), 1)]
    assert lake.json("doctor")["findings"] == []
    held = lake.json("vacuum")
    assert (held["retired"], held["leased"]) == (0, 1)
    let_leases_pass(lake)
    assert lake.json("vacuum")["retired"] == 1
    assert days(lake) == [(day(NEW), 1)]
    assert lake.json("doctor")["findings"] == []


def test_without_a_retention_partitions_are_kept(lake, drop, tmp_path):
    deploy(lake, tmp_path, CONTRACT[: CONTRACT.index("[retention]")])
    deploy(lake, tmp_path, "[retention]\ndays = 30\n", "_default.toml")
    load(lake, drop, 1, OLD, NEW)
    assert lake.json("vacuum")["retired"] == 0
    # A contract that lets it age tomorrow needs no file to be loaded again.
    deploy(lake, tmp_path)
    assert lake.json("vacuum")["retired"] == 1
    load(lake, drop, 1, OLD, NEW)
    assert days(lake) == [(day(NEW), 1)]


def test_a_retention_needs_a_day(lake, tmp_path):
    contract = tmp_path / "events.toml"
    lake.directory.mkdir()
    contract.write_text(CONTRACT.replace("day(event_time)", "identity($.n)"))
    told = lake.run("contract", "check", contract, expect=1)
    assert "`retention`: partitions have an age only by `day(…)` or `hour(…)`" in told
