"""The unified view and the history of tables, as people see them with the command and DuckDB."""

import json

import duckdb
from earthquakes import check, files

MAGNITUDES = [6, 7, 4.5, 5, 0.1, 2**53 + 1, 3]


def test_the_mean_of_magnitudes_is_right_whichever_came_first(lake, tmp_path):
    records = [{"properties": {"mag": magnitude, "place": "Alaska"}} for magnitude in MAGNITUDES[:5]]
    paths = files(tmp_path / "quakes", records)
    for path in paths:
        lake.run("ingest", "--table", "quakes", path)
    check(lake, "quakes", paths, ["properties", "mag"])


def test_integers_that_no_double_holds_are_rounded_in_the_view_and_kept_in_the_table(lake, tmp_path):
    for path in files(tmp_path / "t", [{"mag": magnitude} for magnitude in MAGNITUDES]):
        lake.run("ingest", "--table", "t", path)
    view = lake.run("schema", "t", "--view", "--sql", "duckdb")
    assert duckdb.sql(f"SELECT max(mag), count(mag) FROM ({view})").fetchall() == [(2.0**53, 7)]
    assert lake.duckdb("t", "max(mag), max(mag__double)") == [(2**53 + 1, 5.0)]


def test_the_query_is_printed_for_presto_or_duckdb(lake, drop):
    lake.run("ingest", "--table", "t", drop("1.json", '{"a":1,"from":true}'))
    presto = lake.run("schema", "t", "--view")
    assert presto.splitlines()[-1] == 'FROM "alluvium"."t"' and '  "from",' in presto
    # Whether there are siblings or not, and files or not.
    assert lake.json("schema", "t", "--view") == {"view": "t_unified", "sql": presto.strip()}
    query = lake.run("schema", "t", "--view", "--sql", "duckdb")
    assert duckdb.sql(query).columns == ["_source", "_record", "_arrived_at", "_rescued", "a", "from", "dt"]
    assert "--view" in lake.run("schema", "t", "--sql", "duckdb", expect=2)
    for file in lake.files("t"):
        lake.directory.joinpath(file).unlink()
    query = lake.run("schema", "t", "--view", "--sql", "duckdb")
    assert duckdb.sql(query).fetchall() == []


def test_a_view_is_listed_nowhere_as_a_table(lake, drop):
    path = drop("1.json", '{"a":1}\n{"a":[1]}')
    lake.run("ingest", "--table", "t", path)
    catalog = lake.directory / "_alluvium" / "catalog" / "alluvium"
    view = json.loads((catalog / "t_unified.view").read_text())["view"]
    assert (view["table"], view["sql"]) == ("t", lake.run("schema", "t", "--view").strip())
    assert [table["table"] for table in lake.json("tables")["tables"]] == ["t"]
    assert lake.json("verify", "--table", "t", path)["missing"] == 0
    assert "no table t_unified" in lake.run("schema", "t_unified", expect=1)


def test_a_table_in_the_place_of_the_view_is_named_and_left(lake, drop):
    lake.run("ingest", "--table", "t", drop("1.json", '{"a":1}'))
    catalog = lake.directory / "_alluvium" / "catalog" / "alluvium"
    foreign = (catalog / "t.json").read_text().replace('"t"', '"t_unified"')
    (catalog / "t_unified.json").write_text(foreign)
    second = drop("2.json", '{"a":"x"}')
    warning = "warning: t_unified is not a view of ours and was left as it is"
    assert warning in lake.run("ingest", "--table", "t", second)
    third = drop("3.json", '{"a":"x"}')
    assert (catalog / "t_unified.json").read_text() == foreign
    warnings = lake.json("ingest", "--table", "t", third)["warnings"]
    assert warnings == [{"warning": "view_name_taken", "view": "t_unified"}]


def test_the_history_tells_of_objects_kept_whole_and_of_dropped_tables(lake, drop):
    keys = {str(number): number for number in range(300)}
    path = drop("1.json", json.dumps({"by_id": keys}))
    lake.run("ingest", "--table", "t", path)
    shown = lake.run("history", "t")
    assert "objects have too many keys, and are kept whole" in shown
    [kept] = lake.json("history", "t")["kept_whole"]
    assert (kept["path"], kept["source"], kept["in_table"]) == ("$.by_id", path.as_uri(), True)
    (lake.directory / "_alluvium" / "catalog" / "alluvium" / "t.json").unlink()
    assert "not in the table any more" in lake.run("history", "t")
    assert "no table nothing" in lake.run("history", "nothing", expect=1)
