"""Many processes on one lake, and processes that die."""

import random
import time

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


def test_the_same_file_twice_leaves_the_same_objects(lake, drop):
    landing = drop("camera/1.json", '{"n":1}\n{"n":"x"}\nbad\n').parent.parent
    lake.run("ingest", landing, expect=3)
    once = lake.objects()
    lake.run("ingest", landing, expect=3)
    assert lake.objects() == once


def test_killed_at_any_moment_then_finished_is_as_if_never_killed(lake, drop, tmp_path):
    for n in range(30):
        drop(f"camera/{n}.json", f'{{"n":{n},"own_{n}":1}}\n{{"n":{n}.5}}\nbad\n')
    landing = tmp_path / "landing"
    chance = random.Random(1)
    kills = 0
    while kills < 40:
        process = lake.start("ingest", landing, "--threads", "1")
        time.sleep(chance.random() * 0.1)
        process.kill()
        kills += process.wait() == -9
        process.stdout.close()
        process.stderr.close()
    report = lake.json("ingest", landing, expect=3)
    assert (report["loaded"], report["quarantined"]) == (60, {"invalid_json": 30})
    values = lake.values("camera")
    assert values["_record"] == values["n"] == 60
    assert all(values[f"own_{n}"] == 1 for n in range(30))
    assert lake.values("quarantine")["record"] == 30
