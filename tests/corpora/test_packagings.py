"""The same 24 events in every packaging of files: each gives the same rows, or quarantines what it
lost. Those of streams are in tests/stream_corpora.rs."""

import os
import zlib
from pathlib import Path

import pytest

FORMS = Path(os.environ["ALLUVIUM_CORPORA"]).resolve() / "raw_forms_same_events"
FILES = sorted(path.name for path in FORMS.iterdir() if path.is_file())
FILES.remove("README.md")
EVENTS = 24

# What the README of the forms says they lose: which events are missing, and why.
LOST = {
    "truncated_last_event.ndjson": ([23], "truncated_input"),
    "one_bad_line_in_the_middle.ndjson": ([12], "invalid_json"),
    "gzip_truncated.ndjson.gz": (None, "truncated_input"),
}


def test_all_forms_are_there():
    assert len(FILES) == 21, FILES


def rows(lake, table):
    """Rows in the order of their sources, and the number of each in its source."""
    table = lake.pyarrow(table).sort_by([("_source", "ascending"), ("_record", "ascending")])
    without = ["_source", "_record", "_arrived_at"]
    return table.drop_columns(without).to_pylist(), table["_record"].to_pylist()


@pytest.fixture
def reference(lake):
    lake.run("ingest", "--table", "reference", FORMS / "reference.ndjson")
    found, records = rows(lake, "reference")
    assert records == list(range(EVENTS))
    return found


@pytest.mark.parametrize("form", [form for form in FILES if form not in LOST and form != "reference.ndjson"])
def test_packagings_of_the_same_events_give_the_same_rows(lake, reference, form):
    report = lake.json("ingest", "--table", "form", FORMS / form)
    assert (report["records"], report["quarantined"]) == (EVENTS, {})
    assert rows(lake, "form") == (reference, list(range(EVENTS)))


@pytest.mark.parametrize("form", LOST)
def test_what_a_packaging_loses_is_quarantined_alone(lake, reference, form):
    lost, reason = LOST[form]
    if lost is None:
        whole_lines = inflated(FORMS / form).count(b"\n")
        assert 0 < whole_lines < EVENTS
        lost = list(range(whole_lines, EVENTS))
    report = lake.json("ingest", "--table", "form", FORMS / form, expect=3)
    assert report["quarantined"] == {reason: 1}
    [bad] = lake.pyarrow("quarantine").to_pylist()
    kept = [n for n in range(EVENTS) if n not in lost]
    assert bad["record"] == lost[0]
    assert rows(lake, "form") == ([reference[n] for n in kept], kept)


def inflated(path):
    """What comes out of a gzip file that is cut off."""
    return zlib.decompressobj(wbits=31).decompress(path.read_bytes())
