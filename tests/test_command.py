"""The command as people and scripts use it."""

import json
import os
import subprocess
from pathlib import Path

from conftest import COMMAND, ROOT


def test_exit_codes_tell_what_happened(lake, drop):
    good = drop("camera/good.json", "{}")
    bad = drop("camera/bad.json", "{}\nnope\n")
    lake.run("ingest", "--table", "camera", good, expect=0)
    lake.run("ingest", "--table", "camera", bad, expect=3)
    error = lake.run("ingest", "--table", "camera", good.parent / "missing.json", expect=1)
    assert "missing.json: no such file" in error
    assert "--table" in lake.run("ingest", good, expect=2)
    bucket = subprocess.run([COMMAND, "tables", "--lake", "gs://b"], capture_output=True)
    assert bucket.returncode == 2 and b"s3://BUCKET" in bucket.stderr
    nowhere = subprocess.run([COMMAND, "tables", "--lake", "/nowhere"], capture_output=True)
    assert nowhere.returncode == 1 and b"no lake in /nowhere" in nowhere.stderr
    assert "_alluvium" in lake.run("ingest", good, "--database", "_alluvium", expect=2)
    assert "no table nothing" in lake.run("schema", "nothing", expect=1)


def test_one_file_that_fails_does_not_stop_the_others(lake, drop):
    drop("camera/1.json", '{"n":1}')
    blocked = drop("camera/2.json", '{"n":2}')
    landing = drop("camera/3.json", '{"n":3}').parent.parent
    # A file cannot be made unreadable for root, but a table can be in the way of its rows.
    table = lake.directory / "alluvium" / "camera"
    table.parent.mkdir(parents=True)
    table.write_text("a file where the folder of the table should be")
    report = lake.json("ingest", landing, expect=1)
    assert len(report["errors"]) == 3 and report["loaded"] == 0
    assert any(str(blocked) == error["source"] for error in report["errors"])
    table.unlink()
    assert lake.json("ingest", landing)["loaded"] == 3


def test_what_is_shown_to_people(lake, drop):
    landing = drop("camera/1.json", '{"n":1}\n{"n":"x","Né":2}\n{"n":}\n').parent.parent
    text = lake.run("ingest", landing, expect=3)
    assert "+ camera.n string  $.n" in text
    assert "record 2 at byte 26" in text and '{"n":}' in text
    assert "3 records in 1 file: 2 rows, 1 quarantined (invalid_json 1)" in text
    assert "camera      6        1           1" in lake.run("tables")
    assert "$.n" in lake.run("schema", "camera")
    landing = drop("camera/2.json", '{"n":[1]}').parent.parent
    assert "(conflict: n cannot take it)" in lake.run("ingest", landing, expect=3)


def test_standard_input_is_a_source(lake):
    lake.run("ingest", "-", "--table", "piped", stdin='{"n":1}\n')
    lake.run("ingest", "-", "--table", "piped", stdin='{"n":1}\n')
    assert lake.duckdb("piped", "n, _source[:6]") == [(1, "stdin:")]
    assert "standard input" in lake.run("ingest", "-", expect=2)


def preview(*words, expect=0):
    done = subprocess.run([COMMAND, "preview", *words], capture_output=True, text=True)
    assert done.returncode == expect, done.stderr
    return done.stdout


def test_preview_shows_what_ingest_would_do(lake, drop):
    landing = drop("camera/1.json", '{"a B":1}\n{"a B":[1]}\nbad\n').parent.parent
    text = preview(landing, expect=3)
    assert "conflict: what a_b cannot take" in text
    assert "CREATE EXTERNAL TABLE `camera`" in text
    shown = json.loads(preview(landing, "--json", expect=3))
    previewed = [(c["name"], c["type"]) for c in shown["tables"][0]["columns"]]
    lake.run("ingest", landing, expect=3)
    columns = lake.columns("camera").items()
    assert previewed == [column for column in columns if not column[0].startswith("_")]


def test_preview_tells_what_to_know_beforehand(lake, drop):
    records = [
        {"at": "2026-11-24T00:00:00Z", "mag": 6, "Tag": 1, "tag": 2, "id": 7},
        {"at": "2026-11-24T00:00:01Z", "mag": 4.5, "id": "x\u001b", "by": {f"k{n}": n for n in range(300)}},
        {"at": "2026-11-24T00:00:02Z", "mag": {"value": 5}, "none": [None]},
    ]
    path = drop("quakes/1.json", "".join(json.dumps(record) + "\n" for record in records))
    text = preview("--table", "quakes", path)
    lines = {" ".join(line.split()) for line in text.splitlines()}
    uri = f"of file://{path}"
    assert {
        "at timestamp 0% $.at",
        "mag double 33% $.mag",
        "by json 66% $.by",
        "conflicts: 2 paths hold values of several kinds; nothing of them is lost",
        f"bigint 1 value -> mag e.g. 6 in record 0 {uri}",
        f"double 1 value -> mag e.g. 4.5 in record 1 {uri}",
        f'object 1 value -> columns of its members e.g. {{"value":5}} in record 2 {uri}',
        f"bigint 1 value -> id e.g. 7 in record 0 {uri}",
        f'string 1 value -> id e.g. "x\\u001b" in record 1 {uri}',
        "$.Tag -> tag_1c430d $.tag has the name already",
        "$.by 300 keys: kept whole, as JSON text",
        "1 value without a column, in _rescued",
        "$.none an array of nulls alone e.g. [null]",
        'event_time = "$.at" format = "rfc3339"',
        '"$.id" = { type = "string" } # bigint, string',
        '"$.by" = { type = "json" } # 300 keys',
        "`by` string,",
    } <= lines, text
    text = lake.run("ingest", "--table", "quakes", path)
    assert "+ quakes: objects at $.by have too many keys, and are kept whole" in text
    assert "$.by; objects too, whole" in lake.run("schema", "quakes")
    shown = json.loads(preview("--table", "quakes", path, "--json"))["tables"][0]
    assert shown["counts"]["rescued_values"] == 1
    assert shown["kept_whole"] == [{"path": "$.by", "keys": 300}]
    changes = {c["path"]: c["name_change"] for c in shown["columns"] if c["name_change"]}
    assert changes == {"$.Tag": {"reason": "taken", "by": "$.tag"}}


def test_preview_counts_what_each_file_would_leave(lake, drop):
    records = ['{"m":1}', '{"m":0.5}', '{"m":2}', '{"o":[[1]]}', '{"o":{"q":null}}']
    paths = [drop(f"t/{n}.json", record) for n, record in enumerate(records)]
    wide = json.dumps({"o": {f"k{n}": n for n in range(300)}})
    paths.append(drop("t/wide.json", wide))
    shown = json.loads(preview("--table", "t", *paths, "--json"))["tables"][0]
    previewed = {column["name"]: column["values"] for column in shown["columns"]}
    lake.run("ingest", "--table", "t", *paths)
    values = lake.values("t")
    assert previewed == {name: values[name] for name in previewed}
    assert previewed == {"m": 2, "m__double": 2, "o": 2}


def test_verify_finds_what_is_not_there(lake, drop):
    landing = drop("camera/1.json", '{"n":1,"s":"x"}\n{"n":2}\nbad\n').parent.parent
    lake.run("ingest", landing, expect=3)
    found = lake.json("verify", landing)
    whole = {"sources": 1, "records": 3, "rows": 2, "quarantined": 1, "values": 3}
    clean = {"missing": 0, "different": 0, "doubled": 0, "findings": [], "damaged_files": [], "injuries": []}
    assert found == whole | clean
    assert "0 missing, 0 different, 0 doubled" in lake.run("verify", landing)

    # A file goes to one table, and is loaded once.
    again = lake.run("ingest", "--table", "other", landing / "camera" / "1.json", expect=1)
    assert "it was loaded into `camera`" in again and "a file is loaded once" in again
    # Nor does it matter when it was touched.
    os.utime(landing / "camera" / "1.json", (0, 0))
    assert lake.json("ingest", landing, expect=3)["duplicates"] == 1
    assert lake.json("verify", landing) == found

    [path] = lake.files("camera")
    Path(path).rename(Path(path).with_name("0-0.parquet"))
    assert lake.json("verify", landing) == found
    Path(path).write_bytes(Path(path).with_name("0-0.parquet").read_bytes())
    text = lake.run("verify", landing, expect=1)
    assert f"! file://{landing}/camera/1.json: record 0: $ is doubled" in text
    assert "0 missing, 0 different, 2 doubled" in text
    Path(path).unlink()
    Path(path).with_name("0-0.parquet").unlink()
    assert lake.json("verify", landing, expect=1)["missing"] == 2


def test_the_readme_shows_what_is_printed(lake):
    readme = (ROOT / "README.md").read_text()
    command = "$ target/local/alluvium ingest events/landing --lake /tmp/lake\n"
    shown = readme.partition(command)[2].partition("```")[0].splitlines()
    printed = lake.run("ingest", ROOT / "events" / "landing").splitlines()
    # The last line counts bytes, which depend on where the checkout lies.
    assert len(shown) > 10 and printed[:-1] == shown[:-1]
    shown = readme.partition(command.replace("ingest", "verify"))[2].partition("```")[0]
    assert shown == lake.run("verify", ROOT / "events" / "landing")
