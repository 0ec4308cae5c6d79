"""Contracts as people write, check, deploy and use them."""

import json
import re
import subprocess
import tomllib

import pytest
from conftest import COMMAND, ROOT


def contract(*words, expect=0):
    done = subprocess.run([COMMAND, "contract", *words], capture_output=True, text=True)
    assert done.returncode == expect, done.stderr + done.stdout
    return done.stdout or done.stderr


def write(folder, name, text):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def source(table, prefix):
    return f'table = "{table}"\n[source]\nprefix = "{prefix}"\n'


@pytest.fixture
def contracts(tmp_path):
    folder = tmp_path / "contracts"
    folder.mkdir()
    return folder


def test_all_that_is_wrong_is_said_with_its_place(contracts):
    wrong = write(contracts, "camera.toml", 'table = "camera"\n[schema]\nmax_colums = 5\nmode = "frozen"\n')
    write(contracts, "zoom.toml", "table = zoom\n")
    said = contract("check", contracts, expect=1)
    assert f"{wrong}:3:1: there is no key `schema.max_colums`; did you mean `max_columns`?\n" in said
    assert f"{wrong}:4:8: `schema.mode`: `frozen` is none of evolve, freeze, quarantine" in said
    assert "zoom.toml:1:9: " in said and len(said.splitlines()) == 3
    errors = json.loads(contract("check", wrong, "--json", expect=1))["errors"]
    assert [(e["line"], e["column"]) for e in errors] == [(3, 1), (4, 8)]
    assert "no-such" in contract("check", contracts / "no-such.toml", expect=1)
    contract("check", expect=2)


def test_contracts_that_do_not_go_together_are_refused(contracts):
    write(contracts, "a.toml", source("a", "x/"))
    write(contracts, "b.toml", source("b", "x/"))
    said = contract("check", contracts, expect=1)
    assert "b.toml:3:10: `source.prefix`: " in said and "a.toml has the prefix `x/` too" in said
    write(contracts, "b.toml", source("b", "x/y/"))
    assert contract("check", contracts) == "2 contracts: nothing is wrong\n"


def test_a_folder_without_contracts_is_right(contracts, lake):
    assert contract("check", contracts) == "0 contracts: nothing is wrong\n"
    assert contract("deploy", contracts, "--lake", lake.directory) == "no contracts\n"
    contract("check", ROOT / "infra" / "tables")


def test_what_is_deployed_decides_where_files_go(contracts, lake, drop):
    write(contracts, "camera.toml", source("camera", "in/cam"))
    write(contracts, "zoom.toml", source("zoom", "in/cam/zoom/"))
    said = contract("deploy", contracts, "--lake", lake.directory)
    assert said == "+ _alluvium/tables/camera.toml\n+ _alluvium/tables/zoom.toml\n"
    landing = drop("in/cam-1.json", '{"n":1}').parent.parent
    drop("in/cam/zoom/1.json", '{"n":2}')
    drop("other/1.json", '{"n":3}')
    lake.run("ingest", landing)
    assert [lake.duckdb(table, "n") for table in ("camera", "zoom", "other")] == [[(1,)], [(2,)], [(3,)]]
    lake.run("verify", landing)
    # A table of that name is one with that contract.
    lake.run("ingest", "--table", "camera", drop("elsewhere/1.json", '{"n":3}'))
    assert sorted(lake.duckdb("camera", "n")) == [(1,), (3,)]


def test_a_deployment_says_what_it_did_and_what_it_found(contracts, lake):
    first = write(contracts, "camera.toml", source("camera", "a/"))
    contract("deploy", contracts, "--lake", lake.directory)
    first.unlink()
    write(contracts, "zoom.toml", source("zoom", "b/"))
    said = contract("deploy", contracts, "--lake", lake.directory)
    assert said.startswith("+ _alluvium/tables/zoom.toml\n! _alluvium/tables/camera.toml is in the lake, but")
    again = json.loads(contract("deploy", contracts, "--lake", lake.directory, "--json"))
    assert again == {
        "written": [],
        "unchanged": ["_alluvium/tables/zoom.toml"],
        "others": ["_alluvium/tables/camera.toml"],
        "warnings": [],
    }
    # Nothing is written unless all of it goes together with what is there.
    write(contracts, "zoom.toml", source("zoom", "c/"))
    write(contracts, "third.toml", source("third", "a/"))
    said = contract("deploy", contracts, "--lake", lake.directory, expect=1)
    assert "third.toml:3:10: " in said and "_alluvium/tables/camera.toml has the prefix `a/` too" in said
    assert "b/" in (lake.directory / "_alluvium" / "tables" / "zoom.toml").read_text()


def test_other_partitions_than_those_of_the_table_are_refused(contracts, lake, drop):
    landing = drop("camera/1.json", '{"at":"2026-11-24T00:00:00Z"}').parent.parent
    drop("Lens/1.json", "{}")
    lake.run("ingest", landing)
    time = '[time]\nevent_time = "$.at"\n[partition]\nby = ["day(event_time)"]\n'
    write(contracts, "camera.toml", f'table = "camera"\n{time}')
    contract("check", contracts)
    for words in (["check", contracts], ["deploy", contracts]):
        said = contract(*words, "--lake", lake.directory, expect=1)
        assert said.endswith("camera.toml: table camera is partitioned by day(arrived_at), "
                             "not by day(event_time); it must be repartitioned\n")
    assert not (lake.directory / "_alluvium" / "tables").exists()
    # The default is that of every table that has no contract.
    write(contracts, "camera.toml", 'table = "camera"\n')
    write(contracts, "_default.toml", time)
    said = contract("check", contracts, "--lake", lake.directory, expect=1)
    assert "_default.toml: table lens is partitioned by day(arrived_at)" in said and "camera" not in said
    (contracts / "_default.toml").unlink()
    # Tables that a route splits off follow its contract.
    routed = 'table = "drone"\n[source]\nroute = "$.type"\n'
    named = write(contracts, "drone.toml", routed)
    lake.run("ingest", drop("drone/1.json", '{"type":"Small"}'), "--contract", named)
    assert "drone_small" in lake.run("tables")
    write(contracts, "drone.toml", f'{routed}[partition]\nby = ["hour(arrived_at)"]\n')
    said = contract("check", contracts, "--lake", lake.directory, expect=1)
    assert "drone.toml: table drone_small is partitioned by day(arrived_at), not by hour(arrived_at)" in said
    named.unlink()
    # It would not be the table that is there.
    write(contracts, "lens.toml", 'table = "lens"\n')
    said = contract("check", contracts, "--lake", lake.directory, expect=1)
    assert "lens.toml: there is a table lens already, which is made of `Lens`" in said
    words = ["check", contracts, "--lake", lake.directory, "--json"]
    [error] = json.loads(contract(*words, expect=1))["errors"]
    assert error == {
        "file": str(contracts / "lens.toml"), "line": None, "column": None,
        "message": "there is a table lens already, which is made of `Lens`",
    }


def test_what_a_contract_says_in_vain_of_a_table_is_told(contracts, lake, drop):
    record = {"p": "x", "same": 1, "o": {"a": 1}, "gone": {"b": {"c": True}}, "whole": "x", "list": [1]}
    lake.run("ingest", drop("t/1.json", json.dumps(record)).parent.parent)
    columns = """[columns]
"$.p" = { type = "bigint" }
"$.same" = { type = "bigint" }
"$.o" = { type = "json" }
"$.gone.b" = { drop = true }
"$.whole" = { type = "json" }
"$.list" = { type = "array<double>" }
"$.new" = { type = "json" }
"$.none" = { drop = true }
"""
    file = write(contracts, "t.toml", f'table = "t"\n{columns}')
    assert contract("check", contracts) == "1 contract: nothing is wrong\n"
    kind = "{} in table t and stays so, though it is declared as {}: what does not fit goes to "
    stay = " such as {}: they stay, and nothing new comes into them"
    wanted = [
        "$.gone.b is dropped, but table t has columns of it," + stay.format("gone_b_c"),
        kind.format("$.list is array<bigint>", "array<double>") + "siblings",
        "$.o is kept as JSON text, but table t has columns of it," + stay.format("o_a"),
        kind.format("$.p is string", "bigint") + "siblings",
        kind.format("$.whole is string", "json") + "siblings",
    ]
    lines = "".join(f"! {file}: {message}\n" for message in wanted)
    words = [contracts, "--lake", lake.directory]
    assert contract("check", *words) == f"{lines}1 contract: nothing is wrong\n"
    checked = json.loads(contract("check", *words, "--json"))
    told = [{"file": str(file), "line": None, "column": None, "message": message} for message in wanted]
    assert checked == {"contracts": 1, "errors": [], "warnings": told}
    assert contract("deploy", *words) == f"{lines}+ _alluvium/tables/t.toml\n"
    assert json.loads(contract("deploy", *words, "--json"))["warnings"] == told
    write(contracts, "t.toml", f'table = "t"\n[schema]\nmode = "freeze"\n{columns}')
    assert kind.format("$.p is string", "bigint") + "_rescued\n" in contract("check", *words)


def test_a_table_has_no_slash_in_its_name(lake, drop):
    file = drop("t/1.json", "{}")
    error = lake.run("ingest", "--table", "camera/drone", file, expect=2)
    assert "--table must not have a `/` in it: camera/drone" in error
    assert contract("suggest", "--table", "a/b", file, expect=2)


def test_a_wrong_contract_in_the_lake_stops_whoever_loads(lake, drop):
    file = drop("camera/1.json", "{}")
    write(lake.directory / "_alluvium" / "tables", "zoom.toml", "table = 1\n")
    error = lake.run("ingest", file.parent.parent, expect=1)
    assert "_alluvium/tables/zoom.toml:1:9: `table` is a whole number; it must be a text" in error
    assert "zoom.toml:1:9" in lake.run("verify", file.parent.parent, expect=1)


def test_a_contract_can_be_named(contracts, lake, drop):
    files = drop("camera/1.json", '{"n":1}').parent.parent
    named = write(contracts, "lens.toml", 'table = "lens"\n')
    for command in (["ingest"], ["verify"]):
        lake.run(*command, files, "--contract", named)
    assert lake.duckdb("lens", "n") == [(1,)]
    assert "leave out --table" in lake.run("ingest", files, "--contract", named, "--table", "t", expect=2)
    default = write(contracts, "_default.toml", "")
    others = drop("others/camera/1.json", '{"n":1}').parent.parent
    lake.run("ingest", others, "--contract", default)
    lake.run("ingest", drop("others/1.json", '{"n":1}'), "--contract", default, "--table", "t")
    assert lake.duckdb("camera", "n") == lake.duckdb("t", "n") == [(1,)]
    shown = subprocess.run([COMMAND, "preview", files, "--contract", named], capture_output=True, text=True)
    assert shown.returncode == 0 and shown.stdout.startswith("table lens: ")
    wrong = write(contracts, "wrong.toml", "table = 'wrong'\n[tim]\n")
    assert "wrong.toml:2:2: there is no key `tim`; did you mean `time`?" in lake.run(
        "ingest", files, "--contract", wrong, expect=1)


KEYS = """table source.prefix source.route source.wrappers time.event_time time.format time.window
    partition.by schema.mode schema.max_columns schema.max_keys schema.max_depth schema.names schema.numbers
    schema.timestamps columns."$.price" columns."$.debug" """.split()


def test_the_readme_explains_every_key_by_an_example(contracts):
    """Its examples make one contract."""
    rows = re.findall(r"^\| `(\S+)` \| `(.+?)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    examples = {key: example for key, example in rows if key in KEYS}
    assert list(examples) == KEYS
    text = "".join(f"{key} = {example}\n" for key, example in examples.items())
    contract("check", write(contracts, "camera.toml", text))


def test_the_example_is_followed(lake):
    example = ROOT / "events" / "contracts" / "camera.toml"
    contract("deploy", example, "--lake", lake.directory)
    lake.run("ingest", ROOT / "events" / "landing")
    lake.run("verify", ROOT / "events" / "landing")
    found = set(lake.duckdb("camera", "dt, state"))
    assert ("2016-07-20", "California") in found and {day for day, _ in found} > {"2016-07-20"}
    columns = lake.columns("camera")
    assert columns["data_record_battery_level"] == "double" and columns["data_tags"] == "string"
    table = lake.json("schema", "camera")
    assert table["parameters"]["alluvium.partitions"] == (
        "day(event_time), identity($._data.record.state) as state")
    contract("check", example, "--lake", lake.directory)


def suggested(folder, *words):
    """A contract as it is suggested, once it is found to be right."""
    text = contract("suggest", *words)
    path = write(folder, f"{tomllib.loads(text)['table']}.toml", text)
    contract("check", path)
    return text


def test_a_contract_is_suggested_from_samples(contracts, drop):
    # The value of each comes with its row; of the last there is none in some.
    rows = [
        {"id": 1_700_000_000 + n, "eventTime": 1_790_000_000_000 + n, "expires_at": "2026-11-24T00:00:00Z",
         "region": ["eu", "us", "ap"][n % 3], "user": f"u{n}", "mag": n if n % 2 else n / 7,
         "v": n if n % 2 else "x", "byId": {f"k{n}-{m}": m for m in range(30)}}
        for n in range(40)
    ]
    file = drop("Camera Events/1.json", "".join(json.dumps(row) + "\n" for row in rows))
    text = suggested(contracts, file.parent.parent)
    said = tomllib.loads(text)
    assert said["table"] == "camera_events" and said["source"]["prefix"] == "Camera Events/"
    assert said["time"] == {"event_time": "$.eventTime", "format": "ms"}
    assert said["partition"] == {"by": ["day(event_time)"]}
    assert said["columns"] == {"$.byId": {"type": "json"}, "$.v": {"type": "string"}}
    assert '# or: event_time = "$.expires_at", format = "rfc3339"' in text
    assert '# or with "identity($.region)": 3 values' in text and "$.user" not in text
    [table] = json.loads(contract("suggest", file.parent.parent, "--json"))["tables"]
    assert table["contract"] == text and table["suggestions"][0]["event_time"]["path"] == "$.eventTime"


@pytest.mark.parametrize("value, wanted", [
    ("2016-07-20T00:06:01Z", ("rfc3339", {"past": "7300d", "future": "1d"})),
    ("2026-11-24T00:06:01.123456789Z", ("rfc3339", None)),
    ("2026-11-24 00:06:01", ("%Y-%m-%d %H:%M:%S%.f", None)),
    ("24/Nov/2026:00:06:01 +0100", ("%d/%b/%Y:%H:%M:%S %z", None)),
    ("1795478761", ("s", None)),
    (1795478761.5, ("s", None)),
    (1795478761500, ("ms", None)),
    (1795478761500000, ("us", None)),
    (1795478761500000000, ("ns", None)),
    (17, None),
    ("yesterday", None),
])
def test_the_format_of_a_time_is_told_by_its_values(contracts, drop, value, wanted):
    text = suggested(contracts, drop("t/1.json", json.dumps({"time": value})).parent.parent)
    time = tomllib.loads(text).get("time")
    found = time and (time["format"], time.get("window"))
    assert found == wanted


@pytest.mark.parametrize("record, wanted", [
    ({"when": 1795478761500, "dt": "2026-11-24"}, ("$.when", "ms")),
    ({"date": "2026-11-24", "event_date": "2026-11-24", "ts": 1795478761}, ("$.ts", "s")),
    ({"date": "2026-11-24", "expires_at": "2026-11-25T00:00:00Z"}, ("$.date", "%Y-%m-%d")),
    # A number whose key says nothing of time is better than nothing, and than nothing else.
    ({"x": 1795478761500}, ("$.x", "ms")),
    ({"x": 1795478761500, "dt": "2026-11-24"}, ("$.dt", "%Y-%m-%d")),
    ({"x": 1795478761500, "expires": 1795478761500}, ("$.x", "ms")),
    ({"expires": 1795478761500}, None),
])
def test_the_best_time_is_suggested(contracts, drop, record, wanted):
    text = suggested(contracts, drop("t/1.json", json.dumps(record)).parent.parent)
    time = tomllib.loads(text).get("time")
    assert (time and (time["event_time"], time["format"])) == wanted


def test_keys_of_any_spelling_are_suggested_as_they_are(contracts, drop):
    key = 'at "\\\u007f\n\u00e9'
    rows = [{key: f"2026-11-2{n}T00:00:00Z", f"{key}2": n if n else "x"} for n in range(3)]
    text = suggested(contracts, drop("t/1.json", json.dumps(rows)).parent.parent)
    assert tomllib.loads(text)["time"]["event_time"].startswith('$["at ')


def test_one_contract_is_suggested_for_one_table(drop):
    landing = drop("a/1.json", "{}").parent.parent
    drop("b/1.json", "{}")
    assert "several tables (a, b)" in contract("suggest", landing, expect=2)
    both = json.loads(contract("suggest", landing, "--json"))["tables"]
    assert [table["table"] for table in both] == ["a", "b"]
    assert "Nothing in these records needs to be settled" in contract("suggest", landing / "a", "--table", "a")
