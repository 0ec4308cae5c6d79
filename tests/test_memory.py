"""Memory is bounded by what the command holds at a time, never by what it reads."""

import json
import random

from conftest import bounded


def lines(path, records):
    """Writes records one by one, however many."""
    with path.open("w") as file:
        file.writelines(record + "\n" for record in records)
    return path


def test_memory_does_not_grow_with_the_number_of_records(lake, drop):
    path = drop("empty/1.json", "{}\n" * 5_000_000)
    report = bounded("ingest", "--table", "empty", path, "--lake", lake.directory)
    assert report["loaded"] == 5_000_000


def test_objects_within_objects_take_no_more_than_their_members(lake, drop):
    choose = random.Random(31)

    def record():
        keys = [choose.choice("ab") for _ in range(11)] + ["a"] * 20
        return "".join(f'{{"{key}":' for key in keys) + "1" + "}" * len(keys)

    # 135 MiB, so that a part is full.
    path = lines(drop("deep/1.json", ""), (record() for _ in range(760_000)))
    report = bounded("ingest", "--table", "deep", path, "--lake", lake.directory)
    assert report["loaded"] == 760_000


def test_rows_are_verified_a_few_at_a_time_where_they_are_large(lake, drop):
    # A path so long that what is rescued is many times the source.
    outer = "x" * 900
    first = drop("long/1.json", json.dumps({outer: {"k0": 1}}))
    record = json.dumps({outer: {f"k{n}": n for n in range(15_000)}})
    path = lines(drop("long/2.json", ""), (record for _ in range(60)))
    words = ["--table", "long", path, "--lake", lake.directory]
    lake.run("ingest", "--table", "long", first)
    assert bounded("ingest", *words)["rescued_values"] > 800_000
    assert bounded("verify", *words)["rows"] == 60


def test_a_preview_keeps_no_key_as_it_is(drop):
    records = (json.dumps({f"{n}" + "q" * 1_000_000: 1}) for n in range(500))
    path = lines(drop("keys/1.json", ""), records)
    [shown] = bounded("preview", "--table", "keys", path)["tables"]
    assert shown["counts"]["rescued_values"] == len(shown["rescued"]) == 500
