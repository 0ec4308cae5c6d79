"""Real events: all of them are rows or quarantined records, and every column can be read."""

import os
import re
from pathlib import Path

import pytest
from conftest import bounded

CORPORA = Path(os.environ["ALLUVIUM_CORPORA"]).resolve()
EVENTS = re.compile(r"^\| events \| (\d+) \|$", re.MULTILINE)
FORMS = re.compile(r"^- forms: (.*)$", re.MULTILINE)
# Its files are many packagings of one and the same events: tested in test_packagings.py.
PACKAGINGS = "raw_forms_same_events"


def readme(folder):
    return (CORPORA / folder / "README.md").read_text()


def is_ndjson(folder):
    return "ndjson" in FORMS.search(readme(folder))[1] and folder != PACKAGINGS


FOLDERS = sorted(path.parent.name for path in CORPORA.glob("*/README.md"))
NDJSON = [folder for folder in FOLDERS if is_ndjson(folder)]


def test_the_corpora_are_there():
    assert len(NDJSON) == 20, NDJSON


@pytest.mark.parametrize("folder", NDJSON)
def test_every_event_is_a_row_or_quarantined(lake, folder):
    files = sorted((CORPORA / folder).glob("*.ndjson"))
    report = lake.json("ingest", "--table", folder, *files)
    assert report["records"] == int(EVENTS.search(readme(folder))[1])
    assert report["loaded"] == report["records"] and not report["quarantined"]
    values = lake.values(folder)
    assert values["_record"] == values["_source"] == report["loaded"]
    assert len(set(lake.duckdb(folder, "_source, _record"))) == report["loaded"]
    assert all(values[name] for name in values if name != "_rescued"), "a column has no value"


def test_memory_is_bounded_on_the_widest_events(lake, tmp_path):
    mixed = (CORPORA / "saas_cloud_logs_panther" / "mixed.ndjson").read_bytes()
    path = tmp_path / "saas.ndjson"
    path.write_bytes(mixed * (300 * 2**20 // len(mixed)))
    report = bounded("ingest", "--table", "saas", path, "--lake", lake.directory)
    assert report["loaded"] == report["records"] > 0
