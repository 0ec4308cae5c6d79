"""`alluvium compact` and `alluvium vacuum` on a lake in a directory: what readers see, before and
after."""

import json
import os
import time
from datetime import datetime, timedelta, timezone

import pyarrow.parquet as pq
import pytest

HOUR = 3600
FILES = 12


def settle(lake, hours=1):
    """Whatever was committed was so this long ago."""
    then = time.time() - hours * HOUR
    for entry in (lake.directory / "_alluvium/ledger/alluvium").iterdir():
        os.utime(entry, (then, then))


def load_small_files(lake, drop, table="camera", files=FILES):
    landing = drop("nothing", "").parent
    for n in range(files):
        drop(f"{table}/{n}.json", f'{{"n":{n},"name":"file {n}"}}')
    (landing / "nothing").unlink()
    lake.run("ingest", landing)


def rows(lake, table="camera", select="n, name"):
    """Rows that both readers agree about."""
    by_duckdb = sorted(lake.duckdb(table, select))
    by_pyarrow = lake.pyarrow(table).select(select.split(", ")).to_pylist()
    assert sorted(tuple(row.values()) for row in by_pyarrow) == by_duckdb
    return by_duckdb


def test_small_files_become_one_and_readers_see_the_same(lake, drop):
    load_small_files(lake, drop)
    before, files = rows(lake), lake.files("camera")
    assert len(before) == len(files) == FILES
    # What was just loaded may still be written again.
    assert lake.json("compact")["partitions"] == []
    settle(lake)

    dry = lake.json("compact", "--dry-run")
    [partition] = dry["partitions"]
    assert partition["outcome"] == "planned" and partition["reason"] == "small_files"
    assert partition["planned"]["merged_files"] == FILES and partition["planned"]["new_files"] == 1
    assert dry["looked_at"]["files"] == dry["looked_at"]["sources"] == FILES
    assert dry["cost"]["dollars"] > 0 and dry["cost"]["requests"]["s3_reads"] > 2 * FILES
    assert lake.files("camera") == files
    assert not (lake.directory / "_alluvium/plans").exists()

    [done] = lake.json("compact")["partitions"]
    assert done["outcome"] == "committed" and done["report"]["merged_files"] == FILES
    [merged] = lake.files("camera")
    assert "/generations/" in merged and merged not in files
    assert rows(lake) == before
    assert lake.json("doctor")["findings"] == []
    # Who had listed the files before still finds them.
    assert all(os.path.exists(file) for file in files)

    # What arrives later is loaded into the new place, and the lease keeps others out.
    load_small_files(lake, drop, files=FILES + 1)
    assert len(rows(lake)) == FILES + 1 and len(lake.files("camera")) == 2
    settle(lake)
    later = lake.json("compact")
    assert later["partitions"] == [] and later["looked_at"]["leased"] == 1


def test_a_vacuum_deletes_what_was_merged_after_its_grace(lake, drop):
    load_small_files(lake, drop)
    files = lake.files("camera")
    settle(lake)
    lake.run("compact")
    before = rows(lake)
    assert lake.json("vacuum")["waiting"] == 1
    # A day passes.
    notes = lake.directory / "_alluvium/garbage/alluvium"
    [date] = notes.iterdir()
    date.rename(notes / "2026-01-01T00:00:00Z")
    vacuumed = lake.json("vacuum")
    assert (vacuumed["locations"], vacuumed["files"], vacuumed["waiting"]) == (1, FILES, 0)
    assert not any(os.path.exists(file) for file in files)
    assert rows(lake) == before
    assert "deleted 0 files" in lake.run("vacuum")
    assert lake.json("doctor")["findings"] == []


def test_people_read_what_is_done_and_what_it_would_cost(lake, drop):
    load_small_files(lake, drop)
    load_small_files(lake, drop, table="audio", files=2)
    assert "nothing is worth a swap" in lake.run("compact")
    settle(lake)
    text = lake.run("compact", "--dry-run")
    assert f"{FILES} files of " in text and " become 1, 0 copied" in text
    assert "looked at 2 tables, 2 partitions and 14 files" in text
    assert "on AWS about $0.00" in text
    assert "  done: " in lake.run("compact")
    # Two files are worth it only when nothing arrives any more.
    assert "nothing is worth a swap" in lake.run("compact", "--table", "audio")
    settle(lake, hours=25)
    assert "2 files of " in lake.run("compact", "--table", "audio")


def test_only_what_is_named_is_compacted(lake, drop):
    load_small_files(lake, drop)
    settle(lake)
    nowhere = lake.run("compact", "--table", "nowhere", expect=1)
    assert "there is no table nowhere" in nowhere
    assert lake.json("compact", "--partition", "dt=1999-01-01")["partitions"] == []
    lake.run("compact", "--partition", "yesterday", expect=2)
    lake.run("compact", "--target-bytes", "0", expect=2)
    [partition] = lake.json("compact", "--dry-run")["partitions"]
    only = lake.json("compact", "--table", "camera", "--partition", partition["partition"])
    assert [done["outcome"] for done in only["partitions"]] == ["committed"]


def test_numbers_heal(lake, drop):
    """The first numbers are integers, and the complete column begins with the first other one."""
    numbers = [6, 7, 6.5, 3, 4.25, 5, 2, 8, 1.5, 9]
    for n, mag in enumerate(numbers):
        file = drop(f"quakes/{n}.json", json.dumps({"id": n, "mag": mag}))
        lake.run("ingest", file, "--table", "quakes")
    mean = sum(numbers) / len(numbers)
    assert lake.duckdb("quakes", "count(mag__double)") == [(len(numbers) - 2,)]
    settle(lake)
    lake.run("compact")
    assert lake.duckdb("quakes", "avg(mag__double), count(mag__double)") == [(mean, len(numbers))]
    whole = sorted(number for number in numbers if isinstance(number, int))
    assert lake.duckdb("quakes", "list(mag ORDER BY mag) FILTER (mag IS NOT NULL)") == [(whole,)]
    assert lake.json("doctor")["findings"] == []


CONTRACT = """
table = "events"
[source]
prefix = "events/"
[time]
event_time = "$.time"
[partition]
by = ["day(event_time)"]
"""
DAY = datetime(2026, 11, 22, tzinfo=timezone.utc)
EVENTS_A_FILE = 40_000


def row_groups_read(files, begin, end):
    """Row groups whose statistics leave room for an event in between, and all of them."""
    read = everything = 0
    for file in files:
        metadata = pq.ParquetFile(file).metadata
        [column] = [n for n in range(metadata.num_columns) if metadata.schema.column(n).name == "time"]
        for group in range(metadata.num_row_groups):
            statistics = metadata.row_group(group).column(column).statistics
            everything += 1
            read += statistics.min < end and begin <= statistics.max
    return read, everything


def test_a_filter_on_event_time_reads_a_fraction_of_a_compacted_partition(lake, drop, tmp_path):
    """Each file has events of the whole day. Seen: 10 of 10 row groups before, 2 of 7 after."""
    contract = tmp_path / "events.toml"
    contract.write_text(CONTRACT)
    lake.directory.mkdir()
    lake.run("contract", "deploy", contract)
    step = timedelta(days=1) / EVENTS_A_FILE
    files = 10
    for file in range(files):
        times = ((DAY + n * step + timedelta(milliseconds=file)) for n in range(EVENTS_A_FILE))
        lines = (f'{{"time":"{at:%Y-%m-%dT%H:%M:%S.%fZ}","n":{n}}}' for n, at in enumerate(times))
        drop(f"events/{file}.json", "\n".join(lines))
    lake.run("ingest", tmp_path / "landing")
    begin, end = DAY + timedelta(hours=11), DAY + timedelta(hours=12)
    where = f"\"time\" >= TIMESTAMPTZ '{begin}' AND \"time\" < TIMESTAMPTZ '{end}'"
    counted = f"count(*) FILTER ({where}), count(*)"
    expected = lake.duckdb("events", counted)
    assert expected == [(pytest.approx(files * EVENTS_A_FILE / 24, rel=0.01), files * EVENTS_A_FILE)]
    before = row_groups_read(lake.files("events"), begin, end)
    assert before[0] == before[1] >= files

    settle(lake)
    lake.run("compact")
    assert lake.duckdb("events", counted) == expected
    read, everything = row_groups_read(lake.files("events"), begin, end)
    print(f"row groups read: {before[0]} of {before[1]} before, {read} of {everything} after")
    assert everything >= 6 and read <= 2


def test_a_partition_that_somebody_moved_in_the_catalog_is_put_back(lake, drop):
    load_small_files(lake, drop)
    before = rows(lake)
    [entry] = (lake.directory / "_alluvium/catalog/alluvium/camera").iterdir()
    partition = json.loads(entry.read_text())
    partition["location"] = "alluvium/camera/elsewhere/"
    entry.write_text(json.dumps(partition))
    [found] = lake.json("doctor", "--heal", expect=1)["findings"]
    assert found["finding"] == "other_location" and found["treatment"] is None
    text = lake.run("doctor", "--repair")
    assert "  healed: the catalog has the partition where its pointer says" in text
    assert rows(lake) == before and lake.json("doctor")["findings"] == []

    # Whoever has just moved it holds its lease: the next time.
    entry.write_text(json.dumps(partition))
    [left] = lake.json("doctor", "--repair", expect=1)["findings"]
    assert left["treatment"] == "left"


def test_a_swap_that_was_left_unfinished_is_given_up_by_a_later_compaction(lake, drop):
    load_small_files(lake, drop, files=2)
    before = rows(lake)
    [pointer] = (lake.directory / "_alluvium/pointers/alluvium/camera").iterdir()
    said = json.loads(pointer.read_text())
    next_location = f"alluvium/camera/generations/1-dead/{pointer.stem}/"
    said["next"] = {"generation": "1-dead", "location": next_location, "phase": "filling"}
    said |= {"owner": "dead", "lease_until": "2026-01-01T00:00:00Z"}
    pointer.write_text(json.dumps(said))
    [done] = lake.json("compact")["partitions"]
    assert (done["reason"], done["outcome"]) == ("unfinished", "stopped")
    # Nothing is copied for it.
    now = json.loads(pointer.read_text())
    assert now["next"] is None and now["location"] == said["location"]
    assert rows(lake) == before and lake.json("doctor")["findings"] == []
