"""A thousand real earthquakes, one file each. The magnitude of the first is the integer 2."""

import json

from earthquakes import check, files
from test_corpora import CORPORA


def test_the_mean_magnitude_of_a_thousand_earthquakes_is_right(lake, tmp_path):
    lines = (CORPORA / "vega_datasets" / "earthquakes.ndjson").read_text().splitlines()
    paths = files(tmp_path / "quakes", [json.loads(line) for line in lines])
    assert len(paths) == lake.json("ingest", "--table", "quakes", *paths)["loaded"] == 1_000
    check(lake, "quakes", paths, ["properties", "mag"])
