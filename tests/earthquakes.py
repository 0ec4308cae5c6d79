"""Records ingested one at a time, of which the first has an integer where most others have other
numbers: whoever asks for their mean gets it, and everybody can know of the conflict."""

import json
import subprocess

import duckdb
import pytest
from conftest import COMMAND


def files(folder, records):
    """A file for each record, in their order."""
    folder.mkdir()
    paths = [folder / f"{number:04}.json" for number in range(len(records))]
    for path, record in zip(paths, records):
        path.write_text(json.dumps(record))
    return paths


def check(lake, table, paths, keys):
    """Looks at what stands under `keys` of the records in files that were loaded in this order."""
    column = "_".join(keys)
    values = [magnitude(json.loads(path.read_text()), keys) for path in paths]
    conflict = next(n for n, value in enumerate(values) if isinstance(value, float))
    assert 0 < conflict < len(values) - 1

    view = lake.run("schema", table, "--view", "--sql", "duckdb")
    found = duckdb.sql(f"SELECT _source, {column} FROM ({view}) ORDER BY _source").fetchall()
    assert found == [(path.as_uri(), float(value)) for path, value in zip(paths, values)]
    assert duckdb.sql(f"SELECT avg({column}) FROM ({view})").fetchall() == [mean(values)]
    # What came after the conflict is complete in the sibling alone; in the column it never is.
    after = values[conflict:]
    double = f"{column}__double"
    assert lake.duckdb(table, f"avg({double})") == [mean(after)]
    counts = len(after), sum(isinstance(value, int) for value in values)
    assert lake.duckdb(table, f"count({double}), count({column})") == [counts]
    check_announced(lake, table, paths[conflict], keys)


def check_announced(lake, table, path, keys):
    """The conflict that a file brought stands in the comments, in the history, in what an event
    holds, and in a preview."""
    column, json_path = "_".join(keys), ".".join(["$", *keys])
    double = f"{column}__double"
    comments = {c["name"]: c["comment"] for c in lake.json("schema", table)["columns"]}
    assert comments[column] == f"{json_path}; what it cannot take: {double}"
    assert comments[double] == f"{json_path}; what {column} cannot take"

    history = {c["name"]: c for c in lake.json("history", table)["columns"]}
    assert not history[column]["conflict"]
    sibling = history[double]
    assert (sibling["source"], sibling["conflict"]) == (path.as_uri(), True)
    assert (sibling["path"], sibling["sibling_of"]) == (json_path, column)
    [line] = [line for line in lake.run("history", table).splitlines() if f" {double} " in line]
    assert line.endswith(f"{path.as_uri()}  conflict: what {column} cannot take")

    folder = lake.directory / "_alluvium" / "history" / table
    events = [json.loads(file.read_text()) for file in folder.iterdir()]
    [event] = [event for event in events if event["source"] == path.as_uri()]
    assert event["conflict"] and double in [c["name"] for c in event["added_columns"] if c["conflict"]]

    words = [COMMAND, "preview", "--table", table, path.parent]
    preview = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert f"conflict: what {column} cannot take" in preview
    assert f"query {table}_unified, which has one column for each path" in preview


def magnitude(record, keys):
    for key in keys:
        record = record[key]
    return record


def mean(values):
    """As a row; the order of adding up decides the last bits."""
    return (pytest.approx(sum(values) / len(values), rel=1e-12),)
