"""A thousand real earthquakes, one file each, become one file, in which their magnitudes heal."""

import json
import os

import pytest
from earthquakes import files
from test_compact import DAY, settle
from test_corpora import CORPORA


def test_the_mean_magnitude_is_that_of_one_column_after_a_compaction(lake, tmp_path):
    lines = (CORPORA / "vega_datasets" / "earthquakes.ndjson").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    paths = files(tmp_path / "quakes", records)
    for path in paths:
        # All of one day, at midnight too.
        os.utime(path, (DAY.timestamp(), DAY.timestamp()))
    assert len(paths) == lake.json("ingest", "--table", "quakes", *paths)["loaded"] == 1_000
    magnitudes = [record["properties"]["mag"] for record in records]
    column, double = "properties_mag", "properties_mag__double"
    # What came before the first number that is none of the integers is not in it.
    [(incomplete,)] = lake.duckdb("quakes", f"count({double})")
    assert incomplete < 1_000

    settle(lake)
    [done] = lake.json("compact")["partitions"]
    assert (done["outcome"], done["report"]["merged_files"]) == ("committed", 1_000)
    assert len(lake.files("quakes")) == 1
    mean = pytest.approx(sum(magnitudes) / len(magnitudes), rel=1e-12)
    assert lake.duckdb("quakes", f"avg({double}), count({double})") == [(mean, 1_000)]
    # Each in the row of its record, and the integers still where they were.
    by_source = {path.as_uri(): float(value) for path, value in zip(paths, magnitudes)}
    assert dict(lake.duckdb("quakes", f"_source, {double}")) == by_source
    whole = sum(isinstance(value, int) for value in magnitudes)
    agreeing = f"count(*) FILTER ({column} = {double})"
    assert lake.duckdb("quakes", f"count({column}), {agreeing}") == [(whole, whole)]
    assert lake.json("doctor")["findings"] == []
