"""The same 24 events in every packaging: each gives the same rows, or quarantines what it lost."""

import base64
import gzip
import hashlib
import json
import os
import zlib
from pathlib import Path

import pytest

FORMS = Path(os.environ["ALLUVIUM_CORPORA"]).resolve() / "raw_forms_same_events"
FILES = sorted(path.name for path in FORMS.iterdir() if path.is_file())
FILES.remove("README.md")
STREAMS = sorted(path.name for path in (FORMS / "kinesis_lambda").iterdir())
EVENTS = 24

# What the README of the forms says they lose: which events are missing, and why.
LOST = {
    "truncated_last_event.ndjson": ([23], "truncated_input"),
    "one_bad_line_in_the_middle.ndjson": ([12], "invalid_json"),
    "gzip_truncated.ndjson.gz": (None, "truncated_input"),
}


def test_all_forms_are_there():
    assert len(FILES) == 21 and len(STREAMS) == 7, (FILES, STREAMS)


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


@pytest.mark.parametrize("form", [form for form in STREAMS if "bad_md5" not in form])
def test_payloads_of_a_stream_give_the_same_rows(lake, reference, drop, form):
    landing = drop_payloads(drop, form)
    report = lake.json("ingest", landing)
    assert (report["records"], report["quarantined"]) == (EVENTS, {})
    assert rows(lake, "form")[0] == reference


def test_an_aggregate_with_a_wrong_checksum_is_one_bad_record(lake, reference, drop):
    landing = drop_payloads(drop, "kpl_bad_md5_then_plain.json")
    report = lake.json("ingest", landing, expect=3)
    assert (report["records"], report["quarantined"]) == (4, {"unreadable": 1})
    assert rows(lake, "form")[0] == reference[5:8]
    [bad] = lake.pyarrow("quarantine").to_pylist()
    assert (bad["record"], bad["offset"], bad["complete"]) == (0, 0, True)


def drop_payloads(drop, form):
    """Writes each payload of a stream to a file of its own, as it is."""
    event = json.loads((FORMS / "kinesis_lambda" / form).read_text())
    data = [base64.b64decode(record["kinesis"]["data"]) for record in event["Records"]]
    payloads = [payload for record in data for payload in payloads_of(record)]
    for number, payload in enumerate(payloads):
        path = drop(f"form/{number:02}", payload)
    return path.parent.parent


def payloads_of(record):
    """The user's payloads in the data of a Kinesis record."""
    if record.startswith(KPL_MAGIC):
        return deaggregated(record)
    if record.startswith(b"\x1f\x8b"):
        envelope = json.loads(gzip.decompress(record))
        if "logEvents" in envelope:
            data = envelope["messageType"] == "DATA_MESSAGE"
            return [event["message"].encode() for event in envelope["logEvents"] if data]
    return [record]


KPL_MAGIC = b"\xf3\x89\x9a\xc2"
MD5_BYTES = 16
# Fields of the published protobuf messages `AggregatedRecord` and `Record`.
RECORDS, DATA = 3, 3


def deaggregated(record):
    """The records of an aggregate; one whose checksum is wrong is none."""
    message, digest = record[len(KPL_MAGIC) : -MD5_BYTES], record[-MD5_BYTES:]
    if hashlib.md5(message).digest() != digest:
        return [record]
    return [dict(fields(one))[DATA] for field, one in fields(message) if field == RECORDS]


def fields(message):
    """The fields of a protobuf message: numbers and bytes are all there are."""
    at = 0
    while at < len(message):
        tag, at = varint(message, at)
        value, at = varint(message, at)
        if tag & 7 == 2:
            value, at = message[at : at + value], at + value
        yield tag >> 3, value


def varint(message, at):
    value = shift = 0
    while True:
        byte = message[at]
        value, shift, at = value | (byte & 0x7F) << shift, shift + 7, at + 1
        if byte < 0x80:
            return value, at
