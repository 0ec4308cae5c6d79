"""Many processes on one lake, and people who edit its catalog."""

import json
import random

PROCESSES = 40


def test_forty_processes_lose_neither_columns_nor_rows(lake, drop):
    records = 25
    paths = [
        drop(
            f"storm/{n}.json",
            "".join(f'{{"shared":{i},"own_{n}":{i},"Own_{n}":"x"}}\n' for i in range(records)),
        )
        for n in range(PROCESSES)
    ]
    processes = [lake.start("ingest", "--table", "storm", path) for path in paths]
    for process in processes:
        out, err = process.communicate()
        assert process.returncode == 0, err + out

    schema = lake.json("schema", "storm")
    origins = [column["parameters"].get("alluvium.path") for column in schema["columns"]]
    expected = ["$.shared"]
    expected += [f"$.{own}_{n}" for n in range(PROCESSES) for own in ("own", "Own")]
    assert sorted(filter(None, origins)) == sorted(expected)
    names = [column["name"] for column in schema["columns"]]
    assert len(set(names)) == len(names) == 4 + 1 + 2 * PROCESSES
    values = lake.values("storm")
    assert values["shared"] == values["_record"] == records * PROCESSES
    assert all(values[f"own_{n}"] == records for n in range(PROCESSES))
    assert len(set(lake.duckdb("storm", "_source, _record"))) == records * PROCESSES


VALUES = [1, -2.5, True, "text", "2026-11-24T10:00:00Z", [1, 2], ["a", None], [1, {"k": 2}], {"x": 1}, None, 2**70]
KEYS = ["mag", "tags", "userId", "user_id", "UserId", "user id", "_source", "dt"]


def drifting(drop, name, chance, records=5):
    """A file whose records have keys that would share names, and values of any kind."""
    def record():
        return {key: chance.choice(VALUES) for key in chance.sample(KEYS, 4)}

    lines = [json.dumps(record() | {f"own_{chance.randrange(20)}": 1}) + "\n" for _ in range(records)]
    return drop(name, "".join(lines) + "bad\n")


def test_processes_in_a_storm_leave_a_lake_that_verifies(lake, drop, tmp_path):
    chance = random.Random(1)
    names = [f"{table}/{n}.json" for n in range(16) for table in ("drift", "Drift")]
    paths = [drifting(drop, name, chance) for name in names]
    landing = tmp_path / "landing"
    # Each process loads one file, and then all of them in another order.
    started = [lake.start("ingest", path, "--table", path.parent.name) for path in paths]
    started += [lake.start("ingest", landing, "--threads", "4") for _ in range(2)]
    for process in started:
        out, err = process.communicate()
        assert process.returncode == 3, err + out

    report = lake.json("verify", landing)
    assert (report["rows"], report["quarantined"]) == (5 * len(paths), len(paths))
    tables = [table["table"] for table in lake.json("tables")["tables"]]
    assert len(tables) == 3 and "quarantine" in tables
    for table in tables:
        if table != "quarantine":
            columns = lake.json("schema", table)["columns"]
            kept = [c["parameters"] for c in columns if "alluvium.path" in c["parameters"]]
            places = {(c["alluvium.path"], c["alluvium.kind"]) for c in kept}
            assert len(places) == len(kept) > 20
            assert lake.values(table)["_record"] == 5 * len(paths) / 2


def test_a_column_changed_by_hand_is_named_and_comes_back(lake, drop):
    path = drop("camera/1.json", '{"mag":6,"ok":true}\n')
    landing = path.parent.parent
    lake.run("ingest", landing)
    [file] = lake.directory.rglob("camera.json")
    kept = json.loads(file.read_text())
    table = kept["table"]
    table["columns"] = [column for column in table["columns"] if column["name"] != "mag"]
    table["columns"][-1]["glue_type"] = "string"
    file.write_text(json.dumps(kept))

    gone = "column mag of table camera is gone, but has files with type bigint"
    retyped = "column ok of table camera has type string, but its files need boolean"
    assert gone in lake.run("schema", "camera") and lake.columns("camera")["mag"] == "bigint"
    verified = lake.run("verify", landing, expect=1)
    assert gone in verified and retyped in verified and "0 missing" in verified
    drop("camera/2.json", '{"mag":"n/a"}\n')
    loaded = lake.run("ingest", landing)
    assert f"{gone}: healed" in loaded and f"{retyped}: healed" in loaded
    assert lake.json("schema", "camera")["injuries"] == []
    lake.run("verify", landing)
    rows = lake.duckdb("camera", "mag, mag__string, ok")
    assert sorted(rows, key=str) == [(6, None, True), (None, "n/a", None)]
    assert lake.values("camera")["mag"] == 1


def test_the_same_file_twice_leaves_the_same_objects(lake, drop):
    landing = drop("camera/1.json", '{"n":1}\n{"n":"x"}\nbad\n').parent.parent
    lake.run("ingest", landing, expect=3)
    once = lake.objects()
    lake.run("ingest", landing, expect=3)
    assert lake.objects() == once
