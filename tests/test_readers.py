"""What the command writes, as readers that know nothing of it see it."""

import bz2
import datetime
import gzip
import io
import json
import zipfile

import pyarrow as pa

GOPRO = {
    "_data": {
        "record": {
            "id": "1",
            "first_name": "John",
            "last_name": "Fork",
            "state": "California",
            "city": "san Mateo",
        },
        "log_ts": "2016-07-20T00:06:01Z",
    }
}


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


def test_a_second_file_with_new_fields_evolves_the_table(lake, drop):
    landing = drop("camera/1.json", lines(GOPRO)).parent.parent
    lake.run("ingest", landing)
    drop("camera/2.json", lines({"_data": {"record": {"id": "2", "zoom": 1.5}}}))
    lake.run("ingest", landing)

    assert lake.columns("camera") == {
        "_source": "string",
        "_record": "bigint",
        "_arrived_at": "timestamp",
        "_rescued": "map<string,string>",
        "data_log_ts": "timestamp",
        "data_record_city": "string",
        "data_record_first_name": "string",
        "data_record_id": "string",
        "data_record_last_name": "string",
        "data_record_state": "string",
        "data_record_zoom": "double",
    }
    utc = datetime.timezone.utc
    select = "data_record_id, data_record_zoom, data_log_ts, data_record_city"
    rows = sorted(lake.duckdb("camera", select))
    log_ts = datetime.datetime(2016, 7, 20, 0, 6, 1, tzinfo=utc)
    assert [(*row[:2], row[2] and row[2].astimezone(utc), row[3]) for row in rows] == [
        ("1", None, log_ts, "san Mateo"),
        ("2", 1.5, None, None),
    ]
    assert lake.values("camera")["data_record_id"] == 2


def test_every_kind_and_conflict_reads_back(lake, drop):
    generations = [
        [{"n": 6, "t": "2026-01-01T00:00:00Z", "a": [1, None], "o": {"x": 1}, "b": True}],
        [{"n": 4.5, "t": "soon", "a": ["x"], "o": "text", "b": 0, "i": 2**63}],
        [{"n": {"deep": [{}]}, "t": 7, "a": {"k": 1}, "o": [None], "b": None, "É é": "ß"}],
        [{"n": -0.0, "a": [2**60], "ts": ["1999-12-31T23:59:59.999999+14:00"], "j": [[1]]}],
    ]
    for number, records in enumerate(generations):
        lake.run("ingest", "--table", "t", drop(f"t/{number}.json", lines(*records)))
    values = lake.values("t")
    assert {name: count for name, count in values.items() if not name.startswith("_")} == {
        "a": 2,
        "b": 1,
        "n": 1,
        "o_x": 1,
        "t": 1,
        "i": 1,
        "o": 1,
        "a__json": 1,
        "b__bigint": 1,
        "n__double": 2,
        "t__string": 1,
        "a_k": 1,
        "n_deep": 1,
        "t__bigint": 1,
        "e_e": 1,
        "j": 1,
        "ts": 1,
    }
    rows = lake.pyarrow("t").sort_by("_source")
    assert rows["a"].to_pylist() == [[1, None], None, None, [2**60]]
    assert rows["a__json"].to_pylist()[1] == '["x"]'
    assert rows["i"].to_pylist()[1] == str(2**63)
    assert rows["n_deep"].to_pylist()[2] == "[{}]"
    assert rows["_rescued"].to_pylist()[2] == [("$.o", "[null]")]
    last = rows["ts"].to_pylist()[3][0]
    assert last.isoformat() == "1999-12-31T09:59:59.999999+00:00"


def zipped(**members):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return archive.getvalue()


def test_packagings_and_compression_are_recognised_by_content(lake, drop):
    records = [{"n": 1, "s": "{\"}"}, {"n": 2, "o": {"x": [1, 2]}}, {}]
    forms = {
        "ndjson": lines(*records),
        "crlf": lines(*records).replace("\n", "\r\n"),
        "concatenated": "".join(json.dumps(record) for record in records),
        "pretty": "\n".join(json.dumps(record, indent=2) for record in records),
        "array": json.dumps(records),
        "pretty_array": json.dumps(records, indent=4),
        "gzip": gzip.compress(lines(*records).encode()),
        "members": b"".join(gzip.compress(lines(record).encode()) for record in records),
        "sequence": "".join("\x1e" + line for line in lines(*records).splitlines(keepends=True)),
        "wrapper": json.dumps({"Records": records}),
        "utf_16": json.dumps(records, indent=1).encode("utf-16"),
        "bzip2": bz2.compress(lines(*records).encode()),
        "zstd": pa.compress(lines(*records).encode(), codec="zstd", asbytes=True),
        "zip": zipped(**{str(n): lines(record).encode() for n, record in enumerate(records)}),
        "gzip_in_zip": zipped(a=gzip.compress(lines(*records).encode())),
    }
    for form, content in forms.items():
        lake.run("ingest", drop(f"{form}/data", content).parent.parent)
        rows = lake.pyarrow(form).drop_columns(["_source", "_arrived_at"])
        assert rows["_record"].to_pylist() == [0, 1, 2], form
        assert rows["n"].to_pylist() == [1, 2, None], form
        assert rows["s"].to_pylist() == ['{"}', None, None], form
        assert rows["o_x"].to_pylist() == [None, [1, 2], None], form


def test_bad_records_point_at_their_bytes(lake, drop):
    content = b'{"n":1}\n{"n":}\n\xff\xfe{"n":3}\n[{"n":4},5]\n{"n":6'
    path = drop("camera/1.json", content)
    report = lake.json("ingest", path.parent.parent, expect=3)
    assert (report["records"], report["loaded"]) == (6, 2)
    rows = lake.pyarrow("quarantine").sort_by("record").to_pylist()
    found = [(row["record"], row["reason"], row["encoding"], row["complete"]) for row in rows]
    assert found == [
        (1, "invalid_json", "text", True),
        (2, "invalid_json", "base64", True),
        (4, "not_an_object", "text", True),
        (5, "truncated_input", "text", True),
    ]
    pointed_at = [content[row["offset"] : row["offset"] + row["length"]] for row in rows]
    assert pointed_at == [b'{"n":}', b'\xff\xfe{"n":3}', b"5", b'{"n":6']
    partition = next(iter(lake.directory.glob("alluvium/quarantine/*")))
    assert partition.name == "table_name=camera"
