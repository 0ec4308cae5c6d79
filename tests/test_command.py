"""The command as people and scripts use it."""

import json
import resource
import subprocess

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


def test_preview_shows_what_ingest_would_do(lake, drop):
    landing = drop("camera/1.json", '{"a B":1}\n{"a B":[1]}\nbad\n').parent.parent
    words = [COMMAND, "preview", landing]
    text = subprocess.run(words, capture_output=True, text=True)
    assert text.returncode == 3, text.stderr
    assert "conflict: what a_b cannot take" in text.stdout
    assert "CREATE EXTERNAL TABLE `camera`" in text.stdout
    shown = json.loads(subprocess.run([*words, "--json"], capture_output=True).stdout)
    previewed = [(c["name"], c["type"]) for c in shown["tables"][0]["columns"]]
    lake.run("ingest", landing, expect=3)
    columns = lake.columns("camera").items()
    assert previewed == [column for column in columns if not column[0].startswith("_")]


def test_memory_does_not_grow_with_the_number_of_records(lake, drop):
    path = drop("empty/1.json", "{}\n" * 5_000_000)
    report = lake.json("ingest", "--table", "empty", path)
    assert report["loaded"] == 5_000_000
    kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert kib < 512 * 1024, f"a child took {kib} KiB"


def test_the_readme_shows_what_is_printed(lake):
    readme = (ROOT / "README.md").read_text()
    command = "$ target/local/alluvium ingest events/landing --lake /tmp/lake\n"
    shown = readme.partition(command)[2].partition("```")[0].splitlines()
    printed = lake.run("ingest", ROOT / "events" / "landing").splitlines()
    # The last line counts bytes, which depend on where the checkout lies.
    assert len(shown) > 10 and printed[:-1] == shown[:-1]
